//! `headwater serve` as a resolver in a small Internet of the test's own: servers that are late, that lose questions,
//! that are dead, that lie, that speak only TCP or only IPv6. No answer may be wrong, and times are printed, beside
//! Unbound's where that is installed. With root and `ip`, the world is a network namespace with servers on port 53;
//! otherwise it is loopback addresses with another port, without Unbound.

mod ask;
mod beside;
#[path = "../common/mod.rs"]
mod common;
mod data;
mod faults;
mod matrix;
mod peers;
mod reload;
mod silence;
mod tls;
mod world;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use ask::{Outcome, ask_all, questions};
use common::{PATIENCE, Process, Scratch, free_port, until};
use world::{Fault, Plan, World};

/// Questions of one case.
const QUESTIONS: usize = 200;
/// Questions that may fail where nearly every third one gets lost on the way: one in so many.
const MAY_FAIL: usize = 20;
/// Tells the test that it runs in a namespace.
const INSIDE: &str = "HEADWATER_TEST_NAMESPACE";
const UNBOUND: &str = "/usr/sbin/unbound";

struct Case {
    name: &'static str,
    fault: Fault,
    delay_ms: (u64, u64),
    loss: usize,
    v6: bool,
    may_fail: usize,
}

const WELL: Case = Case { name: "all well", fault: Fault::None, delay_ms: (0, 0), loss: 0, v6: false, may_fail: 0 };
const CASES: [Case; 8] = [
    WELL,
    Case { name: "20-80 ms", delay_ms: (20, 80), ..WELL },
    Case { name: "5 % loss", loss: 5, ..WELL },
    Case { name: "30 % loss", loss: 30, may_fail: QUESTIONS / MAY_FAIL, ..WELL },
    Case { name: "one of two dead", fault: Fault::Dead, ..WELL },
    Case { name: "one of two lies", fault: Fault::Lying, ..WELL },
    Case { name: "TCP only", fault: Fault::TcpOnly, ..WELL },
    Case { name: "IPv6 only", v6: true, ..WELL },
];

fn v4(number: u8) -> IpAddr {
    IpAddr::from([127, 0, 1, number])
}

/// Addresses of the namespace.
fn v6(number: u8) -> IpAddr {
    IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, u16::from(number)])
}

/// The only one that every host has: one server for all zones.
fn v6_only_one(_: u8) -> IpAddr {
    Ipv6Addr::LOCALHOST.into()
}

fn inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs a test of this file once more in a network namespace; `None` where that is not possible.
fn in_namespace(test: &str) -> Option<bool> {
    let addresses: String = (1..=9).map(|i| format!("ip addr add {}/128 dev lo nodad && ", v6(i))).collect();
    let route = "ip route add local 198.19.0.0/16 dev lo";
    let script = format!("ip link set lo up && {route} && {addresses}echo up && exec \"$@\"");
    let probe = Command::new("unshare").args(["-n", "sh", "-c", &script, "sh", "true"]).stderr(Stdio::null()).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        return None;
    }
    let this = std::env::current_exe().expect("this program");
    let mut command = Command::new("unshare");
    command.args(["-n", "sh", "-c", &script, "sh"]).arg(this);
    command.args(["--exact", test, "--nocapture"]).env(INSIDE, "1");
    let output = command.output().expect("unshare runs");
    print!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Some(output.status.success())
}

#[test]
fn never_a_wrong_answer() {
    if !inside() {
        match in_namespace("never_a_wrong_answer") {
            Some(well) => return assert!(well, "the same test fails in a network namespace"),
            None => println!("skipped: unbound comparison needs root and ip"),
        }
    }
    let questions = questions(QUESTIONS);
    let started = Instant::now();
    println!("{:16} {:9} {:>7} {:>7} {:>7} {:>9} {:>7}", "", "", "p50 ms", "p99 ms", "max ms", "questions", "failed");
    let mut problems = Vec::new();
    for (number, case) in CASES.iter().enumerate() {
        let scratch = Scratch::new(&format!("resolving-{number}"));
        let addresses = match (case.v6, inside()) {
            (false, _) => v4,
            (true, true) => v6,
            (true, false) => v6_only_one,
        };
        let port = if inside() { 53 } else { free_port() };
        let plan = Plan { fault: case.fault, delay_ms: case.delay_ms, loss: case.loss, addresses, port };
        scratch.write("hints", &data::hints(addresses));
        let keys = format!("{}, ipv4: {}, ipv6: {}", peers::UNSIGNED, !case.v6, case.v6);
        let outcome = run(case, "headwater", plan, || peers::headwater(&scratch, port, &keys), &questions);
        problems.extend(outcome.wrong.iter().map(|wrong| format!("{}: wrong: {wrong}", case.name)));
        if outcome.failures() > case.may_fail {
            let (servfail, silent) = (&outcome.servfail, &outcome.silent);
            problems.push(format!("{}: SERVFAIL: {servfail:?}, no answer: {silent:?}", case.name));
        }
        assert_eq!(outcome.times.len() + outcome.failures() + outcome.wrong.len(), QUESTIONS);
        if inside() && Path::new(UNBOUND).exists() {
            run(case, "unbound", plan, || unbound(&scratch, case), &questions);
        }
    }
    println!("{:.1} s in all", started.elapsed().as_secs_f64());
    assert!(problems.is_empty(), "{problems:#?}");
}

/// Asks a resolver in a new world, and prints how it went.
fn run(
    case: &Case,
    name: &str,
    plan: Plan,
    start: impl FnOnce() -> (SocketAddr, Process),
    questions: &[(String, dns::RType)],
) -> Outcome {
    let world = World::start(plan);
    let (address, process) = start();
    let outcome = ask_all(address, questions);
    drop(process);
    let [p50, p99, max] = [50, 99, 100].map(|percent| outcome.percentile_ms(percent));
    let asked = world.questions.load(std::sync::atomic::Ordering::Relaxed);
    let failed = outcome.failures();
    println!("{:16} {name:9} {p50:7.1} {p99:7.1} {max:7.1} {asked:9} {failed:7}", case.name);
    if failed > 0 {
        println!("  SERVFAIL: {:?}, no answer: {:?}", outcome.servfail, outcome.silent);
    }
    if !outcome.wrong.is_empty() {
        println!("  wrong: {:#?}", outcome.wrong);
    }
    outcome
}

/// Unbound, as like Headwater as its configuration allows.
fn unbound(scratch: &Scratch, case: &Case) -> (SocketAddr, Process) {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let yes = |flag: bool| if flag { "yes" } else { "no" };
    let config = format!(
        "server:\n interface: 127.0.0.1@{}\n do-daemonize: no\n username: \"\"\n chroot: \"\"\n directory: \".\"\n \
         pidfile: \"\"\n use-syslog: no\n logfile: \"\"\n module-config: \"iterator\"\n root-hints: hints\n \
         do-not-query-localhost: no\n do-ip4: yes\n do-ip6: yes\n prefer-ip6: {}\n num-threads: 1\n \
         qname-minimisation: yes\n use-caps-for-id: yes\nremote-control:\n control-enable: no\n",
        address.port(),
        yes(case.v6),
    );
    scratch.write("unbound.conf", &config);
    let mut command = Command::new(UNBOUND);
    let mut process = Process::start(command.args(["-d", "-c", "unbound.conf"]), scratch.path(), "log-unbound");
    // It primes the root while the first question waits; that is part of its time, as the first referrals are of ours.
    let up = until(PATIENCE, || process.log().contains("start of service").then_some(()));
    assert!(up.is_some() && process.is_running(), "unbound does not start:\n{}", process.log());
    (address, process)
}
