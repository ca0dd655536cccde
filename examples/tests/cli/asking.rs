//! Questions about one user, and requests that are refused.

use super::{bad, good, ids, made, run};

#[test]
fn a_user_is_asked_in_words_and_draws_repeat_with_their_seed() {
    let made = made();
    let (data, model) = (made.text("data"), made.text("run"));
    let ask = |more: &[&str]| {
        let common = ["--model", &model, "--data", &data, "--user"];
        run("ask_user", &[&common, more].concat())
    };
    let question = ["--instruction", "Does this user have a pet?"];
    let ids = ids(&made.path("data"));
    let known = good(&ask(&[&[ids[0].as_str()], &question[..]].concat()));
    for part in ["read: ", "vector: state of length", "general vector"] {
        assert!(known.contains(part), "{known}");
    }
    let own = good(&ask(&[
        &ids[0],
        "--description",
        "has a dog",
        "--description",
        "plays games",
        "--nearest",
        "1",
    ]));
    let lines = own
        .lines()
        .filter(|l| l.contains("has a dog") || l.contains("plays games"));
    assert_eq!(lines.count(), 1, "{own}");
    assert!(!own.contains("no event"), "{own}");
    let early = good(&ask(&[&ids[0], "--reference", "2001-01-01"]));
    let note = "this user has no event in the windows before 2001-01-01 00:00:00 UTC";
    assert!(early.contains(note), "{early}");
    let drawn = |seed| good(&ask(&[&ids[0], "--top-p", "0.95", "--seed", seed]));
    assert_eq!(drawn("3"), drawn("3"));
    assert_ne!(drawn("3"), drawn("4"));
}

#[test]
fn a_question_that_cannot_be_asked_is_one_line() {
    let made = made();
    let (data, model) = (made.text("data"), made.text("run"));
    let common = ["--model", &model, "--data", &data];
    let ask = |more: &[&str]| run("ask_user", &[&common, more].concat());
    bad(
        &ask(&["--user", "nobody"]),
        &["user", "\"nobody\"", "60 users"],
    );
    let first = &ids(&made.path("data"))[0];
    let empty = ask(&["--user", first, "--instruction", " "]);
    bad(&empty, &["instruction", "an empty text"]);
    let share = ask(&["--user", first, "--top-p", "2"]);
    bad(&share, &["top_p", "0 to 1 (a share)", "2"]);
    bad(&ask(&["--user", first, "--seed", "1"]), &["--top-p"]);
}
