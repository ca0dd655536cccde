//! Taking the factors of an adapter into a model.

use std::path::{Path, PathBuf};

use burn::tensor::Device;

use super::{CONFIG, PeftConfig, ROOT, WEIGHTS, key};
use crate::checkpoint::Checkpoint;
use crate::lora::{Lora, LoraLinear};
use crate::{Error, Result};

/// An open adapter.
#[derive(Debug)]
pub struct Adapter {
    dir: PathBuf,
    config: PeftConfig,
    weights: Checkpoint,
    /// What this adapter's model has before the paths.
    prefix: String,
    adapted: usize,
}

impl Adapter {
    /// Opens a directory.
    ///
    /// The same part of a model stands at different paths, alone or within a
    /// larger one: `prefixes` lists what may come before its own paths, the
    /// usual one first, and `stem` is how its own paths begin.
    ///
    /// # Errors
    ///
    /// As [`PeftConfig::read`] and [`Checkpoint::open_file`].
    pub fn open(dir: &Path, stem: &str, prefixes: &[&str]) -> Result<Self> {
        let config = PeftConfig::read(&dir.join(CONFIG))?;
        let weights = Checkpoint::open_file(&dir.join(WEIGHTS))?;
        let fits = |prefix: &&&str| {
            let start = format!("{ROOT}{prefix}{stem}");
            weights.names().any(|name| name.starts_with(&start))
        };
        let prefix = prefixes.iter().find(fits).or(prefixes.first());
        let prefix = prefix.copied().unwrap_or_default().to_owned();
        Ok(Self {
            dir: dir.into(),
            config,
            weights,
            prefix,
            adapted: 0,
        })
    }

    /// Its settings.
    pub fn config(&self) -> &PeftConfig {
        &self.config
    }

    /// The map at `path` with the adapter's factors, frozen but for them; without
    /// factors if it is no target. Factors that the map had are dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`], [`Error::Shape`], [`Error::Dtype`] or
    /// [`Error::NotFinite`] names the factor; [`Error::Merge`] if the map holds
    /// merged factors, whose weight is not the base's.
    pub fn adapt(&mut self, path: &str, map: LoraLinear, device: &Device) -> Result<LoraLinear> {
        if map.lora.is_some_and(|lora| lora.merged) {
            return Err(Error::Merge {
                expected: "unmerged",
                found: "merged",
            });
        }
        let linear = map.linear;
        let path = format!("{}{path}", self.prefix);
        if !self.config.adapts(&path) {
            return Ok(LoraLinear { linear, lora: None });
        }
        let [input, output] = linear.weight.dims();
        let lora = self.config.lora(&path);
        let rank = lora.rank;
        let mut take = |factor, shape| {
            let name = key(&path, factor);
            let taken = self.weights.take_transposed(&name, shape, device);
            taken.map(|factor| factor.cast(linear.weight.val().dtype()))
        };
        let a = take("lora_A", [rank, input])?;
        let b = take("lora_B", [output, rank])?;
        self.adapted += 1;
        Ok(LoraLinear::with(linear, Lora::new(a, b, &lora)))
    }

    /// Ends the import.
    ///
    /// # Errors
    ///
    /// [`Error::Peft`] if no map was a target, [`Error::Extra`] if a tensor was
    /// left over: then the adapter is for another model.
    pub fn finish(self) -> Result<()> {
        if self.adapted == 0 {
            return Err(Error::Peft {
                path: self.dir.join(CONFIG),
                key: "target_modules".into(),
                expected: "names of this model's linear maps".into(),
                found: format!("{:?}", self.config.targets),
            });
        }
        self.weights.finish()
    }
}
