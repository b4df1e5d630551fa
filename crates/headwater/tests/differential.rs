//! Headwater beside NSD and Knot: random zones, unsigned and signed, and random questions. Section by
//! section as sets, RCODE, AA, TC and TTLs must be those of the peers; where the peers differ, those of
//! one of them. Other differences stand in [`KNOWN`] with the sentence that decides them.

mod common;
#[path = "common/zonegen.rs"]
mod zonegen;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{PATIENCE, Process, Random, Scratch, Server, free_port, rdata_text, tcp, until};
use dns::{Edns, Message, NameBuf, RType, Rcode, Record};
use zonegen::{Generated, generate};

/// Zones for each way of signing; HEADWATER_DIFFERENTIAL_ZONES asks for more.
const ZONES: usize = 6;
/// Questions for each zone.
const QUESTIONS: usize = 400;
/// Differences that are shown in full.
const SHOWN: usize = 10;

/// A difference that is meant: what it is, the sentence that decides, and whether it is this one.
struct Known {
    what: &'static str,
    rule: &'static str,
    applies: fn(&Case) -> bool,
}

const KNOWN: [Known; 4] = [
    Known {
        what: "ANY over TCP gets everything",
        rule: "RFC 8482 4.4: a responder may behave differently for ANY over different transports",
        applies: |case| {
            let (ours, nsd) = (&case.ours, &case.nsd);
            case.query.questions[0].rtype == RType::ANY
                && (ours.rcode, ours.authoritative, ours.truncated) == (nsd.rcode, nsd.authoritative, nsd.truncated)
                && ours.sections[0].is_superset(&nsd.sections[0])
                && ours.sections[0].is_superset(&case.knot.sections[0])
                && ours.sections[1..] == nsd.sections[1..]
        },
    },
    Known {
        what: "DS with a referral from an unsigned zone",
        rule: "RFC 4035 3.1.4: if a DS RRset is present at the delegation point, it is returned with the NS RRset",
        applies: |case| {
            let mut without = case.ours.clone();
            without.sections[1].retain(|line| !line.contains(" DS "));
            case.signing == Signing::None && without == case.nsd && without == case.knot
        },
    },
    Known {
        what: "name error below a name that opt-out keeps out of the chain; the peers differ from each other",
        rule: "RFC 5155 7.2.1: the proof starts from the closest provable encloser, which has a matching NSEC3",
        applies: |case| {
            let all = [&case.ours, &case.nsd, &case.knot];
            case.signing == Signing::OptOut
                && all.iter().all(|answer| answer.rcode == Rcode::NXDOMAIN.0 && answer.sections[0].is_empty())
                && case.nsd != case.knot
        },
    },
    Known {
        what: "no data at an existing name that begins with an asterisk; the peers differ from each other",
        rule: "RFC 5155 7.2.3: the NSEC3 that matches the name; it is not made from a wildcard (RFC 4592 2.2.1)",
        applies: |case| {
            matches!(case.signing, Signing::Nsec3 | Signing::OptOut)
                && case.ours.rcode == Rcode::NOERROR.0
                && case.ours.sections[0] == case.nsd.sections[0]
                && case.ours.sections[1].is_subset(&case.nsd.sections[1])
                && case.nsd != case.knot
        },
    },
];

/// How a zone is signed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Signing {
    None,
    Nsec,
    Nsec3,
    OptOut,
}

/// A question and what the three servers say.
struct Case {
    signing: Signing,
    query: Message,
    ours: Answer,
    nsd: Answer,
    knot: Answer,
}

/// What of a response is compared.
#[derive(PartialEq, Eq, Clone)]
struct Answer {
    rcode: u16,
    authoritative: bool,
    truncated: bool,
    sections: [BTreeSet<String>; 3],
}

impl Answer {
    fn of(message: &Message) -> Answer {
        let set = |records: &[Record]| records.iter().map(line).collect();
        Answer {
            rcode: message.header.rcode.0,
            authoritative: message.header.aa,
            truncated: message.header.tc,
            sections: [&message.answers, &message.authorities, &message.additionals].map(|section| set(section)),
        }
    }
}

fn line(record: &Record) -> String {
    let mut canonical = Vec::new();
    dns::rdata::wire::canonical(record.rtype, &record.rdata, &mut canonical);
    let data = rdata_text(record.rtype, &canonical);
    format!("{} {} {} {data}", record.owner.to_canonical(), record.ttl, record.rtype)
}

/// One of the three servers.
struct Asked {
    name: &'static str,
    address: SocketAddr,
    socket: UdpSocket,
}

impl Asked {
    fn new(name: &'static str, address: SocketAddr) -> Asked {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("socket");
        socket.connect(address).expect("connect");
        socket.set_read_timeout(Some(Duration::from_secs(1))).expect("timeout");
        Asked { name, address, socket }
    }

    fn try_ask(&self, query: &Message) -> Option<Message> {
        self.socket.send(&query.to_wire(4096)).ok()?;
        let mut buffer = [0; 4096];
        loop {
            let len = self.socket.recv(&mut buffer).ok()?;
            let answer = Message::parse(&buffer[..len]).unwrap_or_else(|error| panic!("{}: {error}", self.name));
            if answer.header.id == query.header.id {
                return Some(answer);
            }
        }
    }

    fn ask(&self, query: &Message) -> Answer {
        // ANY over UDP is each server's own affair (RFC 8482).
        let answer = if query.questions[0].rtype == RType::ANY {
            let octets = tcp(self.address, &query.to_wire(4096));
            octets.ok().map(|octets| Message::parse(&octets).expect("well-formed"))
        } else {
            (0..3).find_map(|_| self.try_ask(query))
        };
        Answer::of(&answer.unwrap_or_else(|| panic!("{}: no answer to {query:?}", self.name)))
    }

    fn wait_for(&self, zones: &[(String, Signing)]) {
        for (origin, _) in zones {
            let query = common::query(origin, RType::SOA);
            let serves = || self.try_ask(&query).filter(|answer| answer.answers.len() == 1).map(drop);
            assert!(until(PATIENCE, serves).is_some(), "{} does not serve {origin}", self.name);
        }
    }
}

fn tools() -> bool {
    let missing: Vec<&str> = ["nsd", "knotd", "dnssec-signzone", "dnssec-keygen"]
        .into_iter()
        .filter(|tool| {
            let run = Command::new(tool).arg("-h").stdout(Stdio::null()).stderr(Stdio::null()).status();
            run.is_err()
        })
        .collect();
    missing.iter().for_each(|tool| println!("skipped: no {tool}"));
    missing.is_empty()
}

/// Signs the zone file with a new key.
fn sign(scratch: &Path, file: &str, zone: &Generated, signing: Signing, random: &mut Random) -> String {
    let run = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).current_dir(scratch).output().expect("a tool that runs");
        assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let key = run("dnssec-keygen", &["-q", "-a", "ECDSAP256SHA256", "-f", "KSK", &zone.origin]);
    let text = format!("{}$INCLUDE {key}.key\n", zone.text);
    std::fs::write(scratch.join(file), text).expect("zone file");
    let signed = format!("{file}.signed");
    let iterations = random.below(5).to_string();
    let salt = *random.pick(&["-", "aabbccdd"]);
    let mut args = vec!["-q", "-P", "-z", "-x", "-O", "full", "-o", &zone.origin, "-f", &signed];
    match signing {
        Signing::Nsec3 => args.extend(["-3", salt, "-H", &iterations]),
        Signing::OptOut => args.extend(["-3", salt, "-H", &iterations, "-A"]),
        Signing::Nsec | Signing::None => {}
    }
    args.push(file);
    run("dnssec-signzone", &args);
    signed
}

fn nsd(scratch: &Scratch, port: u16, zones: &[(String, String)]) -> Process {
    let directory = scratch.path().join("nsd");
    std::fs::create_dir_all(&directory).expect("directory");
    let at = directory.display();
    let mut config = format!(
        "server:\n ip-address: 127.0.0.1@{port}\n server-count: 1\n username: \"\"\n chroot: \"\"\n database: \"\"\n \
         zonesdir: \"{}\"\n zonelistfile: \"{at}/zone.list\"\n xfrdfile: \"{at}/xfrd.state\"\n xfrdir: \"{at}\"\n \
         pidfile: \"{at}/nsd.pid\"\n verbosity: 1\n rrl-ratelimit: 0\n minimal-responses: yes\n refuse-any: no\n \
         ipv4-edns-size: 4096\n zonefiles-check: no\n zonefiles-write: 0\nremote-control:\n control-enable: no\n",
        scratch.path().display()
    );
    for (origin, file) in zones {
        config += &format!("zone:\n name: \"{origin}\"\n zonefile: \"{file}\"\n");
    }
    let config = scratch.write("nsd.conf", &config);
    Process::start(Command::new("nsd").arg("-d").arg("-c").arg(config), scratch.path(), "nsd.log")
}

fn knot(scratch: &Scratch, port: u16, zones: &[(String, String)]) -> Process {
    let directory = scratch.path().join("knot");
    std::fs::create_dir_all(&directory).expect("directory");
    let at = directory.display();
    let mut config = format!(
        "server:\n rundir: {at}\n listen: 127.0.0.1@{port}\n udp-workers: 1\n tcp-workers: 1\n background-workers: 1\n \
         udp-max-payload: 4096\nlog:\n - target: stderr\n   any: warning\ndatabase:\n storage: {at}\n\
         template:\n - id: default\n   storage: {}\n   journal-content: none\n   zonefile-sync: -1\nzone:\n",
        scratch.path().display()
    );
    for (origin, file) in zones {
        config += &format!(" - domain: {origin}\n   file: {file}\n");
    }
    let config = scratch.write("knot.conf", &config);
    Process::start(Command::new("knotd").arg("-c").arg(config), scratch.path(), "knot.log")
}

fn ours(scratch: &Scratch, zones: &[(String, String)]) -> Server {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut config = format!(
        "server:\n  workers: 1\n  edns_udp_size: 4096\n  listen: [{{ address: \"{address}\", protocols: [udp, tcp] }}]\nzones:\n"
    );
    for (origin, file) in zones {
        config += &format!("  - {{ name: \"{origin}\", file: \"{file}\" }}\n");
    }
    scratch.write("headwater.yaml", &config);
    let mut server = Server::launch(scratch, &["--config", "headwater.yaml"], address);
    server.process.wait_for("\"ready\"", 1);
    server
}

/// A name that has something to do with the zone: an owner, above, below, beside it.
fn name(zone: &Generated, random: &mut Random) -> NameBuf {
    let owner: NameBuf = random.pick(&zone.owners).parse().expect("a name");
    let origin: NameBuf = zone.origin.parse().expect("a name");
    let above: Vec<NameBuf> =
        owner.ancestors().take_while(|name| name.is_at_or_below(&origin)).map(ToOwned::to_owned).collect();
    let base = random.pick(&above).clone();
    let label = *random.pick(&[&b"zz"[..], b"*", b"a", b"0", b"\x00", b"zzz-longer"]);
    let changed = match random.below(6) {
        0 | 1 => owner,
        2 => base,
        3 => base.prepend(label).unwrap_or(base),
        4 => base.prepend(label).and_then(|name| name.prepend(b"y")).unwrap_or(base),
        _ => base
            .parent()
            .filter(|parent| parent.is_at_or_below(&origin))
            .map_or_else(|| base.clone(), |parent| parent.prepend(label).unwrap_or_else(|_| base.clone())),
    };
    if random.once_in(8) { changed.to_string().to_ascii_uppercase().parse().unwrap_or(changed) } else { changed }
}

fn question(zone: &Generated, random: &mut Random) -> Message {
    let types = [
        RType::A,
        RType::A,
        RType::AAAA,
        RType::TXT,
        RType::MX,
        RType::SRV,
        RType::NS,
        RType::DS,
        RType::CNAME,
        RType::DNAME,
        RType::SOA,
        RType::NSEC,
        RType::DNSKEY,
        RType::ANY,
        RType(65_280),
    ];
    let mut query = Message::query(random.next() as u16, name(zone, random), *random.pick(&types));
    query.header.rd = false;
    query.edns = Some(Edns { udp_size: 4096, dnssec_ok: random.once_in(2), ..Edns::default() });
    query
}

/// What became of the questions.
#[derive(Default)]
struct Counts {
    equal: usize,
    like_nsd: usize,
    like_knot: usize,
    known: BTreeMap<&'static str, usize>,
    different: usize,
}

impl Counts {
    fn add(&mut self, case: &Case, zone: &str) {
        let (ours, nsd, knot) = (&case.ours, &case.nsd, &case.knot);
        match (ours == nsd, ours == knot) {
            (true, true) => self.equal += 1,
            (true, false) => self.like_nsd += 1,
            (false, true) => self.like_knot += 1,
            (false, false) => match KNOWN.iter().find(|known| (known.applies)(case)) {
                Some(known) => *self.known.entry(known.what).or_default() += 1,
                None => {
                    self.different += 1;
                    if self.different <= SHOWN {
                        show(case, zone);
                    }
                }
            },
        }
    }
}

fn show(case: &Case, zone: &str) {
    let question = &case.query.questions[0];
    let dnssec_ok = case.query.edns.as_ref().is_some_and(|edns| edns.dnssec_ok);
    println!("--- {zone} {:?}: {} {} DO={dnssec_ok}", case.signing, question.name, question.rtype);
    for (name, answer) in [("headwater", &case.ours), ("nsd", &case.nsd), ("knot", &case.knot)] {
        println!("{name}: RCODE {} aa={} tc={}", answer.rcode, answer.authoritative, answer.truncated);
        for (section, lines) in ["answer", "authority", "additional"].iter().zip(&answer.sections) {
            lines.iter().for_each(|line| println!("    {section} {:.150}", line));
        }
    }
}

#[test]
fn answers_are_those_of_nsd_and_knot() {
    if !tools() {
        return;
    }
    let count = std::env::var("HEADWATER_DIFFERENTIAL_ZONES").ok().and_then(|n| n.parse().ok()).unwrap_or(ZONES);
    let seed = std::env::var("HEADWATER_DIFFERENTIAL_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let scratch = Scratch::new("differential");
    let mut random = Random(seed);
    let (mut zones, mut files, mut origins) = (Vec::new(), Vec::new(), Vec::new());
    for signing in [Signing::None, Signing::Nsec, Signing::Nsec3, Signing::OptOut] {
        for number in 0..count {
            let origin = format!("z{number}.{signing:?}.diff.").to_lowercase();
            let zone = generate(&origin, &mut random, false);
            let file = format!("{origin}zone");
            scratch.write(&file, &zone.text);
            let file = match signing {
                Signing::None => file,
                _ => sign(scratch.path(), &file, &zone, signing, &mut random),
            };
            files.push((origin.clone(), file));
            origins.push((origin, signing));
            zones.push((zone, signing));
        }
    }
    let ports = [free_port(), free_port()];
    let _peers = [nsd(&scratch, ports[0], &files), knot(&scratch, ports[1], &files)];
    let server = ours(&scratch, &files);
    let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let servers =
        [Asked::new("headwater", server.address), Asked::new("nsd", at(ports[0])), Asked::new("knot", at(ports[1]))];
    servers.iter().for_each(|server| server.wait_for(&origins));
    let mut counts = Counts::default();
    for (zone, signing) in &zones {
        for _ in 0..QUESTIONS {
            let query = question(zone, &mut random);
            let [ours, nsd, knot] = [0, 1, 2].map(|i| servers[i].ask(&query));
            counts.add(&Case { signing: *signing, query, ours, nsd, knot }, &zone.origin);
        }
    }
    let Counts { equal, like_nsd, like_knot, known, different } = counts;
    println!("{equal} equal, {like_nsd} like NSD alone, {like_knot} like Knot alone, {different} different");
    for (what, count) in known {
        let rule = KNOWN.iter().find(|known| known.what == what).map_or("", |known| known.rule);
        println!("{count} known: {what} ({rule})");
    }
    assert_eq!(different, 0, "differences without a reason");
    assert!(equal > zones.len() * QUESTIONS / 2, "too few questions mean something");
}
