//! What is known of each secondary. The scheduler writes it, whoever serves or shows zones reads it.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use config::Peer;
use dns::{Name, NameBuf};
use journal::Checked;

use super::refresh::{Behind, RefreshResult, Visit};
use super::timers::{Held, Timers};
use crate::catalogue::ZoneRef;

/// What is known about a secondary, for people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// When a primary last confirmed the contents, in seconds since 1970; 0: never.
    pub checked_at_s: u64,
    /// When the contents expire, in seconds since 1970; 0: there are none.
    pub expires_at_s: u64,
    /// Whether they have.
    pub expired: bool,
    /// When a primary is asked next, in seconds since 1970.
    pub next_at_s: u64,
    /// The primary that has confirmed them last.
    pub primary: Option<Peer>,
    /// The serial that the primary had of the contents; the zone's own is another one where it is signed here.
    pub primary_serial: Option<u32>,
    /// A conversation is under way.
    pub refreshing: bool,
    /// What went wrong the last time; empty: nothing.
    pub error: String,
    /// Primaries that went back, as each of them was last seen.
    pub behind: Vec<Behind>,
}

/// A secondary.
pub struct Secondary {
    pub timers: Timers,
    /// The serial that a primary had of the contents.
    serial: Option<u32>,
    /// A conversation is under way, or waits for others to end.
    pub running: bool,
    /// Something came while a conversation was under way: look once more.
    pub again: Option<Visit>,
    /// Where the last success was: there the next conversation begins.
    pub first: usize,
    /// Primaries that went back, as each of them was last seen.
    behind: Vec<Behind>,
    /// What went wrong the last time; empty: nothing.
    error: String,
}

/// What the end of a conversation calls for.
pub struct Finished {
    /// Primaries that were not known to have gone back.
    pub behind: Vec<Behind>,
    /// When the contents were confirmed, if they were.
    pub checked: Option<Checked>,
    /// The contents had expired before.
    pub was_expired: bool,
    /// Another conversation.
    pub again: Option<Visit>,
}

impl Secondary {
    /// A secondary that was found, with contents that have these timers.
    pub fn new(now_s: u64, checked: Option<Checked>, held: Option<Held>) -> Secondary {
        let timers = Timers::new(now_s, checked, held.map(|held| held.soa));
        let (serial, behind, error) = (held.map(|held| held.serial), Vec::new(), String::new());
        Secondary { timers, serial, running: false, again: None, first: 0, behind, error }
    }

    /// The serial that a primary is measured by; `None`: there is nothing that may be served.
    pub fn serial(&self) -> Option<u32> {
        self.serial.filter(|_| !self.timers.is_expired())
    }

    /// It has other primaries now.
    pub fn forget_primaries(&mut self) {
        (self.first, self.behind) = (0, Vec::new());
    }

    /// Takes over the result of a conversation with `primaries`.
    pub fn finish(&mut self, primaries: &[Peer], result: RefreshResult, now_s: u64) -> Finished {
        self.running = false;
        let (again, was_expired) = (self.again.take(), self.timers.is_expired());
        let behind = self.note_behind(primaries, &result);
        let mut checked = None;
        match result.current {
            Ok((primary, soa)) => {
                self.first = primary;
                self.timers.succeeded(now_s, soa);
                self.error.clear();
                checked = self.timers.checked();
            }
            Err(why) => {
                self.error = why;
                self.timers.failed(now_s);
            }
        }
        Finished { behind, checked, was_expired, again }
    }

    /// Takes over what a conversation found out about primaries that went back; returns what is news.
    fn note_behind(&mut self, primaries: &[Peer], result: &RefreshResult) -> Vec<Behind> {
        if let Ok((primary, _)) = result.current
            && let Some(current) = primaries.get(primary)
        {
            self.behind.retain(|known| known.primary != *current);
        }
        let news: Vec<Behind> = result.behind.iter().filter(|behind| !self.behind.contains(behind)).cloned().collect();
        self.behind.retain(|known| news.iter().all(|behind| behind.primary != known.primary));
        self.behind.extend(news.iter().cloned());
        news
    }

    fn status(&self, zone: &ZoneRef) -> Status {
        let checked = self.timers.checked();
        Status {
            checked_at_s: checked.map_or(0, |checked| checked.at_s),
            expires_at_s: checked.map_or(0, |checked| checked.expires_at_s),
            expired: self.timers.is_expired(),
            next_at_s: self.timers.ask_at_s(),
            primary: zone.lists().primaries.get(self.first).filter(|_| checked.is_some()).cloned(),
            primary_serial: self.serial,
            refreshing: self.running,
            error: self.error.clone(),
            behind: self.behind.clone(),
        }
    }
}

#[derive(Default)]
struct States {
    zones: HashMap<ZoneRef, Secondary>,
    /// When secondaries that are not configured yet were refreshed before the start.
    checks: HashMap<NameBuf, Checked>,
}

/// All secondaries.
#[derive(Default)]
pub struct SecondaryStates(RwLock<States>);

impl SecondaryStates {
    fn read(&self) -> RwLockReadGuard<'_, States> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, States> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over when secondaries were last refreshed before the start. Comes before they are configured.
    pub fn remember(&self, checks: Vec<(NameBuf, Checked)>) {
        self.write().checks.extend(checks);
    }

    /// What is known about a secondary; `None`: it is none.
    pub fn status(&self, zone: &Name, now_s: u64) -> Option<Status> {
        let states = self.read();
        match states.zones.get_key_value(zone) {
            Some((zone, secondary)) => Some(secondary.status(zone)),
            None if states.has_expired(zone, now_s) => Some(Status { expired: true, ..Status::default() }),
            None => None,
        }
    }

    /// Whether the zone is a secondary whose contents must not be served any more. Also before it is configured: what
    /// expired while nobody looked is not served at all.
    pub fn is_expired(&self, zone: &Name, now_s: u64) -> bool {
        let states = self.read();
        let known = states.zones.get(zone).map(|secondary| secondary.timers.is_expired());
        known.unwrap_or_else(|| states.has_expired(zone, now_s))
    }

    /// Adds a secondary, or takes over its new entry: then returns the one of before.
    pub fn insert(&self, zone: &ZoneRef, now_s: u64, held: Option<Held>) -> Option<ZoneRef> {
        let mut states = self.write();
        let checked = states.checks.remove::<Name>(zone.name());
        let known = states.zones.remove_entry::<Name>(zone.name());
        let (before, secondary) = match known {
            Some((before, mut secondary)) => {
                secondary.serial = held.map(|held| held.serial);
                (Some(before), secondary)
            }
            None => (None, Secondary::new(now_s, checked, held)),
        };
        states.zones.insert(zone.clone(), secondary);
        before
    }

    /// The zone is no secondary (any more).
    pub fn remove(&self, zone: &Name) {
        let mut states = self.write();
        states.checks.remove(zone);
        states.zones.remove(zone);
    }

    /// The entry of a secondary as it is now.
    pub fn entry(&self, zone: &Name) -> Option<ZoneRef> {
        self.read().zones.get_key_value(zone).map(|(zone, _)| zone.clone())
    }

    /// Looks at a secondary, or changes it; `None`: it is none. `change` must not wait for anybody.
    pub fn with<T>(&self, zone: &Name, change: impl FnOnce(&mut Secondary) -> T) -> Option<T> {
        self.write().zones.get_mut(zone).map(change)
    }
}

impl States {
    fn has_expired(&self, zone: &Name, now_s: u64) -> bool {
        self.checks.get(zone).is_some_and(|checked| checked.are_expired(now_s))
    }
}
