//! Generated users, ingested, with a training set and a fitted preprocessor.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use instructue_features::{LexicalMatches, ProfileBuilder, SourceProfile, TextTokenizer};
use instructue_generate::{GenerateConfig, generate};
use instructue_model::{Normalisers, Preprocessor};
use instructue_schema::Schema;
use instructue_schema::user_key;
use instructue_store::{IngestOptions, UserStore};
use instructue_trainer::{Result, TrainData};
use instructue_userqa::{Split, UserQa, UserQaConfig, build, split_of};
use tempfile::TempDir;

pub struct Data {
    pub directory: TempDir,
    pub userqa: UserQaConfig,
    pub preprocessor: Preprocessor,
}

impl Data {
    /// Users in several shards, each at `references` reference times with up to `triples`
    /// triples.
    fn new(users: u64, references: i64, triples: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let generated = GenerateConfig {
            users,
            seed: 5,
            events_per_user: 40.0,
            ..GenerateConfig::default()
        };
        generate(&generated, &at("data"), &mut |_| {}).unwrap();
        let schema = Schema::load(&at("data").join("schema.toml")).unwrap();
        let options = IngestOptions {
            users_per_shard: 20,
            ..IngestOptions::default()
        };
        let (store, _) =
            UserStore::ingest(&schema, &at("data"), &at("store"), &options, &mut |_| {}).unwrap();
        let times = (0..references).map(|back| generated.reference.plus_days(-20 * back));
        let userqa = UserQaConfig {
            seed: 5,
            references: times.collect(),
            triples_per_user: triples,
            test_share: 0.2,
            validation_share: 0.2,
            // The users are generated, and few.
            min_users: 1,
            ..UserQaConfig::default()
        };
        build(&store, &userqa, &at("userqa"), &mut |_| {}).unwrap();
        let preprocessor = fit(&store, &UserQa::open(&at("userqa")).unwrap(), &userqa);
        Self {
            directory,
            userqa,
            preprocessor,
        }
    }

    pub fn store(&self) -> UserStore {
        UserStore::open(&self.directory.path().join("store")).unwrap()
    }

    pub fn triples(&self) -> UserQa {
        UserQa::open(&self.directory.path().join("userqa")).unwrap()
    }

    pub fn open(&self, split: Split) -> Result<TrainData> {
        self.open_at(&self.directory.path().join("userqa"), split)
    }

    pub fn open_at(&self, userqa: &Path, split: Split) -> Result<TrainData> {
        TrainData::open(&self.directory.path().join("store"), userqa, split)
    }
}

/// Enough users for three shards and all splits, at two reference times.
pub fn data() -> &'static Data {
    static DATA: OnceLock<Data> = OnceLock::new();
    DATA.get_or_init(|| Data::new(60, 2, 6))
}

/// So few users and triples that every step sees the same ones.
pub fn few() -> &'static Data {
    static DATA: OnceLock<Data> = OnceLock::new();
    DATA.get_or_init(|| Data::new(16, 1, 2))
}

fn fit(store: &UserStore, triples: &UserQa, config: &UserQaConfig) -> Preprocessor {
    let shards: Vec<_> = (0..store.shards())
        .map(|i| store.shard(i).unwrap())
        .collect();
    let reference = config.references[0];
    let histories = || {
        let all = shards.iter().flat_map(|shard| shard.histories());
        all.filter(|h| split_of(h.user(), config.seed, config) == Split::Train)
            .map(|history| (history, reference))
    };
    let profiles = ProfileBuilder::fit(store.schema(), histories(), Some(4), 1);
    let normalisers = Normalisers::fit(&profiles, histories()).unwrap();
    let (mut texts, mut questions) = (Vec::new(), Vec::new());
    for (history, reference) in histories() {
        for source in profiles.build(&history, reference).sources {
            if let SourceProfile::Events(events) = source {
                texts.extend(events.iter().map(|event| event.text.as_str().to_string()));
            }
        }
    }
    for index in 0..store.shards() {
        for triple in triples.shard(index).unwrap() {
            let user = user_key(&triple.user);
            questions.push((user, triple.instruction.clone()));
            texts.extend([triple.instruction, triple.answer]);
        }
    }
    let tokenizer = Arc::new(TextTokenizer::train(texts.into_iter(), 600).unwrap());
    let built = histories().map(|(history, reference)| profiles.build(&history, reference));
    let lexical_matches = LexicalMatches::fit(store.schema(), built, &questions, 1);
    Preprocessor::new(profiles, normalisers, tokenizer.clone(), tokenizer, true)
        .with_lexical_matches(Some(lexical_matches))
}
