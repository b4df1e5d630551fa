//! What the right answer is, from the zones alone, and whether it can be had.

use std::collections::BTreeSet;
use std::net::IpAddr;

use dns::{NameBuf, RType, Rcode};
use resolver::limits::Limits;

use crate::world::{Found, Manner, Server, World, find};

/// A record: owner in lower case, type, data.
pub type Fact = (NameBuf, u16, Vec<u8>);

/// What is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// The RCODE; SERVFAIL for chains of aliases that have no end.
    pub rcode: Rcode,
    /// The records of the answer section.
    pub answers: BTreeSet<Fact>,
    /// Aliases on the way.
    pub aliases: u32,
    /// The zones that answer.
    pub zones: BTreeSet<usize>,
}

/// The right answer.
pub fn truth(world: &World, name: &NameBuf, rtype: RType) -> Truth {
    let mut truth = Truth { rcode: Rcode::NOERROR, answers: BTreeSet::new(), aliases: 0, zones: BTreeSet::new() };
    let (mut name, mut seen) = (name.clone(), Vec::new());
    loop {
        // DS is what the zone above the cut has.
        let home = if rtype == RType::DS && !name.is_root() {
            name.parent().expect("not the root").to_owned()
        } else {
            name.clone()
        };
        let index = world.zone_of(&home);
        truth.zones.insert(index);
        let cuts: Vec<&NameBuf> = world.zones.iter().filter(|it| it.parent == Some(index)).map(|it| &it.apex).collect();
        let fact = |owner: &NameBuf, rtype: RType, rdata: Vec<u8>| (owner.to_canonical(), rtype.0, rdata);
        let next = match find(&world.zones[index], &cuts, &name, rtype) {
            Found::Data(data) => {
                truth.answers.extend(data.into_iter().map(|rdata| fact(&name, rtype, rdata)));
                return truth;
            }
            Found::NoData => return truth,
            Found::NxDomain => {
                truth.rcode = Rcode::NXDOMAIN;
                return truth;
            }
            Found::Cname(target) => {
                truth.answers.insert(fact(&name, RType::CNAME, target.clone().into_wire()));
                target
            }
            Found::Dname(owner, target) => {
                truth.answers.insert(fact(&owner, RType::DNAME, target.clone().into_wire()));
                let labels = name.strip_suffix(&owner).expect("below the DNAME");
                let Ok(made) = NameBuf::from_wire([labels, target.as_wire()].concat()) else {
                    truth.rcode = Rcode::YXDOMAIN;
                    return truth;
                };
                truth.answers.insert(fact(&name, RType::CNAME, made.clone().into_wire()));
                if rtype == RType::CNAME {
                    return truth;
                }
                made
            }
        };
        truth.aliases += 1;
        seen.push(std::mem::replace(&mut name, next));
        if seen.contains(&name) || truth.aliases > 64 {
            truth.rcode = Rcode::SERVFAIL;
            return truth;
        }
    }
}

/// For each zone, how deep in name servers of name servers one has to go to reach it for certain; `None` if it may be
/// that it cannot be reached.
pub fn reachable(world: &World, limits: &Limits) -> Vec<Option<u32>> {
    let usable = |address: &IpAddr| (world.ipv6 || address.is_ipv4()) && is_well(world, address);
    let mut depths: Vec<Option<u32>> = vec![None; world.zones.len()];
    loop {
        let mut changed = false;
        for (index, zone) in world.zones.iter().enumerate() {
            let above = match zone.parent {
                Some(parent) => depths[parent],
                None => Some(0),
            };
            let by = |(host, glue): &(usize, Vec<IpAddr>)| {
                let host = &world.hosts[*host];
                let believed = zone.parent.is_none_or(|parent| host.name.is_at_or_below(&world.zones[parent].apex));
                if believed && glue.iter().any(usable) {
                    return Some(0);
                }
                let outside = !host.name.is_at_or_below(&zone.apex) && zone.parent.is_some();
                let found = depths[host.zone].filter(|_| outside && host.addresses.iter().any(usable))?;
                Some(found + 1)
            };
            let Some(above) = above else { continue };
            let best = zone.servers.iter().filter_map(by).min().map(|depth| depth.max(above));
            let best = best.filter(|&depth| depth < limits.depth);
            if best.is_some() && (depths[index].is_none() || best < depths[index]) {
                (depths[index], changed) = (best, true);
            }
        }
        if !changed {
            return depths;
        }
    }
}

/// Whether a server answers well all the time.
fn is_well(world: &World, address: &IpAddr) -> bool {
    // There are no signatures without EDNS.
    let mute = |manner| world.dnssec && manner == Manner::NoEdns;
    let well = |server: &Server| server.manner.is_well() && !mute(server.manner) && server.outage.is_none();
    world.servers.get(address).is_some_and(well)
}
