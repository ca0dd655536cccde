//! Finding users: an audience by a sentence, and users like those of a list.

mod condition;
mod found;
mod vector_file;

use std::collections::{BTreeMap, BTreeSet};

use instructue_eval::{Embedder, ForecastResult};
use instructue_metrics::look_alike;
use instructue_model::{AnswerScorer, InstructUe};
use instructue_schema::{DataText, Progress, Timestamp, UserId, UserRef, shown};
use instructue_search::Best;
use instructue_store::UserStore;
use serde::Serialize;

pub use condition::Condition;
use condition::Found;
pub use found::FoundUser;
pub use vector_file::VectorFile;

use crate::embed::{check_instruction, check_schema};
use crate::error::{Error, Result};
use crate::store_embedder::StoreEmbedder;
use crate::windows::{empty_users, tell_empty};

/// Most users that a search gives.
const MOST: usize = 1_000_000;

/// What is searched for.
#[derive(Debug, Clone)]
pub enum SearchQuery {
    /// A question about users, or what is to be true of them.
    Sentence(String),
    /// Users like these, under an instruction if there is one.
    Like {
        /// Ids of the list.
        users: Vec<String>,
        /// What they are compared under.
        instruction: Option<String>,
    },
}

/// A search.
#[derive(Debug, Clone)]
pub struct SearchRequest {
    /// What for.
    pub query: SearchQuery,
    /// Profiles end here.
    pub reference: Timestamp,
    /// How many users, the best first.
    pub top: usize,
    /// Only users of whom all of these are true.
    pub conditions: Vec<Condition>,
    /// Whether to search though most users have no event before the reference time.
    pub allow_empty: bool,
}

/// What scores are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoreKind {
    /// The probability that the sentence is true of a user.
    Probability,
    /// The cosine with the sentence, or with the mean of the list.
    Cosine,
}

/// The users that were found.
#[derive(Debug, Clone, Serialize)]
pub struct Search {
    /// The best first; of equal scores in the order of ids.
    pub users: Vec<FoundUser>,
    /// What their scores are.
    pub kind: ScoreKind,
    /// Users that were compared.
    pub compared: u64,
    /// Users of whom a condition is not true.
    pub left_out: u64,
    /// Users of the list that the data has.
    pub listed: u64,
    /// Of probabilities: the share of the users found of whom the sentence is true, as they say.
    pub expected_precision: Option<f64>,
    /// How far probabilities were off in the mean on questions that learning never named, of users
    /// that it never saw.
    pub calibration_error: Option<f64>,
}

impl SearchRequest {
    /// Checks what can be checked before anything is read.
    ///
    /// # Errors
    /// An empty or overlong sentence, no user or too many.
    pub fn validate(&self) -> Result<()> {
        if !(1..=MOST).contains(&self.top) {
            let expected = format!("a number from 1 to {MOST}");
            return Err(Error::argument("top", &expected, self.top.to_string()));
        }
        match &self.query {
            SearchQuery::Sentence(text) => check_instruction(text),
            SearchQuery::Like { users, .. } if users.is_empty() => {
                Err(Error::argument("list of users", "at least one id", "none"))
            }
            SearchQuery::Like { instruction, .. } => {
                instruction.as_deref().map_or(Ok(()), check_instruction)
            }
        }
    }
}

/// Finds users. A sentence is answered by the scorer where there is one: its probabilities are
/// calibrated, and say how many of the found it is true of. Without one the sentence's vector is
/// compared with the users' vectors under it.
///
/// # Errors
/// As [`SearchRequest::validate`]; a condition on what is no feature of users, a list of which the
/// data has no user, another schema than the model's, an unreadable store.
pub fn search_users(
    model: &InstructUe,
    scorer: Option<(&AnswerScorer, Option<&ForecastResult>)>,
    store: &UserStore,
    request: &SearchRequest,
    watch: &mut dyn FnMut(Progress),
) -> Result<Search> {
    request.validate()?;
    check_schema(model, store)?;
    let conditions = request.conditions.iter();
    let conditions = conditions.map(|one| Found::of(one, store.schema()));
    let conditions: Vec<Found<'_>> = conditions.collect::<Result<_>>()?;
    let empty = empty_users(store, &[request.reference])?.iter().sum();
    tell_empty(
        empty,
        store.users(),
        request.reference,
        request.allow_empty,
        watch,
    )?;
    let mut best = Best::new(request.top);
    let mut search = Search {
        users: Vec::new(),
        kind: ScoreKind::Cosine,
        compared: 0,
        left_out: 0,
        listed: 0,
        expected_precision: None,
        calibration_error: None,
    };
    let embedder = StoreEmbedder::new(model, store);
    let failed = |error: &dyn std::fmt::Display| {
        Error::argument("search", "vectors of users", error.to_string())
    };
    let (listed, instruction) = match &request.query {
        SearchQuery::Like { users, instruction } => (listed(store, users)?, instruction.clone()),
        SearchQuery::Sentence(text) => (Vec::new(), Some(text.clone())),
    };
    search.listed = listed.len() as u64;
    let seen: BTreeSet<(usize, usize)> =
        listed.iter().map(|user| (user.shard, user.index)).collect();
    let asked = [instruction];
    let vectors = |users: &[UserRef]| {
        let found = embedder.embed_users(users, request.reference, &asked, &mut |_| {});
        let mut found = found.map_err(|error| failed(&error))?;
        Ok::<_, Error>(found.remove(0).unit)
    };
    // What users are compared with.
    let scorer = match &request.query {
        SearchQuery::Sentence(_) => scorer,
        SearchQuery::Like { .. } => None,
    };
    let wanted = match (&request.query, scorer) {
        (SearchQuery::Sentence(text), None) => {
            Some(model.embed_texts(&[DataText::new(text.as_str())])?)
        }
        (SearchQuery::Sentence(_), Some(_)) => None,
        (SearchQuery::Like { .. }, _) => Some(vectors(&listed)?),
    };
    watch(Progress::Stage { name: "searching" });
    for number in 0..store.shards() {
        let shard = store.shard(number)?;
        let mut users: Vec<UserRef> = Vec::new();
        for (index, history) in shard.histories().enumerate() {
            if seen.contains(&(number, index)) {
                continue;
            }
            match conditions
                .iter()
                .all(|one| one.fits(&history, request.reference))
            {
                true => users.push(UserRef {
                    shard: number,
                    index,
                }),
                false => search.left_out += 1,
            }
        }
        search.compared += users.len() as u64;
        let scores: Vec<f32> = match (scorer, &wanted, &asked[0]) {
            (Some((scorer, _)), _, Some(text)) => {
                search.kind = ScoreKind::Probability;
                let profile = |user: &UserRef| {
                    scorer
                        .profiles()
                        .build(&shard.history(user.index), request.reference)
                };
                let profiles: Vec<_> = users.iter().map(profile).collect();
                let found = scorer.scores(&profiles, &[DataText::new(text.as_str())]);
                (0..found.rows).map(|user| found.row(user)[0]).collect()
            }
            (_, Some(wanted), _) => {
                let found = vectors(&users)?;
                look_alike(wanted, &found)
                    .into_iter()
                    .map(|cosine| cosine as f32)
                    .collect()
            }
            _ => Vec::new(),
        };
        for (user, score) in users.iter().zip(scores) {
            best.push(score, shard.users[user.index].clone());
        }
        watch(Progress::Done {
            done: number as u64 + 1,
            total: store.shards() as u64,
        });
    }
    let users = best.sorted().into_iter();
    let user = |(score, id): (f32, UserId)| FoundUser {
        id: id.as_str().into(),
        score,
    };
    search.users = users.map(user).collect();
    if let Some((_, measured)) = scorer {
        let sum: f64 = search.users.iter().map(|user| f64::from(user.score)).sum();
        search.expected_precision =
            (!search.users.is_empty()).then(|| sum / search.users.len() as f64);
        search.calibration_error = measured.and_then(calibration_error);
    }
    Ok(search)
}

/// The users of a list that the data has.
fn listed(store: &UserStore, users: &[String]) -> Result<Vec<UserRef>> {
    let mut found = BTreeSet::new();
    let mut by_shard: BTreeMap<usize, Vec<UserId>> = BTreeMap::new();
    for id in users.iter().filter_map(|user| UserId::new(user.as_str())) {
        by_shard.entry(store.shard_of(&id)).or_default().push(id);
    }
    for (number, ids) in by_shard {
        let shard = store.shard(number)?;
        found.extend(ids.iter().filter_map(|id| Some((number, shard.find(id)?))));
    }
    if found.is_empty() {
        let expected = format!("an id of the {} users of the data", store.users());
        return Err(Error::argument(
            "list of users",
            &expected,
            shown(&users[0]),
        ));
    }
    Ok(found
        .into_iter()
        .map(|(shard, index)| UserRef { shard, index })
        .collect())
}

/// How far probabilities were off on questions by their own words that learning never named.
fn calibration_error(measured: &ForecastResult) -> Option<f64> {
    let qualities = measured.qualities.iter();
    let mut of_scores = qualities.filter_map(|quality| quality.calibration.as_ref());
    of_scores
        .next()
        .map(|calibration| calibration.expected_error)
}
