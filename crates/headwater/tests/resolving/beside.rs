//! What else people want of a resolver, beside others: stale answers in an outage, a way round dead forwarders, private
//! zones under a signed parent, forwarders over TLS that do not prove who they are. In short: ours alone. With
//! `HEADWATER_MATRIX=1` (root and `ip`): what each of the others does, printed; ours is asserted in both.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dns::Rcode;

use crate::common::{Process, Scratch, free_port, until};
use crate::data::name;
use crate::faults::{self, BRIEF_TTL_S, Heard, PARENT};
use crate::matrix::{LONG, address, ask, warm_up};
use crate::peers::{self, Extra, Peer};
use crate::{in_namespace, inside};

/// Room for a scheduler.
const NOISE: Duration = Duration::from_millis(300);
/// RFC 8767 5: how long a client waits for fresh data when stale data is at hand.
const STALE_AFTER: Duration = Duration::from_millis(1800);
/// How soon after an outage answers are fresh again: servers are tried every 30 s.
const RECOVERY: Duration = Duration::from_secs(32);
/// Longer than the TTL and than the least that any of the peers makes of it.
const OUT_OF_DATE: Duration = Duration::from_secs(7);
/// The DS record of a key that nobody has.
const NO_SUCH_DS: &str = "DS 1 13 2 00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF";

/// A resolver, by name.
struct Contestant {
    name: String,
    address: SocketAddr,
    _process: Process,
}

/// The root, [`PARENT`] and one zone below it.
struct SmallWorld {
    zone: String,
    /// What the server of the zone got.
    heard: Arc<Heard>,
    /// While it is set, that server says nothing.
    silent: Arc<AtomicBool>,
    port: u16,
    scratch: Scratch,
    at: Box<dyn Fn(usize) -> SocketAddr>,
}

impl SmallWorld {
    /// `block` tells its addresses from those of other tests.
    fn start(block: usize) -> SmallWorld {
        let port = if inside() { 53 } else { free_port() };
        let at = move |number| SocketAddr::new(address(block * 250 + number), port);
        let (zone, parent) = (name(&format!("corp.{PARENT}")), name(PARENT));
        let server = faults::Server::new(zone.clone(), &[], Vec::new());
        let (heard, silent) = (server.heard.clone(), server.silent.clone());
        server.start(at(2));
        faults::Server::new(parent.clone(), &[], vec![(zone.clone(), at(2).ip())]).start(at(1));
        faults::Server::new(name("."), &[], vec![(parent, at(1).ip())]).start(at(0));
        let scratch = Scratch::new(&format!("resolving-beside-{block}"));
        scratch.write("hints", &faults::hints(at(0).ip()));
        SmallWorld { zone: zone.to_string(), heard, silent, port, scratch, at: Box::new(at) }
    }

    /// Headwater with these keys, and the peers that `extra` has a configuration for.
    fn contestants(&self, keys: &str, extra: impl Fn(Peer) -> Option<Extra>) -> Vec<Contestant> {
        let (address, process) = peers::headwater(&self.scratch, self.port, keys);
        let mut all = vec![Contestant { name: "headwater".into(), address, _process: process }];
        for peer in Peer::ALL.into_iter().filter(|_| inside()) {
            let name = format!("{peer:?}").to_ascii_lowercase();
            let Some(extra) = extra(peer) else {
                println!("{name}: does not have it");
                continue;
            };
            match peer.start_with(&self.scratch, &extra) {
                None => println!("skipped: {name} is not installed"),
                Some((address, process)) => all.push(Contestant { name, address, _process: process }),
            }
        }
        all
    }
}

impl Contestant {
    /// What a client gets: the RCODE, how many records, and after how long.
    fn ask(&self, owner: &str) -> (String, Option<Duration>) {
        match ask(self.address, owner) {
            None => ("silence".into(), None),
            Some((answer, time)) => (format!("{} {}", answer.header.rcode, answer.answers.len()), Some(time)),
        }
    }
}

/// Runs the test in a namespace if the long form is wanted: then there is nothing left to do here.
fn runs_elsewhere(test: &str) -> bool {
    let elsewhere = std::env::var_os(LONG).is_some() && !inside();
    if elsewhere {
        assert_eq!(in_namespace(&format!("beside::{test}")), Some(true), "needs root and ip; else it fails above");
    }
    elsewhere
}

fn print(case: &str, contestant: &Contestant, (said, time): &(String, Option<Duration>)) {
    let time = time.map_or("-".to_owned(), |it| format!("{:.1} ms", it.as_secs_f64() * 1e3));
    println!("{case:28} {:10} {said:12} {time:>10}", contestant.name);
}

/// Whether an answer is this one, and came within that time.
fn is_soon((said, time): &(String, Option<Duration>), want: &str, limit: Duration) -> bool {
    said == want && time.is_some_and(|time| time < limit)
}

/// RFC 8767 5, behind an alias that has not expired.
#[test]
fn stale_answers_in_an_outage() {
    if runs_elsewhere("stale_answers_in_an_outage") {
        return;
    }
    let world = SmallWorld::start(30);
    let extra = |peer| {
        Some(match peer {
            Peer::Unbound => {
                Extra::rest("server:\n serve-expired: yes\n serve-expired-client-timeout: 1800\n".to_owned())
            }
            Peer::Bind => Extra {
                options: "stale-answer-enable yes; stale-cache-enable yes; stale-answer-client-timeout 1800;".into(),
                ..Extra::default()
            },
            Peer::PowerDns => Extra::rest("serve-stale-extensions=1440\n".into()),
            Peer::Knot => Extra::rest("modules = { 'serve_stale < cache' }\n".into()),
        })
    };
    let contestants = world.contestants(peers::UNSIGNED, extra);
    let owner = format!("alias.{}", world.zone);
    for contestant in &contestants {
        warm_up(contestant.address);
        assert_eq!(contestant.ask(&owner).0, "NOERROR 2", "{}", contestant.name);
    }
    thread::sleep(if inside() { OUT_OF_DATE } else { Duration::from_secs(u64::from(BRIEF_TTL_S) + 1) });
    world.silent.store(true, Ordering::Relaxed);
    let outage = thread::scope(|scope| {
        let asking = contestants.iter().map(|it| scope.spawn(|| [(); 3].map(|()| it.ask(&owner))));
        asking.collect::<Vec<_>>().into_iter().map(|it| it.join().expect("answers")).collect::<Vec<_>>()
    });
    for (contestant, answers) in contestants.iter().zip(&outage) {
        for (which, answer) in ["first", "second", "third"].iter().zip(answers) {
            print(&format!("outage: {which} answer"), contestant, answer);
        }
    }
    let [first, rest @ ..] = &outage[0];
    assert!(is_soon(first, "NOERROR 2", STALE_AFTER + NOISE), "{first:?}");
    rest.iter().for_each(|it| assert!(is_soon(it, "NOERROR 2", NOISE), "{it:?}"));
    if !inside() {
        return;
    }
    world.silent.store(false, Ordering::Relaxed);
    // One after the other: whose question the server hears is to be seen.
    for contestant in &contestants {
        let (began, heard) = (Instant::now(), || world.heard.questions.load(Ordering::Relaxed));
        let fresh = until(2 * RECOVERY, || {
            let before = heard();
            contestant.ask(&owner);
            thread::sleep(NOISE);
            (heard() > before).then(|| began.elapsed())
        });
        println!("{:28} {:10} {fresh:?}", "servers back: asks again in", contestant.name);
        assert!(contestant.name != "headwater" || fresh.is_some_and(|it| it < RECOVERY), "{fresh:?}");
    }
}

/// A forwarder that says nothing, where the servers of the zone may be asked instead.
#[test]
fn a_way_round_dead_forwarders() {
    if runs_elsewhere("a_way_round_dead_forwarders") {
        return;
    }
    let world = SmallWorld::start(31);
    let dead = (world.at)(9);
    let _silent = UdpSocket::bind(dead).expect("a socket that nobody reads");
    let (zone, ip, port) = (&world.zone, dead.ip(), dead.port());
    let extra = |peer| match peer {
        Peer::Unbound => Some(Extra::rest(format!(
            "forward-zone:\n name: {zone}\n forward-addr: {ip}@{port}\n forward-first: yes\n"
        ))),
        Peer::Bind => Some(Extra::rest(format!(
            "zone \"{zone}\" {{ type forward; forward first; forwarders {{ {ip} port {port}; }}; }};\n"
        ))),
        Peer::PowerDns | Peer::Knot => None,
    };
    let forward = format!("forward_zones: [{{ name: {zone}, servers: ['{dead}'], fallback: iterate }}]");
    for contestant in world.contestants(&format!("{}, {forward}", peers::UNSIGNED), extra) {
        warm_up(contestant.address);
        for host in ["www", "www2", "www3"] {
            let answer = contestant.ask(&format!("{host}.{zone}"));
            print(&format!("dead forwarder: {host}"), &contestant, &answer);
            let in_time = is_soon(&answer, "NOERROR 1", Duration::from_millis(1500));
            assert!(contestant.name != "headwater" || in_time, "{host}: {answer:?}");
        }
    }
}

/// A private zone, forwarded, under a parent that is signed and does not vouch for it: RFC 7646.
#[test]
fn a_private_zone_under_a_signed_parent() {
    if runs_elsewhere("a_private_zone_under_a_signed_parent") {
        return;
    }
    let world = SmallWorld::start(32);
    // The parent is to be signed, by a key that its server does not have: what it says of the zone below is bogus.
    let (zone, server, ds) = (&world.zone, (world.at)(2), format!("{PARENT} {NO_SUCH_DS}"));
    let (ip, port) = (server.ip(), server.port());
    world.scratch.write("anchors", &format!("{ds}\n"));
    let bare = zone.trim_end_matches('.');
    world.scratch.write("anchors.lua", &format!("addTA('{PARENT}', '{}')\naddNTA('{bare}')\n", &NO_SUCH_DS[3..]));
    let extra = |peer| {
        Some(match peer {
            Peer::Unbound => Extra::rest(format!(
                "server:\n module-config: \"validator iterator\"\n trust-anchor: \"{ds}\"\n domain-insecure: \"{zone}\"\n\
                 forward-zone:\n name: {zone}\n forward-addr: {ip}@{port}\n"
            )),
            Peer::Bind => Extra {
                options: format!("validate-except {{ \"{bare}\"; }};"),
                rest: format!(
                    "trust-anchors {{ {PARENT} static-ds 1 13 2 \"{}\"; }};\n\
                     zone \"{bare}\" {{ type forward; forward only; forwarders {{ {ip} port {port}; }}; }};\n",
                    &NO_SUCH_DS[10..]
                ),
            },
            Peer::PowerDns => {
                Extra::rest(format!("dnssec=validate\nlua-config-file=anchors.lua\nforward-zones={bare}={ip}:{port}\n"))
            }
            Peer::Knot => Extra::rest(format!(
                "trust_anchors.add('{ds}')\ntrust_anchors.set_insecure({{ '{zone}' }})\n\
                 policy.add(policy.suffix(policy.FORWARD('{ip}@{port}'), {{ todname('{zone}') }}))\n"
            )),
        })
    };
    let forward = format!("forward_zones: [{{ name: {zone}, servers: ['{server}'] }}]");
    let keys = format!("trust_anchor_files: [anchors], negative_trust_anchors: [{zone}], {forward}");
    for contestant in world.contestants(&keys, extra) {
        let owner = format!("www.{zone}");
        let answer = contestant.ask(&owner);
        print("private zone", &contestant, &answer);
        assert!(contestant.name != "headwater" || answer.0 == "NOERROR 1", "{answer:?}");
        // The parent is bogus all the same.
        let parent = contestant.ask(&format!("www.{PARENT}"));
        print("its parent", &contestant, &parent);
        let is_bogus = parent.0 == format!("{} 0", Rcode::SERVFAIL);
        assert!(contestant.name != "headwater" || is_bogus, "{parent:?}");
    }
}
