//! What is fitted: known texts, how users have them, and which ones the same users have.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::OnceLock;

use instructue_schema::{DataText, UserCounts, user_key};
use serde::{Deserialize, Serialize};

use super::children::Children;
use super::company::Company;
use super::cues::says_nothing;
use super::level::level;
use super::vectors::{TextVectors, unit};
use crate::lexical_matches::words;
use crate::profile::{Profile, SourceProfile};
use crate::render::SEPARATOR;

/// Texts that are kept, the most widespread ones.
const MOST_TEXTS: usize = 5_000;
/// A word is usual from one in so many questions on.
const USUAL: usize = 20;
/// Users that shares are drawn towards the popularity with.
const PRIOR: f64 = 20.0;

/// A text that enough users have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownText {
    /// The source, in schema order.
    pub source: usize,
    /// The event's text.
    pub text: String,
    /// What else its events say, with shares that sum to 1, see [`Children`](super::Children).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<(String, f32)>,
    /// The share of users with it in the newest days, as many as questions ask about.
    pub popular: f64,
    /// The share in as many days before these.
    pub popular_before: f64,
    /// The share in three times these days.
    pub popular_long: f64,
    /// The share of users with it at all.
    pub ever: f64,
    /// Days with it, the mean over users.
    pub often: f64,
    /// The share that has it in the newest days, of users without it before.
    pub first: f64,
    /// The same, of users with it before.
    pub again: f64,
    /// The median of users' mean gaps in days.
    pub gap: f64,
    /// The mean and the deviation of users' [levels](Self::level) of it.
    pub level: (f64, f64),
    /// What the levels of other texts say of this one: a linear regression on all of them, the
    /// largest weights.
    pub company: Vec<(u32, f32)>,
}

/// All that is fitted.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedTexts {
    /// The days that questions ask about.
    pub days: i64,
    /// The known texts.
    pub texts: Vec<KnownText>,
    /// Words of so many questions that they do not tell what one asks about.
    pub usual: BTreeSet<String>,
    /// The words of the name and the description of each source with events, in schema order;
    /// none of other sources.
    pub sources: Vec<BTreeSet<String>>,
    #[serde(skip)]
    places: OnceLock<HashMap<(usize, String), u32>>,
}

impl FittedTexts {
    /// Whether every text's company is among the texts, and the days make sense; what was read
    /// from a file may be anything.
    pub fn is_sound(&self) -> bool {
        let known = self.texts.len();
        let mut company = self.texts.iter().flat_map(|text| &text.company);
        let numbers = |known: &KnownText| {
            let KnownText {
                popular,
                popular_before,
                popular_long,
                ever,
                often,
                first,
                again,
                gap,
                ..
            } = known;
            let shares = [
                popular,
                popular_before,
                popular_long,
                ever,
                often,
                first,
                again,
                gap,
            ];
            shares
                .into_iter()
                .all(|number| number.is_finite() && *number >= 0.0)
                && known.level.0.is_finite()
                && known.level.1 > 0.0
        };
        self.days > 0
            && self.texts.iter().all(numbers)
            && company.all(|(text, weight)| (*text as usize) < known && weight.is_finite())
    }

    /// The words of an instruction but for those that most questions have.
    pub(super) fn content(&self, instruction: &[String]) -> Vec<String> {
        let content = instruction.iter();
        content.filter(|word| self.tells(word)).cloned().collect()
    }

    /// Whether a word may tell what a question asks about.
    pub(super) fn tells(&self, word: &str) -> bool {
        !self.usual.contains(word) && !says_nothing(word)
    }

    /// The source that words name, if the telling ones among them name nothing else, with how many
    /// of its words there are.
    pub(super) fn source_of(&self, words: &[String], content: &[String]) -> Option<(usize, usize)> {
        let names = |source: &BTreeSet<String>| {
            let all = content.iter().all(|word| source.contains(word));
            let named = words.iter().filter(|word| source.contains(*word)).count();
            if all { named } else { 0 }
        };
        let named = self.sources.iter().map(names).enumerate();
        // Of sources that are named alike the first one.
        let named = named.filter(|(_, named)| *named > 0);
        named.rev().max_by_key(|(_, named)| *named)
    }

    /// Several known texts as one: shares as if users had each independently of the others.
    ///
    /// # Panics
    /// If there is none.
    pub(super) fn any_of(&self, texts: &[u32]) -> KnownText {
        let all: Vec<&KnownText> = texts
            .iter()
            .map(|text| &self.texts[*text as usize])
            .collect();
        let any = |share: fn(&KnownText) -> f64| {
            1.0 - all.iter().map(|known| 1.0 - share(known)).product::<f64>()
        };
        let company = all.iter().flat_map(|known| &known.company);
        let each = 1.0 / all.len() as f32;
        KnownText {
            popular: any(|known| known.popular),
            popular_before: any(|known| known.popular_before),
            popular_long: any(|known| known.popular_long),
            ever: any(|known| known.ever),
            first: any(|known| known.first),
            again: any(|known| known.again),
            often: all.iter().map(|known| known.often).sum(),
            gap: all
                .iter()
                .map(|known| known.gap)
                .fold(f64::INFINITY, f64::min),
            company: company
                .map(|(text, weight)| (*text, each * weight))
                .collect(),
            ..all[0].clone()
        }
    }

    /// The place of a source's text; `None` if it is not known.
    pub(super) fn place(&self, source: usize, text: &str) -> Option<u32> {
        let places = self.places.get_or_init(|| {
            let texts = self.texts.iter().zip(0..);
            let places = texts.map(|(known, place)| ((known.source, known.text.clone()), place));
            places.collect()
        });
        // The key owns its text, and so does each lookup.
        places.get(&(source, text.to_owned())).copied()
    }
}

impl KnownText {
    /// The values that the text is made of, in the order of the rendered fields.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.text.split(SEPARATOR)
    }

    /// The text's meaning, with that of what its events say beside it.
    pub(super) fn meaning(&self, vectors: &dyn TextVectors) -> Vec<f32> {
        let mut own = vectors.vector(&self.text);
        let mut beside = vec![0.0f32; own.len()];
        for (child, share) in &self.children {
            for (sum, value) in beside.iter_mut().zip(vectors.vector(child)) {
                *sum += share * value;
            }
        }
        for (own, beside) in own.iter_mut().zip(unit(beside)) {
            *own += beside;
        }
        unit(own)
    }
}

/// How a user has a text.
#[derive(Debug)]
struct Having {
    text: u32,
    /// In the newest days, in as many before, in three times these, and before the newest days.
    short: bool,
    before_short: bool,
    long: bool,
    earlier: bool,
    /// The mean gap between days with it.
    gap: Option<f64>,
    /// The number of days with it.
    days: usize,
    level: f64,
}

/// A user with texts.
#[derive(Debug)]
struct User {
    /// Whether something happened before the newest days, so that the user was there.
    was_there: bool,
    has: Vec<Having>,
}

/// Texts by user, while they are counted: which texts there are, and how users have them.
#[derive(Debug)]
pub struct TextCounts {
    days: i64,
    common: UserCounts<(usize, String)>,
    places: HashMap<(usize, String), u32>,
    users: Vec<User>,
}

impl TextCounts {
    /// Begins to count. A text is kept if at least `min_users` distinct users have it. Questions
    /// ask about `days` days.
    pub fn new(min_users: usize, days: i64) -> Self {
        Self {
            days,
            common: UserCounts::new(min_users),
            places: HashMap::new(),
            users: Vec::new(),
        }
    }

    /// Counts a user, seen from the time that all of them are seen from.
    pub fn add(&mut self, profile: &Profile) {
        let key = user_key(&profile.user);
        let days = self.days as f32;
        let mut user = User {
            was_there: false,
            has: Vec::new(),
        };
        for (source, found) in profile.sources.iter().enumerate() {
            let SourceProfile::Events(events) = found else {
                continue;
            };
            let mut by_text: BTreeMap<&DataText, Vec<f32>> = BTreeMap::new();
            for event in events.iter().filter(|event| event.vector.is_none()) {
                by_text
                    .entry(&event.text)
                    .or_default()
                    .extend(event.days.iter());
            }
            for (text, ages) in by_text {
                let name = (source, text.as_str().to_owned());
                self.common.add(key, &name);
                let next = self.places.len() as u32;
                let text = *self.places.entry(name).or_insert(next);
                let within = |from: f32, to: f32| ages.iter().any(|age| *age >= from && *age < to);
                let mut on: Vec<i64> = ages.iter().map(|age| age.floor() as i64).collect();
                on.sort_unstable();
                on.dedup();
                let gap = match on[..] {
                    [first, .., last] => Some((last - first) as f64 / (on.len() - 1) as f64),
                    _ => None,
                };
                let earlier = within(days, f32::INFINITY);
                user.was_there |= earlier;
                user.has.push(Having {
                    text,
                    short: within(0.0, days),
                    before_short: within(days, 2.0 * days),
                    long: within(0.0, 3.0 * days),
                    earlier,
                    gap,
                    days: on.len(),
                    level: level(&on, self.days as f64),
                });
            }
        }
        self.users.push(user);
    }

    /// What was counted; which words every question has is learned from questions.
    pub fn finish<'a>(
        self,
        children: &Children,
        questions: impl Iterator<Item = &'a str>,
    ) -> FittedTexts {
        let Self {
            days,
            common,
            places,
            users,
        } = self;
        // The most widespread ones, in an order that does not depend on the users'.
        let mut kept: Vec<((usize, String), u64)> = common.common().into_iter().collect();
        kept.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        kept.truncate(MOST_TEXTS);
        let mut place_of = vec![None; places.len()];
        for (place, (name, _)) in (0u32..).zip(&kept) {
            place_of[places[name] as usize] = Some(place);
        }
        let mut tallies: Vec<Tally> = kept.iter().map(|_| Tally::default()).collect();
        let there = users.iter().filter(|user| user.was_there).count() as f64;
        let mut levels: Vec<Vec<(u32, f64)>> = Vec::with_capacity(users.len());
        for user in &users {
            let has = user.has.iter();
            let has = has.filter_map(|having| Some((place_of[having.text as usize]?, having)));
            for (place, having) in has.clone() {
                tallies[place as usize].add(having, user.was_there);
            }
            levels.push(has.map(|(place, having)| (place, having.level)).collect());
        }
        let kept_words: BTreeSet<String> =
            kept.iter().flat_map(|((_, text), _)| words(text)).collect();
        let all = users.len().max(1) as f64;
        let Company { moments, weights } = Company::fit(&levels, kept.len());
        let texts = kept
            .into_iter()
            .zip(tallies)
            .zip(moments.into_iter().zip(weights));
        let texts = texts.map(|(((name, _), tally), company)| KnownText {
            children: children.of(name.0, &name.1),
            ..tally.finish(name, all, there, company)
        });
        FittedTexts {
            days,
            usual: usual(questions, &kept_words),
            texts: texts.collect(),
            sources: children.source_words().to_vec(),
            places: OnceLock::new(),
        }
    }
}

/// The words that are in at least a twentieth of the questions, each counted once. Where there
/// are few values, many questions name each: a word of a known text is usual only if most have it.
fn usual<'a>(
    questions: impl Iterator<Item = &'a str>,
    known: &BTreeSet<String>,
) -> BTreeSet<String> {
    let questions: BTreeSet<&str> = questions.collect();
    let mut counts: HashMap<String, usize> = HashMap::new();
    for question in &questions {
        for word in words(question).collect::<BTreeSet<_>>() {
            *counts.entry(word).or_default() += 1;
        }
    }
    let common = counts.into_iter().filter(|(word, count)| {
        let of = if known.contains(word) { 2 } else { USUAL };
        count * of >= questions.len()
    });
    common.map(|(word, _)| word).collect()
}

/// How users have one text.
#[derive(Default)]
struct Tally {
    ever: f64,
    days: f64,
    short: f64,
    before_short: f64,
    long: f64,
    /// Of users who were there before the newest days: with it before, and of these and of the
    /// others those with it since.
    earlier: f64,
    again: f64,
    first: f64,
    gaps: Vec<f64>,
}

impl Tally {
    fn add(&mut self, having: &Having, was_there: bool) {
        let one = |has: bool| f64::from(u8::from(has));
        self.ever += 1.0;
        self.days += having.days as f64;
        self.short += one(having.short);
        self.before_short += one(having.before_short);
        self.long += one(having.long);
        self.earlier += one(having.earlier);
        self.again += one(having.earlier && having.short);
        self.first += one(!having.earlier && having.short && was_there);
        self.gaps.extend(having.gap);
    }

    fn finish(
        mut self,
        (source, text): (usize, String),
        users: f64,
        there: f64,
        (level, company): ((f64, f64), Vec<(u32, f32)>),
    ) -> KnownText {
        self.gaps.sort_by(f64::total_cmp);
        let popular = self.short / users;
        let drawn = |part: f64, whole: f64, to: f64| (part + PRIOR * to) / (whole + PRIOR);
        KnownText {
            source,
            text,
            children: Vec::new(),
            popular,
            popular_before: self.before_short / users,
            popular_long: self.long / users,
            ever: self.ever / users,
            often: self.days / users,
            first: drawn(self.first, there - self.earlier, 0.3 * popular),
            again: drawn(self.again, self.earlier, (2.0 * popular).min(1.0)),
            gap: match self.gaps.len() {
                0..6 => 60.0,
                count => self.gaps[count / 2],
            },
            level,
            company,
        }
    }
}
