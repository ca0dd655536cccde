//! Numbers of a profile: components of its counts and sums, which stand beside the
//! state, and how much of it an instruction names, which goes into the state.

use instructue_features::{LexicalQuery, Profile, ProfileWords, Segment};

use crate::error::Result;
use crate::preprocessor::Preprocessor;

/// What of a profile becomes numbers, for any number of instructions.
#[derive(Debug, Clone)]
pub(crate) struct ProfileNumbers {
    pub components: Vec<f32>,
    pub words: Option<ProfileWords>,
}

/// An instruction as the model reads it.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// Without lexical matches, which are of an instruction and a profile.
    pub segment: Segment,
    pub query: Option<LexicalQuery>,
}

/// The lexical matches of profiles under questions.
#[derive(Debug, Clone)]
pub(crate) struct LexicalTable {
    pub questions: usize,
    /// Of one profile and question; 0 for a model without them.
    pub width: usize,
    pub values: Vec<f32>,
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
