//! Zone cuts and their name servers, as referrals gave them, and the addresses of name servers.
//!
//! This data is kept apart from answers (RFC 2181 5.4.1): no client sees it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use dns::{Name, NameBuf, RType};

use crate::bounded::Bounded;
use crate::fetched::Fetched;
use crate::limits::{MAX_DELEGATIONS, MAX_SERVER_NAMES};
use crate::scrub::Referral;
use crate::settings::{Hint, StubZone};

/// The longest that a delegation is believed, in seconds.
const MAX_TTL_S: u64 = 86_400;
/// The shortest: referrals with lower TTLs would be asked for with every question.
const MIN_TTL_S: u64 = 5;
const SECOND_US: u64 = 1_000_000;

/// A name server of a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameServer {
    /// Its name; `None` if only addresses are configured.
    pub name: Option<NameBuf>,
    /// The addresses that are known without looking the name up: glue, hints, configuration.
    pub addresses: Vec<SocketAddr>,
}

/// A zone and who serves it.
#[derive(Debug, Clone)]
pub struct Delegation {
    /// The apex.
    pub zone: NameBuf,
    /// Its name servers.
    pub servers: Vec<NameServer>,
    /// What the parent said about DS; `None` if it said nothing.
    pub ds: Option<Arc<Fetched>>,
    /// What the servers just said about NS of the apex: the answer to the priming question. It is not remembered.
    pub primed: Option<Arc<Fetched>>,
    /// Until when it is believed, in microseconds.
    pub until_us: u64,
}

impl Delegation {
    /// What a referral says.
    pub fn of_referral(referral: &Referral, port: u16, now_us: u64, max_servers: usize) -> Delegation {
        let server = |(name, addresses): &(NameBuf, Vec<IpAddr>)| NameServer {
            name: Some(name.clone()),
            addresses: addresses.iter().map(|&ip| SocketAddr::new(ip, port)).collect(),
        };
        let ttl_s = u64::from(referral.ttl).clamp(MIN_TTL_S, MAX_TTL_S);
        Delegation {
            zone: referral.zone.clone(),
            servers: referral.servers.iter().take(max_servers).map(server).collect(),
            ds: referral.ds.clone(),
            primed: None,
            until_us: now_us + ttl_s * SECOND_US,
        }
    }

    /// The addresses that came with the name of a name server; `None` if none did.
    pub fn glue(&self, name: &Name) -> Option<&[SocketAddr]> {
        let server = self.servers.iter().find(|server| server.name.as_deref() == Some(name))?;
        Some(&*server.addresses).filter(|addresses| !addresses.is_empty())
    }

    /// The root by its hints.
    pub fn of_hints(hints: &[Hint], port: u16) -> Delegation {
        let server = |hint: &Hint| NameServer {
            name: Some(hint.name.clone()),
            addresses: hint.addresses.iter().map(|&ip| SocketAddr::new(ip, port)).collect(),
        };
        let servers = hints.iter().map(server).collect();
        Delegation { zone: NameBuf::root(), servers, ds: None, primed: None, until_us: 0 }
    }

    /// A stub zone.
    pub fn of_stub(stub: &StubZone) -> Delegation {
        let servers = vec![NameServer { name: None, addresses: stub.servers.clone() }];
        Delegation { zone: stub.name.clone(), servers, ds: None, primed: None, until_us: u64::MAX }
    }
}

/// The zone cuts that referrals told of.
pub struct Delegations {
    known: Bounded<NameBuf, Arc<Delegation>>,
}

impl Delegations {
    /// None known.
    pub fn new(seed: u64) -> Delegations {
        Delegations { known: Bounded::new(MAX_DELEGATIONS, seed) }
    }

    /// The deepest zone known that `name` is in; for DS, the zone above the cut (RFC 4035 4.2).
    pub fn closest(&self, name: &Name, rtype: RType, now_us: u64) -> Option<Arc<Delegation>> {
        let skip = usize::from(rtype == RType::DS && !name.is_root());
        name.ancestors().skip(skip).find_map(|zone| self.get(zone, now_us))
    }

    /// The delegation of just this zone.
    pub fn get(&self, zone: &Name, now_us: u64) -> Option<Arc<Delegation>> {
        let found = self.known.get(zone)?;
        (found.until_us > now_us).then_some(found)
    }

    /// The addresses that a delegation gave for a name server in the zone that it delegates, or below.
    pub fn glue_of(&self, name: &Name, now_us: u64) -> Vec<SocketAddr> {
        let glue = |zone| self.get(zone, now_us)?.glue(name).map(<[_]>::to_vec);
        name.ancestors().find_map(glue).unwrap_or_default()
    }

    /// Remembers a delegation. One that is known stays until its time is over, so that the parent is asked again at
    /// the end of its TTL and a zone that was taken away does not live on ("ghost domain names").
    pub fn insert(&self, delegation: Arc<Delegation>) {
        self.known.insert(delegation.zone.clone(), delegation);
    }

    /// Forgets what is at or below a name.
    pub fn forget(&self, name: &Name) {
        self.known.retain(|zone, _| !zone.is_at_or_below(name));
    }
}

/// The addresses of one family of a name server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// Empty: it has none.
    pub addresses: Arc<[IpAddr]>,
    /// Until when it is believed, in microseconds.
    pub until_us: u64,
}

/// The addresses of name servers that were looked up.
pub struct AddressBook {
    known: Bounded<NameBuf, [Option<Addresses>; 2]>,
}

/// Which of the two families a type of record is for.
fn family(rtype: RType) -> usize {
    usize::from(rtype == RType::AAAA)
}

impl AddressBook {
    /// An empty book.
    pub fn new(seed: u64) -> AddressBook {
        AddressBook { known: Bounded::new(MAX_SERVER_NAMES, seed) }
    }

    /// What is known of the addresses of `name` of the family of `rtype` (A or AAAA).
    pub fn get(&self, name: &Name, rtype: RType, now_us: u64) -> Option<Arc<[IpAddr]>> {
        let found = self.known.get(name)?[family(rtype)].clone()?;
        (found.until_us > now_us).then_some(found.addresses)
    }

    /// Remembers addresses for so many seconds.
    pub fn insert(&self, name: &Name, rtype: RType, addresses: Arc<[IpAddr]>, ttl_s: u32, now_us: u64) {
        let until_us = now_us + u64::from(ttl_s).clamp(MIN_TTL_S, MAX_TTL_S) * SECOND_US;
        let entry = Some(Addresses { addresses, until_us });
        self.known.update(name.to_owned(), |families| families[family(rtype)] = entry);
    }

    /// Forgets what is at or below a name.
    pub fn forget(&self, name: &Name) {
        self.known.retain(|owner, _| !owner.is_at_or_below(name));
    }
}
