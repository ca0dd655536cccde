//! The answer score: the probability that a yes-or-no question about a user is answered yes.
//!
//! One needs it to ask anything of anyone without a label: "will this user buy soda in the next
//! 30 days?" It stands beside the vector and needs neither encoder nor decoder, nor a device.
//!
//! - A *reader* says of each [known text](KnownTexts) how probable it is to come: a logistic
//!   regression over [features](instructue_features::text_feature_names) of a user and a text.
//!   It sees no words, only how much of a text the user has, and how lately; so what it learns
//!   from some texts and users holds for others.
//! - An instruction gives each known text a share, by its meaning.
//! - The score is the mean of the texts' probabilities by their shares. (Shares of the features
//!   instead of the probabilities are a little worse, and not calibrated.)
//! - What is [asked](instructue_features::Asks) of the texts, "for the first time" or "no longer",
//!   follows from that probability and the days on which the user had them.
//! - A [space](AnswerSpace) of the same answers serves stores of vectors, which compare by cosine.

mod file;
mod scorer;
mod space;

pub use file::{SavedScorer, check_scorer_dir};
pub use scorer::{AnswerScorer, ScorerRow};
pub use space::AnswerSpace;
