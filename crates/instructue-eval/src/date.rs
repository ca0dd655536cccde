//! Calendar dates of reference times: `2017-07-01` or `2017-07-01T12:30:00`, UTC.

use chrono::NaiveDateTime;
use instructue_schema::Timestamp;
use serde::{Deserialize, Deserializer, Serializer, de};

const FORM: &str = "%Y-%m-%dT%H:%M:%S";

/// Reads a date or a date with time of day; `None` when it is neither or no such day exists.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    let (date, clock) = text.split_once(['T', ' ']).unwrap_or((text, "00:00:00"));
    let text = format!("{date}T{}", clock.trim_end_matches('Z'));
    let time = NaiveDateTime::parse_from_str(&text, FORM).ok()?;
    // One way of writing: all digits, and no leap second.
    let same = time.format(FORM).to_string() == text && !text.ends_with(":60");
    same.then(|| Timestamp(time.and_utc().timestamp()))
}

/// Writes a time as [`parse_time`] reads it; midnight as the date alone.
pub fn format_time(time: Timestamp) -> String {
    time.to_text()
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
            "2017-07-01T23:59:60",
            "12017-07-01",
            "2017-07-01T",
        ] {
            assert_eq!(parse_time(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn writing_is_the_inverse_of_reading() {
        for days in (-800_000..800_000).step_by(377) {
            let time = Timestamp(0).plus_days(days);
            if (0..=9999).contains(&time.date().0) {
                assert_eq!(parse_time(&format_time(time)), Some(time));
            }
        }
        assert_eq!(format_time(Timestamp(1_456_790_399)), "2016-02-29T23:59:59");
    }
}
