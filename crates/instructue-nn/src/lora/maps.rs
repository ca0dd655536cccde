//! The adapted maps of a whole model, by their paths.
//!
//! A walk over parameters cannot see which maps *could* carry factors, nor a
//! factor's scale and dropout, so modules say which of their fields are adapted:
//! [`lora_maps!`](crate::lora_maps) takes the fields' names, and the names are the
//! paths.

use burn::module::{Flag, Module, ModuleMapper, Param};
use burn::tensor::Device;

use crate::lora::config::LoraConfig;
use crate::lora::linear::LoraLinear;
use crate::{Error, Result};

/// A module with linear maps that may carry factors of LoRA.
pub trait LoraMaps {
    /// Adds each map with its path, which begins with `path`.
    fn collect<'a>(&'a self, path: &str, maps: &mut Vec<(String, &'a LoraLinear)>);

    /// As [`collect`](Self::collect), to be changed.
    fn collect_mut<'a>(&'a mut self, path: &str, maps: &mut Vec<(String, &'a mut LoraLinear)>);

    /// All maps with their paths, in the order of the fields.
    fn maps(&self) -> Vec<(String, &LoraLinear)> {
        let mut maps = Vec::new();
        self.collect("", &mut maps);
        maps
    }

    /// As [`maps`](Self::maps), to be changed.
    fn maps_mut(&mut self) -> Vec<(String, &mut LoraLinear)> {
        let mut maps = Vec::new();
        self.collect_mut("", &mut maps);
        maps
    }

    /// Whether a map carries factors.
    fn has_factors(&self) -> bool {
        self.maps().iter().any(|(_, map)| map.lora.is_some())
    }

    /// Whether factors are part of the weights.
    fn has_merged_factors(&self) -> bool {
        let maps = self.maps();
        let mut factors = maps.iter().filter_map(|(_, map)| map.lora.as_ref());
        factors.any(|lora| lora.merged)
    }

    /// Freezes the module and gives each map fresh factors, in the order of the
    /// fields; none without a configuration.
    fn with_fresh_factors(self, lora: Option<&LoraConfig>, device: &Device) -> Self
    where
        Self: Module,
    {
        let Some(lora) = lora else {
            return self;
        };
        let mut module = self.no_grad();
        for (_, map) in module.maps_mut() {
            *map = LoraLinear::new(map.linear.clone(), Some(lora), device);
        }
        module
    }

    /// Merges the factors of all maps into the weights, or takes them out again;
    /// maps without factors stay as they are.
    ///
    /// # Errors
    ///
    /// [`Error::Merge`], with no map changed, if no map has factors or one of them
    /// is in that state already.
    fn set_merged(&mut self, merged: bool) -> Result<()> {
        let maps = self.maps_mut().into_iter().map(|(_, map)| map);
        let maps: Vec<&mut LoraLinear> = maps.filter(|map| map.lora.is_some()).collect();
        let changed = maps.iter().map(|map| match merged {
            true => (**map).clone().merge(),
            false => (**map).clone().unmerge(),
        });
        let changed = changed.collect::<Result<Vec<_>>>()?;
        if changed.is_empty() {
            return Err(Error::Merge {
                expected: if merged { "unmerged" } else { "merged" },
                found: "none",
            });
        }
        for (map, done) in maps.into_iter().zip(changed) {
            *map = done;
        }
        Ok(())
    }
}

/// A field's path, where its module's is `path`; that of the whole is empty.
#[doc(hidden)]
pub fn join_path(path: &str, field: &str) -> String {
    match path.is_empty() {
        true => field.into(),
        false => format!("{path}.{field}"),
    }
}

impl LoraMaps for LoraLinear {
    fn collect<'a>(&'a self, path: &str, maps: &mut Vec<(String, &'a LoraLinear)>) {
        maps.push((path.into(), self));
    }

    fn collect_mut<'a>(&'a mut self, path: &str, maps: &mut Vec<(String, &'a mut LoraLinear)>) {
        maps.push((path.into(), self));
    }
}

impl<M: LoraMaps> LoraMaps for Vec<M> {
    fn collect<'a>(&'a self, path: &str, maps: &mut Vec<(String, &'a LoraLinear)>) {
        for (number, module) in self.iter().enumerate() {
            module.collect(&format!("{path}.{number}"), maps);
        }
    }

    fn collect_mut<'a>(&'a mut self, path: &str, maps: &mut Vec<(String, &'a mut LoraLinear)>) {
        for (number, module) in self.iter_mut().enumerate() {
            module.collect_mut(&format!("{path}.{number}"), maps);
        }
    }
}

/// Implements [`LoraMaps`] for a module, by the fields that are adapted maps or
/// hold some: `lora_maps!(Attention: q_proj, v_proj);`.
#[macro_export]
macro_rules! lora_maps {
    ($module:ty: $($field:ident),+) => {
        impl $crate::lora::LoraMaps for $module {
            fn collect<'a>(
                &'a self,
                path: &str,
                maps: &mut Vec<(String, &'a $crate::lora::LoraLinear)>,
            ) {
                $(
                    let path_of = $crate::lora::join_path(path, stringify!($field));
                    $crate::lora::LoraMaps::collect(&self.$field, &path_of, maps);
                )+
            }

            fn collect_mut<'a>(
                &'a mut self,
                path: &str,
                maps: &mut Vec<(String, &'a mut $crate::lora::LoraLinear)>,
            ) {
                $(
                    let path_of = $crate::lora::join_path(path, stringify!($field));
                    $crate::lora::LoraMaps::collect_mut(&mut self.$field, &path_of, maps);
                )+
            }
        }
    };
}

/// Switches every dropout of a module on or off, and nothing else.
///
/// On a device without autodiff dropout never acts. On one with autodiff a
/// gradient check, or a forward pass that must be repeatable, switches it off.
pub fn set_dropout<M: Module>(module: M, active: bool) -> M {
    struct Switch(bool);
    impl ModuleMapper for Switch {
        fn map_flag(&mut self, flag: Param<Flag>) -> Param<Flag> {
            flag.with_value(self.0)
        }
    }
    module.map(&mut Switch(active))
}
