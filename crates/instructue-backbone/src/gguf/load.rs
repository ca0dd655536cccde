//! A decoder from a GGUF file: its configuration, then its weights.

use std::path::Path;

use burn::tensor::Device;
use instructue_gguf::Gguf;
use instructue_nn::lora::LoraConfig;

use super::names::gguf_name;
use super::source::GgufWeights;
use crate::config::DecoderConfig;
use crate::decoder::Decoder;
use crate::error::Result;

impl DecoderConfig {
    /// A decoder with the weights of a GGUF file, dequantised to the
    /// [precision](Self::precision).
    ///
    /// Tensors are read one at a time, piece by piece. Query and key of architecture `llama`
    /// get back the row order of the original checkpoint. Where the head is
    /// tied and the table is there twice, the copy with more bits is taken.
    ///
    /// # Errors
    /// [`Error::Gguf`](crate::Error::Gguf) if a tensor is missing, left over, of
    /// another shape, or not finite.
    pub fn load_gguf(
        &self,
        file: &mut Gguf,
        lora: Option<&LoraConfig>,
        device: &Device,
    ) -> Result<Decoder> {
        let mut source = GgufWeights::new(file, self);
        let decoder = self.load_from(&mut source, gguf_name, lora, device)?;
        source.finish()?;
        Ok(decoder)
    }
}

impl Decoder {
    /// Opens a GGUF file and loads the decoder it holds.
    ///
    /// For its tokenizer, open the file with [`Gguf::open`] and use
    /// [`DecoderConfig::from_gguf`] and [`DecoderConfig::load_gguf`].
    ///
    /// # Errors
    /// As these three.
    pub fn from_gguf(path: &Path, lora: Option<&LoraConfig>, device: &Device) -> Result<Self> {
        let mut file = Gguf::open(path)?;
        DecoderConfig::from_gguf(&mut file)?.load_gguf(&mut file, lora, device)
    }
}
