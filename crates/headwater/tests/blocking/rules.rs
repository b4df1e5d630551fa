//! Rules in AdGuard's syntax, groups of clients, schedules and safe search.

use std::net::Ipv4Addr;

use dns::RType;

use crate::site::{CLIENT, OUTSIDE, Site, question, question_edns, reasons, said};

const KID: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);
const TV: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 33);

const POLICY: &str = "blocking:
  action: nxdomain
  lists:
    - { name: games, file: games.txt, format: domains, groups: [kids] }
    - { name: all, file: all.txt, format: domains, groups: [default, kids] }
  rules:
    - '||sentinel.com^'
    - '||types.com^$dnstype=AAAA'
    - '||not-types.com^$dnstype=~A'
    - '||zone.com^$denyallow=shop.zone.com|mail.zone.com'
    - '||kids-only.com^$client=127.0.0.9'
    - '||not-kids.com^$client=~127.0.0.9'
    - '||by-name.com^$client=tablet'
    - '||tv.com^$ctag=device_tv'
    - '|addresses.com^$dnsrewrite=NOERROR;A;192.0.2.77'
    - '|addresses.com^$dnsrewrite=NOERROR;AAAA;2001:db8::77'
    - '|short.com^$dnsrewrite=192.0.2.78'
    - '|alias.com^$dnsrewrite=target.net'
    - '|mail.com^$dnsrewrite=NOERROR;MX;5 mx.target.net'
    - '|gone.com^$dnsrewrite=NXDOMAIN;;'
    - '|closed.com^$dnsrewrite=REFUSED;;'
    - '/^banner[0-9]+[.]com$/'
    - '||important.com^$important'
    - '@@||important.com^'
    - '@@||all-but-this.com^'
clients:
  - { name: tablet, addresses: [127.0.0.9], group: kids }
  - { name: telly, addresses: [127.0.0.32/28], tags: [device_tv] }
groups:
  - { name: kids, rules: ['||only-for-kids.com^', '@@||homework.com^'], safe_search: true }
";
const FILES: [(&str, &str); 2] =
    [("games.txt", "games.com\nhomework.com\n"), ("all.txt", "all.com\nall-but-this.com\n")];

fn site(name: &str, policy: &str, records: &str) -> Site {
    let site = Site::start(name, policy, &FILES, records);
    site.wait("sentinel.com", RType::A, "NXDOMAIN");
    site.wait("all.com", RType::A, "NXDOMAIN");
    site
}

#[test]
fn modifiers_decide_whom_and_what_a_rule_is_for() {
    let site = site("modifiers", POLICY, "");
    for (client, name, rtype, wanted) in [
        (CLIENT, "types.com", RType::AAAA, "NXDOMAIN"),
        (CLIENT, "types.com", RType::A, OUTSIDE),
        (CLIENT, "not-types.com", RType::AAAA, "NXDOMAIN"),
        (CLIENT, "not-types.com", RType::A, OUTSIDE),
        (CLIENT, "zone.com", RType::A, "NXDOMAIN"),
        (CLIENT, "ads.zone.com", RType::A, "NXDOMAIN"),
        (CLIENT, "shop.zone.com", RType::A, OUTSIDE),
        (CLIENT, "a.mail.zone.com", RType::A, OUTSIDE),
        (CLIENT, "kids-only.com", RType::A, OUTSIDE),
        (KID, "kids-only.com", RType::A, "NXDOMAIN"),
        (CLIENT, "not-kids.com", RType::A, "NXDOMAIN"),
        (KID, "not-kids.com", RType::A, OUTSIDE),
        (CLIENT, "by-name.com", RType::A, OUTSIDE),
        (KID, "by-name.com", RType::A, "NXDOMAIN"),
        (CLIENT, "tv.com", RType::A, OUTSIDE),
        (TV, "tv.com", RType::A, "NXDOMAIN"),
        (CLIENT, "banner17.com", RType::A, "NXDOMAIN"),
        (CLIENT, "banner.com", RType::A, OUTSIDE),
        (CLIENT, "important.com", RType::A, "NXDOMAIN"),
        (CLIENT, "all-but-this.com", RType::A, OUTSIDE),
    ] {
        for _ in 0..2 {
            assert_eq!(site.says(client, name, rtype), wanted, "{client} {name} {rtype}");
        }
    }
}

#[test]
fn rewrites_spell_out_the_answer() {
    let site = site("rewrites", POLICY, "");
    for (name, rtype, wanted) in [
        ("addresses.com", RType::A, "NOERROR 192.0.2.77"),
        ("addresses.com", RType::AAAA, "NOERROR 2001:db8::77"),
        ("addresses.com", RType::MX, "NOERROR"),
        ("below.addresses.com", RType::A, OUTSIDE),
        ("short.com", RType::A, "NOERROR 192.0.2.78"),
        ("short.com", RType::AAAA, "NOERROR"),
        ("alias.com", RType::A, "NOERROR 192.0.2.10 CNAME target.net."),
        ("alias.com", RType::AAAA, "NOERROR 2001:db8::10 CNAME target.net."),
        ("alias.com", RType::CNAME, "NOERROR CNAME target.net."),
        ("mail.com", RType::MX, "NOERROR 5 mx.target.net."),
        ("gone.com", RType::A, "NXDOMAIN"),
        ("closed.com", RType::A, "REFUSED"),
    ] {
        for _ in 0..2 {
            assert_eq!(said(Some(&site.ask_both(&question(name, rtype)))), wanted, "{name} {rtype}");
        }
    }
    assert_eq!(reasons(&site.ask_both(&question_edns("short.com", RType::A))), [0_u16; 0], "it is no blocked one");
}

#[test]
fn groups_have_lists_and_rules_of_their_own() {
    let site = site("groups", POLICY, "");
    for (client, name, wanted) in [
        (CLIENT, "games.com", OUTSIDE),
        (KID, "games.com", "NXDOMAIN"),
        (KID, "all.com", "NXDOMAIN"),
        (TV, "all.com", "NXDOMAIN"),
        (KID, "homework.com", OUTSIDE),
        (CLIENT, "only-for-kids.com", OUTSIDE),
        (KID, "only-for-kids.com", "NXDOMAIN"),
        (TV, "games.com", OUTSIDE),
    ] {
        for _ in 0..2 {
            assert_eq!(site.says(client, name, RType::A), wanted, "{client} {name}");
        }
    }
}

#[test]
fn safe_search_leads_to_the_filtered_engine() {
    let records = "www.google A 192.0.2.66\nforcesafesearch.google A 192.0.2.67\n";
    let site = site("safe-search", POLICY, records);
    for _ in 0..2 {
        assert_eq!(site.says(CLIENT, "www.google.com", RType::A), "NOERROR 192.0.2.66");
        let filtered = "NOERROR 192.0.2.67 CNAME forcesafesearch.google.com.";
        assert_eq!(site.says(KID, "www.google.com", RType::A), filtered);
    }
}

#[test]
fn a_schedule_lets_through_what_is_allowed_and_nothing_else() {
    // One that is never off and one that is always off: the day does not matter.
    for (schedule, wanted) in [("00:00-24:00", "NXDOMAIN"), ("", OUTSIDE)] {
        let group = format!("safe_search: true, schedule: '{schedule}'");
        let policy = POLICY.replace("safe_search: true", &group);
        let site = site(if schedule.is_empty() { "awake" } else { "asleep" }, &policy, "");
        assert_eq!(site.says(KID, "outside.com", RType::A), wanted, "{schedule}");
        assert_eq!(site.says(KID, "homework.com", RType::A), OUTSIDE, "{schedule}");
        assert_eq!(site.says(CLIENT, "outside.com", RType::A), OUTSIDE, "{schedule}");
        let answer = site.ask(KID, &question_edns("outside.com", RType::A)).expect("an answer");
        assert_eq!(reasons(&answer), if schedule.is_empty() { vec![] } else { vec![17] }, "{schedule}: Filtered");
    }
}
