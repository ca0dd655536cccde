//! What the examples share: progress, bars on a terminal and plain lines elsewhere.

mod watch;

pub use watch::{Console, finish};
