//! The host side of a model: everything fitted before training that turns a
//! history into a packed row. It is saved with the weights, because vectors
//! mean nothing without it.

use std::collections::BTreeMap;
use std::sync::Arc;

use instructue_encoders::PrincipalComponents;
use instructue_features::{
    Layout, LexicalMatches, Profile, ProfileBuilder, ProfileTokenizer, ProfileWords, Row, Segment,
    TextTokenizer, event_feature_width,
};
use instructue_schema::History;
use instructue_schema::{DataText, Schema, SourceKind, Timestamp};

use crate::error::Result;
use crate::normalisers::Normalisers;
use crate::source_shape::SourceShape;

/// Longest instruction or answer in tokens; longer ones are cut.
pub const MAX_TEXT_TOKENS: usize = 128;

/// Users that principal components are fitted on, at most.
const COMPONENT_USERS: usize = 4_096;

/// Fitted vocabularies, normalisers and tokenizers.
#[derive(Debug, Clone)]
pub struct Preprocessor {
    profiles: ProfileBuilder,
    normalisers: Normalisers,
    components: Option<PrincipalComponents>,
    lexical_matches: Option<LexicalMatches>,
    encoder_tokenizer: Arc<TextTokenizer>,
    /// Of sources with encoders of their own, by name.
    source_tokenizers: BTreeMap<String, Arc<TextTokenizer>>,
    tokenizer: Arc<TextTokenizer>,
    layout: Layout,
    /// Whether event texts are tokens of the backbone, too, of each source.
    words: Vec<bool>,
}

impl Preprocessor {
    /// Puts fitted parts together.
    ///
    /// `encoder_tokenizer` is for event texts, `tokenizer` for the backbone;
    /// `normalisers` are of the sources of `profiles`, see [`Normalisers::fit`].
    pub fn new(
        profiles: ProfileBuilder,
        normalisers: Normalisers,
        encoder_tokenizer: Arc<TextTokenizer>,
        tokenizer: Arc<TextTokenizer>,
        summaries: bool,
    ) -> Self {
        let layout = Layout::new(profiles.schema(), &tokenizer, summaries);
        Self {
            profiles,
            normalisers,
            components: None,
            lexical_matches: None,
            encoder_tokenizer,
            source_tokenizers: BTreeMap::new(),
            tokenizer,
            layout,
            words: Vec::new(),
        }
    }

    /// Fits at most `count` principal components of the standardised numbers of all
    /// tabular sources, on at most the first 4,096 of the given users; `None`
    /// without such numbers, and with fewer users than
    /// [`min_users`](ProfileBuilder::min_users) of `profiles`.
    ///
    /// # Errors
    /// When a row does not have the width that `profiles` declares.
    pub fn fit_pca_components<'a>(
        profiles: &ProfileBuilder,
        normalisers: &Normalisers,
        histories: impl Iterator<Item = (History<'a>, Timestamp)>,
        count: usize,
    ) -> Result<Option<PrincipalComponents>> {
        let rows = histories.take(COMPONENT_USERS).map(|(history, reference)| {
            normalisers.tabular_numbers(&profiles.build(&history, reference))
        });
        let rows = rows.collect::<Result<Vec<_>>>()?;
        if rows.len() < profiles.min_users() {
            return Ok(None);
        }
        let components = PrincipalComponents::fit(&rows, count)?;
        Ok((!components.is_empty()).then_some(components))
    }

    /// The declared sources.
    pub fn schema(&self) -> &Schema {
        self.profiles.schema()
    }

    /// The profile builder.
    pub fn profiles(&self) -> &ProfileBuilder {
        &self.profiles
    }

    /// The normalisers of tabular rows and of events' vectors.
    pub fn normalisers(&self) -> &Normalisers {
        &self.normalisers
    }

    /// With principal components of the tabular sources' numbers.
    pub fn with_pca_components(mut self, components: Option<PrincipalComponents>) -> Self {
        self.components = components;
        self
    }

    /// The principal components of the tabular sources' numbers, where some were fitted.
    pub fn components(&self) -> Option<&PrincipalComponents> {
        self.components.as_ref()
    }

    /// How many principal components stand beside a state.
    pub fn pca_width(&self) -> usize {
        self.components.as_ref().map_or(0, PrincipalComponents::len)
    }

    /// With weights of words, for what an instruction names of a profile.
    pub fn with_lexical_matches(mut self, lexical_matches: Option<LexicalMatches>) -> Self {
        self.lexical_matches = lexical_matches;
        self
    }

    /// The weights of words, where they were fitted.
    pub fn lexical_matches(&self) -> Option<&LexicalMatches> {
        self.lexical_matches.as_ref()
    }

    /// A profile's events for [`lexical_features`](Self::lexical_features); `None` where no weights
    /// of words were fitted.
    pub fn words(&self, profile: &Profile) -> Option<ProfileWords> {
        let lexical_matches = self.lexical_matches.as_ref()?;
        Some(lexical_matches.profile(self.schema(), profile))
    }

    /// How much of a profile an instruction names, for a
    /// [segment](Segment::lexical_matches); empty where no weights of words were fitted.
    pub fn lexical_features(
        &self,
        words: Option<&ProfileWords>,
        instruction: Option<&DataText>,
    ) -> Vec<f32> {
        let Some((lexical_matches, words)) = self.lexical_matches.as_ref().zip(words) else {
            return Vec::new();
        };
        let query = instruction.map(|text| lexical_matches.instruction(text));
        lexical_matches.numbers(words, query.as_ref()).to_vec()
    }

    /// The principal components of a profile's numbers: what counts and sums say
    /// whatever is asked. Empty where none were fitted.
    ///
    /// # Errors
    /// When the profile does not have the numbers that were fitted.
    pub fn pca_components_of(&self, profile: &Profile) -> Result<Vec<f32>> {
        match &self.components {
            Some(components) => Ok(components.apply(&self.normalisers.tabular_numbers(profile)?)?),
            None => Ok(Vec::new()),
        }
    }

    /// The tokenizer of event texts, of all sources without one of their own.
    pub fn encoder_tokenizer(&self) -> &Arc<TextTokenizer> {
        &self.encoder_tokenizer
    }

    /// With tokenizers of single sources, by name: those whose encoder was trained with another
    /// one.
    pub fn with_source_tokenizers(
        mut self,
        tokenizers: BTreeMap<String, Arc<TextTokenizer>>,
    ) -> Self {
        self.source_tokenizers = tokenizers;
        self
    }

    /// The tokenizers of single sources, by name.
    pub fn source_tokenizers(&self) -> &BTreeMap<String, Arc<TextTokenizer>> {
        &self.source_tokenizers
    }

    /// The tokenizer of the event texts of the source called `source`.
    pub fn tokenizer_of(&self, source: &str) -> &Arc<TextTokenizer> {
        let own = self.source_tokenizers.get(source);
        own.unwrap_or(&self.encoder_tokenizer)
    }

    /// The backbone's tokenizer.
    pub fn tokenizer(&self) -> &Arc<TextTokenizer> {
        &self.tokenizer
    }

    /// Hides profile and instruction from answers, see [`Layout::with_bottleneck`].
    pub fn with_bottleneck(mut self, bottleneck: bool) -> Self {
        self.layout = self.layout.with_bottleneck(bottleneck);
        self
    }

    /// With `lookup`, event texts are tokens of the backbone, too, where the
    /// encoder's vocabulary is another: words are compared in the backbone's.
    pub fn with_lookup(mut self, lookup: bool) -> Self {
        let sources = self.schema().sources.iter();
        let other = |name: &str| lookup && *self.tokenizer_of(name) != self.tokenizer;
        self.words = sources.map(|source| other(&source.name)).collect();
        self
    }

    /// How rows are laid out.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What the network must know of each source.
    pub fn source_shapes(&self) -> Vec<SourceShape> {
        let schema = self.schema();
        let shape = |(index, source): (usize, &instructue_schema::Source)| match source.kind {
            SourceKind::Events => SourceShape {
                name: source.name.clone(),
                kind: SourceKind::Events,
                vector: source.vector_field().map(|(_, width)| width),
                numbers: event_feature_width(source),
                categories: Vec::new(),
            },
            SourceKind::Tabular => {
                let layout = self.profiles.tabular_layout(index);
                SourceShape {
                    name: source.name.clone(),
                    kind: SourceKind::Tabular,
                    vector: None,
                    numbers: layout.numbers.len(),
                    categories: layout.categories.iter().map(|(_, size)| *size).collect(),
                }
            }
        };
        schema.sources.iter().enumerate().map(shape).collect()
    }

    /// A tokenizer of profiles with its own cache of texts.
    pub fn profile_tokenizer(&self) -> ProfileTokenizer {
        let common = self.encoder_tokenizer.clone();
        let mut tokenizer = ProfileTokenizer::new(common, self.schema());
        for (number, source) in self.schema().sources.iter().enumerate() {
            if let Some(own) = self.source_tokenizers.get(&source.name) {
                tokenizer = tokenizer.with_source(number, own.clone());
            }
            if self.words.get(number) == Some(&true) {
                tokenizer = tokenizer.with_words(number, self.tokenizer.clone());
            }
        }
        tokenizer
    }

    /// A segment from texts; no instruction asks for the general vector. Its
    /// [Lexical matches](Self::lexical_features), which are of a profile, are still to come.
    pub fn segment(&self, instruction: Option<&DataText>, answer: Option<&DataText>) -> Segment {
        let encode = |text: &DataText| self.tokenizer.encode_limited(text, MAX_TEXT_TOKENS);
        Segment {
            instruction: instruction.map(encode).unwrap_or_default(),
            answer: answer
                .and_then(|text| self.answer(text))
                .unwrap_or_default(),
            lexical_matches: Vec::new(),
            extra_negatives: Vec::new(),
        }
    }

    /// An answer's tokens with the end mark; `None` for a text without tokens.
    pub fn answer(&self, text: &DataText) -> Option<Vec<u32>> {
        let mut ids = self.tokenizer.encode_limited(text, MAX_TEXT_TOKENS);
        if ids.is_empty() {
            return None;
        }
        ids.push(self.tokenizer.end_id());
        Some(ids)
    }

    /// A packed row without answers.
    pub fn row(
        &self,
        tokenizer: &mut ProfileTokenizer,
        profile: &Profile,
        user_key: u64,
        segments: Vec<Segment>,
    ) -> Row {
        Row {
            user_key,
            profile: tokenizer.tokenize(profile),
            segments,
        }
    }
}
