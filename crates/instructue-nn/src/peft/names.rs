//! File names and keys of an adapter's directory, and how a model's maps are called
//! in it.

/// Name of the settings in an adapter's directory.
pub const CONFIG: &str = "adapter_config.json";
/// Name of the weights in an adapter's directory.
pub const WEIGHTS: &str = "adapter_model.safetensors";

/// What stands before the path of an adapted map.
pub(super) const ROOT: &str = "base_model.model.";

/// The key of a factor.
pub(super) fn key(path: &str, factor: &str) -> String {
    format!("{ROOT}{path}.{factor}.weight")
}

/// How adapters call the maps of one kind of model.
#[derive(Debug, Clone, Copy)]
pub struct Naming {
    /// What may stand before the paths: a model stands alone or within a larger one.
    /// The first is the usual one, and the one that is written.
    pub prefixes: &'static [&'static str],
    /// How all paths begin, such as `layers.`.
    pub stem: &'static str,
    /// A path of [`LoraMaps`](crate::lora::LoraMaps) as the checkpoint's keys have it.
    pub path: fn(&str) -> String,
    /// The end of a path that is the same in every layer, and that no map of another
    /// kind ends in, such as `q_proj`.
    pub target: fn(&str) -> &str,
}
