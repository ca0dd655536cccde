//! Conversion between times and dates of the proleptic Gregorian calendar, in UTC. It is needed
//! where a message or a TOML file shows a time.

use std::fmt;

use crate::ids::{SECONDS_PER_DAY, Timestamp};

impl Timestamp {
    /// Midnight of a day; `None` when there is no such day.
    ///
    /// ```
    /// use instructue_schema::Timestamp;
    ///
    /// assert_eq!(Timestamp::from_date(2017, 7, 1), Some(Timestamp(1_498_867_200)));
    /// assert_eq!(Timestamp::from_date(2017, 2, 29), None);
    /// ```
    pub fn from_date(year: i32, month: u32, day: u32) -> Option<Self> {
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        let days = days_from_civil(year.into(), month.into(), day.into());
        let time = Self(days * SECONDS_PER_DAY);
        // The 31st of a shorter month would be another date.
        (time.date() == (year.into(), month, day)).then_some(time)
    }

    /// Year, month and day.
    pub fn date(self) -> (i64, u32, u32) {
        civil_from_days(self.0.div_euclid(SECONDS_PER_DAY))
    }

    /// The form that TOML files of this project use: `2017-07-01`, and with a time of day
    /// `2017-07-01T12:30:00`.
    pub fn to_text(self) -> String {
        let (year, month, day) = self.date();
        let date = format!("{year:04}-{month:02}-{day:02}");
        match self.0.rem_euclid(SECONDS_PER_DAY) {
            0 => date,
            s => format!("{date}T{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60),
        }
    }
}

/// The form for people: `2017-07-01 12:30:00 UTC`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        let s = self.0.rem_euclid(SECONDS_PER_DAY);
        let (hour, minute, second) = (s / 3600, s / 60 % 60, s % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC"
        )
    }
}

/// Days since 1970-01-01. Years begin in March here, so that the leap day is the
/// last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12 + 1;
    let year = era * 400 + year + i64::from(month <= 2);
    // Both are within 1 to 31.
    (year, month as u32, day as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_the_inverse_of_dates() {
        for days in (-800_000..3_000_000).step_by(377) {
            let (year, month, day) = civil_from_days(days);
            let time = Timestamp::from_date(year as i32, month, day);
            assert_eq!(time, Some(Timestamp(days * SECONDS_PER_DAY)));
        }
        for (year, month, day) in [(2017, 2, 29), (2017, 13, 1), (2017, 0, 1), (2017, 4, 31)] {
            assert_eq!(Timestamp::from_date(year, month, day), None);
        }
    }

    #[test]
    fn every_time_has_a_text() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (-1, "1969-12-31 23:59:59 UTC"),
            (1_456_790_399, "2016-02-29 23:59:59 UTC"),
            (253_402_300_800, "10000-01-01 00:00:00 UTC"),
            (i64::MAX, "292277026596-12-04 15:30:07 UTC"),
            (i64::MIN, "-292277022657-01-27 08:29:52 UTC"),
        ] {
            assert_eq!(Timestamp(seconds).to_string(), text);
        }
        assert_eq!(Timestamp(86_400).to_text(), "1970-01-02");
        assert_eq!(Timestamp(-1).to_text(), "1969-12-31T23:59:59");
        assert_eq!(Timestamp(951_786_061).to_text(), "2000-02-29T01:01:01");
        assert_eq!(Timestamp(1_456_790_399).to_text(), "2016-02-29T23:59:59");
    }
}
