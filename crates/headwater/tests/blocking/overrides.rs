//! Policy zones whose rules do what the configuration says in place of what they say, zones that are only tried out, and
//! zones one behind the other.

use dns::{RType, Rcode};

use crate::common::{PATIENCE, until};
use crate::site::{CLIENT, OUTSIDE, Site, ask_in_vain, question, question_edns};

const HEAD: &str = "$TTL 60\n@ SOA localhost. root.localhost. 1 7200 900 1209600 300\n@ NS localhost.\n";

/// One zone with this override, whose rules are about `listed.com` and the address of `addressed.com`.
fn site(name: &str, replacement: &str) -> Site {
    let policy = format!(
        "logging: {{ queries: {{ enabled: true, file: q.jsonl }} }}\n\
         blocking: {{ rpz: [{{ name: rpz, file: rpz.zone, override: {replacement} }}, {{ name: last, file: last.zone }}] }}\n"
    );
    let zone = format!("{HEAD}listed.com A 203.0.113.1\n32.77.2.0.192.rpz-ip A 203.0.113.1\n");
    let last = format!("{HEAD}in-force.com CNAME .\nlisted.com A 203.0.113.2\n32.77.2.0.192.rpz-ip A 203.0.113.2\n");
    let files: [(&str, &str); 2] = [("rpz.zone", &zone), ("last.zone", &last)];
    let site = Site::start(&format!("override-{name}"), &policy, &files, "addressed A 192.0.2.77\n");
    site.wait("in-force.com", RType::A, "NXDOMAIN");
    site
}

#[test]
fn an_override_takes_the_place_of_what_rules_say() {
    for (name, replacement, listed, addressed) in [
        ("given", "given", "NOERROR 203.0.113.1", "NOERROR 203.0.113.1"),
        ("nxdomain", "nxdomain", "NXDOMAIN", "NXDOMAIN"),
        ("nodata", "NODATA", "NOERROR", "NOERROR"),
        ("passthru", "passthru", OUTSIDE, "NOERROR 192.0.2.77"),
        ("tcp-only", "tcp_only", "NOERROR TC", "NOERROR TC"),
        ("alias", "garden.net", "NOERROR 192.0.2.10 CNAME garden.net.", "NOERROR 192.0.2.10 CNAME garden.net."),
        // The next zone is asked as if there were not this one.
        ("disabled", "disabled", "NOERROR 203.0.113.2", "NOERROR 203.0.113.2"),
    ] {
        let site = site(name, replacement);
        for time in ["first", "second", "third"] {
            assert_eq!(site.says(CLIENT, "listed.com", RType::A), listed, "{name}, {time} time");
            assert_eq!(site.says(CLIENT, "addressed.com", RType::A), addressed, "{name}, {time} time");
            assert_eq!(site.says(CLIENT, "outside.com", RType::A), OUTSIDE, "{name}, {time} time");
        }
    }
    let site = site("drop", "drop");
    for name in ["listed.com", "addressed.com"] {
        assert!(ask_in_vain(site.server.address, CLIENT, &question(name, RType::A)).is_none(), "{name}");
    }
}

/// The last row of the query log about a name.
fn row(site: &Site, name: &str) -> serde_json::Value {
    let found = until(PATIENCE, || {
        let text = std::fs::read_to_string(site.scratch.path().join("q.jsonl")).unwrap_or_default();
        let mut rows = text.lines().rev().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        rows.find(|row| row["domain"] == name)
    });
    found.unwrap_or_else(|| panic!("no row of {name}"))
}

#[test]
fn a_zone_that_is_tried_out_is_recorded_and_changes_nothing() {
    let policy = "logging: { queries: { enabled: true, file: q.jsonl } }\nblocking:\n  rules: ['||both.com^']\n  rpz:\n    \
                  - { name: tried, file: tried.zone, override: disabled }\n    \
                  - { name: silent, file: silent.zone, log: false }\n";
    let tried = format!("{HEAD}tried.com CNAME .\nboth.com CNAME .\n32.77.2.0.192.rpz-ip CNAME .\n");
    let silent = format!("{HEAD}silent.com CNAME .\npassed.com CNAME rpz-passthru.\n");
    let files: [(&str, &str); 2] = [("tried.zone", &tried), ("silent.zone", &silent)];
    let site = Site::start("tried", policy, &files, "addressed A 192.0.2.77\ncloak CNAME both.com.\n");
    site.wait("silent.com", RType::A, "NXDOMAIN");
    for (name, says, action, list) in [
        ("tried.com", OUTSIDE, "tried", "tried."),
        ("addressed.com", "NOERROR 192.0.2.77", "tried", "tried."),
        ("both.com", "NOERROR 0.0.0.0", "blocked", "rules"),
        ("cloak.com", "NOERROR 0.0.0.0", "blocked", "rules"),
        ("silent.com", "NXDOMAIN", "", ""),
        ("passed.com", OUTSIDE, "", ""),
    ] {
        for _ in 0..2 {
            assert_eq!(site.says(CLIENT, name, RType::A), says, "{name}");
        }
        let row = row(&site, name);
        let said = ["action", "list"].map(|key| row[key].as_str().unwrap_or_default());
        assert_eq!(said, [action, list], "{row}");
    }
}

#[test]
fn an_earlier_zone_comes_first_though_its_rule_is_about_the_answer() {
    let policy = "blocking: { rpz: [{ name: first, file: first.zone }, { name: second, file: second.zone }] }\n";
    let first = format!("{HEAD}32.77.2.0.192.rpz-ip A 203.0.113.1\n");
    let second = format!(
        "{HEAD}in-force.com CNAME .\naddressed.com A 203.0.113.2\nother.com A 203.0.113.2\nto-other.com CNAME .\n\
         gone.up.com A 203.0.113.3\n"
    );
    let files: [(&str, &str); 2] = [("first.zone", &first), ("second.zone", &second)];
    let site = Site::start("order", policy, &files, "addressed A 192.0.2.77\nto-other CNAME addressed.com.\n");
    site.wait("in-force.com", RType::A, "NXDOMAIN");
    for (name, says) in [
        ("addressed.com", "NOERROR 203.0.113.1"),
        ("other.com", "NOERROR 203.0.113.2"),
        // A name counts more than what it is an alias of, whatever the zone.
        ("to-other.com", "NXDOMAIN"),
        // The rule holds though the name does not exist.
        ("gone.up.com", "NOERROR 203.0.113.3"),
        ("outside.com", OUTSIDE),
    ] {
        for time in ["first", "second", "third"] {
            assert_eq!(site.says(CLIENT, name, RType::A), says, "{name}, {time} time");
        }
    }
}

#[test]
fn signed_answers_stay_for_those_who_may_validate_where_that_is_wanted() {
    let policy = "blocking: { rules: ['||both.com^'], rpz: [{ name: rpz, file: rpz.zone, break_dnssec: false }] }\n";
    let zone =
        format!("{HEAD}in-force.com CNAME .\nsigned.com CNAME .\nboth.com CNAME .\n32.77.2.0.192.rpz-ip CNAME .\n");
    let signed = |name: &str, last: u8| {
        format!("{name} A 192.0.2.{last}\n{name} RRSIG A 8 2 600 20400101000000 20200101000000 1 com. c2lnbmF0dXJl\n")
    };
    let records = format!("{}{}{}", signed("signed", 9), signed("addressed", 77), signed("both", 9));
    let site = Site::start("signed", policy, &[("rpz.zone", &zone)], &records);
    site.wait("in-force.com", RType::A, "NXDOMAIN");
    let asks = |name: &str, dnssec_ok: bool| {
        let mut query = question_edns(name, RType::A);
        query.edns.as_mut().expect("EDNS").dnssec_ok = dnssec_ok;
        let answer = site.ask(CLIENT, &query).expect("an answer");
        let addresses = answer.answers.iter().filter(|record| record.rtype == RType::A);
        (answer.header.rcode, addresses.map(|record| record.rdata[3]).collect::<Vec<u8>>())
    };
    for time in ["first", "second", "third"] {
        for (name, last) in [("signed.com", 9), ("addressed.com", 77)] {
            assert_eq!(asks(name, false), (Rcode::NXDOMAIN, vec![]), "{name}, {time} time");
            assert_eq!(asks(name, true), (Rcode::NOERROR, vec![last]), "{name}, {time} time");
        }
        // What is not signed is rewritten for everybody; lists do not look at signatures.
        assert_eq!(asks("in-force.com", true), (Rcode::NXDOMAIN, vec![]), "{time} time");
        assert_eq!(asks("both.com", true), (Rcode::NOERROR, vec![0]), "{time} time");
    }
}
