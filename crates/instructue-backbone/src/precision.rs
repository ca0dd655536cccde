//! A decoder in another precision.

use instructue_nn::Precision;

use crate::{Decoder, Result};

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
    pub fn with_precision(mut self, precision: Precision) -> Result<Self> {
        precision.check(&self.embed_tokens.val().device())?;
        self.embed_tokens = precision.cast(self.embed_tokens);
        for layer in &mut self.layers {
            for (_, map) in layer.linears_mut() {
                map.linear = precision.cast_linear(map.linear.clone());
            }
        }
        self.lm_head = self.lm_head.map(|head| precision.cast_linear(head));
        self.config.precision = precision;
        Ok(self)
    }
}
