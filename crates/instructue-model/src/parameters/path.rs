//! The path of a parameter, and all parameters of a module by it.

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;

/// Keeps the path while a module is walked.
#[derive(Debug, Default, Clone)]
pub(super) struct ModulePath(pub Vec<String>);

impl ModulePath {
    pub fn join(&self) -> String {
        self.0.join(".")
    }

    pub fn parameter<const D: usize>(&self, param: &Param<Tensor<D>>) -> Parameter {
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
