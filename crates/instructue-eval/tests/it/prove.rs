//! The whole proof on a model that is known to hold the labels.

use crate::common;
use crate::common::{Fake, Setup, TEST};
use instructue_eval::{Answer, Arm, Evaluation, parse_time};

fn models() -> (Fake, Fake) {
    (
        Fake {
            trained: true,
            ..Fake::default()
        },
        Fake::default(),
    )
}

fn proof() -> Evaluation {
    let (trained, untrained) = models();
    Setup::new().prove(&trained, &untrained).unwrap()
}

#[test]
fn matched_vectors_beat_every_other_arm() {
    let proof = proof();
    let dog = &proof.tasks[0];
    assert_eq!(dog.skipped, None);
    let auc = |arm| dog.score(arm).unwrap().auc;
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
    for result in &dog.arms {
        let interval = result.score.auc;
        assert!(interval.low <= interval.point && interval.point <= interval.high);
        assert!(interval.resamples > 190 && result.score.ks.point <= 1.0);
        assert_eq!(
            (result.roc[0], result.roc[result.roc.len() - 1]),
            ((0.0, 0.0), (1.0, 1.0))
        );
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
    let arm = |arm| dog.arm(arm).unwrap();
    assert_eq!(
        arm(Arm::Concatenated).features,
        arm(Arm::Matched).features + 2
    );
    assert_eq!(
        dog.arms
            .iter()
            .filter(|result| result.arm == Arm::Reworded)
            .count(),
        2
    );
}

#[test]
fn the_matched_probe_carries_over_to_rewordings_only() {
    let proof = proof();
    let dog = &proof.tasks[0];
    let of = |arm| dog.arm(arm).unwrap();
    assert!(of(Arm::Reworded).matched_probe_auc.unwrap() > 0.85);
    assert!(of(Arm::Wrong).matched_probe_auc.unwrap() < 0.65);
    assert!(of(Arm::Reworded).cosine_to_matched.unwrap() > 0.99);
    assert!(of(Arm::Wrong).cosine_to_matched.unwrap() < 0.95);
    assert_eq!(of(Arm::Matched).matched_probe_auc, None);
    assert_eq!(of(Arm::Counts).cosine_to_matched, None);
}

#[test]
fn each_reference_time_costs_one_call_with_distinct_instructions() {
    let (trained, untrained) = models();
    Setup::new().prove(&trained, &untrained).unwrap();
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
    let proof = proof();
    let rare = &proof.tasks[2];
    assert!(rare.arms.is_empty());
    let reason = rare.skipped.as_ref().unwrap();
    assert!(
        reason.contains("needs 5 training users") && reason.contains("2 positive"),
        "{reason}"
    );
    assert_eq!((rare.test.users, rare.test.positives), (TEST, 2));
    assert_eq!(proof.average.tasks, 2);
    let mean = |arm| proof.average.score(arm).unwrap().auc.point;
    let by_hand = (proof.tasks[0].score(Arm::Matched).unwrap().auc.point
        + proof.tasks[1].score(Arm::Matched).unwrap().auc.point)
        / 2.0;
    assert!((mean(Arm::Matched) - by_hand).abs() < 1e-12);
    let difference = proof
        .average
        .difference(Arm::Matched, Arm::Untrained)
        .unwrap()
        .auc;
    assert!((difference.point - (mean(Arm::Matched) - mean(Arm::Untrained))).abs() < 1e-12);
    // The mean of two tasks is surer than one of them.
    let width = |i: instructue_eval::Interval| i.high - i.low;
    assert!(
        width(difference)
            < width(
                proof.tasks[1]
                    .difference(Arm::Matched, Arm::Untrained)
                    .unwrap()
                    .auc
            )
    );
}

#[test]
fn zero_shot_needs_texts_and_the_trained_model() {
    let proof = proof();
    let scores = proof.tasks[0].zero_shot.unwrap();
    assert!(scores.trained.point > 0.8 && scores.untrained.point < 0.65);
    assert!(scores.difference.excludes_zero());
    assert_eq!(proof.tasks[1].zero_shot, None);
}

#[test]
fn a_proof_is_a_function_of_its_inputs_and_survives_the_disk() {
    let (one, two) = (proof(), proof());
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
    let table = proof().table();
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
    let proof = proof();
    assert_eq!(proof.map.title, "Dog food?");
    assert_eq!(proof.map.points.len(), proof.tasks[0].test.users);
    let yes = proof
        .map
        .groups
        .iter()
        .filter(|group| *group == "yes")
        .count();
    assert_eq!(yes, proof.tasks[0].test.positives);
}

#[test]
fn answers_find_their_users() {
    let (trained, untrained) = models();
    let (_, test) = common::users();
    let mut answers: Vec<Answer> = test
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
    let proof = setup.prove(&trained, &untrained).unwrap();
    let found = proof.retrieval.unwrap();
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
    assert!((ten.untrained.point - ten.chance).abs() < 1e-9 && ten.chance < 0.07);
    assert!(one.difference.excludes_zero());
    setup.answers[0].user = setup.train[0];
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
    let cases: [(Change, &str); 7] = [
        (
            |setup| setup.test.truncate(TEST - 1),
            "test labels of task `dog`: expected 159, found 160",
        ),
        (
            |setup| setup.test[5] = setup.train[7],
            "user 2 of shard 1 is both",
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
