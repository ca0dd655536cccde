//! A fault at every operation: a reader finds the old content or the new one, and the next writer
//! leaves nothing behind. There is one test, because faults belong to the whole process.

use std::fs;
use std::path::Path;

use instructue_fs::faults::{Fault, arm, disarm};
use instructue_fs::{
    Claim, Files, NewDirectory, clear_leftovers, read, recover, remove_directory, write,
    write_sealed,
};

/// The content of all files below a directory by name, hidden files included.
fn tree(directory: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            for (below, content) in tree(&entry.path()) {
                found.push((format!("{name}/{below}"), content));
            }
        } else {
            found.push((name, fs::read_to_string(entry.path()).unwrap()));
        }
    }
    found.sort();
    found
}

fn replace_directory(target: &Path, content: &str) -> instructue_fs::Result<()> {
    let new = NewDirectory::create(target)?;
    write(&new.path().join("a"), content.as_bytes())?;
    write(&new.path().join("deep/b"), content.as_bytes())?;
    let files = Files::of(new.path())?;
    write_sealed(
        &new.path().join("manifest.json"),
        &serde_json::json!({ "files": files }),
    )?;
    new.commit()
}

type Step = fn(&Path) -> instructue_fs::Result<()>;

#[test]
fn old_or_new_and_nothing_else() {
    let steps: [(&str, Step); 4] = [
        ("a file", |dir| write(&dir.join("file"), b"new file")),
        ("a directory", |dir| {
            replace_directory(&dir.join("artefact"), "new")
        }),
        ("a removal", |dir| remove_directory(&dir.join("artefact"))),
        ("a claim", |dir| {
            Claim::take(&dir.join("out"), "run").map(|_| ())
        }),
    ];
    for (name, step) in steps {
        let prepare = || {
            let dir = tempfile::tempdir().unwrap();
            write(&dir.path().join("file"), b"old file").unwrap();
            replace_directory(&dir.path().join("artefact"), "old").unwrap();
            dir
        };
        let dir = prepare();
        let old = tree(dir.path());
        arm(None);
        step(dir.path()).unwrap();
        let operations = disarm();
        let new = tree(dir.path());
        assert!(operations > 0 && old != new, "{name}");
        for fault in [Fault::Kill, Fault::Fail] {
            for number in 0..operations {
                let dir = prepare();
                arm(Some((number, fault)));
                let result = step(dir.path());
                disarm();
                let at = format!("{name}, {fault:?} at {number} of {operations}");
                recover(&dir.path().join("artefact"));
                clear_leftovers(dir.path());
                let found = tree(dir.path());
                if name == "a claim" {
                    // The next process claims the directory whatever the first one left.
                    Claim::take(&dir.path().join("out"), "run").expect(&at);
                } else if result.is_ok() {
                    assert_eq!(found, new, "{at}");
                } else {
                    assert!(found == old || found == new, "{at}: {found:?}");
                }
                if name == "a directory" {
                    // A removed fragment must not come back either.
                    let dir = prepare();
                    arm(Some((number, fault)));
                    let _ = step(dir.path());
                    disarm();
                    remove_directory(&dir.path().join("artefact")).expect(&at);
                    write(&dir.path().join("file"), b"new file").unwrap();
                    assert!(!dir.path().join("artefact").exists(), "{at}");
                }
                // The repetition succeeds and leaves the same content as always.
                step(dir.path()).expect(&at);
                let names = |tree: &[(String, String)]| {
                    tree.iter()
                        .map(|(name, _)| name.clone())
                        .collect::<Vec<_>>()
                };
                assert_eq!(names(&tree(dir.path())), names(&new), "{at}");
                assert_eq!(read(&dir.path().join("file")).unwrap().len(), 8, "{at}");
            }
        }
    }
}
