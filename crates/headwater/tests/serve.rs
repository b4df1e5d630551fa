//! `headwater serve` as a process: what it answers on its sockets, and what signals do to it.

mod common;

use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use common::{SILENCE, Scratch, Server, free_port, headwater, query, query_edns, tcp, udp};
use dns::edns::{EdnsOption, ede};
use dns::{Class, Edns, Message, Opcode, RType, Rcode};

/// A zone with little and with much behind one name.
fn zone(serial: u32, text: &str) -> String {
    let soa = format!("@ SOA ns1 hostmaster {serial} 7200 900 1209600 300\n@ NS ns1\nns1 A 192.0.2.1\n");
    let large: String = (0..40).map(|i| format!("large TXT \"{i:064}\"\n")).collect();
    format!("$TTL 3600\n{soa}version TXT \"{text}\"\n{large}")
}

/// A server of example.org.
fn example(name: &str) -> (Scratch, Server) {
    let scratch = Scratch::new(name);
    scratch.write("example.org.zone", &zone(1, "one"));
    let server = Server::start(&scratch, &["--zone", "example.org=example.org.zone"]);
    (scratch, server)
}

/// A server with a configuration file; `rest` goes below `server:` and behind.
fn configured(name: &str, server: &str, rest: &str) -> (Scratch, Server) {
    let scratch = Scratch::new(name);
    scratch.write("example.org.zone", &zone(1, "one"));
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    scratch.write("headwater.yaml", &config(address, server, rest));
    let mut server = Server::launch(&scratch, &["--config", "headwater.yaml"], address);
    server.process.wait_for("\"ready\"", 1);
    (scratch, server)
}

fn config(address: SocketAddr, server: &str, rest: &str) -> String {
    format!(
        "server:\n  workers: 2\n  listen: [{{ address: \"{address}\", protocols: [udp, tcp] }}]\n{server}\
         zones:\n  - {{ name: example.org, file: example.org.zone }}\n{rest}"
    )
}

fn edns(udp_size: u16, options: Vec<EdnsOption>) -> Edns {
    Edns { udp_size, options, ..Edns::default() }
}

fn options(message: &Message) -> &[EdnsOption] {
    &message.edns.as_ref().expect("an OPT record").options
}

#[test]
fn sizes_and_truncation() {
    let (_scratch, server) = example("sizes");
    let large = |edns: Option<Edns>| {
        let query = Message { edns, ..query("large.example.org", RType::TXT) }.to_wire(65_535);
        udp(server.address, &query, common::ANSWER_TIMEOUT).expect("an answer")
    };
    for (size, limit) in [(None, 512), (Some(0), 512), (Some(600), 600), (Some(4096), 1232)] {
        let octets = large(size.map(|size| edns(size, vec![])));
        let answer = Message::parse(&octets).expect("well-formed");
        assert!(octets.len() <= limit && answer.header.tc, "{size:?}: {} octets", octets.len());
        assert_eq!(answer.edns.is_some(), size.is_some(), "RFC 6891 7: OPT is for those who sent one");
        assert_eq!(answer.edns.map(|edns| edns.udp_size), size.map(|_| 1232));
    }
    let whole = tcp(server.address, &query("large.example.org", RType::TXT).to_wire(512)).expect("over TCP");
    let whole = Message::parse(&whole).expect("well-formed");
    assert_eq!((whole.header.tc, whole.answers.len()), (false, 40));
}

#[test]
fn tcp_answers_in_any_order_and_close() {
    let (_scratch, server) = example("tcp");
    let small = query("version.example.org", RType::TXT);
    let answer = tcp(server.address, &small.to_wire(512)).expect("an answer");
    assert_eq!(Message::parse(&answer).expect("well-formed").answers.len(), 1);
    // Garbage gets no answer and does no harm.
    assert!(tcp(server.address, b"short").is_err());
    assert_eq!(server.data("version.example.org", RType::TXT), "\"one\"");
}

#[test]
fn edns_version_nsid_and_extended_errors() {
    let nsid = "  nsid: \"node-1\"\n";
    let (_scratch, server) = configured("edns", nsid, "");
    let bad_version = Edns { version: 1, ..edns(1232, vec![]) };
    let answer = server.ask(&query_edns("version.example.org", RType::TXT, bad_version));
    assert_eq!((answer.header.rcode, answer.answers.len()), (Rcode::BADVERS, 0), "RFC 6891 6.1.3");
    assert_eq!(answer.edns.map(|edns| edns.version), Some(0));

    let asking = edns(1232, vec![EdnsOption::Nsid(vec![])]);
    let answer = server.ask(&query_edns("version.example.org", RType::TXT, asking));
    assert_eq!(options(&answer), [EdnsOption::Nsid(b"node-1".to_vec())], "RFC 5001 2.2");
    let answer = server.ask(&query_edns("version.example.org", RType::TXT, edns(1232, vec![])));
    assert_eq!(options(&answer), [], "only to those who ask");

    let answer = server.ask(&query_edns("example.net", RType::A, edns(1232, vec![])));
    assert_eq!(answer.header.rcode, Rcode::REFUSED);
    let info = EdnsOption::ExtendedError { info: ede::NOT_AUTHORITATIVE, text: String::new() };
    assert_eq!(options(&answer), [info], "RFC 8914 4.21");
    assert_eq!(server.ask(&query("example.net", RType::A)).edns, None);
    // An option nobody knows, and a second OPT record.
    let unknown = edns(1232, vec![EdnsOption::Other { code: 65_001, data: vec![1, 2, 3] }]);
    assert_eq!(server.ask(&query_edns("version.example.org", RType::TXT, unknown)).answers.len(), 1);
    let mut twice = query_edns("version.example.org", RType::TXT, edns(1232, vec![])).to_wire(512);
    let opt = twice[twice.len() - 11..].to_vec();
    twice.extend_from_slice(&opt);
    twice[11] = 2;
    let answer = udp(server.address, &twice, common::ANSWER_TIMEOUT).expect("an answer");
    assert_eq!(Message::parse(&answer).expect("well-formed").header.rcode, Rcode::FORMERR, "RFC 6891 6.1.1");
}

#[test]
fn cookies() {
    let (_scratch, server) = example("cookies");
    let client = *b"client-1";
    let with = |server: Vec<u8>| edns(1232, vec![EdnsOption::Cookie { client, server }]);
    let ask = |edns| server.ask(&query_edns("version.example.org", RType::TXT, edns));
    let cookie = |answer: &Message| match options(answer) {
        [EdnsOption::Cookie { client: echoed, server }] => {
            assert_eq!(*echoed, client, "RFC 7873 5.2.3");
            server.clone()
        }
        other => panic!("{other:?}"),
    };
    let answer = ask(with(vec![]));
    let ours = cookie(&answer);
    assert_eq!((answer.answers.len(), ours.len(), ours[0]), (1, 16, 1), "RFC 9018 4");
    let answer = ask(with(ours.clone()));
    assert_eq!((answer.answers.len(), answer.header.rcode), (1, Rcode::NOERROR));
    assert_eq!(cookie(&answer).len(), 16);
    // One that is not ours gets a good one beside the answer (RFC 7873 5.2.4).
    let answer = ask(with(vec![7; 16]));
    assert_eq!(cookie(&answer).len(), 16);
    assert_ne!(cookie(&answer), vec![7; 16]);
    // RFC 7873 5.4: a question for the cookie alone.
    let alone = Message { questions: vec![], ..query_edns("example.org", RType::A, with(vec![])) };
    let answer = server.ask(&alone);
    assert_eq!((answer.header.rcode, answer.questions.len()), (Rcode::NOERROR, 0));
    assert_eq!(cookie(&answer).len(), 16);
    // RFC 7873 5.2.2: of a length that no cookie has.
    for len in [1, 7, 9, 15, 41] {
        let option = EdnsOption::Other { code: dns::edns::code::COOKIE, data: vec![1; len] };
        assert_eq!(ask(edns(1232, vec![option])).header.rcode, Rcode::FORMERR, "{len} octets");
    }
}

#[test]
fn chaos_can_be_turned_off() {
    let chaos = |server: &Server, name: &str| {
        let mut query = query(name, RType::TXT);
        query.questions[0].class = Class::CH;
        let answer = server.ask(&query);
        (answer.header.rcode, answer.answers.len())
    };
    let (_scratch, server) = example("chaos-on");
    for name in ["version.bind", "VERSION.bind", "id.server", "hostname.bind", "version.server"] {
        assert_eq!(chaos(&server, name), (Rcode::NOERROR, 1), "{name}");
    }
    assert_eq!(chaos(&server, "authors.bind"), (Rcode::REFUSED, 0));
    let (_scratch, server) = configured("chaos-off", "  chaos: false\n", "");
    assert_eq!(chaos(&server, "version.bind"), (Rcode::REFUSED, 0));
    assert_eq!(chaos(&server, "id.server"), (Rcode::REFUSED, 0));
}

#[test]
fn opcodes_classes_and_headers() {
    let (_scratch, server) = example("opcodes");
    for opcode in [Opcode::IQUERY, Opcode::STATUS, Opcode(3), Opcode::DSO, Opcode(15)] {
        let mut query = query("example.org", RType::SOA);
        query.header.opcode = opcode;
        let octets = udp(server.address, &query.to_wire(512), common::ANSWER_TIMEOUT).expect("an answer");
        let answer = Message::parse(&octets).expect("well-formed");
        assert_eq!((answer.header.rcode, answer.header.opcode), (Rcode::NOTIMP, opcode));
    }
    let mut other_class = query("example.org", RType::SOA);
    other_class.questions[0].class = Class(4);
    assert_eq!(server.ask(&other_class).header.rcode, Rcode::REFUSED);
    // RD is copied, RA says that this client may recurse, AD is not set, CD is copied (RFC 1035 4.1.1, RFC 4035 3.1.6).
    let mut flags = query("example.org", RType::SOA);
    (flags.header.rd, flags.header.cd, flags.header.ad, flags.header.z) = (true, true, true, true);
    let header = server.ask(&flags).header;
    assert_eq!((header.rd, header.cd, header.aa), (true, true, true));
    assert_eq!((header.ra, header.ad, header.z, header.tc), (true, false, false, false));
    // Responses and runts are not answered.
    let mut response = query("example.org", RType::SOA);
    response.header.qr = true;
    assert_eq!(udp(server.address, &response.to_wire(512), SILENCE), None);
    assert_eq!(udp(server.address, &[0; 11], SILENCE), None);
    assert_eq!(udp(server.address, &[], SILENCE), None);
    for rtype in [RType::AXFR, RType::IXFR] {
        assert_eq!(server.ask(&query("example.org", rtype)).header.rcode, Rcode::REFUSED);
        assert_eq!(server.ask(&query("example.net", rtype)).header.rcode, Rcode::NOTAUTH);
    }
}

#[test]
fn wildcard_binds_answer_from_the_address_that_was_asked() {
    let scratch = Scratch::new("wildcard-bind");
    scratch.write("example.org.zone", &zone(1, "one"));
    let port = free_port();
    let v6 = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    let all = format!("0.0.0.0:{port}");
    let mut args = vec!["--zone", "example.org=example.org.zone", "--listen", &all];
    let all_v6 = format!("[::]:{port}");
    if v6 {
        args.extend(["--listen", &all_v6]);
    } else {
        println!("skipped: no IPv6");
    }
    let mut server = Server::launch(&scratch, &args, SocketAddr::from(([127, 0, 0, 1], port)));
    server.process.wait_for("\"ready\"", 1);
    let mut addresses = vec![IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]), IpAddr::from([127, 9, 8, 7])];
    addresses.extend(v6.then_some(IpAddr::V6(Ipv6Addr::LOCALHOST)));
    for address in addresses {
        // The client's socket is connected: it would not see an answer from elsewhere.
        server.address = SocketAddr::new(address, port);
        assert_eq!(server.data("version.example.org", RType::TXT), "\"one\"", "{address}");
        let query = query("version.example.org", RType::TXT).to_wire(512);
        assert!(tcp(server.address, &query).is_ok(), "{address}");
    }
}

#[test]
fn a_port_that_is_taken() {
    let scratch = Scratch::new("port-taken");
    let udp = UdpSocket::bind("127.0.0.1:0").expect("socket");
    let tcp = TcpListener::bind("127.0.0.1:0").expect("socket");
    for taken in [udp.local_addr(), tcp.local_addr()] {
        let taken = taken.expect("address");
        let mut server = Server::launch(&scratch, &["--listen", &taken.to_string()], taken);
        assert_eq!(server.process.wait().code(), Some(1));
        let log = server.process.log();
        assert!(log.contains(&taken.to_string()) && log.contains("server.dns_port"), "{log}");
    }
}

#[test]
fn a_bad_zone_is_refused_while_others_serve() {
    let (scratch, _) = example("bad-zone");
    scratch.write("bad.example.zone", "@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\nwww A 300.1.2.3\n");
    let zones = ["--zone", "example.org=example.org.zone", "--zone", "bad.example=bad.example.zone"];
    let mut check = headwater(&[&["check"], &zones[..]].concat());
    let output = check.current_dir(scratch.path()).output().expect("headwater runs");
    let report = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1));
    assert!(report.contains("bad.example.zone:4:7: "), "file, line and column: {report}");

    let server = Server::start(&scratch, &zones);
    let answer = server.ask(&query_edns("www.bad.example", RType::A, edns(1232, vec![])));
    assert_eq!((answer.header.rcode, answer.header.aa), (Rcode::SERVFAIL, false));
    assert_eq!(options(&answer), [EdnsOption::ExtendedError { info: ede::NOT_READY, text: String::new() }]);
    assert_eq!(server.data("version.example.org", RType::TXT), "\"one\"");
    let log = server.process.log();
    assert!(log.contains("bad.example.zone:4:7: ") && log.contains("it answers SERVFAIL"), "{log}");
}

#[test]
fn a_reload_takes_over_what_changed() {
    let (scratch, mut server) = configured("reload", "", "");
    scratch.write("example.org.zone", &zone(2, "two"));
    assert_eq!(server.data("version.example.org", RType::TXT), "\"one\"", "not before it is asked to");
    server.reload();
    assert_eq!(server.data("version.example.org", RType::TXT), "\"two\"");

    // A zone that got worse keeps its old contents, until it is good again.
    scratch.write("example.org.zone", "@ NS nowhere\nversion TXT \"three\" A\n");
    server.reload();
    assert_eq!(server.data("version.example.org", RType::TXT), "\"two\"");
    assert!(server.process.log().contains("its old contents stay in service"));
    std::fs::remove_file(scratch.path().join("example.org.zone")).expect("removed");
    server.reload();
    assert_eq!(server.data("version.example.org", RType::TXT), "\"two\"");
    scratch.write("example.org.zone", &zone(4, "four"));
    server.reload();
    assert_eq!(server.data("version.example.org", RType::TXT), "\"four\"");

    // Zones come and go with the configuration.
    scratch.write("new.example.zone", &zone(1, "new"));
    let more = "  - { name: new.example, file: new.example.zone }\n";
    scratch.write("headwater.yaml", &config(server.address, "", more));
    server.reload();
    assert_eq!(server.data("version.new.example", RType::TXT), "\"new\"");
    scratch.write("headwater.yaml", &config(server.address, "", ""));
    server.reload();
    assert_eq!(server.data("version.new.example", RType::TXT), "REFUSED");
    assert_eq!(server.data("version.example.org", RType::TXT), "\"four\"");
}

/// RFC 1982: secondaries fetch a changed zone by its serial. What they will not notice is served, and said.
#[test]
fn a_changed_file_without_a_later_serial_is_said() {
    const SAID: &str = "secondaries will not fetch them";
    let (scratch, mut server) = configured("reload-serial", "", "");
    let mut warnings = 0;
    let mut check = |serial: u32, text: &str, why: &str| {
        scratch.write("example.org.zone", &zone(serial, text));
        server.reload();
        assert_eq!(server.data("version.example.org", RType::TXT), format!("\"{text}\""));
        warnings += usize::from(!why.is_empty());
        let log = server.process.log();
        assert!(log.contains(why) && log.matches(SAID).count() == warnings, "{serial} {text}:\n{log}");
    };
    check(5, "five", "");
    check(5, "other", "the serial 5 is the same as before");
    check(5, "other", "");
    check(4, "four", "the serial 4 has gone back from 5");
    check(6, "six", "");
    // Half of the numbers away is neither later nor earlier (RFC 1982 3.2).
    check(6 + (1 << 31), "far", "has gone back from 6");
}

#[test]
fn a_configuration_with_errors_changes_nothing() {
    let (scratch, mut server) = configured("reload-errors", "", "");
    scratch.write("example.org.zone", &zone(2, "two"));
    let wrong_key = config(server.address, "  dns_prot: 53\n", "");
    let taken = UdpSocket::bind("127.0.0.1:0").expect("socket");
    let taken = taken.local_addr().expect("address");
    let taken_port = config(taken, "", "");
    for (bad, why) in [("server: [", "headwater.yaml:"), (&wrong_key, "unknown key"), (&taken_port, "in use")] {
        scratch.write("headwater.yaml", bad);
        server.reload();
        let log = server.process.log();
        assert!(log.lines().last().is_some_and(|line| line.contains(why)), "{why}: {log}");
        assert_eq!(server.data("version.example.org", RType::TXT), "\"one\"", "{why}");
        assert!(tcp(server.address, &query("example.org", RType::SOA).to_wire(512)).is_ok(), "{why}");
    }
    scratch.write("headwater.yaml", &config(server.address, "", ""));
    server.reload();
    assert_eq!(server.data("version.example.org", RType::TXT), "\"two\"");
}

#[test]
fn a_reload_moves_to_another_port() {
    let (scratch, mut server) = configured("reload-port", "", "");
    let (old, new) = (server.address, SocketAddr::from(([127, 0, 0, 1], free_port())));
    scratch.write("headwater.yaml", &config(new, "  chaos: false\n", ""));
    server.reload();
    server.address = new;
    assert_eq!(server.data("version.example.org", RType::TXT), "\"one\"");
    assert_eq!(udp(old, &query("example.org", RType::SOA).to_wire(512), SILENCE), None);
    assert!(tcp(old, &query("example.org", RType::SOA).to_wire(512)).is_err());
}

#[test]
fn counters() {
    let (scratch, mut server) = example("counters");
    for _ in 0..3 {
        server.data("version.example.org", RType::TXT);
    }
    server.data("missing.example.org", RType::A);
    let output = headwater(&["stats", "--data", "data"]).current_dir(scratch.path()).output().expect("headwater runs");
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    let want = ["zones 1", "udp_received 4", "responses 4", "rcode.NOERROR 3", "rcode.NXDOMAIN 1", "qtype.TXT 3"];
    for line in want {
        assert!(report.lines().any(|got| got == line), "no `{line}` in:\n{report}");
    }
    server.process.signal("USR1");
    server.process.wait_for("qtype.TXT 3", 1);
    drop(server);
    let output = headwater(&["stats", "--data", "data"]).current_dir(scratch.path()).output().expect("headwater runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("control.sock"), "says where it looked");
}

#[test]
fn signals_stop_it() {
    for signal in ["TERM", "INT"] {
        let (scratch, mut server) = example(&format!("stop-{signal}"));
        server.data("version.example.org", RType::TXT);
        server.process.signal(signal);
        assert_eq!(server.process.wait().code(), Some(0), "{signal}");
        assert!(!scratch.path().join("data/control.sock").exists());
    }
    // A second signal does not wait. The process may have ended by itself already.
    let (_scratch, mut server) = example("stop-twice");
    server.process.signal("TERM");
    if server.process.is_running() {
        server.process.signal("TERM");
    }
    assert!(matches!(server.process.wait().code(), Some(0 | 1)));
}

/// The default port of the API may be another program's: DNS starts all the same.
#[test]
fn the_api_takes_the_next_port_unless_one_was_chosen() {
    // If this fails somebody else has the port, which is as good.
    let _taken = TcpListener::bind("127.0.0.1:8080");
    let (scratch, mut server) = configured("web-port", "", "web: { bind_address: 127.0.0.1 }\n");
    let log = server.process.log();
    let web = log.split("\"web\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("an address");
    let web: SocketAddr = web.parse().expect("one address");
    assert!((8081..8181).contains(&web.port()), "{web}");
    assert!(std::net::TcpStream::connect(web).is_ok(), "the API answers at {web}");
    // A reload does not move it.
    server.reload();
    assert!(std::net::TcpStream::connect(web).is_ok(), "the API still answers at {web}");
    // A port that somebody chose is used, or the server does not start.
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let chosen = format!("  web_port: {}\n", web.port());
    scratch.write("chosen.yaml", &config(address, &chosen, "web: { bind_address: 127.0.0.1 }\n"));
    let mut second = Server::launch(&scratch, &["--config", "chosen.yaml"], address);
    assert_eq!(second.process.wait().code(), Some(1));
    assert!(second.process.log().contains("another port: `server.web_port`"), "{}", second.process.log());
}

#[test]
fn one_server_for_one_data_directory() {
    let (scratch, server) = example("two-servers");
    let other = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut second = Server::launch(&scratch, &["--listen", &other.to_string()], other);
    assert_eq!(second.process.wait().code(), Some(1));
    assert!(second.process.log().contains("is in use by another server"));
    assert_eq!(server.data("version.example.org", RType::TXT), "\"one\"");
}
