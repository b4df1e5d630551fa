//! Whether signatures verify (RFC 4035 5.3), and whether the parent leads to the keys (RFC 4035 5.2).

use dns::rdata::typed::{Ds, Rrsig};
use dns::{Class, Name, NameBuf, RType};
use dnssec::canonical::{Rrset, Scratch};
use dnssec::digest::ds_matches;
use dnssec::key::{PublicKey, zone_keys};
use dnssec::verify::{VerifyBudget, VerifyError, verify_with_keys};
use zone::{Contents, Records};

use super::{GateError, KeysOf};
use crate::sign::is_signed;
use crate::zone_signer::ZoneSigner;

/// Signatures of one RRset that are tried: each of our keys makes one.
const MAX_SIGNATURES: u32 = 32;

/// The keys that validators may have.
pub struct Keys<'a> {
    signer: &'a ZoneSigner,
    now_s: u64,
    /// The set of the zone after the change, then former ones.
    sets: Vec<(KeysOf, Vec<PublicKey>)>,
    /// The algorithms of the first.
    algorithms: Vec<u8>,
}

impl<'a> Keys<'a> {
    /// The DNSKEY RRset of `after`, and the former ones that caches may hold.
    pub fn of(signer: &'a ZoneSigner, after: &Contents, now_s: u64) -> Result<Keys<'a>, GateError> {
        let parse = |dnskeys: &[Vec<u8>]| zone_keys(dnskeys.iter().map(Vec::as_slice), false);
        let published = after.records(&signer.origin, RType::DNSKEY).map(|records| records.data).unwrap_or_default();
        let now = parse(&published);
        if now.is_empty() {
            return Err(GateError::NoKeys(signer.origin.clone()));
        }
        let mut algorithms: Vec<u8> = now.iter().map(|key| key.algorithm().0).collect();
        algorithms.sort_unstable();
        algorithms.dedup();
        let held = signer.former.iter().filter(|former| former.until_s > now_s);
        let former = held.map(|former| (KeysOf::Until(former.until_s), parse(&former.dnskeys)));
        let sets = [(KeysOf::Now, now)].into_iter().chain(former).collect();
        Ok(Keys { signer, now_s, sets, algorithms })
    }

    /// Whether the DS records of the parent, as far as they are known, lead to the keys: for each of their algorithms one
    /// names a key that signs the DNSKEY RRset.
    pub fn check_chain(&self, after: &Contents) -> Result<(), GateError> {
        let origin = &self.signer.origin;
        let records = after.records(origin, RType::DNSKEY).unwrap_or_default();
        let set = SetOf::new(origin, RType::DNSKEY, &records);
        let leads = |ds: &Vec<u8>| {
            let named: Vec<&[u8]> = set.data.iter().copied().filter(|dnskey| ds_matches(origin, dnskey, ds)).collect();
            let keys = zone_keys(named, false);
            let mut scratch = Scratch::default();
            records.signatures.iter().any(|rrsig| self.verify(&set.rrset(), rrsig, &keys, &mut scratch).is_ok())
        };
        let all = &self.signer.parent_ds;
        let is_reached = |algorithm: u8| all.iter().filter(|ds| algorithm_of(ds) == Some(algorithm)).any(leads);
        match all.iter().filter_map(|ds| algorithm_of(ds)).all(is_reached) {
            true => Ok(()),
            false => Err(GateError::NoChain(origin.clone())),
        }
    }

    fn verify(
        &self,
        set: &Rrset<'_>,
        rrsig: &[u8],
        keys: &[PublicKey],
        scratch: &mut Scratch,
    ) -> Result<(), VerifyError> {
        let mut budget = VerifyBudget::new(MAX_SIGNATURES);
        let now = self.now_s as u32;
        verify_with_keys(set, rrsig, &self.signer.origin, keys, now, &mut budget, scratch).map(drop)
    }

    /// What verifies RRsets with these keys, one after the other.
    pub fn verifier(&self) -> Verifier<'_> {
        Verifier { keys: self, scratch: Scratch::default() }
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
            let (mut verified, mut failure) = (Vec::new(), VerifyError::KeyMismatch);
            for rrsig in &records.signatures {
                match self.keys.verify(&set.rrset(), rrsig, keys, &mut self.scratch) {
                    Ok(()) => verified.extend(Rrsig::parse(rrsig).map(|rrsig| rrsig.algorithm)),
                    Err(why) => failure = why,
                }
            }
            if verified.is_empty() {
                let (owner, keys) = (owner.clone(), *keys_of);
                return Err(GateError::Signature { owner, rtype, keys, why: failure });
            }
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
