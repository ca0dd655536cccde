//! Profiles and instructions as a model reads them, before any pass.

use instructue_features::{LEXICAL_FEATURES, Profile};
use instructue_schema::{DataText, UserVectors};

use crate::error::{Error, Result};
use crate::model::Model;
use crate::network::Instruction;
use crate::numbers::{LexicalTable, ProfileNumbers, Question};
use crate::vectors::{VectorKind, copy_row, zeros};

impl Model {
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

    /// How much of each profile each question names.
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
            let words = words.expect("read by a model with lexical matches");
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
        let mut one = zeros(
            self.width_of(VectorKind::Unit),
            self.width_of(VectorKind::State),
            self.preprocessor().pca_width(),
            profiles.len(),
        );
        for (user, profile) in profiles.iter().enumerate() {
            copy_row(&mut one.pca, user, &profile.components, 0);
        }
        vec![one; lexical_matches.questions]
    }

    /// The slots of each question, behind any profile.
    pub(crate) fn instructions(&self, questions: &[Question]) -> Vec<Instruction> {
        let layout = self.preprocessor().layout();
        let instruction = |question: &Question| {
            let (slots, user) = layout.segment_slots(&question.segment);
            Instruction { slots, user }
        };
        questions.iter().map(instruction).collect()
    }
}
