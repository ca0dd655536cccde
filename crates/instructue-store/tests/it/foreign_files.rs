//! Files of other formats in place of Parquet: the error names the format and the command that
//! converts it.

use std::fs;

use crate::common::Case;
use instructue_schema::Schema;
use instructue_store::{Error, open_parquet, source_files, survey};

#[test]
fn other_formats_are_refused_by_their_name() {
    for (content, words) in [
        (
            &b"user,time\nann,2024-01-31\n"[..],
            &["CSV", "pandas.read_csv("][..],
        ),
        (b"{\"user\": \"ann\"}\n", &["JSON", "pandas.read_json("]),
        (
            b"ARROW1\0\0\xff\xff\xff\xff",
            &["Arrow IPC", "pandas.read_feather("],
        ),
        (b"ORC\x0a\x0b", &["ORC", "pandas.read_orc("]),
        (b"\x1f\x8b\x08\0\0\0", &["gzip", "gunzip"]),
        (b"PK\x03\x04", &["spreadsheet"]),
        (b"", &["an empty file"]),
    ] {
        let case = Case::new();
        fs::write(case.file("bill"), content).unwrap();
        let error = case.error();
        assert!(matches!(&error, Error::NotParquet { file, .. } if *file == case.file("bill")));
        let said = error.to_string();
        for word in words {
            assert!(said.contains(word), "{word}: {said}");
        }
        assert!(
            !said.contains("ann") && !said.contains('\n'),
            "content: {said}"
        );
    }
}

#[test]
fn csv_in_place_of_parquet_is_named_with_the_line_that_converts_it() {
    // The other file lies beside the missing file, and in a directory.
    let case = Case::new();
    fs::rename(case.file("bill"), case.data().join("bill.csv")).unwrap();
    match case.error() {
        Error::NotParquet { file, found } => {
            let csv = case.data().join("bill.csv");
            assert_eq!(file, csv);
            let line = format!(
                "python -c \"import pandas; pandas.read_csv('{}').to_parquet('{}')\"",
                csv.display(),
                case.file("bill").display()
            );
            assert!(found.contains("CSV") && found.contains(&line), "{found}");
        }
        error => panic!("{error}"),
    }
    for folder in ["web", "web/dt=2024-01-31"] {
        let mut case = Case::new();
        case.replace("name = \"bill\"", "name = \"bill\"\nfile = \"web\"");
        fs::create_dir_all(case.data().join(folder)).unwrap();
        let csv = case.data().join(folder).join("part.CSV");
        fs::write(&csv, "user,time\n").unwrap();
        match case.error() {
            Error::NotParquet { file, found } => {
                assert_eq!(file, csv);
                assert!(found.contains("read_csv"), "{found}");
            }
            error => panic!("{error}"),
        }
    }
}

#[test]
fn encrypted_files_are_refused_by_that_name() {
    let case = Case::new();
    let whole = fs::read(case.file("bill")).unwrap();
    let mut hidden = whole.clone();
    hidden[..4].copy_from_slice(b"PARE");
    let end = hidden.len() - 4;
    hidden[end..].copy_from_slice(b"PARE");
    fs::write(case.file("bill"), hidden).unwrap();
    let error = case.error();
    assert!(matches!(&error, Error::Encrypted { file } if *file == case.file("bill")));
    assert!(error.to_string().contains("encrypted"), "{error}");

    // The readable footer names a cipher (its field 8), and the columns before it do not decode.
    let length = u32::from_le_bytes(whole[end - 4..end].try_into().unwrap()) as usize;
    let footer = &whole[end - 4 - length..end - 4];
    let body = &whole[4..end - 4 - length];
    // The last field of the footer is the list of column orders, 7; a zero ends it.
    let (0, named) = footer.split_last().map(|(end, rest)| (*end, rest)).unwrap() else {
        panic!("no end");
    };
    let marked = [named, &[0x1c, 0x1c, 0, 0, 0]].concat();
    let mut file = b"PAR1".to_vec();
    file.extend(body.iter().map(|byte| byte ^ 0x5a));
    file.extend(&marked);
    file.extend((marked.len() as u32).to_le_bytes());
    file.extend(b"PAR1");
    fs::write(case.file("bill"), file).unwrap();
    assert!(matches!(case.error(), Error::Encrypted { .. }));
    assert!(open_parquet(&case.file("mail")).is_ok());
}

#[test]
fn places_elsewhere_are_refused_with_what_to_do() {
    let error = source_files("s3://bucket/web".as_ref(), "bill", "bill.parquet").unwrap_err();
    let said = error.to_string();
    assert!(
        said.contains("s3://bucket/web") && said.contains("aws s3 sync"),
        "{said}"
    );
    let remote = Case::new().schema.replacen(
        "name = \"bill\"",
        "name = \"bill\"\nfile = \"https://x.org/bill.parquet\"",
        1,
    );
    let said = Schema::from_toml(&remote).unwrap_err().to_string();
    assert!(said.contains("copy remote files"), "{said}");
}

#[test]
fn a_survey_says_what_could_be_declared() {
    let case = Case::new();
    let said = survey(&case.data());
    for words in [
        "bill.parquet (user text, time timestamp, amount float, shop text)",
        "campaigns.parquet (campaign int, start timestamp, topic text)",
        "1 more Parquet file",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(survey(directory.path()), "no Parquet files");
    fs::write(directory.path().join("a.csv"), "user\n").unwrap();
    let said = survey(directory.path());
    assert!(
        said.contains("a.csv is CSV") && said.contains("read_csv"),
        "{said}"
    );
}
