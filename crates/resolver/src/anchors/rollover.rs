//! Follows a zone's key changes (RFC 5011): which keys become trust anchors, and which stop being one.
//!
//! A pure function of the state, a DNSKEY RRset and the time. The caller asks for the RRset when it is due, keeps the state
//! in a file ([`super::store`]), and uses [`Managed::anchor`] instead of the configured anchor.

use dns::rdata::typed::{Dnskey, Rrsig};
use dns::{Class, Name, NameBuf, RType};
use dnssec::digest::{ds_matches, usable_ds};
use dnssec::key::{PublicKey, REVOKED, SEP, ZONE_KEY};
use dnssec::limits::MAX_ZONE_KEYS;
use dnssec::verify::{self, Scratch, VerifyBudget};

use super::Anchor;
use crate::limits::{MAX_MANAGED_KEYS, MAX_SIGNATURES, MAX_UPDATE_VERIFICATIONS};
use crate::rrset::Rrset;

const HOUR_S: u64 = 3600;
const DAY_S: u64 = 24 * HOUR_S;
/// RFC 5011 2.4.1: a new key has to be seen for at least so long.
pub const ADD_HOLD_DOWN_S: u64 = 30 * DAY_S;
/// RFC 5011 2.4.2: a revoked key is remembered for so long.
pub const REMOVE_HOLD_DOWN_S: u64 = 30 * DAY_S;

/// The state of a key (RFC 5011 4.2); one that is not known is at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Seen, not yet long enough.
    AddPend,
    /// A trust anchor.
    Valid,
    /// A trust anchor that the zone does not have now.
    Missing,
    /// Revoked by itself: no trust anchor.
    Revoked,
    /// Revoked long ago; it never becomes one again.
    Removed,
}

impl KeyState {
    /// All of them.
    pub const ALL: [KeyState; 5] =
        [KeyState::AddPend, KeyState::Valid, KeyState::Missing, KeyState::Revoked, KeyState::Removed];

    /// Its name in files and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            KeyState::AddPend => "add-pend",
            KeyState::Valid => "valid",
            KeyState::Missing => "missing",
            KeyState::Revoked => "revoked",
            KeyState::Removed => "removed",
        }
    }

    /// Whether the key is a trust anchor.
    pub fn is_trusted(self) -> bool {
        matches!(self, KeyState::Valid | KeyState::Missing)
    }
}

/// A key that is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedKey {
    /// The data of its DNSKEY record, without the REVOKE bit.
    pub rdata: Vec<u8>,
    /// Its state.
    pub state: KeyState,
    /// Since when, in seconds since 1970.
    pub since_s: u64,
    /// When its hold-down ends, if the state has one: of AddPend or Revoked. Otherwise 0.
    pub until_s: u64,
}

impl ManagedKey {
    fn new(rdata: &[u8], state: KeyState, now_s: u64) -> ManagedKey {
        ManagedKey { rdata: unrevoked(rdata), state, since_s: now_s, until_s: 0 }
    }

    /// Ends its hold-down: it is configured.
    fn trust(&mut self, now_s: u64) {
        if self.state == KeyState::AddPend {
            self.enter(KeyState::Valid, now_s, 0);
        }
    }

    fn enter(&mut self, state: KeyState, now_s: u64, until_s: u64) {
        (self.state, self.since_s, self.until_s) = (state, now_s, until_s);
    }
}

/// The trust anchors of one zone, followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Managed {
    /// The zone.
    pub zone: NameBuf,
    /// DS records that were configured and whose keys were not seen yet.
    pub ds: Vec<Vec<u8>>,
    /// The keys.
    pub keys: Vec<ManagedKey>,
    /// When the keys were last seen validly signed; 0 for never.
    pub checked_s: u64,
    /// When to ask for the keys.
    pub next_s: u64,
    /// How long to wait after a failure.
    pub retry_s: u64,
}

/// A key that came into another state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The key's tag, as it was seen.
    pub key_tag: u16,
    /// Its state now; `None` if it was forgotten before it became a trust anchor.
    pub state: Option<KeyState>,
}

/// Why a DNSKEY RRset says nothing about trust anchors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RolloverError {
    /// It is not the zone's DNSKEY RRset.
    #[error("not the DNSKEY RRset of the zone")]
    OtherRrset,
    /// No trust anchor has signed it.
    #[error("not signed by a trust anchor")]
    NotSigned,
}

impl Managed {
    /// Begins with what is configured: keys are trust anchors at once, those of DS records when they are seen.
    pub fn new(anchor: &Anchor, now_s: u64) -> Managed {
        let (zone, ds, keys) = (anchor.zone.clone(), Vec::new(), Vec::new());
        let mut managed = Managed { zone, ds, keys, checked_s: 0, next_s: now_s, retry_s: HOUR_S };
        managed.configure(anchor, now_s);
        managed
    }

    /// Adds what is configured, as after a change of the configuration: it is trusted at once. Keys that were revoked
    /// stay revoked.
    pub fn configure(&mut self, anchor: &Anchor, now_s: u64) {
        for rdata in &anchor.keys {
            match self.position(rdata) {
                Some(index) => self.keys[index].trust(now_s),
                None if self.make_room() => self.keys.push(ManagedKey::new(rdata, KeyState::Valid, now_s)),
                None => {}
            }
        }
        for ds in anchor.ds.iter().take(MAX_MANAGED_KEYS) {
            match self.keys.iter_mut().find(|key| ds_matches(&self.zone, &key.rdata, ds)) {
                Some(key) => key.trust(now_s),
                None if !self.ds.contains(ds) => self.ds.push(ds.clone()),
                None => {}
            }
        }
    }

    /// What is trusted now. Without keys and DS records the zone has lost its last trust anchor (RFC 5011 5).
    pub fn anchor(&self) -> Anchor {
        let trusted = self.keys.iter().filter(|key| key.state.is_trusted());
        Anchor { zone: self.zone.clone(), ds: self.ds.clone(), keys: trusted.map(|key| key.rdata.clone()).collect() }
    }

    /// The keys could not be had: asks again later (RFC 5011 2.3).
    pub fn failed(&mut self, now_s: u64) {
        self.next_s = now_s + self.retry_s;
    }

    /// Takes in the zone's DNSKEY RRset with its signatures, which are verified here.
    ///
    /// # Errors
    /// [`RolloverError`] if it says nothing; the time of the next question is set, and keys that revoked themselves are
    /// revoked, all the same.
    pub fn update(&mut self, rrset: &Rrset, now_s: u64) -> Result<Vec<Change>, RolloverError> {
        self.failed(now_s);
        if !rrset.is(&self.zone, RType::DNSKEY) {
            return Err(RolloverError::OtherRrset);
        }
        let mut seen = Seen::new(&self.zone, rrset, now_s);
        let mut changes = self.resolve_ds(&mut seen, now_s);
        changes.append(&mut self.revoke(&mut seen, now_s));
        let trusted: Vec<PublicKey> = self.trusted().collect();
        let Some(signature) = seen.signed_by(&trusted) else { return Err(RolloverError::NotSigned) };
        self.checked_s = now_s;
        self.schedule(&signature, now_s);
        changes.append(&mut self.add(&seen, &signature, now_s));
        changes.append(&mut self.advance(&seen, now_s));
        Ok(changes)
    }

    fn trusted(&self) -> impl Iterator<Item = PublicKey> {
        let trusted = self.keys.iter().filter(|key| key.state.is_trusted());
        trusted.filter_map(|key| PublicKey::from_dnskey(&key.rdata).ok())
    }

    fn position(&self, rdata: &[u8]) -> Option<usize> {
        let plain = unrevoked(rdata);
        self.keys.iter().position(|key| key.rdata == plain)
    }

    /// Keys that configured DS records stand for become trust anchors, if one of them signs.
    fn resolve_ds(&mut self, seen: &mut Seen<'_>, now_s: u64) -> Vec<Change> {
        let all: Vec<&[u8]> = self.ds.iter().map(Vec::as_slice).collect();
        let usable = usable_ds(&all, true);
        let named: Vec<&[u8]> = seen
            .keys
            .iter()
            .copied()
            .filter(|key| usable.iter().any(|ds| ds_matches(&self.zone, key, ds)))
            .filter(|key| is_flagged(key, ZONE_KEY) && !is_flagged(key, REVOKED))
            .filter(|key| self.position(key).is_none_or(|index| self.keys[index].state.is_trusted()))
            .collect();
        let keys: Vec<PublicKey> = named.iter().filter_map(|key| PublicKey::from_dnskey(key).ok()).collect();
        let trusted: Vec<PublicKey> = self.trusted().chain(keys).collect();
        if named.is_empty() || seen.signed_by(&trusted).is_none() {
            return Vec::new();
        }
        self.ds.retain(|ds| !named.iter().any(|key| ds_matches(&self.zone, key, ds)));
        let mut changes = Vec::new();
        for rdata in named {
            if self.position(rdata).is_none() && self.make_room() {
                self.keys.push(ManagedKey::new(rdata, KeyState::Valid, now_s));
                changes.push(Change { key_tag: tag(rdata), state: Some(KeyState::Valid) });
            }
        }
        changes
    }

    /// RFC 5011 2.1: a key that has the REVOKE bit and signs the RRset with it is revoked, at once and for good.
    fn revoke(&mut self, seen: &mut Seen<'_>, now_s: u64) -> Vec<Change> {
        let mut changes = Vec::new();
        for rdata in seen.keys.clone().into_iter().filter(|key| is_flagged(key, REVOKED)) {
            let Some(key) = self.position(rdata).and_then(|index| self.keys.get_mut(index)) else { continue };
            let own = PublicKey::from_dnskey(rdata).ok().filter(|_| key.state.is_trusted());
            if own.is_some_and(|own| seen.signed_by(&[own]).is_some()) {
                key.enter(KeyState::Revoked, now_s, now_s + REMOVE_HOLD_DOWN_S);
                changes.push(Change { key_tag: tag(rdata), state: Some(KeyState::Revoked) });
            }
        }
        changes
    }

    /// New keys that may become trust anchors (RFC 5011 4.1 NewKey).
    fn add(&mut self, seen: &Seen<'_>, signature: &Signature, now_s: u64) -> Vec<Change> {
        let mut changes = Vec::new();
        let is_new = |key: &&[u8]| is_flagged(key, SEP) && is_flagged(key, ZONE_KEY) && !is_flagged(key, REVOKED);
        for rdata in seen.keys.iter().copied().filter(is_new) {
            if self.position(rdata).is_some() || !self.make_room() {
                continue;
            }
            let mut key = ManagedKey::new(rdata, KeyState::AddPend, now_s);
            // RFC 5011 2.4.1: 30 days, or the TTL if that is longer.
            key.until_s = now_s + ADD_HOLD_DOWN_S.max(signature.original_ttl);
            self.keys.push(key);
            changes.push(Change { key_tag: tag(rdata), state: Some(KeyState::AddPend) });
        }
        changes
    }

    /// Room for one key more: what was removed longest ago is forgotten.
    fn make_room(&mut self) -> bool {
        if self.keys.len() < MAX_MANAGED_KEYS {
            return true;
        }
        let removed = self.keys.iter().enumerate().filter(|(_, key)| key.state == KeyState::Removed);
        match removed.min_by_key(|(_, key)| key.since_s).map(|(index, _)| index) {
            Some(index) => {
                self.keys.remove(index);
                true
            }
            None => false,
        }
    }

    /// The other events of RFC 5011 4.1: KeyPres, KeyRem, AddTime, RemTime.
    fn advance(&mut self, seen: &Seen<'_>, now_s: u64) -> Vec<Change> {
        let mut changes = Vec::new();
        self.keys.retain_mut(|key| {
            let present = seen.keys.contains(&key.rdata.as_slice());
            let due = now_s >= key.until_s;
            let next = match (key.state, present) {
                (KeyState::AddPend, false) => None,
                (KeyState::AddPend, true) if due => Some(KeyState::Valid),
                (KeyState::Valid, false) => Some(KeyState::Missing),
                (KeyState::Missing, true) => Some(KeyState::Valid),
                (KeyState::Revoked, _) if due => Some(KeyState::Removed),
                (state, _) => Some(state),
            };
            if next != Some(key.state) {
                changes.push(Change { key_tag: tag(&key.rdata), state: next });
            }
            match next {
                Some(next) if next != key.state => key.enter(next, now_s, 0),
                _ => {}
            }
            next.is_some()
        });
        changes
    }

    /// RFC 5011 2.3: when to ask next, and how soon after a failure.
    fn schedule(&mut self, signature: &Signature, now_s: u64) {
        let (ttl, interval) = (signature.original_ttl, signature.interval);
        self.next_s = now_s + (15 * DAY_S).min(ttl / 2).min(interval / 2).max(HOUR_S);
        self.retry_s = DAY_S.min(ttl / 10).min(interval / 10).max(HOUR_S);
    }
}

/// A DNSKEY RRset that was received.
struct Seen<'r> {
    zone: NameBuf,
    keys: Vec<&'r [u8]>,
    signatures: Vec<&'r [u8]>,
    ttl: u32,
    now_s: u64,
    budget: VerifyBudget,
    scratch: Scratch,
}

/// What a good signature says about times, in seconds.
struct Signature {
    original_ttl: u64,
    /// From now until it expires.
    interval: u64,
}

impl<'r> Seen<'r> {
    fn new(zone: &Name, rrset: &'r Rrset, now_s: u64) -> Seen<'r> {
        Seen {
            zone: zone.to_owned(),
            keys: rrset.rdata.iter().take(MAX_ZONE_KEYS).collect(),
            signatures: rrset.signatures.iter().take(MAX_SIGNATURES).collect(),
            ttl: rrset.ttl,
            now_s,
            budget: VerifyBudget::new(MAX_UPDATE_VERIFICATIONS),
            scratch: Scratch::default(),
        }
    }

    /// The first signature by one of these keys that stands.
    fn signed_by(&mut self, keys: &[PublicKey]) -> Option<Signature> {
        let Seen { zone, signatures, budget, scratch, .. } = self;
        let set =
            verify::Rrset { owner: zone, class: Class::IN, rtype: RType::DNSKEY, ttl: self.ttl, rdatas: &self.keys };
        let now = self.now_s as u32;
        let good = signatures
            .iter()
            .find(|rrsig| verify::verify_with_keys(&set, rrsig, zone, keys, now, budget, scratch).is_ok())?;
        let rrsig = Rrsig::parse(good)?;
        let interval = rrsig.expiration.wrapping_sub(now);
        Some(Signature { original_ttl: rrsig.original_ttl.into(), interval: interval.into() })
    }
}

fn is_flagged(rdata: &[u8], flag: u16) -> bool {
    Dnskey::parse(rdata).is_some_and(|key| key.flags & flag != 0)
}

fn tag(rdata: &[u8]) -> u16 {
    dnssec::key::key_tag(rdata)
}

/// The same key without the REVOKE bit; its tag changes with that.
fn unrevoked(rdata: &[u8]) -> Vec<u8> {
    let mut out = rdata.to_vec();
    if let Some(flags) = out.first_chunk_mut::<2>() {
        *flags = (u16::from_be_bytes(*flags) & !REVOKED).to_be_bytes();
    }
    out
}

#[cfg(test)]
mod tests;
