//! Replicas: threads that run whole passes side by side on one machine.

use std::sync::Arc;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// Threads that each do whole passes.
///
/// The operators of a small model are too short for several threads to share:
/// they wait for each other more than they compute. Two passes side by side, each
/// on threads of its own, keep two cores busy instead.
#[derive(Debug, Clone, Default)]
pub struct Replicas(Vec<Arc<ThreadPool>>);

impl Replicas {
    /// `count` workers that share the machine's cores. One, or as many as a
    /// system will not give, means the calling thread, whose operators use all cores.
    pub fn new(count: usize) -> Self {
        if count < 2 {
            return Self::default();
        }
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let pool = |_| {
            let threads = (cores / count).max(1);
            let pool = ThreadPoolBuilder::new().num_threads(threads).build();
            pool.map(Arc::new)
        };
        Self(
            (0..count)
                .map(pool)
                .collect::<Result<_, _>>()
                .unwrap_or_default(),
        )
    }

    /// How many passes run at a time, at least 1.
    pub fn count(&self) -> usize {
        self.0.len().max(1)
    }

    /// `work` on each of `items`, item i by worker i mod [`count`](Self::count);
    /// the results in the order of the items.
    pub fn map<T: Send, R: Send>(
        &self,
        items: Vec<T>,
        work: impl Fn(usize, T) -> R + Sync,
    ) -> Vec<R> {
        if self.0.is_empty() || items.len() < 2 {
            let items = items.into_iter().enumerate();
            return items.map(|(index, item)| work(index, item)).collect();
        }
        let mut shares: Vec<Vec<(usize, T)>> = self.0.iter().map(|_| Vec::new()).collect();
        let (count, total) = (shares.len(), items.len());
        for (index, item) in items.into_iter().enumerate() {
            shares[index % count].push((index, item));
        }
        let work = &work;
        let done: Vec<Vec<R>> = std::thread::scope(|scope| {
            let running: Vec<_> = self
                .0
                .iter()
                .zip(shares)
                .map(|(pool, share)| {
                    scope.spawn(move || {
                        pool.install(|| share.into_iter().map(|(i, item)| work(i, item)).collect())
                    })
                })
                .collect();
            let joined = running.into_iter().map(|thread| match thread.join() {
                Ok(results) => results,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            joined.collect()
        });
        let mut done: Vec<_> = done.into_iter().map(Vec::into_iter).collect();
        (0..total)
            .filter_map(|index| done[index % count].next())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_of_the_items() {
        for count in [0, 1, 2, 3] {
            let workers = Replicas::new(count);
            let doubled = workers.map((0..7).collect(), |index, item: usize| (index, 2 * item));
            assert_eq!(doubled, (0..7).map(|i| (i, 2 * i)).collect::<Vec<_>>());
            assert_eq!(workers.count(), count.max(1));
        }
        assert!(
            Replicas::new(2)
                .map(Vec::<u8>::new(), |_, item| item)
                .is_empty()
        );
    }

    #[test]
    #[should_panic(expected = "the third")]
    fn a_panic_is_passed_on() {
        Replicas::new(2).map(vec![0, 1, 2], |index, _: u8| {
            assert!(index < 2, "the third")
        });
    }
}
