//! Counts of items and of the users who have them. They are needed to keep only what enough users
//! have (k-anonymity).

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use crate::ids::UserId;
use crate::seed;

/// A stable number for a user. It stands for the user where ids would take too much memory.
pub fn user_key(user: &UserId) -> u64 {
    seed::derive(0, user.as_str(), &[])
}

/// Whether at least a given number of distinct users have something.
///
/// Users are remembered until there are enough, in any order and with repetitions. After that the
/// value takes no memory and counts no further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DistinctUsers(Seen);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    /// The keys seen so far, sorted.
    Few(Vec<u64>),
    Enough,
}

impl Default for DistinctUsers {
    fn default() -> Self {
        Self(Seen::Few(Vec::new()))
    }
}

impl DistinctUsers {
    /// Adds a user by [`user_key`]. `min_users` users are enough; 0 means 1.
    pub fn add(&mut self, user: u64, min_users: usize) {
        let Seen::Few(users) = &mut self.0 else {
            return;
        };
        if let Err(place) = users.binary_search(&user) {
            users.insert(place, user);
            if users.len() >= min_users {
                self.0 = Seen::Enough;
            }
        }
    }

    /// Adds all users of `other`, which must have been counted with the same `min_users`.
    pub fn merge(&mut self, other: &Self, min_users: usize) {
        match &other.0 {
            Seen::Enough => self.0 = Seen::Enough,
            Seen::Few(users) => users.iter().for_each(|&user| self.add(user, min_users)),
        }
    }

    /// Whether enough users were added.
    pub fn enough(&self) -> bool {
        self.0 == Seen::Enough
    }
}

/// The number of occurrences of each item, and the items that enough distinct users have.
///
/// Everything that is fitted to users' data and saved elsewhere (a vocabulary, a table of words,
/// the values that questions name) takes its items from [`UserCounts::common`].
///
/// ```
/// use instructue_schema::UserCounts;
///
/// let mut words = UserCounts::<String>::new(2);
/// for (user, word) in [(1, "milk"), (2, "milk"), (3, "555-0199"), (3, "555-0199")] {
///     words.add(user, word);
/// }
/// assert_eq!(words.common(), [("milk".to_string(), 2)].into());
/// ```
#[derive(Debug, Clone)]
pub struct UserCounts<K> {
    min_users: usize,
    items: HashMap<K, Tally>,
}

/// The number of an item's occurrences, and its users.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    times: u64,
    users: DistinctUsers,
}

impl<K: Hash + Eq> UserCounts<K> {
    /// An empty count. An item is common once `min_users` distinct users have it; with 0 or 1
    /// every item is common.
    pub fn new(min_users: usize) -> Self {
        Self {
            min_users,
            items: HashMap::new(),
        }
    }

    /// Adds one occurrence of the item with a user, who is named by [`user_key`].
    pub fn add<Q>(&mut self, user: u64, item: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let min_users = self.min_users;
        let tally = self.tally(item);
        tally.times += 1;
        tally.users.add(user, min_users);
    }

    /// Adds as many occurrences of the item as `counted` holds, such as those of a text that
    /// contains a word.
    pub fn add_counts<Q>(&mut self, item: &Q, counted: &Tally)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let min_users = self.min_users;
        let tally = self.tally(item);
        tally.times += counted.times;
        tally.users.merge(&counted.users, min_users);
    }

    fn tally<Q>(&mut self, item: &Q) -> &mut Tally
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        // Most items exist already, so an item is copied only when it is new.
        if !self.items.contains_key(item) {
            self.items.insert(item.to_owned(), Tally::default());
        }
        self.items.get_mut(item).expect("it was put there")
    }

    /// The number of distinct items so far.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether no item was counted.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether the item occurs at all.
    pub fn has<Q>(&self, item: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.items.contains_key(item)
    }

    /// Removes and returns all items.
    pub fn drain(&mut self) -> impl Iterator<Item = (K, Tally)> + '_ {
        self.items.drain()
    }

    /// Whether enough users have the item.
    pub fn is_common<Q>(&self, item: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.items.get(item).is_some_and(|t| t.users.enough())
    }

    /// The items that enough users have, with their numbers of occurrences.
    pub fn common(self) -> HashMap<K, u64> {
        let common = self.items.into_iter().filter(|(_, t)| t.users.enough());
        common.map(|(item, tally)| (item, tally.times)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_user_counts_once_in_whatever_order() {
        let mut items = UserCounts::<String>::new(3);
        for user in [5, 5, 9, 5, 9] {
            items.add(user, "a");
        }
        assert!(!items.is_common("a") && !items.is_common("b"));
        items.add(1, "a");
        items.add(5, "b");
        assert!(items.is_common("a"));
        assert_eq!(items.common(), [("a".to_string(), 6)].into());
    }

    #[test]
    fn one_user_is_enough_where_so_asked() {
        for min_users in [0, 1] {
            let mut items = UserCounts::<u64>::new(min_users);
            items.add(7, &3);
            assert!(items.is_common(&3));
        }
    }

    proptest! {
        #[test]
        fn counting_in_parts_is_counting_at_once(
            first in prop::collection::vec((0u64..6, 0u64..4), 0..40),
            second in prop::collection::vec((0u64..6, 0u64..4), 0..40),
            min_users in 0usize..6,
        ) {
            let count = |rows: &[(u64, u64)]| {
                let mut items = UserCounts::<u64>::new(min_users);
                rows.iter().for_each(|(user, item)| items.add(*user, item));
                items
            };
            let mut parts = count(&first);
            for (item, tally) in count(&second).drain() {
                parts.add_counts(&item, &tally);
            }
            let all = [first, second].concat();
            let expected = all.iter().filter(|(_, item)| {
                let mut users: Vec<u64> =
                    all.iter().filter(|(_, i)| i == item).map(|(user, _)| *user).collect();
                users.sort_unstable();
                users.dedup();
                users.len() >= min_users
            });
            let mut times = HashMap::new();
            expected.for_each(|(_, item)| *times.entry(*item).or_default() += 1u64);
            prop_assert_eq!(parts.common(), times.clone());
            prop_assert_eq!(count(&all).common(), times);
        }
    }
}
