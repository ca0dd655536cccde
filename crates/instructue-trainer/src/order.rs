//! The random order in which an epoch visits users.

use instructue_schema::seed;

/// The order of one epoch: shards in random order, and users in random order within each shard.
///
/// It is a pure function of the seed, the epoch and the shard sizes. So a run that stops at
/// position `p` resumes with [`EpochOrder::iter_from`]`(p)` and needs no saved state. Users of
/// one shard stay together, so a reader need hold only one shard at a time.
///
/// ```
/// use instructue_trainer::EpochOrder;
///
/// let order = EpochOrder::new(7, /* epoch */ 0, &[3, 0, 2]);
/// let whole: Vec<_> = order.iter_from(0).collect();
/// assert_eq!(whole.len(), 5);
/// assert_eq!(order.iter_from(2).collect::<Vec<_>>(), whole[2..]);
/// assert_eq!(order.at(4), Some(whole[4]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochOrder {
    seed: u64,
    epoch: u64,
    /// The shards in visiting order with their sizes.
    shards: Vec<(usize, usize)>,
    /// `starts[i]` is the position of the first user of `shards[i]`. The last entry is the
    /// length.
    starts: Vec<usize>,
}

impl EpochOrder {
    /// The order of `epoch` over shards with these numbers of users.
    pub fn new(seed: u64, epoch: u64, shard_sizes: &[usize]) -> Self {
        let mut shards: Vec<_> = shard_sizes.iter().copied().enumerate().collect();
        seed::shuffle(
            &mut shards,
            &mut seed::rng(seed, "order of shards", &[epoch]),
        );
        let mut starts = Vec::with_capacity(shards.len() + 1);
        let mut start = 0;
        for &(_, size) in &shards {
            starts.push(start);
            start += size;
        }
        starts.push(start);
        Self {
            seed,
            epoch,
            shards,
            starts,
        }
    }

    /// The number of users.
    pub fn len(&self) -> usize {
        self.starts[self.shards.len()]
    }

    /// Whether there are no users.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The shard and the user's index in it at `position`; `None` past the end.
    ///
    /// This takes time proportional to the shard's size. For many positions use
    /// [`EpochOrder::iter_from`].
    pub fn at(&self, position: usize) -> Option<(usize, usize)> {
        self.iter_from(position).next()
    }

    /// The order from `position` on; empty past the end.
    pub fn iter_from(&self, position: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        // This is the last start that is not after the position. Empty shards have equal starts.
        let from = self
            .starts
            .partition_point(|&start| start <= position)
            .saturating_sub(1);
        let inside = position - self.starts[from];
        self.shards
            .get(from..)
            .unwrap_or_default()
            .iter()
            .enumerate()
            .flat_map(move |(later, &(shard, size))| {
                let skip = if later == 0 { inside } else { 0 };
                self.users(shard, size)
                    .into_iter()
                    .skip(skip)
                    .map(move |user| (shard, user))
            })
    }

    fn users(&self, shard: usize, size: usize) -> Vec<usize> {
        let mut users: Vec<_> = (0..size).collect();
        let mut rng = seed::rng(self.seed, "order of users", &[self.epoch, shard as u64]);
        seed::shuffle(&mut users, &mut rng);
        users
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn visits_every_user_once_and_resumes_anywhere(
            seed: u64,
            epoch in 0_u64..100,
            sizes in prop::collection::vec(0_usize..20, 0..8),
            at in 0.0_f64..1.2,
        ) {
            let order = EpochOrder::new(seed, epoch, &sizes);
            let whole: Vec<_> = order.iter_from(0).collect();
            let expected: BTreeSet<_> = sizes
                .iter()
                .enumerate()
                .flat_map(|(shard, &size)| (0..size).map(move |user| (shard, user)))
                .collect();
            prop_assert_eq!(whole.len(), order.len());
            prop_assert_eq!(whole.iter().copied().collect::<BTreeSet<_>>(), expected);

            let position = (order.len() as f64 * at) as usize;
            let resumed: Vec<_> = EpochOrder::new(seed, epoch, &sizes).iter_from(position).collect();
            prop_assert_eq!(&resumed[..], whole.get(position..).unwrap_or_default());
            prop_assert_eq!(order.at(position), whole.get(position).copied());
        }

        #[test]
        fn users_of_a_shard_stay_together(seed: u64, sizes in prop::collection::vec(1_usize..20, 1..8)) {
            let mut shards: Vec<_> = EpochOrder::new(seed, 0, &sizes).iter_from(0).map(|p| p.0).collect();
            shards.dedup();
            prop_assert_eq!(shards.len(), sizes.len());
        }
    }

    #[test]
    fn epochs_and_seeds_differ() {
        let order = |seed, epoch| {
            EpochOrder::new(seed, epoch, &[50, 50])
                .iter_from(0)
                .collect::<Vec<_>>()
        };
        assert_ne!(order(1, 0), order(1, 1));
        assert_ne!(order(1, 0), order(2, 0));
        assert_eq!(order(1, 0), order(1, 0));
    }
}
