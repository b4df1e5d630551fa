//! `nsupdate` against Headwater and BIND: the same scripts must get the same response codes and leave the same zone,
//! but for its serial (RFC 2136).

use std::collections::BTreeSet;
use std::net::SocketAddr;

use dns::RType;

use crate::common::{PATIENCE, Scratch, Server, query, udp, until};
use crate::peer::{Kind, Peer, Zone};
use crate::tools::{self, Signing, contents, free_address, have, nsupdate, serial};
use crate::zonefile::LONG_TIMERS;

/// All cases, in the form that the file explains.
const CASES: &str = include_str!("cases.txt");

/// An update and what becomes of it.
struct Case {
    name: &'static str,
    rcode: &'static str,
    /// What BIND answers instead, where it differs for a reason.
    bind: Option<&'static str>,
    changes: bool,
    script: &'static str,
}

fn cases() -> Vec<Case> {
    let blocks = CASES.split("\n= ").skip(1);
    blocks
        .map(|block| {
            let (head, rest) = block.split_once('\n').expect("a script");
            let (name, wanted) = head.rsplit_once(": ").expect("what becomes of it");
            let (rcode, change) = wanted.split_once(' ').expect("response code and change");
            assert!(["changed", "same"].contains(&change), "{head}");
            let script = rest.split("\n\n").next().expect("a script");
            Case { name, rcode, bind: None, changes: change == "changed", script }
        })
        .collect()
}

/// A zone's records but for the serial, and the serial.
type State = (BTreeSet<String>, Option<u32>);

/// The zone as it is now.
fn state(server: SocketAddr, signing: Signing, zone: &str) -> State {
    let serial = serial(server, zone);
    let hidden = serial.map_or(String::new(), |serial| format!(" {serial} "));
    let records = contents(server, signing, zone);
    let records = records.into_iter().map(|line| match line.contains(" SOA ") {
        true => line.replacen(&hidden, " SERIAL ", 1),
        false => line,
    });
    (records.collect(), serial)
}

/// A zone in BIND's words and in Headwater's. It is what Headwater makes of a new zone.
fn zone(name: &str, signing: Signing, policy: &str, allow_update: &str) -> (Zone, String) {
    let who = signing.key().map_or("127.0.0.1".to_owned(), |(name, ..)| format!("key:{name}"));
    let update = if allow_update.is_empty() { format!("\"{who}\"") } else { allow_update.to_owned() };
    let entry = format!("  - {{ name: {name}, allow_transfer: [\"{who}\"], allow_update: [{update}] }}\n");
    let extra = if policy.is_empty() { String::new() } else { format!("update-policy {{ {policy} }};") };
    let file = format!(
        "{name} 3600 SOA ns.interop.test. hostmaster.{name} 1 {LONG_TIMERS}\n{name} 3600 NS ns.interop.test.\n"
    );
    (Zone { name: name.to_owned(), signing, primary: Some(file), extra }, entry)
}

/// Headwater and BIND with the same zones.
struct Servers {
    _scratch: Scratch,
    ours: Server,
    bind: Peer,
}

impl Servers {
    fn start(scratch: &str, zones: Vec<(Zone, String)>) -> Servers {
        let scratch = Scratch::new(scratch);
        let (zones, entries): (Vec<Zone>, Vec<String>) = zones.into_iter().unzip();
        let ours = tools::headwater(&scratch, free_address(), &entries.concat());
        let bind = Peer::start(Kind::Bind, &scratch, free_address(), ours.address, &zones);
        for zone in &zones {
            let serves = until(PATIENCE, || serial(bind.address, &zone.name));
            assert!(serves.is_some(), "BIND does not serve {}:\n{}", zone.name, bind.process.log());
        }
        Servers { _scratch: scratch, ours, bind }
    }

    fn addresses(&self) -> [SocketAddr; 2] {
        [self.ours.address, self.bind.address]
    }
}

/// A zone of both servers on its way through the cases.
struct Run<'a> {
    addresses: [SocketAddr; 2],
    zone: &'a str,
    /// What reads the zone.
    signing: Signing,
    states: [State; 2],
}

impl<'a> Run<'a> {
    fn new(addresses: [SocketAddr; 2], zone: &'a str, signing: Signing) -> Run<'a> {
        let states = addresses.map(|address| state(address, signing, zone));
        assert_eq!(states[0], states[1], "{zone} at the start");
        Run { addresses, zone, signing, states }
    }

    /// Runs a case on both, signed by `signer`; says what is not as it should be.
    fn check(&mut self, signer: Signing, options: &[&str], case: &Case) -> Vec<String> {
        let script = format!("zone {}\n{}", self.zone, case.script.replace("{z}", self.zone));
        let mut wrong = Vec::new();
        for (at, name) in ["headwater", "bind"].into_iter().enumerate() {
            let rcode = nsupdate(self.addresses[at], signer, options, &script).err();
            let rcode = rcode.unwrap_or_else(|| "NOERROR".to_owned());
            let after = state(self.addresses[at], self.signing, self.zone);
            let changed = after != self.states[at];
            let wanted = case.bind.filter(|_| name == "bind").unwrap_or(case.rcode);
            if (&*rcode, changed) != (wanted, case.changes) {
                wrong.push(format!("{name}: {rcode}, changed: {changed}"));
            }
            self.states[at] = after;
        }
        let [ours, bind] = &self.states;
        wrong.extend(ours.0.difference(&bind.0).map(|line| format!("only headwater: {line}")));
        wrong.extend(bind.0.difference(&ours.0).map(|line| format!("only bind: {line}")));
        wrong
    }
}

#[test]
fn scripts_do_what_they_do_to_bind() {
    if !Kind::Bind.is_installed() {
        return;
    }
    // The one has each other case over TCP, the other the rest.
    let ways = [("plain.test.", Signing::None, 0), ("key.test.", Signing::Sha256, 1)];
    let zones = ways.iter().map(|(name, signing, _)| zone(name, *signing, "", "")).collect();
    let servers = Servers::start("interop-updates", zones);
    let (addresses, cases) = (servers.addresses(), cases());
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let runs = ways.map(|(zone, signing, over_tcp)| {
            let cases = &cases;
            scope.spawn(move || {
                let mut run = Run::new(addresses, zone, signing);
                let check = |(at, case): (usize, &Case)| {
                    let options: &[&str] = if at % 2 == over_tcp { &["-v"] } else { &[] };
                    Some((case.name, run.check(signing, options, case))).filter(|(_, wrong)| !wrong.is_empty())
                };
                let wrong: Vec<_> = cases.iter().enumerate().filter_map(check).collect();
                wrong.into_iter().map(|(name, wrong)| format!("{zone} {name}:\n  {}\n", wrong.join("\n  "))).collect()
            })
        });
        runs.into_iter().flat_map(|run| -> Vec<String> { run.join().expect("a run") }).collect()
    });
    println!("{} updates, {} times each, on both servers", cases.len(), ways.len());
    assert_eq!(cases.len(), CASES.lines().filter(|line| line.starts_with("= ")).count());
    assert!(wrong.is_empty(), "{}\n{}", wrong.concat(), servers.ours.process.log());
}

/// RFC 6672 5.2: a DNAME occludes the names below it, and they are back when it goes; both servers say the same.
#[test]
fn what_a_dname_occludes_comes_back() {
    if !Kind::Bind.is_installed() {
        return;
    }
    const ZONE: &str = "dname.test.";
    let servers = Servers::start("interop-dname", vec![zone(ZONE, Signing::None, "", "")]);
    let change = |script: &str| {
        for address in servers.addresses() {
            let done = nsupdate(address, Signing::None, &[], &format!("zone {ZONE}\n{}", script.replace("{z}", ZONE)));
            assert_eq!(done, Ok(()), "{script}\n{}", servers.ours.process.log());
        }
    };
    // Types of the answer and the response code.
    let check = |name: &str, rtype: RType, wanted: &str| {
        for address in servers.addresses() {
            let octets =
                udp(address, &query(&format!("{name}.{ZONE}"), rtype).to_wire(512), PATIENCE).expect("an answer");
            let answer = dns::Message::parse(&octets).expect("well-formed");
            let types: Vec<String> = answer.answers.iter().map(|record| record.rtype.to_string()).collect();
            assert_eq!(
                format!("{} {}", answer.header.rcode, types.join(" ")).trim(),
                wanted,
                "{name} {rtype} at {address}"
            );
        }
    };
    change(
        "update add x.tree.{z} 300 A 192.0.2.1\nupdate add y.x.tree.{z} 300 TXT \"deep\"\nupdate add tree.{z} 300 TXT \"t\"",
    );
    check("x.tree", RType::A, "NOERROR A");
    change("update add tree.{z} 300 DNAME other.example.");
    for (name, rtype) in [("x.tree", RType::A), ("y.x.tree", RType::TXT), ("new.tree", RType::A)] {
        check(name, rtype, "NOERROR DNAME CNAME");
    }
    check("tree", RType::TXT, "NOERROR TXT");
    change("update add z.tree.{z} 300 A 192.0.2.3");
    check("z.tree", RType::A, "NOERROR DNAME CNAME");
    change("update delete tree.{z} DNAME");
    check("x.tree", RType::A, "NOERROR A");
    check("y.x.tree", RType::TXT, "NOERROR TXT");
    check("z.tree", RType::A, "NOERROR A");
    check("new.tree", RType::A, "NXDOMAIN");
    let log = servers.ours.process.log();
    assert!(log.contains("data below a DNAME is never answered"), "{log}");
}

/// RFC 2181 10.3, RFC 2782: what BIND says of such an update, the log says; nothing of it is refused.
#[test]
fn hosts_that_are_none_are_said() {
    if !have(&["nsupdate"]) {
        return;
    }
    let scratch = Scratch::new("interop-hosts");
    let zone = "hosts.test.";
    let entry = format!("  - {{ name: {zone}, allow_update: [\"127.0.0.1\"] }}\n");
    let server = tools::headwater(&scratch, free_address(), &entry);
    let script = "zone hosts.test.\nupdate add www.hosts.test. 60 A 192.0.2.1\nupdate add alias.hosts.test. 60 CNAME www.hosts.test.\n\
        update add m.hosts.test. 60 MX 10 alias.hosts.test.\nupdate add _s._tcp.hosts.test. 60 SRV 1 2 3 alias.hosts.test.\n\
        update add n.hosts.test. 60 MX 10 192.0.2.1.";
    assert_eq!(nsupdate(server.address, Signing::None, &[], script), Ok(()));
    let log = server.process.log();
    for said in [
        "m.hosts.test. MX: alias.hosts.test. is an alias (RFC 2181 10.3)",
        "_s._tcp.hosts.test. SRV: alias.hosts.test. is an alias (RFC 2782)",
        "n.hosts.test. MX: 192.0.2.1. is an address",
    ] {
        assert!(log.contains(said), "no {said} in {log}");
    }
}

/// A message with one record, in the section of prerequisites or in that of updates, octet by octet: no client makes what
/// is tested here.
fn raw_update(zone: &str, section: usize, (owner, rtype, class, ttl): (&str, u16, u16, u32), data: &[u8]) -> Vec<u8> {
    let name = |text: &str| text.parse::<dns::NameBuf>().expect("a name").into_wire();
    let mut header = [0, 7, 0x28, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    header[5 + 2 * section] = 1;
    let (soa, length) = ([0, 6, 0, 1], data.len() as u16);
    let fixed = [&rtype.to_be_bytes()[..], &class.to_be_bytes(), &ttl.to_be_bytes(), &length.to_be_bytes()].concat();
    [&header[..], &name(zone), &soa, &name(owner), &fixed, data].concat()
}

/// RFC 2136 2.4, 2.5, 3.2 and 3.4.1: what is malformed, and what only looks so, gets from both servers the same code.
#[test]
fn malformed_updates_get_what_bind_gives() {
    if !Kind::Bind.is_installed() {
        return;
    }
    const ZONE: &str = "raw.test.";
    const WWW: &str = "www.raw.test.";
    let servers = Servers::start("interop-malformed", vec![zone(ZONE, Signing::None, "", "")]);
    let (inn, none, any, ch) = (1, 254, 255, 3);
    let (a, soa, ns, mx, txt, aaaa, srv, ds, apl, null, unknown) = (1, 6, 2, 15, 16, 28, 33, 43, 42, 10, 65_280);
    let (ixfr, axfr, mailb, maila, all) = (251, 252, 253, 254, 255);
    let address: &[u8] = &[192, 0, 2, 1];
    let (prerequisite, update) = (1, 2);
    let mut cases: Vec<(usize, u16, u16, u32, &[u8])> = vec![
        // Class NONE in the section of updates has the data of a record, which few types can do without.
        (update, none, apl, 0, &[]),
        (update, none, null, 0, &[]),
        (update, none, unknown, 0, &[]),
        (update, none, a, 0, &address[..3]),
        (update, none, a, 1, address),
        (update, none, a, 0, address),
        // Class ANY has none, and no TTL.
        (update, any, a, 0, &[]),
        (update, any, a, 1, &[]),
        (update, any, a, 0, address),
        (update, any, all, 0, &[]),
        (update, any, all, 1, &[]),
        // The zone's class.
        (update, inn, a, 60, &[]),
        (update, inn, a, 60, &[192, 0, 2, 1, 0]),
        (update, inn, all, 60, &[]),
        (update, inn, 128, 60, &[]),
        (update, ch, txt, 60, &[1, b'x']),
        (prerequisite, inn, a, 1, address),
        (prerequisite, inn, a, 0, &[]),
        (prerequisite, inn, all, 0, &[]),
        (prerequisite, any, a, 1, &[]),
        (prerequisite, any, a, 0, address),
        (prerequisite, none, a, 0, &[]),
        (prerequisite, none, a, 0, address),
        (prerequisite, none, a, 1, &[]),
        (prerequisite, ch, txt, 0, &[1, b'x']),
    ];
    cases.extend([a, soa, ns, mx, txt, aaaa, srv, ds].map(|rtype| (update, none, rtype, 0, &[][..])));
    for rtype in [ixfr, axfr, mailb, maila] {
        cases.extend([none, any, inn].map(|class| (update, class, rtype, 0, &[][..])));
    }
    let mut wrong = Vec::new();
    for (section, class, rtype, ttl, data) in cases {
        let message = raw_update(ZONE, section, (WWW, rtype, class, ttl), data);
        let [ours, bind] = servers.addresses().map(|address| {
            let answer = udp(address, &message, PATIENCE).expect("an answer");
            dns::Message::parse(&answer).expect("well-formed").header.rcode
        });
        if ours != bind {
            wrong.push(format!(
                "section {section} class {class} type {rtype} ttl {ttl} {data:?}: {ours}, BIND {bind}\n"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}{}", wrong.concat(), servers.ours.process.log());
}

/// `name=` and `type=` in Headwater's lists, `update-policy` in BIND's words.
#[test]
fn limits_are_those_of_bind() {
    if !Kind::Bind.is_installed() {
        return;
    }
    let policy = "grant key256 name www.limits.test. A AAAA; grant key256 subdomain home.limits.test. TXT; \
                  grant key256 wildcard *.any.limits.test. ANY; grant key512 zonesub ANY;";
    let lists = "\"key:key256 name=www.limits.test type=A,AAAA\", \"key:key256 name=**.home.limits.test type=TXT\", \
                 \"key:key256 name=home.limits.test type=TXT\", \"key:key256 name=**.any.limits.test\", \"key:key512\"";
    let servers = Servers::start("interop-limits", vec![zone("limits.test.", Signing::Sha512, policy, lists)]);
    let mut run = Run::new(servers.addresses(), "limits.test.", Signing::Sha512);
    let mut check = |signer: Signing, wanted: &'static str, script: &'static str| {
        let words: Vec<&str> = wanted.split(' ').collect();
        let case =
            Case { name: script, rcode: words[0], bind: words.get(2).copied(), changes: words[1] == "changed", script };
        let wrong = run.check(signer, &[], &case);
        assert!(wrong.is_empty(), "{signer:?} {script}:\n{}\n{}", wrong.join("\n"), servers.ours.process.log());
    };
    let (nobody, limited, all) = (Signing::None, Signing::Sha256, Signing::Sha512);
    check(nobody, "REFUSED same", "update add www.{z} 60 A 192.0.2.1");
    check(limited, "NOERROR changed", "update add www.{z} 60 A 192.0.2.1");
    check(limited, "NOERROR changed", "update add WWW.{z} 60 AAAA 2001:db8::1");
    check(limited, "REFUSED same", "update add www.{z} 60 TXT no");
    check(limited, "REFUSED same", "update add www2.{z} 60 A 192.0.2.1");
    check(limited, "REFUSED same", "update add x.www.{z} 60 A 192.0.2.1");
    check(limited, "REFUSED same", "update add www.{z} 60 A 192.0.2.2\nupdate add other.{z} 60 A 192.0.2.2");
    check(limited, "NOERROR changed", "update add a.b.home.{z} 60 TXT yes");
    check(limited, "NOERROR changed", "update add home.{z} 60 TXT yes");
    check(limited, "REFUSED same", "update add a.home.{z} 60 A 192.0.2.1");
    check(limited, "NOERROR changed", "update add a.any.{z} 60 MX 1 www.{z}");
    check(limited, "NOERROR changed", "update add c.b.any.{z} 60 A 192.0.2.1");
    check(limited, "REFUSED same", "update add any.{z} 60 A 192.0.2.1");
    check(limited, "NOERROR changed", "update delete c.b.any.{z}");
    check(limited, "NOERROR changed", "update delete www.{z} AAAA");
    check(limited, "REFUSED same", "update delete www.{z} TXT");
    check(all, "NOERROR changed", "update add www.{z} 60 TXT admin");
    // All types of a name go only if each of them may.
    check(limited, "REFUSED same", "update delete www.{z}");
    check(all, "NOERROR changed", "update delete www.{z} TXT");
    check(limited, "NOERROR changed", "update delete www.{z}");
    check(limited, "REFUSED same", "update delete {z} NS");
    check(limited, "REFUSED same", "update add {z} 60 SOA ns.{z} x.{z} 1000 1 1 1 1");
    check(all, "NOERROR changed", "update add {z} 60 SOA ns.{z} x.{z} 1000 100 100 1000 1");
    // RFC 2136 has prerequisites (3.2) before permission (3.3). BIND has it the other way round.
    check(limited, "NXDOMAIN same REFUSED", "prereq yxdomain nobody.{z}\nupdate add www2.{z} 60 A 192.0.2.1");
    check(nobody, "REFUSED same", "prereq yxdomain nobody.{z}\nupdate add www.{z} 60 A 192.0.2.1");
}
