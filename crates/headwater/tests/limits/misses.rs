//! Questions that others must be asked about: an attack with random names of one zone, whose servers do not answer,
//! leaves hits, other misses and the zone's own well-known names alone.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dns::{Message, RType, Rcode, Record};

use crate::common::{PATIENCE, headwater, query, until};
use crate::site::{Client, Kinds, Site};

/// An authoritative server that has one address for every name, or says nothing.
struct Authority {
    address: SocketAddr,
    silent: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Authority {
    fn start(silent: bool) -> Authority {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("timeout");
        let address = socket.local_addr().expect("an address");
        let (silent, stop, asked) = (Arc::new(AtomicBool::new(silent)), Arc::default(), Arc::default());
        let parts = (silent.clone(), Arc::clone(&stop), Arc::clone(&asked));
        let thread = std::thread::spawn(move || serve(&socket, parts));
        Authority { address, silent, stop, asked, thread: Some(thread) }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

fn serve(socket: &UdpSocket, (silent, stop, asked): (Arc<AtomicBool>, Arc<AtomicBool>, Arc<AtomicUsize>)) {
    let mut buffer = [0; 4096];
    while !stop.load(Ordering::Relaxed) {
        let Ok((len, from)) = socket.recv_from(&mut buffer) else { continue };
        asked.fetch_add(1, Ordering::Relaxed);
        let Ok(mut message) = Message::parse(&buffer[..len]) else { continue };
        if silent.load(Ordering::Relaxed) {
            continue;
        }
        (message.header.qr, message.header.aa, message.edns) = (true, true, None);
        let question = message.questions[0].clone();
        if question.rtype == RType::A {
            let (class, rdata) = (question.class, vec![192, 0, 2, 10]);
            message.answers.push(Record { owner: question.name, rtype: RType::A, class, ttl: 300, rdata });
        }
        // Who asked comes again if it gets nothing.
        let _ = socket.send_to(&message.to_wire(512), from);
    }
}

/// A resolver that asks these two, and the two.
struct Outside {
    site: Site,
    good: Authority,
    victim: Authority,
}

impl Outside {
    fn start(name: &str, rate_limit: &str) -> Outside {
        let (good, victim) = (Authority::start(false), Authority::start(true));
        let rest = format!(
            "resolver:\n  validate: false\n  priming: false\n  trust_anchor_update: false\n  trust_anchor_signalling: false\n\
             \x20 qname_minimisation: false\n  randomise_case: false\n  stub_zones:\n  - {{ name: good.com, servers: [\"{}\"] }}\n\
             \x20 - {{ name: victim.com, servers: [\"{}\"] }}\n\
             cache: {{ persist: false, prefetch: false }}\nsecurity: {{ rate_limit: {{ {rate_limit} }} }}\n",
            good.address, victim.address
        );
        Outside { site: Site::with(name, &rest), good, victim }
    }

    fn client(&self, address: [u8; 4]) -> Client {
        Client::new(address, self.site.address())
    }
}

fn question(name: &str, id: u16) -> Message {
    let mut message = query(name, RType::A);
    (message.header.id, message.header.rd) = (id, true);
    message
}

#[test]
fn an_attack_on_one_zone_leaves_everybody_else_alone() {
    const PER_SECOND: usize = 50;
    const ATTACKERS: u8 = 100;
    const LASTS: Duration = Duration::from_secs(3);
    let outside = Outside::start("torture", &format!("zone_misses_per_second: {PER_SECOND}"));
    // The zone's servers answer before the attack.
    outside.victim.silent.store(false, Ordering::Relaxed);
    let innocent = outside.client([127, 20, 0, 1]);
    let known = ["hit.good.com", "www.victim.com"];
    for name in known {
        assert!(innocent.ask(&question(name, 1), PATIENCE).is_some_and(|answer| answer.answers.len() == 1), "{name}");
    }
    outside.victim.silent.store(true, Ordering::Relaxed);
    let before = outside.victim.asked();
    let attackers: Vec<Client> = (1..=ATTACKERS).map(|host| outside.client([127, 21, 0, host])).collect();
    let (begin, mut sent, mut asked) = (Instant::now(), 0_usize, 0_u16);
    let mut answers = Vec::new();
    while begin.elapsed() < LASTS {
        for _ in 0..10 {
            let name = format!("r{sent}.victim.com");
            attackers[sent % attackers.len()].send(&question(&name, sent as u16).to_wire(512));
            sent += 1;
        }
        if sent.is_multiple_of(100) {
            innocent.send(&question("hit.good.com", asked).to_wire(512));
            innocent.send(&question(&format!("miss{sent}.good.com"), asked + 1).to_wire(512));
            asked += 2;
        }
        answers.extend(innocent.received());
        std::thread::sleep(Duration::from_millis(5));
    }
    let seconds = begin.elapsed().as_secs_f64();
    answers.extend(innocent.await_all(Duration::from_millis(500)));
    assert_eq!(Kinds::of(&answers), Kinds { whole: asked.into(), ..Kinds::default() }, "of {asked}");
    // What goes out: those of a second at once, and the rate; each is sent a few times.
    let went = (PER_SECOND as f64 * (seconds + 2.0)) as usize;
    let limited = outside.site.count("zone_misses_limited") as usize;
    assert!(limited >= sent - went && limited < sent, "{limited} of {sent} in {seconds:.1} s");
    let upstream = outside.victim.asked() - before;
    assert!(upstream < 8 * went, "{upstream} questions for {went} names");
    println!("{sent} random names in {seconds:.1} s: {limited} held back, {upstream} questions to the zone's server");
    // The attack goes on, the servers are back: at once, names that are known to exist are asked about.
    outside.victim.silent.store(false, Ordering::Relaxed);
    let flush = headwater(&["cache", "flush", "www.victim.com", "--data", "data"])
        .current_dir(outside.site.scratch.path())
        .output()
        .expect("the program");
    assert!(flush.status.success(), "{flush:?}");
    let back = until(PATIENCE, || {
        for i in 0..50 {
            attackers[0].send(&question(&format!("s{i}.victim.com"), i).to_wire(512));
        }
        let answer = innocent.ask(&question("www.victim.com", 9), Duration::from_secs(1));
        answer.filter(|answer| answer.answers.len() == 1)
    });
    assert!(back.is_some(), "the zone stays away");
    assert!(outside.good.asked() > 0);
}

#[test]
fn a_client_has_so_many_misses_a_second_and_hits_without_end() {
    let outside = Outside::start("misses", "client_misses_per_second: 10");
    let client = outside.client([127, 22, 0, 1]);
    assert!(client.ask(&question("hit.good.com", 1), PATIENCE).is_some());
    let burst = |client: &Client, prefix: &str| {
        let begin = Instant::now();
        for i in 0..100 {
            client.send(&question(&format!("{prefix}{i}.good.com"), i).to_wire(512));
            client.send(&question("hit.good.com", 100 + i).to_wire(512));
            std::thread::sleep(Duration::from_millis(1));
        }
        let more = (10.0 * begin.elapsed().as_secs_f64()) as usize + 1;
        (Kinds::of(&client.await_all(Duration::from_millis(500))), more)
    };
    let (kinds, more) = burst(&client, "a");
    // The one before the burst is one of its second.
    assert!((109..=110 + more).contains(&kinds.whole) && kinds.whole + kinds.failed == 200, "{kinds:?}");
    assert_eq!(outside.site.count("client_misses_limited") as usize, kinds.failed);
    let answer = outside.client([127, 22, 0, 2]).ask(&question("b.good.com", 1), PATIENCE).expect("an answer");
    assert_eq!((answer.header.rcode, answer.answers.len()), (Rcode::NOERROR, 1), "another client");
}

#[test]
fn so_many_questions_of_a_client_wait() {
    let outside = Outside::start("waiting", "client_outstanding: 5");
    let client = outside.client([127, 23, 0, 1]);
    for i in 0..20 {
        client.send(&question(&format!("a{i}.victim.com"), i).to_wire(512));
    }
    let mut at_once = Vec::new();
    let refused = until(PATIENCE, || {
        at_once.extend(client.received());
        (at_once.len() >= 15).then_some(())
    });
    assert!(refused.is_some());
    assert_eq!(Kinds::of(&at_once), Kinds { failed: 15, ..Kinds::default() });
    assert_eq!(outside.site.count("client_misses_limited"), 15);
    // When the others have an answer, which says that there is none, the client may ask again.
    let mut given_up = 0;
    let all = until(PATIENCE, || {
        given_up += client.received().len();
        (given_up >= 5).then_some(())
    });
    assert!(all.is_some(), "{given_up} of 5 have an answer");
    let answer = client.ask(&question("x.good.com", 99), PATIENCE).expect("an answer");
    assert_eq!(answer.answers.len(), 1);
}
