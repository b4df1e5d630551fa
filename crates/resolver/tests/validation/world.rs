//! Zones from the root down, as a [`ChainSource`] that counts and can lie.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use dns::edns::ede;
use dns::{Name, NameBuf, RType};

use crate::zone::{NOW, Zone, name};
use resolver::anchors::Anchors;
use resolver::fetched::Fetched;
use resolver::limits::Limits;
use resolver::question::Question;
use resolver::security::{Reason, Security};
use resolver::validate::{Budget, ChainSource, Policy, TrustStore, Verdict, validate};

/// Changes a reply of one server.
type Lie = Box<dyn Fn(&Question, &mut Fetched)>;

pub struct World {
    pub zones: Vec<Zone>,
    pub anchors: Anchors,
    pub negative_anchors: Vec<NameBuf>,
    pub allow_sha1: bool,
    pub limits: Limits,
    pub trust: TrustStore,
    pub now_s: Cell<u64>,
    /// How many servers each zone has, and how many of them lie.
    pub servers: u16,
    /// See `servers`.
    pub liars: Cell<usize>,
    pub lie: Option<Lie>,
    /// Whether replies know no closer zone than the root, as those of forwarders.
    pub forwarded: bool,
    /// Questions that nobody answers.
    pub silent: Vec<String>,
    /// Questions so far.
    pub asked: RefCell<Vec<String>>,
    /// Steps so far.
    pub told: RefCell<Vec<String>>,
}

impl World {
    /// The zones, the parents first; NS and DS records are added to parents, and all is signed.
    pub fn new(zones: Vec<Zone>) -> World {
        let mut zones = zones;
        for child in 1..zones.len() {
            let (apex, ds) =
                (zones[child].apex.clone(), zones[child].ds.clone().unwrap_or_else(|| zones[child].own_ds()));
            let parents = zones[..child].iter_mut().filter(|zone| apex.is_at_or_below(&zone.apex));
            let parent = parents.max_by_key(|zone| zone.apex.len()).expect("parent");
            parent.add(&format!("{apex} NS ns.test."));
            ds.iter().for_each(|ds| parent.put(apex.clone(), RType::DS, ds));
        }
        zones.iter_mut().for_each(Zone::seal);
        let mut anchors = Anchors::default();
        zones[0].own_ds().iter().for_each(|ds| assert!(anchors.add(&zones[0].apex, RType::DS, ds)));
        World {
            zones,
            anchors,
            negative_anchors: Vec::new(),
            allow_sha1: false,
            limits: Limits::default(),
            trust: TrustStore::new(1),
            now_s: Cell::new(NOW.into()),
            servers: 2,
            liars: Cell::new(2),
            lie: None,
            forwarded: false,
            silent: Vec::new(),
            asked: RefCell::default(),
            told: RefCell::default(),
        }
    }

    /// The root, `test.` and `zone.test.`, which has these records.
    pub fn with_zone(lines: &[&str]) -> World {
        World::new(vec![Zone::new(".", &[]), Zone::new("test.", &[]), Zone::new("zone.test.", lines)])
    }

    /// With these changes of replies.
    pub fn lying(mut self, lie: impl Fn(&Question, &mut Fetched) + 'static) -> World {
        self.lie = Some(Box::new(lie));
        self
    }

    pub fn zone(&self, apex: &str) -> &Zone {
        self.zones.iter().find(|zone| *zone.apex == *name(apex)).expect("zone")
    }

    /// The zone that answers a question.
    fn zone_of(&self, qname: &Name, rtype: RType) -> &Zone {
        let inside = |zone: &&Zone| {
            qname.is_at_or_below(&zone.apex) && (rtype != RType::DS || qname.is_root() || *qname != *zone.apex)
        };
        self.zones.iter().filter(inside).max_by_key(|zone| zone.apex.len()).expect("zone")
    }

    /// A reply of the first server that is not avoided.
    pub fn reply(&self, qname: &Name, rtype: RType, avoid: &[SocketAddr]) -> Result<Fetched, Reason> {
        let zone = self.zone_of(qname, rtype);
        let index = self.zones.iter().position(|other| other.apex == zone.apex).expect("zone");
        let servers = (0..self.servers).map(|i| SocketAddr::from(([192, 0, 2, index as u8], 5300 + i)));
        let (number, server) = servers
            .enumerate()
            .find(|(_, server)| !avoid.contains(server))
            .ok_or_else(|| Reason::new(ede::NO_REACHABLE_AUTHORITY, "no server left"))?;
        let mut fetched = zone.answer(qname, rtype);
        fetched.server = Some(server);
        if self.forwarded {
            fetched.zone = NameBuf::root();
        }
        if let Some(lie) = self.lie.as_ref().filter(|_| number < self.liars.get()) {
            lie(&Question::new(qname, rtype), &mut fetched);
        }
        Ok(fetched)
    }

    pub fn policy(&self) -> Policy<'_> {
        let World { anchors, negative_anchors, allow_sha1, limits, .. } = self;
        Policy { anchors, negative_anchors, allow_sha1: *allow_sha1, limits }
    }

    /// Validates this reply to a question, with a budget of its own.
    pub fn judge(&self, qname: &str, rtype: RType, fetched: &Fetched) -> (Verdict, Budget) {
        let (budget, question) = (Budget::new(&self.limits), Question::new(name(qname), rtype));
        let policy = self.policy();
        let verdict = run(validate(self, &budget, &question, fetched, &self.trust, &policy));
        (verdict, budget)
    }

    /// Asks and validates.
    pub fn resolve(&self, qname: &str, rtype: RType) -> Verdict {
        let fetched = self.reply(&name(qname), rtype, &[]).expect("reply");
        self.judge(qname, rtype, &fetched).0
    }

    /// Asks, validates, compares status and INFO-CODE. Returns the verdict.
    pub fn check(&self, qname: &str, rtype: RType, security: Security, code: Option<u16>) -> Verdict {
        let verdict = self.resolve(qname, rtype);
        let got = (verdict.security, verdict.reason.as_ref().map(|reason| reason.code));
        assert_eq!(got, (security, code), "{qname} {rtype}: {verdict:?} {:#?} {:#?}", self.asked, self.told);
        verdict
    }

    /// Questions since the last time.
    pub fn take_asked(&self) -> Vec<String> {
        self.asked.take()
    }
}

/// Runs a future that waits for nothing but its turn.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(std::task::Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

/// Lets others go on first.
async fn wait_a_turn() {
    let mut waited = false;
    poll_fn(|_| if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

impl ChainSource for World {
    type Context = Budget;

    async fn fetch(
        &self,
        _: &Budget,
        qname: &Name,
        rtype: RType,
        avoid: &[SocketAddr],
    ) -> Result<Arc<Fetched>, Reason> {
        let question = format!("{qname} {rtype}");
        let silent = self.silent.contains(&question);
        self.asked.borrow_mut().push(question);
        wait_a_turn().await;
        if silent {
            return Err(Reason::new(ede::NO_REACHABLE_AUTHORITY, "no server left"));
        }
        self.reply(qname, rtype, avoid).map(Arc::new)
    }

    fn budget<'a>(&'a self, context: &'a Budget) -> &'a Budget {
        context
    }

    fn unix_s(&self) -> u64 {
        self.now_s.get()
    }

    fn validated(&self, _: &Budget, qname: &Name, rtype: RType, security: Security, why: &dyn Fn() -> String) {
        self.told.borrow_mut().push(format!("{qname} {rtype} {}: {}", security.as_str(), why()));
    }
}
