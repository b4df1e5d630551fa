//! Equal answers to a network: a flood whose sources are forged gets fewer bytes out than it brings in, and those whose
//! addresses it uses are served when they show that they are there.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use dns::edns::EdnsOption;
use dns::{Edns, Message, RType};

use crate::common::{Scratch, query, query_edns};
use crate::peers::Peer;
use crate::site::{Client, Kinds, Site, over_tcp};

/// The victims' addresses stand in one /24.
const VICTIMS: u8 = 20;
/// Questions of the flood in all.
const FLOOD: usize = 6000;
/// After so many the flood pauses: about 10,000 a second.
const ROUND: usize = 20;
const PAUSE: Duration = Duration::from_millis(2);
/// For what is under way to arrive.
const REST: Duration = Duration::from_millis(300);

fn edns() -> Edns {
    Edns { udp_size: 4096, dnssec_ok: true, ..Edns::default() }
}

/// Bytes of the flood, and those that come back.
#[derive(Debug, Clone, Copy)]
struct Traffic {
    bytes_in: usize,
    bytes_out: usize,
}

impl Traffic {
    fn amplification(self) -> f64 {
        self.bytes_out as f64 / self.bytes_in as f64
    }
}

/// Asks for what is long, from the addresses of one network that did not ask; `meanwhile` is called in each pause.
fn flood(server: SocketAddr, mut meanwhile: impl FnMut(usize)) -> Traffic {
    let victims: Vec<Client> = (1..=VICTIMS).map(|host| Client::new([127, 9, 9, host], server)).collect();
    let questions = [("example.org", RType::ANY), ("example.org", RType::DNSKEY), ("big.example.org", RType::TXT)]
        .map(|(name, rtype)| query_edns(name, rtype, edns()).to_wire(512));
    let mut traffic = Traffic { bytes_in: 0, bytes_out: 0 };
    let take = |victims: &[Client]| {
        let answers = victims.iter().flat_map(Client::received);
        answers.map(|answer| answer.len()).sum::<usize>()
    };
    for i in 0..FLOOD {
        let question = &questions[i % questions.len()];
        victims[i % victims.len()].send(question);
        traffic.bytes_in += question.len();
        if i % ROUND == ROUND - 1 {
            std::thread::sleep(PAUSE);
            traffic.bytes_out += take(&victims);
            meanwhile(i / ROUND);
        }
    }
    std::thread::sleep(REST);
    traffic.bytes_out += take(&victims);
    traffic
}

#[test]
fn a_flood_from_one_network_gets_less_out_than_it_brings_in() {
    let without = Site::start("amplifier", "", "");
    let unlimited = flood(without.address(), |_| {});
    assert!(unlimited.amplification() > 2.0, "{unlimited:?}: there is nothing to limit");
    let site = Site::start("amplification", "responses_per_second: 5, slip: 2", "");
    let elsewhere = Client::new([127, 8, 8, 8], site.address());
    let mut asked = 0;
    let limited = flood(site.address(), |round| {
        if round % 60 == 0 {
            asked += 1;
            elsewhere.send(&query("www.example.org", RType::A).to_wire(512));
        }
    });
    println!("amplification: unlimited {:.2}, limited {:.2}", unlimited.amplification(), limited.amplification());
    assert!(limited.amplification() < 1.0, "{limited:?}");
    let answers = elsewhere.await_all(REST);
    assert_eq!(Kinds::of(&answers), Kinds { whole: asked, ..Kinds::default() }, "another network notices");
    assert!(site.count("responses_limited") as usize > FLOOD / 2);
    for peer in Peer::ALL {
        let scratch = Scratch::new(&format!("limits-{peer:?}"));
        match peer.start(&scratch) {
            None => println!("skipped: {peer:?} is not installed"),
            Some((address, _process)) => {
                println!("amplification: {peer:?} {:.2}", flood(address, |_| {}).amplification());
            }
        }
    }
}

#[test]
fn who_has_a_cookie_or_a_connection_is_served_while_its_network_is_flooded() {
    let site = Site::start("cookies", "responses_per_second: 5, slip: 2", "");
    let here = [127, 9, 9, 200];
    let question = |server: Vec<u8>| {
        let cookie = EdnsOption::Cookie { client: *b"clientck", server };
        query_edns("big.example.org", RType::TXT, Edns { options: vec![cookie], ..edns() })
    };
    let first = over_tcp(here, site.address(), &question(Vec::new()).to_wire(512));
    let cookie = cookie_of(&Message::parse(&first).expect("an answer")).expect("a cookie");
    let client = Client::new(here, site.address());
    let (mut whole, mut asked) = (0, 0);
    flood(site.address(), |round| {
        if round % 30 == 0 {
            asked += 2;
            let answer = over_tcp(here, site.address(), &query("big.example.org", RType::TXT).to_wire(512));
            whole += Kinds::of([&answer]).whole;
            client.send(&question(cookie.clone()).to_wire(512));
        }
    });
    whole += Kinds::of(&client.await_all(REST)).whole;
    assert_eq!(whole, asked);
}

/// The cookie of the server in an answer.
fn cookie_of(answer: &Message) -> Option<Vec<u8>> {
    answer.edns.as_ref()?.options.iter().find_map(|option| match option {
        EdnsOption::Cookie { server, .. } => Some(server.clone()),
        _ => None,
    })
}

#[test]
fn every_kind_of_answer_is_limited_and_a_dry_run_limits_none() {
    let burst = |site: &Site, name: &str, rtype: RType| {
        let begin = Instant::now();
        let client = Client::new([127, 7, 7, 7], site.address());
        for _ in 0..60 {
            client.send(&query_edns(name, rtype, edns()).to_wire(512));
            std::thread::sleep(Duration::from_micros(500));
        }
        (Kinds::of(&client.await_all(REST)), (5.0 * begin.elapsed().as_secs_f64()) as usize + 1)
    };
    let kinds = [("www.example.org", RType::A), ("nothing.example.org", RType::A), ("example.net", RType::A)];
    let site = Site::start("kinds", "responses_per_second: 5, slip: 0", "");
    for (name, rtype) in kinds {
        let (got, more) = burst(&site, name, rtype);
        assert!((5..15 + more).contains(&(got.whole + got.refused)), "{name}: {got:?}");
        assert_eq!((got.truncated, got.failed), (0, 0), "{name}: {got:?}");
    }
    let site = Site::start("kinds-dry", "responses_per_second: 5, slip: 0, dry_run: true", "");
    for (name, rtype) in kinds {
        let (got, _) = burst(&site, name, rtype);
        assert_eq!(got.whole + got.refused, 60, "{name}");
    }
    assert!(site.count("responses_limited") >= 100);
}
