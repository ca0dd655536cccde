//! Parameter ids that agree between processes, for the optimiser's state.

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::tensor::Tensor;
use sha2::{Digest, Sha256};

use super::path::ModulePath;

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
