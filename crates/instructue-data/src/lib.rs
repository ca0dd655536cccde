//! Parquet in and out, event rendering, tokenisation, token-budget batches and resumable order.
