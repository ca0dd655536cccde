//! Folds put together: each user is tested once.

use std::collections::BTreeMap;

use instructue_eval::{ForecastMethod, ForecastScores, ForecastStudy};

/// What was asked in a fold, and what methods said.
pub(super) struct FoldAnswers {
    pub study: ForecastStudy,
    pub methods: Vec<ForecastScores>,
}

/// All users of all folds. A question that a fold does not ask, or a method does not answer
/// there, has scores that are no numbers: it is left out in that fold.
pub(super) fn pool(folds: &[FoldAnswers]) -> (ForecastStudy, Vec<ForecastScores>) {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut study = ForecastStudy::default();
    for item in folds.iter().flat_map(|fold| &fold.study.items) {
        places.entry(&item.name).or_insert_with(|| {
            study.items.push(item.clone());
            study.items.len() - 1
        });
    }
    let questions = study.items.len();
    study.labels = vec![Vec::new(); questions];
    study.never = vec![Vec::new(); questions];
    let mut methods: BTreeMap<&ForecastMethod, (bool, Vec<Vec<f32>>)> = BTreeMap::new();
    let mut order: Vec<&ForecastMethod> = Vec::new();
    let mut users = 0;
    for (number, fold) in (0..).zip(folds) {
        let count = fold.study.users();
        study.folds.extend(std::iter::repeat_n(number, count));
        users += count;
        for (at, item) in fold.study.items.iter().enumerate() {
            let place = places[&*item.name];
            study.labels[place].extend(&fold.study.labels[at]);
            study.never[place].extend(&fold.study.never[at]);
        }
        for found in &fold.methods {
            let (_, scores) = methods.entry(&found.method).or_insert_with(|| {
                order.push(&found.method);
                (found.probabilities, vec![Vec::new(); questions])
            });
            for (item, of_fold) in fold.study.items.iter().zip(&found.scores) {
                if !of_fold.is_empty() {
                    let scores = &mut scores[places[&*item.name]];
                    scores.resize(users - count, f32::NAN);
                    scores.extend(of_fold);
                }
            }
        }
        for labels in &mut study.labels {
            labels.resize(users, None);
        }
        for never in &mut study.never {
            never.resize(users, false);
        }
    }
    let pooled = order.into_iter().map(|method| {
        let (probabilities, mut scores) = methods[method].clone();
        for scores in scores.iter_mut().filter(|scores| !scores.is_empty()) {
            scores.resize(users, f32::NAN);
        }
        ForecastScores {
            method: method.clone(),
            probabilities,
            scores,
        }
    });
    let pooled = pooled.collect();
    (study, pooled)
}

#[cfg(test)]
mod tests {
    use instructue_eval::ForecastItem;

    use super::*;

    fn fold(questions: &[(&str, &[f32])]) -> FoldAnswers {
        let item = |name: &str| ForecastItem {
            name: name.into(),
            family: "occurs".into(),
            seen_value: false,
            seen_family: true,
            rare: false,
            group: None,
        };
        FoldAnswers {
            study: ForecastStudy {
                items: questions.iter().map(|(name, _)| item(name)).collect(),
                labels: vec![vec![Some(true), None]; questions.len()],
                never: vec![vec![true, false]; questions.len()],
                folds: Vec::new(),
            },
            methods: vec![ForecastScores {
                method: ForecastMethod {
                    name: "m".into(),
                    wording: None,
                },
                probabilities: true,
                scores: questions.iter().map(|(_, of)| of.to_vec()).collect(),
            }],
        }
    }

    #[test]
    fn users_of_all_folds_stand_at_their_questions() {
        let folds = [
            fold(&[("a", &[1.0, 2.0]), ("b", &[3.0, 4.0])]),
            fold(&[("c", &[]), ("b", &[5.0, 6.0])]),
        ];
        let (study, methods) = pool(&folds);
        let names: Vec<&str> = study.items.iter().map(|item| &*item.name).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(study.folds, [0, 0, 1, 1]);
        assert_eq!(study.labels[0], [Some(true), None, None, None]);
        assert_eq!(study.labels[1], [Some(true), None, Some(true), None]);
        assert_eq!(study.never[2], [false, false, true, false]);
        let scores = &methods[0].scores;
        assert_eq!(scores[1], [3.0, 4.0, 5.0, 6.0]);
        assert_eq!(scores[0][..2], [1.0, 2.0]);
        assert!(scores[0][2..].iter().all(|score| score.is_nan()));
        assert!(scores[2].is_empty());
    }
}
