//! Whoever watches a run: progress of its stages, the events of training, and the way to end it.

use std::sync::atomic::AtomicBool;

use instructue_schema::Progress;
use instructue_trainer::Event;

/// Whoever watches a run.
pub trait Watch {
    /// A stage begins or moves.
    fn progress(&mut self, progress: Progress);
    /// Training says something.
    fn training(&mut self, event: Event<'_>);
    /// True once training should end: it then does so after the step at work, with a
    /// checkpoint.
    fn interrupt(&self) -> &'static AtomicBool {
        static NEVER: AtomicBool = AtomicBool::new(false);
        &NEVER
    }
}
