//! Means over questions: what they are of, and what their intervals are over.

use instructue_eval::{
    EvaluateOptions, ForecastItem, ForecastMethod, ForecastScores, ForecastStudy, ForecastSubset,
    Wording, summarise_forecasts,
};

const USERS: usize = 60;

fn item(number: usize, seen_value: bool, seen_family: bool) -> ForecastItem {
    ForecastItem {
        name: format!("question {number}"),
        family: if seen_family { "occurs" } else { "stops" }.into(),
        seen_value,
        seen_family,
        rare: number == 0,
        group: seen_family.then(|| "bill/product".into()),
    }
}

/// Question q is answered yes by every user whose number is below 10 + 10 q.
fn study() -> ForecastStudy {
    let items = vec![
        item(0, true, true),
        item(1, false, true),
        item(2, true, false),
    ];
    let truth = |question: usize| (0..USERS).map(move |user| user < 10 + 10 * question);
    ForecastStudy {
        labels: (0..3).map(|q| truth(q).map(Some).collect()).collect(),
        never: (0..3)
            .map(|_| (0..USERS).map(|user| user % 2 == 0).collect())
            .collect(),
        items,
        folds: Vec::new(),
    }
}

fn method(name: &str) -> ForecastMethod {
    ForecastMethod {
        name: name.into(),
        wording: Some(Wording::Plain),
    }
}

fn scores(name: &str, of: impl Fn(usize, usize) -> f32) -> ForecastScores {
    ForecastScores {
        method: method(name),
        probabilities: true,
        scores: (0..3)
            .map(|q| (0..USERS).map(|user| of(q, user)).collect())
            .collect(),
    }
}

#[test]
fn means_are_of_their_questions_and_differences_paired() {
    let study = study();
    // One knows all but question 1, which it has the wrong way round; the other knows nothing.
    let knows = scores("knows", |q, user| {
        let yes = user < 10 + 10 * q;
        f32::from(u8::from(yes != (q == 1)))
    });
    let blind = scores("blind", |_, _| 0.5);
    let options = EvaluateOptions {
        resamples: 50,
        ..EvaluateOptions::default()
    };
    let pairs = [(method("knows"), method("blind"))];
    let found = summarise_forecasts(&study, &[knows, blind], &pairs, &options).unwrap();
    let mean = |name: &str, subset| found.mean(&method(name), subset).unwrap();
    let auc = |subset| mean("knows", subset).auc.point;
    assert!((auc(ForecastSubset::All) - 2.0 / 3.0).abs() < 1e-12);
    assert_eq!(auc(ForecastSubset::Seen), 1.0);
    assert_eq!(auc(ForecastSubset::UnseenValue), 0.0);
    assert_eq!(auc(ForecastSubset::UnseenFamily), 1.0);
    assert_eq!(mean("knows", ForecastSubset::NeverBefore).questions, 2);
    assert_eq!(mean("blind", ForecastSubset::All).auc.point, 0.5);
    // Questions are resampled, too: with three of them the interval is wide.
    let all = mean("knows", ForecastSubset::All).auc;
    assert!(all.low < 0.5 && all.high > 0.9, "{all:?}");
    let differences = found.differences.iter();
    let mut of_all = differences.filter(|one| one.subset == ForecastSubset::All);
    let difference = of_all.next().unwrap();
    assert!((difference.auc.point - (2.0 / 3.0 - 0.5)).abs() < 1e-12);
    assert_eq!(found.questions[0].yes, 10);
    assert_eq!(found.questions[1].auc["knows, plain"], 0.0);
    // Families that were not learned do not count for calibration.
    let quality = found
        .qualities
        .iter()
        .find(|one| one.method == method("blind"))
        .unwrap();
    let bins = &quality.calibration.as_ref().unwrap().bins;
    assert_eq!(bins.iter().map(|bin| bin.users).sum::<usize>(), 2 * USERS);
    assert!(bins.iter().all(|bin| bin.predicted == 0.5));
}

#[test]
fn lists_that_do_not_fit_are_refused() {
    let mut wrong = scores("short", |_, _| 0.0);
    wrong.scores[1].pop();
    let options = EvaluateOptions::default();
    let error = summarise_forecasts(&study(), &[wrong], &[], &options).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("users of a forecast: expected 60, found 59")
    );
    let mut wrong = scores("few", |_, _| 0.0);
    wrong.scores.pop();
    assert!(summarise_forecasts(&study(), &[wrong], &[], &options).is_err());
}
