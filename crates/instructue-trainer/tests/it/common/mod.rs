//! Data, runs and readers that several tests use.

pub mod data;
pub mod run;
pub mod scalars;
