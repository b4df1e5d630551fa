//! `Idempotency-Key`: a write that is sent again is not made again; its first response is sent again.
//! Kept in memory, within bounds of number, size and time; a restart forgets them.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};

use super::limits::{IDEMPOTENT_FOR, MAX_IDEMPOTENT_BYTES, MAX_IDEMPOTENT_RESPONSES};

/// A response that can be sent again.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its status.
    pub status: StatusCode,
    /// Its header fields.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Whose key: one client cannot see what another one got.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// Who asks.
    pub who: String,
    /// The value of the header.
    pub key: String,
}

/// What is known about a key.
#[derive(Debug)]
pub enum Known {
    /// Nothing: the request is to be made, then [`Idempotency::finish`] is to be called.
    New,
    /// It was made; this was its response.
    Done(Stored),
    /// It is being made.
    UnderWay,
    /// It was used for another request.
    OtherRequest,
}

struct Entry {
    fingerprint: u128,
    since: Instant,
    response: Option<Stored>,
}

#[derive(Default)]
struct Table {
    entries: HashMap<Key, Entry>,
    /// Keys by age.
    order: VecDeque<(Key, Instant)>,
    bytes: usize,
}

/// The keys that were used lately.
#[derive(Default)]
pub struct Idempotency {
    table: Mutex<Table>,
    /// Keyed at random, so that nobody can make two requests that look the same.
    hashers: [RandomState; 2],
}

impl Idempotency {
    /// What a request with this key is; registers it if it is new.
    pub fn begin(&self, key: &Key, request: &[&[u8]], now: Instant) -> Known {
        let fingerprint = self.fingerprint(request);
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.expire(now);
        match table.entries.get(key) {
            Some(entry) if entry.fingerprint != fingerprint => Known::OtherRequest,
            Some(Entry { response: Some(response), .. }) => Known::Done(response.clone()),
            Some(_) => Known::UnderWay,
            None => {
                table.entries.insert(key.clone(), Entry { fingerprint, since: now, response: None });
                table.order.push_back((key.clone(), now));
                Known::New
            }
        }
    }

    /// Keeps the response for the next time; `None` forgets the key, so that the request may be tried again.
    pub fn finish(&self, key: &Key, response: Option<Stored>) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(response) = response else {
            table.entries.remove(key);
            return;
        };
        if let Some(entry) = table.entries.get_mut(key) {
            let size = response.body.len();
            entry.response = Some(response);
            table.bytes += size;
        }
        table.shrink();
    }

    fn fingerprint(&self, request: &[&[u8]]) -> u128 {
        let [high, low] = &self.hashers;
        u128::from(high.hash_one(request)) << 64 | u128::from(low.hash_one(request))
    }
}

impl Table {
    fn expire(&mut self, now: Instant) {
        while self.order.front().is_some_and(|(_, since)| now.saturating_duration_since(*since) > IDEMPOTENT_FOR) {
            self.forget_oldest();
        }
    }

    fn shrink(&mut self) {
        while self.order.len() > MAX_IDEMPOTENT_RESPONSES || self.bytes > MAX_IDEMPOTENT_BYTES {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((key, since)) = self.order.pop_front() else { return };
        // The key may have been forgotten and used anew.
        if self.entries.get(&key).is_some_and(|entry| entry.since == since)
            && let Some(entry) = self.entries.remove(&key)
        {
            self.bytes = self.bytes.saturating_sub(entry.response.map_or(0, |response| response.body.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key { who: "user:a".into(), key: text.into() }
    }

    fn stored(size: usize) -> Stored {
        Stored { status: StatusCode::OK, headers: HeaderMap::new(), body: vec![0; size].into() }
    }

    #[test]
    fn a_key_stands_for_one_request() {
        let (table, now) = (Idempotency::default(), Instant::now());
        let begin = |body: &[u8], at| table.begin(&key("k"), &[b"POST", body], at);
        assert!(matches!(begin(b"1", now), Known::New));
        assert!(matches!(begin(b"1", now), Known::UnderWay));
        table.finish(&key("k"), Some(stored(1)));
        assert!(matches!(begin(b"1", now), Known::Done(_)));
        assert!(matches!(begin(b"2", now), Known::OtherRequest));
        assert!(matches!(table.begin(&Key { who: "user:b".into(), key: "k".into() }, &[], now), Known::New));
        assert!(matches!(begin(b"2", now + IDEMPOTENT_FOR * 2), Known::New), "forgotten");
        table.finish(&key("k"), None);
        assert!(matches!(begin(b"3", now + IDEMPOTENT_FOR * 2), Known::New), "may be tried again");
    }

    #[test]
    fn memory_is_bounded() {
        let (table, now) = (Idempotency::default(), Instant::now());
        for n in 0..MAX_IDEMPOTENT_RESPONSES * 2 {
            table.begin(&key(&n.to_string()), &[], now);
            table.finish(&key(&n.to_string()), Some(stored(MAX_IDEMPOTENT_BYTES / 1000)));
        }
        let inner = table.table.lock().expect("lock");
        assert!(inner.bytes <= MAX_IDEMPOTENT_BYTES && inner.entries.len() <= 1000, "{}", inner.entries.len());
        assert_eq!(inner.entries.len(), inner.order.len());
    }
}
