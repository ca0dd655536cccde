//! The devices that this build can compute on.

use clap::Parser;
use instructue::DeviceName;
use serde_json::{Value, json};

use crate::say::say;
use crate::{Command, Outcome};

/// Lists the devices, and says which of them this build has.
#[derive(Debug, Parser)]
pub struct Devices {}

impl Command for Devices {
    const NAME: &'static str = "devices";

    fn run(&self) -> Outcome {
        let chosen = DeviceName::from_env().ok();
        let all = [
            DeviceName::Cpu,
            DeviceName::Wgpu,
            DeviceName::Cuda,
            DeviceName::NdArray,
        ];
        let mut found = Vec::<Value>::new();
        for name in all {
            let built = name.is_built();
            let passes = name.replicas(0);
            let default = chosen == Some(name);
            let mark = if default { " (default)" } else { "" };
            match built {
                true => say!("{name}{mark}: {passes} passes at a time"),
                false => say!("{name}{mark}: not in this build (--features {name})"),
            }
            found.push(json!({
                "name": name.to_string(),
                "built": built,
                "default": default,
                "passes": passes,
            }));
        }
        Ok(json!(found))
    }
}
