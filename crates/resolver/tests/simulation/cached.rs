//! Whether what the resolver remembers is the truth.

use dns::{NameBuf, RType, Rcode};
use resolver::cache::{Found, Row, RowKind};
use resolver::{Security, Shared};

use crate::model::truth;
use crate::world::{FORGER, World};

/// Most names that are looked at.
const NAMES: usize = 10_000;

/// What is in the cache and not true, but for names that `excused` says may be wrong.
pub fn faults(world: &World, shared: &Shared, now_us: u64, excused: &dyn Fn(&NameBuf) -> bool) -> Vec<String> {
    let rows = shared.cache.browse(now_us / 1000, None, NAMES, None);
    // Bogus data is kept as such, for those who set CD.
    let wrong =
        |row: &Row| row.security != Security::Bogus && !excused(&row.name) && !is_true(world, shared, now_us, row);
    let mut faults: Vec<String> =
        rows.iter().filter(|row| wrong(row)).map(|row| format!("in the cache, and not true: {row:?}")).collect();
    for host in world.hosts.iter().filter(|host| !excused(&host.name)) {
        let known = shared.addresses.get(&host.name, RType::A, now_us);
        if known.is_some_and(|known| known.contains(&FORGER)) {
            faults.push(format!("forged address of name server {} is believed", host.name));
        }
    }
    faults
}

fn is_true(world: &World, shared: &Shared, now_us: u64, row: &Row) -> bool {
    let rtype = row.rtype.unwrap_or(RType::A);
    let truth = truth(world, &row.name, rtype);
    match row.kind {
        RowKind::Failure => true,
        RowKind::NxDomain => truth.rcode == Rcode::NXDOMAIN && truth.aliases == 0,
        RowKind::NoData => truth.rcode == Rcode::NOERROR && truth.answers.is_empty(),
        RowKind::Positive => match shared.cache.lookup(now_us / 1000, &row.name, rtype, dns::Name::root()) {
            Some(Found::Positive(cached)) => {
                let facts =
                    cached.data.rrset.rdata.iter().map(|rdata| (row.name.to_canonical(), rtype.0, rdata.to_vec()));
                facts.into_iter().all(|fact| truth.answers.contains(&fact))
            }
            // It has expired, or another entry is in front of it.
            _ => true,
        },
    }
}
