//! Who is asked what in a suite, and which users are tested in which fold.

use std::collections::BTreeSet;
use std::path::PathBuf;

use instructue_eval::{EvaluateOptions, FoldUsers, MinPerClass, Study, TaskSet, label_all};
use instructue_schema::limits::{self, numbers};
use instructue_schema::{Timestamp, UserId, UserRef};
use instructue_userqa::{Split, split_of};

use crate::config::userqa_config;
use crate::error::Result;
use crate::prepare::{Ingested, check_tasks, ingest, references};
use crate::suite::declare::Suite;
use crate::suite::next_items::NextItems;
use crate::suite::paths::Paths;
use instructue_schema::Progress;

/// A task is left out with fewer users of a class.
const MIN_PER_CLASS: MinPerClass = MinPerClass {
    labelled: 25,
    train: 10,
    test: 1,
};
/// What every method of a suite is measured on.
pub(crate) struct Plan {
    pub data: PathBuf,
    pub ingested: Ingested,
    pub tasks: TaskSet,
    /// The population, in the order of the store.
    pub users: Vec<UserId>,
    pub refs: Vec<UserRef>,
    /// Per task and user.
    pub labels: Vec<Vec<Option<bool>>>,
    /// Per fold and user.
    pub splits: Vec<Vec<Split>>,
    pub recommendations: Vec<NextItems>,
}

impl Plan {
    /// Reads the data of a suite and labels its users.
    pub fn new(suite: &Suite, paths: &Paths, watch: &mut dyn FnMut(Progress)) -> Result<Self> {
        let data = suite.data_dir();
        let ingested = ingest(&data, &paths.store(), watch)?;
        let tasks = ingested.tasks.clone().unwrap_or(TaskSet {
            reference: ingested.end,
            active_days: None,
            active_source: None,
            tasks: Vec::new(),
        });
        let names: Vec<&str> = tasks.tasks.iter().map(|task| task.name.as_str()).collect();
        suite.check_against(ingested.store.schema(), &names)?;
        let min_users = suite.config()?.privacy.min_users;
        check_tasks(&ingested, &data, min_users, watch)?;
        let store = &ingested.store;
        let (mut users, mut refs) = (Vec::new(), Vec::new());
        for shard in 0..store.shards() {
            for (index, user) in store.shard(shard)?.users.iter().enumerate() {
                users.push(user.clone());
                refs.push(UserRef { shard, index });
            }
        }
        limits::product(
            "resamples × users",
            &[suite.resamples as u64, users.len() as u64],
            &numbers::RESAMPLED_USERS,
        )?;
        let labels = label_all(&tasks, store, &refs, &data)?;
        let config = suite.config()?;
        let splits: Vec<Vec<Split>> = (0..suite.folds_run())
            .map(|fold| {
                let config = suite.in_fold(&config, fold);
                let qa = userqa_config(&config, &references(&config, &ingested), ingested.end);
                let split = |user| split_of(user, qa.seed, &qa);
                users.iter().map(split).collect()
            })
            .collect();
        let recommendations = suite
            .recommendations
            .iter()
            .map(|one| {
                let found = NextItems::new(one, store, &users, &refs, tasks.reference, &data)?;
                found.check(&splits)?;
                Ok(found)
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            data,
            ingested,
            tasks,
            users,
            refs,
            labels,
            splits,
            recommendations,
        })
    }

    /// Users, tasks and folds for the evaluation.
    pub fn study(&self, suite: &Suite) -> Result<Study<'_>> {
        let run = suite.config()?.evaluation;
        let options = EvaluateOptions {
            seed: suite.seed,
            resamples: suite.resamples,
            min_per_class: MIN_PER_CLASS,
            retrieval_queries: run.retrieval_queries,
            awareness: true,
            lookalike: suite.lookalike.clone(),
            ..EvaluateOptions::default()
        };
        let side = |splits: &[Split], test: bool| -> Vec<usize> {
            let users = 0..self.users.len();
            users
                .filter(|&user| (splits[user] == Split::Test) == test)
                .collect()
        };
        let fold = |splits: &Vec<Split>| FoldUsers {
            train: side(splits, false),
            test: side(splits, true),
        };
        let folds = self.splits.iter().map(fold).collect();
        let study = Study::new(&self.tasks, &self.refs, &self.labels, folds, options);
        Ok(study?)
    }

    /// The times at which profiles end.
    pub fn references(&self) -> Vec<Timestamp> {
        let times = self
            .tasks
            .tasks
            .iter()
            .map(|task| self.tasks.reference_of(task));
        let times: BTreeSet<Timestamp> = times.collect();
        times.into_iter().collect()
    }
}
