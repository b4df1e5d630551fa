//! Finds the addresses of name servers: from what is known, or by asking.
//!
//! The glue of a referral is enough (RFC 1034 5.3.3): a name server inside the zone that it serves costs no question of its
//! own. [`crate::zone`] calls this; every lookup counts against the limits of the question that needs it.

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use dns::{Name, RType};

use crate::delegation::Delegation;
use crate::fetched::{Fetched, Kind};
use crate::iterate::Reached;
use crate::limits::FAILURE_TTL_S;
use crate::local::Local;
use crate::question::Question;
use crate::resolve::Resolver;
use crate::route::Route;
use crate::scrub::address;
use crate::security::Reason;
use crate::upstream::Upstream;
use crate::work::Context;
use crate::zone::MAX_JOINED;

/// A name server without addresses is looked up again after so long, in seconds.
const NO_ADDRESS_S: u32 = 60;

/// How a name server is looked up.
#[derive(Clone, Copy)]
pub(crate) struct Lookup {
    /// The addresses that are known do not answer: glue will not do, and all families are wanted.
    pub others: bool,
    /// No other name server is left: the lookup may take all the time there is.
    pub last: bool,
}

impl<U: Upstream> Resolver<U> {
    /// Addresses of a name server that is not known yet; or of one whose addresses do not answer: what the zone of the
    /// name server says may be wrong, and what its parent says right, or the other way round. Also says whether all
    /// was found out that can be.
    pub(crate) async fn more_addresses(
        self: &Rc<Self>,
        context: &Context,
        cut: &Delegation,
        index: usize,
        lookup: Lookup,
    ) -> (Vec<SocketAddr>, bool) {
        let Some(name) = cut.servers.get(index).and_then(|server| server.name.as_ref()) else { return (vec![], true) };
        // Within the zone nobody but the servers that do not answer could tell.
        let (found, finished) = match lookup.others && name.is_at_or_below(&cut.zone) {
            true => (Vec::new(), true),
            false => self.addresses_of(context, name, lookup).await,
        };
        let port = self.settings().upstream_port;
        let mut addresses: Vec<_> = found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
        if lookup.others || addresses.is_empty() {
            addresses.extend(self.shared().delegations.glue_of(name, self.upstream().now_us()));
        }
        (addresses, finished)
    }

    /// The addresses of a name server that are known: looked up before, or the glue of the zone that it is in.
    pub(crate) fn known_addresses(&self, name: &Name, now_us: u64) -> Vec<SocketAddr> {
        let book = &self.shared().addresses;
        let known = self.families().filter_map(|family| book.get(name, family, now_us));
        let known: Vec<_> = known
            .flat_map(|known| known.to_vec())
            .map(|ip| SocketAddr::new(ip, self.settings().upstream_port))
            .collect();
        if known.is_empty() { self.shared().delegations.glue_of(name, now_us) } else { known }
    }

    /// The types of address records that are of use.
    fn families(&self) -> impl Iterator<Item = RType> + use<U> {
        let (v4, v6) = (self.settings().ipv4, self.settings().ipv6);
        [(v4, RType::A), (v6, RType::AAAA)].into_iter().filter(|(on, _)| *on).map(|(_, rtype)| rtype)
    }

    /// Looks up the addresses of a name server: of IPv6 only if it has none of IPv4, or if `others` are wanted.
    async fn addresses_of(self: &Rc<Self>, context: &Context, name: &Name, lookup: Lookup) -> (Vec<IpAddr>, bool) {
        let (mut found, mut families) = (Vec::new(), self.families().peekable());
        while let Some(family) = families.next() {
            let known = || self.shared().addresses.get(name, family, self.upstream().now_us());
            let addresses = match known() {
                Some(addresses) => addresses,
                None => {
                    let lookup = Lookup { last: lookup.last && families.peek().is_none(), ..lookup };
                    let addresses = self.look_up(context, Question::new(name, family), lookup).await;
                    // If nothing was found out about the one family, the other would take as long in vain.
                    if addresses.is_empty() && known().is_none() {
                        return (found, false);
                    }
                    addresses
                }
            };
            found.extend_from_slice(&addresses);
            if !lookup.others && !found.is_empty() {
                break;
            }
        }
        (found, true)
    }

    async fn look_up(self: &Rc<Self>, context: &Context, question: Question, lookup: Lookup) -> Arc<[IpAddr]> {
        let limits = &self.settings().limits;
        let Ok(mut deeper) = context.deeper(limits) else { return Arc::default() };
        if context.work.name_server_lookup(limits).is_err() {
            return Arc::default();
        }
        // A name server that cannot be found leaves time for the next one, and for the question itself.
        if !lookup.last {
            let now_us = self.upstream().now_us();
            deeper.deadline_us = now_us + context.deadline_us.saturating_sub(now_us) / 2;
        }
        for _ in 0..MAX_JOINED {
            let ours = Cell::new(false);
            let start = |number| {
                ours.set(true);
                let (this, question, context) = (self.clone(), question.clone(), deeper.in_flight(number));
                async move { this.look_up_now(&context, question, !lookup.others).await }
            };
            // A name server whose address depends on itself has none.
            let joined = self.address_flights().join(context.flight, (question.clone(), context.moment), start).await;
            let Ok(addresses) = joined else { return Arc::default() };
            let known = || self.shared().addresses.get(&question.name, question.rtype, self.upstream().now_us());
            // The limits of whoever began it are not ours.
            if ours.get() || !addresses.is_empty() || known().is_some() {
                return addresses;
            }
        }
        self.clone().look_up_now(&deeper, question, !lookup.others).await
    }

    /// Addresses of name servers are not validated: what they lead to is. Glue is not written into the book: the
    /// delegation that it came with is kept.
    async fn look_up_now(self: Rc<Self>, context: &Context, question: Question, glue: bool) -> Arc<[IpAddr]> {
        let mut current = question.clone();
        for _ in 0..=self.settings().limits.aliases {
            let fetched = match self.fetch_address(context, &current, glue).await {
                Ok(Reached::Answer(fetched)) => fetched,
                Ok(Reached::Enough(addresses)) => return addresses,
                Err(reason) => {
                    // RFC 9520 3.2: not asked for again at once. That a limit of ours was passed says nothing of others.
                    if !reason.limit {
                        self.note_addresses(context, &question, Arc::default(), FAILURE_TTL_S);
                    }
                    return Arc::default();
                }
            };
            if let Kind::Alias(target) = &fetched.kind {
                current.name = target.clone();
                continue;
            }
            let rrset = fetched.answers.last().filter(|rrset| rrset.rtype == question.rtype);
            let addresses = rrset.into_iter().flat_map(|rrset| rrset.rdata.iter());
            let addresses: Arc<[IpAddr]> = addresses.filter_map(|rdata| address(question.rtype, rdata)).collect();
            let ttl_s = rrset.map_or(NO_ADDRESS_S, |rrset| rrset.ttl);
            self.note_addresses(context, &question, addresses.clone(), ttl_s);
            return addresses;
        }
        Arc::default()
    }

    /// Asks for one name; if `glue` will do, only as far as a delegation that comes with the addresses.
    async fn fetch_address(
        self: &Rc<Self>,
        context: &Context,
        question: &Question,
        glue: bool,
    ) -> Result<Reached<Arc<[IpAddr]>>, Reason> {
        if let Local::Answer { answers, .. } = self.local().find(&question.name, question.rtype) {
            let (kind, zone) = (Kind::Positive, question.name.clone());
            let fetched = Fetched { kind, answers, authorities: Vec::new(), zone, server: None };
            return Ok(Reached::Answer(Arc::new(fetched)));
        }
        if !glue || matches!(self.settings().route(&question.name, question.rtype), Route::Forward(_)) {
            return Box::pin(self.fetch(context, question, &[])).await.map(Reached::Answer);
        }
        let enough = |below: &Delegation| {
            let glue = below.glue(&question.name)?.iter().map(SocketAddr::ip);
            let glue: Arc<[IpAddr]> = glue.filter(|ip| ip.is_ipv4() == (question.rtype == RType::A)).collect();
            (!glue.is_empty()).then_some(glue)
        };
        Box::pin(self.descend(context, question, None, &[], enough)).await
    }

    fn note_addresses(&self, context: &Context, question: &Question, addresses: Arc<[IpAddr]>, ttl_s: u32) {
        let now_us = self.upstream().now_us();
        self.shared().addresses.insert(&question.name, question.rtype, addresses, ttl_s, now_us);
        if !self.is_current(context) {
            // They may be older than what changed meanwhile.
            self.shared().addresses.forget(&question.name);
        }
    }
}
