//! What the examples share: progress, bars on a terminal and plain lines elsewhere.

mod watch;

pub use watch::{Console, finish};

/// Large tensors are allocated and freed in every operation. The system's
/// allocator hands them back to the kernel each time, and faulting them in again
/// costs a third of a training step; this one keeps them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
