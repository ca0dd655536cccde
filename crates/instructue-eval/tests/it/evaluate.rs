//! The whole evaluation on a model that is known to hold the labels.

use crate::common;
use crate::common::{Fake, Setup, TEST, TRAIN};
use instructue_eval::{Answer, Arm, Evaluation, FoldUsers, parse_time};

fn models() -> (Fake, Fake) {
    (
        Fake {
            trained: true,
            ..Fake::default()
        },
        Fake::default(),
    )
}

fn evaluated() -> Evaluation {
    let (trained, untrained) = models();
    Setup::new().evaluate(&trained, &untrained).unwrap()
}

#[test]
fn matched_vectors_beat_every_other_arm() {
    let evaluation = evaluated();
    let dog = &evaluation.tasks[0];
    assert_eq!(dog.skipped, None);
    let auc = |arm: Arm| dog.score(arm).unwrap().scores.auc;
    assert!(auc(Arm::Matched).point > 0.9, "{:?}", auc(Arm::Matched));
    assert!(auc(Arm::Reworded).point > 0.85);
    assert!(
        (0.55..0.85).contains(&auc(Arm::Counts).point),
        "{:?}",
        auc(Arm::Counts)
    );
    for arm in [Arm::Wrong, Arm::Untrained] {
        assert!(
            (0.3..0.65).contains(&auc(arm).point),
            "{arm:?} {:?}",
            auc(arm)
        );
    }
    assert_eq!(dog.scores.len(), Arm::ALL.len());
    for result in &dog.scores {
        let interval = result.scores.auc;
        assert!(interval.low <= interval.point && interval.point <= interval.high);
        assert!(interval.resamples > 190 && result.scores.ks.point <= 1.0);
    }
    for arm in [Arm::Matched, Arm::Untrained, Arm::Counts] {
        let roc = &dog.curves(arm).unwrap().roc;
        assert_eq!((roc[0], roc[roc.len() - 1]), ((0.0, 0.0), (1.0, 1.0)));
    }
    for right in [Arm::Untrained, Arm::Wrong, Arm::Empty, Arm::Counts] {
        let difference = dog.difference(Arm::Matched, right).unwrap().auc;
        assert!(
            difference.excludes_zero() && difference.point > 0.1,
            "{right:?} {difference:?}"
        );
        let plain = auc(Arm::Matched).point - auc(right).point;
        assert!((difference.point - plain).abs() < 1e-12);
    }
    // With the label already in the vectors, counts add nothing; but vectors add to counts.
    assert!(
        dog.difference(Arm::Concatenated, Arm::Counts)
            .unwrap()
            .auc
            .excludes_zero()
    );
    let arm = |arm: Arm| dog.probe(arm).unwrap();
    assert_eq!(
        arm(Arm::Concatenated).features,
        arm(Arm::Matched).features + 2
    );
    assert_eq!(
        dog.probes
            .iter()
            .filter(|probe| probe.method.starts_with(Arm::Reworded.id()))
            .count(),
        2
    );
}

#[test]
fn the_matched_probe_carries_over_to_rewordings_only() {
    let evaluation = evaluated();
    let dog = &evaluation.tasks[0];
    let of = |arm: Arm| dog.probe(arm).unwrap();
    let reworded = dog.probe("reworded1").unwrap();
    assert!(reworded.matched_probe_auc.unwrap() > 0.85);
    assert!(of(Arm::Wrong).matched_probe_auc.unwrap() < 0.65);
    assert!(reworded.cosine_to_matched.unwrap() > 0.99);
    assert!(of(Arm::Wrong).cosine_to_matched.unwrap() < 0.95);
    assert_eq!(of(Arm::Matched).matched_probe_auc, None);
    assert_eq!(of(Arm::Counts).cosine_to_matched, None);
}

#[test]
fn each_reference_time_costs_one_call_with_distinct_instructions() {
    let (trained, untrained) = models();
    Setup::new().evaluate(&trained, &untrained).unwrap();
    let calls = trained.calls.borrow();
    let (july, october) = (
        parse_time("2017-07-01").unwrap(),
        parse_time("2017-10-01").unwrap(),
    );
    assert_eq!(
        calls.iter().map(|call| call.1).collect::<Vec<_>>(),
        [july, october]
    );
    let texts: Vec<_> = calls[0].2.iter().map(Option::as_deref).collect();
    let expected = [
        None,
        Some("Dog food?"),
        Some("Older?"),
        Some("Food for a dog?"),
        Some("Anything for the dog?"),
    ];
    assert_eq!(texts, expected);
    // Only users with a label are embedded.
    assert!(calls[0].0 < common::TRAIN + TEST && calls[0].0 > 300);
    let calls = untrained.calls.borrow();
    assert_eq!(calls[0].2, [Some("Dog food?".to_owned())]);
    assert_eq!(calls.len(), 2);
}

#[test]
fn a_task_with_too_few_positives_is_left_out_with_a_reason() {
    let evaluation = evaluated();
    let rare = &evaluation.tasks[2];
    assert!(rare.scores.is_empty() && rare.probes.is_empty());
    let reason = rare.skipped.as_ref().unwrap();
    assert!(
        reason.contains("needs 5 training users") && reason.contains("2 positive"),
        "{reason}"
    );
    assert_eq!((rare.test.users, rare.test.positives), (TEST, 2));
    assert_eq!(evaluation.measured().count(), 2);
    let mean = |arm: Arm| evaluation.mean(arm).unwrap().scores.auc.point;
    let by_hand = (evaluation.tasks[0]
        .score(Arm::Matched)
        .unwrap()
        .scores
        .auc
        .point
        + evaluation.tasks[1]
            .score(Arm::Matched)
            .unwrap()
            .scores
            .auc
            .point)
        / 2.0;
    assert!((mean(Arm::Matched) - by_hand).abs() < 1e-12);
    let difference = evaluation
        .mean_difference(Arm::Matched, Arm::Untrained)
        .unwrap()
        .auc;
    assert!((difference.point - (mean(Arm::Matched) - mean(Arm::Untrained))).abs() < 1e-12);
    // The mean of two tasks is surer than one of them.
    let width = |i: instructue_metrics::Interval| i.high - i.low;
    assert!(
        width(difference)
            < width(
                evaluation.tasks[1]
                    .difference(Arm::Matched, Arm::Untrained)
                    .unwrap()
                    .auc
            )
    );
}

#[test]
fn zero_shot_needs_texts_and_the_trained_model() {
    let evaluation = evaluated();
    let scores = evaluation.tasks[0].zero_shot.unwrap();
    assert!(scores.trained.point > 0.8 && scores.untrained.point < 0.65);
    assert!(scores.difference.excludes_zero());
    assert_eq!(evaluation.tasks[1].zero_shot, None);
}

#[test]
fn an_evaluation_is_a_function_of_its_inputs_and_survives_the_disk() {
    let (one, two) = (evaluated(), evaluated());
    assert!(one == two);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("evaluation.json");
    one.save(&path).unwrap();
    one.save(&path).unwrap();
    let read = Evaluation::load(&path).unwrap();
    // A number may lose its last bit in JSON.
    assert_eq!(read.table(), one.table());
    assert_eq!(
        (&read.options, &read.map.groups),
        (&one.options, &one.map.groups)
    );
    let files = std::fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(files, 1, "no temporary file is left");
    // A file is no directory to write into.
    let error = one.save(&path.join("below.json")).unwrap_err().to_string();
    assert!(error.contains("evaluation.json"), "{error}");
    std::fs::write(&path, "{}").unwrap();
    assert!(
        Evaluation::load(&path)
            .unwrap_err()
            .to_string()
            .contains("evaluation.json")
    );
}

#[test]
fn the_table_names_tasks_arms_and_omissions() {
    let table = evaluated().table();
    for words in [
        "dog",
        "age",
        "mean",
        "matched − untrained",
        "counts + matched",
        "left out: rare",
    ] {
        assert!(table.contains(words), "{words}\n{table}");
    }
    let widths: Vec<usize> = table
        .lines()
        .filter(|line| line.starts_with("dog "))
        .map(|line| line.chars().count())
        .collect();
    assert!(widths.len() >= 3);
}

#[test]
fn the_map_shows_test_users_by_label() {
    let evaluation = evaluated();
    assert_eq!(evaluation.map.title, "Dog food?");
    assert_eq!(evaluation.map.points.len(), evaluation.tasks[0].test.users);
    let yes = evaluation
        .map
        .groups
        .iter()
        .filter(|group| *group == "yes")
        .count();
    assert_eq!(yes, evaluation.tasks[0].test.positives);
}

#[test]
fn answers_find_their_users() {
    let (trained, untrained) = models();
    let users = common::users();
    let mut answers: Vec<Answer> = users[TRAIN..]
        .iter()
        .map(|user| Answer {
            user: *user,
            instruction: "Who?".to_owned(),
            answer: format!("user {}/{}", user.shard, user.index),
        })
        .collect();
    // Two users with the same answer: either counts.
    answers[1].answer = answers[0].answer.clone();
    let mut setup = Setup::new();
    setup.answers = answers;
    setup.options.retrieval_queries = 100;
    let evaluation = setup.evaluate(&trained, &untrained).unwrap();
    let found = &evaluation.retrieval[0];
    assert_eq!(
        (found.queries, found.instructions, found.candidates),
        (100, 1, TEST as f64)
    );
    let [one, ten] = &found.recall[..] else {
        panic!("{:?}", found.recall)
    };
    assert_eq!((one.k, ten.k), (1, 10));
    assert!(one.trained.point > 0.95, "{one:?}");
    // The untrained model gives everyone the same vector: exactly chance.
    let untrained = ten.untrained.unwrap();
    assert!((untrained.point - ten.chance).abs() < 1e-9 && ten.chance < 0.07);
    assert!(one.difference.unwrap().excludes_zero());
    setup.answers[0].user = setup.users[0];
    let error = setup.error(&trained);
    assert!(error.contains("answers of test users"), "{error}");
}

#[test]
fn inputs_that_do_not_fit_are_errors() {
    let (trained, _) = models();
    let broken = Fake {
        trained: true,
        broken: true,
        ..Fake::default()
    };
    let error = Setup::new().error(&broken);
    assert!(
        error.contains("vectors of the trained model") && error.contains("NaN"),
        "{error}"
    );
    type Change = fn(&mut Setup);
    let cases: [(Change, &str); 9] = [
        (
            |setup| setup.labels[0].truncate(TRAIN + TEST - 1),
            "labels of task `dog`: expected 400, found 399",
        ),
        (
            |setup| setup.folds[0].test[5] = 7,
            "user 2 of shard 1 is both",
        ),
        (
            |setup| setup.users[5] = setup.users[7],
            "user 2 of shard 1 twice",
        ),
        (
            |setup| setup.folds[0].test[5] = TRAIN + TEST,
            "expected below 400, found 400",
        ),
        (
            |setup| setup.labels.truncate(2),
            "labels: expected 3, found 2",
        ),
        (
            |setup| setup.options.map_task = Some("cat".to_owned()),
            "`cat`",
        ),
        (|setup| setup.options.resamples = 0, "resamples"),
        (|setup| setup.options.confidence = 95.0, "confidence"),
        (
            |setup| setup.counts = |_, _| Err("no store".into()),
            "counts: no store",
        ),
    ];
    for (change, words) in cases {
        let mut setup = Setup::new();
        change(&mut setup);
        let error = setup.error(&trained);
        assert!(error.contains(words), "{words}: {error}");
    }
}

/// Several folds are means of what each of them says, on resamples of all who are tested.
#[test]
fn folds_are_averaged_over_all_their_test_users() {
    let (trained, untrained) = models();
    let mut setup = Setup::new();
    let everyone = TRAIN + TEST;
    let fold = |rest: usize| {
        let (test, train) = (0..everyone).partition(|user| user % 2 == rest);
        FoldUsers { train, test }
    };
    setup.folds = vec![fold(0), fold(1)];
    let both = setup.evaluate(&trained, &untrained).unwrap();
    assert_eq!(both.test_users(), everyone);
    let dog = &both.tasks[0];
    assert_eq!(dog.test, dog.labelled);
    let matched = dog.score(Arm::Matched).unwrap();
    let mean = (matched.folds[0] + matched.folds[1]) / 2.0;
    assert_eq!((matched.folds.len(), matched.scores.auc.point), (2, mean));
    assert!(mean > 0.9 && dog.zero_shot.is_some());
    assert_eq!(both.map.points.len(), evaluated_test(&setup, 0));
    // One of the folds alone is another evaluation: of its own test users.
    setup.folds.truncate(1);
    let one = setup.evaluate(&trained, &untrained).unwrap();
    assert_eq!(one.test_users(), everyone / 2);
    let width = |found: &Evaluation| {
        let auc = found.tasks[1].score(Arm::Matched).unwrap().scores.auc;
        auc.high - auc.low
    };
    assert!(width(&both) < width(&one));
}

/// Labelled test users of the first task in a fold.
fn evaluated_test(setup: &Setup, fold: usize) -> usize {
    let test = setup.folds[fold].test.iter();
    test.filter(|&&user| setup.labels[0][user].is_some())
        .count()
}

/// Without a model to compare with, counts or answers their parts are empty.
#[test]
fn what_is_not_given_is_not_measured() {
    let (trained, _) = models();
    let setup = Setup::new();
    let evaluation = instructue_eval::evaluate(instructue_eval::EvaluateInput {
        tasks: &setup.tasks,
        users: &setup.users,
        labels: &setup.labels,
        folds: vec![instructue_eval::Fold {
            trained: &trained,
            untrained: None,
            users: setup.folds[0].clone(),
            answers: Vec::new(),
        }],
        counts: None,
        options: setup.options.clone(),
        progress: &mut |_| {},
    })
    .unwrap();
    assert!(evaluation.mean(Arm::Matched).is_some() && evaluation.retrieval.is_empty());
    for arm in [Arm::Untrained, Arm::Counts, Arm::Concatenated] {
        assert_eq!(evaluation.mean(arm), None);
    }
    assert_eq!(evaluation.tasks[0].zero_shot, None);
    assert!(evaluation.claims.is_empty() && evaluation.noise.is_empty());
}
