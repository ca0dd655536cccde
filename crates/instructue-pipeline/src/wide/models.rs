//! What a trained model says of questions, beside what it said before training.

use instructue_eval::{Embedder, ForecastScores, Wording};
use instructue_metrics::CrossValidation;
use instructue_schema::{DataText, Matrix, Progress, UserVectors, seed};
use rayon::prelude::*;

use crate::answers::{Asked, ForecastRun, Labelled, named_texts};
use crate::error::{Error, Result};
use crate::run::TrainedRun;
use crate::store_embedder::StoreEmbedder;

/// A probe on the vector under the question, with what the answer scorer says in it.
pub(super) const VECTOR: &str = "vector, probe";
/// A probe on the vector without it.
pub(super) const VECTOR_ALONE: &str = "vector without answers, probe";
/// A probe on the vector before training, which has no answers either.
pub(super) const UNTRAINED: &str = "vector before training, probe";
/// The cosine with a yes in words, minus that with a no.
pub(super) const TEXTS: &str = "vector, cosine with the answers' texts";
/// The same cosines of the vector without an instruction: two towers, one for users and one for
/// texts.
pub(super) const TWO_TOWERS: &str = "vector without an instruction, cosine with the answers' texts";
/// A probe on the vector without an instruction and without answers.
pub(super) const GENERAL: &str = "vector without an instruction, probe";
/// How much likelier a yes in words is than a no, to the next-token head.
pub(super) const LIKELIHOOD: &str = "likelihood of a yes beside a no";

/// Asks a model some questions whose value learning never named: `most` of them. Probes are
/// learned from all labels at the newest time of training.
pub(super) fn model_methods(
    run: &ForecastRun<'_>,
    asked: &Asked,
    model: &TrainedRun,
    most: usize,
    watch: &mut dyn FnMut(Progress),
) -> Result<Vec<ForecastScores>> {
    let (data, items) = (&run.data, &asked.study.items);
    let fits = |at: &usize| !items[*at].seen_value && named_texts(run, asked, *at).is_some();
    let mut chosen: Vec<usize> = (0..items.len()).filter(fits).collect();
    chosen.sort_by_key(|at| seed::derive(data.userqa.seed, &items[*at].name, &[]));
    chosen.truncate(most);
    chosen.sort_unstable();
    let schema = data.store.schema();
    let texts = chosen
        .iter()
        .map(|at| asked.forecasts[*at].texts(schema, None));
    let texts = texts.map(|texts| texts.expect("its text was named"));
    let texts: Vec<_> = texts.collect();
    // The last are the vectors without an instruction.
    let asked_for = texts.iter().map(|texts| Some(texts.instruction.clone()));
    let instructions: Vec<Option<String>> = asked_for.chain([None]).collect();
    let general = texts.len();
    let labelled = Labelled::at(run, asked, data.newest())?;
    let mut embed = |model: &StoreEmbedder<'_>| -> Result<[Vec<UserVectors>; 2]> {
        let users = (&labelled.users, data.newest());
        let learned = model.embed_users(users.0, users.1, &instructions, watch);
        let tested = model.embed_users(&asked.users, run.reference, &instructions, watch);
        Ok([learned.map_err(failed)?, tested.map_err(failed)?])
    };
    let trained = StoreEmbedder::new(&model.model, data.store).with_answers(Some(run.scorer));
    let untrained = StoreEmbedder::new(&model.untrained, data.store);
    let with_answers = embed(&trained)?;
    let before = embed(&untrained)?;
    let without = with_answers.clone().map(|all| {
        let each = all.into_iter().map(|vectors| UserVectors {
            answers: Matrix::zeros(vectors.state.rows, 0),
            ..vectors
        });
        each.collect::<Vec<_>>()
    });
    let place = |at: usize| chosen.binary_search(&at).ok();
    let probed = |[learned, tested]: &[Vec<UserVectors>; 2], at: usize, place: usize| {
        let (of, labels) = labelled.first(at, usize::MAX);
        let (x, second) = learned[place].readable().ok()?;
        let cross_validation = CrossValidation {
            seed: data.userqa.seed,
            ..CrossValidation::default()
        };
        let fit = cross_validation
            .fit_blocks(&x.select(&of), &labels, second)
            .ok()?;
        let found = fit.scores(&tested[place].readable().ok()?.0).ok()?;
        Some(
            found
                .into_iter()
                .map(|score| score as f32)
                .collect::<Vec<f32>>(),
        )
    };
    let both: Vec<String> = texts
        .iter()
        .flat_map(|texts| [texts.yes.clone(), texts.no.clone()])
        .collect();
    let both = trained.embed_texts(&both).map_err(failed)?;
    let near = |at: usize, vectors: usize| {
        let place = place(at)?;
        let units = &with_answers[1][vectors].unit;
        let of = |user: usize| {
            let dot = |text: usize| -> f32 {
                let pairs = units.row(user).iter().zip(both.row(text));
                pairs.map(|(a, b)| a * b).sum()
            };
            dot(2 * place) - dot(2 * place + 1)
        };
        Some((0..units.rows).map(of).collect::<Vec<f32>>())
    };
    let said = texts.iter().flat_map(|texts| {
        [&texts.yes, &texts.no].map(|answer| {
            let instruction = DataText::new(texts.instruction.as_str());
            (Some(instruction), DataText::new(answer.as_str()))
        })
    });
    let said: Vec<_> = said.collect();
    let likely = trained
        .answer_log_likelihoods(&asked.users, run.reference, &said, watch)
        .map_err(failed)?;
    let likelier = |at: usize| {
        let place = place(at)?;
        let of = |user: usize| likely.row(user)[2 * place] - likely.row(user)[2 * place + 1];
        Some((0..likely.rows).map(of).collect::<Vec<f32>>())
    };
    let exact = Some(Wording::Exact);
    let scores = |name: &str, of: &(dyn Fn(usize) -> Option<Vec<f32>> + Sync)| {
        asked.scores((name, exact), of)
    };
    let probes = [
        (VECTOR, &with_answers, None),
        (VECTOR_ALONE, &without, None),
        (UNTRAINED, &before, None),
        (GENERAL, &without, Some(general)),
    ];
    let probes = probes.into_par_iter();
    let probes = probes.map(|(name, vectors, fixed)| {
        scores(name, &|at| {
            let place = place(at)?;
            probed(vectors, at, fixed.unwrap_or(place))
        })
    });
    let mut methods: Vec<ForecastScores> = probes.collect();
    methods.push(scores(TEXTS, &|at| near(at, place(at)?)));
    methods.push(scores(TWO_TOWERS, &|at| near(at, general)));
    methods.push(scores(LIKELIHOOD, &likelier));
    Ok(methods)
}

fn failed(source: instructue_eval::BoxError) -> Error {
    Error::Eval(instructue_eval::Error::Model {
        model: "trained",
        source,
    })
}
