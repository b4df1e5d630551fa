//! Names on no list that are aliases of listed ones: what the authoritative server says and what the cache has are
//! judged alike.

use dns::{RType, Rcode};

use crate::site::{CLIENT, OUTSIDE, Site, ask_in_vain, question, question_edns, reasons, said};

const POLICY: &str = "blocking:
  lists:
    - { name: drop, file: drop.txt, format: domains, action: drop }
    - { name: gone, file: gone.txt, format: domains, action: nxdomain }
  rules: ['||listed.net^', '@@||friend-cloak.com^', '||typed.net^$dnstype=AAAA', '||listed.com^', '|moved.net^$dnsrewrite=192.0.2.77', '|turned.net^$dnsrewrite=outside.net']
";
const FILES: [(&str, &str); 2] = [("drop.txt", "dropped.net\n"), ("gone.txt", "gone.net\n")];
const RECORDS: &str = "cloak CNAME a.listed.net.
cloak2 CNAME step.com.
step CNAME a.listed.net.
friend-cloak CNAME a.listed.net.
missing CNAME nothing.listed.com.
nothing.listed TXT \"there\"
gone-cloak CNAME gone.net.
drop-cloak CNAME dropped.net.
typed-cloak CNAME typed.net.
harmless CNAME outside.net.
moved-cloak CNAME moved.net.
turned-cloak CNAME turned.net.
void CNAME void.up.listed.com.
up.listed TXT \"here ends the wildcard\"
";

fn site(name: &str) -> Site {
    let site = Site::start(name, POLICY, &FILES, RECORDS);
    site.wait("listed.net", RType::A, "NOERROR 0.0.0.0");
    site.wait("gone.net", RType::A, "NXDOMAIN");
    site
}

#[test]
fn an_alias_of_a_listed_name_is_blocked_before_and_after_it_is_cached() {
    let site = site("cloak");
    for (name, rtype, wanted) in [
        ("cloak.com", RType::A, "NOERROR 0.0.0.0"),
        ("cloak.com", RType::AAAA, "NOERROR ::"),
        ("cloak.com", RType::MX, "NOERROR"),
        ("cloak2.com", RType::A, "NOERROR 0.0.0.0"),
        ("step.com", RType::A, "NOERROR 0.0.0.0"),
        ("gone-cloak.com", RType::A, "NXDOMAIN"),
        ("friend-cloak.com", RType::A, "NOERROR 192.0.2.10 CNAME a.listed.net."),
        ("typed-cloak.com", RType::A, "NOERROR 192.0.2.10 CNAME typed.net."),
        ("typed-cloak.com", RType::AAAA, "NOERROR ::"),
        ("harmless.com", RType::A, "NOERROR 192.0.2.10 CNAME outside.net."),
        ("moved-cloak.com", RType::A, "NOERROR 192.0.2.77"),
        // The alias that a rule gives to an alias is followed, in the place of the one that was found.
        ("turned.net", RType::A, "NOERROR 192.0.2.10 CNAME outside.net."),
        ("turned-cloak.com", RType::A, "NOERROR 192.0.2.10 CNAME outside.net."),
        ("turned-cloak.com", RType::AAAA, "NOERROR 2001:db8::10 CNAME outside.net."),
        ("outside.com", RType::A, OUTSIDE),
    ] {
        for time in ["first", "second", "third"] {
            assert_eq!(site.says(CLIENT, name, rtype), wanted, "{name} {rtype}, {time} time");
        }
        assert_eq!(said(Some(&site.ask_both(&question(name, rtype)))), wanted, "{name} {rtype}");
    }
    for _ in 0..2 {
        let answer = site.ask(CLIENT, &question_edns("cloak.com", RType::A)).expect("an answer");
        assert_eq!((reasons(&answer), answer.header.aa, answer.header.ad), (vec![15], false, false));
    }
}

#[test]
fn an_alias_of_a_listed_name_that_does_not_exist_is_blocked_too() {
    let site = site("void");
    for time in ["first", "second", "third"] {
        let answer = site.ask(CLIENT, &question_edns("void.com", RType::A)).expect("an answer");
        assert_eq!((answer.header.rcode, reasons(&answer)), (Rcode::NOERROR, vec![15]), "{time} time: {answer:?}");
        assert_eq!(said(Some(&answer)), "NOERROR 0.0.0.0", "{time} time");
    }
}

#[test]
fn an_alias_of_a_name_without_answers_has_none_before_and_after_it_is_cached() {
    let site = site("silence");
    // The log says when the list is in force; an answer never does.
    let silent = crate::common::until(crate::common::PATIENCE, || {
        ask_in_vain(site.server.address, CLIENT, &question("dropped.net", RType::A)).is_none().then_some(())
    });
    assert!(silent.is_some(), "{}", site.server.process.log());
    for time in ["first", "second", "third"] {
        let answer = ask_in_vain(site.server.address, CLIENT, &question("drop-cloak.com", RType::A));
        assert_eq!(answer, None, "{time} time");
    }
}
