//! Parameters by name: the module path of each, such as `backbone.norm.gamma`.
//!
//! Names are the only identity that survives a process, so they key the saved
//! weights and the optimiser's state; [`name_parameters`] derives Burn's
//! parameter ids from them.

mod file;
mod ids;
mod path;
mod values;

pub use file::load_file;
pub use ids::name_parameters;
pub use path::{Parameter, parameters};
pub use values::{load, load_but, tensors, tensors_but};
