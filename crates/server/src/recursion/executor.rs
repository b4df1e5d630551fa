//! Runs the tasks of one resolver thread, in the order in which they are woken.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::upstream::Task;

/// Tasks that shall be polled, by their place.
#[derive(Default)]
struct Ready(Mutex<Vec<u32>>);

impl Ready {
    fn lock(&self) -> MutexGuard<'_, Vec<u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes one task.
struct Bell {
    place: u32,
    rung: AtomicBool,
    ready: Arc<Ready>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            self.ready.lock().push(self.place);
        }
    }
}

struct Entry {
    /// `None` while it is free.
    task: Option<Task>,
    bell: Arc<Bell>,
    waker: Waker,
}

/// Tasks that are under way.
#[derive(Default)]
pub struct Executor {
    entries: Vec<Entry>,
    free: Vec<u32>,
    ready: Arc<Ready>,
    /// What is polled in this round, from the end.
    round: Vec<u32>,
}

impl Executor {
    /// How many tasks are under way.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Adds a task, to be polled soon.
    pub fn spawn(&mut self, task: Task) {
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                let place = self.entries.len() as u32;
                let bell = Arc::new(Bell { place, rung: AtomicBool::new(false), ready: self.ready.clone() });
                let waker = Waker::from(bell.clone());
                self.entries.push(Entry { task: None, bell, waker });
                place
            }
        };
        let entry = &mut self.entries[place as usize];
        entry.task = Some(task);
        entry.waker.wake_by_ref();
    }

    /// Polls the next task that was woken; `false` if there is none.
    pub fn step(&mut self) -> bool {
        if self.round.is_empty() {
            std::mem::swap(&mut self.round, &mut *self.ready.lock());
            self.round.reverse();
        }
        let Some(place) = self.round.pop() else { return false };
        let Entry { task, bell, waker } = &mut self.entries[place as usize];
        bell.rung.store(false, Ordering::Release);
        // A waker of a task that is gone wakes the one that has its place now, which does no harm.
        let Some(running) = task else { return true };
        if let Poll::Ready(()) = running.as_mut().poll(&mut Context::from_waker(waker)) {
            *task = None;
            self.free.push(place);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::poll_fn;
    use std::rc::Rc;

    use super::*;

    fn run(executor: &mut Executor) {
        while executor.step() {}
    }

    #[test]
    fn tasks_run_in_turn_and_when_woken() {
        let mut executor = Executor::default();
        let (log, wakers) = (Rc::new(RefCell::new(String::new())), Rc::new(RefCell::new(Vec::<Waker>::new())));
        for name in ['a', 'b', 'c'] {
            let (log, wakers) = (log.clone(), wakers.clone());
            let mut polls = 0;
            executor.spawn(Box::pin(poll_fn(move |context| {
                log.borrow_mut().push(name);
                wakers.borrow_mut().push(context.waker().clone());
                polls += 1;
                if polls == 2 { Poll::Ready(()) } else { Poll::Pending }
            })));
        }
        run(&mut executor);
        assert_eq!((&**log.borrow(), executor.len()), ("abc", 3));
        let first = wakers.borrow().clone();
        [1, 0, 1].into_iter().for_each(|i: usize| first[i].wake_by_ref());
        run(&mut executor);
        assert_eq!((&**log.borrow(), executor.len()), ("abcba", 1));
        // Wakers of tasks that are gone, and then of another one in their place.
        first.iter().take(2).for_each(Waker::wake_by_ref);
        run(&mut executor);
        executor.spawn(Box::pin(async {}));
        assert_eq!((&**log.borrow(), executor.len()), ("abcba", 2));
        run(&mut executor);
        assert_eq!(executor.len(), 1);
    }
}
