//! Rules for Rust sources.

use super::Violation;
use super::lexer;

/// A longer file has outgrown its one idea.
const MAX_LINES: usize = 800;

/// Macros that say that something is not finished.
const UNFINISHED: [&str; 3] = ["todo", "unimplemented", "dbg"];

/// Macros that print.
const PRINTING: [&str; 4] = ["print", "println", "eprint", "eprintln"];

/// What names a backend in code.
const BACKENDS: [&str; 9] = [
    "Device::cpu(",
    "Device::cuda(",
    "Device::flex(",
    "Device::libtorch(",
    "Device::metal(",
    "Device::ndarray(",
    "Device::rocm(",
    "Device::vulkan(",
    "Device::wgpu(",
];

/// Burn's optimisers, and the crates that may know of them.
const OPTIMISERS: [&str; 2] = ["burn::optim", "optim::"];
const OPTIMISING: [&str; 2] = ["crates/instructue-trainer/", FACADE];

/// The crate that may name a backend.
const FACADE: &str = "crates/instructue/";

/// Every rule for one file.
pub fn violations(path: &str, text: &str) -> Vec<Violation> {
    let code = lexer::code(text);
    let mut found: Vec<Violation> = length(path, text).into_iter().collect();
    found.extend(unfinished(path, &code));
    if is_library(path) {
        let code = lexer::without_tests(&code);
        found.extend(printing(path, &code));
        if !path.starts_with(FACADE) {
            found.extend(backends(path, &code));
        }
        if !OPTIMISING.iter().any(|allowed| path.starts_with(allowed)) {
            found.extend(optimisers(path, &code));
        }
    }
    found
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

/// Nothing unfinished, in tests neither.
fn unfinished(path: &str, code: &str) -> Vec<Violation> {
    let calls = UNFINISHED.iter().flat_map(|name| {
        let lines = lexer::macro_lines(code, name);
        lines
            .into_iter()
            .map(move |line| Violation::at(path, line, format!("`{name}!`")))
    });
    calls.collect()
}

/// Library code returns values and errors; printing is the caller's business.
fn printing(path: &str, code: &str) -> Vec<Violation> {
    let calls = PRINTING.iter().flat_map(|name| {
        let lines = lexer::macro_lines(code, name);
        lines
            .into_iter()
            .map(move |line| Violation::at(path, line, format!("`{name}!` in a library")))
    });
    calls.collect()
}

/// Below the facade a device is an argument and never chosen.
fn backends(path: &str, code: &str) -> Vec<Violation> {
    let names = BACKENDS.iter().flat_map(|name| {
        let lines = lexer::lines_with(code, name);
        let message = format!("`{name}…)` names a backend; take a `Device`");
        lines
            .into_iter()
            .map(move |line| Violation::at(path, line, message.clone()))
    });
    names.collect()
}

/// Models and losses hand out gradients; who steps along them is the trainer.
fn optimisers(path: &str, code: &str) -> Vec<Violation> {
    let mut lines: Vec<usize> = OPTIMISERS
        .iter()
        .flat_map(|name| lexer::lines_with(code, name))
        .collect();
    lines.dedup();
    let message = "names an optimiser; only the trainer knows them";
    lines
        .into_iter()
        .map(|line| Violation::at(path, line, message))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIBRARY: &str = "crates/instructue-nn/src/norm.rs";

    fn messages(path: &str, text: &str) -> Vec<String> {
        violations(path, text)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn long_files_are_found() {
        assert!(messages(LIBRARY, &"//\n".repeat(MAX_LINES)).is_empty());
        let found = messages(LIBRARY, &"//\n".repeat(MAX_LINES + 1));
        assert_eq!(found, [format!("{LIBRARY}: 801 lines; at most 800")]);
    }

    #[test]
    fn unfinished_code_is_found_in_tests_too() {
        for name in UNFINISHED {
            let text = format!("#[cfg(test)]\nmod tests {{\n fn a() {{ {name}!() }}\n}}\n");
            assert_eq!(
                messages("xtask/src/a.rs", &text),
                [format!("xtask/src/a.rs:3: `{name}!`")]
            );
        }
        assert!(messages(LIBRARY, "// todo!()\nfn a() -> &'static str { \"dbg!\" }\n").is_empty());
    }

    #[test]
    fn printing_is_found_in_libraries_only() {
        for name in PRINTING {
            let text = format!("fn a() {{\n    {name}!(\"\");\n}}\n");
            assert_eq!(
                messages(LIBRARY, &text),
                [format!("{LIBRARY}:2: `{name}!` in a library")]
            );
            for free in [
                "xtask/src/main.rs",
                "examples/train.rs",
                "crates/instructue-nn/src/bin/a.rs",
                "crates/instructue-nn/src/main.rs",
                "crates/instructue-nn/src/rope/tests.rs",
                "crates/instructue-nn/tests/golden.rs",
            ] {
                assert!(messages(free, &text).is_empty(), "{free}");
            }
        }
    }

    #[test]
    fn documentation_and_tests_may_print() {
        let text = "/// ```\n/// println!(\"\");\n/// ```\nfn a() {}\n\
            #[cfg(test)]\nmod tests { fn b() { println!(\"\"); } }\n";
        assert!(messages(LIBRARY, text).is_empty());
    }

    #[test]
    fn a_named_backend_is_found_below_the_facade() {
        for name in BACKENDS {
            let text = format!("fn a() {{ let d = {name}); }}\n");
            assert_eq!(messages(LIBRARY, &text).len(), 1, "{name}");
            assert!(messages("crates/instructue/src/lib.rs", &text).is_empty());
            assert!(messages("benches/benches/a.rs", &text).is_empty());
        }
        assert!(messages(LIBRARY, "fn a(d: &Device) { my_Device::flex(d) }\n").is_empty());
    }

    #[test]
    fn an_optimiser_outside_the_trainer_is_found() {
        let text = "use burn::optim::AdamConfig;\n";
        assert_eq!(messages(LIBRARY, text).len(), 1);
        assert!(messages("crates/instructue-trainer/src/step.rs", text).is_empty());
        assert!(messages("crates/instructue/src/lib.rs", text).is_empty());
        assert!(messages(LIBRARY, "#[cfg(test)]\nuse burn::optim::AdamConfig;\n").is_empty());
    }
}
