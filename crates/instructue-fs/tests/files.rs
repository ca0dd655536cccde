//! Reading, checking, claiming and clearing of files that are not what they should be.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use instructue_fs::{
    AppendFile, Claim, Entry, Error, Files, NewDirectory, NewFile, clear_leftovers, open, read,
    read_sealed, read_text, recover, remove_directory, remove_file, write, write_sealed,
};
use serde_json::{Value, json};

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_that_is_given_up_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/file");
    write(&path, b"old").unwrap();
    let mut file = NewFile::create(&path).unwrap();
    file.write_all(b"half").unwrap();
    assert_eq!(names(path.parent().unwrap()).len(), 2);
    drop(file);
    assert_eq!(names(path.parent().unwrap()), ["file"]);
    assert_eq!(read(&path).unwrap(), b"old");
    remove_file(&path).unwrap();
    remove_file(&path).unwrap();
    assert!(!path.exists());
}

#[test]
fn a_name_that_is_taken_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("1"), dir.path().join("2"));
    write(&first, b"old").unwrap();
    let mut file = NewFile::create(&first).unwrap();
    file.write_all(b"new").unwrap();
    let file = file.commit_new().unwrap().unwrap_err();
    file.renamed(&second).commit_new().unwrap().unwrap();
    assert_eq!(read(&first).unwrap(), b"old");
    assert_eq!(read(&second).unwrap(), b"new");
    assert_eq!(names(dir.path()), ["1", "2"]);
}

#[cfg(unix)]
#[test]
fn permissions_are_those_of_other_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let at = |name: &str| dir.path().join(name);
    fs::write(at("plain"), "").unwrap();
    fs::create_dir(at("folder")).unwrap();
    write(&at("file"), b"").unwrap();
    NewDirectory::create(&at("directory"))
        .unwrap()
        .commit()
        .unwrap();
    assert_eq!(mode(&at("file")), mode(&at("plain")));
    assert_eq!(mode(&at("directory")), mode(&at("folder")));
    let private = NewDirectory::create_private(&at("private")).unwrap();
    assert_eq!(mode(private.path()), 0o700);
}

#[test]
fn what_a_living_process_writes_is_not_cleared() {
    let dir = tempfile::tempdir().unwrap();
    let file = NewFile::create(&dir.path().join("file")).unwrap();
    let directory = NewDirectory::create(&dir.path().join("directory")).unwrap();
    clear_leftovers(dir.path());
    assert_eq!(names(dir.path()).len(), 2);
    directory.commit().unwrap();
    file.commit().unwrap();
    assert_eq!(names(dir.path()), ["directory", "file"]);
}

#[test]
fn what_a_dead_process_left_is_cleared_and_the_rest_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for name in [
        ".file.instructue-new-1-2-3",
        ".model.instructue-gone-a-b-c/weights",
    ] {
        fs::create_dir_all(at(name).parent().unwrap()).unwrap();
        fs::write(at(name), "").unwrap();
    }
    for name in [
        ".model",
        ".file.instructue-new-mine",
        "model.old",
        ".tmpAbC",
    ] {
        fs::write(at(name), "").unwrap();
    }
    write(&at("other"), b"").unwrap();
    assert_eq!(
        names(dir.path()),
        [
            ".file.instructue-new-mine",
            ".model",
            ".tmpAbC",
            "model.old",
            "other"
        ]
    );
}

#[test]
fn a_target_that_was_being_replaced_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("model");
    fs::create_dir(dir.path().join(".model.instructue-old-1-2-3")).unwrap();
    fs::create_dir(dir.path().join(".model.instructue-new-1-2-4")).unwrap();
    recover(&target);
    assert!(target.is_dir());
    clear_leftovers(dir.path());
    assert_eq!(names(dir.path()), ["model"]);
    recover(&dir.path().join("nothing"));
}

#[cfg(unix)]
#[test]
fn what_others_put_there_under_such_a_name_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join(".model.instructue-old-1-2-3");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let link = dir.path().join(".model.instructue-new-1-2-3");
    std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
    clear_leftovers(dir.path());
    recover(&dir.path().join("model"));
    assert_eq!(names(dir.path()).len(), 2);
}

#[cfg(unix)]
#[test]
fn of_a_link_it_is_the_target_that_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir_all(at("disk/store")).unwrap();
    fs::write(at("disk/file"), "old").unwrap();
    std::os::unix::fs::symlink(at("disk/store"), at("store")).unwrap();
    std::os::unix::fs::symlink(at("disk/file"), at("file")).unwrap();
    let new = NewDirectory::create(&at("store")).unwrap();
    new.write("users", b"anna").unwrap();
    new.commit().unwrap();
    write(&at("file"), b"new").unwrap();
    assert_eq!(read(&at("disk/store/users")).unwrap(), b"anna");
    assert_eq!(read(&at("disk/file")).unwrap(), b"new");
    assert!(at("store").is_symlink() && at("file").is_symlink());
    assert_eq!(names(dir.path()), ["disk", "file", "store"]);
}

#[test]
fn what_nothing_can_take_the_place_of_is_refused_first() {
    let dir = tempfile::tempdir().unwrap();
    for path in [
        dir.path().join(".."),
        "/".into(),
        "/dev".into(),
        "/proc".into(),
    ] {
        let error = NewDirectory::create(&path).unwrap_err().to_string();
        assert!(error.contains("with a name, to replace"), "{error}");
    }
}

#[test]
fn a_removed_directory_is_gone_and_a_link_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir_all(at("a/b")).unwrap();
    fs::write(at("a/b/c"), "").unwrap();
    remove_directory(&at("a")).unwrap();
    remove_directory(&at("a")).unwrap();
    fs::create_dir(at("real")).unwrap();
    fs::write(at("file"), "").unwrap();
    assert!(remove_directory(&at("file")).is_err());
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(at("real"), at("link")).unwrap();
        assert!(remove_directory(&at("link")).is_err());
        assert!(at("real").is_dir());
    }
}

#[test]
fn only_regular_files_are_read_or_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let mut paths = vec![dir.path().to_path_buf()];
    #[cfg(unix)]
    {
        let pipe = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        paths.extend([pipe, "/dev/zero".into()]);
    }
    for path in paths {
        for error in [
            open(&path).unwrap_err(),
            read(&path).unwrap_err(),
            read_text(&path).unwrap_err(),
            write(&path, b"").unwrap_err(),
            AppendFile::open(&path).unwrap_err(),
        ] {
            assert!(matches!(error, Error::NotRegular { .. }), "{error}");
        }
    }
    assert!(read(&dir.path().join("none")).unwrap_err().is_not_found());
    write(&dir.path().join("latin"), b"caf\xe9").unwrap();
    let error = read_text(&dir.path().join("latin"))
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with("latin: expected UTF-8 text, found another byte at 3"),
        "{error}"
    );
}

#[test]
fn huge_texts_are_refused_before_they_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sparse");
    File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let error = read_text(&path).unwrap_err().to_string();
    assert!(
        error.contains("a text of at most 268435456 bytes"),
        "{error}"
    );
}

#[test]
fn a_changed_sealed_file_is_refused_whatever_bit_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("manifest.json");
    let value =
        json!({ "users": 12, "share": 0.1, "text": "a\u{e9}", "list": [1, 2], "none": null });
    write_sealed(&path, &value).unwrap();
    assert_eq!(read_sealed::<Value>(&path, "it").unwrap(), value);
    let bytes = fs::read(&path).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &changed).unwrap();
        // Replacing white space by other white space changes nothing. Every other change is
        // noticed.
        if let Ok(found) = read_sealed::<Value>(&path, "it") {
            assert_eq!(found, value, "bit {bit}");
        }
    }
    fs::write(&path, "{\"users\": 12}").unwrap();
    let error = read_sealed::<Value>(&path, "a manifest")
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with("expected a manifest with its digest under `seal`, found none"),
        "{error}"
    );
    fs::write(&path, "").unwrap();
    let error = read_sealed::<Value>(&path, "a manifest")
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with("expected a manifest, found JSON that ends early (line 1, column 0)"),
        "{error}"
    );
}

#[test]
fn files_are_what_the_manifest_says_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("a"), b"first").unwrap();
    write(&dir.path().join("deep/b"), b"second").unwrap();
    let files = Files::of(dir.path()).unwrap();
    assert_eq!(files.names().collect::<Vec<_>>(), ["a", "deep/b"]);
    files.check(dir.path()).unwrap();
    assert_eq!(files.read(dir.path(), "deep/b").unwrap(), b"second");
    fs::write(dir.path().join("notes.txt"), "").unwrap();
    assert!(files.path(dir.path(), "notes.txt").is_err());
    fs::write(dir.path().join("a"), "fierst").unwrap();
    let error = files.path(dir.path(), "a").unwrap_err().to_string();
    assert!(
        error.ends_with("a: expected 5 bytes as in the manifest, found 6"),
        "{error}"
    );
    fs::write(dir.path().join("a"), "fir5t").unwrap();
    assert!(
        files
            .check(dir.path())
            .unwrap_err()
            .to_string()
            .contains("SHA-256")
    );
    // Anybody can write a manifest, but its names must stay below its directory.
    write(&dir.path().join("in/file"), b"x").unwrap();
    for name in ["../a", "/etc/passwd", "in/../../a", ""] {
        let mut files = Files::default();
        files.insert(name, Entry::of_bytes(b"x"));
        let error = files
            .read(&dir.path().join("in"), name)
            .unwrap_err()
            .to_string();
        assert!(error.contains("names of files below"), "{name}: {error}");
    }
}

#[test]
fn a_claim_lets_one_in_and_only_into_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let claim = Claim::take(&at("new/out"), "run").unwrap();
    let error = Claim::take(&at("new/out"), "run").unwrap_err().to_string();
    let own = format!("in use by process {} since 20", std::process::id());
    assert!(error.contains(&own), "{error}");
    assert!(matches!(
        Claim::check(&at("new/out"), "run"),
        Err(Error::InUse { .. })
    ));
    drop(claim);
    write(&at("new/out/model/weights"), b"").unwrap();
    drop(Claim::take(&at("new/out"), "run").unwrap());
    assert!(at("new/out/.instructue-run").is_file());
    // The marker belongs to one kind.
    let error = Claim::take(&at("new/out"), "suite")
        .unwrap_err()
        .to_string();
    assert!(error.contains("nothing was changed"), "{error}");
    // Files of somebody else stay unchanged.
    for name in ["model", "config.toml", ".hidden"] {
        let theirs = tempfile::tempdir().unwrap();
        fs::write(theirs.path().join(name), "theirs").unwrap();
        let error = Claim::take(theirs.path(), "run").unwrap_err().to_string();
        let found = format!("found other content: {name:?}: nothing was changed");
        assert!(error.contains(&found), "{error}");
        assert_eq!(names(theirs.path()), [name]);
    }
    fs::write(at("file"), "").unwrap();
    assert!(
        Claim::take(&at("file"), "run")
            .unwrap_err()
            .to_string()
            .contains("found a file")
    );
}
