//! Injected faults at any operation that changes the disk. Tests of crash safety need them.
//!
//! Every change of this crate (creation of a file or directory, write, sync, rename, removal)
//! calls [`next`] first. A test counts the operations of a run, then repeats the run with a fault
//! at each of them. After a [`Fault::Kill`] the disk holds what a process leaves that was killed
//! at this operation.

use std::io;
use std::sync::{Mutex, PoisonError};

/// The fault at the chosen operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The operation is done by half, and no later one changes the disk.
    Kill,
    /// The operation fails, as on a full disk. Later ones succeed.
    Fail,
}

struct State {
    /// The number of operations so far.
    seen: u64,
    armed: Option<(u64, Fault)>,
}

static STATE: Mutex<State> = Mutex::new(State {
    seen: 0,
    armed: None,
});

/// Starts counting from 0, with `fault` at operation `at` (from 0), if any. The count belongs to
/// the whole process, so a test that uses it must be alone in its process.
pub fn arm(fault: Option<(u64, Fault)>) {
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    *state = State {
        seen: 0,
        armed: fault,
    };
}

/// Ends the faults and returns the number of operations since [`arm`].
pub fn disarm() -> u64 {
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    state.armed = None;
    state.seen
}

/// How an operation is carried out.
pub(crate) enum Next {
    /// In full.
    Go,
    /// By half, then it fails with this error.
    Half(io::Error),
}

/// Decides on the next operation.
///
/// # Errors
/// The operation is not to be done at all.
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
