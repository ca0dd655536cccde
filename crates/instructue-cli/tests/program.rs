//! The program as a process: what it prints, for people and for machines, and its exit codes.
//! Training and embedding by it are tested with the examples, which are the same commands.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_instructue"));
    command
        .args(arguments)
        .env_remove("INSTRUCTUE_DEVICE")
        .output()
        .expect("starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn good(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// The one line of an error.
#[track_caller]
fn bad(arguments: &[&str]) -> String {
    let output = run(arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let last = said.lines().last().unwrap_or_default().to_owned();
    assert!(
        last.starts_with("error: ") && !said.contains("panicked"),
        "{said}"
    );
    last
}

fn generated(users: &str, events: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    good(&[
        "generate",
        "--users",
        users,
        "--events-per-user",
        events,
        "--out",
        &data.to_string_lossy(),
    ]);
    dir
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[test]
fn a_draft_is_written_checked_and_not_overwritten() {
    let dir = generated("60", "20");
    let data = dir.path().join("data");
    let given = fs::read_to_string(data.join("schema.toml")).unwrap();
    let refused = bad(&["init", &shown(&data)]);
    assert!(
        refused.contains("schema.toml") && refused.contains("--force"),
        "{refused}"
    );
    assert_eq!(fs::read_to_string(data.join("schema.toml")).unwrap(), given);
    let printed = good(&["init", "--print", &shown(&data)]);
    assert!(
        printed.contains("name = \"bill\"") && printed.contains("look at"),
        "{printed}"
    );
    assert_eq!(fs::read_to_string(data.join("schema.toml")).unwrap(), given);
    fs::remove_file(data.join("schema.toml")).unwrap();
    fs::remove_file(data.join("tasks.toml")).unwrap();
    let printed = good(&["init", &shown(&data)]);
    assert!(printed.contains("next: instructue check"), "{printed}");
    let checked = good(&["check", "--users", "2", &shown(&data)]);
    for part in [
        "60 users",
        "bill (events): ",
        "rows of a user: ",
        "% missing",
        "user u0",
    ] {
        assert!(checked.contains(part), "without {part}: {checked}");
    }
}

#[test]
fn machines_get_one_object() {
    let dir = generated("40", "20");
    let data = shown(&dir.path().join("data"));
    let report: serde_json::Value =
        serde_json::from_str(&good(&["--json", "check", &data])).unwrap();
    assert_eq!(report["users"], 40);
    assert_eq!(report["sources"][0]["name"], "bill");
    assert_eq!(report["shown"].as_array().unwrap().len(), 3);
    let devices: serde_json::Value = serde_json::from_str(&good(&["devices", "--json"])).unwrap();
    assert_eq!(devices[0]["name"], "cpu");
    assert_eq!(devices[0]["built"], true);
}

#[test]
fn wrong_arguments_are_one_line() {
    assert!(bad(&["trian"]).contains("'trian'"));
    assert!(bad(&["check", "no/such/directory"]).contains("no/such/directory"));
    assert!(bad(&["man", "nothing"]).contains("expected one of"));
    assert!(bad(&["embed", "--model", "x", "--data", "y"]).contains("--out"));
}

#[test]
fn shells_and_manuals_know_every_command() {
    let completions = good(&["completions", "bash"]);
    let page = good(&["man"]);
    for command in [
        "init", "check", "train", "evaluate", "embed", "ask", "tune", "devices",
    ] {
        assert!(completions.contains(command), "{command}");
        assert!(page.contains(command), "{command}");
    }
    assert!(page.contains("Exit codes"), "{page}");
    assert!(good(&["man", "embed"]).contains("instruction"));
}

/// A small configuration, that of the examples' tests.
const CONFIG: &str = include_str!("../../../examples/tests/tiny.toml");

fn json(arguments: &[&str]) -> serde_json::Value {
    serde_json::from_str(&good(arguments)).expect("one object")
}

#[test]
fn a_model_is_trained_searched_and_explained() {
    let dir = generated("300", "40");
    let path = |name: &str| shown(&dir.path().join(name));
    fs::write(dir.path().join("tiny.toml"), CONFIG).unwrap();
    let (data, run, config) = (path("data"), path("run"), path("tiny.toml"));
    let trained = json(&[
        "--json", "train", "--data", &data, "--out", &run, "--config", &config,
    ]);
    assert_eq!(trained["steps"], 2);
    let of_model = ["--model", &run, "--data", &data, "--json"];
    let call = |command: &str, more: &[&str]| json(&[&[command], &of_model[..], more].concat());

    let sentence = "Will this user buy pet supplies in the next 30 days?";
    let found = call("search", &[sentence, "--top", "5"]);
    let users = found["found"]["users"].as_array().unwrap().clone();
    assert_eq!(users.len(), 5);
    let scores: Vec<f64> = users
        .iter()
        .map(|user| user["score"].as_f64().unwrap())
        .collect();
    assert!(
        scores.windows(2).all(|pair| pair[0] >= pair[1]),
        "{scores:?}"
    );
    assert_eq!(found["found"]["compared"], 300);
    assert_eq!(found["found"]["kind"], "probability");
    let mean = scores.iter().sum::<f64>() / 5.0;
    let expected = found["found"]["expected_precision"].as_f64().unwrap();
    assert!((mean - expected).abs() < 1e-6, "{expected} {mean}");
    assert!(found["found"]["calibration_error"].is_number(), "{found}");

    // Those of the list are not found again, and a condition leaves users out.
    let list: Vec<&str> = users
        .iter()
        .map(|user| user["id"].as_str().unwrap())
        .collect();
    fs::write(
        dir.path().join("ids.csv"),
        format!("id\n{}\n", list.join("\n")),
    )
    .unwrap();
    let (ids, out) = (path("ids.csv"), path("like.csv"));
    let like = call("search", &["--like", &ids, "--top", "300", "--out", &out]);
    assert_eq!(
        (&like["found"]["listed"], &like["found"]["compared"]),
        (&5.into(), &295.into())
    );
    let written = fs::read_to_string(&out).unwrap();
    assert_eq!(written.lines().count(), 296);
    assert!(
        written.starts_with("id,cosine\n")
            && list.iter().all(|id| !written.contains(&format!("{id},")))
    );
    let some = call(
        "search",
        &[sentence, "--where", "balance>=0", "--where", "contacts<60"],
    );
    let left_out = some["found"]["left_out"].as_u64().unwrap();
    assert!(left_out > 0 && left_out < 300, "{left_out}");
    let base = ["search", "--model", &run, "--data", &data];
    let with = |more: &[&str]| bad(&[&base[..], more].concat());
    assert!(with(&[sentence, "--where", "height>2"]).contains("account_age_days"));
    assert!(with(&[sentence, "--where", "balance>much"]).contains("age>=30"));
    assert!(with(&[sentence, "--top", "0"]).contains("1000000"));
    assert!(with(&[]).contains("SENTENCE"));
    fs::write(dir.path().join("none.csv"), "nobody\n").unwrap();
    assert!(with(&["--like", &path("none.csv")]).contains("an id of the 300 users"));

    let explained = call(
        "explain",
        &["--user", list[0], "--instruction", sentence, "--top", "3"],
    );
    let explained = &explained["explanation"];
    let moved = |part: &serde_json::Value| part["moved"].as_f64().unwrap();
    let sources = explained["sources"].as_array().unwrap();
    assert!(
        sources.iter().any(|source| source["name"] == "bill"),
        "{sources:?}"
    );
    assert!(
        sources
            .windows(2)
            .all(|pair| moved(&pair[0]) >= moved(&pair[1]))
    );
    assert!(moved(&sources[0]) > 0.0 && sources[0]["gradient"].as_f64().unwrap() > 0.0);
    assert_eq!(explained["events"].as_array().unwrap().len(), 3);
    assert!(explained["agreement"].as_f64().unwrap().abs() <= 1.0);
    let unknown = bad(&[
        "explain", "--model", &run, "--data", &data, "--user", "nobody",
    ]);
    assert!(
        unknown.contains("user: expected one of the 300 users"),
        "{unknown}"
    );
    let asked = call("ask", &["--user", list[0], "--instruction", sentence]);
    assert_eq!(asked["user"], list[0]);
}
