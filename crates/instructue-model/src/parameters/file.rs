//! Weights of a module from a file, one tensor at a time. Loading a model uses it.

use std::path::Path;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;
use instructue_nn::Precision;
use instructue_nn::checkpoint::Checkpoint;

use super::path::{ModulePath, parameters};
use crate::error::{Error, Result};

/// Puts the tensors of a safetensors file into `module`, each in the precision
/// that the parameter has; each must be there, in its shape, and nothing else.
/// Memory holds `module` and a few mebibytes.
///
/// # Errors
/// [`Error::Tensor`] names the first tensor that does not fit, and
/// [`Error::Weights`] one that is not finite, or not in this precision.
pub fn load_file<M: Module>(module: M, path: &Path) -> Result<M> {
    let file = Checkpoint::open_file(path)?;
    let refuse = |name: &str, expected: String, found: String| Error::Tensor {
        path: path.into(),
        name: name.into(),
        expected,
        found,
    };
    for parameter in parameters(&module) {
        let found = match file.shape(&parameter.name) {
            Some(found) if found == parameter.shape => continue,
            Some(found) => format!("shape {found:?}"),
            None => "nothing".into(),
        };
        let expected = format!("shape {:?}", parameter.shape);
        return Err(refuse(&parameter.name, expected, found));
    }
    let mut load = Load {
        at: ModulePath::default(),
        file,
        failed: None,
    };
    let module = module.map(&mut load);
    if let Some(error) = load.failed {
        return Err(error.into());
    }
    match load.file.unused().first() {
        None => Ok(module),
        Some(name) => Err(refuse(name, "no such tensor".into(), "one".into())),
    }
}

struct Load {
    at: ModulePath,
    file: Checkpoint,
    failed: Option<instructue_nn::Error>,
}

impl ModuleMapper for Load {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.at.0.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.at.0.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.failed.is_some() {
            return param;
        }
        let (id, device, old) = (param.id, param.lazy_device(), param.val());
        let precision = Precision::of(&old).unwrap_or_default();
        let name = self.at.join();
        match self.file.take_in(precision, &name, old.dims(), &device) {
            Ok(tensor) => param.transform_for_load(tensor, id),
            Err(error) => {
                self.failed = Some(error);
                param
            }
        }
    }
}
