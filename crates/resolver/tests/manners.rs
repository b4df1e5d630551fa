//! How servers are asked that misbehave, and when clients are answered whatever happens.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use dns::{Class, Message, Name, NameBuf, NameHasher, RType, Rcode, Record};
use resolver::anchors::Anchors;
use resolver::cache::{CacheSettings, ChangedNames};
use resolver::local::{Local, LocalData, NoLocalData};
use resolver::settings::{Hint, Settings};
use resolver::trace::Trace;
use resolver::upstream::{Exchange, Upstream};
use resolver::{Outcome, Question, Resolver, Rrset, Shared};
use simulator::{Delivery, FakeNetwork, Sim};

/// What a server says to a query, which is the first, second, … that it gets.
type Says = Box<dyn FnMut(usize, Message) -> Option<Message>>;

/// The root's server, which has all names.
struct One {
    says: Says,
    /// Queries that it got.
    count: usize,
    queries: Rc<RefCell<Vec<Message>>>,
}

impl FakeNetwork for One {
    fn reply(&mut self, _: u64, exchange: &Exchange) -> Delivery {
        let query = Message::parse(&exchange.message).expect("a query");
        self.queries.borrow_mut().push(query.clone());
        self.count += 1;
        match (self.says)(self.count - 1, query) {
            Some(reply) => Delivery::Reply { message: reply.to_wire(65_535), after_us: 1000 },
            None => Delivery::Silence,
        }
    }
}

/// A resolver, its network, and the queries that it has sent.
struct Bench {
    sim: Sim<One>,
    resolver: Rc<Resolver<Sim<One>>>,
    queries: Rc<RefCell<Vec<Message>>>,
}

fn name(text: &str) -> NameBuf {
    text.parse().expect("a name")
}

impl Bench {
    fn start(
        settings: Settings,
        anchors: Anchors,
        says: impl FnMut(usize, Message) -> Option<Message> + 'static,
    ) -> Bench {
        let queries = Rc::<RefCell<Vec<Message>>>::default();
        let sim = Sim::new(One { says: Box::new(says), count: 0, queries: queries.clone() }, 1, 1_700_000_000);
        let root_hints =
            vec![Hint { name: name("ns.root."), addresses: vec!["192.0.2.1".parse().expect("an address")] }];
        let settings = Settings { root_hints, priming: false, qname_minimisation: false, ..settings };
        let shared = Shared::new(settings, CacheSettings::default(), anchors, NameHasher::new(0), 0);
        let resolver = Resolver::new(sim.clone(), shared, Rc::new(NoLocalData));
        Bench { sim, resolver, queries }
    }

    /// The same with zones of its own.
    fn with_zones(self, zones: impl LocalData + 'static) -> Bench {
        let resolver = Resolver::new(self.sim.clone(), self.resolver.shared().clone(), Rc::new(zones));
        Bench { resolver, ..self }
    }

    /// Asks, and goes on as far as there is something to do now; the cell gets the last octet of the address.
    fn ask(&self, owner: &str) -> Rc<Cell<Option<u8>>> {
        let address = Rc::new(Cell::new(None));
        let (slot, resolver) = (address.clone(), self.resolver.clone());
        let question = Question::new(name(owner), RType::A);
        self.sim.spawn(Box::pin(async move {
            let outcome = resolver.resolve(question, false, Trace::default()).await;
            let last = outcome.answers.last();
            slot.set(last.and_then(|answer| answer.rrset.rdata.iter().next()?.last().copied()));
        }));
        self.sim.run_ready();
        address
    }

    fn resolve(&self, owner: &str) -> Outcome {
        let (resolver, question) = (self.resolver.clone(), Question::new(name(owner), RType::A));
        let resolving = async move { (*resolver.resolve(question, false, Trace::default()).await).clone() };
        self.sim.block_on(10_000_000, resolving).expect("an outcome")
    }

    /// The last octet of the address that a name has.
    fn address(&self, owner: &str) -> Option<u8> {
        let outcome = self.resolve(owner);
        outcome.answers.first()?.rrset.rdata.iter().next()?.last().copied()
    }

    /// What is true of the queries that were sent since the last time.
    fn sent<T>(&self, what: impl Fn(&Message) -> T) -> Vec<T> {
        self.queries.borrow_mut().drain(..).map(|query| what(&query)).collect()
    }
}

/// The answer with an address that ends so.
fn answer(query: &Message, last: u8) -> Message {
    let mut reply = query.clone();
    (reply.header.qr, reply.header.aa) = (true, true);
    let owner = query.questions[0].name.clone();
    reply.answers.push(Record { owner, rtype: RType::A, class: Class::IN, ttl: 60, rdata: vec![198, 51, 100, last] });
    reply
}

fn lowered(mut reply: Message) -> Message {
    reply.questions[0].name = reply.questions[0].name.to_canonical();
    reply
}

fn is_mixed(query: &Message) -> bool {
    query.questions[0].name.as_wire().iter().any(u8::is_ascii_uppercase)
}

const OWNER: &str = "a-name-with-enough-letters-for-chance.example.";
const OTHER: &str = "another-name-with-enough-letters.example.";

/// A reply in the wrong case is not believed, whoever sent it; once is not enough to ask in plain case from then on.
#[test]
fn a_forged_reply_in_another_case_changes_nothing() {
    let forge = |number, query: Message| match number {
        0 => Some(lowered(answer(&query, 66))),
        _ => Some(answer(&query, 1)),
    };
    let bench = Bench::start(Settings::default(), Anchors::default(), forge);
    assert_eq!(bench.address(OWNER), Some(1));
    assert_eq!(bench.sent(is_mixed), [true, true, false]);
    assert_eq!(bench.address(OTHER), Some(1));
    assert_eq!(bench.sent(is_mixed), [true]);
}

#[test]
fn a_server_that_lowers_the_case_is_asked_in_plain_case() {
    let bench =
        Bench::start(Settings::default(), Anchors::default(), |_, query: Message| Some(lowered(answer(&query, 1))));
    assert_eq!(bench.address(OWNER), Some(1));
    assert_eq!(bench.sent(is_mixed), [true, true, false]);
    assert_eq!(bench.address(OTHER), Some(1));
    assert_eq!(bench.sent(is_mixed), [false]);
}

/// Without EDNS after FORMERR, and with it again when it may have been mended.
#[test]
fn a_mended_server_gets_edns_back() {
    let mended = Rc::new(Cell::new(false));
    let is_mended = mended.clone();
    let bench = Bench::start(Settings::default(), Anchors::default(), move |_, query: Message| {
        let mut reply = answer(&query, 1);
        if query.edns.is_some() && !is_mended.get() {
            reply.answers.clear();
            (reply.header.rcode, reply.edns) = (Rcode::FORMERR, None);
        }
        Some(reply)
    });
    let with_edns = |query: &Message| query.edns.is_some();
    assert_eq!((bench.address(OWNER), bench.sent(with_edns)), (Some(1), vec![true, false]));
    assert_eq!((bench.address(OTHER), bench.sent(with_edns)), (Some(1), vec![false]));
    mended.set(true);
    bench.sim.pass(901_000_000);
    assert_eq!((bench.address(OWNER), bench.sent(with_edns)), (Some(1), vec![true]));
}

/// Silence is no reason to leave out EDNS where only signatures help.
#[test]
fn a_signed_zone_is_asked_with_edns_however_silent_it_is() {
    for (anchors, plain) in [(Anchors::root(), false), (Anchors::default(), true)] {
        let bench = Bench::start(Settings::default(), anchors, |_, _| None);
        assert_eq!(bench.resolve(OWNER).rcode, Rcode::SERVFAIL);
        let without: Vec<_> = bench.sent(|query| query.edns.is_none());
        assert!(without.len() > 2 && without.contains(&true) == plain, "{without:?}");
    }
}

/// Servers that say nothing.
fn silent(_: usize, _: Message) -> Option<Message> {
    None
}

/// Asks for a question that came so long ago; the cell has the time of the answer, in microseconds from now.
fn ask(bench: &Bench, owner: &str, ago_us: u64) -> Rc<Cell<u64>> {
    let answered_us = Rc::new(Cell::new(0));
    let (slot, inner, resolver) = (answered_us.clone(), bench.sim.clone(), bench.resolver.clone());
    let question = Question::new(name(owner), RType::A);
    bench.sim.spawn(Box::pin(async move {
        let now_us = inner.now_us();
        let outcome = resolver.resolve_arrived(question, false, Trace::default(), now_us - ago_us).await;
        assert_eq!(outcome.rcode, Rcode::SERVFAIL);
        assert!(outcome.reason.as_ref().is_some_and(|reason| reason.text.contains("not resolved within")));
        slot.set(inner.now_us() - now_us);
    }));
    answered_us
}

#[test]
fn clients_are_answered_before_they_give_up() {
    for (query_timeout_ms, ago_ms, expected_ms) in
        [(5000, 0, 4500), (5000, 3000, 1500), (2000, 0, 1500), (600, 0, 300), (600, 200, 100)]
    {
        let settings = Settings { query_timeout_ms, ..Settings::default() };
        let bench = Bench::start(settings, Anchors::default(), silent);
        bench.sim.pass(10_000_000);
        let answered_us = ask(&bench, "www.example.", ago_ms * 1000);
        bench.sim.pass(10_000_000);
        assert_eq!(answered_us.get(), expected_ms * 1000, "{query_timeout_ms} {ago_ms}");
    }
}

/// Who joins a resolution that has more time does not wait for its end.
#[test]
fn a_client_that_came_before_does_not_wait_for_one_that_came_after() {
    let bench = Bench::start(Settings::default(), Anchors::default(), silent);
    bench.sim.pass(10_000_000);
    let late = ask(&bench, "www.example.", 0);
    bench.sim.run_ready();
    let early = ask(&bench, "www.example.", 3_000_000);
    bench.sim.pass(10_000_000);
    assert_eq!(late.get(), 4_500_000);
    assert!((1_500_000..1_600_000).contains(&early.get()), "{}", early.get());
}

/// Who asks after a change gets nothing that was asked for before it, though it is on its way, and nor does the cache.
#[test]
fn what_was_asked_for_before_a_change_is_for_nobody_who_comes_after_it() {
    let truth = Rc::new(Cell::new(1));
    let known = truth.clone();
    let bench =
        Bench::start(Settings::default(), Anchors::default(), move |_, query| Some(answer(&query, known.get())));
    let shares = [bench.ask(OWNER), bench.ask(OWNER)];
    assert_eq!(bench.sent(|_| ()).len(), 1, "both wait for one answer");
    truth.set(2);
    let mut changed = ChangedNames::default();
    changed.add_name(&name(OWNER));
    bench.resolver.shared().forget(&changed);
    let after = bench.ask(OWNER);
    bench.sim.pass(100_000);
    assert_eq!((shares.map(|it| it.get()), after.get()), ([Some(1); 2], Some(2)));
    assert_eq!(bench.address(OWNER), Some(2), "the cache has what is new");
    // What comes last is not kept either, if it was asked for first.
    truth.set(3);
    bench.resolver.shared().forget(&changed);
    let before = bench.ask(OWNER);
    bench.resolver.shared().forget(&changed);
    bench.sim.pass(100_000);
    truth.set(4);
    assert_eq!((before.get(), bench.address(OWNER)), (Some(3), Some(4)));
}

/// A zone of our own with an alias that leads elsewhere.
struct OwnAlias {
    version: Rc<Cell<u64>>,
}

impl LocalData for OwnAlias {
    fn find(&self, owner: &Name, _: RType) -> Local {
        if *owner != *name("alias.own.") {
            return Local::Elsewhere;
        }
        let target = name(&format!("target{}.example.", self.version.get()));
        let alias = Rrset::new(owner.to_owned(), RType::CNAME, 60).with(target.as_wire());
        Local::Answer {
            rcode: Rcode::NOERROR,
            answers: vec![alias.into()],
            authorities: Vec::new(),
            alias: Some(target),
        }
    }

    fn version(&self) -> u64 {
        self.version.get()
    }
}

#[test]
fn an_alias_of_our_own_that_changed_is_followed_anew() {
    let version = Rc::new(Cell::new(1));
    let says = |_, query: Message| {
        let text = query.questions[0].name.to_string().to_lowercase();
        let number = text.trim_start_matches("target").bytes().next().unwrap_or_default() - b'0';
        Some(answer(&query, number))
    };
    let bench = Bench::start(Settings::default(), Anchors::default(), says);
    let bench = bench.with_zones(OwnAlias { version: version.clone() });
    let before = bench.ask("alias.own.");
    version.set(2);
    let after = [bench.ask("alias.own."), bench.ask("alias.own.")];
    bench.sim.pass(100_000);
    assert_eq!((before.get(), after.map(|it| it.get())), (Some(1), [Some(2); 2]));
    assert_eq!(bench.sent(|_| ()).len(), 2, "who asks the same then shares it");
}

/// What each of many clients costs that wait for servers: the rest they share.
#[test]
fn a_client_that_waits_costs_little_memory() {
    let bench = Bench::start(Settings::default(), Anchors::default(), silent);
    let question = Question::new(name("www.example."), RType::A);
    let waiting = bench.resolver.resolve_arrived(question, false, Trace::default(), 0);
    let size = std::mem::size_of_val(&waiting);
    println!("{size} octets");
    assert!(size < 4096, "{size} octets");
}
