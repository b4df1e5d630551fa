//! A small signed zone that answers questions as an authoritative server would.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dns::rdata::{bitmap, text};
use dns::scan::Scanner;
use dns::{Class, Name, NameBuf, RType};
use dnssec::algorithm::Algorithm;
use dnssec::canonical::Scratch;
use dnssec::nsec3;
use dnssec::sign::{SignatureTerms, SigningKey, sign_rrset};
use dnssec::verify;

use resolver::fetched::{Fetched, Kind};
use resolver::rrset::Rrset;

/// Now, in all tests.
pub const NOW: u32 = 1_800_000_000;

pub fn name(text: &str) -> NameBuf {
    text.parse().expect("name")
}

pub fn rdata(rtype: RType, source: &str) -> Vec<u8> {
    let mut out = Vec::new();
    text::scan(rtype, &mut Scanner::new(source.as_bytes()), Name::root(), &mut out).expect(source);
    out
}

/// How a zone shows that something does not exist.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Denying {
    Nsec,
    Nsec3 { iterations: u16, opt_out: bool },
}

pub struct Zone {
    pub apex: NameBuf,
    pub keys: Vec<SigningKey>,
    pub denying: Denying,
    pub ttl: u32,
    pub inception: u32,
    pub expiration: u32,
    /// DS records in the parent; `None`: made from the keys.
    pub ds: Option<Vec<Vec<u8>>>,
    pub sets: BTreeMap<(NameBuf, RType), Rrset>,
}

fn seed(apex: &Name) -> [u8; 32] {
    let mut seed = [apex.len() as u8; 32];
    apex.as_wire().iter().enumerate().for_each(|(i, octet)| seed[i % 32] ^= octet.rotate_left(i as u32));
    seed
}

impl Zone {
    /// A zone signed with one Ed25519 key; `lines` are `owner type data`.
    pub fn new(apex: &str, lines: &[&str]) -> Zone {
        let apex = name(apex);
        let keys = vec![SigningKey::from_seed(&seed(&apex)).expect("key").with_flags(257)];
        let (inception, expiration) = (NOW - 1000, NOW + 100_000);
        let sets = BTreeMap::new();
        let mut zone = Zone { apex, keys, denying: Denying::Nsec, ttl: 3600, inception, expiration, ds: None, sets };
        let soa = format!("{} SOA ns.test. host.test. 1 2 3 4 300", zone.apex);
        let ns = format!("{} NS ns.test.", zone.apex);
        [soa.as_str(), &ns].iter().chain(lines).for_each(|line| zone.add(line));
        zone
    }

    pub fn unsigned(mut self) -> Zone {
        self.keys.clear();
        self
    }

    pub fn nsec3(mut self, iterations: u16, opt_out: bool) -> Zone {
        self.denying = Denying::Nsec3 { iterations, opt_out };
        self
    }

    pub fn algorithm(mut self, algorithm: Algorithm) -> Zone {
        self.keys = vec![SigningKey::generate(algorithm).expect("key").with_flags(257)];
        self
    }

    /// DS records in the parent in the place of those that fit.
    pub fn with_ds(mut self, ds: &[&str]) -> Zone {
        self.ds = Some(ds.iter().map(|source| rdata(RType::DS, source)).collect());
        self
    }

    pub fn valid(mut self, inception: u32, expiration: u32) -> Zone {
        (self.inception, self.expiration) = (inception, expiration);
        self
    }

    pub fn is_signed(&self) -> bool {
        !self.keys.is_empty()
    }

    pub fn add(&mut self, line: &str) {
        let mut words = line.splitn(3, ' ');
        let owner = name(words.next().expect("owner"));
        let rtype = RType::from_text(words.next().expect("type").as_bytes()).expect("type");
        let data = rdata(rtype, words.next().expect("data"));
        self.put(owner, rtype, &data);
    }

    pub fn put(&mut self, owner: NameBuf, rtype: RType, data: &[u8]) {
        let ttl = self.ttl;
        let set = self.sets.entry((owner.clone(), rtype)).or_insert_with(|| Rrset::new(owner, rtype, ttl));
        set.rdata.push(data);
    }

    /// The DS records that fit its keys.
    pub fn own_ds(&self) -> Vec<Vec<u8>> {
        self.keys.iter().map(|key| key.ds_rdata(&self.apex, 2).expect("DS")).collect()
    }

    fn is_cut(&self, owner: &Name) -> bool {
        *owner != *self.apex && self.sets.contains_key(&(owner.to_owned(), RType::NS))
    }

    /// Whether it is glue, which is not the zone's (RFC 4035 2.2, 2.3).
    fn is_below_cut(&self, owner: &Name) -> bool {
        owner.ancestors().skip(1).any(|above| self.is_cut(above))
    }

    /// Adds keys, the chain of NSEC or NSEC3, and signatures.
    pub fn seal(&mut self) {
        if !self.is_signed() {
            return;
        }
        let keys: Vec<Vec<u8>> = self.keys.iter().map(|key| key.dnskey_rdata().to_vec()).collect();
        keys.iter().for_each(|key| self.put(self.apex.clone(), RType::DNSKEY, key));
        match self.denying {
            Denying::Nsec => self.add_nsec(),
            Denying::Nsec3 { iterations, opt_out } => self.add_nsec3(iterations, opt_out),
        }
        let unsigned = std::mem::take(&mut self.sets);
        self.sets = unsigned.into_iter().map(|(at, set)| (at, self.signed(set))).collect();
    }

    fn types_at(&self, owner: &Name, more: &[RType]) -> Vec<RType> {
        let at = self.sets.keys().filter(|(name, _)| **name == *owner).map(|(_, rtype)| *rtype);
        at.chain(more.iter().copied()).collect()
    }

    fn add_nsec(&mut self) {
        let all = self.sets.keys().map(|(owner, _)| owner.clone()).filter(|owner| !self.is_below_cut(owner));
        let owners: Vec<NameBuf> = all.collect::<BTreeSet<_>>().into_iter().collect();
        for (i, owner) in owners.iter().enumerate() {
            let mut data = owners[(i + 1) % owners.len()].as_wire().to_vec();
            bitmap::encode(self.types_at(owner, &[RType::NSEC, RType::RRSIG]), &mut data);
            self.put(owner.clone(), RType::NSEC, &data);
        }
    }

    fn add_nsec3(&mut self, iterations: u16, opt_out: bool) {
        let mut names: BTreeSet<NameBuf> = BTreeSet::new();
        for (owner, _) in self.sets.keys() {
            let secure = self.sets.contains_key(&(owner.clone(), RType::DS));
            if !self.is_below_cut(owner) && (!opt_out || secure || !self.is_cut(owner)) {
                names.extend(owner.ancestors().filter(|at| at.is_at_or_below(&self.apex)).map(Name::to_owned));
            }
        }
        let mut hashes: Vec<([u8; 20], NameBuf)> =
            names.into_iter().map(|owner| (nsec3::hash(&owner, b"salt", iterations), owner)).collect();
        hashes.sort();
        let sets: Vec<(NameBuf, Vec<u8>)> = (0..hashes.len())
            .map(|i| {
                let (hash, owner) = &hashes[i];
                let [high, low] = iterations.to_be_bytes();
                let mut data = vec![1, u8::from(opt_out), high, low, 4];
                data.extend_from_slice(b"salt\x14");
                data.extend_from_slice(&hashes[(i + 1) % hashes.len()].0);
                let types = self.types_at(owner, &[]);
                let more: &[RType] = if types.is_empty() { &[] } else { &[RType::RRSIG] };
                bitmap::encode(self.types_at(owner, more), &mut data);
                (self.apex.prepend(&nsec3::label(hash)).expect("name"), data)
            })
            .collect();
        sets.into_iter().for_each(|(owner, data)| self.put(owner, RType::NSEC3, &data));
    }

    /// The set with the signatures that belong to it.
    pub fn signed(&self, mut set: Rrset) -> Rrset {
        let parents = [RType::NSEC, RType::DS].contains(&set.rtype);
        if self.is_below_cut(&set.owner) || self.is_cut(&set.owner) && !parents {
            return set;
        }
        let keys: Vec<&SigningKey> = self.keys.iter().collect();
        for key in keys {
            let signature = self.signature(&set, key);
            set.signatures.push(&signature);
        }
        set
    }

    pub fn signature(&self, set: &Rrset, key: &SigningKey) -> Vec<u8> {
        let rdatas: Vec<&[u8]> = set.rdata.iter().collect();
        let plain =
            verify::Rrset { owner: &set.owner, class: Class::IN, rtype: set.rtype, ttl: set.ttl, rdatas: &rdatas };
        let (inception, expiration) = (self.inception, self.expiration);
        let terms = SignatureTerms { signer: &self.apex, inception, expiration, labels: None };
        sign_rrset(&plain, &terms, key, &mut Scratch::default()).expect("signature")
    }

    /// The answer to a question for a name of the zone.
    pub fn answer(&self, qname: &Name, rtype: RType) -> Fetched {
        let reply = |kind| Fetched {
            kind,
            answers: Vec::new(),
            authorities: Vec::new(),
            zone: self.apex.clone(),
            server: None,
        };
        let exact = |rtype| self.sets.get(&(qname.to_owned(), rtype));
        if let Some(set) = exact(rtype) {
            return Fetched { answers: vec![Arc::new(set.clone())], ..reply(Kind::Positive) };
        }
        // RFC 4035 3.1.1: signatures can be asked for.
        if rtype == RType::RRSIG && self.is_signed() {
            let mut all = Rrset::new(qname.to_owned(), rtype, self.ttl);
            let here = self.sets.iter().filter(|((owner, _), _)| **owner == *qname);
            here.for_each(|(_, set)| set.signatures.iter().for_each(|signature| all.rdata.push(signature)));
            if !all.rdata.is_empty() {
                return Fetched { answers: vec![Arc::new(all)], ..reply(Kind::Positive) };
            }
        }
        if rtype == RType::ANY && self.sets.keys().any(|(owner, _)| **owner == *qname) {
            let all = self.sets.iter().filter(|((owner, _), _)| **owner == *qname);
            return Fetched { answers: all.map(|(_, set)| Arc::new(set.clone())).collect(), ..reply(Kind::Positive) };
        }
        if let Some(set) = exact(RType::CNAME) {
            let kind = Kind::Alias(target(set));
            return Fetched { answers: vec![Arc::new(set.clone())], ..reply(kind) };
        }
        let above = qname.ancestors().skip(1).take_while(|at| at.is_at_or_below(&self.apex));
        if let Some(dname) = above.filter_map(|at| self.sets.get(&(at.to_owned(), RType::DNAME))).next() {
            let labels = qname.strip_suffix(&dname.owner).expect("below");
            let Ok(to) = NameBuf::from_wire([labels, target(dname).as_wire()].concat()) else {
                return Fetched { answers: vec![Arc::new(dname.clone())], ..reply(Kind::TooLong) };
            };
            let cname = Rrset::new(qname.to_owned(), RType::CNAME, dname.ttl).with(to.as_wire());
            return Fetched { answers: vec![Arc::new(dname.clone()), Arc::new(cname)], ..reply(Kind::Alias(to)) };
        }
        if self.exists(qname) {
            return self.negative(qname, reply(Kind::NoData));
        }
        let encloser = qname.ancestors().skip(1).find(|at| self.exists(at)).expect("in the zone");
        let wildcard = encloser.prepend(b"*").expect("name");
        let at_wildcard = |rtype| self.sets.get(&(wildcard.clone(), rtype));
        match at_wildcard(rtype).or_else(|| at_wildcard(RType::CNAME)) {
            Some(set) => {
                let kind = if set.rtype == rtype { Kind::Positive } else { Kind::Alias(target(set)) };
                let answers = vec![Arc::new(Rrset { owner: qname.to_owned(), ..set.clone() })];
                let authorities = self.proofs(qname, false);
                Fetched { answers, authorities, ..reply(kind) }
            }
            None if self.exists(&wildcard) => self.negative(qname, reply(Kind::NoData)),
            None => self.negative(qname, reply(Kind::NxDomain)),
        }
    }

    fn exists(&self, at: &Name) -> bool {
        self.sets.keys().any(|(owner, rtype)| *rtype != RType::NSEC3 && owner.is_at_or_below(at))
    }

    fn negative(&self, qname: &Name, reply: Fetched) -> Fetched {
        let mut authorities = vec![Arc::new(self.sets[&(self.apex.clone(), RType::SOA)].clone())];
        authorities.append(&mut self.proofs(qname, true));
        Fetched { authorities, ..reply }
    }

    /// NSEC or NSEC3 records that show what is and is not at `qname`, and at the wildcard.
    pub fn proofs(&self, qname: &Name, with_wildcard: bool) -> Vec<Arc<Rrset>> {
        let mut names = vec![qname.to_owned()];
        if !self.exists(qname) {
            let encloser = qname.ancestors().skip(1).find(|at| self.exists(at)).expect("in the zone");
            let next = qname.ancestors().find(|at| at.parent() == Some(encloser)).expect("closer");
            names.push(next.to_owned());
            if with_wildcard {
                names.push(encloser.to_owned());
                names.push(encloser.prepend(b"*").expect("name"));
            }
        }
        // What opt-out leaves out is shown like what does not exist.
        if matches!(self.denying, Denying::Nsec3 { opt_out: true, .. }) {
            names.extend(qname.parent().map(Name::to_owned));
        }
        let mut proofs: Vec<Arc<Rrset>> = Vec::new();
        for name in names {
            let proof = match self.denying {
                Denying::Nsec => self.around(RType::NSEC, |set| *set.owner <= *name),
                Denying::Nsec3 { iterations, .. } => {
                    let hash = nsec3::label(&nsec3::hash(&name, b"salt", iterations)).to_vec();
                    self.around(RType::NSEC3, |set| set.owner.labels().next() <= Some(&hash))
                }
            };
            proofs.extend(proof.filter(|proof| !proofs.contains(proof)));
        }
        proofs
    }

    /// The last record that is not behind something; if there is none, the last of all.
    fn around(&self, rtype: RType, not_behind: impl Fn(&Rrset) -> bool) -> Option<Arc<Rrset>> {
        let all = || self.sets.values().filter(|set| set.rtype == rtype);
        all().rfind(|set| not_behind(set)).or_else(|| all().next_back()).map(|set| Arc::new(set.clone()))
    }
}

pub fn target(set: &Rrset) -> NameBuf {
    let rdata = set.rdata.iter().next().expect("data");
    NameBuf::from_wire(rdata.to_vec()).expect("name")
}
