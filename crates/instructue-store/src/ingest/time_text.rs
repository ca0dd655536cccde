//! Parsing of times that are written as text.

use arrow::array::timezone::Tz;
use arrow::compute::kernels::cast_utils::string_to_datetime;

use instructue_schema::excerpt;

use super::bad_row::BadValue;
use crate::error::RowProblem;

/// The forms that [`parse_time`] reads, for messages.
pub(crate) const EXPECTED: &str = "a time such as 2024-01-31, 2024-01-31 12:00:00 or \
                                   2024-01-31T12:00:00+01:00";

/// The seconds since 1970, rounded down, of a time in a form of ISO 8601 (or RFC 3339). The form
/// is a date (also `20240131`), or a date and a time of day with `T` or a space between them.
/// Without an offset the time is UTC. `None` for any other text.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    let text = text.trim_ascii();
    // Databases write the zone's name where others write `Z`.
    let text = text.strip_suffix("UTC").map_or(text, str::trim_ascii_end);
    let mut dashed = String::new();
    let text = match text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => {
            dashed.extend([&text[..4], "-", &text[4..6], "-", &text[6..]]);
            &dashed
        }
        false => text,
    };
    // The parser below requires seconds.
    let mut timed = String::new();
    let text = match text.as_bytes() {
        [.., b'0'..=b'9', b':', b'0'..=b'9', b'0'..=b'9'] if text.len() == 16 => {
            timed.extend([text, ":00"]);
            &timed
        }
        _ => text,
    };
    let utc: Tz = "+00:00".parse().ok()?;
    let time = string_to_datetime(&utc, text).ok()?;
    Some(time.timestamp())
}

/// The time of a text, or the error.
pub(crate) fn time_of(text: &str) -> Result<i64, BadValue> {
    parse_time(text).ok_or_else(|| {
        let problem = RowProblem::UnreadableTime;
        BadValue::new(problem, EXPECTED, format!("{:?}", excerpt(text)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_forms_are_read() {
        let noon = 1_706_702_400;
        for (text, seconds) in [
            ("2024-01-31", noon - 43_200),
            ("20240131", noon - 43_200),
            ("2024-01-31 12:00:00", noon),
            ("2024-01-31T12:00:00", noon),
            ("2024-01-31 12:00", noon),
            ("2024-01-31T12:00:00Z", noon),
            ("2024-01-31 12:00:00 UTC", noon),
            ("2024-01-31 13:00:00+01:00", noon),
            ("2024-01-31 13:00:00+01", noon),
            ("2024-01-31T04:30:00.5-0730", noon),
            ("2024-01-31 12:00:00.999999999", noon),
            ("2024-01-31 12:00:00.000000 UTC", noon),
            (" 2024-01-31T12:00:00.123456Z ", noon),
            ("1969-12-31 23:59:59.5", -1),
            ("1970-01-01", 0),
            ("0001-01-01", -62_135_596_800),
            ("9999-12-31 23:59:59", 253_402_300_799),
            ("2024-02-29", 1_709_164_800),
        ] {
            assert_eq!(parse_time(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_times() {
        for text in [
            "",
            " ",
            "yesterday",
            "31/01/2024",
            "01/31/2024",
            "2024-1-31",
            "2024-01",
            "2024",
            "2023-02-29",
            "2024-13-01",
            "2024-01-32",
            "2024-01-31 24:00:00",
            "2024-01-31 12",
            "2024-01-31 12:60",
            "2024-01-31T",
            "2024-01-31 12:00:00 PST",
            "2024-01-31x",
            "1706702400",
            "1706702400000",
            "20241301",
            "2024-01-31 12:00:00 UTC UTC",
            "UTC",
            "\u{662}\u{660}\u{662}\u{664}-01-31",
            "NaT",
            "None",
            "2024-01-31 12:00:00+99:00",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }
}
