//! Signatures and NSEC records (RFC 4035) for the zones of a [`World`] that have them.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use dns::rdata::bitmap;
use dns::{Class, Message, Name, NameBuf, RType, Record};
use dnssec::canonical::{Rrset, Scratch};
use dnssec::digest::sha256;
use dnssec::sign::{SignatureTerms, SigningKey, sign_rrset};

use crate::world::{NEGATIVE_TTL, TTL, World};

/// When the simulation begins, in seconds since 1970.
pub const START: u64 = 1_700_000_000;
const SHA256: u8 = 2;

/// Signs what the zones of a world have, each RRset once.
pub struct Signer {
    world: Rc<World>,
    made: RefCell<HashMap<(usize, NameBuf, u16), Vec<u8>>>,
}

/// The one key of a zone.
fn key(world: &World, zone: usize) -> SigningKey {
    SigningKey::from_seed(&sha256(world.zones[zone].apex.as_wire())).expect("key").with_flags(257)
}

/// The data of the DS record of a zone.
pub fn ds(world: &World, zone: usize) -> Vec<u8> {
    key(world, zone).ds_rdata(&world.zones[zone].apex, SHA256).expect("DS")
}

/// The data of the DNSKEY record of a zone.
pub fn dnskey(world: &World, zone: usize) -> Vec<u8> {
    key(world, zone).dnskey_rdata().to_vec()
}

impl Signer {
    /// A signer for this world.
    pub fn new(world: Rc<World>) -> Signer {
        Signer { world, made: RefCell::default() }
    }

    /// Completes an answer of a signed zone to a question with DO: proofs, then signatures.
    pub fn complete(&self, zone: usize, name: &Name, message: &mut Message) {
        if !self.world.zones[zone].signed {
            return;
        }
        self.add_proofs(zone, name, message);
        for section in [&mut message.answers, &mut message.authorities] {
            let signatures = self.signatures(zone, section);
            section.extend(signatures);
        }
    }

    /// NSEC records for what the answer says is not there; `name` is where the aliases lead.
    fn add_proofs(&self, zone: usize, name: &Name, message: &mut Message) {
        let this = &self.world.zones[zone];
        let mut proofs: BTreeSet<NameBuf> = BTreeSet::new();
        // RFC 4035 3.1.3.3: an answer that a wildcard made.
        for record in message.answers.iter().filter(|record| record.rtype != RType::DNAME) {
            let made = message.answers.iter().any(|it| it.rtype == RType::DNAME && is_below(&record.owner, &it.owner));
            if !made
                && record.owner.is_at_or_below(&this.apex)
                && self.source(zone, &record.owner) != Some(record.owner.clone())
            {
                proofs.insert(self.before(zone, &record.owner));
            }
        }
        if let Some(ns) = message.authorities.iter().find(|record| record.rtype == RType::NS) {
            // RFC 4035 3.1.4: a referral.
            let cut = self.world.zones.iter().position(|it| it.apex == ns.owner).expect("a zone");
            let owner = ns.owner.clone();
            match self.world.zones[cut].has_ds {
                true => message.authorities.push(record(&owner, RType::DS, TTL, ds(&self.world, cut))),
                false => drop(proofs.insert(owner)),
            }
        }
        if message.authorities.iter().any(|record| record.rtype == RType::SOA) {
            // RFC 4035 3.1.3.1, 3.1.3.2, 3.1.3.4.
            proofs.insert(self.before(zone, name));
            if self.source(zone, name).as_deref() != Some(name) {
                let encloser = name.ancestors().skip(1).find(|above| self.exists(zone, above)).unwrap_or(&this.apex);
                if !self.exists(zone, name) {
                    proofs.insert(self.before(zone, &encloser.prepend(b"*").expect("short name")));
                }
            }
        }
        for owner in proofs {
            message.authorities.push(self.nsec(zone, &owner));
        }
    }

    /// The names that NSEC records stand at, in canonical order.
    fn owners(&self, zone: usize) -> Vec<NameBuf> {
        let cuts = self.world.zones.iter().filter(|it| it.parent == Some(zone)).map(|it| it.apex.clone());
        let names: BTreeSet<NameBuf> = self.world.zones[zone].nodes.keys().cloned().chain(cuts).collect();
        names.into_iter().collect()
    }

    /// The owner at or before a name.
    fn before(&self, zone: usize, name: &Name) -> NameBuf {
        let owners = self.owners(zone);
        owners.iter().rev().find(|owner| ***owner <= *name).unwrap_or(&owners[0]).clone()
    }

    fn exists(&self, zone: usize, name: &Name) -> bool {
        self.owners(zone).iter().any(|owner| owner.is_at_or_below(name))
    }

    /// The name whose records answer for a name: itself, or a wildcard.
    fn source(&self, zone: usize, name: &Name) -> Option<NameBuf> {
        let nodes = &self.world.zones[zone].nodes;
        if nodes.contains_key(name) || self.world.zones.iter().any(|it| it.parent == Some(zone) && *it.apex == *name) {
            return Some(name.to_owned());
        }
        let encloser = name.ancestors().skip(1).find(|above| self.exists(zone, above))?;
        encloser.prepend(b"*").ok().filter(|wildcard| nodes.contains_key(wildcard))
    }

    fn nsec(&self, zone: usize, owner: &NameBuf) -> Record {
        let owners = self.owners(zone);
        let at = owners.iter().position(|it| it == owner).expect("an owner");
        let mut rdata = owners[(at + 1) % owners.len()].clone().into_wire();
        let cut = self.world.zones.iter().position(|it| it.parent == Some(zone) && it.apex == *owner);
        let mut types: Vec<RType> = match cut {
            Some(cut) if self.world.zones[cut].has_ds => vec![RType::NS, RType::DS],
            Some(_) => vec![RType::NS],
            None => self.world.zones[zone].nodes[owner].keys().map(|&rtype| RType(rtype)).collect(),
        };
        types.extend([RType::RRSIG, RType::NSEC]);
        if *owner == self.world.zones[zone].apex {
            types.push(RType::DNSKEY);
        }
        types.sort_unstable();
        bitmap::encode(types, &mut rdata);
        record(owner, RType::NSEC, NEGATIVE_TTL, rdata)
    }

    /// The signatures of the RRsets in a section that the zone is authoritative for.
    fn signatures(&self, zone: usize, section: &[Record]) -> Vec<Record> {
        let apex = &self.world.zones[zone].apex;
        let sets: BTreeSet<(NameBuf, RType)> = section.iter().map(|it| (it.owner.clone(), it.rtype)).collect();
        let mut out = Vec::new();
        for (owner, rtype) in sets {
            let made = |it: &Record| it.rtype == RType::DNAME && is_below(&owner, &it.owner);
            let cut = rtype == RType::NS && owner != *apex;
            if cut || section.iter().any(made) {
                continue;
            }
            let set: Vec<&Record> = section.iter().filter(|it| it.owner == owner && it.rtype == rtype).collect();
            let source =
                if rtype == RType::NSEC { owner.clone() } else { self.source(zone, &owner).unwrap_or(owner.clone()) };
            let rdata = self.signature(zone, &source, rtype, &set);
            out.push(record(&owner, RType::RRSIG, set[0].ttl, rdata));
        }
        out
    }

    fn signature(&self, zone: usize, source: &NameBuf, rtype: RType, set: &[&Record]) -> Vec<u8> {
        let id = (zone, source.clone(), rtype.0);
        if let Some(made) = self.made.borrow().get(&id) {
            return made.clone();
        }
        let day = 86_400;
        let (inception, expiration) = ((START - day) as u32, (START + 30 * day) as u32);
        let terms = SignatureTerms { signer: &self.world.zones[zone].apex, inception, expiration, labels: None };
        let rdatas: Vec<&[u8]> = set.iter().map(|it| &it.rdata[..]).collect();
        let rrset = Rrset { owner: source, class: Class::IN, rtype, ttl: set[0].ttl, rdatas: &rdatas };
        let made = sign_rrset(&rrset, &terms, &key(&self.world, zone), &mut Scratch::default()).expect("signature");
        self.made.borrow_mut().insert(id, made.clone());
        made
    }
}

fn is_below(name: &Name, above: &Name) -> bool {
    *name != *above && name.is_at_or_below(above)
}

fn record(owner: &Name, rtype: RType, ttl: u32, rdata: Vec<u8>) -> Record {
    Record { owner: owner.to_owned(), rtype, class: Class::IN, ttl, rdata }
}
