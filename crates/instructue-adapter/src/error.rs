//! The error of this crate: configurations and shapes.

/// Errors of this crate. Each names what was found and what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A width or a count in a configuration is zero.
    #[error("{config}: `{key}` must be at least 1")]
    Zero {
        /// The configuration, e.g. `AdapterConfig`.
        config: &'static str,
        /// The key in it.
        key: &'static str,
    },
    /// A source index beyond the configured number of sources.
    #[error("source {found}: this summary has {sources} sources, numbered from 0")]
    UnknownSource {
        /// The index that was asked for.
        found: usize,
        /// How many sources there are.
        sources: usize,
    },
    /// An event that belongs to no row of the batch.
    #[error("source {index}: event {event} belongs to row {found}, but the batch has {rows} rows")]
    RowOutOfRange {
        /// The source.
        index: usize,
        /// The event's position in the list.
        event: usize,
        /// The row it names.
        found: usize,
        /// Rows in the batch.
        rows: usize,
    },
    /// A tensor or list of another size than announced.
    #[error("{what}: expected {expected:?}, found {found:?}")]
    Shape {
        /// Which tensor or list.
        what: &'static str,
        /// The shape it should have.
        expected: Vec<usize>,
        /// The shape it has.
        found: Vec<usize>,
    },
}

/// Fails when `value` is zero.
pub(crate) fn at_least_one(
    config: &'static str,
    key: &'static str,
    value: usize,
) -> Result<(), Error> {
    match value {
        0 => Err(Error::Zero { config, key }),
        _ => Ok(()),
    }
}
