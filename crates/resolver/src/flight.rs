//! Questions under way. Whoever asks the same question meanwhile waits for the same flight.
//!
//! Flights can wait for each other. Two zones whose name servers lie in each other could make them wait in a circle, so
//! every wait is recorded, and one that would close a circle is refused.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared};

use crate::limits::MAX_FLIGHTS;

/// Why a flight cannot be joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FlightError {
    /// It waits for the one who asks.
    #[error("it waits for its own answer")]
    Circle,
    /// There are [`MAX_FLIGHTS`].
    #[error("too many questions under way")]
    TooMany,
}

/// Who waits for whom, over all kinds of flights.
#[derive(Debug, Default)]
pub struct Waits {
    last: Cell<u64>,
    /// By flight, those it waits for.
    edges: RefCell<HashMap<u64, Vec<u64>>>,
}

impl Waits {
    /// A number for a new flight.
    fn number(&self) -> u64 {
        self.last.set(self.last.get() + 1);
        self.last.get()
    }

    /// Whether `from` waits for `to`, perhaps by way of others.
    fn leads(&self, from: u64, to: u64) -> bool {
        let edges = self.edges.borrow();
        let (mut open, mut seen) = (vec![from], Vec::new());
        while let Some(flight) = open.pop() {
            if flight == to {
                return true;
            }
            if !seen.contains(&flight) {
                seen.push(flight);
                open.extend(edges.get(&flight).into_iter().flatten());
            }
        }
        false
    }

    fn add(&self, from: u64, to: u64) {
        if from != 0 {
            self.edges.borrow_mut().entry(from).or_default().push(to);
        }
    }

    fn remove(&self, from: u64, to: u64) {
        let mut edges = self.edges.borrow_mut();
        if let Some(others) = edges.get_mut(&from) {
            if let Some(at) = others.iter().position(|&other| other == to) {
                others.swap_remove(at);
            }
            if others.is_empty() {
                edges.remove(&from);
            }
        }
    }
}

type Flight<V> = (u64, Shared<LocalBoxFuture<'static, V>>);

/// The flights of one kind: by question `K`, with outcome `V`.
pub struct Flights<K, V: Clone> {
    waits: Rc<Waits>,
    table: RefCell<HashMap<K, Flight<V>>>,
}

impl<K: Hash + Eq + Clone + 'static, V: Clone + 'static> Flights<K, V> {
    /// No flights.
    pub fn new(waits: Rc<Waits>) -> Rc<Flights<K, V>> {
        Rc::new(Flights { waits, table: RefCell::default() })
    }

    /// Flights under way.
    pub fn count(&self) -> usize {
        self.table.borrow().len()
    }

    /// Waits for the flight for `key`; if there is none, `start` makes it with its number. `from` is the flight
    /// that waits, 0 for none. A flight goes on as long as anybody waits for it, and no longer.
    ///
    /// # Errors
    /// A circle, or too many flights.
    pub async fn join<F>(self: &Rc<Self>, from: u64, key: K, start: impl FnOnce(u64) -> F) -> Result<V, FlightError>
    where
        F: Future<Output = V> + 'static,
    {
        let (number, flight) = self.flight(&key, start)?;
        if from != 0 && self.waits.leads(number, from) {
            return Err(FlightError::Circle);
        }
        self.waits.add(from, number);
        let waiting = Waiting { flights: self, key, from, to: number };
        let outcome = flight.await;
        drop(waiting);
        Ok(outcome)
    }

    fn flight<F>(&self, key: &K, start: impl FnOnce(u64) -> F) -> Result<Flight<V>, FlightError>
    where
        F: Future<Output = V> + 'static,
    {
        let mut table = self.table.borrow_mut();
        if let Some((number, flight)) = table.get(key) {
            return Ok((*number, flight.clone()));
        }
        if table.len() >= MAX_FLIGHTS {
            return Err(FlightError::TooMany);
        }
        let number = self.waits.number();
        let flight = (number, start(number).boxed_local().shared());
        table.insert(key.clone(), flight.clone());
        Ok(flight)
    }
}

/// Ends a wait, also when whoever waits is dropped. A flight that has come to its end, or that nobody waits for any
/// longer, is taken out: it holds whom it works for, and they hold the flights.
struct Waiting<'a, K: Hash + Eq, V: Clone> {
    flights: &'a Flights<K, V>,
    key: K,
    from: u64,
    to: u64,
}

impl<K: Hash + Eq, V: Clone> Drop for Waiting<'_, K, V> {
    fn drop(&mut self) {
        if self.from != 0 {
            self.flights.waits.remove(self.from, self.to);
        }
        let over = |(number, flight): &Flight<V>| {
            *number == self.to && (flight.peek().is_some() || flight.strong_count() == Some(1))
        };
        let mut table = self.flights.table.borrow_mut();
        let flight = if table.get(&self.key).is_some_and(over) { table.remove(&self.key) } else { None };
        // What it waits for may be in the same table.
        drop(table);
        drop(flight);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::{Context as TaskContext, Poll};

    use futures_util::future::{join, pending};

    use super::*;

    #[test]
    fn equal_questions_share_a_flight() {
        let flights = Flights::<u8, u32>::new(Rc::default());
        let started = Rc::new(Cell::new(0));
        let ask = || {
            let started = started.clone();
            let mut waited = false;
            let once = move |context: &mut TaskContext<'_>| {
                context.waker().wake_by_ref();
                if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }
            };
            flights.join(0, 1, move |_| async move {
                started.set(started.get() + 1);
                poll_fn(once).await;
                42
            })
        };
        let mut both = pin!(join(ask(), ask()));
        assert_eq!(both.as_mut().now_or_never(), None);
        let both = both.now_or_never().expect("the end");
        assert_eq!((both, started.get(), flights.count()), ((Ok(42), Ok(42)), 1, 0));
    }

    #[test]
    fn flights_that_nobody_waits_for_are_gone() {
        let flights = Flights::<u8, ()>::new(Rc::default());
        let inner = flights.clone();
        // Flight 1 waits for 2 in the same table, and holds it.
        let mut outer = Box::pin(flights.join(0, 1, move |one| async move {
            let _ = inner.join(one, 2, |_| pending()).await;
        }));
        assert_eq!(outer.as_mut().now_or_never(), None);
        assert_eq!(flights.count(), 2);
        drop(outer);
        assert_eq!((flights.count(), Rc::strong_count(&flights)), (0, 1));
    }

    #[test]
    fn circles_are_refused() {
        let flights = Flights::<u8, Result<u8, FlightError>>::new(Rc::default());
        let inner = flights.clone();
        // Flight 1 asks for 2, whose flight asks for 1.
        let outcome = flights.join(0, 1, move |one| async move {
            let innermost = inner.clone();
            let two = inner.join(one, 2, move |two| async move {
                innermost.join(two, 1, |_| pending()).await.and_then(|outcome| outcome)
            });
            two.await.and_then(|outcome| outcome)
        });
        assert_eq!(outcome.now_or_never().expect("no wait"), Ok(Err(FlightError::Circle)));
        assert!(flights.waits.edges.borrow().is_empty());
    }
}
