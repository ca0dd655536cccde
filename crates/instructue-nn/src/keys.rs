//! The name that a checkpoint gives to a parameter, from its path in a module.
//!
//! Modules here nest as the keys of transformers do, so a parameter's key is its
//! field path: `layers.3.self_attn.q_proj.weight`. This module holds the few
//! differences between the two. A model's own differences (a prefix, a field whose
//! name Rust does not allow) come on top, see [`fill`](crate::source::fill).

/// What a parameter is to the module that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The matrix of a linear map. Files hold it as `[output, input]`, Burn as
    /// `[input, output]`.
    Matrix,
    /// The bias of a linear map, or a table of embeddings: of the model's precision.
    Plain,
    /// A factor of LoRA, `f32`. Files hold its transpose.
    Factor,
    /// Anything else, which is `f32`: scales and shifts of norms.
    Norm,
}

impl Role {
    /// Whether a file holds the transpose of what the module holds.
    pub(crate) fn is_transposed(self) -> bool {
        matches!(self, Self::Matrix | Self::Factor)
    }

    /// Whether it is of the model's precision; everything else is `f32`.
    pub(crate) fn has_precision(self) -> bool {
        matches!(self, Self::Matrix | Self::Plain)
    }
}

/// The path to where a walk over a module is: the name of each field or element,
/// and the type that holds it, as Burn calls it.
#[derive(Debug, Default)]
pub(crate) struct KeyPath(Vec<(String, String)>);

impl KeyPath {
    pub(crate) fn enter(&mut self, name: &str, container: &str) {
        self.0.push((name.into(), container.into()));
    }

    pub(crate) fn exit(&mut self) {
        self.0.pop();
    }

    /// The key of the parameter here, and its role.
    pub(crate) fn key(&self) -> (String, Role) {
        let names = self.0.iter().filter_map(|(name, of)| spelled(name, of));
        let role = match self.0.last().map(|(name, of)| (of.as_str(), name.as_str())) {
            Some(("Struct:Linear", "weight")) => Role::Matrix,
            Some(("Struct:Linear" | "Struct:Embedding", _)) => Role::Plain,
            Some(("Struct:Lora", _)) => Role::Factor,
            _ => Role::Norm,
        };
        (names.collect::<Vec<_>>().join("."), role)
    }
}

/// A field's name in a key. A [`LoraLinear`](crate::lora::LoraLinear) stands where
/// the checkpoint has a plain map, so its own fields have none.
fn spelled<'a>(name: &'a str, container: &str) -> Option<&'a str> {
    Some(match (container, name) {
        ("Struct:LoraLinear", _) => return None,
        ("Struct:Lora", "a") => "lora_A.weight",
        ("Struct:Lora", "b") => "lora_B.weight",
        ("Struct:RmsNorm" | "Struct:LayerNorm", "gamma") => "weight",
        ("Struct:LayerNorm", "beta") => "bias",
        _ => name,
    })
}
