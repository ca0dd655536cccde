//! From a host-side [`Batch`](instructue_features::Batch) to the tensors that the
//! network reads.

mod events;
mod extras;
mod order;
mod packed;
mod sources;
mod table;
mod tensors;
mod text;

pub use events::RowEvents;
pub use extras::Extras;
pub use packed::{NetworkInput, PrefixInput};
pub use sources::{EventInput, SourceInput, Tokens};
pub use table::{TableInput, UserInput};
pub use text::TextInput;

pub(crate) use events::lookup_bias;
pub(crate) use order::{Part, Reserved, parts};
pub(crate) use sources::text_order;
pub(crate) use table::lexical_input;
pub(crate) use tensors::{ints, ints2};
