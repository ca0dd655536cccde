//! Changing the precision of a decoder that is in memory.

use instructue_nn::Precision;

use crate::decoder::Decoder;
use crate::error::Result;

impl Decoder {
    /// What the matrices are held and multiplied in.
    pub fn precision(&self) -> Precision {
        self.config.precision
    }

    /// This decoder with its matrices in another precision. Norms and factors of
    /// LoRA stay `f32`, and what was trainable stays so.
    ///
    /// To read a checkpoint in half precision set
    /// [`DecoderConfig::precision`](crate::DecoderConfig::precision) instead, and
    /// the wider weights are never there.
    ///
    /// # Errors
    ///
    /// [`instructue_nn::Error::Precision`] if the device cannot compute in it.
    pub fn with_precision(self, precision: Precision) -> Result<Self> {
        precision.check(&self.embed_tokens.weight.val().device())?;
        let mut decoder = precision.cast_weights(self);
        decoder.config.precision = precision;
        Ok(decoder)
    }
}
