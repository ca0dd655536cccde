//! Where the files of a table may lie, and how folder names become columns.

use crate::common;
use std::fs;
use std::path::Path;

use crate::common::{Case, dump, floats, text, times};
use arrow::array::ArrayRef;
use instructue_store::{Error, RowProblem, source_files};

type Rows<'a> = &'a [(&'a str, i64, &'a str)];

/// Writes a part of a table `user, time, shop`, without the columns in `left_out`.
fn part(path: &Path, rows: Rows<'_>, left_out: &[&str]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("user", text(rows.iter().map(|row| Some(row.0)))),
        ("time", times(rows.iter().map(|row| Some(row.1)))),
        ("amount", floats(rows.iter().map(|_| Some(2.0)))),
        ("shop", text(rows.iter().map(|row| Some(row.2)))),
    ];
    let kept = columns
        .into_iter()
        .filter(|(name, _)| !left_out.contains(name));
    common::write(path, kept.collect());
}

const ALL: Rows<'static> = &[
    ("b", 20, "x"),
    ("a", 10, "y"),
    ("b", 15, "y"),
    ("a", 86_410, "x"),
];

fn reading(file: &str) -> Case {
    let mut case = Case::new();
    case.replace(
        "name = \"bill\"",
        &format!("name = \"bill\"\nfile = \"{file}\""),
    );
    fs::remove_file(case.file("bill")).unwrap();
    case
}

fn expected() -> Vec<String> {
    let case = reading("all.parquet");
    part(&case.file("all"), ALL, &[]);
    dump(&case.ingest().unwrap().0)
}

#[test]
fn files_are_found_at_any_depth_and_in_any_letter_case() {
    let case = reading("web");
    let web = case.data().join("web");
    part(&web.join("a.PARQUET"), &ALL[..1], &[]);
    part(&web.join("b/c/d/part-0.snappy.Parquet"), &ALL[1..2], &[]);
    part(&web.join("b/z.parquet"), &ALL[2..], &[]);
    // Other programs leave such files beside the parts.
    for name in [
        "_SUCCESS",
        "_metadata",
        ".part-0.parquet.crc",
        "a.parquet.crc",
        "notes.txt",
    ] {
        fs::write(web.join(name), "x").unwrap();
    }
    for hidden in [
        "_temporary/0/x.parquet",
        ".ipynb_checkpoints/a.parquet",
        "_old.parquet",
    ] {
        part(&web.join(hidden), ALL, &[]);
    }
    assert_eq!(dump(&case.ingest().unwrap().0), expected());
}

#[test]
fn a_folder_may_have_the_name_of_a_file() {
    for (file, folder) in [
        ("bill.parquet", "bill.parquet"),
        ("*.parquet", "x.parquet"),
        ("out-*", "out-1"),
        ("deep/of/bill.PARQUET", "deep/of/bill.PARQUET"),
    ] {
        let mut case = reading(file);
        // The files of other sources do not fit the pattern.
        for name in ["mail", "tab", "campaigns"] {
            fs::create_dir_all(case.data().join("other")).unwrap();
            let target = case.data().join(format!("other/{name}.parquet"));
            fs::rename(case.file(name), target).unwrap();
        }
        case.replace(
            "name = \"mail\"",
            "name = \"mail\"\nfile = \"other/mail.parquet\"",
        );
        case.replace(
            "name = \"tab\"",
            "name = \"tab\"\nfile = \"other/tab.parquet\"",
        );
        case.replace(
            "file = \"campaigns.parquet\"",
            "file = \"other/campaigns.parquet\"",
        );
        let folder = case.data().join(folder);
        part(&folder.join("part-00000.parquet"), &ALL[..2], &[]);
        part(&folder.join("part-00001.parquet"), &ALL[2..], &[]);
        fs::write(folder.join("_SUCCESS"), "").unwrap();
        assert_eq!(dump(&case.ingest().unwrap().0), expected(), "{file}");
    }
}

#[test]
fn folders_give_columns_of_any_type() {
    let write = |case: &Case, folder: fn(usize) -> String, left_out: &[&str]| {
        for (number, row) in ALL.iter().enumerate() {
            let folder = case.data().join("web").join(folder(number));
            part(&folder.join(format!("{number}.parquet")), &[*row], left_out);
        }
    };
    // The folders hold a category, a user, both nested, and a number.
    let case = reading("web");
    write(&case, |row| format!("shop={}", ALL[row].2), &["shop"]);
    assert_eq!(dump(&case.ingest().unwrap().0), expected());
    let case = reading("web");
    write(&case, |row| format!("user={}", ALL[row].0), &["user"]);
    assert_eq!(dump(&case.ingest().unwrap().0), expected());
    let case = reading("web");
    let nested = |row: usize| format!("user={}/shop={}", ALL[row].0, ALL[row].2);
    write(&case, nested, &["user", "shop"]);
    assert_eq!(dump(&case.ingest().unwrap().0), expected());
    let case = reading("web");
    write(&case, |_| "amount=2.0/year=2024".into(), &["amount"]);
    assert_eq!(dump(&case.ingest().unwrap().0), expected());
    // The folder holds a time, as Spark escapes it.
    let case = reading("web");
    let time = |row: usize| match ALL[row].1 {
        seconds @ ..60 => format!("time=1970-01-01 00%3A00%3A{seconds}"),
        _ => "time=1970-01-02 00%3A00%3A10".into(),
    };
    write(&case, time, &["time"]);
    assert_eq!(dump(&case.ingest().unwrap().0), expected());
    // Escapes in a text are decoded, and a missing value stays missing.
    let case = reading("web");
    let row = &ALL[..1];
    part(
        &case.data().join("web/shop=caf%C3%A9 %26 bar/a.parquet"),
        row,
        &["shop"],
    );
    part(
        &case
            .data()
            .join("web/shop=__HIVE_DEFAULT_PARTITION__/a.parquet"),
        row,
        &["shop"],
    );
    let shard = case.ingest().unwrap().0.shard(0).unwrap();
    let bill = shard.history(1).events(0);
    let mut shops: Vec<_> = (0..2)
        .map(|i| bill.text(i, 1).map(|shop| &**shop))
        .collect();
    shops.sort();
    assert_eq!(shops, [None, Some("café & bar")]);
}

#[test]
fn folders_of_days_give_times_and_nobody_is_a_bad_row() {
    let case = reading("web");
    part(
        &case.data().join("web/time=2024-01-31/a.parquet"),
        &ALL[..1],
        &["time"],
    );
    part(
        &case.data().join("web/time=20240201/a.parquet"),
        &ALL[..1],
        &["time"],
    );
    let (store, _) = case.ingest().unwrap();
    let shard = store.shard(0).unwrap();
    let days = shard.history(1).events(0).times().iter();
    let days: Vec<_> = days.map(|time| time.0).collect();
    assert_eq!(days, [1_706_659_200, 1_706_745_600]);

    let case = reading("web");
    let nobody = case
        .data()
        .join("web/user=__HIVE_DEFAULT_PARTITION__/a.parquet");
    part(&nobody, &ALL[..1], &["user"]);
    match case.error() {
        Error::Row {
            file,
            row: 0,
            column,
            problem,
            ..
        } => {
            assert_eq!((file, column.as_str()), (nobody, "user"));
            assert_eq!(problem, RowProblem::NullUser);
        }
        error => panic!("{error}"),
    }
}

#[test]
fn folders_that_cannot_stand_for_a_column_are_refused() {
    for (folder, column, word) in [
        ("time=yesterday", "time", "yesterday"),
        ("amount=much", "amount", "much"),
        ("shop=x/shop=x", "shop", "2"),
    ] {
        let case = reading("web");
        part(
            &case.data().join("web").join(folder).join("a.parquet"),
            ALL,
            &[column],
        );
        match case.error() {
            Error::Folder {
                file,
                column: named,
                expected,
                found,
            } => {
                assert!(file.ends_with("a.parquet"));
                assert_eq!(named, column);
                assert!(found.contains(word) && !expected.is_empty(), "{found}");
            }
            error => panic!("{error}"),
        }
    }
    // Folders above the data directory mean nothing.
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("shop=z/data");
    fs::create_dir_all(&data).unwrap();
    part(&data.join("bill.parquet"), ALL, &["shop"]);
    let schema = instructue_schema::Schema::from_toml(
        "name = \"t\"\n[[source]]\nname = \"bill\"\nkind = \"events\"\ndescription = \"b\"\n\
         column = [{ name = \"user\", type = \"text\", role = \"user\" },\n\
         { name = \"time\", type = \"timestamp\", role = \"time\" },\n\
         { name = \"shop\", type = \"text\", role = \"category\" }]",
    );
    let store = directory.path().join("store");
    let options = instructue_store::IngestOptions::default();
    let error =
        instructue_store::UserStore::ingest(&schema.unwrap(), &data, &store, &options, &mut |_| {});
    assert!(matches!(error, Err(Error::MissingColumn { column, .. }) if column == "shop"));
}

#[test]
fn a_column_that_file_and_folder_have_must_say_the_same() {
    // Polars and DuckDB write folders this way.
    let case = reading("web");
    for (number, row) in ALL.iter().enumerate() {
        let folder = format!("web/shop={}/user={}", row.2, row.0);
        part(
            &case.data().join(folder).join(format!("{number}.parquet")),
            &[*row],
            &[],
        );
    }
    assert_eq!(dump(&case.ingest().unwrap().0), expected());

    let case = reading("web");
    let moved = case.data().join("web/shop=x/a.parquet");
    part(&moved, ALL, &[]);
    match case.error() {
        Error::Folder {
            file,
            column,
            expected,
            found,
        } => {
            assert_eq!((file, column.as_str()), (moved, "shop"));
            assert!(
                expected.contains("shop=") && found.contains("row 1"),
                "{expected} {found}"
            );
        }
        error => panic!("{error}"),
    }
}

#[test]
fn lookups_may_have_folders_too() {
    let mut case = Case::new();
    case.replace("file = \"campaigns.parquet\"", "file = \"campaigns\"");
    let plain = dump(&Case::new().ingest().unwrap().0);
    fs::remove_file(case.file("campaigns")).unwrap();
    for (campaign, start, topic) in [(2, 200, Some("tea")), (1, 100, None)] {
        let folder = case.data().join(format!("campaigns/campaign={campaign}"));
        fs::create_dir_all(&folder).unwrap();
        let columns = vec![("start", times([Some(start)])), ("topic", text([topic]))];
        common::write(&folder.join("0.parquet"), columns);
    }
    assert_eq!(dump(&case.ingest().unwrap().0), plain);
}

#[test]
fn one_column_twice_counts_once_where_it_is_a_key_and_no_column() {
    // Folders of undeclared keys are no columns, however often they occur.
    let case = reading("web");
    part(&case.data().join("web/dt=1/dt=2/a.parquet"), ALL, &[]);
    assert_eq!(dump(&case.ingest().unwrap().0), expected());
}

#[test]
fn tables_whose_files_hold_deleted_rows_are_refused() {
    for (marker, name) in [
        ("_delta_log/00000000000000000000.json", "Delta"),
        (".hoodie/hoodie.properties", "Hudi"),
        ("metadata/v1.metadata.json", "Iceberg"),
    ] {
        for (file, below) in [("web", "web"), ("web/*.parquet", "web"), ("web", "web/x")] {
            let case = reading(file);
            let folder = case.data().join(below);
            part(&folder.join("a.parquet"), ALL, &[]);
            let marker = folder.join(marker);
            fs::create_dir_all(marker.parent().unwrap()).unwrap();
            fs::write(marker, "{}").unwrap();
            match case.error() {
                Error::TableFormat { path, found } => {
                    assert_eq!(path, folder);
                    assert!(found.contains(name), "{found}");
                }
                error => panic!("{error}"),
            }
        }
    }
}

#[test]
fn what_is_there_is_named_where_a_file_is_missing() {
    let case = reading("bills.parquet");
    part(&case.data().join("bill/a.parquet"), ALL, &[]);
    let said = case.error().to_string();
    for word in ["bills.parquet", "`bill`", "campaigns.parquet", "bill,"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    // Files with other endings are read by a pattern.
    let case = reading("web");
    let other = case.data().join("web/a.pq");
    part(&other, ALL, &[]);
    let said = case.error().to_string();
    assert!(said.contains("*.pq"), "{said}");
    let case = reading("web/*.pq");
    part(&case.data().join("web/a.pq"), ALL, &[]);
    assert_eq!(dump(&case.ingest().unwrap().0), expected());
}

#[test]
fn columns_missing_in_one_part_are_named() {
    let case = reading("web");
    part(&case.data().join("web/a.parquet"), ALL, &[]);
    part(&case.data().join("web/b.parquet"), ALL, &["shop"]);
    match case.error() {
        Error::MissingColumn { file, column, .. } => {
            assert!(file.ends_with("b.parquet") && column == "shop");
        }
        error => panic!("{error}"),
    }
}

#[cfg(unix)]
mod links {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_to_files_are_read_and_nothing_is_read_twice() {
        let case = reading("web");
        let web = case.data().join("web");
        let elsewhere = case.directory.path().join("data/elsewhere");
        part(&elsewhere.join("blob-1"), &ALL[..1], &[]);
        part(&elsewhere.join("more/x.parquet"), &ALL[1..2], &[]);
        part(&web.join("dt=1/a.parquet"), &ALL[2..3], &[]);
        part(&web.join("dt=2/a.parquet"), &ALL[3..], &[]);
        symlink(elsewhere.join("blob-1"), web.join("0.parquet")).unwrap();
        symlink(elsewhere.join("more"), web.join("more")).unwrap();
        // These links lead to files that are there anyway, and in a circle.
        symlink(web.join("dt=2"), web.join("a-latest")).unwrap();
        symlink(web.join("dt=2/a.parquet"), web.join("latest.parquet")).unwrap();
        symlink(&web, web.join("dt=1/loop")).unwrap();
        symlink(&elsewhere, elsewhere.join("more/loop")).unwrap();
        assert_eq!(dump(&case.ingest().unwrap().0), expected());
        // The declared path itself is a link.
        let case = reading("link");
        let other = case.data().join("other");
        part(&other.join("a.parquet"), ALL, &[]);
        symlink(&other, case.data().join("link")).unwrap();
        assert_eq!(dump(&case.ingest().unwrap().0), expected());
        // A link that leads out of the data is refused.
        let case = reading("link");
        symlink(&web, case.data().join("link")).unwrap();
        let error = case.error().to_string();
        assert!(error.contains("a link leads out of it"), "{error}");
    }

    #[test]
    fn only_what_has_an_end_is_opened() {
        let pipe = |path: &Path| {
            let made = std::process::Command::new("mkfifo").arg(path).status();
            assert!(made.unwrap().success());
        };
        let irregular = |case: &Case, path: &Path, kind: &str| match case.error() {
            Error::File(instructue_fs::Error::NotRegular { path: named, found }) => {
                assert_eq!((named.as_path(), found), (path, kind));
            }
            error => panic!("{error}"),
        };
        let case = Case::new();
        fs::remove_file(case.file("bill")).unwrap();
        pipe(&case.file("bill"));
        irregular(&case, &case.file("bill"), "a pipe");
        for file in ["web", "web/*.parquet"] {
            let case = reading(file);
            let among = case.data().join("web/b.parquet");
            part(&case.data().join("web/a.parquet"), ALL, &[]);
            pipe(&among);
            irregular(&case, &among, "a pipe");
        }
        let case = Case::new();
        fs::remove_file(case.file("campaigns")).unwrap();
        symlink("/dev/zero", case.file("campaigns")).unwrap();
        let error = case.error().to_string();
        assert!(error.contains("a link leads out of it"), "{error}");
        let case = Case::new();
        fs::remove_file(case.file("tab")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(case.file("tab")).unwrap();
        irregular(&case, &case.file("tab"), "a socket");
    }

    #[test]
    fn names_that_are_no_text_are_read_like_others() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let case = reading("web");
        let web = case.data().join("web");
        fs::create_dir(&web).unwrap();
        part(&web.join("a.parquet"), ALL, &[]);
        let name = OsStr::from_bytes(b"\xff.parquet");
        fs::rename(web.join("a.parquet"), web.join(name)).unwrap();
        let files = source_files(&case.data(), "bill", "web").unwrap();
        assert_eq!(files, [web.join(name)]);
        assert_eq!(dump(&case.ingest().unwrap().0), expected());
    }
}
