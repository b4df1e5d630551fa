//! Whether signatures verify (RFC 4035 5.3), and whether the parent leads to the keys (RFC 4035 5.2).

use std::collections::BTreeSet;

use dns::rdata::typed::{Ds, Rrsig};
use dns::{Class, Name, NameBuf, RType};
use dnssec::canonical::{Rrset, Scratch};
use dnssec::digest::ds_matches;
use dnssec::key::{PublicKey, zone_keys};
use dnssec::verify::{VerifyBudget, VerifyError, key_fits, verify_with_keys};
use zone::{Contents, Records};

use super::{GateError, KeysOf};
use crate::sign::is_signed;
use crate::zone_signer::ZoneSigner;

/// Signatures of others should be made anew at the latest when so much of their life is left.
const MAX_LATE_S: u64 = 2 * 86_400;
/// Signatures of one RRset that are tried: each of our keys makes one.
const MAX_SIGNATURES: u32 = 32;

/// The keys that validators may have.
pub struct Keys<'a> {
    origin: &'a Name,
    now_s: u64,
    /// The set of the zone after the change, then former ones.
    sets: Vec<(KeysOf, Vec<PublicKey>)>,
    /// The algorithms that sign every RRset (RFC 4035 2.2).
    algorithms: Vec<u8>,
}

impl<'a> Keys<'a> {
    /// The DNSKEY RRset of `after`, and the former ones that caches may hold.
    pub fn of(signer: &'a ZoneSigner, after: &Contents, now_s: u64) -> Result<Keys<'a>, GateError> {
        let mut keys = Keys::published(&signer.origin, after, now_s)?;
        let held = signer.former.iter().filter(|former| former.until_s > now_s);
        keys.sets.extend(held.map(|former| (KeysOf::Until(former.until_s), parse(&former.dnskeys))));
        Ok(keys)
    }

    /// The DNSKEY RRset of a zone that others sign. One of its keys signs the RRset itself; the algorithms of those that do
    /// have to sign everything: others are about to come or to go.
    pub fn of_others(zone: &'a Contents, now_s: u64) -> Result<Keys<'a>, GateError> {
        let mut keys = Keys::published(zone.origin(), zone, now_s)?;
        let records = zone.records(zone.origin(), RType::DNSKEY).unwrap_or_default();
        let set = SetOf::new(zone.origin(), RType::DNSKEY, &records);
        let all = keys.sets.first().map(|(_, all)| all.as_slice()).unwrap_or_default();
        let mut algorithms = keys.verified(&set, &records.signatures, all, &mut Scratch::default()).map_err(|why| {
            GateError::Signature { owner: zone.origin().to_owned(), rtype: RType::DNSKEY, keys: KeysOf::Now, why }
        })?;
        algorithms.sort_unstable();
        algorithms.dedup();
        keys.algorithms = algorithms;
        Ok(keys)
    }

    /// The DNSKEY RRset, whether or not it is signed.
    pub fn published(origin: &'a Name, after: &Contents, now_s: u64) -> Result<Keys<'a>, GateError> {
        let published = after.records(origin, RType::DNSKEY).map(|records| records.data).unwrap_or_default();
        let now = parse(&published);
        if now.is_empty() {
            return Err(GateError::NoKeys(origin.to_owned()));
        }
        let mut algorithms: Vec<u8> = now.iter().map(|key| key.algorithm().0).collect();
        algorithms.sort_unstable();
        algorithms.dedup();
        Ok(Keys { origin, now_s, sets: vec![(KeysOf::Now, now)], algorithms })
    }

    /// Until when the signatures of an RRset do that the zone needs: of each algorithm the last one by a key of the zone, and
    /// the first of those.
    pub fn needed_until(&self, rrset: &zone::node::Rrset<'_>) -> Option<Lasting> {
        let all = self.sets.first().map(|(_, all)| all.as_slice()).unwrap_or_default();
        let is_ours = |rrsig: &Rrsig<'_>| all.iter().any(|key| key_fits(key, rrsig));
        let lasting = |rrsig: Rrsig<'_>| (rrsig.algorithm, Lasting::of(&rrsig, self.now_s));
        let ours: Vec<(u8, Lasting)> =
            rrset.signatures().1.filter_map(Rrsig::parse).filter(is_ours).map(lasting).collect();
        let of = |algorithm: &u8| ours.iter().filter(|(of, _)| of == algorithm).map(|(_, lasting)| *lasting).max();
        self.algorithms.iter().filter_map(of).min()
    }

    /// Whether the DS records of the parent lead to the keys. Of those that are known, for each of their algorithms one
    /// names a key that signs the DNSKEY RRset; of each RRset that was seen, one does.
    pub fn check_chain(&self, after: &Contents, known: &[Vec<u8>], seen: &[Vec<Vec<u8>>]) -> Result<(), GateError> {
        let all: BTreeSet<&Vec<u8>> = known.iter().chain(seen.iter().flatten()).collect();
        let leading: BTreeSet<&Vec<u8>> =
            all.into_iter().filter(|ds| leads(after, std::slice::from_ref(*ds), self.now_s)).collect();
        let of = |algorithm: u8| known.iter().filter(move |ds| algorithm_of(ds) == Some(algorithm));
        let is_reached = |algorithm: u8| of(algorithm).any(|ds| leading.contains(ds));
        let known_lead = known.iter().filter_map(|ds| algorithm_of(ds)).all(is_reached);
        let seen_lead = seen.iter().all(|set| set.iter().any(|ds| leading.contains(ds)));
        match known_lead && seen_lead {
            true => Ok(()),
            false => Err(GateError::NoChain(self.origin.to_owned())),
        }
    }

    fn verify(
        &self,
        set: &Rrset<'_>,
        rrsig: &[u8],
        keys: &[PublicKey],
        scratch: &mut Scratch,
    ) -> Result<(), VerifyError> {
        verify(set, rrsig, self.origin, keys, self.now_s, scratch)
    }

    /// The algorithms of the signatures that verify; why none does.
    fn verified(
        &self,
        set: &SetOf<'_>,
        signatures: &[Vec<u8>],
        keys: &[PublicKey],
        scratch: &mut Scratch,
    ) -> Result<Vec<u8>, VerifyError> {
        let (mut verified, mut failure) = (Vec::new(), VerifyError::KeyMismatch);
        for rrsig in signatures {
            match self.verify(&set.rrset(), rrsig, keys, scratch) {
                Ok(()) => verified.extend(Rrsig::parse(rrsig).map(|rrsig| rrsig.algorithm)),
                Err(why) => failure = why,
            }
        }
        if verified.is_empty() { Err(failure) } else { Ok(verified) }
    }

    /// What verifies RRsets with these keys, one after the other.
    pub fn verifier(&self) -> Verifier<'_> {
        Verifier { keys: self, scratch: Scratch::default() }
    }
}

/// Whether one of these DS records names a key of the zone that signs its DNSKEY RRset (RFC 4035 5.2).
pub fn leads(zone: &Contents, ds: &[Vec<u8>], now_s: u64) -> bool {
    let origin = zone.origin();
    let records = zone.records(origin, RType::DNSKEY).unwrap_or_default();
    let set = SetOf::new(origin, RType::DNSKEY, &records);
    let is_named = |dnskey: &&[u8]| ds.iter().any(|ds| ds_matches(origin, dnskey, ds));
    let keys = zone_keys(set.data.iter().copied().filter(is_named), false);
    let mut scratch = Scratch::default();
    !keys.is_empty()
        && records
            .signatures
            .iter()
            .any(|rrsig| verify(&set.rrset(), rrsig, origin, &keys, now_s, &mut scratch).is_ok())
}

fn verify(
    set: &Rrset<'_>,
    rrsig: &[u8],
    signer: &Name,
    keys: &[PublicKey],
    now_s: u64,
    scratch: &mut Scratch,
) -> Result<(), VerifyError> {
    let mut budget = VerifyBudget::new(MAX_SIGNATURES);
    verify_with_keys(set, rrsig, signer, keys, now_s as u32, &mut budget, scratch).map(drop)
}

fn parse(dnskeys: &[Vec<u8>]) -> Vec<PublicKey> {
    zone_keys(dnskeys.iter().map(Vec::as_slice), false)
}

/// Until when a signature is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lasting {
    /// When it ends, in seconds since 1970.
    pub end_s: u64,
    /// From when on it should have been made anew: a tenth of its life is left, or two days.
    pub late_s: u64,
}

impl Lasting {
    fn of(rrsig: &Rrsig<'_>, now_s: u64) -> Lasting {
        let end_s = crate::sign::time_near(rrsig.expiration, now_s);
        let life_s = end_s.saturating_sub(crate::sign::time_near(rrsig.inception, now_s));
        Lasting { end_s, late_s: end_s.saturating_sub((life_s / 10).min(MAX_LATE_S)) }
    }
}

fn algorithm_of(ds: &[u8]) -> Option<u8> {
    Ds::parse(ds).map(|ds| ds.algorithm)
}

/// Records as they are verified.
struct SetOf<'a> {
    owner: &'a Name,
    rtype: RType,
    ttl: u32,
    data: Vec<&'a [u8]>,
}

impl<'a> SetOf<'a> {
    fn new(owner: &'a Name, rtype: RType, records: &'a Records) -> SetOf<'a> {
        SetOf { owner, rtype, ttl: records.ttl, data: records.data.iter().map(Vec::as_slice).collect() }
    }

    fn rrset(&self) -> Rrset<'_> {
        Rrset { owner: self.owner, class: Class::IN, rtype: self.rtype, ttl: self.ttl, rdatas: &self.data }
    }
}

/// Verifies RRsets.
pub struct Verifier<'a> {
    keys: &'a Keys<'a>,
    scratch: Scratch,
}

impl Verifier<'_> {
    /// Whether each RRset of a name has the signatures that it has to have, and no others.
    pub fn check_name(&mut self, after: &Contents, owner: &NameBuf) -> Result<(), GateError> {
        let Some(node) = after.get(owner) else { return Ok(()) };
        let standing = after.standing(owner);
        for rrset in node.rrsets().filter(|rrset| rrset.count > 0) {
            let records = Records::of(&rrset);
            if is_signed(standing, rrset.rtype) {
                self.check_rrset(owner, rrset.rtype, &records)?;
            } else if rrset.is_signed() {
                return Err(GateError::Denial {
                    owner: owner.clone(),
                    what: "records that are not the zone's own are signed",
                });
            }
        }
        Ok(())
    }

    fn check_rrset(&mut self, owner: &NameBuf, rtype: RType, records: &Records) -> Result<(), GateError> {
        let set = SetOf::new(owner, rtype, records);
        for (number, (keys_of, keys)) in self.keys.sets.iter().enumerate() {
            // A DNSKEY RRset is judged by itself.
            if number > 0 && rtype == RType::DNSKEY {
                continue;
            }
            let verified = self.keys.verified(&set, &records.signatures, keys, &mut self.scratch).map_err(|why| {
                let (owner, keys) = (owner.clone(), *keys_of);
                GateError::Signature { owner, rtype, keys, why }
            })?;
            // CDS and CDNSKEY are for the parent, which follows its own DS records.
            let is_for_parent = matches!(rtype, RType::CDS | RType::CDNSKEY);
            let missing = self.keys.algorithms.iter().find(|algorithm| !verified.contains(algorithm));
            if let Some(&algorithm) = missing.filter(|_| number == 0 && !is_for_parent) {
                return Err(GateError::Unsigned { owner: owner.clone(), rtype, algorithm });
            }
        }
        Ok(())
    }
}
