//! The values of a module's parameters on the host, and back. Checkpoints of training
//! use them.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, Tensor, TensorData};

use super::path::{ModulePath, Parameter, parameters};
use crate::error::{Error, Result};

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
