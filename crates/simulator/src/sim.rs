//! A network, clocks and a random source that are not real: [`Upstream`] over fake servers in virtual time.
//!
//! [`crate::scenario`] runs scenario files on it, tests run whole topologies and single resolutions. It is
//! single-threaded and deterministic: the same network, seed and tasks do the same in the same order.

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use resolver::upstream::{Exchange, ExchangeError, Upstream, is_reply, unfit_patience_us};

/// Steps of tasks without time passing, after which a task counts as caught in a loop.
const MAX_POLLS: u64 = 10_000_000;

/// What becomes of a message that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// These octets come back. If they are no reply to the query, none is waited for much longer ([`unfit_patience_us`]).
    Reply {
        /// The reply; its identifier does not matter.
        message: Vec<u8>,
        /// How long it takes, in microseconds.
        after_us: u64,
    },
    /// Nothing comes back.
    Silence,
    /// The network says that nobody is there.
    Unreachable {
        /// How long that takes, in microseconds.
        after_us: u64,
    },
}

/// The servers.
pub trait FakeNetwork: 'static {
    /// What becomes of this message, sent now.
    fn reply(&mut self, now_us: u64, exchange: &Exchange) -> Delivery;
}

type Task = Pin<Box<dyn Future<Output = ()>>>;
type Reply = Result<Vec<u8>, ExchangeError>;

/// What happens at a moment.
enum Event {
    Wake(Waker),
    End(u64, Reply),
}

/// An exchange under way.
struct Waiting {
    exchange: Exchange,
    waker: Option<Waker>,
    result: Option<Reply>,
}

struct Inner<N> {
    network: RefCell<N>,
    now_us: Cell<u64>,
    unix_start_s: Cell<u64>,
    random: Cell<u64>,
    sequence: Cell<u64>,
    polls: Cell<u64>,
    ready: Arc<Ready>,
    tasks: RefCell<BTreeMap<u64, Task>>,
    events: RefCell<BTreeMap<(u64, u64), Event>>,
    exchanges: RefCell<BTreeMap<u64, Waiting>>,
    sent: Cell<u64>,
}

/// The tasks that can go on, in the order in which they became so.
#[derive(Default)]
struct Ready(Mutex<VecDeque<u64>>);

impl Ready {
    fn push(&self, task: u64) {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !queue.contains(&task) {
            queue.push_back(task);
        }
    }

    fn pop(&self) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

struct TaskWaker {
    task: u64,
    ready: Arc<Ready>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.ready.push(self.task);
    }
}

/// The simulator. Clones are the same one.
pub struct Sim<N>(Rc<Inner<N>>);

impl<N> Clone for Sim<N> {
    fn clone(&self) -> Sim<N> {
        Sim(self.0.clone())
    }
}

impl<N: FakeNetwork> Sim<N> {
    /// One over this network. Its monotonic clock starts at 1 s, its calendar at `unix_s`.
    pub fn new(network: N, seed: u64, unix_s: u64) -> Sim<N> {
        Sim(Rc::new(Inner {
            network: RefCell::new(network),
            now_us: Cell::new(1_000_000),
            unix_start_s: Cell::new(unix_s.saturating_sub(1)),
            random: Cell::new(seed),
            sequence: Cell::new(0),
            polls: Cell::new(0),
            ready: Arc::default(),
            tasks: RefCell::default(),
            events: RefCell::default(),
            exchanges: RefCell::default(),
            sent: Cell::new(0),
        }))
    }

    /// The network.
    pub fn network(&self) -> Ref<'_, N> {
        self.0.network.borrow()
    }

    /// The network, to change it. No task may run while it is borrowed.
    pub fn network_mut(&self) -> RefMut<'_, N> {
        self.0.network.borrow_mut()
    }

    /// Messages sent so far.
    pub fn sent(&self) -> u64 {
        self.0.sent.get()
    }

    /// The exchanges under way, the oldest first, each with a number for [`Sim::end_exchange`].
    pub fn pending(&self) -> Vec<(u64, Exchange)> {
        let exchanges = self.0.exchanges.borrow();
        exchanges.iter().filter(|(_, it)| it.result.is_none()).map(|(&id, it)| (id, it.exchange.clone())).collect()
    }

    /// Ends an exchange now, whatever the network had in mind. Returns whether it was under way, and a reply was one.
    pub fn end_exchange(&self, id: u64, result: Reply) -> bool {
        let mut exchanges = self.0.exchanges.borrow_mut();
        let Some(waiting) = exchanges.get_mut(&id).filter(|it| it.result.is_none()) else { return false };
        if let Ok(reply) = &result
            && !is_reply(&waiting.exchange.message, reply)
        {
            let until_us = self.0.now_us.get().saturating_add(unfit_patience_us(reply));
            drop(exchanges);
            self.at(until_us, Event::End(id, Err(ExchangeError::Unfit)));
            return false;
        }
        waiting.result = Some(result);
        let waker = waiting.waker.take();
        drop(exchanges);
        waker.into_iter().for_each(Waker::wake);
        true
    }

    /// Runs tasks until none can go on without time passing.
    pub fn run_ready(&self) {
        while let Some(id) = self.0.ready.pop() {
            self.0.polls.set(self.0.polls.get() + 1);
            assert!(self.0.polls.get() < MAX_POLLS, "tasks run without end, and no time passes");
            let Some(mut task) = self.0.tasks.borrow_mut().remove(&id) else { continue };
            let waker = Waker::from(Arc::new(TaskWaker { task: id, ready: self.0.ready.clone() }));
            if task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                self.0.tasks.borrow_mut().insert(id, task);
            }
        }
    }

    /// Runs tasks and lets time pass, event by event, until `done` or until no event is left up to `until_us`. Says
    /// whether it is done; if not, the clock is at `until_us`.
    pub fn run_until(&self, until_us: u64, mut done: impl FnMut() -> bool) -> bool {
        loop {
            self.run_ready();
            if done() {
                return true;
            }
            if !self.next_event(until_us) {
                self.0.now_us.set(self.0.now_us.get().max(until_us));
                return false;
            }
        }
    }

    /// Runs everything that happens within the next so many microseconds.
    pub fn pass(&self, us: u64) {
        self.run_until(self.0.now_us.get().saturating_add(us), || false);
    }

    /// Lets time pass to the next event, if there is one up to `until_us`, and makes it happen.
    fn next_event(&self, until_us: u64) -> bool {
        let event = {
            let mut events = self.0.events.borrow_mut();
            match events.first_entry() {
                Some(first) if first.key().0 <= until_us => first.remove_entry(),
                _ => return false,
            }
        };
        let ((at_us, _), event) = event;
        if at_us > self.0.now_us.get() {
            self.0.now_us.set(at_us);
            self.0.polls.set(0);
        }
        match event {
            Event::Wake(waker) => waker.wake(),
            Event::End(id, result) => drop(self.end_exchange(id, result)),
        }
        true
    }

    /// Runs `future` as a task and returns what comes of it within so many microseconds.
    pub fn block_on<T: 'static>(&self, within_us: u64, future: impl Future<Output = T> + 'static) -> Option<T> {
        let result = Rc::new(RefCell::new(None));
        let slot = result.clone();
        self.spawn(Box::pin(async move {
            let value = future.await;
            *slot.borrow_mut() = Some(value);
        }));
        self.run_until(self.0.now_us.get().saturating_add(within_us), || result.borrow().is_some());
        result.take()
    }

    /// Drops all tasks. They hold the simulator, so without this it would live on for good.
    pub fn shut_down(&self) {
        // What a task holds may come back here when it is dropped.
        let tasks = std::mem::take(&mut *self.0.tasks.borrow_mut());
        drop(tasks);
        let events = std::mem::take(&mut *self.0.events.borrow_mut());
        drop(events);
    }

    fn number(&self) -> u64 {
        let number = self.0.sequence.get();
        self.0.sequence.set(number + 1);
        number
    }

    fn at(&self, at_us: u64, event: Event) {
        self.0.events.borrow_mut().insert((at_us, self.number()), event);
    }

    /// Sends a message: asks the network, and notes when the exchange ends.
    fn send(&self, exchange: Exchange) -> u64 {
        self.0.sent.set(self.0.sent.get() + 1);
        let (id, now_us) = (self.number(), self.0.now_us.get());
        let delivery = self.0.network.borrow_mut().reply(now_us, &exchange);
        self.at(now_us.saturating_add(exchange.timeout_us), Event::End(id, Err(ExchangeError::Timeout)));
        self.0.exchanges.borrow_mut().insert(id, Waiting { exchange, waker: None, result: None });
        match delivery {
            Delivery::Reply { message, after_us } => {
                self.at(now_us.saturating_add(after_us), Event::End(id, Ok(message)));
            }
            Delivery::Unreachable { after_us } => {
                self.at(now_us.saturating_add(after_us), Event::End(id, Err(ExchangeError::Unreachable)));
            }
            Delivery::Silence => {}
        }
        id
    }
}

/// Forgets its exchange when the task no longer waits for it.
struct Forget<N>(Sim<N>, u64);

impl<N> Drop for Forget<N> {
    fn drop(&mut self) {
        self.0.0.exchanges.borrow_mut().remove(&self.1);
    }
}

impl<N: FakeNetwork> Upstream for Sim<N> {
    fn now_us(&self) -> u64 {
        self.0.now_us.get()
    }

    fn unix_s(&self) -> u64 {
        self.0.unix_start_s.get() + self.0.now_us.get() / 1_000_000
    }

    /// SplitMix64.
    fn random(&self) -> u64 {
        let state = self.0.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.random.set(state);
        let z = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    async fn exchange(&self, exchange: Exchange) -> Reply {
        let id = self.send(exchange);
        let _forget = Forget(self.clone(), id);
        poll_fn(|context| {
            let mut exchanges = self.0.exchanges.borrow_mut();
            let Some(waiting) = exchanges.get_mut(&id) else { return Poll::Ready(Err(ExchangeError::Timeout)) };
            match waiting.result.take() {
                Some(result) => Poll::Ready(result),
                None => {
                    waiting.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    async fn sleep_until(&self, at_us: u64) {
        let mut noted: Option<Waker> = None;
        poll_fn(|context| {
            if self.0.now_us.get() >= at_us {
                return Poll::Ready(());
            }
            if noted.as_ref().is_none_or(|waker| !waker.will_wake(context.waker())) {
                self.at(at_us, Event::Wake(context.waker().clone()));
                noted = Some(context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    fn spawn(&self, task: Task) {
        let id = self.number();
        self.0.tasks.borrow_mut().insert(id, task);
        self.0.ready.push(id);
    }
}

#[cfg(test)]
mod tests {
    use dns::{Message, RType};

    use super::*;
    use resolver::upstream::Transport;

    /// A server that takes 10 ms, drops every third message and refuses TCP.
    #[derive(Default)]
    struct Third(u32);

    impl FakeNetwork for Third {
        fn reply(&mut self, _: u64, exchange: &Exchange) -> Delivery {
            self.0 += 1;
            let Ok(mut message) = Message::parse(&exchange.message) else { return Delivery::Silence };
            message.header.qr = true;
            match exchange.transport {
                Transport::Udp if self.0.is_multiple_of(3) => Delivery::Silence,
                Transport::Udp => Delivery::Reply { message: message.to_wire(512), after_us: 10_000 },
                _ => Delivery::Unreachable { after_us: 1000 },
            }
        }
    }

    fn query(transport: Transport) -> Exchange {
        let message = Message::query(0, "www.example.".parse().expect("name"), RType::A).to_wire(512);
        Exchange { server: "192.0.2.1:53".parse().expect("address"), transport, message, timeout_us: 400_000 }
    }

    /// What happens to four messages, and when each ends.
    fn run(seed: u64) -> Vec<(String, u64, u64)> {
        let sim = Sim::new(Third::default(), seed, 1000);
        let (inner, start) = (sim.clone(), sim.now_us());
        let ends = sim.block_on(10_000_000, async move {
            let mut ends = Vec::new();
            for transport in [Transport::Udp, Transport::Tcp, Transport::Udp, Transport::Udp] {
                let end = inner.exchange(query(transport)).await;
                let end = end.map_or_else(|error| error.to_string(), |reply| reply.len().to_string());
                ends.push((end, inner.now_us() - start, inner.random()));
            }
            ends
        });
        sim.shut_down();
        ends.expect("ends")
    }

    #[test]
    fn exchanges_take_their_time() {
        let ends = run(1);
        let shown: Vec<_> = ends.iter().map(|(end, at_us, _)| (end.as_str(), *at_us)).collect();
        let expected = [("29", 10_000), ("unreachable", 11_000), ("no reply in time", 411_000), ("29", 421_000)];
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_seed_repeats_itself() {
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }

    #[test]
    fn tasks_timers_and_clocks() {
        let sim = Sim::new(Third::default(), 0, 1000);
        let log = Rc::new(RefCell::new(Vec::new()));
        for (name, at_us) in [("late", 3_000_000), ("early", 1_500_000), ("now", 0)] {
            let (inner, log) = (sim.clone(), log.clone());
            sim.spawn(Box::pin(async move {
                inner.sleep_until(at_us).await;
                log.borrow_mut().push((name, inner.now_us(), inner.unix_s()));
            }));
        }
        sim.pass(5_000_000);
        assert_eq!(*log.borrow(), [("now", 1_000_000, 1000), ("early", 1_500_000, 1000), ("late", 3_000_000, 1002)]);
        assert_eq!(sim.now_us(), 6_000_000);
    }

    #[test]
    fn exchanges_can_be_ended_from_outside() {
        let sim = Sim::new(Third(2), 0, 0);
        let (inner, result) = (sim.clone(), Rc::new(RefCell::new(None)));
        let slot = result.clone();
        sim.spawn(Box::pin(async move { *slot.borrow_mut() = Some(inner.exchange(query(Transport::Udp)).await) }));
        sim.run_ready();
        let (id, exchange) = sim.pending().pop().expect("one under way");
        // The query is no reply to itself.
        assert!(!sim.end_exchange(id, Ok(exchange.message)));
        assert!(sim.end_exchange(id, Err(ExchangeError::Unreachable)));
        sim.run_ready();
        assert_eq!(result.take(), Some(Err(ExchangeError::Unreachable)));
        assert!(sim.pending().is_empty());
    }
}
