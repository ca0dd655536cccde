//! The common parts of the examples: arguments, errors of one line, and progress as bars on a
//! terminal and as plain lines elsewhere.

mod arguments;
#[cfg(feature = "tui")]
mod dashboard;
mod say;
mod users;
mod watch;

pub use arguments::{instruction, parse};
#[cfg(feature = "tui")]
pub use dashboard::Dashboard;
pub use say::{one_line, print_line, print_piece, print_table, tell};
pub use users::{Opened, Users};
pub use watch::{Console, finish};

/// The allocator of the programs. Every operation allocates and frees large tensors. The system's
/// allocator returns them to the kernel each time, and faulting them in again costs a third of a
/// training step; this one keeps them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
