//! What a run tells while it works.
//!
//! You need it to show progress: a [`Stage`] says what is being done, a [`Watch`] takes
//! stages and the events of training.

use std::sync::atomic::AtomicBool;

use instructue_trainer::Event;

/// What a stage tells whoever watches it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Stage {
    /// A stage begins.
    Begin {
        /// What it does, in a few words.
        name: &'static str,
    },
    /// Part of the running stage is done.
    Progress {
        /// Done so far.
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

/// Whoever watches a run.
pub trait Watch {
    /// A stage begins or moves.
    fn stage(&mut self, stage: Stage);
    /// Training says something.
    fn training(&mut self, event: Event<'_>);
    /// True once training should end: it then does so after the step at work, with a
    /// checkpoint.
    fn interrupt(&self) -> &'static AtomicBool {
        static NEVER: AtomicBool = AtomicBool::new(false);
        &NEVER
    }
}

/// A stage of an evaluation as one of a run.
pub(crate) fn progress(stage: instructue_eval::Stage) -> Stage {
    match stage {
        instructue_eval::Stage::Embedding { done, total, .. }
        | instructue_eval::Stage::Probing { done, total } => Stage::Progress {
            done: done as u64,
            total: total as u64,
        },
        _ => Stage::Progress { done: 0, total: 1 },
    }
}
