//! What long work tells whoever waits for it: stages, how far the running one is, remarks.
//!
//! Every function that takes long takes a `&mut dyn FnMut(Progress)`, so a program shows the
//! whole path with one display.

/// A report of progress.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// A stage begins.
    Stage {
        /// What it does, in a few words.
        name: &'static str,
    },
    /// Part of the running stage is done.
    Done {
        /// Done so far: users, rows, shards or steps.
        done: u64,
        /// In all.
        total: u64,
    },
    /// A remark worth a line of its own.
    Note {
        /// The remark.
        text: String,
    },
}

impl Progress {
    /// `done` of `total`.
    pub fn of(done: usize, total: usize) -> Self {
        Self::Done {
            done: done as u64,
            total: total as u64,
        }
    }

    /// A remark.
    pub fn note(text: impl Into<String>) -> Self {
        Self::Note { text: text.into() }
    }
}
