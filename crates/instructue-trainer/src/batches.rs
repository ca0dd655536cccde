//! The users and instructions of each step. They are a pure function of (seed, step), so that any
//! step can be replayed and a run can be resumed.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use instructue_features::{ProfileTokenizer, ProfileTokens, ProfileWords, Row, Segment};
use instructue_model::Preprocessor;
use instructue_schema::{DataText, Timestamp};
use instructue_schema::{Shard, seed};
use instructue_store::UserStore;
use instructue_userqa::{Manifest, Split, Triple, UserQa};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use crate::answers::Answers;
use crate::config::TrainConfig;
use crate::error::{Error, Result};
use crate::event_replacement::EventReplacement;
use crate::order::EpochOrder;
use crate::rows::{RowSource, Rows};

/// The number of shards in memory. The order visits shards one after the other.
const SHARDS_IN_MEMORY: usize = 2;

/// A user at one reference time, with the triples to choose from. It is the unit of an epoch.
#[derive(Debug, Clone)]
struct Unit {
    user: usize,
    reference: Timestamp,
    triples: Vec<Triple>,
}

/// A unit with its profile, before its instructions are chosen.
#[derive(Debug)]
struct Draft {
    user_key: u64,
    profile: ProfileTokens,
    /// The profile's words for lexical matches, if the model uses them.
    words: Option<ProfileWords>,
    triples: Vec<Triple>,
}

#[derive(Debug)]
struct LoadedShard {
    index: usize,
    shard: Shard,
    units: Vec<Unit>,
    /// The user of each unit. A user with more units occurs more often.
    owners: Vec<usize>,
}

/// The data of a training run: a user store and its training set.
#[derive(Debug, Clone)]
pub struct TrainData {
    store: PathBuf,
    userqa: PathBuf,
    split: Split,
    units: Vec<usize>,
    fingerprint: String,
}

impl TrainData {
    /// Opens a user store and its training set, and counts the units of `split`.
    ///
    /// # Errors
    /// One of them cannot be read, or nothing belongs to the split.
    pub fn open(store: &Path, userqa: &Path, split: Split) -> Result<Self> {
        let users = UserStore::open(store)?;
        let triples = UserQa::open(userqa)?;
        let mut units = Vec::with_capacity(users.shards());
        for shard in 0..users.shards() {
            units.push(group(&users.shard(shard)?, triples.shard(shard)?, split).len());
        }
        if units.iter().sum::<usize>() == 0 {
            return Err(Error::NoData(format!(
                "{}: no triple of split {split:?}",
                userqa.display()
            )));
        }
        Ok(Self {
            store: store.into(),
            userqa: userqa.into(),
            split,
            units,
            fingerprint: fingerprint(triples.manifest())?,
        })
    }
}

impl RowSource for TrainData {
    fn units(&self) -> usize {
        self.units.iter().sum()
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn open(&self, preprocessor: Arc<Preprocessor>, config: &TrainConfig) -> Result<Box<dyn Rows>> {
        Ok(Box::new(Batches::new(self, preprocessor, config)?))
    }
}

/// A source of the rows of each step.
#[derive(Debug)]
struct Batches {
    data: TrainData,
    store: UserStore,
    userqa: UserQa,
    preprocessor: Arc<Preprocessor>,
    answers: Answers,
    replacement: Option<EventReplacement>,
    tokenizer: ProfileTokenizer,
    config: TrainConfig,
    loaded: VecDeque<LoadedShard>,
    window: Option<(usize, Vec<Vec<Row>>)>,
}

impl Batches {
    /// Prepares batches of `data`, tokenised by `preprocessor`.
    ///
    /// # Errors
    /// When the data cannot be opened.
    fn new(
        data: &TrainData,
        preprocessor: Arc<Preprocessor>,
        config: &TrainConfig,
    ) -> Result<Self> {
        let (store, userqa) = (UserStore::open(&data.store)?, UserQa::open(&data.userqa)?);
        let answers = match config.batch.extra_negatives {
            0 => Answers::default(),
            _ => Answers::collect(&store, &userqa, &preprocessor)?,
        };
        Ok(Self {
            data: data.clone(),
            store,
            userqa,
            answers,
            replacement: EventReplacement::new(config, preprocessor.schema()),
            tokenizer: preprocessor.profile_tokenizer(),
            preprocessor,
            config: config.clone(),
            loaded: VecDeque::new(),
            window: None,
        })
    }

    /// The number of units in a step.
    fn users_per_step(&self) -> usize {
        self.config.batch.users_per_step.min(self.data.units())
    }

    /// The steps of one window: its units are sorted by length and divided into steps, and the
    /// steps are shuffled.
    fn load_window(&mut self, epoch: usize, window: usize) -> Result<Vec<Vec<Row>>> {
        let per_step = self.users_per_step();
        let first = window * self.config.batch.length_window;
        let last = (first + self.config.batch.length_window).min(self.steps_per_epoch());
        let order = EpochOrder::new(self.config.seed, epoch as u64, &self.data.units);
        let mut drafts = Vec::with_capacity((last - first) * per_step);
        for position in first * per_step..last * per_step {
            let (shard, unit) = order.at(position).expect("below the number of units");
            drafts.push(self.draft(epoch, shard, unit)?);
        }
        let layout = self.preprocessor.layout();
        drafts.sort_by_cached_key(|draft| (draft.profile.slots(layout), draft.user_key));
        let parts = [epoch as u64, window as u64];
        let mut steps: Vec<Vec<Row>> = Vec::with_capacity(last - first);
        for (number, drafts) in drafts.chunks(per_step).enumerate() {
            let parts = [parts[0], parts[1], number as u64];
            let focused = self.is_focused(epoch * self.steps_per_epoch() + first + number);
            let mut rng = seed::rng(self.config.seed, "step", &parts);
            steps.push(self.finish(drafts, focused, &mut rng));
        }
        seed::shuffle(
            &mut steps,
            &mut seed::rng(self.config.seed, "window", &parts),
        );
        Ok(steps)
    }

    fn draft(&mut self, epoch: usize, shard: usize, unit: usize) -> Result<Draft> {
        let place = self.load(shard)?;
        let loaded = &self.loaded[place];
        let parts = [epoch as u64, shard as u64, unit as u64];
        let unit = &loaded.units[unit];
        let at = (unit.user, unit.reference);
        let replacement = self.replacement.as_ref();
        let mixed = replacement.and_then(|of| of.mixed(&loaded.shard, at, &loaded.owners, &parts));
        let history = match &mixed {
            Some(alone) => alone.history(0),
            None => loaded.shard.history(unit.user),
        };
        let profile = self.preprocessor.profiles().build(&history, unit.reference);
        Ok(Draft {
            user_key: seed::derive(0, history.user().as_str(), &[]),
            profile: self.tokenizer.tokenize(&profile),
            words: self.preprocessor.words(&profile),
            triples: unit.triples.clone(),
        })
    }

    /// Whether the instructions of `step` come from few families.
    fn is_focused(&self, step: usize) -> bool {
        let steps = (self.config.steps * self.config.batch.gradient_accumulation_steps) as f64;
        self.config.batch.families_per_step > 0
            && step as f64 >= self.config.batch.mixed_families * steps
    }

    /// Chooses the instructions of a step's users.
    fn finish(&self, drafts: &[Draft], focused: bool, rng: &mut ChaCha8Rng) -> Vec<Row> {
        let families: BTreeSet<&str> = drafts
            .iter()
            .flat_map(|d| &d.triples)
            .map(|t| t.family.as_str())
            .collect();
        let mut families: Vec<&str> = families.into_iter().collect();
        seed::shuffle(&mut families, rng);
        let wanted = match focused {
            true => self.config.batch.families_per_step.min(families.len()),
            false => families.len(),
        };
        let families = &families[..wanted];
        let mut rows = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let mut triples: Vec<&Triple> = draft.triples.iter().collect();
            seed::shuffle(&mut triples, rng);
            // The sort is stable, so the order within and outside the step's families stays
            // random.
            triples.sort_by_key(|triple| !families.contains(&triple.family.as_str()));
            // A user with fewer triples than needed gets some of them again.
            let chosen = triples
                .into_iter()
                .cycle()
                .take(self.config.batch.instructions_per_user);
            let segments = chosen.map(|triple| self.segment(draft, triple, rng));
            rows.push(Row {
                user_key: draft.user_key,
                profile: draft.profile.clone(),
                segments: segments.collect(),
            });
        }
        rows
    }

    fn segment(&self, draft: &Draft, triple: &Triple, rng: &mut ChaCha8Rng) -> Segment {
        let dropped = rng.random_bool(self.config.batch.instruction_dropout);
        let instruction = (!dropped).then(|| DataText::new(triple.instruction.as_str()));
        let answer = DataText::new(triple.answer.as_str());
        let mut segment = self
            .preprocessor
            .segment(instruction.as_ref(), Some(&answer));
        let words = draft.words.as_ref();
        segment.lexical_matches = self
            .preprocessor
            .lexical_features(words, instruction.as_ref());
        let count = self.config.batch.extra_negatives;
        segment.extra_negatives = self.answers.others(triple, &segment.answer, count, rng);
        segment
    }

    fn load(&mut self, index: usize) -> Result<usize> {
        if let Some(place) = self.loaded.iter().position(|loaded| loaded.index == index) {
            return Ok(place);
        }
        let shard = self.store.shard(index)?;
        let units = group(&shard, self.userqa.shard(index)?, self.data.split);
        if self.loaded.len() >= SHARDS_IN_MEMORY {
            self.loaded.pop_front();
        }
        self.loaded.push_back(LoadedShard {
            index,
            shard,
            owners: units.iter().map(|unit| unit.user).collect(),
            units,
        });
        Ok(self.loaded.len() - 1)
    }
}

impl Rows for Batches {
    // Units that do not fill a step wait for another epoch's order.
    fn steps_per_epoch(&self) -> usize {
        (self.data.units() / self.users_per_step()).max(1)
    }

    fn step(&mut self, step: usize) -> Result<Vec<Row>> {
        let per_epoch = self.steps_per_epoch();
        let (epoch, within) = (step / per_epoch, step % per_epoch);
        let windows = per_epoch.div_ceil(self.config.batch.length_window);
        let window = epoch * windows + within / self.config.batch.length_window;
        if self
            .window
            .as_ref()
            .is_none_or(|(loaded, _)| *loaded != window)
        {
            let steps = self.load_window(epoch, within / self.config.batch.length_window)?;
            self.window = Some((window, steps));
        }
        let steps = &self.window.as_ref().expect("loaded above").1;
        Ok(steps[within % self.config.batch.length_window].clone())
    }
}

/// A digest of everything from which the training set was made, including the user store's own
/// fingerprint.
fn fingerprint(manifest: &Manifest) -> Result<String> {
    let json = serde_json::to_vec(manifest).map_err(|e| Error::Format {
        path: "userqa manifest".into(),
        message: e.to_string(),
    })?;
    Ok(Sha256::digest(json)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// The triples of one split by (user, reference time), in the order of users, then reference
/// times.
fn group(shard: &Shard, triples: Vec<Triple>, split: Split) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let mut triples: Vec<(usize, Triple)> = triples
        .into_iter()
        .filter(|triple| triple.split == split && !triple.held_out)
        .filter_map(|triple| shard.find(&triple.user).map(|user| (user, triple)))
        .collect();
    triples.sort_by_key(|(user, triple)| (*user, triple.reference));
    for (user, triple) in triples {
        match units.last_mut() {
            Some(unit) if unit.user == user && unit.reference == triple.reference => {
                unit.triples.push(triple);
            }
            _ => {
                units.push(Unit {
                    user,
                    reference: triple.reference,
                    triples: vec![triple],
                });
            }
        }
    }
    units
}
