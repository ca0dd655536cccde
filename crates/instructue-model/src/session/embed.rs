//! Vectors of profiles under instructions, and of texts.

use instructue_features::{Profile, token_budget_batches};
use instructue_schema::{DataText, Matrix, UserVectors};

use super::instruct_ue::InstructUe;
use crate::error::{Error, Result};
use crate::input::TextInput;
use crate::passes::{EMBED_SLOTS, packed, to_host};
use crate::preprocessor::MAX_TEXT_TOKENS;
use crate::vectors::copy_row;

/// Instructions that share a row with their profile; of more the profile is read by
/// itself first.
const SEGMENTS_PER_ROW: usize = 8;

impl InstructUe {
    /// Unit vectors of `profiles` under each of `instructions`; `None` asks for
    /// the general vector.
    ///
    /// # Errors
    /// As [`InstructUe::embed_both`].
    pub fn embed(
        &self,
        profiles: &[Profile],
        instructions: &[Option<DataText>],
    ) -> Result<Vec<Matrix>> {
        let both = self.embed_both(profiles, instructions)?;
        Ok(both.into_iter().map(|vectors| vectors.unit).collect())
    }

    /// Both vectors of `profiles` under each of `instructions`; `None` asks for
    /// the general ones. A profile is computed once: in one pass with up to eight
    /// instructions, before them where there are more.
    ///
    /// # Errors
    /// When an instruction is empty: it would silently mean the general vector.
    pub fn embed_both(
        &self,
        profiles: &[Profile],
        instructions: &[Option<DataText>],
    ) -> Result<Vec<UserVectors>> {
        let questions = self.model().questions(instructions)?;
        let numbers = self.model().profile_numbers(profiles)?;
        let lexical_matches = self.model().lexical_table(&numbers, &questions);
        let mut out = self.model().empty_vectors(&numbers, &lexical_matches);
        if questions.is_empty() {
            return Ok(out);
        }
        let mut tokenizer = self.preprocessor().profile_tokenizer();
        let tokens: Vec<_> = profiles.iter().map(|p| tokenizer.tokenize(p)).collect();
        if questions.len() > SEGMENTS_PER_ROW {
            self.embed_once_read(&tokens, &questions, &lexical_matches, &mut out);
            return Ok(out);
        }
        let layout = self.preprocessor().layout();
        let slots = questions
            .iter()
            .map(|q| layout.segment_slots(&q.segment).0.len());
        let extra: usize = slots.sum();
        let lengths: Vec<usize> = tokens.iter().map(|t| t.slots(layout) + extra).collect();
        let batches = token_budget_batches(&lengths, EMBED_SLOTS, usize::MAX, 0);
        let passes = self.replicas().queue(batches, |batch| {
            let output = self.forward(&packed(
                layout,
                &batch,
                &tokens,
                &questions,
                &lexical_matches,
            ));
            (batch, to_host(output.users), to_host(output.states))
        });
        for (batch, units, states) in passes {
            for (place, &user) in batch.iter().enumerate() {
                for (segment, to) in out.iter_mut().enumerate() {
                    let from = place * questions.len() + segment;
                    copy_row(&mut to.unit, user, &units, from);
                    copy_row(&mut to.state, user, &states, from);
                }
            }
        }
        Ok(out)
    }

    /// Vectors of texts (answers, audience descriptions) in the same space.
    ///
    /// # Errors
    /// When a text has no token.
    pub fn embed_texts(&self, texts: &[DataText]) -> Result<Matrix> {
        let tokens = texts
            .iter()
            .map(|text| {
                let ids = self
                    .preprocessor()
                    .tokenizer()
                    .encode_limited(text, MAX_TEXT_TOKENS);
                if ids.is_empty() {
                    return Err(Error::Config {
                        key: "text".into(),
                        expected: "a text with at least one token".into(),
                        found: "an empty text".into(),
                    });
                }
                Ok(ids)
            })
            .collect::<Result<Vec<_>>>()?;
        let width = self.width();
        let mut values = vec![0.0; texts.len() * width];
        let lengths: Vec<usize> = tokens.iter().map(Vec::len).collect();
        for batch in token_budget_batches(&lengths, EMBED_SLOTS, usize::MAX, 0) {
            let chunk: Vec<Vec<u32>> = batch.iter().map(|&text| tokens[text].clone()).collect();
            let input = TextInput::new(&chunk, self.device());
            let vectors = to_host(self.network().text_vectors(&input));
            for (place, &text) in batch.iter().enumerate() {
                values[text * width..(text + 1) * width]
                    .copy_from_slice(&vectors[place * width..(place + 1) * width]);
            }
        }
        Ok(Matrix {
            rows: texts.len(),
            columns: width,
            values,
        })
    }
}
