//! What the examples share: arguments, errors of one line, progress as bars on a
//! terminal and plain lines elsewhere.

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

/// Large tensors are allocated and freed in every operation. The system's
/// allocator hands them back to the kernel each time, and faulting them in again
/// costs a third of a training step; this one keeps them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
