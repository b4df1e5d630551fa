//! Protection against rebinding: a public name must not lead a browser to an address of the private network that it
//! is in, and with that let a foreign page talk to what is there.
//!
//! [`crate::resolve`] hands it what comes from outside; our own zones and special names are not its business.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dns::edns::ede;
use dns::{Name, NameBuf, RType, Rcode};
use ipnet::Ipv4Net;

use crate::outcome::Outcome;
use crate::rrset::Rrset;
use crate::security::Reason;
use crate::settings::Settings;
use crate::special;

/// Which answers are let through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rebinding {
    /// Names at or below which private addresses are wanted.
    pub allowed: Vec<NameBuf>,
}

/// What a client gets instead of an answer that must not be let through: NXDOMAIN, which no stub resolver takes as a
/// reason to ask somebody else, with EDE 15 (RFC 8914 4.16). `None`: it may be.
pub fn refuse(outcome: &Outcome, settings: &Settings) -> Option<Outcome> {
    let rebinding = settings.rebinding.as_ref()?;
    let (owner, address) = outcome.answers.iter().find_map(|timed| {
        let address = private_address(&timed.rrset)?;
        let wanted = rebinding.allows(&timed.rrset.owner) || special::is_configured(&timed.rrset.owner, settings);
        (!wanted).then_some((&timed.rrset.owner, address))
    })?;
    let reason = Reason::new(ede::BLOCKED, format!("{owner} has the private address {address} (rebinding protection)"));
    let refused = Outcome::empty(Rcode::NXDOMAIN, outcome.security);
    Some(Outcome { reason: Some(reason), cached: outcome.cached, server: outcome.server, ..refused })
}

impl Rebinding {
    /// Whether `name` may have private addresses.
    pub fn allows(&self, name: &Name) -> bool {
        self.allowed.iter().any(|allowed| name.is_at_or_below(allowed))
    }
}

/// A private address in an RRset: of A, AAAA, and the hints of SVCB and HTTPS (RFC 9460 7.3).
fn private_address(rrset: &Rrset) -> Option<IpAddr> {
    let in_rdata = |rdata: &[u8]| match rrset.rtype {
        RType::A => ipv4(rdata),
        RType::AAAA => ipv6(rdata),
        RType::SVCB | RType::HTTPS => hint(rdata),
        _ => None,
    };
    rrset.rdata.iter().find_map(in_rdata)
}

/// The first private address of the hints in SVCB data (RFC 9460 2.2).
fn hint(rdata: &[u8]) -> Option<IpAddr> {
    const IPV4_HINT: u16 = 4;
    const IPV6_HINT: u16 = 6;
    let (_, mut params) = Name::split_from_wire(rdata.get(2..)?).ok()?;
    while let Some((&[k1, k2, l1, l2], rest)) = params.split_first_chunk::<4>() {
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([l1, l2])))?;
        let found = match u16::from_be_bytes([k1, k2]) {
            IPV4_HINT => value.chunks_exact(4).find_map(ipv4),
            IPV6_HINT => value.chunks_exact(16).find_map(ipv6),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
        params = rest;
    }
    None
}

fn ipv4(octets: &[u8]) -> Option<IpAddr> {
    let address = Ipv4Addr::from(<[u8; 4]>::try_from(octets).ok()?);
    is_private(address).then_some(address.into())
}

fn ipv6(octets: &[u8]) -> Option<IpAddr> {
    let address = Ipv6Addr::from(<[u8; 16]>::try_from(octets).ok()?);
    let inside = address.to_ipv4_mapped().is_some_and(is_private);
    let private = address.is_unspecified() || address.is_loopback() || inside;
    (private || address.is_unique_local() || address.is_unicast_link_local()).then_some(address.into())
}

/// Addresses that mean this host or its own network (RFC 1918, RFC 6598, RFC 3927, RFC 1122 3.2.1.3).
fn is_private(address: Ipv4Addr) -> bool {
    let shared = Ipv4Net::new(Ipv4Addr::new(100, 64, 0, 0), 10);
    let this_network = address.octets()[0] == 0;
    let own = address.is_private() || address.is_loopback() || address.is_link_local() || this_network;
    own || shared.is_ok_and(|shared| shared.contains(&address))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::outcome::Timed;
    use crate::security::Security;
    use crate::settings::StubZone;

    fn outcome(owner: &str, rtype: RType, rdata: &[u8]) -> Outcome {
        let rrset = Arc::new(Rrset::new(owner.parse().expect("a name"), rtype, 60).with(rdata));
        Outcome { answers: vec![Timed { rrset, ttl: 60 }], ..Outcome::empty(Rcode::NOERROR, Security::Secure) }
    }

    fn address(address: &str) -> (RType, Vec<u8>) {
        match address.parse().expect("an address") {
            IpAddr::V4(address) => (RType::A, address.octets().to_vec()),
            IpAddr::V6(address) => (RType::AAAA, address.octets().to_vec()),
        }
    }

    #[test]
    fn addresses() {
        let settings = Settings { rebinding: Some(Rebinding::default()), ..Settings::default() };
        let check = |text: &str, refused: bool| {
            let (rtype, rdata) = address(text);
            let got = refuse(&outcome("www.example.", rtype, &rdata), &settings);
            assert_eq!(got.is_some(), refused, "{text}");
            if let Some(got) = got {
                assert_eq!((got.rcode, got.answers.len()), (Rcode::NXDOMAIN, 0), "{text}");
                let reason = got.reason.expect("a reason");
                assert_eq!((reason.code, reason.text.contains(text)), (15, true), "{}", reason.text);
            }
        };
        for private in ["10.0.0.1", "127.0.0.1", "0.0.0.0", "169.254.1.1", "172.31.0.1", "192.168.1.1", "100.64.0.1"] {
            check(private, true);
        }
        for private in ["::", "::1", "fd00::1", "fe80::1", "::ffff:10.0.0.1"] {
            check(private, true);
        }
        for public in ["192.0.2.1", "172.32.0.1", "100.128.0.1", "2001:db8::1", "::ffff:192.0.2.1"] {
            check(public, false);
        }
    }

    #[test]
    fn hints_count() {
        let settings = Settings { rebinding: Some(Rebinding::default()), ..Settings::default() };
        let check = |params: &[u8], refused: bool| {
            let rdata = [&[0, 1, 0][..], params].concat();
            let got = refuse(&outcome("www.example.", RType::HTTPS, &rdata), &settings);
            assert_eq!(got.is_some(), refused, "{params:?}");
        };
        check(&[0, 4, 0, 8, 192, 0, 2, 1, 10, 0, 0, 1], true);
        check(&[0, 1, 0, 3, 2, b'h', b'2', 0, 4, 0, 4, 10, 0, 0, 1], true);
        check(&[0, 4, 0, 4, 192, 0, 2, 1], false);
        check(&[0, 4, 0, 9, 10, 0, 0, 1], false);
        check(&[], false);
    }

    #[test]
    fn names_that_may() {
        let name = |text: &str| text.parse::<NameBuf>().expect("a name");
        let settings = Settings {
            rebinding: Some(Rebinding { allowed: vec![name("lan.example")] }),
            stubs: vec![StubZone { name: name("corp.example"), servers: Vec::new() }],
            ..Settings::default()
        };
        let check = |owner: &str, refused: bool| {
            assert_eq!(refuse(&outcome(owner, RType::A, &[10, 0, 0, 1]), &settings).is_some(), refused, "{owner}");
        };
        check("a.lan.example", false);
        check("a.corp.example", false);
        check("a.example", true);
        assert!(refuse(&outcome("a.example", RType::A, &[10, 0, 0, 1]), &Settings::default()).is_none(), "off");
    }
}
