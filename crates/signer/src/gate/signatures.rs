//! Whether signatures verify (RFC 4035 5.3), and whether the parent leads to the keys (RFC 4035 5.2).

use std::collections::BTreeSet;

use dns::rdata::typed::{Ds, Rrsig};
use dns::{Class, Name, NameBuf, RType};
use dnssec::canonical::{Rrset, Scratch};
use dnssec::digest::ds_matches;
use dnssec::key::{PublicKey, zone_keys};
use dnssec::limits::MAX_ZONE_KEYS;
use dnssec::verify::{VerifyError, check_rrsig, key_fits, verify_rrset};
use zone::{Contents, Records};

use super::{GateError, KeysOf};
use crate::sign::{dnskeys, is_signed};
use crate::zone_signer::ZoneSigner;

/// Signatures of others should be made anew at the latest when so much of their life is left.
const MAX_LATE_S: u64 = 2 * 86_400;
/// Keys of one tag and algorithm that are tried with one signature.
const MAX_TRIED: usize = 32;

/// The keys that validators may have.
pub struct Keys<'a> {
    origin: &'a Name,
    now_s: u64,
    /// Every key of a set, with the data of its record. It stands here once: however many sets have it, nothing is verified
    /// with it twice.
    keys: Vec<(Vec<u8>, PublicKey)>,
    /// The set of the zone after the change, then former ones, as places in `keys`.
    sets: Vec<(KeysOf, Vec<usize>)>,
    /// The algorithms that sign every RRset (RFC 4035 2.2).
    algorithms: Vec<u8>,
}

/// What is known of the signatures of an RRset.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Nothing: they are verified.
    Nothing,
    /// They were verified before: their times and keys count, and the arithmetic is not done again.
    Verified,
}

impl<'a> Keys<'a> {
    /// The DNSKEY RRset of `after`, and the former ones that caches may hold.
    pub fn of(signer: &'a ZoneSigner, after: &Contents, now_s: u64) -> Result<Keys<'a>, GateError> {
        let mut keys = Keys::published(&signer.origin, after, now_s)?;
        for former in signer.former.iter().filter(|former| former.until_s > now_s) {
            keys.add_set(KeysOf::Until(former.until_s), &former.dnskeys);
        }
        Ok(keys)
    }

    /// The DNSKEY RRset of a zone that others sign. One of its keys signs the RRset itself; the algorithms of those that do
    /// have to sign everything: others are about to come or to go.
    pub fn of_others(zone: &'a Contents, now_s: u64) -> Result<Keys<'a>, GateError> {
        let mut keys = Keys::published(zone.origin(), zone, now_s)?;
        let records = zone.records(zone.origin(), RType::DNSKEY).unwrap_or_default();
        let set = SetOf::new(zone.origin(), RType::DNSKEY, &records);
        let verdicts = keys.verdicts(&set, &records.signatures, Known::Nothing, &mut Scratch::default());
        let refused = |why| GateError::Signature {
            owner: zone.origin().to_owned(),
            rtype: RType::DNSKEY,
            keys: KeysOf::Now,
            why,
        };
        let mut algorithms = verified(&verdicts, keys.of_now()).map_err(refused)?;
        algorithms.sort_unstable();
        algorithms.dedup();
        keys.algorithms = algorithms;
        Ok(keys)
    }

    /// The keys that a zone is about to have, then those that it has. Algorithms that are new have to sign everything where the
    /// parent leads to the zone: before that there may be none yet that rely on it.
    pub fn of_step(signer: &'a ZoneSigner, before: &Contents, now_s: u64) -> Keys<'a> {
        let last = before.records(&signer.origin, RType::DNSKEY).map(|records| records.data).unwrap_or_default();
        let mut keys = Keys::none(&signer.origin, now_s);
        keys.add_set(KeysOf::Now, &dnskeys(signer, before));
        keys.add_set(KeysOf::Now, &last);
        if let ([(_, next), (_, last)], false) = (keys.sets.as_slice(), signer.parent_ds.is_empty()) {
            let algorithms = |places: &[usize]| -> BTreeSet<u8> {
                places.iter().filter_map(|&place| Some(keys.keys.get(place)?.1.algorithm().0)).collect()
            };
            keys.algorithms = algorithms(next).difference(&algorithms(last)).copied().collect();
        }
        keys
    }

    /// Whether the sets of keys are all the same.
    pub fn are_all_the_same(&self) -> bool {
        let sorted = |(_, places): &(KeysOf, Vec<usize>)| places.iter().copied().collect::<BTreeSet<_>>();
        self.sets.windows(2).all(|two| sorted(&two[0]) == sorted(&two[1]))
    }

    fn none(origin: &'a Name, now_s: u64) -> Keys<'a> {
        Keys { origin, now_s, keys: Vec::new(), sets: Vec::new(), algorithms: Vec::new() }
    }

    /// The DNSKEY RRset, whether or not it is signed.
    pub fn published(origin: &'a Name, after: &Contents, now_s: u64) -> Result<Keys<'a>, GateError> {
        let published = after.records(origin, RType::DNSKEY).map(|records| records.data).unwrap_or_default();
        let mut keys = Keys::none(origin, now_s);
        keys.add_set(KeysOf::Now, &published);
        if keys.keys.is_empty() {
            return Err(GateError::NoKeys(origin.to_owned()));
        }
        keys.algorithms = keys.keys.iter().map(|(_, key)| key.algorithm().0).collect();
        keys.algorithms.sort_unstable();
        keys.algorithms.dedup();
        Ok(keys)
    }

    /// Adds a DNSKEY RRset that validators may have.
    pub fn add_set(&mut self, of: KeysOf, dnskeys: &[Vec<u8>]) {
        let places = dnskeys.iter().take(MAX_ZONE_KEYS).filter_map(|dnskey| self.place_of(dnskey)).collect();
        self.sets.push((of, places));
    }

    /// Where a key stands; `None`: it can verify nothing.
    fn place_of(&mut self, dnskey: &[u8]) -> Option<usize> {
        let place = self.keys.iter().position(|(known, _)| known == dnskey);
        place.or_else(|| {
            let key = zone_keys([dnskey], false).pop()?;
            self.keys.push((dnskey.to_vec(), key));
            Some(self.keys.len() - 1)
        })
    }

    /// The places of the keys of the zone after the change.
    fn of_now(&self) -> &[usize] {
        self.sets.first().map(|(_, places)| places.as_slice()).unwrap_or_default()
    }

    /// The keys of the zone after the change, with the data of their records.
    fn published_keys(&self) -> impl Iterator<Item = &(Vec<u8>, PublicKey)> {
        self.of_now().iter().filter_map(|&place| self.keys.get(place))
    }

    /// Until when the signatures of an RRset do that the zone needs: of each algorithm the last one by a key of the zone, and
    /// the first of those.
    pub fn needed_until(&self, rrset: &zone::node::Rrset<'_>) -> Option<Lasting> {
        let is_ours = |rrsig: &Rrsig<'_>| self.published_keys().any(|(_, key)| key_fits(key, rrsig));
        let lasting = |rrsig: Rrsig<'_>| (rrsig.algorithm, Lasting::of(&rrsig, self.now_s));
        let ours: Vec<(u8, Lasting)> =
            rrset.signatures().1.filter_map(Rrsig::parse).filter(is_ours).map(lasting).collect();
        let of = |algorithm: &u8| ours.iter().filter(|(of, _)| of == algorithm).map(|(_, lasting)| *lasting).max();
        self.algorithms.iter().filter_map(of).min()
    }

    /// Whether the DS records of the parent lead to the keys. Of those that are known, for each of their algorithms one
    /// names a key that signs the DNSKEY RRset; of each RRset that was seen, one does.
    pub fn check_chain(&self, after: &Contents, known: &[Vec<u8>], seen: &[Vec<Vec<u8>>]) -> Result<(), GateError> {
        if known.is_empty() && seen.is_empty() {
            return Ok(());
        }
        let signing = self.that_sign_keys(after);
        let leads = |ds: &Vec<u8>| signing.iter().any(|dnskey| ds_matches(self.origin, dnskey, ds));
        let of = |algorithm: u8| known.iter().filter(move |ds| algorithm_of(ds) == Some(algorithm));
        let known_lead = known.iter().filter_map(|ds| algorithm_of(ds)).all(|algorithm| of(algorithm).any(leads));
        let seen_lead = seen.iter().all(|set| set.iter().any(leads));
        match known_lead && seen_lead {
            true => Ok(()),
            false => Err(GateError::NoChain(self.origin.to_owned())),
        }
    }

    /// The data of the DNSKEY records whose keys sign the DNSKEY RRset.
    fn that_sign_keys(&self, after: &Contents) -> Vec<&[u8]> {
        let records = after.records(self.origin, RType::DNSKEY).unwrap_or_default();
        let set = SetOf::new(self.origin, RType::DNSKEY, &records);
        let verdicts = self.verdicts(&set, &records.signatures, Known::Nothing, &mut Scratch::default());
        let made = |place: usize| verdicts.iter().any(|verdict| verdict.by.contains(&place));
        let signing = self.of_now().iter().filter(|&&place| made(place)).filter_map(|&place| self.keys.get(place));
        signing.map(|(dnskey, _)| dnskey.as_slice()).collect()
    }

    /// What becomes of each signature.
    fn verdicts(&self, set: &SetOf<'_>, signatures: &[Vec<u8>], known: Known, scratch: &mut Scratch) -> Vec<Verdict> {
        let verdict = |rrsig: &Vec<u8>| self.verdict(&set.rrset(), rrsig, self.now_s as u32, known, scratch);
        signatures.iter().map(verdict).collect()
    }

    fn verdict(&self, set: &Rrset<'_>, rrsig: &[u8], now: u32, known: Known, scratch: &mut Scratch) -> Verdict {
        let mut verdict = Verdict { algorithm: 0, by: Vec::new(), failure: VerifyError::KeyMismatch };
        let parsed = match check_rrsig(set, rrsig, self.origin, now) {
            Ok(parsed) => parsed,
            Err(failure) => return Verdict { failure, ..verdict },
        };
        verdict.algorithm = parsed.algorithm;
        let fitting = self.keys.iter().enumerate().filter(|(_, (_, key))| key_fits(key, &parsed));
        for (place, (_, key)) in fitting.take(MAX_TRIED) {
            let verified = match known {
                Known::Nothing => verify_rrset(set, rrsig, self.origin, key, now, scratch).map(drop),
                Known::Verified => Ok(()),
            };
            match verified {
                Ok(()) => verdict.by.push(place),
                Err(failure) => verdict.failure = failure,
            }
        }
        verdict
    }

    /// What verifies RRsets with these keys, one after the other.
    pub fn verifier(&self) -> Verifier<'_> {
        Verifier { keys: self, scratch: Scratch::default() }
    }
}

/// What became of a signature.
struct Verdict {
    algorithm: u8,
    /// The places of the keys that made it.
    by: Vec<usize>,
    /// Why no other key did.
    failure: VerifyError,
}

/// The algorithms of the signatures that the keys at these places made; why none did.
fn verified(verdicts: &[Verdict], places: &[usize]) -> Result<Vec<u8>, VerifyError> {
    let is_by = |verdict: &&Verdict| verdict.by.iter().any(|place| places.contains(place));
    let algorithms: Vec<u8> = verdicts.iter().filter(is_by).map(|verdict| verdict.algorithm).collect();
    match verdicts.last() {
        Some(last) if algorithms.is_empty() => Err(last.failure),
        None => Err(VerifyError::KeyMismatch),
        Some(_) => Ok(algorithms),
    }
}

/// Whether one of these DS records names a key of the zone that signs its DNSKEY RRset (RFC 4035 5.2).
pub fn leads(zone: &Contents, ds: &[Vec<u8>], now_s: u64) -> bool {
    let origin = zone.origin();
    let Ok(keys) = Keys::published(origin, zone, now_s) else { return false };
    keys.that_sign_keys(zone).iter().any(|dnskey| ds.iter().any(|ds| ds_matches(origin, dnskey, ds)))
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
    /// Whether what verifies with the keys of the second set verifies with those of the first, of each RRset of a name but
    /// those that other keys sign anew. When signatures are valid does not matter.
    pub fn check_step(&mut self, zone: &Contents, owner: &NameBuf) -> Result<(), GateError> {
        let Some(node) = zone.get(owner) else { return Ok(()) };
        let (standing, is_apex) = (zone.standing(owner), **owner == *self.keys.origin);
        let is_for_keys = |rtype| is_apex && matches!(rtype, RType::DNSKEY | RType::CDS | RType::CDNSKEY);
        for rrset in node.rrsets().filter(|rrset| rrset.count > 0 && is_signed(standing, rrset.rtype)) {
            if !is_for_keys(rrset.rtype) {
                self.check_step_of(owner, rrset.rtype, &Records::of(&rrset))?;
            }
        }
        Ok(())
    }

    fn check_step_of(&mut self, owner: &NameBuf, rtype: RType, records: &Records) -> Result<(), GateError> {
        let set = SetOf::new(owner, rtype, records);
        let at_its_end = |rrsig: &Vec<u8>| {
            let now = Rrsig::parse(rrsig).map_or(0, |rrsig| rrsig.expiration);
            self.keys.verdict(&set.rrset(), rrsig, now, Known::Nothing, &mut self.scratch)
        };
        let verdicts: Vec<Verdict> = records.signatures.iter().map(at_its_end).collect();
        let [(keys_of, next), (_, last)] = self.keys.sets.as_slice() else { return Ok(()) };
        let by_last = verified(&verdicts, last).unwrap_or_default();
        let by_next = verified(&verdicts, next);
        if !by_last.is_empty()
            && let Err(why) = by_next
        {
            return Err(GateError::Signature { owner: owner.clone(), rtype, keys: *keys_of, why });
        }
        let by_next = by_next.unwrap_or_default();
        match self.keys.algorithms.iter().find(|algorithm| !by_next.contains(algorithm)) {
            Some(&algorithm) => Err(GateError::Unsigned { owner: owner.clone(), rtype, algorithm }),
            None => Ok(()),
        }
    }

    /// Whether each RRset of a name has the signatures that it has to have, and no others; `known` says of each type what is
    /// known of them.
    pub fn check_name(
        &mut self,
        after: &Contents,
        owner: &NameBuf,
        known: impl Fn(RType) -> Known,
    ) -> Result<(), GateError> {
        let Some(node) = after.get(owner) else { return Ok(()) };
        let standing = after.standing(owner);
        for rrset in node.rrsets().filter(|rrset| rrset.count > 0) {
            if is_signed(standing, rrset.rtype) {
                self.check_rrset(owner, rrset.rtype, &Records::of(&rrset), known(rrset.rtype))?;
            } else if rrset.is_signed() {
                return Err(GateError::Denial {
                    owner: owner.clone(),
                    what: "records that are not the zone's own are signed",
                });
            }
        }
        Ok(())
    }

    fn check_rrset(&mut self, owner: &NameBuf, rtype: RType, records: &Records, known: Known) -> Result<(), GateError> {
        let set = SetOf::new(owner, rtype, records);
        let verdicts = self.keys.verdicts(&set, &records.signatures, known, &mut self.scratch);
        for (number, (keys_of, places)) in self.keys.sets.iter().enumerate() {
            // A DNSKEY RRset is judged by itself.
            if number > 0 && rtype == RType::DNSKEY {
                continue;
            }
            let verified = verified(&verdicts, places).map_err(|why| {
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
