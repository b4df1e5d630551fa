//! One entry as it stands in memory: a header of fixed size, the name, who gave it, record data, signatures, the
//! reason, and the RRsets that go with it. Numbers are little-endian; everything is read in place.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dns::{Name, RType};

use super::arena::UNIT;
use super::found::Rank;
use super::key::Key;
use super::limits::{MAX_PROOFS, SEGMENT_BYTES};
use super::table::Tag;
use crate::rrset::PackedIter;
use crate::security::{Reason, Security};

/// Octets of the fixed part.
pub const HEADER: usize = 36;
/// Type under which the absence of a whole name is kept; no type has this number (RFC 6895 3.1).
pub const NO_NAME: RType = RType(0);

/// Offsets of the fixed part.
pub mod at {
    pub const HASH: usize = 0;
    pub const UNITS: usize = 4;
    pub const RTYPE: usize = 6;
    pub const KIND: usize = 8;
    pub const FLAGS: usize = 9;
    pub const TRUST: usize = 10;
    pub const NAME_LEN: usize = 11;
    pub const CREATED: usize = 12;
    pub const TTL: usize = 18;
    pub const LAST_USE: usize = 22;
    pub const HITS: usize = 26;
    pub const RDATA_LEN: usize = 30;
    pub const SIGNATURES_LEN: usize = 32;
    pub const PROOFS: usize = 34;
    pub const REPEATED: usize = 35;
}

const FREQUENCY: u8 = 0b11;
const IN_MAIN: u8 = 1 << 2;
const PREFETCHED: u8 = 1 << 3;
/// The origin is an IPv4 address.
pub const ORIGIN_V4: u8 = 1 << 4;
/// The origin is an IPv6 address.
pub const ORIGIN_V6: u8 = 1 << 5;
/// There is a reason.
pub const HAS_REASON: u8 = 1 << 6;
/// A proof's owner that is not a suffix of the entry's name.
pub const OTHER_OWNER: u8 = 0xff;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing any more.
    Dead = 0,
    /// An RRset.
    Positive = 1,
    /// The name exists without the type, or, with [`NO_NAME`], not at all.
    Negative = 2,
    /// A failure.
    Failure = 3,
}

impl Kind {
    fn from_octet(octet: u8) -> Kind {
        match octet {
            1 => Kind::Positive,
            2 => Kind::Negative,
            3 => Kind::Failure,
            _ => Kind::Dead,
        }
    }
}

/// An entry, read in place.
#[derive(Clone, Copy)]
pub struct View<'a> {
    head: &'a [u8; HEADER],
    rest: &'a [u8],
}

/// An RRset that goes with an entry.
#[derive(Clone, Copy)]
pub struct Proof<'a> {
    /// The owner.
    pub owner: &'a Name,
    /// The type.
    pub rtype: RType,
    /// The at::TTL that it came with.
    pub ttl: u32,
    /// Packed record data.
    pub rdata: &'a [u8],
    /// Packed signatures.
    pub signatures: &'a [u8],
}

impl<'a> View<'a> {
    /// The entry at the start of `octets`.
    #[inline]
    pub fn new(octets: &'a [u8]) -> Option<View<'a>> {
        let (head, rest) = octets.split_first_chunk::<HEADER>()?;
        Some(View { head, rest })
    }

    #[inline]
    fn u16(self, at: usize) -> u16 {
        u16::from_le_bytes([self.head[at], self.head[at + 1]])
    }

    #[inline]
    fn u32(self, at: usize) -> u32 {
        u32::from_le_bytes([self.head[at], self.head[at + 1], self.head[at + 2], self.head[at + 3]])
    }

    /// Octets that it takes.
    #[inline]
    pub fn len(self) -> usize {
        usize::from(self.u16(at::UNITS)) * UNIT
    }

    /// A copy of its octets.
    pub fn to_vec(self) -> Vec<u8> {
        let mut out = self.head.to_vec();
        out.extend_from_slice(self.slice(0, self.len().saturating_sub(HEADER)));
        out
    }

    /// What it is found by.
    pub fn tag(self) -> Tag {
        Tag::from_parts(self.u32(at::HASH), self.rtype())
    }

    /// Its type.
    #[inline]
    pub fn rtype(self) -> RType {
        RType(self.u16(at::RTYPE))
    }

    /// What it is.
    #[inline]
    pub fn kind(self) -> Kind {
        Kind::from_octet(self.head[at::KIND])
    }

    /// Whether it is in the main queue.
    pub fn in_main(self) -> bool {
        self.head[at::FLAGS] & IN_MAIN != 0
    }

    /// How often it was asked for lately, 0 to 3.
    pub fn frequency(self) -> u8 {
        self.head[at::FLAGS] & FREQUENCY
    }

    /// What validation said.
    #[inline]
    pub fn security(self) -> Security {
        match self.head[at::TRUST] & 3 {
            0 => Security::Bogus,
            1 => Security::Indeterminate,
            2 => Security::Insecure,
            _ => Security::Secure,
        }
    }

    /// Where it stood.
    pub fn rank(self) -> Rank {
        match self.head[at::TRUST] >> 2 & 3 {
            0 => Rank::AuthorityData,
            1 => Rank::NonAuthoritativeAnswer,
            _ => Rank::AuthoritativeAnswer,
        }
    }

    /// When it came, in milliseconds.
    #[inline]
    pub fn created_ms(self) -> u64 {
        let mut octets = [0; 8];
        octets[..6].copy_from_slice(&self.head[at::CREATED..at::CREATED + 6]);
        u64::from_le_bytes(octets)
    }

    /// The at::TTL that it is kept for, in seconds.
    #[inline]
    pub fn ttl(self) -> u32 {
        self.u32(at::TTL)
    }

    /// When it expires, in milliseconds.
    #[inline]
    pub fn expires_ms(self) -> u64 {
        self.created_ms() + u64::from(self.ttl()) * 1000
    }

    /// What is left of its at::TTL, in seconds: 0 when it has expired, and only then.
    #[inline]
    pub fn ttl_left(self, now_ms: u64) -> u32 {
        let left_ms = self.expires_ms().saturating_sub(now_ms);
        // Whole seconds, so that nobody keeps it for longer; a clock that goes back does not lengthen it either.
        if left_ms == 0 { 0 } else { (left_ms / 1000).clamp(1, u64::from(self.ttl())) as u32 }
    }

    /// How often it was asked for.
    pub fn hits(self) -> u32 {
        self.u32(at::HITS)
    }

    /// When it was asked for last, in milliseconds, to the second.
    pub fn last_use_ms(self) -> u64 {
        self.created_ms() + u64::from(self.u32(at::LAST_USE)) * 1000
    }

    /// How often a failure repeated itself.
    pub fn repeated(self) -> u8 {
        self.head[at::REPEATED]
    }

    /// Number of RRsets that go with it.
    #[inline]
    pub fn proof_count(self) -> usize {
        usize::from(self.head[at::PROOFS])
    }

    #[inline]
    fn slice(self, start: usize, len: usize) -> &'a [u8] {
        self.rest.get(start..start + len).unwrap_or(&[])
    }

    /// Its name.
    #[inline]
    pub fn name(self) -> &'a Name {
        Name::from_validated(self.slice(0, usize::from(self.head[at::NAME_LEN])))
    }

    #[inline]
    fn origin_len(self) -> usize {
        match self.head[at::FLAGS] & (ORIGIN_V4 | ORIGIN_V6) {
            ORIGIN_V4 => 4,
            ORIGIN_V6 => 16,
            _ => 0,
        }
    }

    /// Who gave it.
    pub fn origin(self) -> Option<IpAddr> {
        let octets = self.slice(usize::from(self.head[at::NAME_LEN]), self.origin_len());
        if let Ok(v4) = <[u8; 4]>::try_from(octets) {
            return Some(IpAddr::V4(Ipv4Addr::from(v4)));
        }
        <[u8; 16]>::try_from(octets).ok().map(|v6| IpAddr::V6(Ipv6Addr::from(v6)))
    }

    #[inline]
    fn rdata_start(self) -> usize {
        usize::from(self.head[at::NAME_LEN]) + self.origin_len()
    }

    /// Packed record data.
    #[inline]
    pub fn rdata(self) -> &'a [u8] {
        self.slice(self.rdata_start(), usize::from(self.u16(at::RDATA_LEN)))
    }

    /// Packed signatures.
    #[inline]
    pub fn signatures(self) -> &'a [u8] {
        self.slice(self.rdata_start() + usize::from(self.u16(at::RDATA_LEN)), usize::from(self.u16(at::SIGNATURES_LEN)))
    }

    fn reason_start(self) -> usize {
        self.rdata_start() + usize::from(self.u16(at::RDATA_LEN)) + usize::from(self.u16(at::SIGNATURES_LEN))
    }

    fn has_reason(self) -> bool {
        self.head[at::FLAGS] & HAS_REASON != 0
    }

    /// The INFO-CODE of the reason.
    #[inline]
    pub fn reason_code(self) -> Option<u16> {
        if !self.has_reason() {
            return None;
        }
        let octets = self.rest.get(self.reason_start()..)?.first_chunk::<2>()?;
        Some(u16::from_le_bytes(*octets))
    }

    /// The reason.
    pub fn reason(self) -> Option<Reason> {
        let code = self.reason_code()?;
        let [_, _, len, text @ ..] = self.rest.get(self.reason_start()..)? else { return None };
        let text = text.get(..usize::from(*len))?;
        Some(Reason::new(code, String::from_utf8_lossy(text)))
    }

    #[inline]
    fn proofs_start(self) -> usize {
        let start = self.reason_start();
        match self.has_reason() {
            true => start + 3 + self.rest.get(start + 2).map_or(0, |&len| usize::from(len)),
            false => start,
        }
    }

    /// The RRsets that go with it.
    #[inline]
    pub fn proofs(self) -> Proofs<'a> {
        let rest = self.rest.get(self.proofs_start()..).unwrap_or(&[]);
        Proofs { name: self.name(), rest, left: self.proof_count() }
    }
}

/// Reads the RRsets that go with an entry.
pub struct Proofs<'a> {
    name: &'a Name,
    rest: &'a [u8],
    left: usize,
}

impl<'a> Iterator for Proofs<'a> {
    type Item = Proof<'a>;

    #[inline]
    fn next(&mut self) -> Option<Proof<'a>> {
        self.left = self.left.checked_sub(1)?;
        let (&owner, rest) = self.rest.split_first()?;
        let (owner, rest) = match owner {
            OTHER_OWNER => Name::split_from_wire(rest).ok()?,
            offset => (Name::from_wire(self.name.as_wire().get(usize::from(offset)..)?).ok()?, rest),
        };
        let (fixed, rest) = rest.split_first_chunk::<10>()?;
        let rdata_len = usize::from(u16::from_le_bytes([fixed[6], fixed[7]]));
        let signatures_len = usize::from(u16::from_le_bytes([fixed[8], fixed[9]]));
        let (rdata, rest) = rest.split_at_checked(rdata_len)?;
        let (signatures, rest) = rest.split_at_checked(signatures_len)?;
        self.rest = rest;
        let rtype = RType(u16::from_le_bytes([fixed[0], fixed[1]]));
        let ttl = u32::from_le_bytes([fixed[2], fixed[3], fixed[4], fixed[5]]);
        Some(Proof { owner, rtype, ttl, rdata, signatures })
    }
}

/// Sets how many octets the entry takes.
pub fn set_len(entry: &mut [u8], len: usize) {
    entry[at::UNITS..at::UNITS + 2].copy_from_slice(&((len / UNIT) as u16).to_le_bytes());
}

/// The entry is nothing any more.
pub fn kill(entry: &mut [u8]) {
    if let Some(kind) = entry.get_mut(at::KIND) {
        *kind = Kind::Dead as u8;
    }
}

/// Notes in which queue it is, and with what frequency.
pub fn place(entry: &mut [u8], main: bool, frequency: u8) {
    if let Some(flags) = entry.get_mut(at::FLAGS) {
        *flags = *flags & !(FREQUENCY | IN_MAIN) | frequency.min(FREQUENCY) | if main { IN_MAIN } else { 0 };
    }
}

/// Notes a hit; the number of them.
#[inline]
pub fn touch(entry: &mut [u8], now_ms: u64) -> u32 {
    let Some(view) = View::new(entry) else { return 0 };
    let hits = view.hits().saturating_add(1);
    let since = now_ms.saturating_sub(view.created_ms()) / 1000;
    if entry[at::FLAGS] & FREQUENCY < FREQUENCY {
        entry[at::FLAGS] += 1;
    }
    entry[at::HITS..at::HITS + 4].copy_from_slice(&hits.to_le_bytes());
    entry[at::LAST_USE..at::LAST_USE + 4].copy_from_slice(&u32::try_from(since).unwrap_or(u32::MAX).to_le_bytes());
    hits
}

/// Takes over the hits of the entry that it replaces.
pub fn inherit(entry: &mut [u8], hits: u32) {
    if let Some(octets) = entry.get_mut(at::HITS..at::HITS + 4) {
        octets.copy_from_slice(&hits.to_le_bytes());
    }
}

/// Notes that a refresh was asked for; false if it was before.
pub fn mark_prefetched(entry: &mut [u8]) -> bool {
    let Some(flags) = entry.get_mut(at::FLAGS).filter(|flags| **flags & PREFETCHED == 0) else { return false };
    *flags |= PREFETCHED;
    true
}

/// Puts something in place of the time at which it came.
pub fn set_created(entry: &mut [u8], created_ms: u64) {
    if let Some(octets) = entry.get_mut(at::CREATED..at::CREATED + 6) {
        octets.copy_from_slice(&created_ms.to_le_bytes()[..6]);
    }
}

/// Makes an entry of another run one of this: with its hash, the time at which it came, and the at::TTL from there on.
pub fn rebase(entry: &mut [u8], key: Key<'_>, created_ms: u64, ttl: u32) {
    set_created(entry, created_ms);
    if let Some(head) = entry.first_chunk_mut::<HEADER>() {
        head[at::HASH..at::HASH + 4].copy_from_slice(&Tag::new(key.hash, key.rtype).hash().to_le_bytes());
        head[at::TTL..at::TTL + 4].copy_from_slice(&ttl.to_le_bytes());
        head[at::FLAGS] &= !PREFETCHED;
    }
}

/// Whether octets from outside are one whole entry, with all that is in it as it should be.
pub fn is_sound(octets: &[u8]) -> bool {
    let Some(view) = View::new(octets) else { return false };
    let framed = view.len() == octets.len() && octets.len() <= SEGMENT_BYTES && view.kind() != Kind::Dead;
    let name = view.slice(0, usize::from(view.head[at::NAME_LEN]));
    if !framed || Name::from_wire(name).is_err() || view.proofs_start() > view.rest.len() {
        return false;
    }
    if view.has_reason() && view.reason().is_none() {
        return false;
    }
    let sets = view.proofs().map(|proof| (proof.owner, proof.rtype, proof.rdata, proof.signatures));
    let sets = sets.chain([(view.name(), view.rtype(), view.rdata(), view.signatures())]);
    let sound = |(owner, rtype, rdata, signatures): (&Name, RType, &[u8], &[u8])| {
        Name::from_wire(owner.as_wire()).is_ok() && is_data(rtype, rdata) && is_data(RType::RRSIG, signatures)
    };
    view.proofs().count() == view.proof_count() && view.proof_count() <= MAX_PROOFS && sets.into_iter().all(sound)
}

/// Whether packed octets are data of a type, and all of them.
fn is_data(rtype: RType, packed: &[u8]) -> bool {
    let taken: usize = records(packed).map(|rdata| rdata.len() + 2).sum();
    taken == packed.len() && records(packed).all(|rdata| dns::rdata::wire::validate(rtype, rdata).is_ok())
}

/// The records of packed data.
#[inline]
pub fn records(packed: &[u8]) -> PackedIter<'_> {
    PackedIter::new(packed)
}
