//! The name servers of the zones that lead to an answer, for policy about them (draft-vixie-dnsop-dns-rpz 4.3).
//!
//! Which zones an answer came from is known where it was just fetched ([`Outcome::zone_of`]), and who serves them where a
//! referral told of it. What is not known, as for an answer that has been in the cache for longer than the delegation, is
//! asked for: NS records of the names between, and addresses of the servers. So nothing of it need be kept with answers,
//! and whoever has no such policy pays nothing.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;

use dns::{Name, NameBuf, RType};
use futures_util::future::{join_all, select};

use crate::outcome::Outcome;
use crate::question::Question;
use crate::resolve::Resolver;
use crate::route::Route;
use crate::scrub::address;
use crate::trace::Trace;
use crate::upstream::Upstream;
use crate::work::Context;

/// Zones of fewer labels are not looked at: the root and top-level domains serve everybody.
const MIN_LABELS: usize = 2;
/// Names of one answer whose zones are looked at, those of aliases included.
const MAX_NAMES: usize = 16;
/// Names above one name that are asked for NS records, or are zones that are known.
const MAX_ZONES: usize = 16;
/// Name servers of one zone that are looked at.
const MAX_SERVERS: usize = 32;
/// There is at least so much time to find them, in microseconds, however long the answer took.
const MIN_TIME_US: u64 = 500_000;

/// A name server of a zone on the way to an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedServer {
    /// Its name.
    pub name: NameBuf,
    /// Its addresses, if they were wanted and are known.
    pub addresses: Vec<IpAddr>,
}

impl<U: Upstream> Resolver<U> {
    /// The name servers of the zones that each of `names` is in, from the deepest up to those below top-level domains.
    /// `names` are what `outcome` is about: its question, which came at `arrived_us`, and the aliases in it. What cannot be
    /// found out in the time that the question has is left out.
    pub async fn name_servers_of(
        self: &Rc<Self>,
        names: &[NameBuf],
        outcome: &Outcome,
        with_addresses: bool,
        arrived_us: u64,
    ) -> Vec<Vec<NamedServer>> {
        let least_us = self.upstream().now_us() + MIN_TIME_US;
        let deadline_us = least_us.max(arrived_us + self.settings().answer_within_ms() * 1000);
        let context = self.context(false, Trace::default(), deadline_us);
        let mut found = Vec::new();
        for name in names.iter().take(MAX_NAMES) {
            let mut servers = Vec::new();
            {
                let looking = pin!(self.look_up_the_way(&context, name, outcome, with_addresses, &mut servers));
                select(looking, pin!(self.upstream().sleep_until(deadline_us))).await;
            }
            found.push(servers);
        }
        found
    }

    async fn look_up_the_way(
        self: &Rc<Self>,
        context: &Context,
        name: &Name,
        outcome: &Outcome,
        with_addresses: bool,
        found: &mut Vec<NamedServer>,
    ) {
        // What a forwarder says is from a zone that it does not name.
        let is_forwarded = matches!(self.settings().route(name, RType::NS), Route::Forward(_));
        let start = outcome.zone_of(name).filter(|_| !is_forwarded).unwrap_or(name);
        let mut next = Some(start.to_owned());
        for _ in 0..MAX_ZONES {
            let Some(zone) = next.filter(|zone| zone.label_count() >= MIN_LABELS) else { return };
            let parent = || zone.parent().map(Name::to_owned);
            let servers = match self.shared().delegations.get(&zone, self.upstream().now_us()) {
                Some(cut) => {
                    next = parent();
                    let known = cut.servers.iter().take(MAX_SERVERS);
                    known.filter_map(|server| Some((server.name.clone()?, server.addresses.clone()))).collect()
                }
                None => {
                    let outcome = self.fly(context.clone(), Question::new(&*zone, RType::NS), false).await;
                    next = apex_above(&zone, &outcome).or_else(parent);
                    names_in(&zone, &outcome)
                }
            };
            found.extend(self.with_addresses(context, servers, with_addresses).await);
        }
    }

    /// The servers with their addresses, if those are wanted.
    async fn with_addresses(
        self: &Rc<Self>,
        context: &Context,
        servers: Vec<(NameBuf, Vec<SocketAddr>)>,
        wanted: bool,
    ) -> Vec<NamedServer> {
        if !wanted {
            return servers.into_iter().map(|(name, _)| NamedServer { name, addresses: Vec::new() }).collect();
        }
        join_all(servers.into_iter().map(|(name, glue)| async move {
            let known = self.known_addresses(&name, self.upstream().now_us());
            let mut addresses: Vec<IpAddr> = glue.iter().chain(&known).map(SocketAddr::ip).collect();
            for family in [RType::A, RType::AAAA] {
                if addresses.iter().any(|address| address.is_ipv4() == (family == RType::A)) {
                    continue;
                }
                let outcome = self.fly(context.clone(), Question::new(&*name, family), false).await;
                let rrsets = outcome.answers.iter().map(|timed| &timed.rrset).filter(|rrset| rrset.rtype == family);
                addresses
                    .extend(rrsets.flat_map(|rrset| rrset.rdata.iter()).filter_map(|rdata| address(family, rdata)));
            }
            addresses.sort_unstable();
            addresses.dedup();
            NamedServer { name, addresses }
        }))
        .await
    }
}

/// The names in the NS records of `zone`.
fn names_in(zone: &Name, outcome: &Outcome) -> Vec<(NameBuf, Vec<SocketAddr>)> {
    let rrsets = outcome.answers.iter().map(|timed| &timed.rrset).filter(|rrset| rrset.is(zone, RType::NS));
    let names = rrsets.flat_map(|rrset| rrset.rdata.iter()).take(MAX_SERVERS);
    names.filter_map(|rdata| Some((NameBuf::from_wire(rdata.to_vec()).ok()?, Vec::new()))).collect()
}

/// The apex of the zone that `name` is in, where a negative answer tells it: no name between is a zone.
fn apex_above(name: &Name, outcome: &Outcome) -> Option<NameBuf> {
    let mut soas = outcome.authorities.iter().map(|timed| &timed.rrset).filter(|rrset| rrset.rtype == RType::SOA);
    let apex = &soas.next()?.owner;
    (**apex != *name && name.is_at_or_below(apex)).then(|| apex.to_owned())
}
