//! Rules for every file of the repository.

use super::repository::File;
use super::violation::Violation;

/// The largest file that the repository takes, in bytes.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// Larger files that are allowed, each with its reason beside it.
const LARGE_FILES: [&str; 0] = [];

/// Beginnings of absolute paths of somebody's machine. In two parts, so that
/// this file does not break its own rule.
const MACHINE_PATHS: [&str; 4] = [
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/Us", "ers/"),
];

/// Package registries and mirrors: where packages come from is the business of
/// the machine, never of the repository.
const REGISTRIES: [&str; 11] = [
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("pypi.", "org"),
    concat!("files.python", "hosted.org"),
    concat!("registry.npm", "js.org"),
    concat!("arti", "factory"),
    concat!("--index", "-url"),
    concat!("--extra-index", "-url"),
    concat!("--trusted", "-host"),
    concat!("replace", "-with ="),
    concat!("[regis", "tries"),
];

/// The one registry of the lock file.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Ways to pickle and to unpickle.
const PICKLE: [&str; 10] = [
    concat!("import ", "pickle"),
    concat!("import ", "cloudpickle"),
    concat!("import ", "joblib"),
    concat!("from ", "joblib"),
    concat!("pickle", ".load"),
    concat!("pickle", ".dump"),
    concat!("torch", ".save("),
    concat!("torch", ".load("),
    concat!("allow_pickle", "=True"),
    concat!("Pytorch", "Store"),
];

/// Endings of pickled files.
const PICKLED: [&str; 6] = ["ckpt", "joblib", "pickle", "pkl", "pt", "pth"];

/// Every rule for one file.
pub fn violations(file: &File) -> Vec<Violation> {
    let mut found: Vec<Violation> = size(file).into_iter().chain(pickled(file)).collect();
    let Some(text) = &file.text else {
        return found;
    };
    if file.path == "Cargo.lock" {
        found.extend(lock_sources(&file.path, text));
        return found;
    }
    found.extend(line_endings(&file.path, text));
    found.extend(trailing_space(&file.path, text));
    found.extend(final_newline(&file.path, text));
    found.extend(containing(
        &file.path,
        text,
        &MACHINE_PATHS,
        "is a path of one machine",
        begins_word,
    ));
    found.extend(containing(
        &file.path,
        text,
        &REGISTRIES,
        "names a package registry",
        |_| true,
    ));
    if matches!(file.extension(), "rs" | "py" | "sh") {
        found.extend(containing(
            &file.path,
            text,
            &PICKLE,
            "pickles; use safetensors",
            begins_word,
        ));
    }
    found
}

/// Git is no store of data.
fn size(file: &File) -> Option<Violation> {
    let large = file.size > MAX_BYTES && !LARGE_FILES.contains(&file.path.as_str());
    large.then(|| {
        let mebibytes = file.size as f64 / (1024.0 * 1024.0);
        Violation::new(
            &file.path,
            format!("{mebibytes:.1} MiB; at most {} MiB", MAX_BYTES >> 20),
        )
    })
}

fn pickled(file: &File) -> Option<Violation> {
    PICKLED
        .contains(&file.extension())
        .then(|| Violation::new(&file.path, "looks like a pickle; use safetensors"))
}

fn line_endings(path: &str, text: &str) -> Option<Violation> {
    let at = text.split('\n').position(|line| line.contains('\r'))?;
    Some(Violation::at(
        path,
        at + 1,
        "carriage return; lines end with LF",
    ))
}

fn trailing_space(path: &str, text: &str) -> Option<Violation> {
    let at = text
        .split('\n')
        .position(|line| line.ends_with([' ', '\t']))?;
    Some(Violation::at(path, at + 1, "trailing white space"))
}

fn final_newline(path: &str, text: &str) -> Option<Violation> {
    let good = text.is_empty() || (text.ends_with('\n') && !text.ends_with("\n\n"));
    (!good).then(|| Violation::new(path, "must end with exactly one line feed"))
}

/// Lines that contain one of `needles` behind a text that `start` accepts.
fn containing(
    path: &str,
    text: &str,
    needles: &[&str],
    message: &str,
    start: impl Fn(&str) -> bool,
) -> Vec<Violation> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for needle in needles {
            if line.match_indices(needle).any(|(at, _)| start(&line[..at])) {
                found.push(Violation::at(
                    path,
                    index + 1,
                    format!("`{needle}` {message}"),
                ));
            }
        }
    }
    found
}

/// Whether what follows `before` begins something: `target/work/x` and
/// `https://host/home/x` hold no absolute path.
fn begins_word(before: &str) -> bool {
    let joins = |character: char| character.is_alphanumeric() || "_-.~}/$*".contains(character);
    !before.chars().next_back().is_some_and(joins)
}

/// Every package of the lock file comes from crates.io.
fn lock_sources(path: &str, text: &str) -> Vec<Violation> {
    let sources = text.lines().enumerate().filter_map(|(index, line)| {
        let source = line.strip_prefix("source = \"")?.trim_end_matches('"');
        (source != CRATES_IO).then(|| {
            Violation::at(
                path,
                index + 1,
                format!("source `{source}` is not crates.io"),
            )
        })
    });
    sources.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(path: &str, text: &str) -> Vec<String> {
        let file = File {
            path: path.into(),
            size: text.len() as u64,
            text: Some(text.into()),
        };
        violations(&file).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_ordinary_file_passes() {
        assert!(
            messages(
                "docs/a.md",
                "# A\n\nNo pickle here, https://crates.io is fine.\n"
            )
            .is_empty()
        );
        assert!(messages("empty.txt", "").is_empty());
    }

    #[test]
    fn line_endings_and_white_space() {
        assert_eq!(
            messages("a.md", "a\nb\r\nc\n"),
            ["a.md:2: carriage return; lines end with LF"]
        );
        assert_eq!(
            messages("a.md", "a\nb \nc\n"),
            ["a.md:2: trailing white space"]
        );
        assert_eq!(messages("a.md", "a\t\n"), ["a.md:1: trailing white space"]);
        assert_eq!(
            messages("a.md", "a"),
            ["a.md: must end with exactly one line feed"]
        );
        assert_eq!(
            messages("a.md", "a\n\n"),
            ["a.md: must end with exactly one line feed"]
        );
    }

    #[test]
    fn paths_of_a_machine_are_found() {
        for path in MACHINE_PATHS {
            let text = format!("a\nopen(\"{path}x\")\n");
            assert_eq!(
                messages("a.py", &text),
                [format!("a.py:2: `{path}` is a path of one machine")]
            );
            assert!(messages("a.py", &format!("target{path}x https://host{path}x\n")).is_empty());
        }
    }

    #[test]
    fn registries_are_found() {
        for registry in REGISTRIES {
            assert_eq!(
                messages("a.toml", &format!("x {registry} y\n")).len(),
                1,
                "{registry}"
            );
        }
    }

    #[test]
    fn the_lock_file_names_crates_io_alone() {
        assert!(messages("Cargo.lock", &format!("source = \"{CRATES_IO}\"\n")).is_empty());
        let mirror = "version = 4\nsource = \"registry+https://mirror.example/index\"\n";
        let found = messages("Cargo.lock", mirror);
        assert_eq!(
            found,
            ["Cargo.lock:2: source `registry+https://mirror.example/index` is not crates.io"]
        );
    }

    #[test]
    fn pickles_are_found_in_code_and_by_their_ending() {
        for way in PICKLE {
            assert_eq!(messages("a.py", &format!("{way}\n")).len(), 1, "{way}");
            assert!(messages("a.md", &format!("{way}\n")).is_empty(), "{way}");
        }
        for ending in PICKLED {
            assert_eq!(
                messages(&format!("model.{ending}"), "x\n").len(),
                1,
                "{ending}"
            );
        }
    }

    #[test]
    fn large_files_are_found() {
        let mut file = File {
            path: "data.parquet".into(),
            size: MAX_BYTES,
            text: None,
        };
        assert!(violations(&file).is_empty());
        file.size += 1024 * 1024;
        assert_eq!(
            violations(&file),
            [Violation::new("data.parquet", "9.0 MiB; at most 8 MiB")]
        );
    }
}
