//! Where a BERT's weights come from: drawn afresh or read from a checkpoint.
//! Both are asked for the same names in the same order. With LoRA everything
//! but its factors is frozen.

use burn::module::{Module, Param};
use burn::nn::{Embedding, LayerNorm, LayerNormConfig, Linear};
use burn::prelude::*;
use burn::tensor::Distribution;
use instructue_nn::Precision;
use instructue_nn::checkpoint::Checkpoint;
use instructue_nn::kernels::layer_norm;
use instructue_nn::linear::normal_linear;
use instructue_nn::lora::{LoraConfig, LoraLinear};

use crate::{BertConfig, Error};

/// A source of named weights on one device.
pub(crate) struct Weights<'a> {
    pub checkpoint: Option<Checkpoint>,
    pub lora: Option<&'a LoraConfig>,
    pub device: &'a Device,
    /// Standard deviation of fresh weights; `None`: zeros, to be filled in later.
    std: Option<f64>,
    /// Of matrices; norms and factors of LoRA are `f32`.
    precision: Precision,
    prefix: &'static str,
}

impl<'a> Weights<'a> {
    pub fn fresh(config: &BertConfig, lora: Option<&'a LoraConfig>, device: &'a Device) -> Self {
        Self {
            checkpoint: None,
            lora,
            device,
            std: Some(config.initializer_range),
            precision: config.precision,
            prefix: "",
        }
    }

    /// Zeros.
    pub fn blank(config: &BertConfig, lora: Option<&'a LoraConfig>, device: &'a Device) -> Self {
        Self {
            std: None,
            ..Self::fresh(config, lora, device)
        }
    }

    /// Keys may stand alone or, as a model with a head saves them, under the name of
    /// the encoder in it.
    pub fn stored(
        checkpoint: Checkpoint,
        config: &BertConfig,
        lora: Option<&'a LoraConfig>,
        device: &'a Device,
    ) -> Self {
        let within = |prefix: &&str| {
            checkpoint.contains(&format!("{prefix}embeddings.word_embeddings.weight"))
        };
        let prefix = ["bert.", "roberta."].into_iter().find(within);
        Self {
            checkpoint: Some(checkpoint.with_precision(config.precision)),
            lora,
            device,
            std: None,
            precision: config.precision,
            prefix: prefix.unwrap_or_default(),
        }
    }

    pub fn table(&mut self, name: &str, rows: usize, width: usize) -> Result<Embedding, Error> {
        let shape = [rows, width];
        let weight = match &mut self.checkpoint {
            Some(file) => {
                file.take_table(&format!("{}{name}.weight", self.prefix), shape, self.device)?
            }
            None => match self.std {
                Some(std) => {
                    let normal = Distribution::Normal(0.0, std);
                    Tensor::<2>::random(shape, normal, self.device).cast(self.precision.dtype())
                }
                None => Tensor::zeros(shape, (self.device, self.precision.dtype())),
            },
        };
        let weight = Param::from_tensor(weight);
        Ok(self.frozen(Embedding { weight }))
    }

    pub fn norm(&mut self, name: &str, width: usize, eps: f64) -> Result<LayerNorm, Error> {
        let mut norm = LayerNormConfig::new(width)
            .with_epsilon(eps)
            .init(self.device);
        if let Some(file) = &mut self.checkpoint {
            // Files that were made of TensorFlow's keep its names.
            let mut take = |part: &str, older: &str| {
                let name = |part| format!("{}{name}.{part}", self.prefix);
                let older = name(older);
                let name = match file.contains(&older) {
                    true => older,
                    false => name(part),
                };
                file.take(&name, [width], self.device)
                    .map(Param::from_tensor)
            };
            norm.gamma = take("weight", "gamma")?;
            norm.beta = Some(take("bias", "beta")?);
        }
        Ok(self.frozen(norm))
    }

    pub fn linear(&mut self, name: &str, input: usize, output: usize) -> Result<Linear, Error> {
        let prefix = format!("{}{name}", self.prefix);
        let linear = match &mut self.checkpoint {
            Some(file) => file.take_linear(&prefix, input, output, true, self.device)?,
            None => match self.std {
                Some(std) => {
                    let linear = normal_linear(input, output, true, std, self.device);
                    self.precision.cast_linear(linear)
                }
                None => self
                    .precision
                    .blank_linear(input, output, true, self.device),
            },
        };
        Ok(self.frozen(linear))
    }

    fn frozen<M: Module>(&self, module: M) -> M {
        match self.lora {
            Some(_) => module.no_grad(),
            None => module,
        }
    }

    /// With LoRA when it is asked for. Its factors come from the checkpoint when
    /// they are there, so that a trained encoder comes back whole; otherwise
    /// they start as LoRA does.
    pub fn adapted(
        &mut self,
        name: &str,
        input: usize,
        output: usize,
    ) -> Result<LoraLinear, Error> {
        let linear = self.linear(name, input, output)?;
        let mut layer = LoraLinear::new(linear, self.lora, self.device);
        let a = format!("{}{name}.lora_A.weight", self.prefix);
        let b = format!("{}{name}.lora_B.weight", self.prefix);
        if let (Some(lora), Some(file), Some(config)) =
            (&mut layer.lora, &mut self.checkpoint, self.lora)
            && (file.contains(&a) || file.contains(&b))
        {
            let rank = config.rank;
            lora.a = Param::from_tensor(file.take_transposed(&a, [rank, input], self.device)?);
            lora.b = Param::from_tensor(file.take_transposed(&b, [output, rank], self.device)?);
        }
        Ok(layer)
    }

    /// Refuses a checkpoint with tensors that the encoder has no place for.
    pub fn finish(self) -> Result<(), Error> {
        let Some(mut file) = self.checkpoint else {
            return Ok(());
        };
        let position_ids = format!("{}embeddings.position_ids", self.prefix);
        let pooler = format!("{}pooler.", self.prefix);
        for name in file.unused() {
            // A buffer, the pooler and the pre-training heads: nothing that the
            // states depend on.
            let left = [pooler.as_str(), "cls.", "lm_head."];
            if name == position_ids || left.iter().any(|part| name.starts_with(part)) {
                file.ignore(&name);
            }
        }
        Ok(file.finish()?)
    }
}

/// Tensors to be saved, by name.
#[derive(Default)]
pub(crate) struct Tensors(pub Vec<(String, TensorData)>);

impl Tensors {
    fn push<const D: usize>(&mut self, name: String, tensor: Tensor<D>) {
        self.0.push((name, tensor.inner().into_data()));
    }

    pub fn table(&mut self, name: &str, table: &Embedding) {
        self.push(format!("{name}.weight"), table.weight.val());
    }

    pub fn norm(&mut self, name: &str, norm: &LayerNorm) {
        self.push(format!("{name}.weight"), norm.gamma.val());
        if let Some(beta) = &norm.beta {
            self.push(format!("{name}.bias"), beta.val());
        }
    }

    pub fn linear(&mut self, name: &str, linear: &Linear) {
        self.push(format!("{name}.weight"), linear.weight.val().transpose());
        if let Some(bias) = &linear.bias {
            self.push(format!("{name}.bias"), bias.val());
        }
    }

    pub fn adapted(&mut self, name: &str, layer: &LoraLinear) {
        self.linear(name, &layer.linear);
        if let Some(lora) = layer.lora.as_ref().filter(|lora| !lora.merged) {
            self.push(format!("{name}.lora_A.weight"), lora.a.val().transpose());
            self.push(format!("{name}.lora_B.weight"), lora.b.val().transpose());
        }
    }
}

/// Layer norm by the operator that has a backward pass of its own.
///
/// `eps` is that of the layer, which keeps it to itself.
pub(crate) fn normalise<const D: usize>(norm: &LayerNorm, x: Tensor<D>, eps: f64) -> Tensor<D> {
    match &norm.beta {
        Some(beta) => layer_norm(x, norm.gamma.val(), beta.val(), eps),
        None => norm.forward(x),
    }
}
