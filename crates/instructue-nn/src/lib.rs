//! Layers and checkpoint reading shared by encoders and backbone: LoRA on activations, masked attention, Hugging Face directories.
