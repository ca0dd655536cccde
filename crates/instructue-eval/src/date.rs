//! Calendar dates of reference times: `2017-07-01` or `2017-07-01T12:30:00`, UTC.

use instructue_schema::{SECONDS_PER_DAY, Timestamp};
use serde::{Deserialize, Deserializer, Serializer, de};

/// Reads a date or a date with time of day; `None` when it is neither or no such day exists.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    let (date, clock) = text.split_once(['T', ' ']).unwrap_or((text, "00:00:00"));
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(clock.trim_end_matches('Z'), ':', [2, 2, 2])?;
    if !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days_from_civil(year, month, day);
    // The 31st of a shorter month would be another date.
    (civil_from_days(days) == (year, month, day))
        .then(|| Timestamp(days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second))
}

/// Writes a time as [`parse_time`] reads it; midnight as the date alone.
pub fn format_time(time: Timestamp) -> String {
    let (year, month, day) = civil_from_days(time.0.div_euclid(SECONDS_PER_DAY));
    let date = format!("{year:04}-{month:02}-{day:02}");
    match time.0.rem_euclid(SECONDS_PER_DAY) {
        0 => date,
        s => format!("{date}T{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60),
    }
}

fn numbers(text: &str, separator: char, widths: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(separator);
    let mut out = [0; 3];
    for (value, width) in out.iter_mut().zip(widths) {
        let part = parts.next()?;
        if part.len() != width || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *value = part.parse().ok()?;
    }
    parts.next().is_none().then_some(out)
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar. Years begin in
/// March here, so that the leap day is the last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12 + 1;
    (era * 400 + year + i64::from(month <= 2), month, day)
}

fn read<E: de::Error>(text: &str) -> Result<Timestamp, E> {
    parse_time(text).ok_or_else(|| {
        // What stands there is not told: the file may be another than was meant.
        E::custom("the text is not a date: expected \"2017-07-01\" or \"2017-07-01T12:30:00\"")
    })
}

pub(crate) fn serialize<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&format_time(*time))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    read(&String::deserialize(from)?)
}

/// The same for an optional time.
pub(crate) mod option {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        time: &Option<Timestamp>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => super::serialize(time, to),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        Option::<String>::deserialize(from)?
            .map(|text| read(&text))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_dates() {
        assert_eq!(parse_time("1970-01-01"), Some(Timestamp(0)));
        assert_eq!(parse_time("2017-07-01"), Some(Timestamp(1_498_867_200)));
        assert_eq!(
            parse_time("2016-02-29T23:59:59Z"),
            Some(Timestamp(1_456_790_399))
        );
        assert_eq!(parse_time("1969-12-31 00:00:00"), Some(Timestamp(-86_400)));
        for wrong in [
            "2017-02-29",
            "2017-13-01",
            "2017-1-1",
            "2017-07-01T25:00:00",
            "",
            "1-7-2017",
        ] {
            assert_eq!(parse_time(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn writing_is_the_inverse_of_reading() {
        for days in (-800_000..800_000).step_by(377) {
            let time = Timestamp(days * SECONDS_PER_DAY);
            if (0..=9999).contains(&civil_from_days(days).0) {
                assert_eq!(parse_time(&format_time(time)), Some(time));
            }
        }
        assert_eq!(format_time(Timestamp(1_456_790_399)), "2016-02-29T23:59:59");
    }
}
