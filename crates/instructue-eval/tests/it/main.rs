//! The tests of `instructue-eval` that go through its public interface, in one binary.

mod check;
mod common;
mod complete_journey;
mod evaluate;
mod forecasts;
mod labels;
mod noise;
mod report;
