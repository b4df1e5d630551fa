//! Asks the servers of one zone until one gives a useful reply.
//!
//! Chooses the server, counts the attempts, and looks up addresses of name servers. Enforces the limits against delegations
//! that are made to cost work (NXNSAttack, CAMP).

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use dns::edns::ede;
use dns::rdata::typed::Rrsig;
use dns::{Name, NameBuf, RType, Rcode};

use crate::addresses::Lookup;
use crate::ask::{Ask, AskError};
use crate::delegation::Delegation;
use crate::fetched::{Fetched, Kind};
use crate::flight::FlightError;
use crate::limits::{MAX_MINIMISED_TIMEOUTS, MAX_PLAIN_ATTEMPTS, MAX_PRIMING_ATTEMPTS, UNPRIMED_ROOT_S};
use crate::question::Question;
use crate::reply::Reply;
use crate::resolve::Resolver;
use crate::route::Route;
use crate::scrub::{Asked, Meaning, glue, scrub};
use crate::security::Reason;
use crate::servers::MAX_CANDIDATES;
use crate::trace::Trace;
use crate::upstream::{ExchangeError, Transport, Upstream};
use crate::work::{Context, Exceeded, Moment};

/// Attempts of a server that refused a question with EDNS: it is asked without when all others have been asked in vain.
const LAST_RESORT: u32 = 1000;
/// When the server that is best has been asked so often in vain, other addresses of the name servers are looked for.
const OTHERS_AFTER: u32 = 2;

/// Flights of others that are joined for one question: each may end at a limit of the question that it is for.
pub(crate) const MAX_JOINED: usize = 2;

/// What the servers of a zone said.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    /// An answer.
    Answer {
        /// What it is.
        fetched: Arc<Fetched>,
        /// Whether it came with authority.
        authoritative: bool,
    },
    /// Ask below.
    Referral(Arc<Delegation>),
}

/// Why they said nothing of use.
#[derive(Debug, Clone)]
pub(crate) enum ZoneError {
    /// They did not answer, or not well; those that were asked.
    Failed(Reason, Vec<SocketAddr>),
    /// A limit was passed: nothing else is to be tried.
    Exceeded(Exceeded),
}

impl From<ZoneError> for Reason {
    fn from(error: ZoneError) -> Reason {
        match error {
            ZoneError::Failed(reason, _) => reason,
            ZoneError::Exceeded(exceeded) => exceeded.into(),
        }
    }
}

impl From<Exceeded> for ZoneError {
    fn from(exceeded: Exceeded) -> ZoneError {
        ZoneError::Exceeded(exceeded)
    }
}

/// The key of a flight to the servers of a zone; whether it only probes for a zone cut.
pub(crate) type ZoneQuestion = (NameBuf, Question, bool, Moment);

/// The servers of a zone, as one question sees them.
struct Candidates<'a> {
    cut: &'a Delegation,
    /// Addresses, how often each was asked in vain, and which name server it is of.
    servers: Vec<(SocketAddr, u32)>,
    names: Vec<usize>,
    /// Name servers whose addresses are not known yet.
    unknown: Vec<usize>,
    /// Name servers that other addresses may be found for if those that are known do not answer.
    others: Vec<usize>,
    /// All addresses that were ever among them.
    tried: Vec<SocketAddr>,
    /// Those that failed.
    asked: Vec<SocketAddr>,
    /// Questions that no server answered in time.
    silences: u32,
    /// Servers that are left for the last resort.
    refused: usize,
    /// An address could not be looked up within the limits.
    unfinished: bool,
    /// What came of it, for the reason in the end.
    failures: Vec<String>,
}

impl<U: Upstream> Resolver<U> {
    /// Asks the servers of a zone. Whoever asks the same at the same time gets the same answer.
    ///
    /// A `probe` for a zone cut (RFC 9156) may fail: it is soon given up, no more addresses are looked up for it, and it is
    /// not held against servers.
    pub(crate) async fn ask_zone(
        self: &Rc<Self>,
        context: &Context,
        cut: &Arc<Delegation>,
        question: &Question,
        avoid: &[SocketAddr],
        probe: bool,
    ) -> Result<Said, ZoneError> {
        if !avoid.is_empty() || context.trace.is_on() {
            return Box::pin(self.ask_servers(context, cut, question, avoid, probe)).await;
        }
        for _ in 0..MAX_JOINED {
            let ours = Cell::new(false);
            let start = |number| {
                ours.set(true);
                let (this, context) = (self.clone(), context.in_flight(number));
                let (cut, question) = (cut.clone(), question.clone());
                async move { this.ask_servers(&context, &cut, &question, &[], probe).await }
            };
            let key = (cut.zone.clone(), question.clone(), probe, context.moment);
            match self.zone_flights().join(context.flight, key, start).await {
                // The limits of whoever began it are not ours.
                Ok(Err(ZoneError::Exceeded(_))) if !ours.get() => {}
                Ok(said) => return said,
                Err(error) => return Err(ZoneError::Failed(flight_reason(error, question), Vec::new())),
            }
        }
        Box::pin(self.ask_servers(context, cut, question, avoid, probe)).await
    }

    async fn ask_servers(
        self: &Rc<Self>,
        context: &Context,
        cut: &Arc<Delegation>,
        question: &Question,
        avoid: &[SocketAddr],
        probe: bool,
    ) -> Result<Said, ZoneError> {
        let (mut candidates, signatures) = (self.candidates(cut, avoid), self.needs_signatures(cut));
        if probe {
            candidates.others.clear();
        }
        let mut weak = None;
        loop {
            let Some(index) = self.next_server(context, &mut candidates, avoid).await? else { break };
            let (server, attempts) = candidates.servers[index];
            let name = candidates.cut.servers.get(candidates.names[index]).and_then(|server| server.name.as_deref());
            let (plain, wary) = (attempts >= LAST_RESORT, candidates.silences > 0);
            let (transport, recursion) = (&Transport::Udp, false);
            let reply = match self
                .ask(context, Ask { server, name, transport, question, recursion, signatures, wary, plain })
                .await
            {
                Ok(reply) => reply,
                Err(AskError::Exceeded(exceeded)) => return Err(exceeded.into()),
                Err(error) => {
                    candidates.failed(index, &error, self.retries(server, probe));
                    if probe && candidates.silences >= MAX_MINIMISED_TIMEOUTS {
                        break;
                    }
                    continue;
                }
            };
            let harden_glue = self.settings().harden_glue;
            let asked = Asked { question, zone: &cut.zone, forwarder: false, harden_glue, server };
            match scrub(&asked, &reply) {
                Meaning::Answer(fetched) if self.is_of_child(question, &fetched) => {
                    candidates.useless(index, "the DS answer is from the child zone");
                }
                Meaning::Answer(fetched) => {
                    let authoritative = reply.header.aa;
                    return Ok(Said::Answer { fetched: Arc::new(fetched), authoritative });
                }
                Meaning::Referral(referral) => return Ok(Said::Referral(self.delegated(context, cut, &referral))),
                Meaning::Weak(fetched) => {
                    weak.get_or_insert(fetched);
                    // It is where its name leads: there is no other address to be found.
                    candidates.others.retain(|&other| other != candidates.names[index]);
                    candidates.useless(index, "the answer is not authoritative");
                }
                Meaning::Lame(why) => {
                    if !probe {
                        self.shared().servers.lame(server, &cut.zone, self.upstream().now_us());
                    }
                    candidates.useless(index, why);
                }
                Meaning::Error(rcode) => {
                    let last_resort = !(probe || signatures || plain || self.shared().servers.knows_edns(server));
                    candidates.refused(index, rcode, last_resort);
                }
            }
        }
        match weak {
            Some(fetched) => Ok(Said::Answer { fetched: Arc::new(fetched), authoritative: false }),
            None => Err(ZoneError::Failed(candidates.reason(), candidates.asked)),
        }
    }

    /// Whether an alias is the answer for DS that is the child's, not the parent's (RFC 4035 4.2, 3.1.4.1): the child signed
    /// it, or nobody did and there is a zone cut.
    fn is_of_child(&self, question: &Question, fetched: &Fetched) -> bool {
        let alias = fetched.answers.first().filter(|rrset| rrset.is(&question.name, RType::CNAME));
        let Some(alias) = alias.filter(|_| question.rtype == RType::DS) else { return false };
        let mut signers = alias.signatures.iter().filter_map(Rrsig::parse).map(|rrsig| rrsig.signer).peekable();
        match signers.peek() {
            Some(_) => signers.all(|signer| *signer == *question.name),
            None => self.shared().delegations.get(&question.name, self.upstream().now_us()).is_some(),
        }
    }

    /// How often a server is asked again that did not answer. Whether it is alive or does not like shortened names is
    /// found out by the whole name.
    fn retries(&self, server: SocketAddr, probe: bool) -> u32 {
        match probe {
            true => u32::from(self.shared().servers.is_known(server)),
            false => self.settings().retries,
        }
    }

    /// Whether answers of a zone are of no use without signatures: a DS record or a trust anchor says that it is signed.
    pub(crate) fn needs_signatures(&self, cut: &Delegation) -> bool {
        let settings = self.settings();
        let exempt = || settings.negative_trust_anchors.iter().any(|at| cut.zone.is_at_or_below(at));
        let has_ds = || cut.ds.as_ref().is_some_and(|ds| ds.kind == Kind::Positive);
        let has_anchor = || self.shared().anchors().closest(&cut.zone).is_some_and(|anchor| anchor.zone == cut.zone);
        settings.validate && (has_ds() || has_anchor()) && !exempt()
    }

    /// Keeps a referral.
    fn delegated(&self, context: &Context, cut: &Delegation, referral: &crate::scrub::Referral) -> Arc<Delegation> {
        let (settings, now_us) = (self.settings(), self.upstream().now_us());
        let delegation =
            Delegation::of_referral(referral, settings.upstream_port, now_us, settings.limits.name_servers);
        let delegation = Arc::new(Delegation {
            // What is below a zone is not believed for longer than that zone, the root's hints aside.
            until_us: if cut.until_us == 0 { delegation.until_us } else { delegation.until_us.min(cut.until_us) },
            ..delegation
        });
        self.shared().delegations.insert(delegation.clone());
        if !self.is_current(context) {
            // It may be older than what changed meanwhile.
            self.shared().delegations.forget(&delegation.zone);
        }
        delegation
    }

    /// The next server to ask; looks up addresses when those that are known do not answer.
    async fn next_server(
        self: &Rc<Self>,
        context: &Context,
        candidates: &mut Candidates<'_>,
        avoid: &[SocketAddr],
    ) -> Result<Option<usize>, ZoneError> {
        loop {
            let (servers, now_us) = (&self.shared().servers, self.upstream().now_us());
            let random = self.upstream().random();
            let chosen = servers.choose(&candidates.servers, &candidates.cut.zone, now_us, random);
            // Asked in vain, a server is asked again only when there is no other, so that dead ones do not take all
            // the time.
            let asked = chosen.map_or(u32::MAX, |index| candidates.servers[index].1);
            let well = asked == 0 && chosen.is_some_and(|index| servers.is_well(candidates.servers[index].0));
            let (index, others) = if well {
                return Ok(chosen);
            } else if !candidates.unknown.is_empty() {
                (candidates.take_unknown(), false)
            } else if let Some(index) = candidates.others.pop_if(|_| asked >= OTHERS_AFTER) {
                (index, true)
            } else {
                return Ok(chosen);
            };
            let last = candidates.unknown.is_empty() && candidates.servers.is_empty();
            let lookup = Lookup { others, last };
            let (addresses, finished) = self.more_addresses(context, candidates.cut, index, lookup).await;
            candidates.unfinished |= !finished;
            for address in addresses {
                self.add_candidate(candidates, index, address, avoid);
            }
        }
    }

    fn candidates<'a>(&self, cut: &'a Delegation, avoid: &[SocketAddr]) -> Candidates<'a> {
        let (servers, names) = (Vec::with_capacity(4), Vec::with_capacity(4));
        let (unknown, others, failures) = (Vec::new(), Vec::new(), Vec::new());
        let (tried, asked, silences, refused, unfinished) = (Vec::new(), Vec::new(), 0, 0, false);
        let mut candidates =
            Candidates { cut, servers, names, unknown, others, tried, asked, silences, refused, unfinished, failures };
        let now_us = self.upstream().now_us();
        for (index, server) in cut.servers.iter().enumerate() {
            for &address in &server.addresses {
                self.add_candidate(&mut candidates, index, address, avoid);
            }
            let Some(name) = server.name.as_ref() else { continue };
            // The root's are the ones that cannot be looked up without asking the root.
            if !cut.zone.is_root() {
                candidates.others.push(index);
            }
            if !server.addresses.is_empty() {
                continue;
            }
            for address in self.known_addresses(name, now_us) {
                self.add_candidate(&mut candidates, index, address, avoid);
            }
            if !candidates.names.contains(&index) {
                candidates.unknown.push(index);
            }
        }
        candidates
    }

    fn add_candidate(&self, candidates: &mut Candidates<'_>, index: usize, address: SocketAddr, avoid: &[SocketAddr]) {
        let settings = self.settings();
        let family = if address.is_ipv4() { settings.ipv4 } else { settings.ipv6 };
        let of_this = candidates.names.iter().filter(|&&other| other == index).count();
        let room = candidates.servers.len() < MAX_CANDIDATES && of_this < settings.limits.addresses;
        let known = candidates.tried.contains(&address);
        let allowed = !settings.do_not_query.iter().any(|net| net.contains(&address.ip()));
        if family && room && !known && allowed && !avoid.contains(&address) {
            candidates.tried.push(address);
            candidates.servers.push((address, 0));
            candidates.names.push(index);
        }
    }

    /// The root: its name servers of today, if priming gets them (RFC 9609), else those of the hints.
    pub(crate) async fn root(self: &Rc<Self>, context: &Context) -> Arc<Delegation> {
        let settings = self.settings();
        let hints = Delegation::of_hints(&settings.root_hints, settings.upstream_port);
        if !settings.priming {
            return Arc::new(hints);
        }
        let start = |number| {
            let (this, context) = (self.clone(), context.in_flight(number));
            async move { this.prime(&context, hints).await }
        };
        let primed = self.priming_flights().join(context.flight, (), start).await;
        primed.unwrap_or_else(|_| Arc::new(Delegation::of_hints(&settings.root_hints, settings.upstream_port)))
    }

    async fn prime(self: Rc<Self>, context: &Context, hints: Delegation) -> Arc<Delegation> {
        let question = Question::new(NameBuf::root(), RType::NS);
        let mut candidates = self.candidates(&hints, &[]);
        let mut primed = None;
        for _ in 0..MAX_PRIMING_ATTEMPTS {
            let random = self.upstream().random();
            let now_us = self.upstream().now_us();
            let chosen = self.shared().servers.choose(&candidates.servers, Name::root(), now_us, random);
            let Some(index) = chosen else { break };
            let (server, _) = candidates.servers[index];
            let (transport, wary, signatures) =
                (&Transport::Udp, candidates.silences > 0, self.needs_signatures(&hints));
            let (name, recursion, plain, question) = (None, false, false, &question);
            let ask = Ask { server, name, transport, question, recursion, signatures, wary, plain };
            if let Ok(reply) = self.ask(context, ask).await {
                primed = self.primed(question, server, &reply);
            }
            if primed.is_some() {
                break;
            }
            candidates.servers[index].1 += 1;
        }
        let until_us = self.upstream().now_us() + UNPRIMED_ROOT_S * 1_000_000;
        drop(candidates);
        let root = Arc::new(primed.unwrap_or(Delegation { until_us, ..hints }));
        self.shared().delegations.insert(Arc::new(Delegation { primed: None, ..(*root).clone() }));
        if root.primed.is_some() {
            let (this, root) = (self.clone(), root.clone());
            self.upstream().spawn(Box::pin(async move { this.keep_primed(root).await }));
        }
        root
    }

    /// Puts what priming learned into the cache, so that a client's question for it is not asked again.
    async fn keep_primed(self: Rc<Self>, root: Arc<Delegation>) {
        let question = Question::new(NameBuf::root(), RType::NS);
        let forwarded = self.settings().route(&question.name, question.rtype) != Route::Iterate;
        if forwarded
            || self.shared().cache.lookup(self.now_ms(), &question.name, question.rtype, Name::root()).is_some()
        {
            return;
        }
        let deadline_us = self.upstream().now_us() + self.settings().answer_within_ms() * 1000;
        let context = self.context(false, Trace::default(), deadline_us);
        if let Ok((fetched, verdict)) = self.fetch_valid(&context, &question, Some(root), true).await {
            self.keep(&context, (&question, &question), &fetched, &verdict);
        }
    }

    /// The root's name servers and their addresses in the reply to the priming question.
    fn primed(&self, question: &Question, server: SocketAddr, reply: &Reply) -> Option<Delegation> {
        let ns = Reply::find(&reply.answers, Name::root(), RType::NS)?;
        let names = ns.rdata.iter().filter_map(|rdata| dns::rdata::typed::target(RType::NS, rdata));
        let servers: Vec<(NameBuf, Vec<IpAddr>)> = names.map(|name| (name.to_canonical(), glue(reply, name))).collect();
        let with_address = servers.iter().any(|(_, addresses)| !addresses.is_empty());
        let referral = crate::scrub::Referral { zone: NameBuf::root(), servers, ttl: ns.ttl, ds: None };
        let settings = self.settings();
        let now_us = self.upstream().now_us();
        let delegation =
            Delegation::of_referral(&referral, settings.upstream_port, now_us, settings.limits.name_servers);
        let asked = Asked { question, zone: Name::root(), forwarder: false, harden_glue: true, server };
        let primed = match scrub(&asked, reply) {
            Meaning::Answer(fetched) => Some(Arc::new(fetched)),
            _ => None,
        };
        with_address.then_some(Delegation { primed, ..delegation })
    }
}

impl Candidates<'_> {
    /// A server did not answer.
    fn failed(&mut self, index: usize, error: &AskError, retries: u32) {
        let again = matches!(error, AskError::Exchange(ExchangeError::Timeout | ExchangeError::Busy));
        self.asked.push(self.servers[index].0);
        self.silences += u32::from(again);
        self.servers[index].1 += 1;
        if !again || self.servers[index].1 > retries {
            self.useless(index, &error.to_string());
        }
    }

    /// The name server to look up next: the first in canonical order, so that zones with the same name servers
    /// look up the same one, and share it.
    fn take_unknown(&mut self) -> usize {
        let name = |index: &usize| self.cut.servers.get(*index).and_then(|server| server.name.clone());
        let first = self.unknown.iter().enumerate().min_by_key(|(_, index)| name(index));
        let place = first.map_or(0, |(place, _)| place);
        self.unknown.swap_remove(place)
    }

    /// A server said that it cannot answer; perhaps it would without EDNS.
    fn refused(&mut self, index: usize, rcode: Rcode, last_resort: bool) {
        if last_resort && self.refused < MAX_PLAIN_ATTEMPTS {
            self.refused += 1;
            self.servers[index].1 = LAST_RESORT;
        } else {
            self.useless(index, &rcode.to_string());
        }
    }

    /// A server is of no use for this question.
    fn useless(&mut self, index: usize, why: &str) {
        let (server, _) = self.servers.remove(index);
        self.names.remove(index);
        self.asked.push(server);
        self.failures.push(format!("{server}: {why}"));
    }

    fn reason(&self) -> Reason {
        let zone = &self.cut.zone;
        let text = match self.failures.is_empty() {
            true => format!("no server of {zone} has an address that may be asked"),
            false => format!("no server of {zone} gave an answer: {}", self.failures.join("; ")),
        };
        match self.unfinished {
            // There may be one that would: the limits were too tight to find it.
            true => {
                Reason::limit(ede::OTHER, format!("{text}; not all addresses could be looked up within the limits"))
            }
            false => Reason::new(ede::NO_REACHABLE_AUTHORITY, text),
        }
    }
}

/// Why a flight was not joined, for people.
pub(crate) fn flight_reason(error: FlightError, question: &Question) -> Reason {
    Reason::limit(ede::OTHER, format!("{question}: {error}"))
}
