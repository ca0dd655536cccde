//! The forward pass over packed rows and over texts.

use burn::tensor::Tensor;
use instructue_backbone::DecoderInput;

use super::inputs::OfSource;
use super::module::Network;
use crate::input::{NetworkInput, TextInput};
use crate::lookup::LookupInput;

/// What a pass over packed rows gives.
#[derive(Debug, Clone)]
pub struct NetworkOutput {
    /// `[segments, hidden]`: states at `<USER>`.
    pub states: Tensor<2>,
    /// `[segments, d]`: unit vectors of users under their instructions.
    pub users: Tensor<2>,
    /// `[targets, vocab]`: logits of the answers' tokens; `None` without answers.
    pub logits: Option<Tensor<2>>,
}

impl Network {
    /// One pass over packed rows.
    pub fn forward(&self, input: &NetworkInput) -> NetworkOutput {
        self.forward_with(input, &mut |_, vectors, _| vectors)
    }

    /// As [`forward`](Self::forward), with `of_source` between the sources' adapters
    /// and the decoder.
    pub fn forward_with(
        &self,
        input: &NetworkInput,
        of_source: &mut OfSource<'_>,
    ) -> NetworkOutput {
        let hidden = self.hidden(input, of_source);
        let [rows, asked, width] = hidden.dims();
        let flat = hidden.reshape([rows * asked, width]);
        let states = flat.clone().select(0, input.users.clone());
        let logits = input
            .predicting
            .clone()
            .map(|places| self.backbone.logits(flat.select(0, places)));
        NetworkOutput {
            users: self.head.forward(states.clone()),
            states,
            logits,
        }
    }

    /// The decoder's states that are read, `[rows, asked, hidden]`.
    fn hidden(&self, input: &NetworkInput, of_source: &mut OfSource<'_>) -> Tensor<3> {
        let table = self.input_table(&input.table, of_source);
        let slots = table.of_slots(&input.table);
        let inputs = match (&self.lookup, table.events, &input.lookup) {
            (Some(lookup), Some((words, events)), Some(places)) => lookup.forward(LookupInput {
                slots,
                words,
                events,
                places: places.clone(),
            }),
            _ => slots,
        };
        let input_of_decoder = DecoderInput {
            inputs,
            positions: input.positions.clone(),
            bias: input.bias.clone(),
        };
        let slots = input.state_slots.clone();
        self.backbone.forward_at(input_of_decoder, slots)
    }

    /// The unit vectors of texts (answers, audience descriptions): the state of
    /// the last token through the same decoder and head as a
    /// user's.
    ///
    /// # Shapes
    /// `texts`: `[n, length]` → `[n, d]`
    pub fn text_vectors(&self, texts: &TextInput) -> Tensor<2> {
        let embedded = self.backbone.embed(texts.ids.clone());
        let input = DecoderInput {
            inputs: embedded,
            positions: texts.positions.clone(),
            bias: texts.bias.clone(),
        };
        let last = self.backbone.forward_at(input, texts.last.clone());
        let [rows, _, width] = last.dims();
        let last = last.reshape([rows, width]);
        self.head.forward(last)
    }
}
