//! From a DS RRset, or a trust anchor, to the keys of a zone (RFC 4035 5.2, RFC 6840 5).

use dns::edns::ede;
use dns::rdata::typed::{Dnskey, Ds};
use dns::{Name, RType};
use dnssec::algorithm::{Algorithm, is_supported};
use dnssec::digest::{digest_supported, ds_matches, usable_ds};
use dnssec::key::{PublicKey, key_tag};
use dnssec::limits::MAX_ZONE_KEYS;

use super::{ChainSource, Checker, Failure, SecureZone};
use crate::anchors::Anchor;
use crate::fetched::Fetched;
use crate::limits::{MAX_DS_DIGESTS, MAX_TRUST_S};
use crate::rrset::Rrset;
use crate::security::Reason;

/// What vouches for the keys of a zone.
#[derive(Clone, Copy)]
pub(super) enum Entry<'a> {
    /// Usable records of a verified DS RRset, and how long that may be kept in seconds.
    Ds(&'a [&'a [u8]], u32),
    /// A trust anchor.
    Anchor(&'a Anchor),
}

impl Entry<'_> {
    /// The keys of `rrset` that it stands for, as positions. Digests are bounded: tags may collide (CVE-2023-50387).
    fn positions(&self, zone: &Name, rrset: &Rrset, allow_sha1: bool) -> Vec<usize> {
        let anchors: Vec<&[u8]>;
        let (ds, keys): (&[&[u8]], &[Vec<u8>]) = match self {
            Entry::Ds(ds, _) => (ds, &[]),
            Entry::Anchor(anchor) => {
                anchors = usable_ds(&anchor.ds.iter().map(Vec::as_slice).collect::<Vec<_>>(), allow_sha1);
                (&anchors, &anchor.keys)
            }
        };
        let mut digests = 0;
        let mut is_entry = |key: &[u8]| {
            let tag = key_tag(key);
            let mut candidates = ds.iter().filter(|ds| Ds::parse(ds).is_some_and(|ds| ds.key_tag == tag));
            let named = candidates.any(|ds| {
                digests += 1;
                digests <= MAX_DS_DIGESTS && ds_matches(zone, key, ds)
            });
            named || keys.iter().any(|anchor| anchor == key)
        };
        let keys = rrset.rdata.iter().take(MAX_ZONE_KEYS).enumerate();
        keys.filter(|(_, key)| is_entry(key)).map(|(position, _)| position).collect()
    }

    /// What it names, for people.
    fn what(&self) -> &'static str {
        match self {
            Entry::Ds(..) => "DS",
            Entry::Anchor(_) => "trust anchor",
        }
    }

    fn ttl(&self) -> u32 {
        match self {
            Entry::Ds(_, ttl) => *ttl,
            Entry::Anchor(_) => u32::MAX,
        }
    }
}

/// Why none of these DS records can be used: then the zone is insecure (RFC 4035 5.2).
pub(super) fn unsupported(zone: &Name, ds: &[&[u8]], allow_sha1: bool) -> Reason {
    let ds: Vec<Ds<'_>> = ds.iter().filter_map(|ds| Ds::parse(ds)).collect();
    match ds.iter().find(|ds| is_supported(Algorithm(ds.algorithm), allow_sha1) && !digest_supported(ds.digest_type)) {
        Some(ds) => Reason::new(
            ede::UNSUPPORTED_DS_DIGEST,
            format!("DS of {zone}: unsupported digest type {} for key {}", ds.digest_type, ds.key_tag),
        ),
        None => {
            let mut names: Vec<String> = ds.iter().map(|ds| Algorithm(ds.algorithm).to_string()).collect();
            names.sort();
            names.dedup();
            let text = format!("DS of {zone}: unsupported algorithm {}", names.join(", "));
            Reason::new(ede::UNSUPPORTED_DNSKEY_ALGORITHM, text)
        }
    }
}

impl<S: ChainSource> Checker<'_, S> {
    /// The keys of `zone`, whose DNSKEY RRset `dnskey` should have.
    pub(super) fn check_keys(&self, zone: &Name, entry: Entry<'_>, dnskey: &Fetched) -> Result<SecureZone, Failure> {
        let missing = |text: String| Failure::data(ede::DNSKEY_MISSING, text);
        let rrset = dnskey.answers.iter().find(|rrset| rrset.is(zone, RType::DNSKEY));
        let rrset = rrset.ok_or_else(|| missing(format!("DNSKEY of {zone}: there is none")))?;
        let positions = entry.positions(zone, rrset, self.policy.allow_sha1);
        if positions.is_empty() {
            return Err(missing(format!("DNSKEY of {zone}: no key that the {} names", entry.what())));
        }
        let (keys, entries) = self.usable_keys(rrset, &positions);
        if entries == 0 {
            return Err(unusable(zone, rrset, &positions, entry));
        }
        let verified = self.check_rrset(rrset, zone, &keys[..entries])?;
        // RFC 4035 5.3.4 has no place here: a DNSKEY RRset is never made from a wildcard.
        let ttl = verified.ttl.min(entry.ttl()).min(MAX_TRUST_S);
        Ok(SecureZone { zone: zone.to_owned(), keys, expires_s: self.now_s + u64::from(ttl) })
    }

    /// Keys that may sign, those at `positions` first, and how many of them these are. Revoked keys are none
    /// (RFC 5011 2.1).
    fn usable_keys(&self, rrset: &Rrset, positions: &[usize]) -> (Vec<PublicKey>, usize) {
        let (mut entries, mut others) = (Vec::new(), Vec::new());
        for (position, rdata) in rrset.rdata.iter().take(MAX_ZONE_KEYS).enumerate() {
            let Ok(key) = PublicKey::from_dnskey(rdata) else { continue };
            if key.is_zone_key() && !key.is_revoked() && is_supported(key.algorithm(), self.policy.allow_sha1) {
                let list = if positions.contains(&position) { &mut entries } else { &mut others };
                list.push(key);
            }
        }
        let count = entries.len();
        entries.append(&mut others);
        (entries, count)
    }
}

/// Why keys that DS or trust anchor name cannot be used.
fn unusable(zone: &Name, rrset: &Rrset, positions: &[usize], entry: Entry<'_>) -> Failure {
    let named = rrset.rdata.iter().enumerate().filter(|(position, _)| positions.contains(position));
    let keys: Vec<(u16, Dnskey<'_>)> =
        named.filter_map(|(_, key)| Dnskey::parse(key).map(|parsed| (key_tag(key), parsed))).collect();
    let what = entry.what();
    if let Some((tag, _)) = keys.iter().find(|(_, key)| key.flags & dnssec::key::ZONE_KEY == 0) {
        let text = format!("DNSKEY of {zone}: key {tag}, which the {what} names, has no zone key bit");
        return Failure::data(ede::NO_ZONE_KEY_BIT, text);
    }
    if let Some((tag, _)) = keys.iter().find(|(_, key)| key.flags & dnssec::key::REVOKED != 0) {
        let text = format!("DNSKEY of {zone}: key {tag}, which the {what} names, is revoked");
        return Failure::data(ede::DNSKEY_MISSING, text);
    }
    let tag = keys.first().map_or(0, |(tag, _)| *tag);
    Failure::data(ede::DNSKEY_MISSING, format!("DNSKEY of {zone}: key {tag}, which the {what} names, is unusable"))
}
