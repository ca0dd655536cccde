//! Weights of a whole module, from a file and to one.
//!
//! A module is built first, of [blank](crate::initial::Start::Blank) parameters that
//! take no memory, and then [`fill`]ed: each parameter asks a [`WeightSource`] for the
//! tensor of its key. [`tensors`] is the way back. So one walk over the module
//! replaces a list of names, and every format is read on the same path.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};

use crate::Precision;
use crate::keys::{KeyPath, Role};
use crate::lora::{LoraConfig, LoraMaps};

/// How a tensor is wanted, compared to how it lies in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orientation {
    /// As it lies there.
    Stored,
    /// A matrix `[rows, columns]` as `[columns, rows]`.
    Transposed,
}

/// A file, or several, of named tensors.
pub trait WeightSource {
    /// Why a tensor could not be taken.
    type Error;

    /// Whether there is a tensor of this name.
    fn contains(&self, name: &str) -> bool;

    /// Takes a tensor in a precision, whatever its type in the file.
    ///
    /// # Shapes
    ///
    /// - `shape`: as in the file
    /// - result: `shape`, or its reverse if the tensor is wanted transposed
    ///
    /// # Errors
    ///
    /// When the tensor is missing, of another shape, of a type that is not known,
    /// not finite, or too large for the precision.
    fn tensor<const D: usize>(
        &mut self,
        name: &str,
        shape: [usize; D],
        orientation: Orientation,
        precision: Precision,
        device: &Device,
    ) -> Result<Tensor<D>, Self::Error>;
}

/// Gives each parameter of `module` the tensor of its key. Matrices, biases and
/// tables come in `precision`, norms and factors of LoRA as `f32`. Factors that the
/// source does not have stay as they are.
///
/// `rename` makes the source's name of a key such as `layers.0.mlp.up_proj.weight`.
/// What the source holds beyond the module is its business.
///
/// # Errors
///
/// The first that [`WeightSource::tensor`] gives, in the order of the fields.
pub fn fill<M: Module, S: WeightSource>(
    module: M,
    source: &mut S,
    precision: Precision,
    rename: impl Fn(&str) -> String,
) -> Result<M, S::Error> {
    Fill::new(source, precision, &rename, |_| true).run(module)
}

/// As [`fill`], for a module without LoRA that is to have it: it gets fresh factors,
/// but for those that the source has.
///
/// Factors come last. Their sizes follow from the configuration, which anybody may
/// have written; by then they are known to be those of weights that are there.
///
/// # Errors
///
/// As [`fill`].
pub fn load<M: Module + LoraMaps, S: WeightSource>(
    blank: M,
    source: &mut S,
    precision: Precision,
    rename: impl Fn(&str) -> String,
    lora: Option<&LoraConfig>,
    device: &Device,
) -> Result<M, S::Error> {
    let module = fill(blank, source, precision, &rename)?;
    let module = module.with_fresh_factors(lora, device);
    let factors = |role| role == Role::Factor;
    Fill::new(source, precision, &rename, factors).run(module)
}

struct Fill<'a, S: WeightSource, R> {
    path: KeyPath,
    source: &'a mut S,
    precision: Precision,
    rename: &'a R,
    wanted: fn(Role) -> bool,
    failed: Option<S::Error>,
}

impl<'a, S: WeightSource, R: Fn(&str) -> String> Fill<'a, S, R> {
    fn new(
        source: &'a mut S,
        precision: Precision,
        rename: &'a R,
        wanted: fn(Role) -> bool,
    ) -> Self {
        Self {
            path: KeyPath::default(),
            source,
            precision,
            rename,
            wanted,
            failed: None,
        }
    }

    fn run<M: Module>(mut self, module: M) -> Result<M, S::Error> {
        let module = module.map(&mut self);
        match self.failed {
            None => Ok(module),
            Some(error) => Err(error),
        }
    }

    /// Whether a factor of LoRA, or the other factor of its map, is there: one
    /// without the other is an error, not a fresh start.
    fn has_factor(&self, key: &str) -> bool {
        let pair = [
            key.replace("lora_B", "lora_A"),
            key.replace("lora_A", "lora_B"),
        ];
        pair.iter()
            .any(|key| self.source.contains(&(self.rename)(key)))
    }
}

impl<S: WeightSource, R: Fn(&str) -> String> ModuleMapper for Fill<'_, S, R> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (key, role) = self.path.key();
        let left = role == Role::Factor && !self.has_factor(&key);
        if self.failed.is_some() || left || !(self.wanted)(role) {
            return param;
        }
        // Neither makes a blank parameter allocate.
        let (mut shape, device) = (param.lazy_shape().dims::<D>(), param.lazy_device());
        let orientation = match role.is_transposed() {
            true => {
                shape.reverse();
                Orientation::Transposed
            }
            false => Orientation::Stored,
        };
        let precision = match role.has_precision() {
            true => self.precision,
            false => Precision::F32,
        };
        let name = (self.rename)(&key);
        let id = param.id;
        match self
            .source
            .tensor(&name, shape, orientation, precision, &device)
        {
            Ok(tensor) => param.transform_for_load(tensor, id),
            Err(error) => {
                self.failed = Some(error);
                param
            }
        }
    }
}

/// All tensors of a module as a checkpoint holds them, in the order of the fields
/// and in their own types; linear maps as `[output, input]`.
///
/// `rename` makes the checkpoint's name of a key; `None` leaves a tensor out.
pub fn tensors<M: Module>(
    module: &M,
    rename: impl Fn(&str) -> Option<String>,
) -> Vec<(String, TensorData)> {
    struct Read<R>(KeyPath, R, Vec<(String, TensorData)>);
    impl<R: Fn(&str) -> Option<String>> ModuleVisitor for Read<R> {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.0.enter(name, container);
        }

        fn exit_module(&mut self, _: &str, _: &str) {
            self.0.exit();
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let (key, role) = self.0.key();
            let Some(name) = (self.1)(&key) else {
                return;
            };
            let tensor = param.val().inner();
            let tensor = match role.is_transposed() {
                true => tensor.transpose(),
                false => tensor,
            };
            self.2.push((name, tensor.into_data()));
        }
    }
    let mut read = Read(KeyPath::default(), rename, Vec::new());
    module.visit(&mut read);
    read.2
}

/// Whether a key is that of a factor of LoRA.
pub fn is_factor(key: &str) -> bool {
    key.ends_with(".lora_A.weight") || key.ends_with(".lora_B.weight")
}
