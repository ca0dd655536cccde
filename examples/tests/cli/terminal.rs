//! Printed text that a terminal would not obey, and numbers that are bounded.

use std::fs;
use std::process::Output;

use super::{bad, copy_of_data, good, made, run, stderr};

/// The text clears the screen, sets a title, and overrides the direction of writing.
const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}\u{9b}31m";

#[track_caller]
fn harmless(output: &Output) {
    for stream in [&output.stdout, &output.stderr] {
        let text = String::from_utf8_lossy(stream);
        let obeyed = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!text.contains(obeyed), "{text:?}");
    }
}

#[test]
fn hostile_arguments_do_not_reach_the_terminal() {
    let made = made();
    let (model, data) = (made.text("run"), made.text("data"));
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join(format!("out {HOSTILE}"));
    let out = out.to_string_lossy();
    for output in [
        run("train_userqa", &["--size", HOSTILE]),
        run("train_userqa", &["--data", HOSTILE, "--out", &out]),
        run("train_userqa", &[HOSTILE]),
        run("generate_users", &[&format!("--{HOSTILE}")]),
        run("evaluate_suite", &[HOSTILE]),
        run(
            "ask_user",
            &["--model", &model, "--data", &data, "--user", HOSTILE],
        ),
        run(
            "embed_users",
            &["--model", HOSTILE, "--data", &data, "--out", &out],
        ),
        run(
            "embed_users",
            &[
                "--model",
                &model,
                "--data",
                &data,
                "--out",
                "x",
                "--reference",
                HOSTILE,
            ],
        ),
    ] {
        harmless(&output);
        bad(&output, &[]);
    }
    let output = run("generate_users", &["--users", "3", "--out", &out]);
    harmless(&output);
    assert!(good(&output).contains(r"\u{1b}[2J"));
}

#[test]
fn hostile_names_of_files_do_not_reach_the_terminal() {
    let made = made();
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    let tasks = fs::read_to_string(made.path("data").join("tasks.toml")).unwrap();
    let name = tasks
        .lines()
        .find(|line| line.starts_with("name = "))
        .unwrap()
        .to_owned();
    let long = "x".repeat(70_000);
    for (to, expected) in [
        ("name = \"\\u001B[2J\\u0007\"", "task[0].name"),
        ("name = \"\\u202E\"", "task[0].name"),
        (&*format!("name = \"{long}\""), "task[0].name"),
        (&*format!("{name}\n\"\\u001B[2J\" = 1"), "tasks.toml"),
        (&*format!("{name}\n{long} = 1"), "tasks.toml"),
    ] {
        let data = copy_of_data(made, directory.path());
        fs::write(data.join("tasks.toml"), tasks.replacen(&name, to, 1)).unwrap();
        let data = data.to_string_lossy();
        let output = run(
            "train_userqa",
            &["--data", &data, "--out", &out.to_string_lossy()],
        );
        harmless(&output);
        let line = bad(&output, &[expected]);
        assert!(!stderr(&output).contains("training"), "{line}");
    }
}

#[test]
fn numbers_that_no_machine_could_bear_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    let out = out.to_string_lossy();
    let huge = ["1000000000000", "18446744073709551615", "-1", "0.5"];
    for number in huge {
        let with = |option: &str| format!("{option}={number}");
        let tune = |option: &str| {
            let labels = [
                "--labels",
                "none",
                "--user-column",
                "u",
                "--label-column",
                "l",
            ];
            let first = ["--model", "none", "--data", "none", "--out", &out];
            let last = ["--instruction", "Pets?", &with(option)];
            run("tune_users", &[&first[..], &labels, &last].concat())
        };
        bad(&tune("--tokens"), &["tokens"]);
        bad(&tune("--steps"), &["steps"]);
        bad(
            &run("train_userqa", &[&with("--steps"), "--out", &out]),
            &["steps"],
        );
        bad(
            &run("generate_users", &[&with("--users"), "--out", &out]),
            &["users"],
        );
        let ask = [
            "--model",
            "none",
            "--data",
            "none",
            "--user",
            "u",
            &with("--nearest"),
        ];
        bad(&run("ask_user", &ask), &["nearest"]);
    }
    for number in ["nan", "inf", "1e300", "-1"] {
        let events = format!("--events-per-user={number}");
        bad(
            &run("generate_users", &[&events, "--out", &out]),
            &["events"],
        );
    }
    assert!(!directory.path().join("out").exists());
}
