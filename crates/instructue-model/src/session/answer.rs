//! Answers in words: the decoder goes on behind `<USER>`, as it learned to by
//! the next-token loss.

use std::sync::Arc;

use instructue_features::{Slot, TextTokenizer};
use instructue_schema::DataText;
use instructue_schema::limits::{self, numbers};

use super::instruct_ue::InstructUe;
use super::profile_cache::ProfileCache;
use crate::decoding::Decoding;
use crate::error::{Error, Result};
use crate::network::{Network, Prefix};
use crate::passes::to_host;
use crate::preprocessor::MAX_TEXT_TOKENS;

/// How an answer is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnswerOptions {
    /// How each token is chosen.
    pub decoding: Decoding,
    /// Where an answer is cut that has not ended.
    pub max_tokens: usize,
}

impl Default for AnswerOptions {
    fn default() -> Self {
        Self {
            decoding: Decoding::Greedy,
            max_tokens: MAX_TEXT_TOKENS,
        }
    }
}

impl AnswerOptions {
    /// Refuses numbers out of range.
    ///
    /// # Errors
    /// [`Error::Config`] names the key.
    pub fn validate(&self) -> Result<()> {
        self.decoding.validate()?;
        limits::check([("max_tokens", numbers::ANSWER_TOKENS.of(self.max_tokens))])?;
        Ok(())
    }
}

/// An answer in the making: each `next` computes one token and gives its id.
/// The end mark is not among them.
///
/// ```no_run
/// # use instructue_model::{AnswerOptions, InstructUe, ProfileCache};
/// # use instructue_schema::DataText;
/// # fn ask(model: &InstructUe, cache: &ProfileCache) -> instructue_model::Result<()> {
/// let question = DataText::new("What will this user buy next?");
/// let answer = model.answer(cache, 0, Some(&question), AnswerOptions::default())?;
/// for piece in answer.text() {
///     print!("{piece}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Answer {
    network: Network,
    tokenizer: Arc<TextTokenizer>,
    prefix: Prefix,
    /// What is still to be read, the token chosen last.
    slots: Vec<Slot>,
    /// For the slot of `<USER>`.
    lexical_matches: Vec<f32>,
    options: AnswerOptions,
    bottleneck: bool,
    ids: Vec<u32>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// The end mark came.
    Ended,
    /// No score was finite.
    Broken,
}

impl Answer {
    /// The tokens so far.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Whether the end mark came; false for an answer that was cut.
    pub fn ended(&self) -> bool {
        self.state == State::Ended
    }

    /// The same as pieces of text. Bytes of a character that is not complete
    /// wait for the rest of it.
    pub fn text(self) -> AnswerText {
        AnswerText {
            answer: self,
            given: 0,
        }
    }

    /// The scores of the next token, those that no answer holds at -∞.
    fn scores(&mut self) -> Vec<f32> {
        let slots = std::mem::take(&mut self.slots);
        let states = self.network.extend(
            &mut self.prefix,
            &slots,
            &vec![0; slots.len()],
            &[slots.len() - 1],
            &self.lexical_matches,
        );
        if slots.contains(&Slot::User) && self.bottleneck {
            self.prefix.look_from_last(0);
        }
        let [_, _, width] = states.dims();
        let last = states.reshape([1, width]);
        let mut scores = to_host(self.network.backbone().logits(last));
        // Reserved ids are no text, and a table may have more rows than the
        // tokenizer has ids.
        let end = self.tokenizer.end_id();
        scores.truncate(self.tokenizer.vocab_size());
        for &id in self.tokenizer.reserved_ids() {
            if id != end
                && let Some(score) = scores.get_mut(id as usize)
            {
                *score = f32::NEG_INFINITY;
            }
        }
        scores
    }
}

impl Iterator for Answer {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if self.state != State::Open || self.ids.len() >= self.options.max_tokens {
            return None;
        }
        let scores = self.scores();
        let Some(id) = self.options.decoding.choose(&scores, self.ids.len()) else {
            self.state = State::Broken;
            return None;
        };
        if id == self.tokenizer.end_id() {
            self.state = State::Ended;
            return None;
        }
        self.ids.push(id);
        self.slots.push(Slot::Token(id));
        Some(id)
    }
}

/// An [`Answer`] as pieces of text, none of them empty.
#[derive(Debug)]
pub struct AnswerText {
    answer: Answer,
    /// Bytes given out.
    given: usize,
}

impl AnswerText {
    /// The answer itself, for its ids and how it ended.
    pub fn answer(&self) -> &Answer {
        &self.answer
    }

    /// What was decoded and not given out, up to `end`.
    fn rest(&mut self, text: &str, end: usize) -> Option<String> {
        let piece = text
            .get(self.given..end)
            .filter(|piece| !piece.is_empty())?;
        self.given = end;
        Some(piece.to_owned())
    }
}

impl Iterator for AnswerText {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        while self.answer.next().is_some() {
            let text = self.answer.tokenizer.decode(&self.answer.ids);
            // A character may still be missing bytes: it shows as this mark.
            let end = text.trim_end_matches(char::REPLACEMENT_CHARACTER).len();
            if let Some(piece) = self.rest(&text, end) {
                return Some(piece);
            }
        }
        let text = self.answer.tokenizer.decode(&self.answer.ids);
        self.rest(&text, text.len())
    }
}

impl InstructUe {
    /// An answer about one cached profile; `None` asks without an instruction.
    ///
    /// # Errors
    /// [`Error::Cache`] as [`embed_cached`](Self::embed_cached);
    /// [`Error::Config`] when there is no such profile, the instruction is
    /// empty, or an option is out of range.
    pub fn answer(
        &self,
        cache: &ProfileCache,
        profile: usize,
        instruction: Option<&DataText>,
        options: AnswerOptions,
    ) -> Result<Answer> {
        self.check_cache(cache)?;
        options.validate()?;
        let Some(prefix) = cache.prefix(profile) else {
            return Err(Error::Config {
                key: "profile".into(),
                expected: format!("a number below {}", cache.len()),
                found: profile.to_string(),
            });
        };
        let layout = self.preprocessor().layout();
        let question = self.model().questions(&[instruction.cloned()])?;
        let numbers = &cache.numbers[profile..=profile];
        let lexical_matches = self.model().lexical_table(numbers, &question);
        let (slots, _) = layout.segment_slots(&question[0].segment);
        Ok(Answer {
            network: self.frozen().network().clone(),
            tokenizer: self.preprocessor().tokenizer().clone(),
            prefix,
            slots,
            lexical_matches: lexical_matches.of(0, 0).to_vec(),
            options,
            bottleneck: layout.bottleneck(),
            ids: Vec::new(),
            state: State::Open,
        })
    }
}
