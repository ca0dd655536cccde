//! A model in another precision.

use instructue_nn::Precision;

use crate::error::Result;
use crate::instruct_ue::InstructUe;

impl InstructUe {
    /// What the matrices of decoder and encoders are held and multiplied in.
    pub fn precision(&self) -> Precision {
        self.config().precision
    }

    /// This model computed in another precision. Its vectors are `f32` as ever,
    /// and near those of before; its caches are other ones, and what was tuned
    /// on it ([`SoftPrompt`](crate::SoftPrompt)) is another model's.
    ///
    /// [`load_in`](Self::load_in) reads a model in the precision at once, without
    /// the wider weights in memory.
    ///
    /// # Errors
    /// When the device cannot compute in it; the error says in what it can.
    pub fn with_precision(self, precision: Precision) -> Result<Self> {
        self.try_map(|network, config| {
            let network = network.with_precision(precision)?;
            Ok((network, config.with_precision(precision)))
        })
    }

    /// This model as it can be trained: see [`Network::for_training`]. An encoder
    /// that is trained as a whole is `f32` until the model is read again.
    ///
    /// [`Network::for_training`]: crate::Network::for_training
    ///
    /// # Errors
    /// When the decoder's own weights are trained in half precision.
    pub fn for_training(self) -> Result<Self> {
        self.try_map(|network, config| Ok((network.for_training()?, config)))
    }
}
