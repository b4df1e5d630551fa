//! What goes in and what comes out.

use dnssec::algorithm::Algorithm;

use crate::keys::{ElementKind, Role, ZoneKey, ZoneKeys};

/// What an operator wants of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Wanted {
    /// It is signed, and its parent has a DS record.
    #[default]
    Signed,
    /// Its DS records, then its keys and signatures go (RFC 6781 4.3, RFC 8078 4).
    Insecure,
}

/// What was observed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The largest TTL of an RRset of the zone that caches may have, that of negative answers included, in seconds: of
    /// what is served now, and of what was served for as long as it could be in caches.
    pub max_ttl_s: u32,
    /// The same for the DNSKEY RRset.
    pub dnskey_ttl_s: u32,
    /// What the parent's name servers say of the DS records of the keys. A key that is not named was not looked for.
    pub ds_seen: Vec<DsSeen>,
    /// Every RRset of the zone other than the DNSKEY RRset has signatures of exactly those keys whose
    /// [`ZoneKey::signs_zone`] is true of the keys that are passed with the facts.
    pub zone_is_signed: bool,
    /// What the operator wants.
    pub wanted: Wanted,
}

/// What the name servers of the parent say of the DS records of one key. If they do not agree, neither time is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DsSeen {
    /// The key tag.
    pub tag: u16,
    /// The algorithm.
    pub algorithm: Algorithm,
    /// Since when every name server has a DS record that fits the key, without interruption, in seconds since 1970.
    pub at_all_servers_since_s: Option<u64>,
    /// Since when none has one, without interruption, in seconds since 1970.
    pub gone_from_all_servers_since_s: Option<u64>,
    /// The largest TTL of the DS RRset that was seen lately, in seconds.
    pub ttl_s: u32,
}

impl Facts {
    /// What was seen of a key.
    pub fn ds_of(&self, key: &ZoneKey) -> Option<&DsSeen> {
        self.ds_seen.iter().find(|seen| seen.tag == key.tag() && seen.algorithm == key.algorithm())
    }
}

/// A key that the caller shall make and add ([`ZoneKeys::add`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewKey {
    /// What it signs.
    pub role: Role,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// The flags of its DNSKEY record.
    pub flags: u16,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// That caches forget what they have: the RRset without the element, or the element.
    Caches(ElementKind),
    /// That every RRset has the signatures of the keys that sign the zone, and of no other.
    Signing,
    /// That the parent publishes the DS record.
    DsPublished,
    /// That the parent withdraws the DS record.
    DsWithdrawn,
}

/// One thing that is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The tag of the key.
    pub tag: u16,
    /// The algorithm of the key.
    pub algorithm: Algorithm,
    /// What is waited for.
    pub what: Awaited,
    /// Since when, in seconds since 1970.
    pub since_s: u64,
    /// Until when, in seconds since 1970; `None`: until somebody else has done something.
    pub until_s: Option<u64>,
    /// The same in a sentence.
    pub sentence: String,
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// The keys as they are now. The caller commits them together with the records that they ask for.
    pub keys: ZoneKeys,
    /// Keys that are missing.
    pub make: Vec<NewKey>,
    /// What is waited for.
    pub waits: Vec<Wait>,
    /// When time alone will bring something, in seconds since 1970.
    pub next_s: Option<u64>,
}
