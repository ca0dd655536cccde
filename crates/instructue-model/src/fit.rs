//! Fitting a [`Preprocessor`] on training users.
//!
//! You need it to make a new model; a saved one brings its preprocessor.

use std::collections::BTreeMap;
use std::sync::Arc;

use instructue_features::{LexicalMatches, ProfileBuilder, SourceProfile, TextTokenizer};
use instructue_schema::{History, Schema, Timestamp, user_key};

use crate::error::Result;
use crate::normalisers::Normalisers;
use crate::preprocessor::Preprocessor;

/// How a preprocessor is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FitConfig {
    /// Events of each source that a profile keeps, at most; `None`: as the schema says.
    pub slots: Option<usize>,
    /// Users that a word, value or number must have to be kept.
    pub min_users: usize,
    /// Tokens of a tokenizer that is trained here.
    pub vocabulary: usize,
    /// Principal components of the tabular sources' numbers; 0: none.
    pub pca_components: usize,
    /// Whether rows have summary tokens.
    pub summaries: bool,
    /// Whether what an instruction names is counted.
    pub lexical_matches: bool,
}

/// What a preprocessor is fitted on.
#[derive(Debug)]
pub struct FitInput<'a> {
    /// The declared sources.
    pub schema: &'a Schema,
    /// Training users, each with the time that it is looked at from.
    pub users: &'a [(History<'a>, Timestamp)],
    /// Instructions of training users, with the [key](user_key) of each one's user.
    pub instructions: Vec<(u64, String)>,
    /// Their answers, likewise.
    pub answers: Vec<(u64, String)>,
    /// The tokenizer of event texts, if they have a pretrained encoder.
    pub encoder_tokenizer: Option<Arc<TextTokenizer>>,
    /// The tokenizers of sources that have an encoder of their own.
    pub source_tokenizers: BTreeMap<String, Arc<TextTokenizer>>,
    /// The backbone's tokenizer, if it is pretrained.
    pub tokenizer: Option<Arc<TextTokenizer>>,
}

impl FitConfig {
    /// Fits vocabularies, normalisers, word weights and, where none is given, a tokenizer.
    ///
    /// # Errors
    /// When no tokenizer can be trained on the texts.
    pub fn fit(&self, input: FitInput<'_>) -> Result<Preprocessor> {
        let FitInput {
            schema,
            users,
            instructions,
            answers,
            ..
        } = input;
        let histories = || users.iter().cloned();
        let profiles = ProfileBuilder::fit(schema, histories(), self.slots, self.min_users);
        let normalisers = Normalisers::fit(&profiles, histories())?;
        let mut texts = Vec::new();
        let seen = histories().map(|(history, reference)| {
            let profile = profiles.build(&history, reference);
            let user = user_key(&profile.user);
            for source in &profile.sources {
                if let SourceProfile::Events(events) = source {
                    let of_events = events.iter().filter(|event| event.vector.is_none());
                    let of_events = of_events.map(|event| event.text.as_str());
                    texts.extend(of_events.map(|text| (user, text.to_string())));
                }
            }
            profile
        });
        let lexical_matches = LexicalMatches::fit(schema, seen, &instructions, self.min_users);
        texts.extend(instructions);
        texts.extend(answers);
        let (of_encoder, of_backbone) = match (input.encoder_tokenizer, input.tokenizer) {
            (Some(encoder), Some(backbone)) => (encoder, backbone),
            (encoder, backbone) => {
                let texts = texts.into_iter();
                let own = TextTokenizer::train_on_users(texts, self.vocabulary, self.min_users)?;
                let own = Arc::new(own);
                (encoder.unwrap_or(own.clone()), backbone.unwrap_or(own))
            }
        };
        let components = Preprocessor::fit_pca_components(
            &profiles,
            &normalisers,
            histories(),
            self.pca_components,
        )?;
        let preprocessor = Preprocessor::new(
            profiles,
            normalisers,
            of_encoder,
            of_backbone,
            self.summaries,
        );
        Ok(preprocessor
            .with_source_tokenizers(input.source_tokenizers)
            .with_pca_components(components)
            .with_lexical_matches(self.lexical_matches.then_some(lexical_matches)))
    }
}
