//! Rules about name servers (`rpz-nsdname`, `rpz-nsip`) in a small Internet: what was just resolved and what the cache has
//! are judged alike. With root and `ip`, in a network namespace with servers on port 53, BIND and Unbound are beside it.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use dns::RType;

use crate::authority::{Internet, hints};
use crate::common::{PATIENCE, Scratch, Server, free_port, tcp, until};
use crate::peers;
use crate::site::{CLIENT, ask, ask_in_vain, question, said};

/// Tells the test that it runs in a namespace.
const INSIDE: &str = "HEADWATER_TEST_NAMESPACE";
/// The least time that a delegation is believed, and a little.
const DELEGATION_ENDS: Duration = Duration::from_millis(5500);
const OUTSIDE: &str = "NOERROR 192.0.2.10";

const RULES: &str = "$TTL 300
@ SOA localhost. root.localhost. 1 7200 900 1209600 300
@ NS localhost.
ns.evil.com.rpz-nsdname CNAME .
*.ns.wild.com.rpz-nsdname CNAME *.
ns.both.com.rpz-nsdname CNAME *.
ns.data.com.rpz-nsdname A 203.0.113.7
ns.moved.com.rpz-nsdname CNAME www.garden.com.
ns.mid.com.rpz-nsdname CNAME .
ns.sub.fine.com.rpz-nsdname CNAME .
ns.short.com.rpz-nsdname CNAME .
ns.tcp.com.rpz-nsdname CNAME rpz-tcp-only.
32.3.1.0.127.rpz-nsip CNAME .
30.4.1.0.127.rpz-nsip CNAME *.
passed.evil.com CNAME rpz-passthru.
named.evil.com A 203.0.113.8
32.66.2.0.192.rpz-ip A 203.0.113.9
in-force.com CNAME .
";

/// What is asked for, and what rules make of it.
const CASES: &[(&str, &str)] = &[
    ("www.good.com", OUTSIDE),
    ("www.free.com", OUTSIDE),
    // The name of a server, also of a domain that it is a guest of; a wildcard; each action.
    ("www.evil.com", "NXDOMAIN"),
    ("nothing.evil.com", "NXDOMAIN"),
    ("www.guest.com", "NXDOMAIN"),
    ("www.wild.com", "NOERROR"),
    ("www.data.com", "NOERROR 203.0.113.7"),
    ("www.moved.com", "NOERROR 192.0.2.10 CNAME www.garden.com."),
    ("www.tcp.com", "NOERROR TC"),
    // The address of a server, and a network around it.
    ("www.addr.com", "NXDOMAIN"),
    ("www.net4.com", "NOERROR"),
    // A zone above that of the answer, and the zone itself below one that is not listed.
    ("www.sub.mid.com", "NXDOMAIN"),
    ("www.sub.fine.com", "NXDOMAIN"),
    ("www.fine.com", OUTSIDE),
    // Precedence in a zone: the name of the question, the address in the answer, the name of a server, its address.
    ("passed.evil.com", OUTSIDE),
    ("named.evil.com", "NOERROR 203.0.113.8"),
    ("listed.evil.com", "NOERROR 203.0.113.9"),
    ("listed.both.com", "NOERROR 203.0.113.9"),
    ("www.both.com", "NOERROR"),
    // What an alias leads to.
    ("to-evil.good.com", "NXDOMAIN"),
    ("to-addr.good.com", "NXDOMAIN"),
    // Known in the cache while its delegation is not, the second time.
    ("www.short.com", "NXDOMAIN"),
];

/// Where others differ from us, and why.
const MEANT: &[(&str, &str, &str)] = &[
    ("bind", "to-evil.good.com", "BIND tells the alias before what the rule says of its target"),
    ("bind", "to-addr.good.com", "BIND tells the alias before what the rule says of its target"),
    ("unbound", "to-evil.good.com", "Unbound tells the alias before what the rule says of its target"),
    ("unbound", "to-addr.good.com", "Unbound tells the alias before what the rule says of its target"),
    ("unbound", "www.moved.com", "Unbound 1.17 gives the alias that a rule about servers says, and does not follow it"),
    ("unbound", "listed.evil.com", "Unbound asks about servers before it has the answer, whose address counts more"),
    ("unbound", "listed.both.com", "Unbound asks about servers before it has the answer, whose address counts more"),
];

/// Unbound 1.17 ends at a rule TCP-only about name servers: it is not asked.
fn is_asked(peer: &str, name: &str) -> bool {
    peer != "unbound" || name != "www.tcp.com"
}

fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs a test of this file once more in a network namespace; `None` where that is not possible.
fn in_namespace(test: &str) -> Option<bool> {
    let script = "ip link set lo up && exec \"$@\"";
    let probe = Command::new("unshare").args(["-n", "sh", "-c", script, "sh", "true"]).stderr(Stdio::null()).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        return None;
    }
    let this = std::env::current_exe().expect("this program");
    let mut command = Command::new("unshare");
    command.args(["-n", "sh", "-c", script, "sh"]).arg(this);
    command.args(["--exact", test, "--nocapture"]).env(INSIDE, "1");
    let output = command.output().expect("unshare runs");
    print!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Some(output.status.success())
}

/// Headwater as a resolver of the Internet on this port, with these policy zones.
fn resolver(scratch: &Scratch, port: u16, blocking: &str) -> Server {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let config = format!(
        "server:\n  workers: 1\n  listen: [{{ address: \"{address}\", protocols: [udp, tcp] }}]\n\
         resolver: {{ root_hints: hints, upstream_port: {port}, priming: false, validate: false,\n\
         \x20 trust_anchor_update: false, trust_anchor_signalling: false }}\n\
         cache: {{ persist: false, prefetch: false }}\nweb: {{ enabled: false }}\nhistory: {{ enabled: false }}\n{blocking}"
    );
    scratch.write("hints", &hints());
    scratch.write("headwater.yaml", &config);
    let mut server = Server::launch(scratch, &["--config", "headwater.yaml"], address);
    server.process.wait_for("\"ready\"", 1);
    server
}

fn says(server: SocketAddr, name: &str) -> String {
    let query = question(name, RType::A);
    said((0..3).find_map(|_| ask_in_vain(server, CLIENT, &query).or_else(|| ask(server, CLIENT, &query))).as_ref())
}

fn over_tcp(server: SocketAddr, name: &str) -> String {
    let octets = tcp(server, &question(name, RType::A).to_wire(65_535)).expect("an answer over TCP");
    said(dns::Message::parse(&octets).ok().as_ref())
}

fn wait(server: SocketAddr, name: &str, wanted: &str) {
    let mut last = String::new();
    let reached = until(PATIENCE, || {
        last = says(server, name);
        (last == wanted).then_some(())
    });
    assert!(reached.is_some(), "{name}: {last}, not {wanted}");
}

#[test]
fn answers_are_judged_by_the_name_servers_on_the_way() {
    const THIS: &str = "servers::answers_are_judged_by_the_name_servers_on_the_way";
    if !is_inside() {
        match in_namespace(THIS) {
            Some(well) => return assert!(well, "the same test fails in a network namespace"),
            None => println!("skipped: BIND and Unbound beside it need root and ip"),
        }
    }
    let port = if is_inside() { 53 } else { free_port() };
    let internet = Internet::start("servers", port);
    let scratch = Scratch::new("blocking-servers");
    scratch.write("rpz.zone", RULES);
    let server = resolver(&scratch, internet.port, "blocking:\n  rpz: [{ name: rpz, file: rpz.zone }]\n");
    wait(server.address, "in-force.com", "NXDOMAIN");
    let mut wrong = Vec::new();
    for time in ["first", "second", "third", "once the delegation is forgotten"] {
        if time == "once the delegation is forgotten" {
            std::thread::sleep(DELEGATION_ENDS);
        }
        for (name, wanted) in CASES {
            let got = says(server.address, name);
            if got != *wanted {
                wrong.push(format!("{name}, {time}: {got}, not {wanted}"));
            }
        }
        assert_eq!(over_tcp(server.address, "www.tcp.com"), OUTSIDE, "{time}");
        assert_eq!(over_tcp(server.address, "www.evil.com"), "NXDOMAIN", "{time}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}\n{}", server.process.log());
    if is_inside() {
        compare_with_peers();
    }
}

/// What BIND and Unbound say to the same questions, where they are installed.
fn compare_with_peers() {
    let scratch = Scratch::new("blocking-servers-peers");
    scratch.write("rpz.zone", RULES);
    scratch.write("hints", &hints());
    let mut unmeant = Vec::new();
    for peer in peers::start_all(&scratch, peers::Upstream::Root) {
        wait(peer.address, "in-force.com", "NXDOMAIN");
        for (name, ours) in CASES.iter().filter(|(name, _)| is_asked(peer.name, name)) {
            let theirs = says(peer.address, name);
            let meant = MEANT.iter().find(|(who, what, _)| *who == peer.name && what == name);
            match (theirs == *ours, meant) {
                (true, _) => {}
                (false, Some((_, _, why))) => println!("{}: {name}: {theirs}, ours {ours}: {why}", peer.name),
                (false, None) => unmeant.push(format!("{}: {name}: ours {ours}, theirs {theirs}", peer.name)),
            }
        }
    }
    assert!(unmeant.is_empty(), "{unmeant:#?}");
}
