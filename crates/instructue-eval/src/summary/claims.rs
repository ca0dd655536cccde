//! What is claimed of the model, and whether it was found.

use crate::methods::{
    AVERAGE, Arm, CLEAN, COLES, LIGHTGBM, LIGHTGBM_WITH_OURS, TEXT, TEXT_CONTRAST, TEXT_INSTRUCTED,
    TUNED, TUNED_PROTOTYPES,
};
use crate::results::{AudienceResult, Claim, FewShotResult};
use crate::summary::table::Table;
use instructue_metrics::{Draws, Interval};

const MATCHED: &str = Arm::Matched.id();

/// All claims, measured or not.
pub(crate) fn claims(
    table: &Table,
    confidence: f64,
    few_shot: &[FewShotResult],
    audience: &[AudienceResult],
) -> Vec<Claim> {
    let table = (table, confidence);
    let mut out = vec![
        ahead(
            table,
            ("our vector beats CoLES", "above 0, interval above 0"),
            (MATCHED, COLES),
            |found| found.low > 0.0,
        ),
        ahead(
            table,
            ("our vector beats LightGBM on count features", "at least 0"),
            (MATCHED, LIGHTGBM),
            |found| found.point >= 0.0,
        ),
    ];
    for (claim, left) in [
        (
            "counts with our vector in one LightGBM beat LightGBM on counts",
            LIGHTGBM_WITH_OURS,
        ),
        (
            "LightGBM on counts averaged with our probe beats it alone",
            AVERAGE,
        ),
    ] {
        let target = "interval above 0";
        out.push(ahead(table, (claim, target), (left, LIGHTGBM), |found| {
            found.low > 0.0
        }));
    }
    out.push(ahead(
        table,
        (
            "the matching instruction helps",
            "at least +.01 over none, interval above 0",
        ),
        (MATCHED, Arm::Empty.id()),
        |found| found.point >= 0.01 && found.low > 0.0,
    ));
    out.push(ahead(
        table,
        (
            "other words for the same question change nothing",
            "within ± .003",
        ),
        (Arm::Reworded.id(), MATCHED),
        |found| found.point.abs() <= 0.003,
    ));
    for (name, how) in [
        (TUNED, "read by a probe"),
        (TUNED_PROTOTYPES, "by prototypes alone"),
    ] {
        out.push(tuned(few_shot, name, how));
    }
    for (name, how) in [
        (TEXT, "general vectors"),
        (TEXT_INSTRUCTED, "vectors under the question"),
        (
            TEXT_CONTRAST,
            "vectors under the question, minus the opposite sentence",
        ),
    ] {
        out.push(sentences(audience, name, how));
    }
    out
}

fn not_measured(claim: &str, target: &str) -> Claim {
    Claim {
        claim: claim.into(),
        target: target.into(),
        found: "not measured".into(),
        value: None,
        tasks: None,
        met: None,
    }
}

/// A difference of mean AUC, and on how many tasks it is above zero.
fn ahead(
    (table, confidence): (&Table, f64),
    (claim, target): (&str, &str),
    (left, right): (&str, &str),
    met: impl Fn(&Interval) -> bool,
) -> Claim {
    let draws: Option<Draws> = table.difference(left, right);
    let Some(found) = draws.and_then(|draws| draws.interval(confidence)) else {
        return not_measured(claim, target);
    };
    let point = |name, task| table.get(name, task, CLEAN).map(|draws| draws.auc.point);
    let better = |task: &&usize| point(left, **task) > point(right, **task);
    let better = table.tasks.iter().filter(better).count();
    Claim {
        claim: claim.into(),
        target: target.into(),
        found: format!(
            "{left} − {right}, mean AUC; ahead on {better} of {}",
            table.tasks.len()
        ),
        met: Some(met(&found)),
        value: Some(found),
        tasks: Some((better, table.tasks.len())),
    }
}

fn tuned(few_shot: &[FewShotResult], name: &str, how: &str) -> Claim {
    let claim = format!("tuning an instruction on 200 labels helps ({how})");
    let target = "at least +.01 over a probe on the frozen vector";
    let found = few_shot
        .iter()
        .find(|one| one.labels == 200 && one.method == name);
    let Some(found) = found else {
        return not_measured(&claim, target);
    };
    Claim {
        claim,
        target: target.into(),
        found: format!("{name} − probe, mean AUC of {} tasks", found.tasks),
        value: Some(found.difference),
        tasks: None,
        met: Some(found.difference.point >= 0.01),
    }
}

fn sentences(audience: &[AudienceResult], name: &str, how: &str) -> Claim {
    let claim = format!("one sentence finds its users ({how})");
    let target = "precision among the first tenth at least 1.5 times the base rate on at least 80 % of the tasks";
    let of: Vec<&AudienceResult> = audience.iter().filter(|one| one.method == name).collect();
    if of.is_empty() {
        return not_measured(&claim, target);
    }
    let good = of
        .iter()
        .filter(|one| one.lift_10_percent.point >= 1.5)
        .count();
    let lifts: Vec<String> = of
        .iter()
        .map(|one| format!("{} {:.2}", one.task, one.lift_10_percent.point))
        .collect();
    Claim {
        claim,
        target: target.into(),
        found: format!("lift by task: {}", lifts.join(", ")),
        value: None,
        tasks: Some((good, of.len())),
        met: Some(good as f64 >= 0.8 * of.len() as f64),
    }
}
