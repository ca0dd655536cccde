//! Training as a whole, on a few generated users and a tiny model.

mod batches;
mod cached;
mod common;
mod learning;
mod objectives;
mod precision;
mod refusals;
mod resume;
mod sinks;
mod tuning;
