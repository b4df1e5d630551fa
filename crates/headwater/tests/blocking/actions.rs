//! What is answered in place of what is blocked, for lists of every format.

use dns::rdata::typed::Soa;
use dns::{Message, RType, Rcode};

use crate::common::tcp;
use crate::site::{CLIENT, OUTSIDE, Site, TTL, ask_in_vain, question, question_edns, reasons, said};

const FILES: [(&str, &str); 7] = [
    ("hosts.txt", "# hosts\n127.0.0.1 localhost\n0.0.0.0 hosts.com www.hosts.com\n"),
    ("domains.txt", "domains.com\n# a comment\nother-domains.com\n"),
    ("wildcards.txt", "*.wildcards.com\n"),
    ("adblock.txt", "[Adblock Plus]\n! a comment\n||adblock.com^\n@@||good.adblock.com^\n"),
    ("dnsmasq.conf", "address=/dnsmasq.com/\nlocal=/local-dnsmasq.com/\n"),
    (
        "unbound.conf",
        "server:\nlocal-zone: \"unbound.com\" always_nxdomain\nlocal-data: \"data-unbound.com A 0.0.0.0\"\n",
    ),
    ("auto.txt", "0.0.0.0 auto.com\n0.0.0.0 auto2.com\n"),
];

/// A list of each format, each with an action of its own.
const POLICY: &str = "security: { allowed_networks: [127.0.0.0/26] }
zones: [{ name: own.com, file: own.zone }]
blocking:
  ttl: 77
  lists:
    - { name: hosts, file: hosts.txt, format: hosts }
    - { name: domains, file: domains.txt, format: domains, action: nxdomain }
    - { name: wildcards, file: wildcards.txt, format: wildcards, action: nodata }
    - { name: adblock, file: adblock.txt, format: adblock, action: refused }
    - { name: dnsmasq, file: dnsmasq.conf, format: dnsmasq, action: drop }
    - { name: unbound, file: unbound.conf, format: unbound, action: [192.0.2.99, '2001:db8::99'] }
    - { name: auto, file: auto.txt }
  rules: ['||own.com^']
";

fn site(name: &str) -> Site {
    let mut files = FILES.to_vec();
    files.push((
        "own.zone",
        "$TTL 60\n@ SOA ns host 1 7200 900 1209600 300\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.80\n",
    ));
    let site = Site::start(name, POLICY, &files, "");
    for (name, wanted) in [
        ("hosts.com", "NOERROR 0.0.0.0"),
        ("domains.com", "NXDOMAIN"),
        ("a.wildcards.com", "NOERROR"),
        ("adblock.com", "REFUSED"),
        ("unbound.com", "NOERROR 192.0.2.99"),
        ("auto.com", "NOERROR 0.0.0.0"),
    ] {
        site.wait(name, RType::A, wanted);
    }
    site
}

/// Lists may come into force in any order; silence is waited for as an answer is.
fn wait_for_silence(site: &Site) {
    let silent = crate::common::until(crate::common::PATIENCE, || {
        ask_in_vain(site.server.address, CLIENT, &question("dnsmasq.com", RType::A)).is_none().then_some(())
    });
    assert!(silent.is_some(), "{}", site.server.process.log());
}

#[test]
fn each_format_and_action_has_its_answer() {
    let site = site("actions");
    for (name, rtype, wanted) in [
        ("hosts.com", RType::AAAA, "NOERROR ::"),
        ("hosts.com", RType::HTTPS, "NOERROR"),
        ("hosts.com", RType::MX, "NOERROR"),
        ("www.hosts.com", RType::A, "NOERROR 0.0.0.0"),
        ("HOSTS.com", RType::A, "NOERROR 0.0.0.0"),
        ("other.hosts.com", RType::A, OUTSIDE),
        ("domains.com", RType::AAAA, "NXDOMAIN"),
        ("below.domains.com", RType::MX, "NXDOMAIN"),
        ("other-domains.com", RType::HTTPS, "NXDOMAIN"),
        ("a.wildcards.com", RType::AAAA, "NOERROR"),
        ("a.b.wildcards.com", RType::MX, "NOERROR"),
        ("adblock.com", RType::HTTPS, "REFUSED"),
        ("below.adblock.com", RType::AAAA, "REFUSED"),
        ("good.adblock.com", RType::A, OUTSIDE),
        ("very.good.adblock.com", RType::A, OUTSIDE),
        ("unbound.com", RType::AAAA, "NOERROR 2001:db8::99"),
        ("below.unbound.com", RType::A, "NOERROR 192.0.2.99"),
        ("unbound.com", RType::MX, "NOERROR"),
        ("data-unbound.com", RType::A, "NOERROR 192.0.2.99"),
        ("below.data-unbound.com", RType::A, OUTSIDE),
        ("auto2.com", RType::AAAA, "NOERROR ::"),
        ("nothosts.com", RType::A, OUTSIDE),
        ("domains.com.net", RType::A, OUTSIDE),
    ] {
        // Once before the name was ever asked for upstream and once after.
        for _ in 0..2 {
            assert_eq!(said(Some(&site.ask_both(&question(name, rtype)))), wanted, "{name} {rtype}");
        }
    }
    wait_for_silence(&site);
    for name in ["dnsmasq.com", "below.dnsmasq.com", "local-dnsmasq.com"] {
        let query = question(name, RType::A);
        assert_eq!(ask_in_vain(site.server.address, CLIENT, &query), None, "{name}");
        assert!(tcp(site.server.address, &query.to_wire(65_535)).is_err(), "{name}: no answer over TCP either");
    }
    let asked = crate::common::counter(&crate::common::counters(&site.scratch), "resolver_queries");
    site.ask_both(&question("domains.com", RType::TXT));
    let now = crate::common::counter(&crate::common::counters(&site.scratch), "resolver_queries");
    assert_eq!(now, asked, "nobody is asked for what is blocked");
}

#[test]
fn a_question_for_any_type_gets_what_is_blocked_too() {
    let site = site("any");
    for (name, rcode) in
        [("hosts.com", Rcode::NOERROR), ("domains.com", Rcode::NXDOMAIN), ("adblock.com", Rcode::REFUSED)]
    {
        let answer = site.ask_both(&question(name, RType::ANY));
        assert_eq!(answer.header.rcode, rcode, "{name}");
        assert!(!said(Some(&answer)).contains("192.0.2.10"), "{name}: {answer:?}");
    }
}

fn soa_of(answer: &Message) -> (u32, u32) {
    let [record] = answer.authorities.as_slice() else { panic!("one SOA record: {answer:?}") };
    assert_eq!((record.rtype, &record.owner), (RType::SOA, &answer.questions[0].name));
    (record.ttl, Soa::parse(&record.rdata).expect("a SOA record").minimum)
}

#[test]
fn answers_say_how_long_they_hold_and_why() {
    let site = site("why");
    for (name, rtype) in [("hosts.com", RType::A), ("unbound.com", RType::AAAA)] {
        let answer = site.ask_both(&question_edns(name, rtype));
        assert_eq!(answer.answers.iter().map(|record| record.ttl).collect::<Vec<_>>(), [TTL], "{name}");
        assert_eq!((reasons(&answer), answer.authorities.len()), (vec![15], 0), "{name}");
    }
    for (name, rtype) in [("domains.com", RType::A), ("a.wildcards.com", RType::A), ("hosts.com", RType::MX)] {
        let answer = site.ask_both(&question_edns(name, rtype));
        assert_eq!(soa_of(&answer), (TTL, TTL), "{name}: what is negative is kept as long as the rest (RFC 2308 5)");
        assert_eq!(reasons(&answer), [15], "{name}");
    }
    let refused = site.ask_both(&question_edns("adblock.com", RType::A));
    assert_eq!((reasons(&refused), refused.authorities.len()), (vec![15], 0));
    let plain = site.ask_both(&question("hosts.com", RType::A));
    assert!(plain.edns.is_none(), "who does not speak EDNS gets none");
    let outside = site.ask_both(&question_edns("outside.com", RType::A));
    assert_eq!(reasons(&outside), [0_u16; 0]);
}

#[test]
fn nothing_is_said_to_be_authentic_or_authoritative() {
    let site = site("bits");
    for name in ["hosts.com", "domains.com", "a.wildcards.com", "adblock.com", "unbound.com"] {
        let mut query = question_edns(name, RType::A);
        query.header.ad = true;
        query.edns.iter_mut().for_each(|edns| edns.dnssec_ok = true);
        let header = site.ask_both(&query).header;
        assert_eq!(
            (header.aa, header.ad, header.cd, header.ra, header.rd),
            (false, false, false, true, true),
            "{name}"
        );
    }
}

#[test]
fn rules_are_for_what_others_are_asked_about() {
    let site = site("own");
    assert_eq!(site.says(CLIENT, "www.own.com", RType::A), "NOERROR 192.0.2.80", "a zone of ours is not blocked");
    let outsider = [127, 0, 0, 200].into();
    for name in ["hosts.com", "domains.com", "outside.com"] {
        let answer = site.ask(outsider, &question_edns(name, RType::A)).expect("an answer");
        assert_eq!((answer.header.rcode, reasons(&answer)), (Rcode::REFUSED, vec![18]), "{name}: Prohibited");
    }
    assert_eq!(site.says(outsider, "www.own.com", RType::A), "NOERROR 192.0.2.80");
}
