//! Data with secrets of one and of nine users in every kind of column.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampSecondArray};
use instructue_pipeline::RunConfig;
use instructue_schema::UserId;
use instructue_schema::user_key;
use instructue_userqa::{Split, UserQaConfig, split_of};
use parquet::arrow::ArrowWriter;

pub const SCHEMA: &str = r#"
name = "shop"
[[source]]
name = "bill"
kind = "events"
description = "purchases"
column = [
    { name = "user", type = "text", role = "user" },
    { name = "time", type = "timestamp", role = "time" },
    { name = "amount", type = "float", role = "number", render = true },
    { name = "shop", type = "text", role = "category" },
    { name = "note", type = "text", role = "text" },
]
[[source]]
name = "person"
kind = "tabular"
description = "master data"
column = [
    { name = "user", type = "text", role = "user" },
    { name = "salary", type = "float", role = "number" },
    { name = "city", type = "text", role = "category" },
]
aggregate = [{ source = "bill", windows_days = [30, 90], group_by = ["shop"], top_groups = 50 }]
"#;

const DAY: i64 = 86_400;
const END: i64 = 1_700_000_000;
const USERS: usize = 80;

/// A user's id, which names a person: a phone number and more than a message shows.
pub const ID: &str = "+4479460958213 wozzlethwaite of a longish street in a town far away";
/// What one training user has, in notes, shops, cities and numbers.
pub const OF_ONE: [&str; 4] = [
    "call zyvkrothal on 6505557731",
    "vexqillomar clinic",
    "wuzhobrick",
    "mail jyxqum@kvadzemail.test code XQ9PZV77",
];
/// What nine training users have, and those who are no training users.
pub const OF_NINE: [&str; 3] = [
    "ask bryndlquok 8085550142",
    "gwyxilford hospice",
    "kuvzatown",
];
/// Numbers of one user: an amount that is rendered, and a salary.
pub const NUMBERS: [f64; 2] = [9_182_736_451.0, 7_319_426_857.0];
/// What everybody has.
pub const PUBLIC: [&str; 3] = ["weekly groceries", "marigold bakery", "harborview"];
pub fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

pub fn texts<'a>(values: impl IntoIterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

/// The ids, those of training users first.
fn ids() -> (Vec<String>, usize) {
    let split = UserQaConfig {
        seed: RunConfig::default().seed,
        ..UserQaConfig::default()
    };
    let trains = |id: &String| {
        let user = UserId::new(id.as_str()).unwrap();
        split_of(&user, split.seed, &split) == Split::Train
    };
    let all = (0..USERS - 1).map(|user| format!("user {user}"));
    let (mut ids, others): (Vec<_>, Vec<_>) = all.chain([ID.to_string()]).partition(trains);
    let training = ids.len();
    ids.extend(others);
    (ids, training)
}

/// A data directory with all secrets.
pub fn data(below: &Path) -> PathBuf {
    let data = below.join("data");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("schema.toml"), SCHEMA).unwrap();
    let (ids, training) = ids();
    assert!(training > 30 && training < USERS - 10);
    let (mut users, mut times, mut amounts) = (Vec::new(), Vec::new(), Vec::new());
    let (mut shops, mut notes) = (Vec::new(), Vec::new());
    let (mut salaries, mut cities) = (Vec::new(), Vec::new());
    for (place, id) in ids.iter().enumerate() {
        let (one, nine) = (place == 0, place < 10 || place >= training);
        for event in 0..30 {
            // Secrets come more often than anything else of their users, before and
            // after every reference time.
            let secret = event % 3 > 0;
            users.push(id.as_str());
            times.push(END - (event * 4 + 1) * DAY - place as i64 * 60);
            amounts.push(if one && secret {
                NUMBERS[0]
            } else {
                event as f64
            });
            shops.push(match (secret, one, nine) {
                (true, true, _) => OF_ONE[1],
                (true, _, true) => OF_NINE[1],
                _ => PUBLIC[1],
            });
            notes.push(match (secret, one, nine) {
                (true, true, _) => OF_ONE[if event % 2 == 0 { 0 } else { 3 }],
                (true, _, true) => OF_NINE[0],
                _ => PUBLIC[0],
            });
        }
        salaries.push(one.then_some(NUMBERS[1]));
        cities.push(match (one, nine) {
            (true, _) => OF_ONE[2],
            (_, true) => OF_NINE[2],
            _ => PUBLIC[2],
        });
    }
    write(
        &data.join("bill.parquet"),
        vec![
            ("user", texts(users)),
            ("time", Arc::new(TimestampSecondArray::from(times))),
            ("amount", Arc::new(Float64Array::from(amounts))),
            ("shop", texts(shops)),
            ("note", texts(notes)),
        ],
    );
    write(
        &data.join("person.parquet"),
        vec![
            ("user", texts(ids.iter().map(String::as_str))),
            ("salary", Arc::new(Float64Array::from(salaries))),
            ("city", texts(cities)),
        ],
    );
    data
}
/// The words of texts, as what counts words splits them.
fn words<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let runs = texts
        .into_iter()
        .flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    // "call", "ask", "code" … are nobody's secret, but they are few users' words.
    let words: BTreeSet<String> = runs
        .map(str::to_lowercase)
        .filter(|word| word.len() > 5)
        .collect();
    words.into_iter().collect()
}

/// FNV-1a, as word ids are made.
pub fn word_id(word: &str) -> u64 {
    word.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

pub fn hashes(word: &str) -> Vec<String> {
    let key = user_key(&UserId::new(word).unwrap());
    [word_id(word), key]
        .iter()
        .flat_map(|hash| {
            [
                format!("{hash}"),
                format!("{hash:x}"),
                format!("{hash:016x}"),
            ]
        })
        .collect()
}

/// Runs of four letters or digits of the secrets that no public word has.
pub fn pieces(secrets: &[String]) -> BTreeSet<String> {
    let all = secrets.iter().flat_map(|word| {
        let ascii = word.as_bytes().windows(4);
        ascii.map(|piece| String::from_utf8(piece.to_vec()).unwrap())
    });
    let public = format!("{SCHEMA} {PUBLIC:?}").to_lowercase();
    all.filter(|piece| !public.contains(piece)).collect()
}

pub fn secrets() -> Vec<String> {
    let mut secrets = words(OF_ONE.into_iter().chain(OF_NINE));
    secrets.extend(NUMBERS.map(|number| format!("{number}")));
    secrets
}
