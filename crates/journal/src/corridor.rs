//! The corridor of a stream whose state is kept in memory as a whole: check, append, fold, publish. Access and shared
//! settings go through it; zones, whose state is too large for that, have one of their own in `node`.
//!
//! Readers see snapshots and never wait for the disk. Several writers may append to one stream: what an event means, and
//! whether it counts, is decided by the fold, everywhere the same.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::journal::{Entry, Journal, JournalError, Offset};

/// An event of which the journal does not say whether it has it is appended so often.
const MAX_APPENDS: u8 = 4;
/// Events of which it is known whether they have been there already; later ones than that do not come twice.
const MAX_RECENT: usize = 1024;
/// Octets that are read from the journal at a time.
const READ_BYTES: usize = 1 << 20;

/// What tells an event from all others, chosen at random: one that comes twice counts once.
pub type EventTag = [u8; 16];

/// Hears of every new state.
type Observer<S> = Box<dyn Fn(&Arc<S>) + Send + Sync>;

/// The state that the events of a stream leave. Its fold is pure: whoever folds the same events gets the same state and
/// the same outcome of each.
pub trait StreamState: Clone + Default + Send + Sync + 'static {
    /// An event.
    type Event;
    /// Why an event does not count.
    type Rejected;

    /// The first offset whose event is not in this state.
    fn next(&self) -> Offset;

    /// The event that `body` holds, and its tag if its version has one.
    ///
    /// # Errors
    /// What is wrong with it: nothing is folded from there on.
    fn decode(body: &[u8]) -> Result<(Option<EventTag>, Self::Event), String>;

    /// Folds the event at `offset`. What is folded already is passed over, and what has been there with the same tag
    /// does not count.
    ///
    /// # Errors
    /// Why it does not count; then nothing that can be seen has changed but [`StreamState::next`].
    fn fold_event(&mut self, offset: Offset, tag: Option<EventTag>, event: &Self::Event) -> Result<(), Self::Rejected>;

    /// Has the log say that an event does not count.
    fn log_rejected(offset: Offset, event: &Self::Event, why: &Self::Rejected);
}

/// The tags of the events that were folded last, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecentTags(VecDeque<EventTag>);

impl RecentTags {
    /// Remembers `tag`; `false`: it has been there already. The oldest of 1,024 makes room.
    pub fn admit(&mut self, tag: EventTag) -> bool {
        if self.0.contains(&tag) {
            return false;
        }
        if self.0.len() >= MAX_RECENT {
            self.0.pop_front();
        }
        self.0.push_back(tag);
        true
    }
}

/// What keeps `text` from standing in an event as a line of at most `max` characters; `None`: nothing.
pub fn line_problem(text: &str, max: usize) -> Option<String> {
    if text.chars().count() > max {
        return Some(format!("it has more than {max} characters"));
    }
    text.chars().any(char::is_control).then(|| "it has control characters".to_owned())
}

/// The corridor. Everybody who decides by the state shares it.
pub struct Corridor<S> {
    journal: Arc<dyn Journal>,
    /// Held while events are appended and folded, so also while the disk is waited for. Readers do not take it.
    folding: Mutex<()>,
    published: RwLock<Arc<S>>,
    observers: RwLock<Vec<Observer<S>>>,
}

impl<S: StreamState> Corridor<S> {
    /// Folds `journal`, which holds events of this stream only.
    ///
    /// # Errors
    /// The journal's; [`JournalError::Corrupt`]: an event that cannot be understood.
    pub fn open(journal: Arc<dyn Journal>) -> Result<Corridor<S>, JournalError> {
        let mut state = S::default();
        fold_on(&*journal, &mut state, None)?;
        let published = RwLock::new(Arc::new(state));
        Ok(Corridor { journal, folding: Mutex::new(()), published, observers: RwLock::default() })
    }

    /// The stream that is folded.
    pub fn journal(&self) -> &Arc<dyn Journal> {
        &self.journal
    }

    /// The state now.
    pub fn state(&self) -> Arc<S> {
        self.published.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The last offset whose event is in the state; 0: none is.
    pub fn position(&self) -> Offset {
        self.state().next().saturating_sub(1)
    }

    /// Has `observer` hear of every state from now on. It is called where events are folded: it must not submit one.
    pub fn observe(&self, observer: impl Fn(&Arc<S>) + Send + Sync + 'static) {
        self.observers.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(observer));
    }

    /// Appends the event that `prepare` encodes with the tag `tag`, seeing everything that is in the journal. Says the
    /// event's offset, or why it does not count after all: another writer was faster. It is durable and in
    /// [`Corridor::state`] then. Where the journal does not say whether it has the event, reading the journal does; if it
    /// is not there, it is appended again.
    ///
    /// # Errors
    /// What `prepare` says: then nothing was appended. The journal's: if it could not be written, nothing is there; if it
    /// could not be read, or never said, the event may be there, and the next look says so.
    pub fn submit<E: From<JournalError>>(
        &self,
        tag: EventTag,
        prepare: impl FnOnce(&S) -> Result<Vec<u8>, E>,
    ) -> Result<Result<Offset, S::Rejected>, E> {
        let _folding = self.lock();
        let mut state = self.caught_up()?;
        let body = prepare(&state)?;
        let mut doubt = None;
        for _ in 0..MAX_APPENDS {
            match self.journal.append(&[&body]) {
                Ok(_) => {}
                Err(JournalError::Unknown(why)) => doubt = Some(why),
                Err(error) => return Err(doubt.map_or(error, JournalError::Unknown).into()),
            }
            let outcome = fold_on(&*self.journal, &mut state, Some(tag))?;
            self.publish(state.clone());
            if let Some(outcome) = outcome {
                return Ok(outcome);
            }
        }
        Err(JournalError::Unknown(doubt.unwrap_or_default()).into())
    }

    /// Folds what other writers have appended.
    ///
    /// # Errors
    /// The journal's; [`JournalError::Corrupt`]: an event that cannot be understood.
    pub fn catch_up(&self) -> Result<(), JournalError> {
        let _folding = self.lock();
        self.caught_up().map(drop)
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        // Nothing is behind the lock that a panic could leave half done: the state is published whole.
        self.folding.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state with everything that is in the journal; published.
    fn caught_up(&self) -> Result<S, JournalError> {
        let published = self.state();
        let mut state = (*published).clone();
        fold_on(&*self.journal, &mut state, None)?;
        if state.next() != published.next() {
            self.publish(state.clone());
        }
        Ok(state)
    }

    fn publish(&self, state: S) {
        let state = Arc::new(state);
        let mut published = self.published.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *published, state.clone());
        drop(published);
        // Not while readers are kept out.
        drop(old);
        self.observers.read().unwrap_or_else(PoisonError::into_inner).iter().for_each(|observer| observer(&state));
    }
}

/// What became of an event: its offset, or why it does not count; `None`: it is not there.
type Outcome<S> = Option<Result<Offset, <S as StreamState>::Rejected>>;

/// Folds what the journal has and `state` has not. Says what became of the event with the tag `wanted`, if it is there.
fn fold_on<S: StreamState>(
    journal: &dyn Journal,
    state: &mut S,
    wanted: Option<EventTag>,
) -> Result<Outcome<S>, JournalError> {
    let mut found = None;
    loop {
        let entries = journal.read(state.next(), READ_BYTES)?;
        if entries.is_empty() {
            return Ok(found);
        }
        for Entry { offset, body } in entries {
            let (tag, event) = S::decode(&body).map_err(|why| JournalError::Corrupt { offset, why })?;
            let outcome = state.fold_event(offset, tag, &event);
            if let Err(why) = &outcome {
                S::log_rejected(offset, &event, why);
            }
            // If it comes twice, the first one says.
            if tag.is_some() && tag == wanted && found.is_none() {
                found = Some(outcome.map(|()| offset));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    use super::*;
    use crate::journal::Bounds;
    use crate::memory::MemoryJournal;

    /// Numbers, each larger than the one before.
    #[derive(Debug, Clone, Default, PartialEq)]
    struct Rising {
        next: Offset,
        numbers: Vec<u8>,
        tags: RecentTags,
    }

    impl StreamState for Rising {
        type Event = u8;
        type Rejected = String;

        fn next(&self) -> Offset {
            self.next
        }

        fn decode(body: &[u8]) -> Result<(Option<EventTag>, u8), String> {
            match body {
                [number, tag @ ..] => Ok((Some(tag.try_into().map_err(|_| "no tag")?), *number)),
                [] => Err("nothing".to_owned()),
            }
        }

        fn fold_event(&mut self, offset: Offset, tag: Option<EventTag>, event: &u8) -> Result<(), String> {
            self.next = offset + 1;
            if tag.is_some_and(|tag| !self.tags.admit(tag)) {
                return Err("repeated".to_owned());
            }
            if self.numbers.last().is_some_and(|last| last >= event) {
                return Err(format!("{event} is too small"));
            }
            self.numbers.push(*event);
            Ok(())
        }

        fn log_rejected(_: Offset, _: &u8, _: &String) {}
    }

    fn body(number: u8, tag: EventTag) -> Vec<u8> {
        [&[number][..], &tag].concat()
    }

    fn submit(corridor: &Corridor<Rising>, number: u8) -> Result<Result<Offset, String>, JournalError> {
        let tag = [number; 16];
        corridor.submit(tag, |_| Ok(body(number, tag)))
    }

    fn open(journal: &MemoryJournal) -> Corridor<Rising> {
        Corridor::open(Arc::new(journal.clone())).expect("opens")
    }

    #[test]
    fn whoever_prepares_sees_what_other_writers_have_appended() {
        let journal = MemoryJournal::default();
        let (one, other) = (open(&journal), open(&journal));
        submit(&one, 1).expect("written").expect("counts");
        let seen = other.submit([2; 16], |state| Ok::<_, JournalError>(body(state.numbers[0] + 1, [2; 16])));
        assert_eq!(seen.expect("written"), Ok(2));
        one.catch_up().expect("caught up");
        assert_eq!((&one.state().numbers, one.state()), (&vec![1, 2], other.state()));
        assert_eq!(submit(&one, 1).expect("written"), Err("repeated".to_owned()));
        assert_eq!(submit(&one, 0).expect("written"), Err("0 is too small".to_owned()));
    }

    #[test]
    fn what_is_refused_before_is_not_appended() {
        let journal = MemoryJournal::default();
        let corridor = open(&journal);
        let refused = corridor.submit([0; 16], |_| Err(JournalError::Unreadable("no".to_owned())));
        assert!(refused.is_err());
        assert_eq!(journal.bounds().expect("bounds"), Bounds { first: 1, next: 1 });
    }

    #[test]
    fn every_observer_hears_of_every_state() {
        let journal = MemoryJournal::default();
        let corridor = open(&journal);
        let heard: Arc<[AtomicUsize; 2]> = Arc::default();
        for at in 0..2 {
            let heard = heard.clone();
            corridor.observe(move |state| heard[at].store(state.numbers.len(), Ordering::SeqCst));
        }
        submit(&corridor, 1).expect("written").expect("counts");
        submit(&open(&journal), 2).expect("written").expect("counts");
        corridor.catch_up().expect("caught up");
        assert_eq!(heard.each_ref().map(|heard| heard.load(Ordering::SeqCst)), [2, 2]);
    }

    #[test]
    fn an_event_that_cannot_be_understood_stops_the_fold() {
        let journal = MemoryJournal::default();
        let corridor = open(&journal);
        journal.append(&[b""]).expect("appended");
        for error in [Corridor::<Rising>::open(Arc::new(journal.clone())).err(), corridor.catch_up().err()] {
            assert_eq!(error.expect("stops").to_string(), "event at offset 1: nothing");
        }
    }

    #[test]
    fn only_the_latest_tags_are_remembered() {
        let mut tags = RecentTags::default();
        let tag = |number: usize| (number as u128).to_be_bytes();
        assert!((0..=MAX_RECENT).all(|number| tags.admit(tag(number))));
        assert!(!tags.admit(tag(1)), "remembered");
        assert!(tags.admit(tag(0)), "forgotten");
    }

    /// A journal whose disk is slow while somebody holds the lock.
    #[derive(Default)]
    struct Slow(MemoryJournal, Mutex<()>);

    impl Journal for Slow {
        fn append(&self, bodies: &[&[u8]]) -> Result<Vec<Offset>, JournalError> {
            let _disk = self.1.lock().expect("lock");
            self.0.append(bodies)
        }
        fn read(&self, from: Offset, max_bytes: usize) -> Result<Vec<Entry>, JournalError> {
            self.0.read(from, max_bytes)
        }
        fn bounds(&self) -> Result<Bounds, JournalError> {
            self.0.bounds()
        }
        fn wait(&self, offset: Offset, timeout: Duration) -> Result<bool, JournalError> {
            self.0.wait(offset, timeout)
        }
        fn trim(&self, before: Offset) -> Result<(), JournalError> {
            self.0.trim(before)
        }
    }

    #[test]
    fn readers_do_not_wait_for_the_disk() {
        let journal = Arc::new(Slow::default());
        let corridor: Corridor<Rising> = Corridor::open(journal.clone()).expect("opens");
        submit(&corridor, 1).expect("written").expect("counts");
        let disk = journal.1.lock().expect("lock");
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| submit(&corridor, 2));
            let end = Instant::now() + Duration::from_secs(10);
            while corridor.folding.try_lock().is_ok() {
                assert!(Instant::now() < end, "nobody writes");
                std::thread::yield_now();
            }
            assert_eq!(corridor.state().numbers, [1]);
            assert!(!writer.is_finished());
            drop(disk);
            writer.join().expect("no panic").expect("written").expect("counts");
        });
        assert_eq!(corridor.state().numbers, [1, 2]);
    }
}
