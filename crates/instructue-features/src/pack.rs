//! Packed rows: a profile and its instructions as one sequence of slots. Training and embedding
//! read rows.
//!
//! A row is one user's profile followed by K segments, one per instruction. Segments see the
//! profile and themselves, never each other, and their positions all start where the profile
//! ends. So the profile is computed once for K instructions, and the result equals K separate
//! rows.
//!
//! Delimiters and `<USER>` are [`Slot`]s, which are placed by position. They are no entries of
//! any vocabulary, so no text can become one.

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
    /// An event of the row's source.
    Event {
        /// The source, in schema order.
        source: usize,
        /// The event within the row, oldest first.
        index: usize,
    },
    /// The row's vector of a tabular source.
    Tabular(usize),
    /// The token of a source without events.
    Empty(usize),
    /// The mean over the events of a source.
    SourceSummary(usize),
    /// The mean over the row's sources.
    UserSummary,
    /// `<USER>`, whose hidden state becomes the user's vector.
    User,
}

/// One source of a tokenised profile.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceTokens {
    /// Event texts as encoder tokens, oldest first, with their features.
    Events {
        /// One token list per event. Equal texts share one list. There are none where the source
        /// has vectors.
        texts: Vec<Arc<[u32]>>,
        /// The same texts as tokens of the backbone, see [`ProfileTokenizer::with_words`];
        /// otherwise empty.
        words: Vec<Arc<[u32]>>,
        /// One vector per event, where the source has vectors.
        vectors: Vec<Arc<[f32]>>,
        /// The event features, `[events, features]`, flat.
        features: Vec<f32>,
    },
    /// The row of a tabular source. NaN stands for a missing number, 0 for a missing category.
    Tabular {
        /// Numeric features.
        numbers: Vec<f32>,
        /// Category codes.
        categories: Vec<u32>,
    },
}

impl SourceTokens {
    /// The number of events; 0 for a tabular source.
    pub fn events(&self) -> usize {
        match self {
            Self::Events { texts, vectors, .. } => texts.len().max(vectors.len()),
            Self::Tabular { .. } => 0,
        }
    }
}

/// A tokenised profile, ready for packing.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfileTokens {
    /// The sources, in schema order.
    pub sources: Vec<SourceTokens>,
}

impl ProfileTokens {
    /// The number of slots that the profile takes in a row.
    pub fn slots(&self, layout: &Layout) -> usize {
        layout.profile_slots(self).len()
    }
}

/// Tokenises the event texts of profiles and caches the results.
#[derive(Debug)]
pub struct ProfileTokenizer {
    sources: Vec<SourceTokenizer>,
    seen: HashMap<(usize, DataText), EventText>,
    capacity: usize,
}

/// How the texts of a source become tokens.
#[derive(Debug)]
struct SourceTokenizer {
    encoder: Arc<TextTokenizer>,
    /// The backbone's, if its tokens are needed, too.
    words: Option<Arc<TextTokenizer>>,
    max_tokens: usize,
}

/// An event's text as tokens.
#[derive(Debug, Clone)]
struct EventText {
    /// The tokens of the encoder.
    ids: Arc<[u32]>,
    /// The tokens of the backbone, if they are needed.
    words: Option<Arc<[u32]>>,
}

impl ProfileTokenizer {
    /// A tokenizer of event texts for the sources of `schema`.
    pub fn new(tokenizer: Arc<TextTokenizer>, schema: &Schema) -> Self {
        let sources = schema.sources.iter().map(|source| SourceTokenizer {
            encoder: tokenizer.clone(),
            words: None,
            max_tokens: source.max_tokens,
        });
        Self {
            sources: sources.collect(),
            seen: HashMap::new(),
            capacity: 1 << 18,
        }
    }

    /// Tokenises the texts of a source, by its place in the schema, with a tokenizer of its own.
    ///
    /// # Panics
    /// If the schema has no such source.
    pub fn with_source(mut self, source: usize, tokenizer: Arc<TextTokenizer>) -> Self {
        self.sources[source].encoder = tokenizer;
        self.seen.clear();
        self
    }

    /// Also tokenises the texts of a source for the backbone. This is needed to look up events by
    /// words if the encoder has another vocabulary.
    ///
    /// # Panics
    /// If the schema has no such source.
    pub fn with_words(mut self, source: usize, backbone: Arc<TextTokenizer>) -> Self {
        self.sources[source].words = Some(backbone);
        self.seen.clear();
        self
    }

    /// Tokenises all event texts of a profile, each truncated at its source's token limit.
    pub fn tokenize(&mut self, profile: &Profile) -> ProfileTokens {
        let sources = profile
            .sources
            .iter()
            .enumerate()
            .map(|(source, tokens)| match tokens {
                SourceProfile::Events(events) => {
                    let (mut texts, mut words) = (Vec::with_capacity(events.len()), Vec::new());
                    let mut vectors = Vec::new();
                    for event in events {
                        if let Some(vector) = &event.vector {
                            vectors.push(vector.clone());
                            continue;
                        }
                        let text = self.text(source, &event.text);
                        texts.push(text.ids);
                        words.extend(text.words);
                    }
                    let features = events.iter().flat_map(|e| e.features.iter().copied());
                    SourceTokens::Events {
                        texts,
                        words,
                        vectors,
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
        let of_source = &self.sources[source];
        let mut ids = of_source.encoder.encode_marked(text, of_source.max_tokens);
        if ids.is_empty() {
            // An encoder cannot read an empty text.
            ids.push(of_source.encoder.end_id());
        }
        let words = of_source.words.as_ref().map(|backbone| {
            let mut words = backbone.encode_limited(text, of_source.max_tokens);
            if words.is_empty() {
                words.push(backbone.end_id());
            }
            words.into()
        });
        let encoded = EventText {
            ids: ids.into(),
            words,
        };
        // This bounds the memory of a long run. Texts repeat, so the cache soon fills again.
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
    /// The backbone tokens of the instruction; empty for no instruction.
    pub instruction: Vec<u32>,
    /// The backbone tokens of the answer with the end mark; empty for no answer.
    pub answer: Vec<u32>,
    /// The [lexical matches](crate::LexicalMatches) of the instruction and the row's profile;
    /// empty if the model does not use them.
    pub lexical_matches: Vec<f32>,
    /// The extra negatives in training: answers of other users to the same question, each in the
    /// form of `answer`.
    pub extra_negatives: Vec<Vec<u32>>,
}

/// A user's profile with its segments.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The key of the user. Equal keys mean the same user.
    pub user_key: u64,
    /// The user's profile.
    pub profile: ProfileTokens,
    /// The segments, at least one.
    pub segments: Vec<Segment>,
}

/// The rules by which a profile becomes slots.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    kinds: Vec<SourceKind>,
    summaries: bool,
    bottleneck: bool,
    intro: Vec<u32>,
    lead: Vec<u32>,
}

/// The text before the profile.
pub const INTRO: &str = "User profile.";
/// The text before an instruction.
pub const LEAD: &str = "Instruction:";

impl Layout {
    /// The layout for the sources of `schema`. `summaries` adds source and user summary tokens
    /// (the hierarchy of arXiv:2602.14492).
    pub fn new(schema: &Schema, tokenizer: &TextTokenizer, summaries: bool) -> Self {
        Self {
            kinds: schema.sources.iter().map(|s| s.kind).collect(),
            summaries,
            bottleneck: false,
            intro: tokenizer.encode_template(INTRO),
            lead: tokenizer.encode_template(LEAD),
        }
    }

    /// With `bottleneck`, an answer's tokens see `<USER>` and each other only. What they need of
    /// profile and instruction then has to go through the state that becomes the user's vector.
    pub fn with_bottleneck(mut self, bottleneck: bool) -> Self {
        self.bottleneck = bottleneck;
        self
    }

    /// Whether answers see the user's state only, see [`Layout::with_bottleneck`].
    pub fn bottleneck(&self) -> bool {
        self.bottleneck
    }

    /// Whether rows have summary tokens.
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
                SourceTokens::Events { .. } if tokens.events() == 0 => {
                    slots.push(Slot::Empty(source));
                }
                SourceTokens::Events { .. } => {
                    if self.summaries {
                        slots.push(Slot::SourceSummary(source));
                    }
                    slots.extend((0..tokens.events()).map(|index| Slot::Event { source, index }));
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
        // The end mark is predicted and never read.
        let read = segment.answer.len().saturating_sub(1);
        slots.extend(segment.answer[..read].iter().map(|&id| Slot::Token(id)));
        (slots, user)
    }

    /// The number of slots of a whole row.
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

    /// The number of sources.
    pub fn sources(&self) -> usize {
        self.kinds.len()
    }
}
