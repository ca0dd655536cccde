//! One user, many instructions: the profile is read once, into a [`ProfileCache`].

use std::ops::Range;

use burn::tensor::Device;
use instructue_features::{Batch, Profile, ProfileTokens, token_budget_batches};
use instructue_nn::Precision;
use instructue_schema::{DataText, UserVectors};

use super::instruct_ue::InstructUe;
use crate::error::{Error, Result};
use crate::identity::{CacheKey, profile_digest};
use crate::input::PrefixInput;
use crate::network::{Instruction, Prefix};
use crate::numbers::{LexicalTable, ProfileNumbers, Question};
use crate::passes::{EMBED_SLOTS, to_host};
use crate::preprocessor::MAX_TEXT_TOKENS;
use crate::vectors::copy_row;

/// Slots of instructions that one pass takes even behind short profiles. Behind
/// long ones it takes as many as the profile has: beyond that, the scores between
/// instructions, which nobody reads, would outnumber those with the profile.
const FEW_SLOTS: usize = 256;

/// Profiles that a model has read; instructions go to
/// [`InstructUe::embed_cached`].
///
/// It lives on the model's device: per profile slot and block two vectors of
/// the width of all key heads.
#[derive(Debug, Clone)]
pub struct ProfileCache {
    pub(crate) keys: Vec<CacheKey>,
    model: String,
    precision: Precision,
    adapter: String,
    pub(crate) device: Device,
    /// In the order of the profiles.
    pub(crate) numbers: Vec<ProfileNumbers>,
    pub(crate) parts: Vec<Part>,
}

/// Profiles of similar length that are read together.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// Which profiles, counted as they were given.
    pub profiles: Vec<usize>,
    pub prefix: Prefix,
}

impl ProfileCache {
    /// Number of profiles.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// About how many bytes of the device's memory it takes.
    pub fn bytes(&self) -> usize {
        self.parts.iter().map(|part| part.prefix.bytes()).sum()
    }

    /// What each profile's part depends on, in the order of the profiles.
    pub fn keys(&self) -> &[CacheKey] {
        &self.keys
    }

    /// The profile's own prefix; `None` if there is no such profile.
    pub(crate) fn prefix(&self, profile: usize) -> Option<Prefix> {
        self.parts.iter().find_map(|part| {
            let row = part.profiles.iter().position(|&p| p == profile)?;
            Some(part.prefix.row(row))
        })
    }
}

impl InstructUe {
    /// The key under which this model's cache of a profile may be kept. The
    /// first call reads all weights.
    ///
    /// # Errors
    /// When the configuration cannot be written as JSON.
    pub fn cache_key(&self, profile: &Profile) -> Result<CacheKey> {
        Ok(CacheKey {
            model: self.digest()?.into(),
            precision: self.precision(),
            adapter: self.adapter_id().into(),
            profile: profile_digest(profile),
        })
    }

    /// Reads `profiles`, without any instruction.
    ///
    /// # Errors
    /// As [`cache_key`](Self::cache_key).
    pub fn profile_cache(&self, profiles: &[Profile]) -> Result<ProfileCache> {
        let keys = profiles.iter().map(|profile| self.cache_key(profile));
        let keys = keys.collect::<Result<Vec<_>>>()?;
        let model = self.frozen();
        let mut tokenizer = self.preprocessor().profile_tokenizer();
        let tokens: Vec<_> = profiles.iter().map(|p| tokenizer.tokenize(p)).collect();
        let parts = self
            .replicas()
            .queue(model.prefix_batches(&tokens), |batch| {
                model.read_part(&tokens, batch)
            });
        Ok(ProfileCache {
            keys,
            model: self.digest()?.into(),
            precision: self.precision(),
            adapter: self.adapter_id().into(),
            device: model.device().clone(),
            numbers: self.model().profile_numbers(profiles)?,
            parts,
        })
    }

    /// Which profiles are read together.
    fn prefix_batches(&self, tokens: &[ProfileTokens]) -> Vec<Vec<usize>> {
        let layout = self.preprocessor().layout();
        // With room for an instruction, which will stand in the same rows.
        let lengths: Vec<usize> = tokens
            .iter()
            .map(|tokens| tokens.slots(layout) + MAX_TEXT_TOKENS)
            .collect();
        token_budget_batches(&lengths, EMBED_SLOTS, usize::MAX, 0)
    }

    /// Reads profiles in one pass; of a frozen model.
    fn read_part(&self, tokens: &[ProfileTokens], profiles: Vec<usize>) -> Part {
        let rows: Vec<_> = profiles.iter().map(|&p| tokens[p].clone()).collect();
        let batch = Batch::of_profiles(self.preprocessor().layout(), &rows);
        let mut input = PrefixInput::new(
            &batch,
            self.preprocessor().normalisers(),
            self.model().extras(),
            self.device(),
        );
        self.recall(&batch, &mut input.table);
        let prefix = self.network().prefix(input);
        Part { profiles, prefix }
    }

    /// Both vectors of profiles under each of `questions`: each profile is read once,
    /// and each worker holds one pass's at a time.
    pub(crate) fn embed_once_read(
        &self,
        tokens: &[ProfileTokens],
        questions: &[Question],
        lexical_matches: &LexicalTable,
        out: &mut [UserVectors],
    ) {
        let model = self.frozen();
        let instructions = model.model().instructions(questions);
        let parts = self
            .replicas()
            .queue(model.prefix_batches(tokens), |batch| {
                let part = model.read_part(tokens, batch);
                let groups = groups(&part.prefix, &instructions).into_iter();
                let found = groups
                    .map(|group| model.instruct_part(&part, &instructions, group, lexical_matches));
                let found: Vec<_> = found.collect();
                (part.profiles, found)
            });
        for (profiles, found) in parts {
            for found in found {
                found.copy(&profiles, out);
            }
        }
    }

    /// Vectors of profiles that were read; of a frozen model.
    fn instruct_parts(
        &self,
        parts: &[Part],
        instructions: &[Instruction],
        lexical_matches: &LexicalTable,
        out: &mut [UserVectors],
    ) {
        let passes = parts.iter().flat_map(|part| {
            let groups = groups(&part.prefix, instructions).into_iter();
            groups.map(move |group| (part, group))
        });
        let passes = self.replicas().queue(passes.collect(), |(part, group)| {
            let found = self.instruct_part(part, instructions, group, lexical_matches);
            (part, found)
        });
        for (part, found) in passes {
            found.copy(&part.profiles, out);
        }
    }

    /// One pass over profiles that were read, under some of the instructions.
    fn instruct_part(
        &self,
        part: &Part,
        instructions: &[Instruction],
        group: Range<usize>,
        lexical_matches: &LexicalTable,
    ) -> Instructed {
        let lexical_matches = lexical_matches.gather(&part.profiles, group.clone());
        let instructions = &instructions[group.clone()];
        let output = self
            .network()
            .instruct(&part.prefix, instructions, &lexical_matches);
        Instructed {
            group,
            units: to_host(output.users),
            states: to_host(output.states),
        }
    }

    /// Both vectors of the cached profiles under each of `instructions`, as
    /// [`embed_both`](Self::embed_both) gives them.
    ///
    /// # Errors
    /// [`Error::Cache`] when the cache was made by another model (weights,
    /// configuration, schema, tokenizers), in another precision, under another
    /// adapter id or on another device; [`Error::Config`] when an instruction is empty.
    pub fn embed_cached(
        &self,
        cache: &ProfileCache,
        instructions: &[Option<DataText>],
    ) -> Result<Vec<UserVectors>> {
        self.check_cache(cache)?;
        let questions = self.model().questions(instructions)?;
        let lexical_matches = self.model().lexical_table(&cache.numbers, &questions);
        let mut out = self.model().empty_vectors(&cache.numbers, &lexical_matches);
        let instructions = self.model().instructions(&questions);
        self.frozen()
            .instruct_parts(&cache.parts, &instructions, &lexical_matches, &mut out);
        Ok(out)
    }

    /// Refuses a cache that another model made.
    pub(crate) fn check_cache(&self, cache: &ProfileCache) -> Result<()> {
        let devices = [self.device().clone().inner(), cache.device.clone()];
        let [here, there] = devices.each_ref().map(|device| format!("{device:?}"));
        let same = devices[0] == devices[1];
        let [ours, theirs] = [self.precision(), cache.precision].map(|p| p.to_string());
        for (key, same, expected, found) in [
            ("precision", ours == theirs, &*ours, &*theirs),
            (
                "model",
                self.digest()? == cache.model,
                self.digest()?,
                &*cache.model,
            ),
            (
                "adapter",
                self.adapter_id() == cache.adapter,
                self.adapter_id(),
                &*cache.adapter,
            ),
            ("device", same, &*here, &*there),
        ] {
            if !same {
                return Err(Error::Cache {
                    key,
                    expected: expected.into(),
                    found: found.into(),
                });
            }
        }
        Ok(())
    }
}

/// Vectors of one pass's profiles under some of the instructions: all of the first profile,
/// then of the second.
struct Instructed {
    group: Range<usize>,
    units: Vec<f32>,
    states: Vec<f32>,
}

impl Instructed {
    /// Puts them at the places of the pass's profiles.
    fn copy(&self, profiles: &[usize], out: &mut [UserVectors]) {
        for (place, &profile) in profiles.iter().enumerate() {
            for (segment, number) in self.group.clone().enumerate() {
                let from = place * self.group.len() + segment;
                copy_row(&mut out[number].unit, profile, &self.units, from);
                copy_row(&mut out[number].state, profile, &self.states, from);
            }
        }
    }
}

/// Cuts instructions into passes: as many as the budget of slots allows, and
/// not so many that they mostly look past each other.
fn groups(prefix: &Prefix, instructions: &[Instruction]) -> Vec<Range<usize>> {
    let most = prefix.slots().max(FEW_SLOTS);
    let most = most.min(EMBED_SLOTS / prefix.rows());
    let mut groups = Vec::new();
    let (mut start, mut slots) = (0, 0);
    for (end, instruction) in instructions.iter().enumerate() {
        if end > start && slots + instruction.slots.len() > most {
            groups.push(start..end);
            (start, slots) = (end, 0);
        }
        slots += instruction.slots.len();
    }
    if start < instructions.len() {
        groups.push(start..instructions.len());
    }
    groups
}
