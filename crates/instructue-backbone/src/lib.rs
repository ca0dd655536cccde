//! Decoder-only language models of Qwen2 and Llama type with LoRA, for embeddings and next-token losses.
