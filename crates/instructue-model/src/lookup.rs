//! Words of a question look up the events that share them.
//!
//! A question about dog food is about the events whose text says so. A decoder
//! finds them by attention, but only once it has learned which of its directions
//! tell words apart, and for that a small model that starts from nothing sees too
//! few questions. Here the words' own embeddings are compared, so a rare word, or
//! one that no question of the training named, is found from the first step on.

use burn::module::{Initializer, Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Int, Tensor};
use instructue_nn::attention::attend;

/// β at the start: a token of an event of four words has a cosine near 1/2 with
/// it, all others have one near 0, and e^{β/2} outweighs many events.
const SHARPNESS: f64 = 20.0;

/// The score of finding nothing, against β·cosine. A little above what chance
/// gives all events of a profile together.
pub(crate) const NOTHING: f32 = 6.0;

/// One head of attention from the tokens of instructions to the row's events:
/// the score is β times the cosine of the token's embedding and the mean
/// embedding of the event's words. What is found is added to the token's input.
#[derive(Module, Debug)]
pub struct Lookup {
    /// ln β, `[1]`.
    log_sharpness: Param<Tensor<1>>,
    /// What a found event says, without bias: nothing found adds nothing.
    value: Linear,
    /// `[width]`: what all embeddings of a pretrained table have in common; it is
    /// taken off before words are compared, because it makes all of them alike.
    common: Option<Param<Tensor<1>>>,
}

/// What is compared, see [`Lookup::forward`].
#[derive(Debug, Clone)]
pub struct LookupInput {
    /// `[rows, length, width]`: the inputs of all slots.
    pub slots: Tensor<3>,
    /// `[events, width]`: the mean embedding of each event's words.
    pub words: Tensor<2>,
    /// `[events, width]`: the events' tokens.
    pub events: Tensor<2>,
    /// Where each row's events are.
    pub places: LookupPlaces,
}

/// Each row's events as a lookup compares them.
#[derive(Debug, Clone)]
pub struct LookupTable {
    /// `[rows, 1, keys, width]`: the events' words, at length 1; key 0 is none.
    pub words: Tensor<4>,
    /// `[rows, 1, keys, width]`: what a found event adds.
    pub values: Tensor<4>,
}

/// Which events each slot may look up.
#[derive(Debug, Clone)]
pub struct LookupPlaces {
    /// `[rows · keys]`: events by number; the number of events stands for none.
    pub keys: Tensor<1, Int>,
    /// `[rows, 1, length, keys]`: added to the scores; key 0 is "nothing".
    pub bias: Tensor<4>,
}

impl Lookup {
    /// Fresh weights for inputs of this width.
    pub fn new(width: usize, device: &Device) -> Self {
        let value = LinearConfig::new(width, width)
            .with_bias(false)
            .with_initializer(Initializer::Normal {
                mean: 0.0,
                std: 0.3 / (width as f64).sqrt(),
            });
        Self {
            log_sharpness: Param::from_tensor(Tensor::full([1], SHARPNESS.ln(), device)),
            value: value.init(device),
            common: None,
        }
    }

    /// The same lookup over embeddings with this in common, `[width]`; it is not
    /// trained.
    pub fn with_common(mut self, common: Tensor<1>) -> Self {
        self.common = Some(Param::from_tensor(common).set_require_grad(false));
        self
    }

    /// What tells embeddings apart, at length 1.
    fn compared(&self, embeddings: Tensor<2>) -> Tensor<2> {
        unit(match &self.common {
            Some(common) => embeddings - common.val().unsqueeze::<2>(),
            None => embeddings,
        })
    }

    /// The slots with what their words found.
    ///
    /// # Shapes
    /// - result: `[rows, length, width]`
    pub fn forward(&self, input: LookupInput) -> Tensor<3> {
        let rows = input.slots.dims()[0];
        let found = self.prepare(input.words, input.events, input.places.keys, rows);
        self.find(input.slots, &found, &input.places.bias)
    }

    /// What instructions will look up, once for all of them.
    ///
    /// # Shapes
    /// - `words`, `events`: `[events, width]`
    /// - `keys`: `[rows · keys]`, see [`LookupPlaces`]
    pub fn prepare(
        &self,
        words: Tensor<2>,
        events: Tensor<2>,
        keys: Tensor<1, Int>,
        rows: usize,
    ) -> LookupTable {
        let width = words.dims()[1];
        let of_row = keys.dims()[0] / rows;
        let of_rows = |table: Tensor<2>| {
            let none = Tensor::zeros([1, width], &table.device());
            Tensor::cat(vec![table, none], 0)
                .select(0, keys.clone())
                .reshape([rows, 1, of_row, width])
        };
        LookupTable {
            words: of_rows(self.compared(words)),
            values: of_rows(self.value.forward(events)),
        }
    }

    /// The slots with what their words found.
    ///
    /// # Shapes
    /// - `slots` and the result: `[rows, length, width]`
    /// - `bias`: `[rows, 1, length, keys]`, see [`LookupPlaces`]
    pub fn find(&self, slots: Tensor<3>, table: &LookupTable, bias: &Tensor<4>) -> Tensor<3> {
        let [rows, length, width] = slots.dims();
        // Attention divides by √width.
        let sharpness = self.log_sharpness.val().exp() * (width as f64).sqrt();
        let queries = self.compared(slots.clone().reshape([rows * length, width]));
        let queries = (queries * sharpness.unsqueeze::<2>()).reshape([rows, 1, length, width]);
        let found = attend(queries, table.words.clone(), table.values.clone(), bias);
        slots + found.reshape([rows, length, width])
    }
}

/// Scales each row to length 1; a zero row stays zero and has a finite gradient.
///
/// # Shapes
/// `[n, d]` → `[n, d]`
pub(crate) fn unit(vectors: Tensor<2>) -> Tensor<2> {
    let squared = vectors.clone().square().sum_dim(1);
    vectors / squared.add_scalar(1e-12).sqrt()
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;

    use super::*;

    const WIDTH: usize = 4;

    /// Two rows of two slots; row 0 has events 0 and 1, row 1 has none. Only
    /// the second slot of each row may look.
    fn found(slots: [[f32; WIDTH]; 4]) -> Vec<f32> {
        let device = Device::default();
        let mut lookup = Lookup::new(WIDTH, &device);
        let identity = Tensor::<2>::eye(WIDTH, &device);
        lookup.value.weight = Param::from_tensor(identity);
        let hidden = instructue_nn::attention::MASKED;
        let bias = [
            [NOTHING, hidden, hidden],
            [NOTHING, 0.0, 0.0],
            [NOTHING, hidden, hidden],
            [NOTHING, hidden, hidden],
        ];
        let slots = TensorData::new(slots.concat(), [2, 2, WIDTH]);
        let out = lookup.forward(LookupInput {
            slots: Tensor::from_data(slots.clone(), &device),
            words: Tensor::from_floats([[3.0, 0.0, 0.0, 0.0], [0.0, 0.5, 0.5, 0.0]], &device),
            events: Tensor::from_floats([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]], &device),
            places: LookupPlaces {
                keys: Tensor::from_ints([2, 0, 1, 2, 2, 2], &device),
                bias: Tensor::from_data(TensorData::new(bias.concat(), [2, 1, 2, 3]), &device),
            },
        });
        let added = out - Tensor::<3>::from_data(slots, &device);
        added.into_data().try_to_vec().unwrap()
    }

    #[test]
    fn a_word_finds_the_event_that_has_it_and_nothing_else() {
        let word = [0.0, 0.0, 7.0, 0.0];
        let found = found([word, word, word, word]);
        // e^{20/√2} against e⁶ and e⁰.
        let (hit, nothing) = ((20.0 * 0.5f32.sqrt()).exp(), NOTHING.exp());
        let sum = hit + nothing + 1.0;
        for (i, value) in found.iter().enumerate() {
            let expected = match i / WIDTH {
                1 => {
                    ([5.0, 6.0, 7.0, 8.0][i % WIDTH] * hit + [1.0, 2.0, 3.0, 4.0][i % WIDTH]) / sum
                }
                _ => 0.0,
            };
            assert!(
                (value - expected).abs() < 1e-4,
                "{i}: {value} is not {expected}"
            );
        }
    }

    #[test]
    fn a_word_of_no_event_finds_next_to_nothing() {
        let word = [0.0, 0.0, 0.0, 1.0];
        assert!(found([word; 4]).iter().all(|value| value.abs() < 0.05));
    }
}
