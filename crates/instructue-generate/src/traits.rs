//! The hidden traits of users: where each shows, and how an instruction asks for it.

use crate::random::{Purpose, Random};

/// A hidden yes-or-no property of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(usize)]
pub enum Trait {
    /// Pays for pet care and searches for pet things.
    PetOwner,
    /// Uses services for parents and pays for children.
    Parent,
    /// Looks at travel pages and searches for trips.
    Traveller,
    /// Opens apps and pages at night.
    NightOwl,
    /// Plays games.
    Gamer,
    /// Pays small amounts and has a low balance.
    PriceSensitive,
    /// The activity fades in the last weeks and ends at the reference time.
    Leaving,
    /// Uses transport services at rush hour.
    Commuter,
}

/// The description of a trait.
#[derive(Debug)]
pub struct TraitInfo {
    /// The name: a column of `labels.parquet` and a task of `tasks.toml`.
    pub name: &'static str,
    /// The share of the users that have it.
    pub share: f64,
    /// The sources in which it shows. It shows in no other one.
    pub sources: &'static [&'static str],
    /// The questions that ask for it. The first is the task's instruction.
    pub instructions: &'static [&'static str],
    /// An answer that is true of users who have it.
    pub positive: &'static str,
    /// An answer that is true of all others.
    pub negative: &'static str,
}

/// For each trait, in the order of [`Trait::ALL`], whether a user has it.
pub type Traits = [bool; Trait::ALL.len()];

impl Trait {
    /// All traits.
    pub const ALL: [Self; 8] = [
        Self::PetOwner,
        Self::Parent,
        Self::Traveller,
        Self::NightOwl,
        Self::Gamer,
        Self::PriceSensitive,
        Self::Leaving,
        Self::Commuter,
    ];

    /// The description of the trait.
    pub fn info(self) -> &'static TraitInfo {
        &INFO[self as usize]
    }
}

/// The traits of the user with this number. The draws are independent.
pub fn traits_of(seed: u64, user: u64) -> Traits {
    let mut random = Random::new(seed, user, Purpose::Traits);
    Trait::ALL.map(|of| random.chance(of.info().share))
}

const INFO: [TraitInfo; Trait::ALL.len()] = [
    TraitInfo {
        name: "pet_owner",
        share: 0.3,
        sources: &["bill", "search"],
        instructions: &[
            "Does this user have a pet?",
            "Is there an animal in this user's household?",
            "Would this person be interested in offers for dogs and cats?",
        ],
        positive: "Yes, this user has a pet and spends on pet care.",
        negative: "No, this user has no pet.",
    },
    TraitInfo {
        name: "parent",
        share: 0.35,
        sources: &["minipro", "bill"],
        instructions: &[
            "Is this user a parent of young children?",
            "Does this person look after children at home?",
            "Would services for families and schools suit this user?",
        ],
        positive: "Yes, this user is a parent and uses services for children.",
        negative: "No, this user has no children to look after.",
    },
    TraitInfo {
        name: "traveller",
        share: 0.25,
        sources: &["spm", "search"],
        instructions: &[
            "Is this user planning to travel?",
            "Does this person look for flights and hotels?",
            "Should holiday offers be shown to this user?",
        ],
        positive: "Yes, this user is planning trips, with flights and hotels.",
        negative: "No, this user shows no interest in travel.",
    },
    TraitInfo {
        name: "night_owl",
        share: 0.25,
        sources: &["spm", "app"],
        instructions: &[
            "Is this user active at night?",
            "Does this person stay up late with the phone?",
            "Would messages between midnight and five find this user awake?",
        ],
        positive: "Yes, this user is a night owl, active between midnight and five.",
        negative: "No, this user is active during the day and sleeps at night.",
    },
    TraitInfo {
        name: "gamer",
        share: 0.3,
        sources: &["app"],
        instructions: &[
            "Does this user play mobile games?",
            "Is gaming a hobby of this person?",
            "Would a new game interest this user?",
        ],
        positive: "Yes, this user often plays games on the phone.",
        negative: "No, this user does not play games.",
    },
    TraitInfo {
        name: "price_sensitive",
        share: 0.35,
        sources: &["bill", "tabular"],
        instructions: &[
            "Is this user sensitive to prices?",
            "Does this person have little to spend?",
            "Would a discount matter to this user?",
        ],
        positive: "Yes, this user is price sensitive and makes small payments.",
        negative: "No, this user makes large payments and does not mind prices.",
    },
    TraitInfo {
        name: "leaving",
        share: 0.2,
        sources: &["bill", "minipro", "spm", "app", "search"],
        instructions: &[
            "Is this user about to leave?",
            "Has this person's activity faded over the last weeks?",
            "Should we try to win this user back before the account goes silent?",
        ],
        positive: "Yes, this user is about to stop: activity has faded in the last weeks.",
        negative: "No, this user stays as active as before.",
    },
    TraitInfo {
        name: "commuter",
        share: 0.3,
        sources: &["minipro"],
        instructions: &[
            "Does this user commute by public transport?",
            "Is this person on the train or bus at rush hour?",
            "Would a monthly transit pass suit this user?",
        ],
        positive: "Yes, this user commutes by train or bus on working days.",
        negative: "No, this user does not use public transport to work.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traits_are_independent_and_have_their_shares() {
        let n = 20_000;
        let users: Vec<Traits> = (0..n).map(|user| traits_of(5, user)).collect();
        let share = |holds: &dyn Fn(&Traits) -> bool| {
            users.iter().filter(|traits| holds(traits)).count() as f64 / n as f64
        };
        for (i, a) in Trait::ALL.into_iter().enumerate() {
            let p = share(&|traits| traits[i]);
            assert!((p - a.info().share).abs() < 0.015, "{a:?}: {p}");
            for j in i + 1..Trait::ALL.len() {
                let both = share(&|traits| traits[i] && traits[j]);
                let q = share(&|traits| traits[j]);
                assert!(
                    (both - p * q).abs() < 0.012,
                    "{a:?} and {j}: {both} against {}",
                    p * q
                );
            }
        }
    }
}
