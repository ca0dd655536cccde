//! Learning answer scores from a run's training users.

use std::collections::BTreeSet;
use std::sync::Arc;

use instructue_features::{
    Children, KnownText, KnownTexts, ProfileBuilder, TextCounts, TextVectors,
};
use instructue_model::AnswerScorer;
use instructue_schema::{ColumnRole, History, Progress, Schema, Timestamp, UserId, UserRef};
use instructue_store::UserStore;
use instructue_trainer::{ScorerConfig, ScorerData, scorer_rows};
use instructue_userqa::{Split, UserQa, UserQaConfig, seen_value, split_of};

use crate::error::Result;

/// Questions that usual words are counted in, at most.
const QUESTIONS: usize = 20_000;
/// Training users that texts are counted over, about at most.
const USERS: usize = 5_000;
/// Training users that the space of answers is fitted to, about at most.
const SPACE_USERS: usize = 2_000;

/// What answer scores are learned from.
#[derive(Clone, Copy)]
pub(crate) struct AnswerData<'a> {
    pub store: &'a UserStore,
    pub profiles: &'a ProfileBuilder,
    pub userqa: &'a UserQaConfig,
    pub config: &'a ScorerConfig,
}

/// Which texts are learned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Learned {
    /// All of them.
    All,
    /// Those whose value learning may name, half of all values: what it answers of the others
    /// it has not seen.
    Half,
}

/// Answer scores to be learned: everything but the reader is there.
pub(crate) struct Learner<'a> {
    data: AnswerData<'a>,
    /// What was known of texts at each time that is learned from.
    then: Vec<(Timestamp, KnownTexts)>,
    /// What is known of them at the end.
    now: KnownTexts,
}

impl<'a> Learner<'a> {
    /// Fits what is known of texts on training users, at each time of training and at `end`.
    pub fn fit(
        data: AnswerData<'a>,
        triples: &UserQa,
        end: Timestamp,
        vectors: Arc<dyn TextVectors>,
        watch: &mut dyn FnMut(Progress),
    ) -> Result<Self> {
        watch(Progress::Stage {
            name: "fitting texts",
        });
        let mut times = data.userqa.references.clone();
        times.push(end);
        let mut children = Children::new(data.store.schema(), data.userqa.min_users);
        let counts = || TextCounts::new(data.userqa.min_users, data.userqa.horizon_days);
        let mut counts: Vec<TextCounts> = times.iter().map(|_| counts()).collect();
        let shards = data.each_training_user(USERS, watch, |_, history| {
            children.add(history, data.newest());
            for (counts, time) in counts.iter_mut().zip(&times) {
                counts.add(&data.profiles.build(history, *time));
            }
        })?;
        let mut questions = BTreeSet::new();
        for index in 0..shards {
            let room = QUESTIONS.saturating_sub(questions.len());
            let asked = triples.shard(index)?.into_iter();
            let asked = asked.filter(|triple| triple.split == Split::Train && !triple.held_out);
            questions.extend(asked.take(room).map(|triple| triple.instruction));
        }
        let mut known = times.iter().zip(counts).map(|(time, counts)| {
            let fitted = counts.finish(&children, questions.iter().map(String::as_str));
            (*time, KnownTexts::new(fitted, vectors.clone()))
        });
        let then = known.by_ref().take(times.len() - 1).collect();
        let (_, now) = known.next().expect("the end, last of the times");
        drop(known);
        Ok(Self { data, then, now })
    }

    /// Learns from texts, for users that are looked at from `end` or a time of training.
    ///
    /// `None` where there is nothing to learn from: too few users, or no text.
    pub fn learn(
        &self,
        learned: Learned,
        from: Timestamp,
        watch: &mut dyn FnMut(Progress),
    ) -> Result<Option<AnswerScorer>> {
        watch(Progress::Stage {
            name: "learning to score answers",
        });
        let data = &self.data;
        let schema = data.store.schema();
        let finest: Vec<Option<Finest>> = (0..schema.sources.len())
            .map(|source| Finest::of(schema, source, &self.now))
            .collect();
        let may_ask = |known: &KnownText| {
            let seed = data.userqa.seed;
            let seen = |finest: &Finest| finest.is_seen(schema, known, seed);
            learned == Learned::All || finest[known.source].as_ref().is_none_or(seen)
        };
        let rows = ScorerData {
            store: data.store,
            profiles: data.profiles,
            times: &self.then,
            users: &|user| data.trains(user),
            may_ask: &may_ask,
        };
        let rows = scorer_rows(&rows, data.config.rows, data.userqa.seed)?;
        // All of one answer: too few users to learn from.
        if rows.iter().all(|row| row.came) || rows.iter().all(|row| !row.came) {
            return Ok(None);
        }
        let scorer = AnswerScorer::fit(
            data.profiles.clone(),
            self.known_at(from).clone(),
            &rows,
            data.config.l2,
        )?;
        let mut profiles = Vec::new();
        data.each_training_user(SPACE_USERS, &mut |_| {}, |_, history| {
            profiles.push(data.profiles.build(history, from));
        })?;
        Ok(Some(scorer.with_space(&profiles, data.config.width)?))
    }
}

impl Learner<'_> {
    /// The newest time of training.
    pub fn newest(&self) -> Timestamp {
        self.data.newest()
    }

    /// What was known of texts at a time of training, or at the end.
    fn known_at(&self, time: Timestamp) -> &KnownTexts {
        let mut then = self.then.iter();
        let found = then.find(|(of, _)| *of == time);
        found.map_or(&self.now, |(_, known)| known)
    }
}

impl AnswerData<'_> {
    pub fn newest(&self) -> Timestamp {
        *self
            .userqa
            .references
            .last()
            .expect("validated: at least one")
    }

    pub fn trains(&self, user: &UserId) -> bool {
        split_of(user, self.userqa.seed, self.userqa) == Split::Train
    }

    /// Hands `take` the training users of the first shards until there are `most` of them; that
    /// is a sample, since users are placed by a hash of their id. Returns the number of shards.
    pub fn each_training_user(
        &self,
        most: usize,
        watch: &mut dyn FnMut(Progress),
        mut take: impl FnMut(UserRef, &History<'_>),
    ) -> Result<usize> {
        let shards = self.store.shards();
        let mut users = 0;
        for index in 0..shards {
            let shard = self.store.shard(index)?;
            for (place, history) in shard.histories().enumerate() {
                if self.trains(history.user()) {
                    let user = UserRef {
                        shard: index,
                        index: place,
                    };
                    take(user, &history);
                    users += 1;
                }
            }
            watch(Progress::of(index + 1, shards));
            if users >= most {
                return Ok(index + 1);
            }
        }
        Ok(shards)
    }
}

/// The category field of a source that tells its texts apart best: the one with most values.
struct Finest {
    /// Its place among the rendered fields.
    place: usize,
    field: String,
}

impl Finest {
    fn of(schema: &Schema, source: usize, texts: &KnownTexts) -> Option<Self> {
        let fields = schema.sources[source].fields();
        let rendered = fields.iter().filter(|field| field.rendered).enumerate();
        let categories = rendered.filter(|(_, field)| field.role == ColumnRole::Category);
        let known = texts.fitted().texts.iter();
        let of_source: Vec<&KnownText> = known.filter(|text| text.source == source).collect();
        let distinct = |place: usize| {
            let values = of_source.iter().filter_map(|text| text.parts().nth(place));
            values.collect::<BTreeSet<_>>().len()
        };
        let finest = categories.max_by_key(|(place, _)| distinct(*place))?;
        Some(Self {
            place: finest.0,
            field: finest.1.name.clone(),
        })
    }

    fn is_seen(&self, schema: &Schema, known: &KnownText, seed: u64) -> bool {
        let value = known.parts().nth(self.place).unwrap_or_default();
        seen_value(seed, &schema.sources[known.source].name, &self.field, value)
    }
}
