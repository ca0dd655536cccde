//! Reading an adapter: its factors go into the maps of a model.

use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::Device;

use super::config::PeftConfig;
use super::names::{CONFIG, Naming, ROOT, WEIGHTS, key};
use crate::checkpoint::Checkpoint;
use crate::lora::{Lora, LoraLinear, LoraMaps};
use crate::{Error, Result};

/// A model with the factors of the adapter in `dir`, everything else frozen. Which
/// maps carry factors, their rank, scale and dropout are the adapter's; factors that
/// the model had are dropped.
///
/// # Errors
///
/// As [`PeftConfig::read`] and [`Checkpoint::open_file`]; [`Error::Missing`],
/// [`Error::Shape`], [`Error::Dtype`] or [`Error::NotFinite`] names a factor;
/// [`Error::Merge`] if the model holds merged factors, whose weights are not the
/// base's; [`Error::Peft`] if no map is a target, [`Error::Extra`] if a tensor is left
/// over: then the adapter is for another model.
pub fn load<M: Module + LoraMaps>(
    model: M,
    dir: &Path,
    naming: &Naming,
    device: &Device,
) -> Result<M> {
    let mut adapter = Adapter::open(dir, naming)?;
    // Factors come in trainable.
    let mut model = model.no_grad();
    for (path, map) in model.maps_mut() {
        *map = adapter.adapt(&(naming.path)(&path), map.clone(), device)?;
    }
    adapter.finish()?;
    Ok(model)
}

/// An open adapter.
struct Adapter {
    dir: PathBuf,
    config: PeftConfig,
    weights: Checkpoint,
    /// What this adapter's model has before the paths.
    prefix: &'static str,
    adapted: usize,
}

impl Adapter {
    fn open(dir: &Path, naming: &Naming) -> Result<Self> {
        let config = PeftConfig::read(&dir.join(CONFIG))?;
        let weights = Checkpoint::open_file(&dir.join(WEIGHTS))?;
        let fits = |prefix: &&&str| {
            let start = format!("{ROOT}{prefix}{}", naming.stem);
            weights.names().any(|name| name.starts_with(&start))
        };
        let prefixes = naming.prefixes;
        let prefix = prefixes.iter().find(fits).or(prefixes.first());
        Ok(Self {
            dir: dir.into(),
            config,
            weights,
            prefix: prefix.copied().unwrap_or_default(),
            adapted: 0,
        })
    }

    /// The map at `path` with the adapter's factors, frozen but for them; without
    /// factors if it is no target.
    fn adapt(&mut self, path: &str, map: LoraLinear, device: &Device) -> Result<LoraLinear> {
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
            // `f32` beside a weight of any precision: what is trained must be.
            self.weights.take_transposed(&name, shape, device)
        };
        let a = take("lora_A", [rank, input])?;
        let b = take("lora_B", [output, rank])?;
        self.adapted += 1;
        Ok(LoraLinear::with(linear, Lora::new(a, b, &lora)))
    }

    /// Refuses an adapter of which nothing or not everything was taken.
    fn finish(self) -> Result<()> {
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
