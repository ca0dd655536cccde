//! One user, one question: the answer in words and the descriptions nearest to
//! the user's vector.

use std::path::Path;

use instructue_features::{Profile, ProfileBuilder, SourceProfile};
use instructue_model::{AnswerOptions, InstructUe};
use instructue_schema::limits::{self, numbers, texts};
use instructue_schema::{DataText, Timestamp, UserId, shown};
use instructue_schema::{UserCounts, user_key};
use instructue_store::UserStore;
use instructue_userqa::UserQa;

use crate::embed::{check_instruction, check_schema};
use crate::error::{Error, Result};
use crate::windows::has_events;

/// Whom to ask about, and what.
#[derive(Debug, Clone, PartialEq)]
pub struct AskRequest {
    /// The user's id.
    pub user: String,
    /// Only events strictly before it are used.
    pub reference: Timestamp,
    /// `None` asks for the general vector and an answer to no question.
    pub instruction: Option<String>,
    /// Texts to compare the user with.
    pub descriptions: Vec<String>,
    /// How many of them to return, the nearest first.
    pub nearest: usize,
    /// How the answer is made.
    pub options: AnswerOptions,
}

impl AskRequest {
    /// Refuses what can be refused without a model: texts and numbers out of range.
    /// [`ask_user`] does so by itself; who reads much data before can ask earlier.
    ///
    /// # Errors
    /// Names what does not fit.
    pub fn validate(&self) -> Result<()> {
        if let Some(text) = &self.instruction {
            check_instruction(text)?;
        }
        for text in &self.descriptions {
            texts::instruction("description", text)?;
        }
        limits::check([("nearest", numbers::NEAREST.of(self.nearest))])?;
        Ok(self.options.validate()?)
    }
}

/// What is known of the user under the instruction.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Per source that has any: its name and the events (or 1 row) that were read.
    pub events: Vec<(String, usize)>,
    /// Whether any event was read: the user may have none in the windows before the reference time.
    pub has_events: bool,
    /// Length of the state at `<USER>`; the unit vector has length 1.
    pub state_norm: f32,
    /// Cosine with the user's general vector: what the instruction changed.
    pub cosine_to_general: f32,
    /// The nearest descriptions with their cosines.
    pub nearest: Vec<(String, f32)>,
    /// The answer, also handed out in pieces while it was made.
    pub answer: String,
    /// Whether the answer came to its end; false: it was cut.
    pub ended: bool,
}

/// Asks about one user. The profile is read once, for both vectors and the answer.
/// `said` takes each piece of the answer as it is made.
///
/// # Errors
/// An unknown user, an empty or overlong instruction, another schema than the
/// model's, options out of range, an unreadable store.
pub fn ask_user(
    model: &InstructUe,
    store: &UserStore,
    request: &AskRequest,
    said: &mut dyn FnMut(&str),
) -> Result<Asked> {
    request.validate()?;
    check_schema(model, store)?;
    let profiles = model.preprocessor().profiles();
    let profile = profile_of(profiles, store, &request.user, request.reference)?;
    let cache = model.profile_cache(std::slice::from_ref(&profile))?;
    let instruction = request.instruction.as_deref().map(DataText::new);
    let both = model.embed_cached(&cache, &[instruction.clone(), None])?;
    let (unit, general) = (both[0].unit.row(0), both[1].unit.row(0));
    let texts: Vec<DataText> = request
        .descriptions
        .iter()
        .map(|text| DataText::new(text.as_str()))
        .collect();
    let mut nearest = Vec::with_capacity(texts.len());
    if !texts.is_empty() {
        let vectors = model.embed_texts(&texts)?;
        for (row, text) in request.descriptions.iter().enumerate() {
            nearest.push((text.clone(), dot(unit, vectors.row(row))));
        }
        nearest.sort_by(|a, b| b.1.total_cmp(&a.1));
        nearest.truncate(request.nearest);
    }
    let mut pieces = model
        .answer(&cache, 0, instruction.as_ref(), request.options)?
        .text();
    let mut answer = String::new();
    for piece in pieces.by_ref() {
        said(&piece);
        answer.push_str(&piece);
    }
    let state = both[0].state.row(0);
    Ok(Asked {
        events: read(model, &profile),
        has_events: has_events(&profile),
        state_norm: dot(state, state).sqrt(),
        cosine_to_general: dot(unit, general),
        nearest,
        answer,
        ended: pieces.answer().ended(),
    })
}

/// The profile of one user, by id.
pub(crate) fn profile_of(
    profiles: &ProfileBuilder,
    store: &UserStore,
    user: &str,
    reference: Timestamp,
) -> Result<Profile> {
    let unknown = || {
        let expected = format!("one of the {} users of the data", store.users());
        Error::argument("user", &expected, shown(user))
    };
    let id = UserId::new(user).ok_or_else(unknown)?;
    let shard = store.shard(store.shard_of(&id))?;
    let index = shard.find(&id).ok_or_else(unknown)?;
    Ok(profiles.build(&shard.history(index), reference))
}

/// Sources and how much of each a profile holds.
fn read(model: &InstructUe, profile: &Profile) -> Vec<(String, usize)> {
    let sources = &model.preprocessor().schema().sources;
    let counted = sources
        .iter()
        .zip(&profile.sources)
        .map(|(source, part)| match part {
            SourceProfile::Events(events) => (source.name.clone(), events.len()),
            SourceProfile::Tabular(_) => (source.name.clone(), 1),
        });
    counted.filter(|(_, count)| *count > 0).collect()
}

/// The answers that a run was trained with, the most frequent first: what to
/// compare users with when nothing else is at hand. Only answers that enough users
/// have, by [`UserQaConfig::min_users`](instructue_userqa::UserQaConfig::min_users)
/// of the training set; none if `run` holds no training set.
///
/// # Errors
/// A training set that does not read.
pub fn known_answers(run: &Path, most: usize) -> Result<Vec<String>> {
    let directory = run.join("userqa");
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    let set = UserQa::open(&directory)?;
    let mut counts = UserCounts::<String>::new(set.manifest().config.min_users);
    for shard in 0..set.shards() {
        for triple in set.shard(shard)? {
            counts.add(user_key(&triple.user), triple.answer.as_str());
        }
    }
    let mut answers: Vec<(String, u64)> = counts.common().into_iter().collect();
    answers.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    answers.truncate(most);
    Ok(answers.into_iter().map(|(answer, _)| answer).collect())
}

pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
