//! Suites that are read, and what is wrong with others.

use instructue_schema::limits::trials::try_numbers;

use instructue_schema::parse_toml;

use super::*;

const TEXT: &str = r#"
    name = "shop"
    title = "A shop"
    data = "."
    folds = 4
    [run.train]
    steps = 40
    optimizer.learning_rate = 0.001
    [[variant]]
    name = "short"
    title = "ten steps"
    run = { train = { steps = 10 }, model = { lookup = false } }
"#;

fn load(text: &str) -> Result<Suite> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("suite.toml");
    std::fs::write(&path, text).unwrap();
    Suite::load(&path)
}

#[test]
fn a_variant_changes_what_it_names() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("suite.toml");
    std::fs::write(&path, TEXT).unwrap();
    let suite = Suite::load(&path).unwrap();
    let whole = suite.config().unwrap();
    let short = suite.variants[0].config(&suite).unwrap();
    assert_eq!((whole.train.steps, short.train.steps), (40, 10));
    assert_eq!(short.train.optimizer.learning_rate, 0.001);
    assert!(whole.model.lookup && !short.model.lookup);
    let fold = suite.in_fold(&whole, 3);
    assert_eq!(fold.userqa.test_from, 0.75);
    assert_eq!(fold.userqa.test_share, 0.25);
}

#[test]
fn conditions_are_named_by_kind_and_share() {
    let noise = Noise {
        foreign: vec![0.1, 0.3],
        shuffled: vec![0.5],
        missing: vec!["app".into()],
        folds: 0,
    };
    let (names, kinds): (Vec<String>, Vec<NoiseKind>) = noise.conditions().into_iter().unzip();
    let expected = ["foreign-10", "foreign-30", "shuffled-50", "missing-app"];
    assert_eq!(names, expected);
    assert_eq!(kinds[1], NoiseKind::Foreign { share: 0.3 });
}

#[test]
fn what_is_wrong_is_named() {
    let cases = [
        ("folds = 4", "folds = 1", "folds: expected 2 to"),
        ("name = \"shop\"", "name = \"../shop\"", "a-z, 0-9, _ and -"),
        (
            "title = \"A shop\"",
            "title = \"A\\u001b[2J\"",
            "one line of text",
        ),
        ("data = \".\"", "data = \"/\"", "without `..`"),
        ("data = \".\"", "data = \"../../..\"", "without `..`"),
        (
            "steps = 10 }",
            "steps = 10, batch.users_per_step = 1000000000000 }",
            "users_per_step",
        ),
        ("folds = 4", "seed = -1\nfolds = 4", "seed"),
        (
            "title = \"ten",
            "folds = \"hunter2\"\ntitle = \"ten",
            "variant.folds",
        ),
        ("steps = 40", "step = 40", "unknown key `step`"),
        ("data = \".\"", "data = \"nowhere\"", "nowhere"),
        ("name = \"short\"", "name = \"whole\"", "a name of its own"),
        ("lookup = false", "lookups = false", "lookup"),
        (
            "title = \"ten steps\"",
            "title = \"t\"\nfolds = 9",
            "1 to 4",
        ),
        ("folds = 4", "folds = 4\nfold = 2", "unknown key `fold`"),
        (
            "[run.train]",
            "[noise]\nforeign = [0.301, 0.3]\n[run.train]",
            "`foreign-30` twice",
        ),
        (
            "[run.train]",
            "[few_shot]\nlabels = [50, 9]\n[run.train]",
            "at least 25, found 9",
        ),
        (
            "[run.train]",
            "[run.userqa]\nvalidation_share = 0.8\n[run.train]",
            "below 1 - 1 / 4 folds",
        ),
    ];
    for (from, to, expected) in cases {
        let message = load(&TEXT.replace(from, to)).unwrap_err().to_string();
        assert!(message.contains(expected), "{to}: {message}");
        assert!(!message.contains("hunter2"), "{message}");
        assert!(!message.chars().any(char::is_control), "{message:?}");
    }
    assert!(load(TEXT).is_ok());
}

#[test]
fn every_number_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let more = r#"
        [noise]
        foreign = [0.1]
        shuffled = [0.5]
        [few_shot]
        labels = [50]
        [lookalike]
        seeds = [10]
        [[recommendation]]
        name = "next"
        instruction = "What next?"
        text = "{item}"
        source = "bill"
        field = "category"
        days = 30
        [run.evaluation]
        resamples = 50
    "#;
    let mut suite: Suite = parse_toml(&format!("{TEXT}{more}")).unwrap();
    suite.run_folds = Some(2);
    let tried = try_numbers(&suite, |mut suite| {
        suite.path = dir.path().join("suite.toml");
        suite.check().map_err(|error| error.to_string())?;
        assert!(suite.folds_run() <= suite.folds);
        suite.digest();
        Ok(())
    });
    assert!(tried.unwrap() > 150);
}
