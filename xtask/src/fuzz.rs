//! `cargo xtask fuzz`: the readers of binary files on damaged and made-up ones,
//! for as long as one has time. A short run is part of every test run.

use clap::Args;

use crate::run::{Result, Steps, cargo, succeed};

#[derive(Args)]
pub struct Options {
    /// How long each reader is tried.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Decides the files; by default another one each second.
    #[arg(long)]
    seed: Option<u64>,
    /// Only these: gguf, safetensors, index.
    names: Vec<String>,
}

/// What is read, and the test that tries it.
const READERS: [(&str, &str); 3] = [
    ("gguf", "a_long_run_over_gguf_files"),
    ("safetensors", "a_long_run_over_safetensors_files"),
    ("index", "a_long_run_over_indices"),
];

/// Tries the readers, one step each.
pub fn run(options: &Options) -> Result<()> {
    let known = READERS.map(|(name, _)| name);
    let names = &options.names;
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("no reader `{unknown}`; there are: {}", known.join(", ")).into());
    }
    let now = std::time::UNIX_EPOCH.elapsed()?.as_secs();
    let seed = options.seed.unwrap_or(now);
    let mut steps = Steps::default();
    for (name, test) in READERS {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            steps.step(name, || {
                // As the tests are built: optimised, and overflows are caught.
                let mut command = cargo(["test", "--workspace", "--test", "fuzz", "--"]);
                command.args([test, "--exact", "--ignored", "--nocapture"]);
                command.env("INSTRUCTUE_FUZZ_SECONDS", options.seconds.to_string());
                command.env("INSTRUCTUE_FUZZ_SEED", seed.to_string());
                succeed(&mut command)?;
                Ok(format!("seed {seed}"))
            });
        }
    }
    steps.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_reader_is_refused_with_the_choices() {
        let options = Options {
            seconds: 1,
            seed: None,
            names: vec!["pickle".into()],
        };
        let error = run(&options).expect_err("unknown").to_string();
        assert!(
            error.contains("pickle") && error.contains("gguf"),
            "{error}"
        );
    }
}
