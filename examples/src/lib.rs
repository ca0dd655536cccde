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

/// Keeps the memory that one operation frees for the next.
#[global_allocator]
static ALLOCATOR: instructue_alloc::KeepingAllocator = instructue_alloc::KeepingAllocator;
