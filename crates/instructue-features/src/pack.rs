//! From a profile and instructions to one packed row of slots.
//!
//! A row is one user's profile followed by K segments, one per instruction.
//! Segments see the profile and themselves, never each other, and their
//! positions all start where the profile ends: so the profile is computed once
//! for K instructions, and the result equals K separate rows.
//!
//! Delimiters and `<USER>` are [`Slot`]s, placed here by position. They are not
//! entries of any vocabulary, so no text can become one.

use std::collections::HashMap;
use std::sync::Arc;

use instructue_schema::{DataText, Schema, SourceKind};

use crate::profile::{Profile, SourceProfile};
use crate::tokenizer::TextTokenizer;

/// One position of a packed row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Slot {
    /// A token of the backbone's vocabulary: template, instruction or answer.
    Token(u32),
    /// The opening delimiter of a source.
    Open(usize),
    /// The closing delimiter of a source.
    Close(usize),
    /// The `index`-th event of the row's source.
    Event {
        /// Source, in schema order.
        source: usize,
        /// Event within the row, oldest first.
        index: usize,
    },
    /// The row's vector of a tabular source.
    Tabular(usize),
    /// Stands for a source without any event.
    Empty(usize),
    /// Mean over the events of a source.
    SourceSummary(usize),
    /// Mean over the row's sources.
    UserSummary,
    /// The position whose hidden state becomes the user's vector.
    User,
}

/// One source of a tokenised profile.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceTokens {
    /// Event texts as encoder tokens, oldest first, with their features.
    Events {
        /// One token list per event; equal texts share one list.
        texts: Vec<Arc<[u32]>>,
        /// The same texts as tokens of the backbone, see
        /// [`ProfileTokenizer::with_words`]; else empty.
        words: Vec<Arc<[u32]>>,
        /// `[events, features]`, flat.
        features: Vec<f32>,
    },
    /// The raw tabular row: NaN stands for a missing number, 0 for a missing category.
    Tabular {
        /// Numeric features.
        numbers: Vec<f32>,
        /// Category codes.
        categories: Vec<u32>,
    },
}

/// A profile ready for packing.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfileTokens {
    /// Schema order.
    pub sources: Vec<SourceTokens>,
}

impl ProfileTokens {
    /// Number of slots that the profile takes in a row.
    pub fn slots(&self, layout: &Layout) -> usize {
        layout.profile_slots(self).len()
    }
}

/// Turns profiles into encoder tokens and remembers texts it has seen.
#[derive(Debug)]
pub struct ProfileTokenizer {
    tokenizer: Arc<TextTokenizer>,
    words: Option<Arc<TextTokenizer>>,
    max_tokens: Vec<usize>,
    seen: HashMap<(usize, DataText), EventText>,
    capacity: usize,
}

/// An event's text as tokens.
#[derive(Debug, Clone)]
struct EventText {
    /// Of the encoder.
    ids: Arc<[u32]>,
    /// Of the backbone, where they are asked for.
    words: Option<Arc<[u32]>>,
}

impl ProfileTokenizer {
    /// A tokenizer of event texts for the sources of `schema`.
    pub fn new(tokenizer: Arc<TextTokenizer>, schema: &Schema) -> Self {
        let max_tokens = schema.sources.iter().map(|s| s.max_tokens).collect();
        Self {
            tokenizer,
            words: None,
            max_tokens,
            seen: HashMap::new(),
            capacity: 1 << 18,
        }
    }

    /// The same tokenizer, which gives the texts as tokens of the backbone, too:
    /// for looking up events by words where the encoder has another vocabulary.
    pub fn with_words(mut self, backbone: Arc<TextTokenizer>) -> Self {
        self.words = Some(backbone);
        self
    }

    /// Encodes all event texts of a profile, cut at each source's token limit.
    pub fn tokenize(&mut self, profile: &Profile) -> ProfileTokens {
        let sources = profile
            .sources
            .iter()
            .enumerate()
            .map(|(source, tokens)| match tokens {
                SourceProfile::Events(events) => {
                    let (mut texts, mut words) = (Vec::with_capacity(events.len()), Vec::new());
                    for event in events {
                        let text = self.text(source, &event.text);
                        texts.push(text.ids);
                        words.extend(text.words);
                    }
                    let features = events.iter().flat_map(|e| e.features.iter().copied());
                    SourceTokens::Events {
                        texts,
                        words,
                        features: features.collect(),
                    }
                }
                SourceProfile::Tabular(row) => SourceTokens::Tabular {
                    numbers: row.numbers.clone(),
                    categories: row.categories.clone(),
                },
            });
        ProfileTokens {
            sources: sources.collect(),
        }
    }

    fn text(&mut self, source: usize, text: &DataText) -> EventText {
        let key = (source, text.clone());
        if let Some(seen) = self.seen.get(&key) {
            return seen.clone();
        }
        let mut ids = self.tokenizer.encode_marked(text, self.max_tokens[source]);
        if ids.is_empty() {
            // An encoder cannot take an empty text.
            ids.push(self.tokenizer.end_id());
        }
        let words = self.words.as_ref().map(|backbone| {
            let mut words = backbone.encode_limited(text, self.max_tokens[source]);
            if words.is_empty() {
                words.push(backbone.end_id());
            }
            words.into()
        });
        let encoded = EventText {
            ids: ids.into(),
            words,
        };
        // Bounds the memory over a long run; texts repeat, so it fills up again at once.
        if self.seen.len() >= self.capacity {
            self.seen.clear();
        }
        self.seen.insert(key, encoded.clone());
        encoded
    }
}

/// An instruction, and in training its answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Segment {
    /// Backbone tokens of the instruction; empty: no instruction.
    pub instruction: Vec<u32>,
    /// Backbone tokens of the answer with the end mark; empty: no answer.
    pub answer: Vec<u32>,
    /// How much of the row's profile the instruction names, see
    /// [`LexicalMatches`](crate::LexicalMatches); empty where the model does not ask.
    pub lexical_matches: Vec<f32>,
    /// In training: what others answer to the same question, each as `answer`.
    pub extra_negatives: Vec<Vec<u32>>,
}

/// A user's profile with its segments.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Equal keys mean the same user.
    pub user_key: u64,
    /// The user's profile.
    pub profile: ProfileTokens,
    /// At least one.
    pub segments: Vec<Segment>,
}

/// How a profile becomes slots.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    kinds: Vec<SourceKind>,
    summaries: bool,
    bottleneck: bool,
    intro: Vec<u32>,
    lead: Vec<u32>,
}

/// What stands before the profile.
pub const INTRO: &str = "User profile.";
/// What stands before an instruction.
pub const LEAD: &str = "Instruction:";

impl Layout {
    /// The layout for the sources of `schema`; `summaries` adds source and user
    /// summary tokens (the hierarchy option, Q-Anchor).
    pub fn new(schema: &Schema, tokenizer: &TextTokenizer, summaries: bool) -> Self {
        Self {
            kinds: schema.sources.iter().map(|s| s.kind).collect(),
            summaries,
            bottleneck: false,
            intro: tokenizer.encode_template(INTRO),
            lead: tokenizer.encode_template(LEAD),
        }
    }

    /// With `bottleneck` an answer's tokens see `<USER>` and each other only, so
    /// that what they need of the profile and the instruction has to go through
    /// the state that becomes the user's vector.
    pub fn with_bottleneck(mut self, bottleneck: bool) -> Self {
        self.bottleneck = bottleneck;
        self
    }

    /// Whether answers see the user's state only, see [`Layout::with_bottleneck`].
    pub fn bottleneck(&self) -> bool {
        self.bottleneck
    }

    /// Whether rows carry summary tokens.
    pub fn summaries(&self) -> bool {
        self.summaries
    }

    /// The slots of a profile, without any segment.
    pub fn profile_slots(&self, profile: &ProfileTokens) -> Vec<Slot> {
        let mut slots: Vec<Slot> = self.intro.iter().map(|&id| Slot::Token(id)).collect();
        if self.summaries {
            slots.push(Slot::UserSummary);
        }
        for (source, tokens) in profile.sources.iter().enumerate() {
            slots.push(Slot::Open(source));
            match tokens {
                SourceTokens::Events { texts, .. } if texts.is_empty() => {
                    slots.push(Slot::Empty(source));
                }
                SourceTokens::Events { texts, .. } => {
                    if self.summaries {
                        slots.push(Slot::SourceSummary(source));
                    }
                    slots.extend((0..texts.len()).map(|index| Slot::Event { source, index }));
                }
                SourceTokens::Tabular { .. } => slots.push(Slot::Tabular(source)),
            }
            slots.push(Slot::Close(source));
        }
        slots
    }

    /// The slots of a segment, and the offset of `<USER>` among them.
    pub fn segment_slots(&self, segment: &Segment) -> (Vec<Slot>, usize) {
        let mut slots = Vec::with_capacity(segment.instruction.len() + segment.answer.len() + 8);
        if !segment.instruction.is_empty() {
            slots.extend(
                self.lead
                    .iter()
                    .chain(&segment.instruction)
                    .map(|&id| Slot::Token(id)),
            );
        }
        let user = slots.len();
        slots.push(Slot::User);
        // The end mark is predicted, never read.
        let read = segment.answer.len().saturating_sub(1);
        slots.extend(segment.answer[..read].iter().map(|&id| Slot::Token(id)));
        (slots, user)
    }

    /// Number of slots of a whole row.
    pub fn row_slots(&self, row: &Row) -> usize {
        let segments: usize = row
            .segments
            .iter()
            .map(|s| self.segment_slots(s).0.len())
            .sum();
        row.profile.slots(self) + segments
    }

    /// The kind of a source.
    ///
    /// # Panics
    /// If there is no such source.
    pub fn kind(&self, source: usize) -> SourceKind {
        self.kinds[source]
    }

    /// Number of sources.
    pub fn sources(&self) -> usize {
        self.kinds.len()
    }
}
