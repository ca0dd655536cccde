//! Reading metadata by key and type; a value of another type is refused by its key.

use crate::{Array, Error, Gguf, Result, Strings, Value};

impl Gguf {
    /// Text; nothing when the key is absent.
    ///
    /// # Errors
    /// [`Error::Key`] when the value has another type; so for all of these.
    pub fn text(&self, key: &str) -> Result<Option<&str>> {
        self.typed(key, "a string", Value::as_str)
    }

    /// A whole number that is not negative, of any width.
    ///
    /// # Errors
    /// [`Error::Key`] when the value has another type or is out of range.
    pub fn size(&self, key: &str) -> Result<Option<usize>> {
        self.typed(key, "a whole number", |value| {
            usize::try_from(value.as_integer()?).ok()
        })
    }

    /// A number with a fraction.
    ///
    /// # Errors
    /// [`Error::Key`] when the value has another type.
    pub fn float(&self, key: &str) -> Result<Option<f64>> {
        self.typed(key, "a floating-point number", Value::as_float)
    }

    /// A yes or no.
    ///
    /// # Errors
    /// [`Error::Key`] when the value has another type.
    pub fn flag(&self, key: &str) -> Result<Option<bool>> {
        self.typed(key, "a bool", |value| match value {
            Value::Bool(flag) => Some(*flag),
            _ => None,
        })
    }

    /// An array of strings.
    ///
    /// # Errors
    /// [`Error::Key`] when the value has another type.
    pub fn strings(&self, key: &str) -> Result<Option<&Strings>> {
        self.typed(key, "an array of strings", |value| match value {
            Value::Array(Array::String(strings)) => Some(strings),
            _ => None,
        })
    }

    /// An array of whole numbers of any width.
    ///
    /// # Errors
    /// [`Error::Key`] when the value has another type.
    pub fn integers(&self, key: &str) -> Result<Option<Vec<i64>>> {
        self.typed(key, "an array of whole numbers", |value| match value {
            Value::Array(array) => array.as_integers(),
            _ => None,
        })
    }

    /// Turns an absent key into an error.
    ///
    /// # Errors
    /// [`Error::Key`] when there is no value.
    pub fn required<T>(&self, key: &str, expected: &str, value: Option<T>) -> Result<T> {
        value.ok_or_else(|| self.refuse_key(key, expected, "nothing"))
    }

    /// An [`Error::Key`] about this file.
    pub fn refuse_key(
        &self,
        key: &str,
        expected: impl Into<String>,
        found: impl ToString,
    ) -> Error {
        Error::Key {
            path: self.path().into(),
            key: key.into(),
            expected: expected.into(),
            found: found.to_string(),
        }
    }

    fn typed<'a, T>(
        &'a self,
        key: &str,
        expected: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>> {
        match self.metadata().get(key) {
            None => Ok(None),
            Some(value) => match read(value) {
                Some(read) => Ok(Some(read)),
                None => Err(self.refuse_key(key, expected, value)),
            },
        }
    }
}
