//! What names of columns and files say.

/// Whom a column is about.
const USERS: &[&str] = &[
    "user",
    "users",
    "customer",
    "cust",
    "client",
    "household",
    "member",
    "account",
    "person",
    "visitor",
    "subscriber",
    "player",
    "patient",
    "student",
    "buyer",
    "shopper",
    "consumer",
    "uid",
    "cardholder",
    "passenger",
    "guest",
    "employee",
];
/// Words of identifiers.
const IDS: &[&str] = &[
    "id", "ids", "uuid", "guid", "key", "code", "no", "nr", "number", "upc", "sku", "ean", "hash",
];
/// Words of times.
const TIMES: &[&str] = &[
    "time",
    "timestamp",
    "datetime",
    "date",
    "ts",
    "day",
    "at",
    "when",
    "created",
    "occurred",
    "start",
];
/// Words of times that are not when something happened.
const OTHER_TIMES: &[&str] = &[
    "end", "expiry", "expires", "updated", "modified", "birth", "birthday", "dob", "valid",
];
/// Parts of a date that the time of an event says already.
const CALENDAR: &[&str] = &[
    "week", "weekday", "month", "year", "quarter", "hour", "dow", "day",
];
/// What should not leave the data by a model.
const PERSONAL: &[&str] = &[
    "email",
    "mail",
    "phone",
    "mobile",
    "telephone",
    "firstname",
    "lastname",
    "surname",
    "fullname",
    "address",
    "street",
    "iban",
    "ssn",
    "passport",
    "ip",
    "latitude",
    "longitude",
    "lat",
    "lon",
    "lng",
    "dob",
    "birthday",
];
/// Words of truths that a model is to find.
const LABELS: &[&str] = &[
    "label", "labels", "target", "targets", "truth", "churn", "churned", "outcome", "y", "next",
];

/// The words of a name, in lower case: `HouseholdID2` is household, id, 2.
pub(crate) fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = ' ';
    for c in name.chars() {
        let starts = (c.is_uppercase() && before.is_lowercase())
            || (c.is_ascii_digit() != before.is_ascii_digit() && before.is_alphanumeric());
        if !c.is_alphanumeric() {
            before = ' ';
            continue;
        }
        if words.is_empty() || starts || before == ' ' {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words
}

fn has(name: &str, list: &[&str]) -> bool {
    let joined = words(name).concat();
    words(name).iter().any(|word| list.contains(&word.as_str())) || list.contains(&joined.as_str())
}

/// Whether a name is that of users' ids.
pub(crate) fn is_user(name: &str) -> bool {
    has(name, USERS) && !is_personal(name)
}

/// Whether a name is that of an identifier.
pub(crate) fn is_id(name: &str) -> bool {
    has(name, IDS)
}

/// How much a name is that of the time at which something happened: 0, 1 or 2.
pub(crate) fn time_likeness(name: &str) -> u32 {
    match (has(name, OTHER_TIMES), has(name, TIMES)) {
        (true, _) => 0,
        (false, false) => 1,
        (false, true) => 2,
    }
}

/// Whether a name is that of a time.
pub(crate) fn is_time(name: &str) -> bool {
    time_likeness(name) == 2
}

/// Whether a name is that of a part of a date.
pub(crate) fn is_calendar(name: &str) -> bool {
    let words = words(name);
    let last = words.last().map(String::as_str).unwrap_or_default();
    CALENDAR.contains(&last)
}

/// Whether a name is that of something that identifies a person beside the id.
pub(crate) fn is_personal(name: &str) -> bool {
    has(name, PERSONAL)
}

/// Whether a name is that of a truth to be found.
pub(crate) fn is_label(name: &str) -> bool {
    has(name, LABELS)
}

/// A name as words: `coupon_redemptions` is "coupon redemptions"; `other` where it has none.
pub(crate) fn phrase(name: &str, other: &str) -> String {
    let words = words(name);
    match words.is_empty() {
        true => other.into(),
        false => words.join(" "),
    }
}

/// A name of a source: lower-case letters, digits and `_`, at most 64.
pub(crate) fn source_name(name: &str) -> String {
    let ascii =
        |word: &String| -> String { word.chars().filter(char::is_ascii_alphanumeric).collect() };
    let name: Vec<String> = words(name)
        .iter()
        .map(ascii)
        .filter(|word| !word.is_empty())
        .collect();
    let mut name = name.join("_");
    name.truncate(60);
    if name.is_empty() {
        "source".into()
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_divided_into_words() {
        assert_eq!(words("HouseholdID2"), ["household", "id", "2"]);
        assert_eq!(words("transaction_timestamp"), ["transaction", "timestamp"]);
        assert_eq!(words("userId"), ["user", "id"]);
        assert_eq!(words("--"), [""; 0]);
    }

    #[test]
    fn names_say_what_columns_are() {
        assert!(is_user("household_id") && is_user("UserID") && is_user("uid"));
        assert!(!is_user("product_id") && !is_user("used") && !is_user("user_email"));
        assert!(is_id("coupon_upc") && is_id("basket_id") && !is_id("paid"));
        assert!(is_time("bought_at") && is_time("start_date") && !is_time("end_date"));
        assert!(is_calendar("week") && !is_calendar("weekend"));
        assert!(is_personal("e_mail") && is_personal("phone") && !is_personal("page"));
        assert!(is_label("target") && !is_label("category"));
    }

    #[test]
    fn a_source_gets_a_name_that_a_schema_takes() {
        assert_eq!(source_name("Käufe 2024"), "kufe_2024");
        assert_eq!(source_name("..."), "source");
        assert!(source_name(&"long ".repeat(50)).len() <= 64);
    }
}
