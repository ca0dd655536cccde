//! Unusable files and directories: each gives a typed error that names the file.

use crate::common;
use std::fs::{self, File, OpenOptions};
use std::path::Path;

use crate::common::{Case, ints, text, times};
use instructue_schema::Schema;
use instructue_store::{Error, UserStore, open_parquet, read_all};

#[test]
fn missing_data_directory() {
    let case = Case::new();
    fs::rename(case.data(), case.directory.path().join("moved")).unwrap();
    let schema = Schema::from_toml(&case.schema).unwrap();
    let error = UserStore::ingest(
        &schema,
        &case.data(),
        &case.store(),
        &case.options,
        &mut |_| {},
    );
    assert!(matches!(error, Err(Error::Missing { path, .. }) if path == case.data()));
    assert!(!case.store().exists());
}

#[test]
fn empty_directory() {
    let case = Case::new();
    fs::remove_dir_all(case.data()).unwrap();
    fs::create_dir(case.data()).unwrap();
    assert!(matches!(case.error(), Error::EmptyDirectory { path, .. } if path == case.data()));
}

#[test]
fn missing_file_names_the_source() {
    let case = Case::new();
    fs::remove_file(case.file("bill")).unwrap();
    match case.error() {
        Error::Missing { path, expected } => {
            assert_eq!(path, case.file("bill"));
            assert!(expected.contains("`bill`"), "{expected}");
        }
        error => panic!("{error}"),
    }
    // The lookup's file is missing, and a pattern fits nothing.
    let case = Case::new();
    fs::remove_file(case.file("campaigns")).unwrap();
    assert!(matches!(case.error(), Error::Missing { path, .. } if path == case.file("campaigns")));
    let mut case = Case::new();
    case.replace(
        "name = \"bill\"",
        "name = \"bill\"\nfile = \"bill-*.parquet\"",
    );
    assert!(matches!(case.error(), Error::Missing { .. }));
}

#[test]
fn a_directory_without_parquet_files() {
    let mut case = Case::new();
    fs::create_dir(case.data().join("parts")).unwrap();
    fs::write(case.data().join("parts/readme.txt"), "nothing").unwrap();
    case.replace("name = \"bill\"", "name = \"bill\"\nfile = \"parts\"");
    let parts = case.data().join("parts");
    assert!(matches!(case.error(), Error::EmptyDirectory { path, .. } if path == parts));
}

#[test]
fn text_named_parquet() {
    for (content, word) in [("user,time\na,1\n", "read_csv"), ("", "an empty file")] {
        let case = Case::new();
        fs::write(case.file("bill"), content).unwrap();
        match case.error() {
            Error::NotParquet { file, found } => {
                assert_eq!(file, case.file("bill"));
                assert!(found.contains(word), "{found}");
            }
            error => panic!("{error}"),
        }
    }
}

#[test]
fn truncated_parquet() {
    let case = Case::new();
    let whole = fs::read(case.file("bill")).unwrap();
    for length in [4, 11, 12, whole.len() / 2, whole.len() - 1] {
        fs::write(case.file("bill"), &whole[..length]).unwrap();
        match case.error() {
            Error::Truncated { file, found } => {
                assert_eq!(file, case.file("bill"));
                assert!(found.contains(&length.to_string()), "{found}");
            }
            error => panic!("{length}: {error}"),
        }
    }
    // The middle is cut out, so both ends look right.
    let mut cut = whole.clone();
    cut.drain(4..whole.len() / 2);
    fs::write(case.file("bill"), cut).unwrap();
    assert!(matches!(case.error(), Error::Corrupt { file, .. } if file == case.file("bill")));
}

#[test]
fn damaged_bytes_never_panic() {
    let case = Case::new();
    let whole = fs::read(case.file("bill")).unwrap();
    let mut failures = 0;
    let places = (0..whole.len()).step_by(4);
    for (i, at) in places.clone().enumerate() {
        let mut bytes = whole.clone();
        bytes[at] ^= [0x01, 0x80, 0xff][i % 3];
        fs::write(case.file("bill"), bytes).unwrap();
        failures += usize::from(case.ingest().is_err());
    }
    assert!(
        failures > places.len() / 4,
        "{failures} of {}",
        places.len()
    );
}

#[test]
fn missing_column_lists_what_is_there() {
    let case = Case::new();
    case.write(
        "bill",
        vec![("user", text([Some("a")])), ("when", times([Some(1)]))],
    );
    match case.error() {
        Error::MissingColumn {
            file,
            column,
            expected,
            found,
        } => {
            assert_eq!(
                (file, column.as_str(), expected),
                (case.file("bill"), "time", "timestamp")
            );
            assert_eq!(found, "user, when");
        }
        error => panic!("{error}"),
    }
    let case = Case::new();
    case.write("campaigns", vec![("campaign", ints([Some(1)]))]);
    assert!(matches!(case.error(), Error::MissingColumn { column, .. } if column == "start"));
}

#[test]
fn wrong_column_types() {
    for (column, array, expected, found) in [
        ("user", ints([Some(1)]), "text", "Int64"),
        ("time", ints([Some(1)]), "timestamp", "Int64"),
        ("time", common::floats([Some(1.0)]), "timestamp", "Float64"),
        ("amount", text([Some("1.5")]), "float", "Utf8"),
        ("shop", common::floats([Some(1.0)]), "text", "Float64"),
    ] {
        let case = Case::new();
        let mut columns = vec![
            ("user", text([Some("a")])),
            ("time", times([Some(1)])),
            ("amount", common::floats([Some(1.0)])),
            ("shop", text([Some("x")])),
        ];
        columns
            .iter_mut()
            .filter(|c| c.0 == column)
            .for_each(|c| c.1 = array.clone());
        case.write("bill", columns);
        match case.error() {
            Error::ColumnType {
                file,
                column: named,
                expected: e,
                found: f,
            } => {
                assert_eq!(file, case.file("bill"));
                assert_eq!((named.as_str(), f.as_str()), (column, found));
                assert!(e.starts_with(expected), "{e}");
            }
            error => panic!("{error}"),
        }
    }
}

#[test]
fn unusable_options_and_schemas() {
    let mut case = Case::new();
    case.options.users_per_shard = 0;
    assert!(matches!(
        case.error(),
        Error::Option {
            name: "users_per_shard",
            ..
        }
    ));
    let case = Case::new();
    let mut schema = Schema::from_toml(&case.schema).unwrap();
    schema.sources.clear();
    let error = UserStore::ingest(
        &schema,
        &case.data(),
        &case.store(),
        &case.options,
        &mut |_| {},
    );
    assert!(matches!(error, Err(Error::Schema(_))));
}

#[test]
fn half_written_stores_do_not_open() {
    let case = Case::new();
    assert!(matches!(
        UserStore::open(&case.store()),
        Err(Error::Missing { .. })
    ));
    case.ingest().unwrap();
    let manifest = case.store().join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();

    // The manifest is missing, or cut off.
    fs::rename(&manifest, case.store().join("manifest.json.part")).unwrap();
    let error = UserStore::open(&case.store()).unwrap_err();
    assert!(matches!(&error, Error::NoManifest { path } if *path == case.store()));
    assert!(error.to_string().contains("not completed"), "{error}");
    fs::write(&manifest, &text[..text.len() / 2]).unwrap();
    let error = UserStore::open(&case.store()).unwrap_err();
    assert!(matches!(error, Error::File(_)), "{error}");

    // Every change is noticed. A change with a valid seal still needs a version that fits.
    for (from, to) in [("\"format\": 2", "\"format\": 99"), ("payments", "payment")] {
        let changed = text.replace(from, to);
        assert_ne!(changed, text);
        fs::write(&manifest, changed).unwrap();
        let error = UserStore::open(&case.store()).unwrap_err();
        assert!(error.to_string().contains("as under `seal`"), "{error}");
    }
    fs::write(&manifest, &text).unwrap();
    let mut value: serde_json::Value = instructue_fs::read_sealed(&manifest, "").unwrap();
    value["format"] = 99.into();
    instructue_fs::write_sealed(&manifest, &value).unwrap();
    assert!(matches!(
        UserStore::open(&case.store()),
        Err(Error::Manifest { .. })
    ));
    fs::write(&manifest, &text).unwrap();
    UserStore::open(&case.store()).unwrap();
}

#[test]
fn damaged_shards_name_their_file() {
    let case = Case::new();
    let (store, _) = case.ingest().unwrap();
    for name in ["00000.users.parquet", "00000.source.bill.parquet"] {
        let path = case.store().join(name);
        let whole = fs::read(&path).unwrap();
        OpenOptions::new()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(20)
            .unwrap();
        let damaged = || match store.shard(0) {
            Err(Error::File(error)) => assert_eq!(error.path(), path),
            other => panic!("{:?}", other.map(|_| ())),
        };
        damaged();
        fs::write(&path, vec![b'x'; whole.len()]).unwrap();
        damaged();
        fs::remove_file(&path).unwrap();
        damaged();
        fs::write(&path, whole).unwrap();
        store.shard(0).unwrap();
    }
}

#[test]
fn one_flipped_bit_of_a_store_is_noticed() {
    let case = Case::new();
    case.ingest().unwrap();
    let histories = |store: &UserStore| store.shard(0).map(|shard| format!("{shard:?}"));
    let store = UserStore::open(&case.store()).unwrap();
    let (whole, range) = (histories(&store).unwrap(), store.time_range());
    let mut flips = 0;
    for entry in fs::read_dir(case.store()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        for at in (0..bytes.len()).step_by(bytes.len().div_ceil(60)) {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            fs::write(&path, &changed).unwrap();
            flips += 1;
            // White space in the manifest may change; its content may not.
            if let Ok(store) = UserStore::open(&case.store())
                && let Ok(found) = histories(&store)
            {
                assert_eq!((found, store.time_range()), (whole.clone(), range));
            }
        }
        fs::write(&path, bytes).unwrap();
    }
    assert!(flips > 150, "{flips}");
}

#[test]
fn a_damaged_store_is_made_anew_where_its_inputs_are() {
    let case = Case::new();
    case.ingest().unwrap();
    let schema = Schema::from_toml(&case.schema).unwrap();
    let paths = [
        "manifest.json",
        "00000.users.parquet",
        "00000.source.bill.parquet",
    ];
    for name in paths {
        let path = case.store().join(name);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let (data, store) = (case.data(), case.store());
        UserStore::open_or_ingest(&schema, &data, &store, &case.options, &mut |_| {}).unwrap();
        assert_eq!(fs::read(&path).unwrap(), whole, "{name}");
    }
}

#[test]
fn other_peoples_files_are_not_replaced() {
    let case = Case::new();
    fs::create_dir(case.store()).unwrap();
    case.ingest().unwrap(); // An empty directory may be used,
    case.ingest().unwrap(); // and a store may be replaced.
    fs::remove_dir_all(case.store()).unwrap();
    fs::create_dir(case.store()).unwrap();
    fs::write(case.store().join("thesis.tex"), "").unwrap();
    let error = case.ingest().unwrap_err().to_string();
    assert!(
        error.contains("found a directory without manifest.json"),
        "{error}"
    );
    assert!(case.store().join("thesis.tex").exists());
    // A store with a foreign file beside its shards is not replaced.
    fs::remove_dir_all(case.store()).unwrap();
    case.ingest().unwrap();
    fs::write(case.store().join("thesis.tex"), "").unwrap();
    let error = case.ingest().unwrap_err().to_string();
    assert!(error.contains("\"thesis.tex\" beside it"), "{error}");
    assert!(case.store().join("thesis.tex").exists());
    fs::remove_dir_all(case.store()).unwrap();
    File::create(case.store()).unwrap();
    let error = case.ingest().unwrap_err().to_string();
    assert!(
        error.contains("found a file: nothing was changed"),
        "{error}"
    );
}

#[test]
fn a_failed_ingest_leaves_the_old_store() {
    let case = Case::new();
    let (store, _) = case.ingest().unwrap();
    let before = common::dump(&store);
    case.bill([None], [Some(1)], [None], [None]);
    assert!(matches!(case.ingest(), Err(Error::Row { .. })));
    assert_eq!(
        common::dump(&UserStore::open(&case.store()).unwrap()),
        before
    );
    let entries = fs::read_dir(case.directory.path()).unwrap().count();
    assert_eq!(entries, 2, "temporary files are left");
}

#[test]
fn errors_of_the_operating_system_carry_the_path() {
    // The parent of the store is a file, so the store cannot be created.
    let case = Case::new();
    let taken = case.directory.path().join("taken");
    File::create(&taken).unwrap();
    let schema = Schema::from_toml(&case.schema).unwrap();
    let error = UserStore::ingest(
        &schema,
        &case.data(),
        &taken.join("s"),
        &case.options,
        &mut |_| {},
    );
    assert!(matches!(error, Err(Error::File(error)) if error.path() == taken));
}

/// Spark and others write a checksum with each page. With it, a changed value is an error.
#[test]
fn a_page_is_held_to_its_checksum() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/checksums");
    for name in ["page-v1.parquet", "page-v2.parquet"] {
        let bytes = fs::read(golden.join(name)).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(name);
        let read = |bytes: &[u8]| {
            fs::write(&file, bytes).unwrap();
            let reader = open_parquet(&file)?.build().unwrap();
            read_all(&file, reader).map(|batches| batches[0].num_rows())
        };
        assert_eq!(read(&bytes).unwrap(), 3);
        let text = bytes
            .windows(9)
            .position(|part| part == b"help-page")
            .unwrap();
        for at in text..text + 9 {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            match read(&changed) {
                Err(Error::Corrupt { message, .. }) => {
                    assert!(message.contains("checksum"), "{message}");
                }
                other => panic!("byte {at} of {name}: {other:?}"),
            }
        }
    }
}
