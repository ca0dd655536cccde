//! Replicas: threads that run whole passes side by side on one machine.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

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
        let (count, total) = (self.count(), items.len());
        let next: Vec<_> = (0..count).map(AtomicUsize::new).collect();
        self.run(items, work, |worker| {
            let item = next[worker].fetch_add(count, Ordering::Relaxed);
            (item < total).then_some(item)
        })
    }

    /// `work` on each of `items`, each by the worker who is free first; the results in the order
    /// of the items. Items of unlike sizes keep all workers busy to the end.
    pub fn queue<T: Send, R: Send>(&self, items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
        let (next, total) = (AtomicUsize::new(0), items.len());
        let work = |_, item| work(item);
        self.run(items, work, |_| {
            let item = next.fetch_add(1, Ordering::Relaxed);
            (item < total).then_some(item)
        })
    }

    /// `next` says what a worker does next.
    fn run<T: Send, R: Send>(
        &self,
        items: Vec<T>,
        work: impl Fn(usize, T) -> R + Sync,
        next: impl Fn(usize) -> Option<usize> + Sync,
    ) -> Vec<R> {
        if self.0.is_empty() || items.len() < 2 {
            let items = items.into_iter().enumerate();
            return items.map(|(index, item)| work(index, item)).collect();
        }
        let items: Vec<_> = items
            .into_iter()
            .map(|item| Mutex::new(Some(item)))
            .collect();
        let take = |index: usize| {
            let mut item = items[index].lock().unwrap_or_else(PoisonError::into_inner);
            item.take().expect("no other worker has it")
        };
        let (work, next, take) = (&work, &next, &take);
        let mut done: Vec<(usize, R)> = std::thread::scope(|scope| {
            let workers = self.0.iter().enumerate();
            let running: Vec<_> = workers
                .map(|(worker, pool)| {
                    let indices = std::iter::from_fn(move || next(worker));
                    let each = indices.map(move |index| (index, work(index, take(index))));
                    scope.spawn(move || pool.install(|| each.collect::<Vec<_>>()))
                })
                .collect();
            let joined = running.into_iter().flat_map(|thread| match thread.join() {
                Ok(results) => results,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            joined.collect()
        });
        done.sort_unstable_by_key(|(index, _)| *index);
        done.into_iter().map(|(_, result)| result).collect()
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
            let doubled = workers.queue((0..7).collect(), |item: usize| 2 * item);
            assert_eq!(doubled, (0..7).map(|i| 2 * i).collect::<Vec<_>>());
            assert_eq!(workers.count(), count.max(1));
        }
        assert!(
            Replicas::new(2)
                .map(Vec::<u8>::new(), |_, item| item)
                .is_empty()
        );
    }

    /// One item that lasts until all others are done: they are left to the other worker.
    #[test]
    fn who_is_free_goes_on() {
        /// Of waiting for others that will never come.
        const PATIENCE: usize = 10_000_000;
        let done = AtomicUsize::new(0);
        let others = Replicas::new(2).queue((0..9).collect(), |item: usize| {
            let mut waited = 0;
            while item == 0 && done.load(Ordering::SeqCst) < 8 && waited < PATIENCE {
                std::thread::yield_now();
                waited += 1;
            }
            done.fetch_add(1, Ordering::SeqCst)
        });
        assert_eq!(others[0], 8, "the first item was done before the others");
    }

    #[test]
    #[should_panic(expected = "the third")]
    fn a_panic_is_passed_on() {
        Replicas::new(2).map(vec![0, 1, 2], |index, _: u8| {
            assert!(index < 2, "the third")
        });
    }
}
