//! The trainable network: event texts and features in, vectors and logits out.
//!
//! One pass over packed rows gives both the users' vectors and the logits of
//! their answers: the decoder is causal, so `<USER>` cannot see the answer.

mod precision;
mod prefix;

use burn::module::{Initializer, Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use instructue_adapter::{Adapter, Summary, SummaryConfig};
use instructue_backbone::{Decoder, DecoderInput};
use instructue_encoders::{TabularEncoder, TextBatch, TextEncoder};
use instructue_features::LEXICAL_FEATURES;
use instructue_schema::SourceKind;

use crate::config::ModelConfig;
use crate::error::Result;
use crate::head::Head;
use crate::input::{NetworkInput, SourceInput, TableInput, Tokens};
use crate::lookup::{Lookup, LookupInput};
use crate::pretrained::{Pretrained, table_mean};

/// Why a part cannot disagree: all are built from the same list of sources.
const SHAPED: &str = "input and network are built from the same sources";

/// What the network must know of each source.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceShape {
    /// Events or tabular.
    pub kind: SourceKind,
    /// Features of each event (events) or numbers of the row (tabular).
    pub numbers: usize,
    /// Cardinalities of the row's categories (tabular).
    pub categories: Vec<usize>,
}

/// Encoders, adapters, summaries, reserved rows, decoder and head.
#[derive(Module, Debug)]
pub struct Network {
    encoders: Vec<TextEncoder>,
    tabular: Vec<TabularEncoder>,
    adapters: Vec<Adapter>,
    summary: Summary,
    /// `[2 · sources + 2, hidden]`: opening and closing delimiters, `<USER>`, padding.
    reserved: Param<Tensor<2>>,
    backbone: Decoder,
    head: Head,
    lookup: Option<Lookup>,
    /// Nothing mentioned adds nothing: it has no bias.
    lexical_matches: Option<Linear>,
    #[module(skip)]
    input_scale: f64,
}

/// Sees the decoder's input vectors of a source, `[events or rows, hidden]`, with the
/// row that each belongs to, and says what stands in their place.
pub type OfSource<'a> = dyn FnMut(usize, Tensor<2>, &[usize]) -> Tensor<2> + 'a;

/// All distinct input vectors of a batch.
struct InputTable {
    /// `[entries, hidden]`
    vectors: Tensor<2>,
    /// `[rows, hidden]`: the input at each row's `<USER>`, but for what an instruction
    /// lexical matches.
    users: Tensor<2>,
    /// With a lookup, `[events, hidden]` each: the mean word embedding and the
    /// token of each event.
    events: Option<(Tensor<2>, Tensor<2>)>,
}

impl InputTable {
    /// The inputs of all slots, `[rows, length, hidden]`.
    fn of_slots(&self, input: &TableInput) -> Tensor<3> {
        let width = self.vectors.dims()[1];
        let slots = self.vectors.clone().select(0, input.slots.clone());
        slots.reshape([input.rows, input.length, width])
    }
}

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
    /// A network with fresh weights.
    ///
    /// # Errors
    /// When a part of `config` does not fit together.
    pub fn new(config: &ModelConfig, sources: &[SourceShape], device: &Device) -> Result<Self> {
        Self::with_parts(config, sources, &Pretrained::default(), device)
    }

    /// As [`new`](Self::new), around parts that have weights.
    ///
    /// # Errors
    /// When a part of `config` does not fit together, or a part to it.
    pub fn with_parts(
        config: &ModelConfig,
        sources: &[SourceShape],
        parts: &Pretrained,
        device: &Device,
    ) -> Result<Self> {
        parts.check(config)?;
        let lora = config.encoder.lora.map(|l| l.config());
        let events = sources
            .iter()
            .filter(|s| s.kind == SourceKind::Events)
            .count();
        let count = if config.encoder.shared {
            events.min(1)
        } else {
            events
        };
        let encoders = (0..count)
            .map(|_| {
                let settings = &config.encoder;
                let encoder = match &parts.encoder {
                    Some(encoder) => encoder.clone(),
                    None => settings
                        .bert
                        .init(settings.pooling, lora.as_ref(), device)?
                        .with_normalized(settings.normalized),
                };
                // With LoRA all but its factors is frozen already.
                Ok(match settings.train || settings.lora.is_some() {
                    true => encoder,
                    false => encoder.no_grad(),
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let mut tabular = Vec::new();
        let mut adapters = Vec::new();
        let hidden = config.backbone.hidden_size;
        for source in sources {
            if source.kind == SourceKind::Tabular {
                tabular.push(config.table(source).init(device)?);
            }
            adapters.push(config.adapter_of(source).init(device)?);
        }
        let rows = 2 * sources.len() + 2;
        let normal = Initializer::Normal {
            mean: 0.0,
            std: 0.02,
        };
        let backbone = match &parts.backbone {
            Some(decoder) => decoder.clone(),
            None => {
                let lora = config.backbone_lora.map(|l| l.config());
                config.backbone.init(lora.as_ref(), device)?
            }
        };
        let lookup = config.lookup.then(|| {
            let lookup = Lookup::new(hidden, device);
            let pretrained = config.pretrained.as_ref();
            // A loaded model gets its values later, in the same shape.
            match pretrained.is_some_and(|begun| begun.backbone.is_some()) {
                true => lookup.with_common(table_mean(backbone.embed_tokens.weight.val())),
                false => lookup,
            }
        });
        let lexical_matches = config.lexical_matches.then(|| {
            let linear = LinearConfig::new(LEXICAL_FEATURES, hidden).with_bias(false);
            let initializer = Initializer::Normal {
                mean: 0.0,
                std: 1.0 / (hidden as f64).sqrt(),
            };
            linear.with_initializer(initializer).init(device)
        });
        Ok(Self {
            encoders,
            tabular,
            adapters,
            summary: SummaryConfig::new(hidden, sources.len()).init(device)?,
            reserved: normal.init([rows, hidden], device),
            backbone,
            head: Head::new(config.head, hidden, device),
            lookup,
            lexical_matches,
            input_scale: config.input_scale,
        })
    }

    /// The decoder.
    pub fn backbone(&self) -> &Decoder {
        &self.backbone
    }

    /// The text encoders: one per events source, or a single shared one.
    pub fn encoders(&self) -> &[TextEncoder] {
        &self.encoders
    }

    /// What stands at delimiters, `<USER>` and padding, `[2 · sources + 2, hidden]`:
    /// opening and closing delimiter of each source, `<USER>`, padding.
    pub fn reserved_rows(&self) -> Tensor<2> {
        self.scaled(self.reserved.val())
    }

    /// Replaces the decoder, for instance by one with another adapter.
    ///
    /// # Panics
    /// If its width is another.
    pub fn with_backbone(mut self, backbone: Decoder) -> Self {
        assert_eq!(
            self.backbone.hidden_size(),
            backbone.hidden_size(),
            "width of the backbone"
        );
        self.backbone = backbone;
        self
    }

    /// Replaces every encoder by a copy of `encoder`.
    ///
    /// # Panics
    /// If its width is another.
    pub fn with_encoder(mut self, encoder: &TextEncoder) -> Self {
        for place in &mut self.encoders {
            assert_eq!(
                place.hidden_size(),
                encoder.hidden_size(),
                "width of the encoder"
            );
            *place = encoder.clone();
        }
        self
    }

    /// The encoders of another network of the same shape.
    pub(crate) fn with_encoders_of(mut self, other: &Self) -> Self {
        self.encoders = other.encoders.clone();
        self
    }

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
        let [rows, length, width] = hidden.dims();
        let flat = hidden.reshape([rows * length, width]);
        let states = flat.clone().select(0, input.user_slots.clone());
        let logits = input
            .target_slots
            .clone()
            .map(|slots| self.backbone.logits(flat.select(0, slots)));
        NetworkOutput {
            users: self.head.forward(states.clone()),
            states,
            logits,
        }
    }

    /// The decoder's states of all slots, `[rows, length, hidden]`.
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
        self.backbone.forward(DecoderInput {
            inputs,
            positions: input.positions.clone(),
            bias: input.bias.clone(),
        })
    }

    /// All distinct input vectors of the batch, in the order that
    /// [`NetworkInput`] counts them: tokens, reserved rows, then for each source
    /// its events or tabular rows, its learned empty token, its summaries, and
    /// at last the users' summaries and the segments' `<USER>` inputs.
    fn input_table(&self, input: &TableInput, of_source: &mut OfSource<'_>) -> InputTable {
        let width = self.backbone.hidden_size();
        let tokens = self.backbone.embed(input.tokens.clone().unsqueeze::<2>());
        let count = tokens.dims()[1];
        let tokens = tokens.reshape([count, width]);
        let mut parts = vec![self.reserved.val()];
        let (mut encoder, mut tabular) = (0, 0);
        let mut summaries = Vec::new();
        let mut numbers: Option<Tensor<2>> = None;
        let (mut words, mut looked_up) = (Vec::new(), Vec::new());
        for (source, (entry, adapter)) in input.sources.iter().zip(&self.adapters).enumerate() {
            let (vectors, row_of) = match entry {
                SourceInput::Events(events) => {
                    let place = encoder.min(self.encoders.len() - 1);
                    encoder += 1;
                    match events {
                        None => (None, Vec::new()),
                        Some(events) => {
                            let known = events.vectors.clone();
                            let texts = known.unwrap_or_else(|| self.encode(place, &events.texts));
                            let vectors = texts.select(0, events.text_of.clone());
                            let features = events.features.clone();
                            let features = features.filter(|_| adapter.features.is_some());
                            let vectors = adapter.forward(vectors, features);
                            let vectors = of_source(source, vectors, &events.row_of);
                            if self.lookup.is_some() {
                                let of_texts = self.words(match events.words.is_empty() {
                                    true => &events.texts,
                                    false => &events.words,
                                });
                                words.push(of_texts.select(0, events.text_of.clone()));
                                looked_up.push(vectors.clone());
                            }
                            (Some(vectors), events.row_of.clone())
                        }
                    }
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
            parts.extend(vectors.clone());
            parts.push(self.summary.empty_token(source).expect(SHAPED));
            if input.summaries {
                let vectors =
                    vectors.unwrap_or_else(|| Tensor::zeros([0, width], &self.reserved.device()));
                let tokens = self
                    .summary
                    .source_tokens(source, vectors, &row_of, input.rows)
                    .expect(SHAPED);
                parts.push(tokens.tokens.clone());
                summaries.push(tokens);
            }
        }
        if input.summaries {
            parts.push(self.summary.user_tokens(&summaries).expect(SHAPED));
        }
        let user = self.reserved.val().narrow(0, 2 * input.sources.len(), 1);
        let users = match numbers.filter(|_| input.tabular_at_user) {
            // The learned mark, with the row's numbers on top.
            Some(numbers) => numbers + user,
            None => user.expand([input.rows, width]),
        };
        if let Some(segments) = &input.users {
            let of_rows = users.clone().select(0, segments.row_of.clone());
            parts.push(match &segments.lexical_matches {
                Some(lexical_matches) => of_rows + self.mentioned(lexical_matches.clone()),
                None => of_rows,
            });
        }
        let events = (!words.is_empty()).then(|| {
            let tokens = self.scaled(Tensor::cat(looked_up, 0));
            (Tensor::cat(words, 0), tokens)
        });
        let vectors = match self.input_scale == 1.0 {
            true => {
                parts.insert(0, tokens);
                Tensor::cat(parts, 0)
            }
            false => Tensor::cat(vec![tokens, self.scaled(Tensor::cat(parts, 0))], 0),
        };
        InputTable {
            vectors,
            users: self.scaled(users),
            events,
        }
    }

    /// What lexical_matches add to the input at `<USER>`, `[n, numbers]` → `[n, hidden]`,
    /// before [`scaled`](Self::scaled).
    ///
    /// # Panics
    /// If the network was built without them.
    fn mentioned(&self, numbers: Tensor<2>) -> Tensor<2> {
        let lexical_matches = self.lexical_matches.as_ref();
        lexical_matches
            .expect("a network with lexical_matches")
            .forward(numbers)
    }

    /// See [`ModelConfig::input_scale`].
    fn scaled(&self, vectors: Tensor<2>) -> Tensor<2> {
        match self.input_scale == 1.0 {
            true => vectors,
            false => vectors * self.input_scale,
        }
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

    /// Encodes distinct texts, given in buckets of similar length.
    fn encode(&self, encoder: usize, buckets: &[Tokens]) -> Tensor<2> {
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

    /// The unit vectors of texts (answers, audience descriptions): the state of
    /// the last token through the same decoder and head (method §3.7).
    ///
    /// # Shapes
    /// `texts`: `[n, length]` → `[n, d]`
    pub fn text_vectors(&self, texts: &TextInput) -> Tensor<2> {
        let embedded = self.backbone.embed(texts.ids.clone());
        let [rows, length, width] = embedded.dims();
        let hidden = self.backbone.forward(DecoderInput {
            inputs: embedded,
            positions: texts.positions.clone(),
            bias: texts.bias.clone(),
        });
        let last = hidden
            .reshape([rows * length, width])
            .select(0, texts.last.clone());
        self.head.forward(last)
    }
}

pub use crate::input::TextInput;
pub use prefix::{Instruction, Prefix};
