//! The cell through which workers get the latest version of something: zones, settings.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Holds the latest version of a `T`. Workers keep a [`Reader`] each and look at one number per batch
/// of packets; only when it changed do they take the lock, for as long as a pointer is copied.
pub struct Published<T> {
    generation: AtomicU64,
    current: Mutex<Arc<T>>,
    /// Held by whoever makes the next version.
    writers: Mutex<()>,
    /// Versions that a worker may still hold: the publisher frees them, never a worker.
    retired: Mutex<Vec<Arc<T>>>,
}

impl<T> Published<T> {
    /// A cell with a first version.
    pub fn new(first: T) -> Arc<Published<T>> {
        Arc::new(Published {
            generation: AtomicU64::new(1),
            current: Mutex::new(Arc::new(first)),
            writers: Mutex::new(()),
            retired: Mutex::new(Vec::new()),
        })
    }

    /// Makes `next` the version that every batch from now on sees.
    pub fn publish(&self, next: T) {
        self.update(|_| next);
    }

    /// Publishes what `change` makes of the latest version. Of several publishers one works at a time, so
    /// that none loses what another did; workers do not wait for them.
    pub fn update(&self, change: impl FnOnce(&T) -> T) {
        self.update_only(change);
        self.collect();
    }

    /// The same, but what nobody holds any more is left to the next [`Published::collect`]: for those who have
    /// something to do before they spend time on it.
    pub fn update_only(&self, change: impl FnOnce(&T) -> T) {
        let _writer = lock(&self.writers);
        let next = change(&self.latest());
        self.replace(next);
    }

    fn replace(&self, next: T) {
        let old = std::mem::replace(&mut *lock(&self.current), Arc::new(next));
        self.generation.fetch_add(1, Ordering::Release);
        lock(&self.retired).push(old);
    }

    /// Frees old versions that no worker holds any more; the publisher calls it now and then.
    pub fn collect(&self) {
        let gone: Vec<Arc<T>> = lock(&self.retired).extract_if(.., |version| Arc::strong_count(version) == 1).collect();
        drop(gone); // Without the lock.
    }

    /// The latest version.
    pub fn latest(&self) -> Arc<T> {
        lock(&self.current).clone()
    }
}

/// What the locks protect is replaced whole, so a panic elsewhere leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A worker's view of what is published.
pub struct Reader<T> {
    published: Arc<Published<T>>,
    generation: u64,
    version: Arc<T>,
}

impl<T> Reader<T> {
    /// A reader of `published`.
    pub fn new(published: Arc<Published<T>>) -> Reader<T> {
        let generation = published.generation.load(Ordering::Acquire);
        let version = published.latest();
        Reader { published, generation, version }
    }

    /// The latest version; it stays valid until the next call.
    #[inline]
    pub fn latest(&mut self) -> &T {
        self.refresh();
        &self.version
    }

    /// Takes the latest version, for [`Reader::get`].
    #[inline]
    pub fn refresh(&mut self) {
        let generation = self.published.generation.load(Ordering::Acquire);
        if generation != self.generation {
            self.generation = generation;
            self.version = self.published.latest();
        }
    }

    /// The number of the latest version; a later one has a larger number.
    pub fn latest_number(&self) -> u64 {
        self.published.generation.load(Ordering::Acquire)
    }

    /// The version of the last refresh.
    #[inline]
    pub fn get(&self) -> &T {
        &self.version
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_see_the_latest_and_the_publisher_frees() {
        let published = Published::new(1);
        let mut reader = Reader::new(published.clone());
        assert_eq!(*reader.latest(), 1);
        published.publish(2);
        assert_eq!(*reader.get(), 1, "the old version stays until the next batch");
        assert_eq!(lock(&published.retired).len(), 1, "it is kept for the reader");
        assert_eq!(*reader.latest(), 2);
        published.collect();
        assert!(lock(&published.retired).is_empty());
    }

    #[test]
    fn publishers_do_not_lose_each_others_changes() {
        let published = Published::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| published.update(|count| count + 1)));
            }
        });
        assert_eq!(*published.latest(), 4000);
        assert!(lock(&published.retired).is_empty(), "old versions are freed");
    }
}
