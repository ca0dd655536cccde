//! Joint training: checkpoints, exact resume, metrics sinks.
