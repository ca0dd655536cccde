//! Faults at any operation that changes the disk, for tests.
//!
//! Every change of this crate (a file or directory made, bytes written, a sync,
//! a rename, a removal) asks [`next`] first. A test counts the operations of a
//! run, then repeats it with a fault at each of them: what is on disk after a
//! [`Fault::Kill`] is what a process leaves that was killed there.

use std::io;
use std::sync::{Mutex, PoisonError};

/// What happens at the chosen operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The operation is done by half, and nothing after it changes the disk any more.
    Kill,
    /// The operation fails, as on a full disk; those after it do not.
    Fail,
}

struct State {
    /// Operations so far.
    seen: u64,
    armed: Option<(u64, Fault)>,
}

static STATE: Mutex<State> = Mutex::new(State {
    seen: 0,
    armed: None,
});

/// Begins to count from 0, with `fault` at operation `at` (from 0), if any. The count is
/// of the whole process: a test that uses it is alone in its process.
pub fn arm(fault: Option<(u64, Fault)>) {
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    *state = State {
        seen: 0,
        armed: fault,
    };
}

/// Ends the faults and gives the number of operations since [`arm`].
pub fn disarm() -> u64 {
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    state.armed = None;
    state.seen
}

/// What to do with an operation.
pub(crate) enum Next {
    /// Do it.
    Go,
    /// Do half of it and fail with this.
    Half(io::Error),
}

/// Asked before each operation.
///
/// # Errors
/// Where the operation is not to be done at all.
pub(crate) fn next() -> io::Result<Next> {
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    let number = state.seen;
    state.seen += 1;
    let injected = || io::Error::other("a fault was injected");
    match state.armed {
        Some((at, Fault::Kill)) if number > at => Err(injected()),
        Some((at, Fault::Kill)) if number == at => Ok(Next::Half(injected())),
        Some((at, Fault::Fail)) if number == at => Err(injected()),
        _ => Ok(Next::Go),
    }
}
