//! The names that most programs need, for `use instructue::prelude::*`.

pub use crate::model::{InstructUe, ModelConfig, Size, SoftPrompt, VectorKind};
pub use crate::pipeline::{
    AskRequest, EmbedRequest, RunConfig, TuneRequest, ask_user, embed_users, ingest, train_userqa,
    tune_users,
};
pub use crate::schema::{DataText, Schema, Timestamp, UserId};
pub use crate::store::UserStore;
pub use crate::{Device, DeviceName};
