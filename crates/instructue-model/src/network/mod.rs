//! The trainable network: event texts and features in, vectors and logits out.
//!
//! One pass over packed rows gives both the users' vectors and the logits of
//! their answers: the decoder is causal, so `<USER>` cannot see the answer.

mod forward;
mod inputs;
mod module;
mod precision;
mod prefix;

pub use forward::NetworkOutput;
pub use inputs::OfSource;
pub use module::Network;
pub use prefix::{Instruction, Prefix};
