//! Where the rows of training come from: a trait, so that triples of your own can be trained on.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use instructue_features::Row;
use instructue_model::Preprocessor;

use crate::config::TrainConfig;
use crate::error::Result;

/// Steps prepared ahead of the one that computes.
const STEPS_AHEAD: usize = 2;

/// A training set: what [`train`](crate::train) reads its rows from.
///
/// [`TrainData`](crate::TrainData) is the one of this project, a user store beside UserQA
/// triples. Rows of any other origin (a database, triples that a language model wrote) come
/// through an implementation of your own, see `examples/own_triples.rs`.
pub trait RowSource: Debug + Sync {
    /// Units to draw from, at least one; one is a user at a reference time.
    fn units(&self) -> usize;

    /// Changes whenever the data does. A run resumes only on the same data.
    fn fingerprint(&self) -> &str;

    /// The rows as `preprocessor` makes them.
    ///
    /// # Errors
    /// When the data cannot be opened.
    fn open(&self, preprocessor: Arc<Preprocessor>, config: &TrainConfig) -> Result<Box<dyn Rows>>;
}

/// The rows of one step after another.
pub trait Rows: Debug + Send {
    /// Steps in which every unit comes about once.
    fn steps_per_epoch(&self) -> usize;

    /// The rows of a step, counted from 0 over the whole run. It is a pure function of the
    /// step, so that a resumed run sees what an uninterrupted one would.
    ///
    /// Every row has a segment, and every segment an answer.
    ///
    /// # Errors
    /// When the data cannot be read.
    fn step(&mut self, step: usize) -> Result<Vec<Row>>;
}

/// Prepares the steps from `first` to before `end` on a thread of their own.
pub fn ahead(mut rows: Box<dyn Rows>, first: usize, end: usize) -> Receiver<Result<Vec<Row>>> {
    let (sender, receiver) = sync_channel(STEPS_AHEAD);
    std::thread::spawn(move || {
        for step in first..end {
            let rows = rows.step(step);
            let failed = rows.is_err();
            // The receiver is gone when training has stopped.
            if sender.send(rows).is_err() || failed {
                break;
            }
        }
    });
    receiver
}
