//! Identifiers and times.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Seconds in a day.
pub const SECONDS_PER_DAY: i64 = 86_400;

/// The id of a user: never empty. Integer ids are kept in their decimal form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserId(Box<str>);

impl UserId {
    /// Wraps an id; `None` when it is empty.
    pub fn new(id: impl Into<Box<str>>) -> Option<Self> {
        let id = id.into();
        (!id.is_empty()).then_some(Self(id))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for UserId {
    type Error = &'static str;
    fn try_from(id: String) -> Result<Self, Self::Error> {
        Self::new(id).ok_or("a user id must not be empty")
    }
}

impl From<UserId> for String {
    fn from(id: UserId) -> Self {
        id.0.into()
    }
}

/// Seconds since 1970-01-01 00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This time plus `days` (negative: before).
    pub fn plus_days(self, days: i64) -> Self {
        Self(self.0.saturating_add(days.saturating_mul(SECONDS_PER_DAY)))
    }

    /// Days from `earlier` to this time, with fraction.
    pub fn days_since(self, earlier: Self) -> f64 {
        self.0.saturating_sub(earlier.0) as f64 / SECONDS_PER_DAY as f64
    }

    /// Hour of the day, 0 to 23 (UTC).
    pub fn hour(self) -> u32 {
        (self.0.rem_euclid(SECONDS_PER_DAY) / 3600) as u32
    }

    /// Day of the week, Monday = 0 (UTC).
    pub fn weekday(self) -> u32 {
        // 1970-01-01 was a Thursday.
        (self.0.div_euclid(SECONDS_PER_DAY) + 3).rem_euclid(7) as u32
    }
}
