//! Names that nobody on the Internet has an answer for, and that are therefore never asked for there: special-use
//! names (RFC 6761 and those that followed) and locally served zones (RFC 6303, RFC 7793).
//!
//! [`crate::resolve`] asks [`answer`] before the cache and the network. Zones of our own come before it, and so does
//! what is configured to be forwarded, or has servers that are configured.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use dns::{Name, NameBuf, RType, Rcode};

use crate::outcome::{Outcome, Timed};
use crate::route::Route;
use crate::rrset::Rrset;
use crate::security::Security;
use crate::settings::Settings;

/// TTL of the records of a zone that is served here, in seconds (RFC 6303 3).
const ZONE_TTL_S: u32 = 10_800;
/// TTL of addresses that depend on how the resolver is configured, in seconds.
const CONFIGURED_TTL_S: u32 = 300;
/// REFRESH, RETRY, EXPIRE and MINIMUM of a zone that is served here (RFC 6303 3).
const SOA_TIMES: [u32; 4] = [3600, 1200, 604_800, 10_800];

/// `192.0.0.170` and `192.0.0.171`, which `ipv4only.arpa` has (RFC 7050 8.2).
const IPV4_ONLY: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 0, 170), Ipv4Addr::new(192, 0, 0, 171)];

/// A zone that is served here.
struct Zone<'a> {
    apex: &'a Name,
    kind: Kind,
}

/// What is in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// SOA and NS.
    Empty,
    /// Every name in it exists and is this host.
    Localhost,
    /// A PTR record at the name of a loopback address.
    Loopback(&'static [u8]),
    /// Nothing at `_dns`, a name that clients ask for (RFC 9462 4).
    ResolverArpa,
    /// The addresses that show the prefix of NAT64 (RFC 8880).
    Ipv4Only,
}

/// The answer, if the name is special and nothing else is configured for it.
pub fn answer(name: &Name, rtype: RType, settings: &Settings) -> Option<Outcome> {
    if !settings.special_names {
        return None;
    }
    let zone = zone_of(name, settings)?;
    if is_configured(name, settings) {
        return None;
    }
    let at_apex = *name == *zone.apex;
    // RFC 4035 3.1.4.1: the DS RRset of an apex is the parent's, which may be public.
    if at_apex && rtype == RType::DS && zone.apex.label_count() > 1 {
        return None;
    }
    let mut found = records(&zone, name, rtype, settings);
    if at_apex && matches!(rtype, RType::SOA | RType::ANY) {
        found.push(soa(zone.apex));
    }
    if at_apex && matches!(rtype, RType::NS | RType::ANY) {
        found.push(Rrset::new(zone.apex.to_owned(), RType::NS, ZONE_TTL_S).with(zone.apex.as_wire()));
    }
    let exists = at_apex || !found.is_empty() || exists(&zone, name);
    let ttl = settings.default_ttl_s;
    let mut outcome = Outcome::empty(if exists { Rcode::NOERROR } else { Rcode::NXDOMAIN }, Security::Insecure);
    if found.is_empty() {
        outcome.authorities.push(timed(soa(zone.apex), ttl));
    }
    outcome.answers = found.into_iter().map(|rrset| timed(rrset, ttl)).collect();
    Some(outcome)
}

/// Whether the configuration says where this name is resolved; that everything is forwarded does not count.
pub fn is_configured(name: &Name, settings: &Settings) -> bool {
    match settings.route(name, RType::A) {
        Route::Forward(zone) => !zone.name.is_root(),
        Route::Stub(_) => true,
        Route::Iterate => false,
    }
}

/// The special zone that a name is in.
fn zone_of<'a>(name: &'a Name, settings: &Settings) -> Option<Zone<'a>> {
    let mut labels = [&[][..]; 34];
    let count = name.label_count();
    for (index, label) in name.labels().enumerate() {
        // The labels from the right; those too far to the left decide nothing.
        if let Some(place) = labels.get_mut(count - 1 - index) {
            *place = label;
        }
    }
    let is = |index: usize, text: &str| labels[index].eq_ignore_ascii_case(text.as_bytes());
    let (depth, kind) = match () {
        // RFC 6761 6.3.
        () if is(0, "localhost") => (1, Kind::Localhost),
        // RFC 6761 6.2 and 6.4, RFC 7686 2, RFC 6762 22.1.
        () if ["test", "invalid", "onion", "local"].iter().any(|special| is(0, special)) => (1, Kind::Empty),
        () if !is(0, "arpa") => return None,
        // RFC 8375 4, RFC 9665 10.
        () if is(1, "home") || is(1, "service") => (2, Kind::Empty),
        () if is(1, "resolver") => (2, Kind::ResolverArpa),
        // RFC 8880 7.1: only who makes addresses has to know of it.
        () if is(1, "ipv4only") && settings.dns64.is_some() => (2, Kind::Ipv4Only),
        () if is(1, "in-addr") => reverse_ipv4(&labels[2..])?,
        () if is(1, "ip6") => reverse_ipv6(&labels[2..])?,
        () => return None,
    };
    let apex = name.ancestors().nth(count.checked_sub(depth)?)?;
    Some(Zone { apex, kind })
}

/// The zone of private IPv4 addresses (RFC 6303 4.1 and 4.2, RFC 7793 2.1): its number of labels.
fn reverse_ipv4(labels: &[&[u8]]) -> Option<(usize, Kind)> {
    let octet = |index: usize| {
        let text = std::str::from_utf8(labels[index]).ok()?;
        text.parse::<u8>().ok().filter(|octet| octet.to_string() == text)
    };
    let (first, second, third) = (octet(0)?, octet(1), octet(2));
    let octets = match (first, second, third) {
        (127, ..) => return Some((3, Kind::Loopback(b"\x011\x010\x010\x03127\x07in-addr\x04arpa\0"))),
        (0 | 10, ..) => 1,
        (172, Some(16..=31), _) | (192, Some(168), _) | (169, Some(254), _) | (100, Some(64..=127), _) => 2,
        (192, Some(0), Some(2)) | (198, Some(51), Some(100)) | (203, Some(0), Some(113)) => 3,
        (255, Some(255), Some(255)) if octet(3) == Some(255) => 4,
        _ => return None,
    };
    Some((2 + octets, Kind::Empty))
}

/// The zone of private IPv6 addresses (RFC 6303 4.3 to 4.6): its number of labels.
fn reverse_ipv6(labels: &[&[u8]]) -> Option<(usize, Kind)> {
    let mut nibbles = [0xff; 32];
    for (nibble, label) in nibbles.iter_mut().zip(labels) {
        let [digit] = label else { break };
        *nibble = (*digit as char).to_digit(16)? as u8;
    }
    let is = |prefix: &[u8]| nibbles.starts_with(prefix);
    let count = match nibbles {
        [0xf, 0xd, ..] => 2,
        [0xf, 0xe, 8..=0xb, ..] => 3,
        _ if is(&[2, 0, 0, 1, 0, 0xd, 0xb, 8]) => 8,
        _ if is(&[0; 31]) && nibbles[31] == 1 => return Some((34, Kind::Loopback(LOOPBACK_IPV6))),
        _ if is(&[0; 32]) => 32,
        _ => return None,
    };
    Some((2 + count, Kind::Empty))
}

/// The name of `::1`.
const LOOPBACK_IPV6: &[u8] = b"\x011\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\
    \x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\x03ip6\x04arpa\0";

/// The records of a name, apart from SOA and NS.
fn records(zone: &Zone<'_>, name: &Name, rtype: RType, settings: &Settings) -> Vec<Rrset> {
    let wanted = |one: RType| rtype == one || rtype == RType::ANY;
    let set = |rtype, ttl, rdata: &[&[u8]]| {
        let empty = Rrset::new(name.to_owned(), rtype, ttl);
        rdata.iter().fold(empty, |rrset, rdata| rrset.with(rdata))
    };
    let mut found = Vec::new();
    match zone.kind {
        Kind::Localhost => {
            if wanted(RType::A) {
                found.push(set(RType::A, ZONE_TTL_S, &[&Ipv4Addr::LOCALHOST.octets()]));
            }
            if wanted(RType::AAAA) {
                found.push(set(RType::AAAA, ZONE_TTL_S, &[&Ipv6Addr::LOCALHOST.octets()]));
            }
        }
        Kind::Loopback(owner) if *name == *Name::from_validated(owner) && wanted(RType::PTR) => {
            found.push(set(RType::PTR, ZONE_TTL_S, &[b"\x09localhost\0"]));
        }
        Kind::Ipv4Only if *name == *zone.apex => {
            if wanted(RType::A) {
                let [first, second] = IPV4_ONLY.map(|address| address.octets());
                found.push(set(RType::A, CONFIGURED_TTL_S, &[&first, &second]));
            }
            if wanted(RType::AAAA)
                && let Some(dns64) = &settings.dns64
            {
                let [first, second] = IPV4_ONLY.map(|address| dns64.embed(address).octets());
                found.push(set(RType::AAAA, CONFIGURED_TTL_S, &[&first, &second]));
            }
        }
        _ => {}
    }
    found
}

/// Whether a name that has no record of the type exists.
fn exists(zone: &Zone<'_>, name: &Name) -> bool {
    match zone.kind {
        Kind::Localhost => true,
        Kind::Loopback(owner) => Name::from_validated(owner).is_at_or_below(name),
        // RFC 9462 4: no designated resolver is told, and that is an answer without data.
        Kind::ResolverArpa => name.labels().next().is_some_and(|label| label.eq_ignore_ascii_case(b"_dns")),
        Kind::Empty | Kind::Ipv4Only => false,
    }
}

/// RFC 6303 3: the SOA of a zone that is served here.
fn soa(apex: &Name) -> Rrset {
    let mut rdata = apex.as_wire().to_vec();
    rdata.extend_from_slice(b"\x06nobody\x07invalid\0");
    rdata.extend_from_slice(&1u32.to_be_bytes());
    rdata.extend(SOA_TIMES.iter().flat_map(|time| time.to_be_bytes()));
    Rrset::new(apex.to_owned(), RType::SOA, ZONE_TTL_S).with(&rdata)
}

fn timed(rrset: Rrset, ttl: u32) -> Timed {
    Timed { ttl, rrset: Arc::new(Rrset { ttl, ..rrset }) }
}

/// The name of an address in the reverse tree, for IPv4.
pub(crate) fn reverse_name(address: Ipv4Addr) -> Option<NameBuf> {
    let [a, b, c, d] = address.octets();
    format!("{d}.{c}.{b}.{a}.in-addr.arpa.").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns64::Dns64;
    use crate::settings::{Fallback, ForwardZone, StubZone};

    fn check(settings: &Settings, question: &str, want: &str) {
        let (name, rtype) = question.split_once(' ').expect("a name and a type");
        let name: NameBuf = name.parse().expect("a name");
        let got = answer(&name, RType::from_text(rtype.as_bytes()).expect("a type"), settings).map(|outcome| {
            let records = |timed: &[Timed]| {
                let records = timed.iter().flat_map(|timed| timed.rrset.records(timed.ttl));
                records
                    .map(|record| format!("{} {} {:?}", record.owner, record.rtype, record.rdata))
                    .collect::<Vec<_>>()
            };
            assert_eq!(outcome.answers.is_empty(), !outcome.authorities.is_empty(), "{question}: SOA or answer");
            let answers = records(&outcome.answers).join("; ");
            let zone = outcome.authorities.first().map_or(String::new(), |soa| format!(" SOA {}", soa.rrset.owner));
            format!("{} {answers}{zone}", outcome.rcode)
        });
        assert_eq!(got.as_deref().map(str::trim), Some(want).filter(|want| *want != "-"), "{question}");
    }

    #[test]
    fn names() {
        let settings = Settings::default();
        let check = |question: &str, want: &str| check(&settings, question, want);
        check("localhost A", "NOERROR localhost. A [127, 0, 0, 1]");
        check("a.LocalHost AAAA", "NOERROR a.LocalHost. AAAA [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]");
        check("localhost MX", "NOERROR  SOA localhost.");
        check("localhost DS", "NOERROR  SOA localhost.");
        check("a.test A", "NXDOMAIN  SOA test.");
        check("test A", "NOERROR  SOA test.");
        check("x.invalid TXT", "NXDOMAIN  SOA invalid.");
        check("abc.onion A", "NXDOMAIN  SOA onion.");
        check("printer.local A", "NXDOMAIN  SOA local.");
        check("a.b.home.arpa A", "NXDOMAIN  SOA home.arpa.");
        check("home.arpa NS", "NOERROR home.arpa. NS [4, 104, 111, 109, 101, 4, 97, 114, 112, 97, 0]");
        check("home.arpa DS", "-");
        check("_dns.resolver.arpa SVCB", "NOERROR  SOA resolver.arpa.");
        check("x.resolver.arpa A", "NXDOMAIN  SOA resolver.arpa.");
        check(
            "1.0.0.127.in-addr.arpa PTR",
            "NOERROR 1.0.0.127.in-addr.arpa. PTR [9, 108, 111, 99, 97, 108, 104, 111, 115, 116, 0]",
        );
        check("0.127.in-addr.arpa PTR", "NOERROR  SOA 127.in-addr.arpa.");
        check("2.0.0.127.in-addr.arpa PTR", "NXDOMAIN  SOA 127.in-addr.arpa.");
        for public in [
            "example.org A",
            "arpa NS",
            "in-addr.arpa NS",
            "ip6.arpa NS",
            "example A",
            "use-application-dns.net A",
            "ipv4only.arpa A",
            "localhost.example.org A",
            ". NS",
            "org DS",
        ] {
            check(public, "-");
        }
    }

    #[test]
    fn reverse_zones() {
        let settings = Settings::default();
        let check = |name: &str, zone: &str| {
            let want = if zone == "-" { "-".to_owned() } else { format!("NXDOMAIN  SOA {zone}") };
            check(&settings, &format!("{name} PTR"), &want);
        };
        check("1.2.3.10.in-addr.arpa", "10.in-addr.arpa.");
        check("1.2.3.11.in-addr.arpa", "-");
        check("1.1.16.172.in-addr.arpa", "16.172.in-addr.arpa.");
        check("1.1.31.172.in-addr.arpa", "31.172.in-addr.arpa.");
        check("1.1.32.172.in-addr.arpa", "-");
        check("172.in-addr.arpa", "-");
        check("1.1.168.192.IN-ADDR.arpa", "168.192.IN-ADDR.arpa.");
        check("1.1.127.100.in-addr.arpa", "127.100.in-addr.arpa.");
        check("1.1.63.100.in-addr.arpa", "-");
        check("1.1.064.100.in-addr.arpa", "-");
        check("1.2.0.192.in-addr.arpa", "2.0.192.in-addr.arpa.");
        check("1.113.0.203.in-addr.arpa", "113.0.203.in-addr.arpa.");
        check("255.255.255.in-addr.arpa", "-");
        check("a.255.255.255.255.in-addr.arpa", "255.255.255.255.in-addr.arpa.");
        check("a.b.d.f.ip6.arpa", "d.f.ip6.arpa.");
        check("c.f.ip6.arpa", "-");
        check("1.9.E.F.ip6.arpa", "9.E.F.ip6.arpa.");
        check("c.e.f.ip6.arpa", "-");
        check("0.8.b.d.0.1.0.0.2.ip6.arpa", "8.b.d.0.1.0.0.2.ip6.arpa.");
        let zeros = "0.".repeat(31);
        check(&format!("x.0.{zeros}ip6.arpa"), &format!("0.{zeros}ip6.arpa."));
        check(&format!("x.1.{zeros}ip6.arpa"), &format!("1.{zeros}ip6.arpa."));
        check(&format!("2.{zeros}ip6.arpa"), "-");
        check(&format!("{zeros}ip6.arpa"), "-");
        check("x.10.f.ip6.arpa", "-");
        let name: NameBuf = format!("1.{zeros}ip6.arpa").parse().expect("a name");
        assert_eq!(answer(&name, RType::PTR, &settings).expect("::1").answers.len(), 1);
    }

    #[test]
    fn what_is_configured_comes_first() {
        let name = |text: &str| text.parse::<NameBuf>().expect("a name");
        let mut settings = Settings {
            forward: vec![
                ForwardZone { name: name("10.in-addr.arpa"), servers: Vec::new(), fallback: Fallback::None },
                ForwardZone { name: NameBuf::root(), servers: Vec::new(), fallback: Fallback::None },
            ],
            stubs: vec![StubZone { name: name("corp.test"), servers: Vec::new() }],
            ..Settings::default()
        };
        check(&settings, "1.10.in-addr.arpa PTR", "-");
        check(&settings, "www.corp.test A", "-");
        check(&settings, "other.test A", "NXDOMAIN  SOA test.");
        settings.special_names = false;
        check(&settings, "other.test A", "-");
    }

    #[test]
    fn the_prefix_of_nat64_can_be_found() {
        let dns64 = Dns64::new("64:ff9b::/96".parse().expect("a prefix"), Vec::new()).expect("a prefix");
        let settings = Settings { dns64: Some(dns64), ..Settings::default() };
        check(
            &settings,
            "ipv4only.arpa A",
            "NOERROR ipv4only.arpa. A [192, 0, 0, 170]; ipv4only.arpa. A [192, 0, 0, 171]",
        );
        check(
            &settings,
            "ipv4only.arpa AAAA",
            "NOERROR ipv4only.arpa. AAAA [0, 100, 255, 155, 0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 0, 170]; \
             ipv4only.arpa. AAAA [0, 100, 255, 155, 0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 0, 171]",
        );
        check(&settings, "ipv4only.arpa MX", "NOERROR  SOA ipv4only.arpa.");
        check(&settings, "x.ipv4only.arpa A", "NXDOMAIN  SOA ipv4only.arpa.");
    }
}
