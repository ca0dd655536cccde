//! The error type of this crate.

/// Errors of this crate. Each names what was found and what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A width or number in a configuration is zero.
    #[error("{config}: `{key}` must be at least 1")]
    Zero {
        /// The configuration, such as `AdapterConfig`.
        config: &'static str,
        /// The key.
        key: &'static str,
    },
    /// There is no source of this index.
    #[error("source {found}: this summary has {sources} sources, numbered from 0")]
    UnknownSource {
        /// The index.
        found: usize,
        /// The number of sources.
        sources: usize,
    },
    /// An event names a row that the batch does not have.
    #[error("source {index}: event {event} belongs to row {found}, but the batch has {rows} rows")]
    RowOutOfRange {
        /// The source.
        index: usize,
        /// The event's position in the list.
        event: usize,
        /// The row that it names.
        found: usize,
        /// The number of rows in the batch.
        rows: usize,
    },
    /// A tensor or list has another size than expected.
    #[error("{what}: expected {expected:?}, found {found:?}")]
    Shape {
        /// The name of the tensor or list.
        what: &'static str,
        /// The expected shape.
        expected: Vec<usize>,
        /// The shape that was found.
        found: Vec<usize>,
    },
}

/// Refuses a `value` of zero.
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
