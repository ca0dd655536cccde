//! Rules for Rust sources that no lint of clippy can hold.

use super::names::{self, Reference};
use super::syntax;
use super::violation::Violation;
use crate::run::Result;

/// A longer file has outgrown its one idea.
const MAX_LINES: usize = 800;

/// Constructors of `Device` that name a backend.
const BACKENDS: [&str; 9] = [
    "cpu", "cuda", "flex", "libtorch", "metal", "ndarray", "rocm", "vulkan", "wgpu",
];

/// The crates that may know of Burn's optimisers.
const OPTIMISING: [&str; 2] = ["crates/instructue-trainer/", FACADE];

/// The crate that opens, writes and removes files, and what it alone may call:
/// tests make files as they like, so clippy cannot hold this.
const FILES: &str = "crates/instructue-fs/";
const FILE_CALLS: [(&str, &[&str]); 3] = [
    (
        "fs",
        &[
            "copy",
            "create_dir",
            "create_dir_all",
            "hard_link",
            "read",
            "read_to_string",
            "remove_dir",
            "remove_dir_all",
            "remove_file",
            "rename",
            "set_permissions",
            "write",
        ],
    ),
    ("File", &["create", "create_new", "open", "options"]),
    ("OpenOptions", &["new"]),
];

/// The crate that may name a backend.
const FACADE: &str = "crates/instructue/";

/// Every rule for one file.
///
/// # Errors
/// If it does not parse.
pub fn violations(path: &str, text: &str) -> Result<Vec<Violation>> {
    let mut found: Vec<Violation> = length(path, text).into_iter().collect();
    if is_library(path) {
        let named = names::everywhere(&syntax::shipped(path, text)?.items);
        if !path.starts_with(FACADE) {
            found.extend(backends(path, &named));
        }
        if !path.starts_with(FILES) {
            found.extend(files(path, &named));
        }
        if !OPTIMISING.iter().any(|allowed| path.starts_with(allowed)) {
            found.extend(optimisers(path, &named));
        }
    }
    Ok(found)
}

/// Library sources: below `crates/*/src`, but no binary and no test module.
fn is_library(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let ["crates", _, "src", inner @ ..] = parts.as_slice() else {
        return false;
    };
    let binary = inner == ["main.rs"] || inner.first() == Some(&"bin");
    let test = inner
        .iter()
        .any(|part| matches!(*part, "tests" | "tests.rs"));
    !binary && !test
}

/// At most [`MAX_LINES`] lines.
fn length(path: &str, text: &str) -> Option<Violation> {
    let lines = text.lines().count();
    (lines > MAX_LINES).then(|| Violation::new(path, format!("{lines} lines; at most {MAX_LINES}")))
}

/// Below the facade a device is an argument and never chosen.
fn backends(path: &str, named: &[Reference]) -> Vec<Violation> {
    let constructor = |pair: &[String]| pair[0] == "Device" && BACKENDS.contains(&pair[1].as_str());
    named
        .iter()
        .filter_map(|reference| {
            let pair = reference.path.windows(2).find(|pair| constructor(pair))?;
            let message = format!("`{}` names a backend; take a `Device`", pair.join("::"));
            Some(Violation::at(path, reference.line, message))
        })
        .collect()
}

/// Files are opened, written and removed in one place, which refuses what is no
/// regular file and leaves nothing half done.
fn files(path: &str, named: &[Reference]) -> Vec<Violation> {
    let calls = |pair: &[String]| {
        FILE_CALLS
            .iter()
            .any(|(owner, names)| pair[0] == *owner && names.contains(&pair[1].as_str()))
    };
    named
        .iter()
        .filter(|reference| reference.path.windows(2).any(calls))
        .map(|reference| {
            let message = format!("`{}`: take instructue-fs", reference.path.join("::"));
            Violation::at(path, reference.line, message)
        })
        .collect()
}

/// Models and losses hand out gradients; who steps along them is the trainer.
fn optimisers(path: &str, named: &[Reference]) -> Vec<Violation> {
    let message = "names an optimiser; only the trainer knows them";
    named
        .iter()
        .filter(|reference| reference.path.iter().any(|name| name == "optim"))
        .map(|reference| Violation::at(path, reference.line, message))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIBRARY: &str = "crates/instructue-nn/src/norm.rs";

    fn messages(path: &str, text: &str) -> Vec<String> {
        let found = violations(path, text).expect("parses");
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn long_files_are_found() {
        assert!(messages(LIBRARY, &"//\n".repeat(MAX_LINES)).is_empty());
        let found = messages(LIBRARY, &"//\n".repeat(MAX_LINES + 1));
        assert_eq!(found, [format!("{LIBRARY}: 801 lines; at most 800")]);
    }

    #[test]
    fn a_named_backend_is_found_below_the_facade() {
        for name in BACKENDS {
            let text = format!("fn a() {{\n let d = Device::{name}(); }}\n");
            let message = format!("{LIBRARY}:2: `Device::{name}` names a backend; take a `Device`");
            assert_eq!(messages(LIBRARY, &text), [message]);
            for free in [
                "crates/instructue/src/lib.rs",
                "benches/benches/a.rs",
                "crates/instructue-nn/src/main.rs",
                "crates/instructue-nn/src/bin/a.rs",
                "crates/instructue-nn/src/rope/tests.rs",
                "crates/instructue-nn/tests/golden.rs",
            ] {
                assert!(messages(free, &text).is_empty(), "{free}");
            }
        }
        assert_eq!(messages(LIBRARY, "fn a() { f!(Device::cpu()) }\n").len(), 1);
        assert!(messages(LIBRARY, "fn a(d: &Device) { MyDevice::flex(d) }\n").is_empty());
    }

    #[test]
    fn documentation_and_tests_may_name_a_backend() {
        let text = "/// ```\n/// Device::flex();\n/// ```\nfn a() {}\n\
            #[cfg(test)]\nmod tests { fn b() { Device::flex(); } }\n";
        assert!(messages(LIBRARY, text).is_empty());
    }

    #[test]
    fn a_file_opened_outside_its_crate_is_found() {
        for call in [
            "std::fs::write",
            "fs::read",
            "File::open",
            "fs::OpenOptions::new",
        ] {
            let text = format!("fn a() {{\n    {call}(path);\n}}\n");
            let message = format!("{LIBRARY}:2: `{call}`: take instructue-fs");
            assert_eq!(messages(LIBRARY, &text), [message]);
            assert!(messages("crates/instructue-fs/src/read.rs", &text).is_empty());
            assert!(messages("crates/instructue-nn/tests/golden.rs", &text).is_empty());
        }
        let text =
            "fn a() { instructue_fs::read(path); fs::metadata(path); NewFile::create(path); }\n";
        assert!(messages(LIBRARY, text).is_empty());
    }

    #[test]
    fn an_optimiser_outside_the_trainer_is_found() {
        for text in ["use burn::optim::AdamConfig;\n", "use burn::optim::*;\n"] {
            assert_eq!(messages(LIBRARY, text).len(), 1, "{text}");
            assert!(messages("crates/instructue-trainer/src/step.rs", text).is_empty());
            assert!(messages("crates/instructue/src/lib.rs", text).is_empty());
        }
        assert!(messages(LIBRARY, "#[cfg(test)]\nuse burn::optim::AdamConfig;\n").is_empty());
    }
}
