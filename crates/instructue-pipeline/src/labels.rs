//! Labelled users from a Parquet file.

use std::collections::HashMap;
use std::path::Path;

use instructue_schema::{UserId, excerpt};
use instructue_store::read_user_values;

use crate::error::{Error, Result};

/// Users and their classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// Names of the classes; numbers in their order, other names in the alphabet's.
    pub classes: Vec<String>,
    /// Each user once, in the order of the file, with the number of the class.
    pub users: Vec<(UserId, usize)>,
}

/// Reads a label per user. Ids may be texts or whole numbers, labels texts, whole numbers
/// or booleans.
///
/// # Errors
/// As [`read_user_values`]; [`Error::Argument`] names file, column and row (from 0) of a missing
/// value or a user with two different labels, and a file without rows.
pub fn read_labels(path: &Path, user_column: &str, label_column: &str) -> Result<Labelled> {
    let name = path.display().to_string();
    let mut rows: Vec<(UserId, String)> = Vec::new();
    let mut seen: HashMap<UserId, usize> = HashMap::new();
    let values = read_user_values::<String>(path, user_column, label_column)?;
    for (row, (user, label)) in values.into_iter().enumerate() {
        let at = |column: &str| format!("{name}: row {row}, column `{column}`");
        let missing = |column: &str| Error::argument(&at(column), "a value", "none");
        let user = user.ok_or_else(|| missing(user_column))?;
        let label = label.filter(|label| !label.is_empty());
        let label = label.ok_or_else(|| missing(label_column))?;
        match seen.get(&user) {
            None => {
                seen.insert(user.clone(), rows.len());
                rows.push((user, label));
            }
            Some(&before) if rows[before].1 == label => {}
            Some(&before) => {
                let (one, other) = (excerpt(&label), excerpt(&rows[before].1));
                let user = excerpt(user.as_str());
                let found = format!("{one:?} beside {other:?} for user {user}");
                return Err(Error::argument(
                    &at(label_column),
                    "one label per user",
                    found,
                ));
            }
        }
    }
    if rows.is_empty() {
        return Err(Error::argument(&name, "at least one row", "none"));
    }
    let mut classes: Vec<String> = rows.iter().map(|(_, label)| label.clone()).collect();
    let numbers = classes.iter().all(|label| label.parse::<i64>().is_ok());
    classes.sort_by_key(|label| (numbers.then(|| label.parse::<i64>().ok()), label.clone()));
    classes.dedup();
    let places: HashMap<&str, usize> = classes
        .iter()
        .enumerate()
        .map(|(place, name)| (name.as_str(), place))
        .collect();
    let users = rows
        .iter()
        .map(|(user, label)| (user.clone(), places[label.as_str()]))
        .collect();
    Ok(Labelled { users, classes })
}
