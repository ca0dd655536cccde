//! How likely given answers are: what the next-token head says of a yes beside a no.

use burn::tensor::Tensor;
use burn::tensor::activation::log_softmax;
use instructue_features::{Batch, Profile, Row, Segment, token_budget_batches};
use instructue_schema::{DataText, Matrix};

use super::instruct_ue::InstructUe;
use crate::error::{Error, Result};
use crate::passes::{EMBED_SLOTS, to_host};

/// Answers that share a row with their profile; each row reads the profile anew.
const ANSWERS_PER_ROW: usize = 32;

impl InstructUe {
    /// The mean log-likelihood of an answer's tokens, its end mark among them, for each profile
    /// under each pair of an instruction and an answer. The mean makes answers of other lengths
    /// comparable; the difference of a true and a false answer is a score (the papers' generative
    /// reading of a question).
    ///
    /// # Shapes
    /// `[profiles, asked]`, each at most 0.
    ///
    /// # Errors
    /// When an instruction is empty, or an answer has no token.
    pub fn answer_log_likelihoods(
        &self,
        profiles: &[Profile],
        asked: &[(Option<DataText>, DataText)],
    ) -> Result<Matrix> {
        let mut out = Matrix::zeros(profiles.len(), asked.len());
        let instructions: Vec<_> = asked.iter().map(|(text, _)| text.clone()).collect();
        let mut questions = self.model().questions(&instructions)?;
        for (question, (_, answer)) in questions.iter_mut().zip(asked) {
            let tokens = self.preprocessor().answer(answer);
            question.segment.answer = tokens.ok_or_else(|| Error::Config {
                key: "answer".into(),
                expected: "a text with at least one token".into(),
                found: "an empty text".into(),
            })?;
        }
        let numbers = self.model().profile_numbers(profiles)?;
        let lexical_matches = self.model().lexical_table(&numbers, &questions);
        let mut tokenizer = self.preprocessor().profile_tokenizer();
        let tokens: Vec<_> = profiles.iter().map(|p| tokenizer.tokenize(p)).collect();
        let layout = self.preprocessor().layout();
        let slots = |question: &Segment| layout.segment_slots(question).0.len();
        let mut rows = Vec::new();
        for profile in 0..profiles.len() {
            for first in (0..asked.len()).step_by(ANSWERS_PER_ROW) {
                rows.push((profile, first..asked.len().min(first + ANSWERS_PER_ROW)));
            }
        }
        let lengths = rows.iter().map(|(profile, group)| {
            let behind = questions[group.clone()].iter();
            tokens[*profile].slots(layout) + behind.map(|q| slots(&q.segment)).sum::<usize>()
        });
        let lengths: Vec<usize> = lengths.collect();
        let model = self.frozen();
        let batches = token_budget_batches(&lengths, EMBED_SLOTS, usize::MAX, 0);
        let passes = self.replicas().queue(batches, |batch| {
            let packed = batch.iter().map(|&row| {
                let (profile, group) = &rows[row];
                let segments = group.clone().map(|number| Segment {
                    lexical_matches: lexical_matches.of(*profile, number).to_vec(),
                    ..questions[number].segment.clone()
                });
                Row {
                    user_key: *profile as u64,
                    profile: tokens[*profile].clone(),
                    segments: segments.collect(),
                }
            });
            let packed = Batch::collate(layout, &packed.collect::<Vec<_>>());
            (batch, model.mean_log_likelihoods(&packed))
        });
        for (batch, found) in passes {
            let mut found = found.into_iter();
            for row in batch {
                let (profile, group) = &rows[row];
                for number in group.clone() {
                    let value = found.next().expect("one for each segment of the pass");
                    out.values[profile * asked.len() + number] = value;
                }
            }
        }
        Ok(out)
    }

    /// Of each segment of a batch whose segments all have answers.
    fn mean_log_likelihoods(&self, batch: &Batch) -> Vec<f32> {
        let input = self.upload(batch);
        let targets = input.targets.clone().expect("every segment has an answer");
        let output = self.network().forward(&input);
        let logits = output.logits.expect("there are targets");
        let [count, _] = logits.dims();
        let of_tokens: Tensor<2> = log_softmax(logits, 1).gather(1, targets.reshape([count, 1]));
        let mut sums = vec![(0.0f64, 0usize); batch.users.len()];
        for (target, value) in batch.targets.iter().zip(to_host(of_tokens)) {
            let (sum, tokens) = &mut sums[target.segment];
            *sum += f64::from(value);
            *tokens += 1;
        }
        let mean = |(sum, tokens): (f64, usize)| (sum / tokens as f64) as f32;
        sums.into_iter().map(mean).collect()
    }
}
