//! Generation of one user: habits are drawn once, then the events of every source.

use instructue_schema::{SECONDS_PER_DAY, Timestamp};

use crate::config::GenerateConfig;
use crate::random::{Purpose, Random};
use crate::traits::{Trait, Traits, traits_of};
use crate::vocabulary::{self, HOSTILE, PLACES, Topic};

/// An event. The source decides which parts are used.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub time: Timestamp,
    pub amount: f64,
    /// The category, service or app.
    pub name: String,
    /// The counterparty, action, path or query.
    pub text: String,
}

/// One row of the tabular source.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TabularRow {
    pub time: Timestamp,
    pub account_age_days: i64,
    pub balance: Option<f64>,
    pub contacts: Option<i64>,
    pub city_tier: Option<&'static str>,
    pub device: &'static str,
}

/// A generated user with all rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Person {
    pub id: String,
    pub traits: Traits,
    /// The events of each source in [`EVENT_SOURCES`], oldest first.
    pub events: [Vec<Event>; EVENT_SOURCES.len()],
    pub tabular: Vec<TabularRow>,
}

/// The sources with events: name, topics, share of the noise, and share of a trait's events (see
/// [`trait_share`]).
pub(crate) const EVENT_SOURCES: [(&str, &[Topic], f64); 5] = [
    ("bill", vocabulary::BILL, 0.25),
    ("minipro", vocabulary::MINIPRO, 0.25),
    ("spm", vocabulary::SPM, 0.25),
    ("app", vocabulary::APP, 0.17),
    ("search", vocabulary::SEARCH, 0.08),
];

/// The share of a trait's events that falls on a source. Only sources with topics of the trait
/// have one.
fn trait_share(of: Trait, source: &str) -> f64 {
    match (of, source) {
        (Trait::PetOwner, "bill") => 0.7,
        (Trait::PetOwner, "search") => 0.3,
        (Trait::Parent, "minipro") => 0.7,
        (Trait::Parent, "bill") => 0.3,
        (Trait::Traveller, "spm") => 0.7,
        (Trait::Traveller, "search") => 0.3,
        (Trait::Gamer, "app") | (Trait::Commuter, "minipro") => 1.0,
        _ => 0.0,
    }
}

/// The traits that have events of their own.
const TOPIC_TRAITS: [Trait; 5] = [
    Trait::PetOwner,
    Trait::Parent,
    Trait::Traveller,
    Trait::Gamer,
    Trait::Commuter,
];

/// The rate of a trait's events among users without the trait, relative to users with it.
const STRAY: f64 = 0.12;

/// The days before the reference time at which a leaving user's activity begins to fade, and at
/// which it has faded.
const FADING: (f64, f64) = (40.0, 5.0);
/// The share of the activity that remains after the fading.
const REMAINS: f64 = 0.02;

/// The habits of a user that are not traits.
struct Habits {
    traits: Traits,
    /// The factor of the noise.
    activity: f64,
    /// The factor of all amounts.
    wealth: f64,
    /// The hour at which a day's events are centred.
    centre: f64,
    /// The share of the weekend's events that happen.
    weekend: f64,
}

impl Habits {
    fn new(config: &GenerateConfig, traits: Traits, user: u64) -> Self {
        let mut random = Random::new(config.seed, user, Purpose::Person);
        Self {
            traits,
            activity: random.log_normal(-0.08, 0.4),
            wealth: random.log_normal(0.0, 0.2),
            centre: 11.0 + 7.0 * random.unit(),
            weekend: 0.4 + 0.6 * random.unit(),
        }
    }

    fn has(&self, of: Trait) -> bool {
        self.traits[of as usize]
    }

    /// The share of the events that happen `days` after the reference time (negative: before).
    fn remaining(&self, days: f64) -> f64 {
        if !self.has(Trait::Leaving) {
            return 1.0;
        }
        let (start, end) = FADING;
        let faded = ((days + start) / (start - end)).clamp(0.0, 1.0);
        1.0 - (1.0 - REMAINS) * faded
    }

    /// The second of the day at which an event happens.
    fn clock(&self, source: &str, topic: &Topic, random: &mut Random) -> i64 {
        let night = match source {
            "app" | "spm" if self.has(Trait::NightOwl) => 0.45,
            "app" | "spm" => 0.04,
            _ => 0.03,
        };
        let hour = if topic.of == Some(Trait::Commuter) {
            random.pick(&[&7.8, &17.6]) + 0.6 * random.normal()
        } else if random.chance(night) {
            5.0 * random.unit()
        } else {
            // The user is awake from five to midnight.
            (self.centre + 3.5 * random.normal()).clamp(5.0, 23.99)
        };
        ((hour.clamp(0.0, 23.999)) * 3600.0) as i64
    }
}

/// The user with this number: a pure function of the configuration and the number.
pub(crate) fn person(config: &GenerateConfig, user: u64) -> Person {
    let traits = traits_of(config.seed, user);
    let habits = Habits::new(config, traits, user);
    let mut source = 0;
    let events = EVENT_SOURCES.map(|(name, topics, share)| {
        let mut random = Random::new(config.seed, user, Purpose::Events(source));
        source += 1;
        events(config, &habits, name, topics, share, &mut random)
    });
    Person {
        id: user_id(user),
        traits,
        events,
        tabular: tabular(config, &habits, user),
    }
}

/// The id of the user with this number. The order of the ids as text is that of the numbers.
pub fn user_id(user: u64) -> String {
    format!("u{user:010}")
}

fn events(
    config: &GenerateConfig,
    habits: &Habits,
    source: &str,
    topics: &[Topic],
    share: f64,
    random: &mut Random,
) -> Vec<Event> {
    let days = f64::from(config.history_days) + f64::from(config.future_days);
    let periods = days / 90.0;
    let noise: Vec<&Topic> = topics.iter().filter(|topic| topic.of.is_none()).collect();
    // Three favourites get most of the noise, so that there are habits to learn.
    let favourites = [0; 3].map(|_| random.below(noise.len()));
    let mean = config.events_per_user * config.noise * share * habits.activity * periods;
    let mut out = Vec::new();
    for _ in 0..random.poisson(mean) {
        let favourite = random.chance(0.6);
        let at = if favourite {
            favourites[random.below(3)]
        } else {
            random.below(noise.len())
        };
        event(config, habits, source, noise[at], random, &mut out);
    }
    for of in TOPIC_TRAITS {
        let own: Vec<&Topic> = topics.iter().filter(|topic| topic.of == Some(of)).collect();
        if own.is_empty() {
            continue;
        }
        let strength = if habits.has(of) { 1.0 } else { STRAY };
        let mean = holder_rate(config) * trait_share(of, source) * strength * periods;
        for _ in 0..random.poisson(mean) {
            let topic = own[random.below(own.len())];
            event(config, habits, source, topic, random, &mut out);
        }
    }
    // The sort is stable, so events of equal times stay in the order in which they were drawn.
    out.sort_by_key(|event| event.time);
    out
}

/// The number of events in 90 days of a trait that a user has. It leaves noise its share on
/// average.
fn holder_rate(config: &GenerateConfig) -> f64 {
    let shares = TOPIC_TRAITS.map(|of| of.info().share);
    let holders: f64 = shares
        .iter()
        .map(|share| share + (1.0 - share) * STRAY)
        .sum();
    config.events_per_user * (1.0 - config.noise) / holders
}

/// Adds an event at a random time. Fading and quiet weekends may leave it out.
fn event(
    config: &GenerateConfig,
    habits: &Habits,
    source: &str,
    topic: &Topic,
    random: &mut Random,
    out: &mut Vec<Event>,
) {
    let (history, future) = (config.history_days as usize, config.future_days as usize);
    let day = random.below(history + future) as i64 - history as i64;
    let time = config.reference.plus_days(day);
    let midnight = Timestamp(time.0 - time.0.rem_euclid(SECONDS_PER_DAY));
    let time = Timestamp(midnight.0 + habits.clock(source, topic, random));
    let weekend = time.weekday() >= 5;
    let quiet = match topic.of {
        Some(Trait::Commuter) => 0.1,
        _ => habits.weekend,
    };
    let kept = habits.remaining(time.days_since(config.reference));
    let happens = random.chance(kept) && (!weekend || random.chance(quiet));
    let price = if habits.has(Trait::PriceSensitive) {
        0.55
    } else {
        1.0
    };
    let amount = random.log_normal(topic.amount.max(0.01).ln(), 0.5) * habits.wealth * price;
    let mut text = random.pick(topic.texts).to_owned();
    if source == "bill" {
        text = format!("{} {text}", random.pick(PLACES));
    }
    let mut name = topic.name.to_owned();
    if random.chance(config.hostile) {
        text = hostile(random);
    }
    if !name.is_empty() && random.chance(config.hostile / 4.0) {
        name = hostile(random);
    }
    if happens {
        out.push(Event {
            time,
            amount: (amount * 100.0).round().max(1.0) / 100.0,
            name,
            text,
        });
    }
}

fn hostile(random: &mut Random) -> String {
    match random.pick(HOSTILE) {
        "" => "x".repeat(500),
        text => text.to_owned(),
    }
}

fn tabular(config: &GenerateConfig, habits: &Habits, user: u64) -> Vec<TabularRow> {
    let mut random = Random::new(config.seed, user, Purpose::Tabular);
    let age = random.below(3_000) as i64;
    let price = if habits.has(Trait::PriceSensitive) {
        0.3
    } else {
        1.0
    };
    let level = random.log_normal(7.0, 0.5) * habits.wealth * price;
    let contacts = random.poisson(60.0) as i64;
    let city_tier = (!random.chance(0.05)).then(|| random.pick(vocabulary::CITY_TIERS));
    let device = random.pick(vocabulary::DEVICES);
    // The first row is valid from the start; some users get a newer row later.
    let start = i64::from(config.history_days);
    let renewed = random.chance(0.3) && start > 60;
    let rows = [(start, true), (60, renewed)];
    rows.into_iter()
        .filter(|(_, there)| *there)
        .map(|(days, _)| TabularRow {
            time: config.reference.plus_days(-days),
            account_age_days: age + start - days,
            balance: (!random.chance(0.05))
                .then(|| (level * random.log_normal(0.0, 0.2) * 100.0).round() / 100.0),
            contacts: (!random.chance(0.1)).then_some(contacts),
            city_tier,
            device,
        })
        .collect()
}
