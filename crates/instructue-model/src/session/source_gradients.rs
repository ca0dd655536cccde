//! Which sources and events a user's vector depends on, by the gradient of a direction.

use burn::tensor::{Tensor, TensorData};
use instructue_features::{Profile, token_budget_batches};
use instructue_schema::DataText;

use super::instruct_ue::InstructUe;
use crate::error::{Error, Result};
use crate::passes::{EMBED_SLOTS, packed, to_host};

impl InstructUe {
    /// The gradient mass of each source: how strongly `direction · state` of a user
    /// under an instruction answers to changes of the source's vectors, `Σ‖∂/∂x‖`
    /// over its events, or of its one vector if it is tabular.
    ///
    /// With the weights of a probe as `direction` it says what the probe's answer
    /// rests on.
    ///
    /// # Shapes
    /// - `direction`: `[hidden]`, as wide as the state
    /// - result: `[profiles][sources]`, in the order of the schema; 0 for a source
    ///   without events
    ///
    /// # Errors
    /// [`Error::Config`] for an empty instruction or a direction of another width.
    pub fn source_gradients(
        &self,
        profiles: &[Profile],
        instruction: Option<&DataText>,
        direction: &[f32],
    ) -> Result<Vec<Vec<f64>>> {
        let of_events = self.event_gradients(profiles, instruction, direction)?;
        let sum = |events: Vec<f64>| events.into_iter().sum();
        let of_user = |sources: Vec<Vec<f64>>| sources.into_iter().map(sum).collect();
        Ok(of_events.into_iter().map(of_user).collect())
    }

    /// The same for each event by itself, `‖∂/∂x‖` of its vector.
    ///
    /// # Shapes
    /// - `direction`: `[hidden]`, as wide as the state
    /// - result: `[profiles][sources][events]`, in the order of the profile; one for a tabular
    ///   source, none for an event that no slot kept
    ///
    /// # Errors
    /// As [`source_gradients`](Self::source_gradients).
    pub fn event_gradients(
        &self,
        profiles: &[Profile],
        instruction: Option<&DataText>,
        direction: &[f32],
    ) -> Result<Vec<Vec<Vec<f64>>>> {
        let width = self.config().backbone.hidden_size;
        if direction.len() != width {
            return Err(Error::Config {
                key: "direction".into(),
                expected: format!("{width} numbers, as many as the state has"),
                found: direction.len().to_string(),
            });
        }
        let model = self.for_tuning();
        let layout = model.preprocessor().layout();
        let questions = model.model().questions(&[instruction.cloned()])?;
        let lexical_matches = model
            .model()
            .lexical_table(&model.model().profile_numbers(profiles)?, &questions);
        let extra = layout.segment_slots(&questions[0].segment).0.len();
        let mut tokenizer = model.preprocessor().profile_tokenizer();
        let tokens: Vec<_> = profiles.iter().map(|p| tokenizer.tokenize(p)).collect();
        let lengths: Vec<usize> = tokens.iter().map(|t| t.slots(layout) + extra).collect();
        let sources = model.preprocessor().schema().sources.len();
        let mut out = vec![vec![Vec::new(); sources]; profiles.len()];
        let direction = TensorData::new(direction.to_vec(), [1, width]);
        let direction = Tensor::<2>::from_data(direction, model.device());
        for batch in token_budget_batches(&lengths, EMBED_SLOTS, usize::MAX, 0) {
            let input = model.upload(&packed(
                layout,
                &batch,
                &tokens,
                &questions,
                &lexical_matches,
            ));
            let mut leaves = Vec::new();
            let output = model
                .network()
                .forward_with(&input, &mut |source, vectors, row_of| {
                    let leaf = vectors.detach().require_grad();
                    leaves.push((source, leaf.clone(), row_of.to_vec()));
                    leaf
                });
            let gradients = (output.states * direction.clone()).sum().backward();
            for (source, leaf, row_of) in leaves {
                // A vector that no slot kept has none.
                let Some(gradient) = leaf.grad(&gradients) else {
                    continue;
                };
                let norms = gradient.powi_scalar(2).sum_dim(1).sqrt();
                for (norm, row) in to_host(norms).into_iter().zip(row_of) {
                    out[batch[row]][source].push(f64::from(norm));
                }
            }
        }
        Ok(out)
    }
}
