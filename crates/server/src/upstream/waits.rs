//! What the resolver's tasks wait for: replies, and points in time. One table for each thread.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::task::{Context, Poll, Waker};

use resolver::upstream::ExchangeError;

use crate::limits::MAX_UPSTREAM_WAITS;

/// What comes of waiting.
pub type Reply = Result<Vec<u8>, ExchangeError>;

/// Deadlines of what nobody waits for any more are thrown out when there are so many and more than half are such.
const MIN_SWEEP: usize = 4096;

/// Something waited for, told apart from what has its place later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    index: u32,
    serial: u32,
}

/// A datagram on its way.
pub struct Sent {
    /// The query, its identifier in it once it is sent.
    pub message: Vec<u8>,
    /// Where it goes.
    pub server: SocketAddr,
    /// The socket it was sent on and its identifier; `None` before that.
    pub place: Option<(usize, u16)>,
}

/// Whether it is over.
enum State {
    Waiting(Option<Waker>),
    Over(Reply),
}

struct Wait {
    state: State,
    sent: Option<Sent>,
    /// Something came that is no reply.
    unfit: bool,
}

struct Slot {
    serial: u32,
    wait: Option<Wait>,
}

/// All that is waited for.
#[derive(Default)]
pub struct Waits {
    slots: Vec<Slot>,
    free: Vec<u32>,
    deadlines: BinaryHeap<Reverse<(u64, Key)>>,
}

impl Waits {
    /// How much is waited for.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Begins to wait until `deadline_us`; `None` if there is too much already.
    pub fn begin(&mut self, deadline_us: u64, sent: Option<Sent>) -> Option<Key> {
        if self.len() >= MAX_UPSTREAM_WAITS {
            return None;
        }
        let wait = Some(Wait { state: State::Waiting(None), sent, unfit: false });
        let key = match self.free.pop() {
            Some(index) => {
                let slot = self.slots.get_mut(index as usize)?;
                slot.wait = wait;
                Key { index, serial: slot.serial }
            }
            None => {
                let index = u32::try_from(self.slots.len()).ok()?;
                self.slots.push(Slot { serial: 0, wait });
                Key { index, serial: 0 }
            }
        };
        if self.deadlines.len() > MIN_SWEEP.max(2 * self.len()) {
            let slots = &self.slots;
            self.deadlines.retain(|Reverse((_, key))| is_live(slots, *key));
        }
        self.deadlines.push(Reverse((deadline_us, key)));
        Some(key)
    }

    /// Waits until `at_us` at the latest: something came that is no reply. Only the first counts.
    pub fn hurry(&mut self, key: Key, at_us: u64) {
        if let Some(wait) = self.wait(key).filter(|wait| !wait.unfit) {
            wait.unfit = true;
            self.deadlines.push(Reverse((at_us, key)));
        }
    }

    /// Ends the waiting, unless it is over.
    pub fn finish(&mut self, key: Key, reply: Reply) {
        let Some(wait) = self.wait(key) else { return };
        if let State::Waiting(waker) = &mut wait.state {
            let waker = waker.take();
            wait.state = State::Over(reply);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    /// The datagram that waits for its reply.
    pub fn sent(&mut self, key: Key) -> Option<&mut Sent> {
        let wait = self.wait(key)?;
        matches!(wait.state, State::Waiting(_)).then_some(wait.sent.as_mut()).flatten()
    }

    /// The same, to look at.
    pub fn get_sent(&self, key: Key) -> Option<&Sent> {
        let slot = self.slots.get(key.index as usize).filter(|slot| slot.serial == key.serial)?;
        slot.wait.as_ref()?.sent.as_ref()
    }

    /// What a task does that waits; nothing is left of what is over.
    pub fn poll(&mut self, key: Key, context: &mut Context<'_>) -> Poll<Reply> {
        let Some(wait) = self.wait(key) else { return Poll::Ready(Err(ExchangeError::Busy)) };
        match &mut wait.state {
            State::Over(reply) => Poll::Ready(std::mem::replace(reply, Err(ExchangeError::Timeout))),
            State::Waiting(waker) => {
                match waker {
                    Some(waker) => waker.clone_from(context.waker()),
                    None => *waker = Some(context.waker().clone()),
                }
                Poll::Pending
            }
        }
    }

    /// Nobody waits any more; returns where the datagram was sent on, if there is one.
    pub fn end(&mut self, key: Key) -> Option<(usize, u16)> {
        let slot = self.slots.get_mut(key.index as usize).filter(|slot| slot.serial == key.serial)?;
        let wait = slot.wait.take()?;
        slot.serial = slot.serial.wrapping_add(1);
        self.free.push(key.index);
        wait.sent.and_then(|sent| sent.place)
    }

    /// Ends what has waited long enough; returns how many datagrams were among it.
    pub fn expire(&mut self, now_us: u64) -> u64 {
        let mut datagrams = 0;
        while let Some(&Reverse((at_us, key))) = self.deadlines.peek()
            && at_us <= now_us
        {
            self.deadlines.pop();
            let unfit = self.wait(key).is_some_and(|wait| wait.unfit);
            datagrams += u64::from(!unfit && self.sent(key).is_some());
            self.finish(key, Err(if unfit { ExchangeError::Unfit } else { ExchangeError::Timeout }));
        }
        datagrams
    }

    /// When the next wait is over.
    pub fn next_us(&mut self) -> Option<u64> {
        while let Some(&Reverse((at_us, key))) = self.deadlines.peek() {
            if is_live(&self.slots, key) {
                return Some(at_us);
            }
            self.deadlines.pop();
        }
        None
    }

    fn wait(&mut self, key: Key) -> Option<&mut Wait> {
        self.slots.get_mut(key.index as usize).filter(|slot| slot.serial == key.serial)?.wait.as_mut()
    }
}

fn is_live(slots: &[Slot], key: Key) -> bool {
    slots.get(key.index as usize).is_some_and(|slot| slot.serial == key.serial && slot.wait.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(waits: &mut Waits, key: Key) -> Option<Reply> {
        match waits.poll(key, &mut Context::from_waker(Waker::noop())) {
            Poll::Ready(reply) => Some(reply),
            Poll::Pending => None,
        }
    }

    fn sent() -> Sent {
        Sent { message: Vec::new(), server: ([192, 0, 2, 1], 53).into(), place: None }
    }

    #[test]
    fn waits_end_once() {
        let mut waits = Waits::default();
        let [a, b, c] = [30, 10, 20].map(|at_us| waits.begin(at_us, None).expect("room"));
        assert_eq!((waits.len(), waits.next_us()), (3, Some(10)));
        waits.finish(a, Ok(vec![1]));
        waits.finish(a, Ok(vec![2]));
        assert_eq!((poll(&mut waits, a), poll(&mut waits, b)), (Some(Ok(vec![1])), None));
        waits.expire(10);
        assert_eq!((poll(&mut waits, b), poll(&mut waits, c)), (Some(Err(ExchangeError::Timeout)), None));
        for key in [a, b, c] {
            waits.end(key);
        }
        assert_eq!((waits.len(), waits.next_us()), (0, None));
        // What is no reply leaves little time for one.
        let e = waits.begin(1000, Some(sent())).expect("room");
        waits.hurry(e, 40);
        waits.hurry(e, 30);
        assert_eq!((waits.expire(39), poll(&mut waits, e)), (0, None));
        assert_eq!((waits.expire(40), poll(&mut waits, e)), (0, Some(Err(ExchangeError::Unfit))));
        waits.end(e);
        assert_eq!((waits.len(), waits.next_us()), (0, None));
        // A key of the past is nobody's.
        let d = waits.begin(50, None).expect("room");
        waits.finish(c, Ok(vec![3]));
        assert_eq!((d.index, poll(&mut waits, d)), (c.index, None));
        assert_eq!(poll(&mut waits, c), Some(Err(ExchangeError::Busy)));
    }

    #[test]
    fn deadlines_of_the_past_do_not_pile_up() {
        let mut waits = Waits::default();
        for at_us in 0..10 * MIN_SWEEP as u64 {
            let key = waits.begin(1_000_000 + at_us, None).expect("room");
            waits.end(key);
        }
        assert!(waits.deadlines.len() <= MIN_SWEEP + 1, "{}", waits.deadlines.len());
        let keys: Vec<_> = (0..MAX_UPSTREAM_WAITS).map_while(|_| waits.begin(5, None)).collect();
        assert_eq!((keys.len(), waits.begin(5, None)), (MAX_UPSTREAM_WAITS, None));
    }
}
