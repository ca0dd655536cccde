//! Other versions of a suite's data: with changed events, or with fewer sources.

use std::collections::HashMap;
use std::path::PathBuf;

use instructue_eval::{NoiseKind, write_noisy};
use instructue_schema::{Schema, SourceKind, UserId, UserRef, seed};
use instructue_store::{IngestOptions, UserStore};

use crate::error::Result;
use crate::prepare::Ingested;
use crate::suite::declare::{Suite, Variant};
use crate::suite::paths::Paths;
use crate::suite::plan::Plan;
use crate::watch::Watch;
use instructue_schema::Progress;

/// The population in a store: as the data are, with changed events, or with other sources.
pub(crate) struct Histories {
    pub store: UserStore,
    /// Per user of the population; none where no event is left.
    pub refs: Vec<Option<UserRef>>,
}

impl Histories {
    pub fn new(store: UserStore, users: &[UserId]) -> Result<Self> {
        let mut places = HashMap::new();
        for shard in 0..store.shards() {
            for (index, user) in store.shard(shard)?.users.into_iter().enumerate() {
                places.insert(user, UserRef { shard, index });
            }
        }
        let refs = users.iter().map(|user| places.get(user).copied()).collect();
        Ok(Self { store, refs })
    }
}

/// A change of events and the users that it leaves.
pub(crate) struct Noisy {
    /// Its name.
    pub condition: String,
    pub kind: NoiseKind,
    /// The changed files.
    pub data: PathBuf,
    pub histories: Histories,
}

/// Changed copies of the data.
pub(crate) fn noisy_stores(
    suite: &Suite,
    plan: &Plan,
    paths: &Paths,
    watch: &mut dyn Watch,
) -> Result<Vec<Noisy>> {
    let clean = &plan.ingested.store;
    let (schema, references) = (clean.schema(), plan.references());
    let times: Vec<u64> = references.iter().map(|time| time.0 as u64).collect();
    let of = seed::derive(suite.seed, clean.fingerprint(), &times);
    let mut stores = Vec::new();
    for (condition, kind) in suite.noise.conditions() {
        let data = paths.noise(of, &condition);
        if !data.is_dir() {
            let text = format!("changing events: {condition}");
            watch.progress(Progress::Note { text });
            write_noisy(schema, &plan.data, &data, &kind, &references, suite.seed)?;
        }
        let (store, options) = (paths.noise_store(of, &condition), IngestOptions::default());
        let (store, _) = UserStore::open_or_ingest(schema, &data, &store, &options, &mut |_| {})?;
        stores.push(Noisy {
            histories: Histories::new(store, &plan.users)?,
            condition,
            kind,
            data,
        });
    }
    Ok(stores)
}

/// The data as a variant sees them: with fewer sources, or as they are.
pub(crate) fn without(plan: &Plan, paths: &Paths, variant: &Variant) -> Result<Ingested> {
    let left_out = |name: &String| variant.without.contains(name);
    let mut schema = plan.ingested.store.schema().clone();
    let path = match variant.without.is_empty() {
        true => plan.ingested.path.clone(),
        false => paths.store_of(&variant.name),
    };
    schema.sources.retain(|source| !left_out(&source.name));
    for source in &mut schema.sources {
        source.aggregates.retain(|one| !left_out(&one.source));
    }
    // An aggregate of nothing is no source.
    schema.sources.retain(|source| {
        source.kind == SourceKind::Events || source.has_file() || !source.aggregates.is_empty()
    });
    let schema = Schema::from_toml(&schema.to_toml())?;
    let options = IngestOptions::default();
    let (store, _) = UserStore::open_or_ingest(&schema, &plan.data, &path, &options, &mut |_| {})?;
    Ok(Ingested {
        store,
        path,
        tasks: plan.ingested.tasks.clone(),
        end: plan.ingested.end,
    })
}
