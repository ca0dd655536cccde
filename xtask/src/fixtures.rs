//! `cargo xtask fixtures`: regenerates the golden files of the crates with the
//! reference implementations in Python.
//!
//! Each script of `scripts/golden` says in its documentation how it is called:
//! `Usage: python scripts/golden/NAME.py --out DIR`. That line is what is run.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::metadata::relative;
use crate::run::{Result, Steps, root, shown, succeed};

/// The variable that names the Python interpreter.
const PYTHON: &str = "INSTRUCTUE_PYTHON";

/// What the scripts may import, besides what comes with Python.
const REQUIREMENTS: &str = "scripts/requirements.txt";

#[derive(Args)]
pub struct Options {
    /// The interpreter; without it INSTRUCTUE_PYTHON, else python3.
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// Only these scripts, such as `bert`.
    names: Vec<String>,
}

/// Runs the scripts, one step each.
pub fn run(options: &Options) -> Result<()> {
    let python = interpreter(options.python.as_deref());
    let scripts = chosen(scripts()?, &options.names)?;

    let requirements = read(&root().join(REQUIREMENTS))?;
    for script in &scripts {
        let missing = missing(&python, &imports(&script.text, &requirements))?;
        if !missing.is_empty() {
            let python = python.display();
            let message = format!(
                "{}: `{python}` cannot import {}; install them with `{python} -m pip install -r {REQUIREMENTS}` \
                 or name another interpreter with --python or {PYTHON}",
                relative(&script.path),
                missing.join(", ")
            );
            return Err(message.into());
        }
    }

    let mut steps = Steps::default();
    for script in &scripts {
        // A step lives as long as the process: so does its name.
        let name: &'static str = Box::leak(script.name.clone().into_boxed_str());
        steps.step(name, || {
            let mut command = Command::new(&python);
            command.arg(&script.path).args(script.arguments()?);
            succeed(command.current_dir(root()))?;
            Ok(String::new())
        });
    }
    steps.finish()?;
    let mut changes = Command::new("git");
    changes.args(["status", "--short", "--", "crates/*/tests/golden/*"]);
    println!("\nwhat changed (`{}`):", shown(&changes));
    succeed(changes.current_dir(root()))
}

/// The interpreter that was asked for, or the usual one.
pub fn interpreter(asked: Option<&Path>) -> PathBuf {
    asked
        .map(Path::to_path_buf)
        .or_else(|| std::env::var_os(PYTHON).map(PathBuf::from))
        .unwrap_or_else(|| "python3".into())
}

/// A script of `scripts/golden`.
struct Script {
    name: String,
    path: PathBuf,
    text: String,
}

impl Script {
    /// What the usage line says behind the name of the script.
    fn arguments(&self) -> Result<Vec<String>> {
        let file = format!("{}.py ", self.name);
        let usage = self.text.lines().find(|line| {
            line.contains("python") && line.contains(&file) && line.contains("--out ")
        });
        let Some((_, arguments)) = usage.and_then(|line| line.split_once(&file)) else {
            let message = format!(
                "{}: its documentation must hold a line `Usage: python scripts/golden/{file}--out DIR`",
                relative(&self.path)
            );
            return Err(message.into());
        };
        Ok(arguments
            .trim_matches(['`', ' '])
            .split_whitespace()
            .map(str::to_owned)
            .collect())
    }
}

fn read(path: &Path) -> Result<String> {
    Ok(std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", relative(path)))?)
}

fn scripts() -> Result<Vec<Script>> {
    let directory = root().join("scripts/golden");
    let mut scripts = Vec::new();
    for entry in std::fs::read_dir(&directory).map_err(|e| format!("scripts/golden: {e}"))? {
        let path = entry?.path();
        let stem = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        // A leading underscore marks what the scripts share.
        if path.extension().is_some_and(|extension| extension == "py") && !stem.starts_with('_') {
            let (name, text) = (stem.to_owned(), read(&path)?);
            scripts.push(Script { name, path, text });
        }
    }
    scripts.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(scripts)
}

fn chosen(scripts: Vec<Script>, names: &[String]) -> Result<Vec<Script>> {
    let there: Vec<&str> = scripts.iter().map(|script| script.name.as_str()).collect();
    if let Some(unknown) = names.iter().find(|name| !there.contains(&name.as_str())) {
        return Err(format!("no script `{unknown}`; there are: {}", there.join(", ")).into());
    }
    let wanted = |script: &Script| names.is_empty() || names.contains(&script.name);
    Ok(scripts.into_iter().filter(wanted).collect())
}

/// The modules that a script imports and that the requirements name.
fn imports(script: &str, requirements: &str) -> Vec<String> {
    let packages: Vec<String> = requirements
        .lines()
        .filter_map(|line| line.split(['=', '#']).next().map(str::trim))
        .filter(|name| !name.is_empty())
        .map(|name| match name {
            "scikit-learn" => "sklearn".to_owned(),
            name => name.replace('-', "_"),
        })
        .collect();
    let mut modules: Vec<String> = script
        .lines()
        .filter_map(|line| {
            let line = line.trim_start();
            let rest = line
                .strip_prefix("import ")
                .or_else(|| line.strip_prefix("from "))?;
            rest.split([' ', '.', ',']).next()
        })
        .map(str::to_owned)
        .filter(|module| packages.contains(module))
        .collect();
    modules.sort();
    modules.dedup();
    modules
}

/// The modules that the interpreter does not find.
fn missing(python: &Path, modules: &[String]) -> Result<Vec<String>> {
    let code = "import importlib.util as u, sys\n\
                print(*[m for m in sys.argv[1:] if u.find_spec(m) is None])";
    let mut command = Command::new(python);
    let output = crate::run::output(command.arg("-c").arg(code).args(modules))?;
    let output = String::from_utf8_lossy(&output);
    Ok(output.split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(name: &str, text: &str) -> Script {
        Script {
            name: name.into(),
            path: root().join(format!("scripts/golden/{name}.py")),
            text: text.into(),
        }
    }

    #[test]
    fn the_usage_line_is_what_is_run() {
        let good = script(
            "bert",
            "\"\"\"Golden.\n\nUsage: python scripts/golden/bert.py --out crates\n\"\"\"\n",
        );
        assert_eq!(good.arguments().expect("a usage line"), ["--out", "crates"]);
        let bad = script("bert", "\"\"\"Golden.\"\"\"\n");
        let error = bad.arguments().expect_err("no usage line").to_string();
        assert!(
            error.contains("scripts/golden/bert.py --out DIR"),
            "{error}"
        );
    }

    #[test]
    fn every_committed_script_says_how_it_is_called() {
        for script in scripts().expect("scripts/golden") {
            assert!(script.arguments().is_ok(), "{}", script.name);
        }
    }

    #[test]
    fn scripts_are_chosen_by_name() {
        let names = |wanted: &[&str]| {
            let scripts = vec![script("a", ""), script("b", "")];
            let wanted: Vec<String> = wanted.iter().map(|&name| name.to_owned()).collect();
            chosen(scripts, &wanted)
                .map(|chosen| chosen.into_iter().map(|s| s.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&[]).expect("all"), ["a", "b"]);
        assert_eq!(names(&["b"]).expect("one"), ["b"]);
        assert!(
            names(&["c"])
                .expect_err("unknown")
                .to_string()
                .contains("there are: a, b")
        );
    }

    #[test]
    fn imports_are_those_that_the_requirements_name() {
        let text = "import json\nimport torch\nfrom safetensors.torch import save_file\n    import sklearn.metrics\nfrom two_words import it\n";
        let requirements = "# tools\ntorch==2.0\nsafetensors==1.0  # files\nscikit-learn==1.0\npandas==1.0\ntwo-words==1.0\n";
        assert_eq!(
            imports(text, requirements),
            ["safetensors", "sklearn", "torch", "two_words"]
        );
    }

    #[test]
    fn missing_modules_are_named() {
        let modules = ["json".to_owned(), "no_such_module_here".to_owned()];
        match missing(Path::new("python3"), &modules) {
            Ok(missing) => assert_eq!(missing, ["no_such_module_here"]),
            // A machine without any Python can still run the other tests.
            Err(error) => assert!(
                error.to_string().contains("could not be started"),
                "{error}"
            ),
        }
    }
}
