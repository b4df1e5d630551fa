//! What a resolver thread is given to do, by workers, the stream thread and the control plane.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::event::{EventfdFlags, eventfd};

/// A queue with a bell that rings when something comes while the thread sleeps.
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    bell: OwnedFd,
}

struct State<T> {
    items: Vec<T>,
    asleep: bool,
    closed: bool,
}

impl<T> Queue<T> {
    pub fn new() -> io::Result<Queue<T>> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let state = Mutex::new(State { items: Vec::new(), asleep: false, closed: false });
        Ok(Queue { state, bell })
    }

    /// What becomes readable with each ring; the poller watches it edge-triggered, so that nobody need read it.
    pub fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// Adds items while there are fewer than `limit`, with one ring for all; what is left stays in `items`.
    pub fn put(&self, items: &mut Vec<T>, limit: usize) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        let room = limit.saturating_sub(state.items.len()).min(items.len());
        state.items.extend(items.drain(..room));
        let ring = room > 0 && std::mem::take(&mut state.asleep);
        drop(state);
        if ring {
            // It fails when it was rung 2^64 times, which is loud enough.
            let _ = rustix::io::write(&self.bell, &1u64.to_ne_bytes());
        }
    }

    /// The thread wants to sleep: `true` if there is nothing, and whatever comes now rings.
    pub fn sleep(&self) -> bool {
        let mut state = self.lock();
        state.asleep = state.items.is_empty();
        state.asleep
    }

    /// Takes all that is there into `items`, which is empty.
    pub fn take(&self, items: &mut Vec<T>) {
        let mut state = self.lock();
        state.asleep = false;
        std::mem::swap(&mut state.items, items);
    }

    /// The thread is gone: what is there is given back, and nothing is taken any more.
    pub fn close(&self) -> Vec<T> {
        let mut state = self.lock();
        state.closed = true;
        std::mem::take(&mut state.items)
    }

    /// Every change is one step, so a panic elsewhere leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rung(queue: &Queue<u32>) -> bool {
        rustix::io::read(&queue.bell, &mut [0; 8]).is_ok()
    }

    #[test]
    fn the_bell_rings_for_a_sleeper_and_limits_hold() {
        let queue = Queue::new().expect("an eventfd");
        let (mut items, mut taken) = (vec![1, 2], Vec::new());
        queue.put(&mut items, 3);
        assert!(items.is_empty() && !rung(&queue), "nobody sleeps");
        assert!(!queue.sleep(), "there is something");
        items.extend([3, 4]);
        queue.put(&mut items, 3);
        assert_eq!(items, [4]);
        queue.take(&mut taken);
        assert_eq!(taken, [1, 2, 3]);
        assert!(queue.sleep());
        queue.put(&mut items, 3);
        assert!(rung(&queue) && !rung(&queue) && items.is_empty());
        assert_eq!(queue.close(), [4]);
        items.push(5);
        queue.put(&mut items, 3);
        assert_eq!((items.len(), queue.close().len()), (1, 0));
    }
}
