//! What is around an event in a topic: who wrote it, and a tag that nobody without the cluster's key can make.
//!
//! Octets: the version, the tag, the identity of the writer, the number of the event at that writer (big endian), the
//! event. The tag covers the topic and all that stands behind it.

use std::sync::atomic::{AtomicU64, Ordering};

use dnssec::mac::{KEY_LEN, MAC_LEN, mac, verify};

use crate::key::ClusterKey;

/// The version of what is around an event.
const VERSION: u8 = 1;
/// Octets of a writer's identity.
const WRITER_LEN: usize = 16;
/// Octets of the writer and the number.
const ORIGIN_LEN: usize = WRITER_LEN + 8;
/// By how many octets a message is longer than its event.
pub const OVERHEAD: usize = 1 + MAC_LEN + ORIGIN_LEN;

/// Seals and opens the events of one topic.
pub struct Envelopes {
    key: [u8; KEY_LEN],
    topic: String,
    writer: [u8; WRITER_LEN],
    /// The number of the last event that was sealed.
    number: AtomicU64,
}

impl Envelopes {
    /// Those of `topic`, for a writer with an identity of its own.
    pub fn new(key: &ClusterKey, topic: &str) -> Result<Envelopes, getrandom::Error> {
        let mut writer = [0; WRITER_LEN];
        getrandom::fill(&mut writer)?;
        let key = key.derive("events");
        Ok(Envelopes { key, topic: topic.to_owned(), writer, number: AtomicU64::new(0) })
    }

    /// The message for an event.
    pub fn seal(&self, event: &[u8]) -> Vec<u8> {
        let number = self.number.fetch_add(1, Ordering::Relaxed) + 1;
        let origin = [&self.writer[..], &number.to_be_bytes()].concat();
        let tag = mac(&self.key, &self.pieces(&origin, event));
        [&[VERSION][..], &tag, &origin, event].concat()
    }

    /// The event in a message; `None`: no node of this cluster wrote it, not to this topic.
    pub fn open<'m>(&self, message: &'m [u8]) -> Option<&'m [u8]> {
        let (VERSION, rest) = message.split_first().map(|(version, rest)| (*version, rest))? else { return None };
        let (tag, rest) = rest.split_first_chunk::<MAC_LEN>()?;
        let (origin, event) = rest.split_at_checked(ORIGIN_LEN)?;
        verify(&self.key, &self.pieces(origin, event), tag).then_some(event)
    }

    /// What the tag covers. No topic's name has an octet 0.
    fn pieces<'p>(&'p self, origin: &'p [u8], event: &'p [u8]) -> [&'p [u8]; 5] {
        [&[VERSION], self.topic.as_bytes(), &[0], origin, event]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ClusterKey {
        let directory = tempfile::tempdir().expect("a directory");
        ClusterKey::make(&directory.path().join(name)).expect("made")
    }

    #[test]
    fn only_what_a_node_wrote_to_this_topic_is_opened() {
        let key = key("one");
        let envelopes = |key, topic| Envelopes::new(key, topic).expect("random numbers");
        let one = envelopes(&key, "a.changes");
        let sealed = one.seal(b"event");
        assert_eq!(sealed.len(), 5 + OVERHEAD);
        assert_ne!(one.seal(b"event"), sealed, "each has its number");
        assert_eq!(envelopes(&key, "a.changes").open(&sealed), Some(&b"event"[..]), "at another node");
        assert_eq!(envelopes(&key, "a.access").open(&sealed), None, "another topic");
        assert_eq!(envelopes(&self::key("two"), "a.changes").open(&sealed), None, "another key");
        for len in 0..sealed.len() {
            assert_eq!(one.open(&sealed[..len]), None, "{len}");
        }
        for bit in 0..sealed.len() * 8 {
            let mut other = sealed.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(one.open(&other), None, "{bit}");
        }
        assert_eq!(one.open(&one.seal(b"")), Some(&b""[..]));
    }
}
