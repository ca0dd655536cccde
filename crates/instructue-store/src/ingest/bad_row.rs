//! Bad values and bad rows, and how an ingest handles them.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{Error, Result, RowProblem};

/// The problem of a value. The caller adds file, row and column.
#[derive(Debug)]
pub(crate) struct BadValue {
    pub(crate) problem: RowProblem,
    pub(crate) expected: String,
    pub(crate) found: String,
}

impl BadValue {
    pub(crate) fn new(
        problem: RowProblem,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self {
            problem,
            expected: expected.into(),
            found: found.into(),
        }
    }
}

/// How bad rows of a source are handled.
#[derive(Clone, Copy)]
pub(crate) struct RowErrors {
    pub(crate) skip: bool,
}

impl RowErrors {
    /// Counts a bad row or returns it as an error.
    pub(crate) fn handle(
        self,
        file: &Path,
        row: u64,
        column: &str,
        bad: BadValue,
        skipped: &mut BTreeMap<String, u64>,
    ) -> Result<()> {
        if !self.skip {
            return Err(Self::error(file, row, column, bad));
        }
        *skipped.entry(bad.problem.as_str().into()).or_default() += 1;
        Ok(())
    }

    pub(crate) fn error(file: &Path, row: u64, column: &str, bad: BadValue) -> Error {
        Error::Row {
            file: file.into(),
            row,
            column: column.into(),
            problem: bad.problem,
            expected: bad.expected,
            found: bad.found,
        }
    }
}
