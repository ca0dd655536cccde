//! Numbers of a profile: components of its counts and sums, which stand beside the
//! state, and how much of it an instruction names, which goes into the state.

use instructue_features::{LEXICAL_FEATURES, MentionQuery, Profile, ProfileWords, Segment};
use instructue_schema::{DataText, Matrix, UserVectors};

use crate::error::{Error, Result};
use crate::instruct_ue::{InstructUe, VectorKind, copy_row};
use crate::preprocessor::Preprocessor;

/// What of a profile becomes numbers, for any number of instructions.
#[derive(Debug, Clone)]
pub(crate) struct ProfileNumbers {
    components: Vec<f32>,
    words: Option<ProfileWords>,
}

/// An instruction as the model reads it.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// Without lexical matches, which are of an instruction and a profile.
    pub segment: Segment,
    query: Option<MentionQuery>,
}

/// The lexical matches of profiles under questions.
#[derive(Debug, Clone)]
pub(crate) struct LexicalTable {
    questions: usize,
    /// Of one profile and question; 0 for a model without them.
    width: usize,
    values: Vec<f32>,
}

impl LexicalTable {
    pub fn of(&self, profile: usize, question: usize) -> &[f32] {
        let first = (profile * self.questions + question) * self.width;
        &self.values[first..first + self.width]
    }

    /// Those of some profiles under some questions, one profile's after the other's.
    pub fn gather(&self, profiles: &[usize], questions: std::ops::Range<usize>) -> Vec<f32> {
        let mut out = Vec::with_capacity(profiles.len() * questions.len() * self.width);
        for &profile in profiles {
            for question in questions.clone() {
                out.extend_from_slice(self.of(profile, question));
            }
        }
        out
    }
}

impl Preprocessor {
    /// The profile's principal components and words.
    ///
    /// # Errors
    /// When the profile does not have the numbers that components were fitted to.
    pub(crate) fn profile_numbers(&self, profile: &Profile) -> Result<ProfileNumbers> {
        Ok(ProfileNumbers {
            components: self.pca_components_of(profile)?,
            words: self.words(profile),
        })
    }
}

impl InstructUe {
    pub(crate) fn profile_numbers(&self, profiles: &[Profile]) -> Result<Vec<ProfileNumbers>> {
        let of = |profile| self.preprocessor().profile_numbers(profile);
        profiles.iter().map(of).collect()
    }

    /// Reads instructions; `None` asks for the general vector. Refuses an empty one: it
    /// would silently mean that.
    pub(crate) fn questions(&self, instructions: &[Option<DataText>]) -> Result<Vec<Question>> {
        let question = |instruction: &Option<DataText>| {
            let segment = self.preprocessor().segment(instruction.as_ref(), None);
            if instruction.is_some() && segment.instruction.is_empty() {
                return Err(Error::Config {
                    key: "instruction".into(),
                    expected: "a text, or none at all for the general vector".into(),
                    found: "an empty text".into(),
                });
            }
            let lexical_matches = self
                .preprocessor()
                .lexical_matches()
                .zip(instruction.as_ref());
            Ok(Question {
                segment,
                query: lexical_matches
                    .map(|(lexical_matches, text)| lexical_matches.instruction(text)),
            })
        };
        instructions.iter().map(question).collect()
    }

    /// What each question lexical matches of each profile.
    pub(crate) fn lexical_table(
        &self,
        profiles: &[ProfileNumbers],
        questions: &[Question],
    ) -> LexicalTable {
        let mut table = LexicalTable {
            questions: questions.len(),
            width: 0,
            values: Vec::new(),
        };
        let Some(lexical_matches) = self.preprocessor().lexical_matches() else {
            return table;
        };
        table.width = LEXICAL_FEATURES;
        for profile in profiles {
            let words = profile.words.as_ref();
            let words = words.expect("read by a model with lexical_matches");
            for question in questions {
                let numbers = lexical_matches.numbers(words, question.query.as_ref());
                table.values.extend(numbers);
            }
        }
        table
    }

    /// Vectors that are to be filled in, and the numbers beside them.
    pub(crate) fn empty_vectors(
        &self,
        profiles: &[ProfileNumbers],
        lexical_matches: &LexicalTable,
    ) -> Vec<UserVectors> {
        let zeros = |width| Matrix::zeros(profiles.len(), width);
        let mut one = UserVectors {
            unit: zeros(self.width_of(VectorKind::Unit)),
            state: zeros(self.width_of(VectorKind::State)),
            numbers: zeros(self.preprocessor().number_count()),
        };
        for (user, profile) in profiles.iter().enumerate() {
            copy_row(&mut one.numbers, user, &profile.components, 0);
        }
        vec![one; lexical_matches.questions]
    }
}
