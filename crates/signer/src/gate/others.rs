//! Zones that others sign: whether resolvers would take what comes of them, judged with the code that judges our own.

use std::collections::BTreeSet;

use dns::{NameBuf, RType};
use zone::Contents;
use zone::contents::Nsec3Params;

use super::signatures::{Keys, Known, Lasting};
use super::{GateError, denial, in_shares};
use crate::sign::{is_signed, with_ancestors};

/// What is wrong is named so often; the rest is counted.
const MAX_NAMED: usize = 100;

/// What a validator thinks of a zone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judged {
    /// What it would refuse, at most 100 of it; one problem of a name.
    pub problems: Vec<GateError>,
    /// How much that is.
    pub count: usize,
    /// Until when the first signature lasts that is needed; `None`: there is none.
    pub until: Option<Lasting>,
}

/// A version that was judged before, and found to be right.
#[derive(Debug, Clone, Copy)]
pub struct Since<'a> {
    /// That version.
    pub before: &'a Contents,
    /// The owners of what has changed since.
    pub owners: &'a BTreeSet<NameBuf>,
}

/// Judges a zone: every signature that the zone has to have, under its own keys, and the proof that it has for every name.
/// `since` saves the verification of signatures that were verified already, as long as the keys are the same.
pub fn judge(zone: &Contents, since: Option<Since<'_>>, now_s: u64, threads: usize) -> Judged {
    let keys = match Keys::of_others(zone, now_s) {
        Ok(keys) => keys,
        Err(problem) => return Judged { problems: vec![problem], count: 1, until: needed_until(zone, now_s) },
    };
    let keys_of = |contents: &Contents| contents.records(contents.origin(), RType::DNSKEY);
    let until = until(&keys, zone);
    // What was verified may have ended since.
    let lasts = until.is_none_or(|until| until.end_s > now_s);
    let since = since.filter(|since| lasts && keys_of(since.before) == keys_of(zone));
    let nsec3 = chain_of(zone);
    let mut names: BTreeSet<NameBuf> = zone.nodes().map(|node| zone.owner(&node)).collect();
    // A name that went has to be denied.
    names.extend(since.iter().flat_map(|since| since.owners.iter().cloned()));
    if nsec3.is_some() {
        names = with_ancestors(names, zone.origin());
    }
    let names: Vec<NameBuf> = names.into_iter().collect();
    let shares = in_shares(&names, threads, |names| {
        let (mut verifier, mut judged) = (keys.verifier(), Judged::default());
        for name in names {
            let is_known = since.is_some_and(|since| !since.owners.contains(name));
            let verified = if is_known { Ok(()) } else { verifier.check_name(zone, name, |_| Known::Nothing) };
            judged.add(verified.and_then(|()| denial::check_name(nsec3.as_ref(), zone, name)).err());
        }
        judged
    });
    let mut judged = Judged { until, ..Judged::default() };
    for share in shares {
        judged.count += share.count;
        judged.problems.extend(share.problems);
    }
    judged.problems.truncate(MAX_NAMED);
    judged
}

impl Judged {
    fn add(&mut self, problem: Option<GateError>) {
        self.count += usize::from(problem.is_some());
        self.problems.extend(problem.filter(|_| self.problems.len() < MAX_NAMED));
    }
}

/// When the first of those signatures ends that the zone needs; `None`: it has none. Verifies no signature but those over the
/// keys.
pub fn needed_until(zone: &Contents, now_s: u64) -> Option<Lasting> {
    match Keys::of_others(zone, now_s) {
        Ok(keys) => until(&keys, zone),
        // Nothing verifies without the keys: their own signatures count, which may have ended.
        Err(_) => {
            let keys = Keys::published(zone.origin(), zone, now_s).ok()?;
            zone.apex()?.rrset(RType::DNSKEY).and_then(|rrset| keys.needed_until(&rrset))
        }
    }
}

fn until(keys: &Keys<'_>, zone: &Contents) -> Option<Lasting> {
    let of_node = |node: zone::node::Node<'_>| {
        let standing = zone.standing(&zone.owner(&node));
        let signed = node.rrsets().filter(|rrset| rrset.count > 0 && is_signed(standing, rrset.rtype));
        signed.filter_map(|rrset| keys.needed_until(&rrset)).min()
    };
    zone.nodes().filter_map(of_node).min()
}

/// The parameters of the zone's hashed chain, if it has one.
fn chain_of(zone: &Contents) -> Option<Nsec3Params> {
    let all = zone.apex().map(|apex| Nsec3Params::of(&apex)).unwrap_or_default();
    all.into_iter().find(|params| !zone.hash_ring(params).is_empty())
}
