//! The answer to a client's question: from our own zones, the cache, or the network, one name of a chain of aliases
//! after the other (RFC 1034 5.3.3).
//!
//! [`Resolver::resolve`] is the way in. There is one [`Resolver`] on each thread; what all of them know is in
//! [`Shared`].

use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use dns::{Name, NameBuf, NameHasher, RType, Rcode};
use futures_util::future::{Either, select};

use crate::anchors::Anchors;
use crate::assembly::{Chain, End};
use crate::cache::{Cache, CacheSettings, ChangedNames, Found};
use crate::delegation::{AddressBook, Delegation, Delegations, NameServer};
use crate::dns64::Dns64;
use crate::fetched::{Fetched, Kind};
use crate::flight::{Flights, Waits};
use crate::forward::Told;
use crate::local::{Local, LocalData};
use crate::minimise::PlainZones;
use crate::outcome::{Outcome, Timed};
use crate::question::Question;
use crate::rebinding;
use crate::rrset::Rrset;
use crate::scrub::substitute;
use crate::security::{Reason, Security};
use crate::servers::Servers;
use crate::settings::Settings;
use crate::special;
use crate::trace::{Step, Trace};
use crate::upstream::Upstream;
use crate::validate::TrustStore;
use crate::work::{Context, Exceeded, Moment, Work};
use crate::zone::{Said, ZoneError, ZoneQuestion, flight_reason};

/// A resolution that does not end in time is given so long to say why, in microseconds.
const LATE_US: u64 = 20_000;

/// The key of a flight for addresses of a name server.
pub(crate) type AddressQuestion = (Question, Moment);

/// What the resolvers of all threads know.
pub struct Shared {
    /// How they work.
    pub settings: Arc<Settings>,
    /// Answers.
    pub cache: Arc<Cache>,
    /// Other servers.
    pub servers: Arc<Servers>,
    /// Zone cuts.
    pub delegations: Arc<Delegations>,
    /// Addresses of name servers.
    pub addresses: Arc<AddressBook>,
    /// Zones whose servers are asked for whole names.
    pub(crate) plain_zones: PlainZones,
    /// What is known of the keys of zones.
    pub trust: Arc<TrustStore>,
    /// Forwarders that give no answer.
    pub(crate) told: Told,
    /// Where chains of trust begin; they may change (RFC 5011).
    anchors: Mutex<Arc<Anchors>>,
}

impl Shared {
    /// Nothing known yet. `seed` makes hashes of what others choose hard to guess.
    pub fn new(
        settings: Settings,
        cache: CacheSettings,
        anchors: Anchors,
        hasher: NameHasher,
        seed: u64,
    ) -> Arc<Shared> {
        let (cache, servers) = (Arc::new(Cache::new(cache, hasher)), Arc::new(Servers::new(seed)));
        Arc::new(Shared::of(settings, anchors, seed, cache, servers))
    }

    /// The same cache and servers under other settings. What was learned of zones under the old ones is forgotten.
    pub fn with_settings(&self, settings: Settings, anchors: Anchors, seed: u64) -> Arc<Shared> {
        Arc::new(Shared::of(settings, anchors, seed, self.cache.clone(), self.servers.clone()))
    }

    fn of(settings: Settings, anchors: Anchors, seed: u64, cache: Arc<Cache>, servers: Arc<Servers>) -> Shared {
        Shared {
            settings: Arc::new(settings),
            cache,
            servers,
            delegations: Arc::new(Delegations::new(seed)),
            addresses: Arc::new(AddressBook::new(seed)),
            plain_zones: PlainZones::new(seed),
            trust: Arc::new(TrustStore::new(seed)),
            told: Told::default(),
            anchors: Mutex::new(Arc::new(anchors)),
        }
    }

    /// The trust anchors.
    pub fn anchors(&self) -> Arc<Anchors> {
        self.anchors.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets what changes elsewhere have made untrue; how many entries of the cache that were. Who asks from now on gets
    /// nothing that was found out before.
    pub fn forget(&self, changed: &ChangedNames) -> usize {
        // The cache first: what is under way knows from then on that it comes too late.
        let gone = self.cache.forget(changed);
        for top in changed.subtrees() {
            self.trust.flush(top);
            self.delegations.forget(top);
        }
        changed.subtrees().chain(changed.names()).for_each(|name| self.addresses.forget(name));
        gone
    }

    /// Changes the trust anchors; what was validated with the old ones is forgotten.
    pub fn set_anchors(&self, anchors: Anchors) {
        *self.anchors.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(anchors);
        self.trust.flush(Name::root());
    }
}

/// The resolver of one thread.
///
/// One in a simulated network without any server, which can still answer for special names:
///
/// ```
/// use std::rc::Rc;
///
/// use dns::{NameBuf, NameHasher, RType, Rcode};
/// use resolver::anchors::Anchors;
/// use resolver::cache::CacheSettings;
/// use resolver::local::NoLocalData;
/// use resolver::trace::Trace;
/// use resolver::upstream::Exchange;
/// use resolver::{Question, Resolver, Settings, resolve::Shared};
/// use simulator::{Delivery, FakeNetwork, Sim};
///
/// struct Nobody;
/// impl FakeNetwork for Nobody {
///     fn reply(&mut self, _now_us: u64, _exchange: &Exchange) -> Delivery {
///         Delivery::Silence
///     }
/// }
///
/// let (hasher, seed) = (NameHasher::new(0x5eed), 1);
/// let shared = Shared::new(Settings::default(), CacheSettings::default(), Anchors::root(), hasher, seed);
/// let sim = Sim::new(Nobody, seed, 1_790_000_000);
/// let resolver = Resolver::new(sim.clone(), shared, Rc::new(NoLocalData));
/// let question = Question::new("localhost.".parse::<NameBuf>()?, RType::A);
/// let outcome = sim.block_on(10_000_000, async move { resolver.resolve(question, false, Trace::default()).await });
/// let outcome = outcome.ok_or("no outcome in ten seconds")?;
/// assert_eq!((outcome.rcode, outcome.answers.len()), (Rcode::NOERROR, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Resolver<U: Upstream> {
    upstream: U,
    shared: Arc<Shared>,
    local: Rc<dyn LocalData>,
    questions: Rc<Flights<(Question, Moment), Arc<Outcome>>>,
    zones: Rc<Flights<ZoneQuestion, Result<Said, ZoneError>>>,
    addresses: Rc<Flights<AddressQuestion, Arc<[std::net::IpAddr]>>>,
    priming: Rc<Flights<(), Arc<Delegation>>>,
}

impl<U: Upstream> Resolver<U> {
    /// A resolver that reaches others through `upstream`, and meets our own zones in `local`.
    pub fn new(upstream: U, shared: Arc<Shared>, local: Rc<dyn LocalData>) -> Rc<Resolver<U>> {
        let waits = Rc::new(Waits::default());
        Rc::new(Resolver {
            upstream,
            shared,
            local,
            questions: Flights::new(waits.clone()),
            zones: Flights::new(waits.clone()),
            addresses: Flights::new(waits.clone()),
            priming: Flights::new(waits),
        })
    }

    /// The network.
    pub fn upstream(&self) -> &U {
        &self.upstream
    }

    /// What all resolvers know.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Questions under way.
    pub fn flights(&self) -> usize {
        self.questions.count()
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    pub(crate) fn local(&self) -> &dyn LocalData {
        &*self.local
    }

    pub(crate) fn zone_flights(&self) -> &Rc<Flights<ZoneQuestion, Result<Said, ZoneError>>> {
        &self.zones
    }

    pub(crate) fn address_flights(&self) -> &Rc<Flights<AddressQuestion, Arc<[std::net::IpAddr]>>> {
        &self.addresses
    }

    pub(crate) fn priming_flights(&self) -> &Rc<Flights<(), Arc<Delegation>>> {
        &self.priming
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.upstream.now_us() / 1000
    }

    /// Answers a question that comes now: see [`Resolver::resolve_arrived`].
    pub async fn resolve(self: &Rc<Self>, question: Question, checking_disabled: bool, trace: Trace) -> Arc<Outcome> {
        self.resolve_arrived(question, checking_disabled, trace, self.upstream.now_us()).await
    }

    /// Answers a question that came at `arrived_us`, by [`Settings::answer_within_ms`] after that at the latest. Clients
    /// without CD get nothing of bogus data but the reason (RFC 4035 5.5).
    ///
    /// Questions that are equal share a resolution, unless somebody looks on.
    pub async fn resolve_arrived(
        self: &Rc<Self>,
        question: Question,
        checking_disabled: bool,
        trace: Trace,
        arrived_us: u64,
    ) -> Arc<Outcome> {
        if !question.is_for_data() {
            return Arc::new(Outcome::empty(Rcode::FORMERR, Security::Indeterminate));
        }
        let deadline_us = arrived_us + self.settings().answer_within_ms() * 1000;
        let context = self.context(checking_disabled, trace, deadline_us);
        let outcome = self.answer(question.clone(), &context).await;
        if outcome.security == Security::Bogus && !checking_disabled {
            return Arc::new(outcome.checked());
        }
        // What our own zones and special names say is meant to be private.
        let foreign = outcome.cached || outcome.server.is_some();
        if let Some(refused) = rebinding::refuse(&outcome, self.settings()).filter(|_| foreign) {
            return Arc::new(refused);
        }
        match self.settings().dns64.as_ref().filter(|_| question.rtype == RType::AAAA) {
            Some(dns64) => self.translate(dns64, outcome, question, checking_disabled, &context).await,
            None => outcome,
        }
    }

    async fn answer(self: &Rc<Self>, question: Question, context: &Context) -> Arc<Outcome> {
        let late_us = context.deadline_us + LATE_US;
        let answering = pin!(self.fly_or_stale(context.clone(), question));
        // It ends by itself; but what it waits for may be part of another client's resolution, which has more time.
        match select(answering, pin!(self.upstream.sleep_until(late_us))).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => {
                let exceeded = Exceeded::Time(self.settings().answer_within_ms());
                Arc::new(Outcome::failure(exceeded.into()))
            }
        }
    }

    /// DNS64 (RFC 6147 5.1): an answer for AAAA, made of that for A if there is none.
    async fn translate(
        self: &Rc<Self>,
        dns64: &Dns64,
        outcome: Arc<Outcome>,
        question: Question,
        checking_disabled: bool,
        context: &Context,
    ) -> Arc<Outcome> {
        if dns64.is_wanted(&outcome, checking_disabled, checking_disabled) {
            // The other name may cost as much again; the time is the client's.
            let context = self.context(checking_disabled, context.trace.clone(), context.deadline_us);
            let a = Box::pin(self.answer(Question { rtype: RType::A, ..question }, &context)).await;
            if let Some(made) = dns64.synthesise(&outcome, &a) {
                return Arc::new(made);
            }
        }
        dns64.without_excluded(&outcome).map_or(outcome, Arc::new)
    }

    /// Resolves a question anew although the cache has it, to keep the cache warm.
    pub async fn refresh(self: &Rc<Self>, question: Question) -> Arc<Outcome> {
        let deadline_us = self.upstream.now_us() + self.settings().answer_within_ms() * 1000;
        self.fly(self.context(false, Trace::default(), deadline_us), question, true).await
    }

    pub(crate) fn context(&self, checking_disabled: bool, trace: Trace, deadline_us: u64) -> Context {
        let work = Work::new(&self.settings().limits, self.upstream.now_us());
        let moment = Moment { changes: self.shared.cache.changes_told(), zones: 0 };
        Context { work: Rc::new(work), deadline_us, moment, depth: 0, flight: 0, checking_disabled, trace }
    }

    /// Whether nothing has changed since a question came: what was found out for it may be kept.
    pub(crate) fn is_current(&self, context: &Context) -> bool {
        self.shared.cache.changes_told() == context.moment.changes
    }

    /// Resolves a question, together with whoever else asks it now; a traced one alone, so that its steps are all there.
    pub(crate) async fn fly(self: &Rc<Self>, context: Context, question: Question, fresh: bool) -> Arc<Outcome> {
        if context.trace.is_on() {
            // Boxed: this is rare and large, and the clients that wait for the other future are many.
            return Box::pin(self.clone().resolve_now(context, question, fresh)).await;
        }
        let zones = self.local.version();
        let outcome = self.join(context.clone(), question.clone(), fresh).await;
        if outcome.zones_seen.is_none_or(|seen| seen >= zones) {
            return outcome;
        }
        // Others began before our zones were what they were when this question came.
        let moment = Moment { zones, ..context.moment };
        self.join(Context { moment, ..context }, question, fresh).await
    }

    async fn join(self: &Rc<Self>, context: Context, question: Question, fresh: bool) -> Arc<Outcome> {
        let start = |number| {
            let (this, question) = (self.clone(), question.clone());
            this.resolve_now(context.in_flight(number), question, fresh)
        };
        match self.questions.join(0, (question.clone(), context.moment), start).await {
            Ok(outcome) => outcome,
            Err(error) => Arc::new(Outcome::failure(flight_reason(error, &question))),
        }
    }

    async fn resolve_now(self: Rc<Self>, context: Context, question: Question, fresh: bool) -> Arc<Outcome> {
        let trace = |step: &dyn Fn() -> Step| context.trace.add(self.upstream.now_us(), context.depth, step);
        trace(&|| Step::Begin(question.clone()));
        let outcome = self.follow(&context, &question, fresh).await;
        trace(&|| Step::End { rcode: outcome.rcode, security: outcome.security });
        Arc::new(outcome)
    }

    /// Follows the chain of aliases to its end.
    async fn follow(self: &Rc<Self>, context: &Context, question: &Question, fresh: bool) -> Outcome {
        let mut chain = Chain::new(question);
        for _ in 0..=self.settings().limits.aliases {
            let current = Question::new(chain.name.clone(), question.rtype);
            match self.step(context, question, &current, &mut chain, fresh).await {
                Ok(End::Done(rcode)) => return chain.end(rcode),
                Ok(End::Alias(next)) => {
                    let next = next.into_canonical();
                    if chain.has_been_at(&next) {
                        return chain.broken(format!("aliases lead back to {next}"));
                    }
                    context.trace.add(self.upstream.now_us(), context.depth, || Step::Alias(next.clone()));
                    chain.name = next;
                }
                Err(reason) => return self.failed(question, &current, chain, reason),
            }
        }
        let limit = self.settings().limits.aliases;
        chain.broken(format!("more than {limit} aliases (limit `aliases`)"))
    }

    /// The answer for one name of the chain that the question `asked` leads along.
    async fn step(
        self: &Rc<Self>,
        context: &Context,
        asked: &Question,
        question: &Question,
        chain: &mut Chain,
        fresh: bool,
    ) -> Result<End, Reason> {
        let version = self.local.version();
        let local = self.local.find(&question.name, question.rtype);
        if !matches!(local, Local::Elsewhere) {
            chain.has_seen(version);
        }
        match local {
            Local::Elsewhere => match self.special(context, question, chain) {
                Some(end) => Ok(end),
                None => self.known_or_fetched(context, (asked, question), chain, fresh, (None, true)).await,
            },
            Local::Answer { rcode, answers, authorities, alias } => {
                context.trace.add(self.upstream.now_us(), context.depth, || Step::Local(question.clone()));
                chain.local(answers, authorities);
                Ok(alias.map_or(End::Done(rcode), End::Alias))
            }
            Local::Delegated { zone, servers, ds, ns, glue } => {
                let start = (Some(Arc::new(delegated(zone, servers, ds.clone()))), ds.is_some());
                let end = self.known_or_fetched(context, (asked, question), chain, fresh, start).await?;
                if !self.settings().minimal_responses && chain.has(question) {
                    chain.referral(ns, glue);
                }
                Ok(end)
            }
        }
    }

    /// What the cache has, else what the network says: from a delegation of ours on, which may be signed or not, or from
    /// wherever the closest servers are known.
    async fn known_or_fetched(
        self: &Rc<Self>,
        context: &Context,
        (asked, question): (&Question, &Question),
        chain: &mut Chain,
        fresh: bool,
        (start, signed): (Option<Arc<Delegation>>, bool),
    ) -> Result<End, Reason> {
        if !fresh {
            let top = self.top(question, start.as_ref().map(|delegation| &*delegation.zone));
            if let Some(end) = self.cached(context, question, top, chain)? {
                return Ok(end);
            }
        }
        chain.cached = false;
        let (fetched, verdict) = self.fetch_valid(context, question, start, signed).await?;
        self.keep(context, (asked, question), &fetched, &verdict);
        Ok(chain.fetched(self.shared.cache.settings(), question, &fetched, &verdict))
    }

    /// What we know of special names (RFC 6761) and of those that DNS64 makes.
    fn special(&self, context: &Context, question: &Question, chain: &mut Chain) -> Option<End> {
        let settings = self.settings();
        let outcome = special::answer(&question.name, question.rtype, settings);
        let end = match (outcome, &settings.dns64) {
            (Some(outcome), _) => chain.made(outcome),
            (None, Some(dns64)) if question.rtype == RType::PTR => {
                let (alias, target) = dns64.reverse_alias(&question.name, settings.default_ttl_s)?;
                chain.local(vec![Arc::new(alias)], Vec::new());
                End::Alias(target)
            }
            _ => return None,
        };
        context.trace.add(self.upstream.now_us(), context.depth, || Step::Local(question.clone()));
        Some(end)
    }

    /// The name at or above a question from which on the same servers answer: those of a zone that is forwarded, a stub
    /// zone, or `delegated` by one of ours, or all servers from the root. What is known of names above says nothing of
    /// those below: others answer for them.
    pub(crate) fn top<'n>(&'n self, question: &'n Question, delegated: Option<&'n Name>) -> &'n Name {
        let route = self.settings().route(&question.name, question.rtype).name();
        delegated.filter(|delegated| delegated.label_count() > route.label_count()).unwrap_or(route)
    }

    /// What the cache has; of what it can conclude from other names, what those at or below `top` say.
    fn cached(
        self: &Rc<Self>,
        context: &Context,
        question: &Question,
        top: &Name,
        chain: &mut Chain,
    ) -> Result<Option<End>, Reason> {
        let cache = &self.shared.cache;
        let found = cache.lookup(self.now_ms(), &question.name, question.rtype, top);
        let hides = |found: &Found| {
            let bogus = found.security() == Security::Bogus && matches!(found, Found::Failure(_));
            context.checking_disabled && bogus
        };
        let found = found.filter(|found| !hides(found));
        let found = found.or_else(|| cache.aggressive(self.now_ms(), &question.name, question.rtype, top));
        let Some(found) = found else { return Ok(self.cached_dname(question, top, chain)) };
        context.trace.add(self.upstream.now_us(), context.depth, || Step::Cache {
            question: question.clone(),
            what: found.as_str(),
            ttl: found.ttl(),
            security: found.security(),
        });
        let popular = match &found {
            Found::Positive(cached) | Found::Alias(cached) => cached.prefetch,
            Found::Negative(cached) => cached.prefetch,
            Found::Failure(_) => false,
        };
        if popular {
            let (this, question) = (self.clone(), question.clone());
            self.upstream.spawn(Box::pin(async move { drop(this.refresh(question).await) }));
        }
        chain.found(found).map(Some)
    }

    /// The alias that a DNAME in the cache makes; one that is not secure is asked for (RFC 6672 5.2).
    pub(crate) fn cached_dname(&self, question: &Question, top: &Name, chain: &mut Chain) -> Option<End> {
        let found = self.shared.cache.lookup_dname(self.now_ms(), &question.name, top)?;
        let dname = found.data.rrset.clone();
        let target = dns::rdata::typed::target(RType::DNAME, dname.rdata.iter().next()?)?;
        if found.security != Security::Secure {
            return None;
        }
        let next = substitute(&question.name, &dname.owner, target)?;
        let cname = Rrset::new(question.name.clone(), RType::CNAME, found.data.ttl).with(next.as_wire());
        let ttl = found.data.ttl;
        chain.answer(found.data);
        chain.answer(Timed { rrset: Arc::new(cname), ttl });
        let done = matches!(question.rtype, RType::CNAME | RType::ANY);
        Some(if done { End::Done(Rcode::NOERROR) } else { End::Alias(next) })
    }
}

/// A delegation in a zone of ours.
fn delegated(zone: NameBuf, servers: Vec<(NameBuf, Vec<std::net::SocketAddr>)>, ds: Option<Arc<Rrset>>) -> Delegation {
    let above = zone.parent().unwrap_or(Name::root()).to_owned();
    let server = |(name, addresses)| NameServer { name: Some(name), addresses };
    let servers = servers.into_iter().map(server).collect();
    let ds = ds.map(|ds| {
        let (answers, authorities) = (vec![ds], Vec::new());
        Arc::new(Fetched { kind: Kind::Positive, answers, authorities, zone: above, server: None })
    });
    Delegation { zone, servers, ds, primed: None, until_us: u64::MAX }
}
