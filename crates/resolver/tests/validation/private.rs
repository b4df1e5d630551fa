//! Private zones that are forwarded, or have servers of their own, under a signed parent.

use std::rc::Rc;

use dns::RType;

use crate::internet::{Internet, Network, Server, delegate, forward, stub};
use crate::zone::{Zone, name};
use resolver::anchors::Anchors;
use resolver::cache::CacheSettings;

/// What the public parent says of a private zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parent {
    Denies,
    DelegatesUnsigned,
    DelegatesSigned,
}

/// How the private zone is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Forward,
    Stub,
}

/// What the configuration says of trust in the private zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    Nothing,
    /// A negative trust anchor.
    Negative,
    /// A trust anchor of its own.
    Anchor,
}

const ROOT: u8 = 1;
const EXAMPLE: u8 = 2;
const CORP: u8 = 3;
const CORP_RESOLVER: u8 = 4;
const LAB: u8 = 5;
const LAB_RESOLVER: u8 = 6;
const PUBLIC_RESOLVER: u8 = 9;

fn serving(zones: &[&Rc<Zone>], recursive: bool) -> Server {
    Server { zones: zones.iter().map(|zone| Rc::clone(zone)).collect(), recursive, dead: false }
}

/// The root and `example.` are public and signed; `corp.example.` and `lab.corp.example.` are private.
fn internet(parent: Parent, way: Way, trust: Trust, upstream: bool, nested: bool) -> Internet {
    let signed = parent == Parent::DelegatesSigned || trust == Trust::Anchor;
    let (mut lab, mut corp) = (
        Zone::new("lab.corp.example.", &["www.lab.corp.example. A 192.0.2.101"]),
        Zone::new("corp.example.", &["www.corp.example. A 192.0.2.100", "out.corp.example. CNAME www.example."]),
    );
    if !signed {
        (lab, corp) = (lab.unsigned(), corp.unsigned());
    }
    delegate(&mut corp, &lab, LAB, signed);
    let mut example = Zone::new(
        "example.",
        &[
            "www.example. A 192.0.2.102",
            "in.example. CNAME www.corp.example.",
            "deep.example. CNAME www.lab.corp.example.",
        ],
    );
    match parent {
        Parent::Denies => {}
        Parent::DelegatesUnsigned => delegate(&mut example, &corp, CORP, false),
        Parent::DelegatesSigned => delegate(&mut example, &corp, CORP, true),
    }
    let mut root = Zone::new(".", &[]);
    delegate(&mut root, &example, EXAMPLE, true);
    let mut anchors = Anchors::default();
    root.own_ds().iter().for_each(|ds| assert!(anchors.add(&root.apex, RType::DS, ds)));
    if trust == Trust::Anchor {
        corp.own_ds().iter().for_each(|ds| assert!(anchors.add(&corp.apex, RType::DS, ds)));
    }
    let [root, example, corp, lab] = [root, example, corp, lab].map(|mut zone| {
        zone.seal();
        Rc::new(zone)
    });
    let servers = [
        (ROOT, serving(&[&root], false)),
        (EXAMPLE, serving(&[&example], false)),
        (CORP, serving(&[&corp], false)),
        (CORP_RESOLVER, serving(&[&corp, &lab], true)),
        (LAB, serving(&[&lab], false)),
        (LAB_RESOLVER, serving(&[&lab], true)),
        (PUBLIC_RESOLVER, serving(&[&root, &example], true)),
    ];
    let network = Network { servers: servers.into_iter().collect(), ..Network::default() };
    let mut settings = Internet::settings();
    let mut add = |zone: &str, server, resolver, way| match way {
        Way::Forward => settings.forward.push(forward(zone, resolver)),
        Way::Stub => settings.stubs.push(stub(zone, server)),
    };
    if nested {
        // The other way for the zone within.
        add("lab.corp.example.", LAB, LAB_RESOLVER, if way == Way::Stub { Way::Forward } else { Way::Stub });
    }
    add("corp.example.", CORP, CORP_RESOLVER, way);
    if upstream {
        settings.forward.push(forward(".", PUBLIC_RESOLVER));
    }
    if trust == Trust::Negative {
        settings.negative_trust_anchors.push(name("corp.example."));
    }
    Internet::new(network, settings, CacheSettings::default(), anchors)
}

fn each(check: impl Fn(Parent, Trust, &dyn Fn() -> Internet, &str)) {
    for parent in [Parent::Denies, Parent::DelegatesUnsigned, Parent::DelegatesSigned] {
        for trust in [Trust::Nothing, Trust::Negative, Trust::Anchor] {
            // A zone with a DS record and an anchor beside is the same as one with either.
            for (way, upstream, nested) in [Way::Forward, Way::Stub]
                .into_iter()
                .flat_map(|way| [(way, false, false), (way, false, true), (way, true, false), (way, true, true)])
            {
                let what = format!("{parent:?} {trust:?} {way:?} upstream={upstream} nested={nested}");
                check(parent, trust, &|| internet(parent, way, trust, upstream, nested), &what);
            }
        }
    }
}

/// RFC 4035 5.2: whether a zone is signed is for its parent to say; RFC 7646: unless a person says otherwise.
#[test]
fn private_zones_under_a_signed_parent() {
    each(|parent, trust, internet, what| {
        let expected = match (parent, trust) {
            (_, Trust::Negative) => "insecure",
            (_, Trust::Anchor) | (Parent::DelegatesSigned, _) => "secure",
            (Parent::DelegatesUnsigned, _) => "insecure",
            (Parent::Denies, _) => "bogus",
        };
        let check = |internet: &Internet, qname: &str, rcode: &str, count: usize| {
            let want = match expected {
                "bogus" => "SERVFAIL bogus 0".to_owned(),
                security => format!("{rcode} {security} {count}"),
            };
            assert_eq!(internet.said(qname, RType::A), want, "{qname} {what}");
        };
        let names = [
            ("www.corp.example.", "NOERROR", 1),
            ("missing.corp.example.", "NXDOMAIN", 0),
            ("www.lab.corp.example.", "NOERROR", 1),
            ("in.example.", "NOERROR", 2),
            ("deep.example.", "NOERROR", 2),
            ("out.corp.example.", "NOERROR", 2),
        ];
        // Each alone, and all in a row, so that what is known of one does not change another.
        names.iter().for_each(|(qname, rcode, count)| check(&internet(), qname, rcode, *count));
        let all = internet();
        names.iter().for_each(|(qname, rcode, count)| check(&all, qname, rcode, *count));
        names.iter().rev().for_each(|(qname, rcode, count)| check(&all, qname, rcode, *count));
    });
}

/// The DS RRset of a private apex is asked where its parent is, and what is said of it says nothing of the names there.
#[test]
fn ds_of_a_private_apex_comes_from_its_parent() {
    each(|parent, trust, internet, what| {
        let internet = internet();
        let outcome = internet.ask("corp.example.", RType::DS);
        let asked = internet.asked();
        let at_private = |line: &String| {
            ["3 ", "4 ", "5 ", "6 "].iter().any(|server| line.starts_with(server)) && line.ends_with("corp.example. DS")
        };
        assert!(!asked.iter().any(at_private), "{what}: {asked:?}");
        let rcode = if parent == Parent::Denies { "NXDOMAIN" } else { "NOERROR" };
        assert_eq!(outcome.rcode.to_string(), rcode, "{what}");
        assert_eq!(outcome.security.as_str(), "secure", "{what}");
        assert_eq!(outcome.answers.len(), usize::from(parent == Parent::DelegatesSigned), "{what}");
        if trust != Trust::Nothing || parent != Parent::Denies {
            for qname in ["www.corp.example.", "www.lab.corp.example.", "corp.example."] {
                let rtype = if qname == "corp.example." { RType::NS } else { RType::A };
                let said = internet.ask(qname, rtype);
                assert_eq!((said.rcode.to_string().as_str(), said.answers.len()), ("NOERROR", 1), "{qname} {what}");
            }
        }
    });
}
