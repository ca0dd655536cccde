//! After training: tasks, retrieval, `evaluation.json` and `report.html`.

use std::collections::BTreeMap;
use std::path::Path;

use instructue_eval::{
    Answer, EvaluateInput, EvaluateOptions, Evaluation, LossPoint, RetrievalInput, Summary,
    TaskLabels, TaskSet, UserRef, count_matrix, label_all, prove, write_report,
};
use instructue_model::InstructUe;
use instructue_schema::Timestamp;
use instructue_schema::seed;
use instructue_store::UserStore;
use instructue_trainer::{Phase, metrics};
use instructue_userqa::{Split, Triple, UserQa, UserQaConfig, split_of};

use crate::config::RunConfig;
use crate::error::Result;
use crate::prepare::{Ingested, Stage};
use crate::run::Watch;
use crate::store_embedder::StoreEmbedder;

/// The numbers of a proof.
pub const PROOF_FILE: &str = "evaluation.json";
/// The proof to look at.
pub const REPORT_FILE: &str = "report.html";

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
}

/// Proves the trained model on held-out users and writes both files.
pub(crate) fn prove_run(run: &Finished<'_>, watch: &mut dyn Watch) -> Result<Evaluation> {
    let store = &run.ingested.store;
    let (train, test) = users(store, run.userqa)?;
    let none = TaskSet {
        reference: run.ingested.end,
        active_days: None,
        active_source: None,
        tasks: Vec::new(),
    };
    let tasks = run.ingested.tasks.as_ref().unwrap_or(&none);
    tasks.check_against(store.schema())?;
    let both: Vec<UserRef> = train.iter().chain(&test).copied().collect();
    let labels = label_all(tasks, store, &both, run.data)?
        .into_iter()
        .map(|labels| TaskLabels {
            train: labels[..train.len()].to_vec(),
            test: labels[train.len()..].to_vec(),
        })
        .collect::<Vec<_>>();
    let reference = *run
        .userqa
        .references
        .last()
        .expect("validated: at least one");
    let answers = answers(run, reference)?;
    let trained = StoreEmbedder::new(run.trained, store);
    let untrained = StoreEmbedder::new(run.untrained, store);
    watch.stage(Stage::Begin { name: "proving" });
    let proof = prove(EvaluateInput {
        tasks,
        labels: &labels,
        trained: &trained,
        untrained: &untrained,
        train: &train,
        test: &test,
        counts: &|users, reference| Ok(count_matrix(store, users, reference)?),
        retrieval: Some(RetrievalInput {
            reference,
            answers: &answers,
        }),
        options: EvaluateOptions {
            seed: run.config.seed,
            resamples: run.config.evaluation.resamples,
            retrieval_queries: run.config.evaluation.retrieval_queries,
            ..EvaluateOptions::default()
        },
        progress: &mut |stage| watch.stage(progress(stage)),
    })?;
    proof.save(&run.out.join(PROOF_FILE))?;
    let losses = losses(run.out)?;
    write_report(
        &run.out.join(REPORT_FILE),
        &proof,
        &losses,
        &proof.map,
        &summary(run),
    )?;
    Ok(proof)
}

pub(crate) fn progress(stage: instructue_eval::Stage) -> Stage {
    match stage {
        instructue_eval::Stage::Embedding { done, total, .. }
        | instructue_eval::Stage::Probing { done, total } => Stage::Progress {
            done: done as u64,
            total: total as u64,
        },
        _ => Stage::Progress { done: 0, total: 1 },
    }
}

/// Training (with validation) and test users, in store order.
fn users(store: &UserStore, config: &UserQaConfig) -> Result<(Vec<UserRef>, Vec<UserRef>)> {
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for shard in 0..store.shards() {
        for (index, user) in store.shard(shard)?.users.iter().enumerate() {
            match split_of(user, config.seed, config) {
                Split::Test => test.push(UserRef { shard, index }),
                Split::Train | Split::Validation => train.push(UserRef { shard, index }),
            }
        }
    }
    Ok((train, test))
}

/// The test users' own answers to the instructions that most of them share,
/// at the newest reference time.
fn answers(run: &Finished<'_>, reference: Timestamp) -> Result<Vec<Answer>> {
    let wanted = |triple: &Triple| {
        triple.split == Split::Test && triple.reference == reference && !triple.held_out
    };
    let most = run.config.evaluation.retrieval_instructions;
    answers_of(
        &run.ingested.store,
        run.triples,
        &wanted,
        most,
        run.config.seed,
    )
}

/// The answers of `wanted` triples to the `most` instructions that have most of them.
pub(crate) fn answers_of(
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

fn losses(out: &Path) -> Result<Vec<LossPoint>> {
    let lines = metrics::read(&out.join("metrics.jsonl"))?;
    Ok(lines
        .into_iter()
        .map(|line| LossPoint {
            step: line.step as u64,
            validation: line.phase == Phase::Validation,
            contrastive: line.losses.of("contrastive"),
            next_token: line.losses.of("next_token"),
            users_per_second: line.users_per_second,
        })
        .collect())
}

fn summary(run: &Finished<'_>) -> Summary {
    let schema = run.ingested.store.schema();
    let mut configuration = vec![
        ("data".to_string(), schema.name.clone()),
        ("users".to_string(), run.ingested.store.users().to_string()),
    ];
    configuration.extend(settings(run.config));
    Summary {
        title: format!("User embeddings: {}", schema.name),
        subtitle: format!(
            "{} users, size {}, {} steps; every figure is of held-out users.",
            run.ingested.store.users(),
            run.config.size,
            run.config.train.steps
        ),
        configuration,
    }
}

/// Every key of a configuration with its value.
pub(crate) fn settings(config: &RunConfig) -> Vec<(String, String)> {
    let mut settings = Vec::new();
    let toml = config.to_toml();
    let mut section = String::new();
    for line in toml.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[') {
            section = format!("{}.", name.trim_end_matches(']'));
        } else if let Some((key, value)) = line.split_once('=') {
            settings.push((format!("{section}{}", key.trim()), value.trim().to_string()));
        }
    }
    settings
}
