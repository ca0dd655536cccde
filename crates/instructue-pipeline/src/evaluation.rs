//! After training: the evaluation of a run on one holdout split, and its files.

use std::collections::BTreeMap;
use std::path::Path;

use instructue_eval::{
    Answer, EvaluateInput, EvaluateOptions, Evaluation, Fold, FoldUsers, ForecastResult, LossPoint,
    RetrievalInput, SEEN, TaskSet, UNSEEN, count_matrix, evaluate, label_all, write_report,
};
use instructue_model::{AnswerScorer, InstructUe};
use instructue_schema::{UserRef, seed};
use instructue_store::UserStore;
use instructue_trainer::{Phase, metrics};
use instructue_userqa::{Split, Triple, UserQa, UserQaConfig, split_of};

use crate::config::RunConfig;
use crate::error::Result;
use crate::names::{EVALUATION_FILE, METRICS_FILE, REPORT_FILE};
use crate::prepare::Ingested;
use crate::store_embedder::StoreEmbedder;
use crate::watch::Watch;
use instructue_schema::Progress;

/// What a run has when training is over.
pub(crate) struct Finished<'a> {
    pub data: &'a Path,
    pub out: &'a Path,
    pub ingested: &'a Ingested,
    pub triples: &'a UserQa,
    pub userqa: &'a UserQaConfig,
    pub config: &'a RunConfig,
    pub trained: &'a InstructUe,
    pub untrained: &'a InstructUe,
    pub answers: Option<&'a (AnswerScorer, ForecastResult)>,
}

/// Evaluates the trained model on held-out users and writes both files.
pub(crate) fn evaluate_run(run: &Finished<'_>, watch: &mut dyn Watch) -> Result<Evaluation> {
    let store = &run.ingested.store;
    let (users, split) = users(store, run.userqa)?;
    let none = TaskSet {
        reference: run.ingested.end,
        active_days: None,
        active_source: None,
        tasks: Vec::new(),
    };
    let tasks = run.ingested.tasks.as_ref().unwrap_or(&none);
    tasks.check_against(store.schema())?;
    let labels = label_all(tasks, store, &users, run.data)?;
    let settings = &run.config.evaluation;
    let answers = own_answers(
        store,
        (run.triples, run.userqa),
        false,
        settings.retrieval_instructions,
        run.config.seed,
    )?;
    let scorer = run.answers.map(|(scorer, _)| scorer);
    let trained = StoreEmbedder::new(run.trained, store).with_answers(scorer);
    let untrained = StoreEmbedder::new(run.untrained, store);
    watch.progress(Progress::Stage { name: "evaluating" });
    let mut evaluation = evaluate(EvaluateInput {
        tasks,
        users: &users,
        labels: &labels,
        folds: vec![Fold {
            trained: &trained,
            untrained: Some(&untrained),
            users: split,
            answers: vec![answers],
        }],
        counts: Some(&|users, reference| Ok(count_matrix(store, users, reference)?)),
        options: EvaluateOptions {
            seed: run.config.seed,
            resamples: settings.resamples,
            retrieval_queries: settings.retrieval_queries,
            ..EvaluateOptions::default()
        },
        progress: &mut |step| watch.progress(step),
    })?;
    evaluation.forecasts = run.answers.map(|(_, forecasts)| forecasts.clone());
    describe(run, &mut evaluation);
    evaluation.save(&run.out.join(EVALUATION_FILE))?;
    let losses = losses(run.out)?;
    write_report(&run.out.join(REPORT_FILE), &evaluation, &losses)?;
    Ok(evaluation)
}

/// All users in store order, and which are trained on (or validated with) and tested.
fn users(store: &UserStore, config: &UserQaConfig) -> Result<(Vec<UserRef>, FoldUsers)> {
    let (mut users, mut split) = (Vec::new(), FoldUsers::default());
    for shard in 0..store.shards() {
        for (index, user) in store.shard(shard)?.users.iter().enumerate() {
            let side = match split_of(user, config.seed, config) {
                Split::Test => &mut split.test,
                Split::Train | Split::Validation => &mut split.train,
            };
            side.push(users.len());
            users.push(UserRef { shard, index });
        }
    }
    Ok((users, split))
}

/// The test users' own answers to the instructions that most of them share, at the
/// newest reference time; of families that were kept from training, or of the others.
pub(crate) fn own_answers(
    store: &UserStore,
    (triples, userqa): (&UserQa, &UserQaConfig),
    held_out: bool,
    most: usize,
    seed: u64,
) -> Result<RetrievalInput> {
    let reference = *userqa.references.last().expect("validated: at least one");
    let wanted = |triple: &Triple| {
        triple.split == Split::Test && triple.reference == reference && triple.held_out == held_out
    };
    Ok(RetrievalInput {
        kind: if held_out { UNSEEN } else { SEEN }.into(),
        reference,
        answers: answers_of(store, triples, &wanted, most, seed)?,
    })
}

/// The answers of `wanted` triples to the `most` instructions that have most of them.
fn answers_of(
    store: &UserStore,
    triples: &UserQa,
    wanted: &dyn Fn(&Triple) -> bool,
    most: usize,
    seed: u64,
) -> Result<Vec<Answer>> {
    let mut by_instruction: BTreeMap<String, Vec<Answer>> = BTreeMap::new();
    for shard in 0..store.shards() {
        let users = store.shard(shard)?;
        for triple in triples.shard(shard)?.into_iter().filter(wanted) {
            if let Some(index) = users.find(&triple.user) {
                by_instruction
                    .entry(triple.instruction.clone())
                    .or_default()
                    .push(Answer {
                        user: UserRef { shard, index },
                        instruction: triple.instruction,
                        answer: triple.answer,
                    });
            }
        }
    }
    let mut groups: Vec<_> = by_instruction.into_iter().collect();
    groups.sort_by_key(|(text, answers)| {
        (
            std::cmp::Reverse(answers.len()),
            seed::derive(seed, text, &[]),
        )
    });
    groups.truncate(most);
    Ok(groups
        .into_iter()
        .flat_map(|(_, answers)| answers)
        .collect())
}

/// The losses of a run's training.
pub(crate) fn losses(out: &Path) -> Result<Vec<LossPoint>> {
    let lines = metrics::read(&out.join(METRICS_FILE))?;
    let point = |line: metrics::Metrics| LossPoint {
        step: line.step as u64,
        validation: line.phase == Phase::Validation,
        contrastive: line.losses.of("contrastive"),
        next_token: line.losses.of("next_token"),
        users_per_second: line.users_per_second,
    };
    Ok(lines.into_iter().map(point).collect())
}

/// Says what the evaluation is of.
fn describe(run: &Finished<'_>, evaluation: &mut Evaluation) {
    let schema = run.ingested.store.schema();
    let users = run.ingested.store.users();
    let (size, steps) = (&run.config.size, run.config.train.steps);
    evaluation.title = format!("User embeddings: {}", schema.name);
    evaluation.notes = vec![format!(
        "{users} users, size {size}, {steps} steps; every figure is of held-out users."
    )];
    evaluation.facts = vec![
        ("data".to_string(), schema.name.clone()),
        ("users".to_string(), users.to_string()),
    ];
    evaluation.facts.extend(settings(run.config));
}

/// Every key of a configuration with its value.
pub(crate) fn settings(config: &RunConfig) -> Vec<(String, String)> {
    fn walk(prefix: &str, table: &toml::Table, found: &mut Vec<(String, String)>) {
        for (key, value) in table {
            let key = format!("{prefix}{key}");
            match value {
                toml::Value::Table(inner) => walk(&format!("{key}."), inner, found),
                value => found.push((key, value.to_string())),
            }
        }
    }
    let mut settings = Vec::new();
    let table = config.to_toml().parse().unwrap_or_default();
    walk("", &table, &mut settings);
    settings
}
