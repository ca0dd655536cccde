//! The order of the features.

/// The lengths of windows, in times of the days that questions ask about.
pub(super) const WINDOWS: [f64; 6] = [0.25, 0.5, 1.0, 2.0, 3.0, 6.0];
/// Half-lives of decays, likewise.
pub(super) const HALF_LIVES: [f64; 5] = [0.25, 0.5, 1.0, 2.0, 4.0];
/// The decay that rates are computed with.
pub(super) const RATE: usize = 3;
/// The window of as many days as are asked about.
pub(super) const SHORT: usize = 2;
/// The window of three times these.
pub(super) const LONG: usize = 4;

const SERIES: usize = WINDOWS.len() + HALF_LIVES.len();

const OWN: [&str; 11] = [
    "days",
    "since",
    "mean_gap",
    "last_gap",
    "overdue",
    "never",
    "once",
    "share",
    "decayed_share",
    "relative",
    "poisson",
];
const NEAR: [&str; 3] = ["short", "long", "had"];
const ACTIVITY: [&str; 8] = [
    "since",
    "mean_gap",
    "overdue",
    "kinds_short",
    "kinds_long",
    "kinds",
    "new_kinds",
    "new_share",
];
const COMMON: [&str; 9] = [
    "popular",
    "popular_long",
    "ever",
    "first",
    "again",
    "expected",
    "gap",
    "overdue",
    "trend",
];

/// The number of features of a user and a known text.
pub const TEXT_FEATURES: usize =
    2 * SERIES + OWN.len() + NEAR.len() + 1 + ACTIVITY.len() + COMMON.len();

/// The names of the features, in order.
///
/// `own` is of the text, `meaning` of texts that are near to it in meaning, `company` what
/// the other texts of a user say, `all` of its whole source, `common` of all training users. `count.x`
/// is the logarithm of 1 + the days with such an event in the newest x times the days that
/// questions ask about, `decay.x` the same with a half-life of x times these days.
pub fn text_feature_names() -> Vec<String> {
    let series = |of: &str| {
        let windows = WINDOWS.iter().map(|x| format!("{of}.count.{x}"));
        let decays = HALF_LIVES.iter().map(|x| format!("{of}.decay.{x}"));
        windows.chain(decays).collect::<Vec<_>>()
    };
    let named = |of: &str, names: &[&str]| {
        let names = names.iter().map(|name| format!("{of}.{name}"));
        names.collect::<Vec<_>>()
    };
    [
        series("own"),
        named("own", &OWN),
        named("meaning", &NEAR),
        vec!["company".to_owned()],
        series("all"),
        named("all", &ACTIVITY),
        named("common", &COMMON),
    ]
    .concat()
}
