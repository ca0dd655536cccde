//! The features of a user and a known text.

use super::fitted::{FittedTexts, KnownText};
use super::level::decay;
use super::names::{HALF_LIVES, LONG, RATE, SHORT, TEXT_FEATURES, WINDOWS};
use super::profile::{ProfileTexts, SourceActivity};

/// What stands for a gap that there is not, in times of the days that are asked about.
const NO_GAP: f64 = 12.0;

/// Computes the features of a text that the user has on these days.
pub(super) fn numbers(
    fitted: &FittedTexts,
    profile: &ProfileTexts,
    (known, days): (&KnownText, &[i64]),
    near: &[(u32, f32)],
) -> [f32; TEXT_FEATURES] {
    let unit = fitted.days as f64;
    let none = SourceActivity::default();
    let activity = profile.sources.get(known.source).unwrap_or(&none);
    let all = Series::of(&activity.days, unit);
    let series = Series::of(days, unit);
    let gaps = Gaps::of(days, unit);
    let of_all = Gaps::of(&activity.days, unit);

    let mut out = Vec::with_capacity(TEXT_FEATURES);
    out.extend(series.logs());
    out.extend(gaps.logs());
    out.extend([
        f64::from(u8::from(gaps.days == 0)),
        f64::from(u8::from(gaps.days == 1)),
    ]);
    let (rate, rate_of_all) = (series.decays[RATE], all.decays[RATE]);
    // What the decayed count of one event a day comes to.
    let scale = HALF_LIVES[RATE] * unit / std::f64::consts::LN_2;
    out.extend([
        series.windows[LONG] / all.windows[LONG].max(1.0),
        rate / (rate_of_all + 1.0),
        rate.ln_1p() - rate_of_all.ln_1p(),
        logit(1.0 - (-unit * rate / scale - 0.01).exp()),
    ]);
    out.extend(near_to(profile, near, unit));
    out.push(company(fitted, profile, known));
    out.extend(all.logs());
    let [_, since, mean, _, overdue] = of_all.logs();
    out.extend([since, mean, overdue]);
    out.extend(kinds(activity, unit));
    out.extend(common(known, &gaps, unit));
    let mut numbers = [0.0; TEXT_FEATURES];
    for (number, value) in numbers.iter_mut().zip(out) {
        *number = value as f32;
    }
    numbers
}

/// Days in windows and under decays.
struct Series {
    windows: [f64; WINDOWS.len()],
    decays: [f64; HALF_LIVES.len()],
}

impl Series {
    fn of(days: &[i64], unit: f64) -> Self {
        let mut out = Self {
            windows: [0.0; WINDOWS.len()],
            decays: [0.0; HALF_LIVES.len()],
        };
        for day in days {
            let age = *day as f64 + 0.5;
            for (count, window) in out.windows.iter_mut().zip(WINDOWS) {
                *count += f64::from(u8::from(age < window * unit));
            }
            for (sum, half_life) in out.decays.iter_mut().zip(HALF_LIVES) {
                *sum += decay(age, half_life * unit);
            }
        }
        out
    }

    fn logs(&self) -> impl Iterator<Item = f64> {
        let sums = self.windows.into_iter().chain(self.decays);
        sums.map(f64::ln_1p)
    }
}

/// The gaps between days, in times of the days that are asked about.
struct Gaps {
    days: usize,
    since: f64,
    mean: f64,
    last: f64,
}

impl Gaps {
    /// `days` ascend: the newest first.
    fn of(days: &[i64], unit: f64) -> Self {
        let days: Vec<f64> = days.iter().map(|day| (*day as f64 + 1.0) / unit).collect();
        let (mean, last) = match &days[..] {
            [] | [_] => (NO_GAP, NO_GAP),
            [first, second, ..] => {
                let oldest = days[days.len() - 1];
                ((oldest - first) / (days.len() - 1) as f64, second - first)
            }
        };
        Self {
            since: days.first().copied().unwrap_or(NO_GAP),
            days: days.len(),
            mean,
            last,
        }
    }

    /// Days, time since, mean gap, last gap, and how overdue the next one is.
    fn logs(&self) -> [f64; 5] {
        let overdue = match self.days {
            0 | 1 => 0.0,
            _ => (self.since / self.mean.max(1e-2)).ln(),
        };
        let days = (self.days as f64).ln_1p();
        [
            days,
            self.since.ln_1p(),
            self.mean.ln_1p(),
            self.last.ln_1p(),
            overdue,
        ]
    }
}

/// Decayed counts and presence of other texts.
fn near_to(profile: &ProfileTexts, near: &[(u32, f32)], unit: f64) -> [f64; 3] {
    let mut sums = [0.0; 3];
    for (text, weight) in near {
        let Some(days) = profile.days.get(text) else {
            continue;
        };
        let weight = f64::from(*weight);
        for day in days.iter() {
            let age = *day as f64 + 0.5;
            sums[0] += weight * decay(age, unit);
            sums[1] += weight * decay(age, 3.0 * unit);
        }
        sums[2] += weight;
    }
    [sums[0].ln_1p(), sums[1].ln_1p(), sums[2]]
}

/// What the user's levels of other texts say of this one.
fn company(fitted: &FittedTexts, profile: &ProfileTexts, known: &KnownText) -> f64 {
    let each = known.company.iter().map(|(text, weight)| {
        let (mean, deviation) = fitted.texts[*text as usize].level;
        let level = profile.levels.get(text).copied().unwrap_or(0.0);
        f64::from(*weight) * (level - mean) / deviation
    });
    each.sum()
}

/// How many kinds of events the user has, and how many of them are new.
fn kinds(activity: &SourceActivity, unit: f64) -> [f64; 5] {
    let within = |day: i64, times: f64| (day as f64) < times * unit;
    let count = |has: &dyn Fn(&(i64, i64)) -> bool| {
        activity.kinds.iter().filter(|kind| has(kind)).count() as f64
    };
    let short = count(&|kind| within(kind.0, WINDOWS[SHORT]));
    let long = count(&|kind| within(kind.0, WINDOWS[LONG]));
    let new = count(&|kind| within(kind.1, WINDOWS[SHORT]));
    let all = activity.kinds.len() as f64;
    [
        short.ln_1p(),
        long.ln_1p(),
        all.ln_1p(),
        new.ln_1p(),
        new / short.max(1.0),
    ]
}

/// How training users have the text.
fn common(known: &KnownText, gaps: &Gaps, unit: f64) -> [f64; 9] {
    let gap = known.gap / unit;
    let overdue = match gaps.days {
        0 => 0.0,
        _ => (gaps.since / gap.max(1e-2)).ln(),
    };
    let expected = if gaps.days == 0 {
        known.first
    } else {
        known.again
    };
    [
        logit(known.popular),
        logit(known.popular_long),
        logit(known.ever),
        logit(known.first),
        logit(known.again),
        logit(expected),
        gap.ln_1p(),
        overdue,
        logit(known.popular) - logit(known.popular_before),
    ]
}

fn logit(share: f64) -> f64 {
    let share = share.clamp(1e-4, 1.0 - 1e-4);
    (share / (1.0 - share)).ln()
}
