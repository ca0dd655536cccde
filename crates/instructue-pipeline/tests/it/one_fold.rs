//! A default run beside a suite of one fold.

use crate::common::compute;
use instructue_eval::{Arm, Evaluation};
use instructue_pipeline::{EVALUATION_FILE, train_userqa};

use crate::suite::{Stages, evaluated, made_up, suite};

/// A suite of one fold and a default run on the same split say the same, where both
/// measure it: they train the same model and share one engine.
#[test]
fn a_default_run_is_a_suite_of_one_fold() {
    const SMALL: &str = r#"
name = "small"
title = "One fold"
data = "data"
folds = 3
run_folds = 1
resamples = 40

[run.answers]
rows = 2000
[run.model]
vocabulary = 300
slots = 6
[run.references]
count = 2
[run.userqa]
triples_per_user = 4
[run.train]
steps = 3
batch = { users_per_step = 6, instructions_per_user = 2 }
validation.every = 0
"#;
    let dir = tempfile::tempdir().unwrap();
    made_up(dir.path());
    let suite = suite(dir.path(), SMALL);
    let (of_suite, _) = evaluated(&suite, &dir.path().join("suite"), false);
    let mut config = suite.in_fold(&suite.config().unwrap(), 0);
    config.evaluation.resamples = 40;
    let (data, out) = (dir.path().join("data"), dir.path().join("run"));
    let run = train_userqa(
        &data,
        &out,
        &config,
        &compute(),
        false,
        &mut Stages::default(),
    )
    .unwrap();
    let of_run = run.evaluation;
    assert_eq!(of_run.folds, of_suite.folds);
    let both = of_run.tasks.iter().zip(&of_suite.tasks);
    let both = both.filter(|(one, other)| one.skipped.is_none() && other.skipped.is_none());
    let mut measured = 0;
    for (one, other) in both {
        assert_eq!(one.name, other.name);
        for arm in Arm::ALL {
            assert_eq!(one.score(arm), other.score(arm), "{}, {arm:?}", one.name);
        }
        assert_eq!(one.differences, other.differences);
        assert_eq!(one.zero_shot, other.zero_shot);
        // A suite asks for more users per class, so it may leave out a task that shares its
        // rows with others; their vectors then differ in the last bits.
        let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
        assert_eq!(one.probes.len(), other.probes.len());
        for (a, b) in one.probes.iter().zip(&other.probes) {
            assert_eq!(
                (&a.method, a.features, a.l2, a.auc),
                (&b.method, b.features, b.l2, b.auc)
            );
            assert!(near(a.log_loss, b.log_loss), "{a:?} {b:?}");
            assert_eq!(a.matched_probe_auc, b.matched_probe_auc);
            match (a.cosine_to_matched, b.cosine_to_matched) {
                (Some(one), Some(other)) => assert!(near(one, other), "{a:?} {b:?}"),
                (one, other) => assert_eq!(one, other, "{a:?} {b:?}"),
            }
        }
        assert_eq!(one.curves.len(), other.curves.len());
        for (a, b) in one.curves.iter().zip(&other.curves) {
            assert_eq!((&a.method, &a.roc), (&b.method, &b.roc));
        }
        measured += 1;
    }
    assert!(measured >= 4, "{measured}");
    assert_eq!(of_run.retrieval[0], of_suite.retrieval[0]);
    assert_eq!(
        Evaluation::load(&out.join(EVALUATION_FILE)).unwrap(),
        of_run
    );
    // What only a suite has.
    assert!(of_run.claims.is_empty() && of_run.awareness.is_none());
    assert!(!of_suite.claims.is_empty() && of_suite.awareness.is_some());
}
