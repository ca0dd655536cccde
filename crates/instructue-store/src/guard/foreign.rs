//! Recognition of files of other formats, with advice on how to convert them to Parquet.

use std::path::Path;

/// The number of bytes at a file's beginning that are examined.
pub(super) const HEAD_BYTES: u64 = 4096;

/// Each format's first bytes, its name, and the pandas function that reads it.
const FORMATS: [(&[u8], &str, Option<&str>); 20] = [
    (b"ARROW1", "an Arrow IPC (Feather) file", Some("feather")),
    (b"FEA1", "a Feather file", Some("feather")),
    (b"\xff\xff\xff\xff", "an Arrow IPC stream", None),
    (b"ORC", "an ORC file", Some("orc")),
    (b"Obj\x01", "an Avro file", None),
    (b"PK\x03\x04", "a ZIP archive or a spreadsheet", None),
    (b"\x1f\x8b", "a gzip file: unpack it first (gunzip)", None),
    (b"BZh", "a bzip2 file: unpack it first (bunzip2)", None),
    (b"\xfd7zXZ", "an xz file: unpack it first (unxz)", None),
    (
        b"\x28\xb5\x2f\xfd",
        "a zstd file: unpack it first (unzstd)",
        None,
    ),
    (
        b"\x04\x22\x4d\x18",
        "an LZ4 file: unpack it first (unlz4)",
        None,
    ),
    (b"SQLite format 3", "an SQLite database", None),
    (b"DUCK", "a DuckDB database", None),
    (b"\x89HDF", "an HDF5 file", Some("hdf")),
    (b"\x93NUMPY", "a NumPy array", None),
    (b"\x80\x04", "a Python pickle", Some("pickle")),
    (b"\x80\x05", "a Python pickle", Some("pickle")),
    (
        b"version https://git-lfs",
        "a Git LFS pointer: fetch it first (git lfs pull)",
        None,
    ),
    (b"<", "a page of HTML or XML", None),
    (b"%PDF", "a PDF document", None),
];

/// Names the format of the file at `path`, which begins with `head`, and the command that
/// converts it. The text quotes none of the content.
pub(super) fn describe(path: &Path, head: &[u8]) -> String {
    if head.is_empty() {
        return "an empty file".into();
    }
    // DuckDB's magic bytes follow a checksum.
    let marks = [head, head.get(8..).unwrap_or_default()];
    for (begin, name, reader) in FORMATS {
        let at = usize::from(begin == b"DUCK");
        if marks[at].starts_with(begin) {
            return with_reader(
                path,
                name,
                reader.map(|reader| format!("read_{reader}({{}})")),
            );
        }
    }
    let Some(text) = text_of(head) else {
        return "data of an unknown format".into();
    };
    match text.trim_start().chars().next() {
        Some('{') => {
            let reader = "read_json({}, lines=True)".to_owned();
            with_reader(path, "JSON", Some(reader))
        }
        Some('[') => with_reader(path, "JSON", Some("read_json({})".into())),
        _ if is_table(path, text) => converts_csv(path),
        _ => "text".into(),
    }
}

/// Says that the file at `path` is CSV, with the command that converts it.
pub(crate) fn converts_csv(path: &Path) -> String {
    let tabs = has_ending(path, &["tsv", "tab"]);
    let reader = match tabs {
        true => "read_csv({}, sep='\\t')",
        false => "read_csv({})",
    };
    with_reader(path, "CSV", Some(reader.into()))
}

fn with_reader(path: &Path, name: &str, reader: Option<String>) -> String {
    let Some(reader) = reader else {
        return name.into();
    };
    // The command is meant to be pasted, so it contains no name that a shell would interpret.
    if path
        .display()
        .to_string()
        .contains(['\'', '"', '$', '`', '\\'])
    {
        return format!(
            "{name}; convert it with pandas.{}",
            reader.replace("{}", "…")
        );
    }
    let quoted = |path: &Path| format!("'{}'", path.display());
    let reader = reader.replace("{}", &quoted(path));
    // The new file is written beside the old one.
    let mut target = path.with_extension("parquet");
    if target == path {
        target = path.with_extension("converted.parquet");
    }
    let target = quoted(&target);
    format!("{name}; convert it: python -c \"import pandas; pandas.{reader}.to_parquet({target})\"")
}

/// The text that `head` begins with. The head may end within a character.
fn text_of(head: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let binary = |c: char| c.is_control() && !c.is_ascii_whitespace();
    (!text.contains(binary)).then_some(text.trim_start_matches('\u{feff}'))
}

fn is_table(path: &Path, text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    has_ending(path, &["csv", "tsv", "tab"]) || first.contains([',', ';', '\t', '|'])
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| endings.iter().any(|one| ending.eq_ignore_ascii_case(one)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_how_they_begin() {
        let said = |name: &str, head: &[u8]| describe(Path::new(name), head);
        for (head, words) in [
            (
                &b"ARROW1\0\0"[..],
                &["Arrow IPC", "pandas.read_feather('a.parquet')"][..],
            ),
            (
                b"ORC\x11",
                &["ORC", "read_orc", "to_parquet('a.converted.parquet')"],
            ),
            (b"\x1f\x8b\x08\0", &["gzip", "gunzip"]),
            (b"{\"a\": 1}\n", &["JSON", "lines=True"]),
            (b" [1]", &["JSON", "read_json('a.parquet')"]),
            (
                b"\xef\xbb\xbfuser;time\n1;2\n",
                &["CSV", "pandas.read_csv('a.parquet')"],
            ),
            (b"user\ttime\n", &["CSV"]),
            (b"some words\n", &["text"]),
            (b"", &["an empty file"]),
            (b"\0\0\0\0\0\0\0\0DUCK", &["DuckDB"]),
            (b"\0\x01\x02\xfe", &["unknown format"]),
            (b"<html>", &["HTML"]),
        ] {
            let said = said("a.parquet", head);
            for word in words {
                assert!(said.contains(word), "{word}: {said}");
            }
            assert!(!said.contains("user"), "content: {said}");
        }
        let tabs = said("a.TSV", b"one\n");
        assert!(
            tabs.contains("read_csv('a.TSV', sep='\\t')") && tabs.contains("'a.parquet'"),
            "{tabs}"
        );
        // A character that is cut off does not rule out text.
        assert!(said("a", "a,\u{e4}".as_bytes().split_last().unwrap().1).contains("CSV"));
    }
}
