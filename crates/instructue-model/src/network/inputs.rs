//! The input table of a pass: encoders, adapters, summaries and embeddings of tokens,
//! each distinct vector once.

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use instructue_encoders::TextBatch;

use super::module::Network;
use crate::input::{Part, Reserved, SourceInput, TableInput, Tokens, parts};

/// Why a part cannot disagree: all are built from the same list of sources.
const SHAPED: &str = "input and network are built from the same sources";

/// Sees the decoder's input vectors of a source, `[events or rows, hidden]`, with the
/// row that each belongs to, and says what stands in their place.
pub type OfSource<'a> = dyn FnMut(usize, Tensor<2>, &[usize]) -> Tensor<2> + 'a;

/// All distinct input vectors of a batch.
pub(super) struct InputTable {
    /// `[entries, hidden]`
    pub vectors: Tensor<2>,
    /// `[rows, hidden]`: the input at each row's `<USER>`, but for what an
    /// instruction names.
    pub users: Tensor<2>,
    /// With a lookup, `[events, hidden]` each: the mean word embedding and the
    /// token of each event.
    pub events: Option<(Tensor<2>, Tensor<2>)>,
}

impl InputTable {
    /// The inputs of all slots, `[rows, length, hidden]`.
    pub fn of_slots(&self, input: &TableInput) -> Tensor<3> {
        let width = self.vectors.dims()[1];
        let slots = self.vectors.clone().select(0, input.slots.clone());
        slots.reshape([input.rows, input.length, width])
    }
}

impl Network {
    /// All distinct input vectors of the batch, in the order of [`parts`].
    pub(super) fn input_table(
        &self,
        input: &TableInput,
        of_source: &mut OfSource<'_>,
    ) -> InputTable {
        let width = self.backbone.hidden_size();
        let tokens = self.backbone.embed(input.tokens.clone().unsqueeze::<2>());
        let count = tokens.dims()[1];
        let tokens = tokens.reshape([count, width]);
        let mut made = BTreeMap::from([(Part::Reserved, self.reserved.val())]);
        let mut tabular = 0;
        let mut summaries = Vec::new();
        let mut numbers: Option<Tensor<2>> = None;
        let (mut words, mut looked_up) = (Vec::new(), Vec::new());
        for (source, (entry, adapter)) in input.sources.iter().zip(&self.adapters).enumerate() {
            let (vectors, row_of) = match entry {
                SourceInput::Events(None) => (None, Vec::new()),
                SourceInput::Events(Some(events)) => {
                    let known = events.vectors.clone();
                    let distinct = known.unwrap_or_else(|| self.encode(source, &events.texts));
                    let vectors = distinct.select(0, events.text_of.clone());
                    let features = events.features.clone();
                    let features = features.filter(|_| adapter.features.is_some());
                    let vectors = adapter.forward(vectors, features);
                    let vectors = of_source(source, vectors, &events.row_of);
                    // Events without texts are not looked up, as `RowEvents` has it.
                    if self.lookup.is_some() && !events.texts.is_empty() {
                        let of_texts = self.words(match events.words.is_empty() {
                            true => &events.texts,
                            false => &events.words,
                        });
                        words.push(of_texts.select(0, events.text_of.clone()));
                        looked_up.push(vectors.clone());
                    }
                    (Some(vectors), events.row_of.clone())
                }
                SourceInput::Tabular {
                    values,
                    missing,
                    categories,
                } => {
                    let vectors = self.tabular[tabular].forward(
                        values.clone(),
                        missing.clone(),
                        categories.clone(),
                    );
                    tabular += 1;
                    let rows: Vec<usize> = (0..input.rows).collect();
                    let vectors = of_source(source, adapter.forward(vectors, None), &rows);
                    numbers = Some(match numbers {
                        None => vectors.clone(),
                        Some(sum) => sum + vectors.clone(),
                    });
                    (Some(vectors), rows)
                }
            };
            made.extend(
                vectors
                    .clone()
                    .map(|vectors| (Part::Vectors(source), vectors)),
            );
            let empty = self.summary.empty_token(source).expect(SHAPED);
            made.insert(Part::Empty(source), empty);
            if input.summaries {
                let vectors =
                    vectors.unwrap_or_else(|| Tensor::zeros([0, width], &self.reserved.device()));
                let tokens = self
                    .summary
                    .source_tokens(source, vectors, &row_of, input.rows)
                    .expect(SHAPED);
                made.insert(Part::SourceSummaries(source), tokens.tokens.clone());
                summaries.push(tokens);
            }
        }
        if input.summaries {
            let users = self.summary.user_tokens(&summaries).expect(SHAPED);
            made.insert(Part::UserSummaries, users);
        }
        let sources = input.sources.len();
        let user = self
            .reserved
            .val()
            .narrow(0, Reserved { sources }.user(), 1);
        let users = match numbers.filter(|_| input.tabular_at_user) {
            // The learned mark, with the row's numbers on top.
            Some(numbers) => numbers + user,
            None => user.expand([input.rows, width]),
        };
        if let Some(segments) = &input.users {
            let of_rows = users.clone().select(0, segments.row_of.clone());
            let users = match &segments.lexical_matches {
                Some(lexical_matches) => of_rows + self.of_lexical_matches(lexical_matches.clone()),
                None => of_rows,
            };
            made.insert(Part::Users, users);
        }
        let events = (!words.is_empty()).then(|| {
            let tokens = self.scaled(Tensor::cat(looked_up, 0));
            (Tensor::cat(words, 0), tokens)
        });
        // Tokens come first, and are not scaled. A source without events has no vectors.
        let order = parts(sources, input.summaries, input.users.is_some());
        let others = order.into_iter().filter_map(|part| made.remove(&part));
        let others: Vec<Tensor<2>> = others.collect();
        let vectors = match self.input_scale == 1.0 {
            true => Tensor::cat(std::iter::once(tokens).chain(others).collect(), 0),
            false => Tensor::cat(vec![tokens, self.scaled(Tensor::cat(others, 0))], 0),
        };
        InputTable {
            vectors,
            users: self.scaled(users),
            events,
        }
    }

    /// What lexical matches add to the input at `<USER>`, `[n, numbers]` → `[n, hidden]`,
    /// before [`scaled`](Self::scaled).
    ///
    /// # Panics
    /// If the network was built without them.
    pub(super) fn of_lexical_matches(&self, numbers: Tensor<2>) -> Tensor<2> {
        let lexical_matches = self.lexical_matches.as_ref();
        lexical_matches
            .expect("a network with lexical matches")
            .forward(numbers)
    }

    /// The mean embedding of each distinct text's tokens, in the backbone's own table.
    fn words(&self, buckets: &[Tokens]) -> Tensor<2> {
        let means = buckets.iter().map(|bucket| {
            let mask = bucket.mask.clone().float().unsqueeze_dim::<3>(2);
            let sum = (self.backbone.embed(bucket.ids.clone()) * mask.clone()).sum_dim(1);
            let [texts, _, width] = sum.dims();
            (sum / mask.sum_dim(1)).reshape([texts, width])
        });
        Tensor::cat(means.collect(), 0)
    }

    /// Encodes distinct texts of a source, given in buckets of similar length.
    fn encode(&self, source: usize, buckets: &[Tokens]) -> Tensor<2> {
        let encoder = self.encoder_of(source).expect(SHAPED);
        let encoded = buckets
            .iter()
            .map(|bucket| {
                self.encoders[encoder].forward(TextBatch {
                    ids: bucket.ids.clone(),
                    mask: bucket.mask.clone(),
                })
            })
            .collect();
        Tensor::cat(encoded, 0)
    }
}
