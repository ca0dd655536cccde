//! Parameters by name: the module path of each, such as `backbone.norm.gamma`.
//!
//! Names are the only identity that survives a process, so they key the saved
//! weights and the optimiser's state; [`name_parameters`] derives Burn's
//! parameter ids from them.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{DType, Tensor, TensorData};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

mod file;

pub use file::load_file;

/// Keeps the path while a module is walked.
#[derive(Debug, Default, Clone)]
struct ModulePath(Vec<String>);

impl ModulePath {
    fn join(&self) -> String {
        self.0.join(".")
    }

    fn parameter<const D: usize>(&self, param: &Param<Tensor<D>>) -> Parameter {
        Parameter {
            name: self.join(),
            id: param.id,
            shape: param.lazy_shape().to_vec(),
            trainable: param.val().is_require_grad(),
        }
    }
}

/// What is known of one parameter.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Module path.
    pub name: String,
    /// Burn's id.
    pub id: ParamId,
    /// Shape.
    pub shape: Vec<usize>,
    /// Whether training changes it.
    pub trainable: bool,
}

/// Lists all parameters in module order.
pub fn parameters<M: Module>(module: &M) -> Vec<Parameter> {
    struct List(ModulePath, Vec<Parameter>);
    impl ModuleVisitor for List {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.0.0.push(name.into());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.0.0.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let parameter = self.0.parameter(param);
            self.1.push(parameter);
        }
    }
    let mut list = List(ModulePath::default(), Vec::new());
    module.visit(&mut list);
    list.1
}

/// Reads all parameters to the host, by name.
pub fn tensors<M: Module>(module: &M) -> BTreeMap<String, TensorData> {
    tensors_but(module, |_| false)
}

/// Reads all parameters to the host, by name, but for those that `left` is true of.
pub fn tensors_but<M: Module>(
    module: &M,
    left: impl Fn(&Parameter) -> bool,
) -> BTreeMap<String, TensorData> {
    struct Read<F>(ModulePath, BTreeMap<String, TensorData>, F);
    impl<F: Fn(&Parameter) -> bool> ModuleVisitor for Read<F> {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.0.0.push(name.into());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.0.0.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let parameter = self.0.parameter(param);
            if !self.2(&parameter) {
                self.1.insert(parameter.name, param.val().into_data());
            }
        }
    }
    let mut read = Read(ModulePath::default(), BTreeMap::new(), left);
    module.visit(&mut read);
    read.1
}

/// Puts `tensors` into `module`, each in the parameter's own type; each parameter
/// must be there, in its shape, and nothing else.
///
/// # Errors
/// [`Error::Tensor`] names the first tensor that does not fit.
pub fn load<M: Module>(module: M, tensors: BTreeMap<String, TensorData>, path: &Path) -> Result<M> {
    load_but(module, tensors, path, |_| false)
}

/// As [`load`]; parameters that `kept` is true of stay as they are where
/// `tensors` lacks them.
///
/// # Errors
/// As [`load`].
pub fn load_but<M: Module>(
    module: M,
    mut tensors: BTreeMap<String, TensorData>,
    path: &Path,
    kept: impl Fn(&Parameter) -> bool,
) -> Result<M> {
    for parameter in parameters(&module) {
        let expected = format!("shape {:?} of f32", parameter.shape);
        let found = match tensors.get(&parameter.name) {
            None if kept(&parameter) => continue,
            None => "nothing".to_string(),
            Some(data) if data.shape().to_vec() != parameter.shape || !is_weight(data.dtype()) => {
                format!("shape {:?} of {:?}", data.shape().to_vec(), data.dtype())
            }
            Some(_) => continue,
        };
        return Err(Error::Tensor {
            path: path.into(),
            name: parameter.name,
            expected,
            found,
        });
    }
    struct Load<'a>(ModulePath, &'a mut BTreeMap<String, TensorData>);
    impl ModuleMapper for Load<'_> {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.0.0.push(name.into());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.0.0.pop();
        }
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let Some(data) = self.1.remove(&self.0.join()) else {
                return param;
            };
            let (id, device) = (param.id, param.lazy_device());
            let dtype = param.val().dtype();
            param.transform_for_load(Tensor::from_data(data, (&device, dtype)), id)
        }
    }
    let module = module.map(&mut Load(ModulePath::default(), &mut tensors));
    match tensors.keys().next() {
        None => Ok(module),
        Some(name) => Err(Error::Tensor {
            path: path.into(),
            name: name.clone(),
            expected: "no such tensor".into(),
            found: "one".into(),
        }),
    }
}

/// Whether a weight may be of this type.
fn is_weight(dtype: DType) -> bool {
    matches!(dtype, DType::F32 | DType::F16 | DType::BF16)
}

/// Initialises every parameter in module order and derives its id from its name,
/// so that ids agree between processes.
pub fn name_parameters<M: Module>(module: M) -> M {
    struct Name(ModulePath);
    impl ModuleMapper for Name {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.0.0.push(name.into());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.0.0.pop();
        }
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let digest = Sha256::digest(self.0.join());
            let mut bytes = [0u8; 8];
            bytes.copy_from_slice(&digest[..8]);
            // Touching the value draws its initial weights now, in a fixed order.
            let (_, value, mapper) = param.consume();
            Param::from_mapped_value(ParamId::from(u64::from_le_bytes(bytes)), value, mapper)
        }
    }
    module.map(&mut Name(ModulePath::default()))
}
