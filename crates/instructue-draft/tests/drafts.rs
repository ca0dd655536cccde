//! Drafts of real and made-up directories, which are tried as they are.

use std::fs;
use std::path::{Path, PathBuf};

use instructue_draft::{Draft, draft};
use instructue_eval::TaskSet;
use instructue_schema::{ColumnRole, Repeats, Schema, SourceKind};
use tempfile::TempDir;

fn drafted(data: &Path) -> Draft {
    draft(data, &mut |_| {}).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(data: &Path) -> String {
    draft(data, &mut |_| {})
        .expect_err("nothing to draft from")
        .to_string()
}

/// A directory with these files.
fn directory(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

/// Visits of sixty customers on forty days as comma-separated values. Every third of them never
/// comes to the cart.
fn visits(user: &str, time: &str) -> String {
    let mut text = format!("{user},{time},page,seconds,session_id\n");
    for customer in 0..60 {
        for day in 0..40 {
            if (customer * 7 + day * 3) % 5 < 2 {
                let (month, date) = (1 + day / 28, 1 + day % 28);
                let pages = ["search", "main", "cart"];
                let page = pages[(customer + day) % if customer % 3 == 0 { 2 } else { 3 }];
                let session = 1_000 + customer * 40 + day;
                text += &format!(
                    "c{customer:03},2024-{month:02}-{date:02} 10:00:00,{page},{}.5,{session}\n",
                    day + 1
                );
            }
        }
    }
    text
}

#[test]
fn complete_journey_is_drafted() {
    let data = tempfile::tempdir().unwrap();
    let from = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../data/complete-journey");
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "parquet") {
            fs::copy(&path, data.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    let draft = drafted(data.path());
    let schema = Schema::from_toml(&draft.schema).unwrap();
    let (_, bill) = schema.source("transactions").expect("purchases");
    assert_eq!(
        (bill.kind, bill.repeats),
        (SourceKind::Events, Repeats::Merge)
    );
    assert_eq!(bill.user_column().name, "household_id");
    assert_eq!(bill.time_column().unwrap().name, "transaction_timestamp");
    assert_eq!(bill.lookups[0].file, "products.parquet");
    let rendered: Vec<String> = bill
        .fields()
        .into_iter()
        .filter(|field| field.rendered)
        .map(|field| field.name)
        .collect();
    assert_eq!(rendered, ["department", "product_category"]);
    // Mailings have the time of their campaign.
    let (_, mailings) = schema.source("campaigns").expect("mailings");
    assert_eq!(mailings.time_column().unwrap().name, "start_date");
    assert!(schema.source("coupon_redemptions").is_some());
    let (_, people) = schema.source("demographics").expect("features");
    assert_eq!(people.kind, SourceKind::Tabular);
    assert_eq!(people.aggregates.len(), 3);
    let noted = |place: &str| draft.notes.iter().find(|note| note.place == place);
    assert!(noted("transactions.parquet: basket_id").unwrap().doubt);
    assert!(!noted("transactions.parquet: week").unwrap().doubt);
    assert!(noted("coupons.parquet").is_some());
    assert!(
        noted("campaign_descriptions.parquet: start_date").is_none(),
        "it is a time"
    );
    let tasks = TaskSet::from_toml(draft.tasks.as_deref().expect("questions")).unwrap();
    assert_eq!(tasks.active_source.as_deref(), Some("transactions"));
    assert!(tasks.tasks.len() >= 4, "{:?}", tasks.tasks);
}

#[test]
fn values_in_a_text_file_are_drafted() {
    let dir = directory(&[
        ("visits.csv", &visits("customer_id", "visited_at")),
        ("notes.md", "no table"),
    ]);
    let draft = drafted(dir.path());
    assert_eq!(draft.converted, [dir.path().join("visits.parquet")]);
    let schema = Schema::from_toml(&draft.schema).unwrap();
    let (_, visits) = schema.source("visits").unwrap();
    let roles: Vec<(&str, ColumnRole)> = visits
        .columns
        .iter()
        .map(|column| (column.name.as_str(), column.role))
        .collect();
    let expected = [
        ("customer_id", ColumnRole::User),
        ("visited_at", ColumnRole::Time),
        ("page", ColumnRole::Category),
        ("seconds", ColumnRole::Number),
    ];
    assert_eq!(roles, expected, "a session's number says nothing");
    assert!(
        draft
            .schema
            .contains("# doubt: visits.parquet: session_id: left out"),
        "{}",
        draft.schema
    );
    let tasks = draft.tasks.expect("pages of the next ten days");
    assert!(tasks.contains("with the page cart in the next"), "{tasks}");
}

#[test]
fn users_without_a_telling_name_are_found_with_a_doubt() {
    let dir = directory(&[("log.csv", &visits("device_key", "at"))]);
    let draft = drafted(dir.path());
    let schema = Schema::from_toml(&draft.schema).unwrap();
    assert_eq!(schema.sources[0].user_column().name, "device_key");
    let doubt = draft
        .notes
        .iter()
        .find(|note| note.place == "device_key")
        .expect("a note");
    assert!(doubt.doubt);
}

#[test]
fn labels_become_tasks_and_no_features() {
    let mut labels = String::from("customer_id,churned\n");
    (0..60).for_each(|customer| labels += &format!("c{customer:03},{}\n", customer % 2));
    let dir = directory(&[
        ("visits.csv", &visits("customer_id", "visited_at")),
        ("churn_labels.csv", &labels),
    ]);
    let draft = drafted(dir.path());
    let schema = Schema::from_toml(&draft.schema).unwrap();
    let files: Vec<&str> = schema
        .sources
        .iter()
        .map(|source| source.file.as_str())
        .collect();
    assert!(
        !files.contains(&"churn_labels.parquet"),
        "a truth is no feature: {files:?}"
    );
    let tasks = draft.tasks.unwrap();
    assert!(
        tasks.contains("column = \"churned\", positive = [\"1\"]"),
        "{tasks}"
    );
}

#[test]
fn one_task_has_a_wrong_question_of_its_own() {
    // Everybody has the one page, so that only the label asks something.
    let log = visits("customer_id", "visited_at")
        .replace("search", "main")
        .replace("cart", "main");
    let mut labels = String::from("customer_id,label\n");
    (0..60).for_each(|customer| labels += &format!("c{customer:03},{}\n", customer % 2));
    let dir = directory(&[("visits.csv", &log), ("labels.csv", &labels)]);
    let tasks = TaskSet::from_toml(&drafted(dir.path()).tasks.unwrap()).unwrap();
    assert_eq!(tasks.tasks.len(), 1);
    assert!(tasks.tasks[0].wrong.is_some());
}

#[test]
fn rows_that_do_not_read_are_skipped_and_said() {
    // A customer's id is missing.
    let text = visits("customer_id", "visited_at") + ",2024-01-05 10:00:00,main,1.5,9\n";
    let dir = directory(&[("visits.csv", &text)]);
    let draft = drafted(dir.path());
    assert_eq!(
        Schema::from_toml(&draft.schema).unwrap().on_error,
        instructue_schema::OnError::Skip
    );
    let note = draft
        .notes
        .iter()
        .find(|note| note.place == "on_error")
        .expect("a note");
    assert!(
        note.text.contains("visits.parquet") && note.text.contains("customer_id"),
        "{}",
        note.text
    );
}

#[test]
fn a_directory_without_a_log_says_what_is_missing() {
    let dir = directory(&[("prices.csv", "product_id,price\n1,2.5\n2,3.5\n")]);
    let error = refused(dir.path());
    assert!(
        error.contains("a column of users' ids")
            && error.contains("prices.parquet (product_id, price)"),
        "{error}"
    );
    let error = refused(&dir.path().join("nowhere"));
    assert!(
        error.contains("nowhere: expected a directory with Parquet or CSV files"),
        "{error}"
    );
    let dir = directory(&[("broken.parquet", "no parquet")]);
    let error = refused(dir.path());
    assert!(error.contains("broken.parquet"), "{error}");
}

#[test]
fn names_that_are_no_names_do_not_break_a_draft() {
    let odd = visits("user_x", "at").replacen("session_id", "\"se\u{1b}[31m\"\"ss\"", 1);
    let odd = odd.replace(",main,", ",\"ma\u{7}in\",");
    let dir = directory(&[("---.csv", &odd)]);
    let draft = drafted(dir.path());
    let schema = Schema::from_toml(&draft.schema).unwrap();
    assert_eq!(
        (
            schema.sources[0].name.as_str(),
            schema.sources[0].description.as_str()
        ),
        ("source", "events")
    );
    assert!(
        draft
            .notes
            .iter()
            .any(|note| note.text.contains("names cannot be written")),
        "{:?}",
        draft.notes
    );
    let texts = draft.schema + &draft.tasks.unwrap_or_default();
    assert!(!texts.contains(['\u{1b}', '\u{7}']));
}
