//! DNS64 (RFC 6147): IPv6 addresses for hosts that have only IPv4 ones, in a prefix that a NAT64 translates.
//!
//! [`crate::resolve`] answers AAAA; where [`Dns64::is_wanted`] says so it asks for A as well, and hands both to
//! [`Dns64::synthesise`].

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use dns::rdata::typed::Soa;
use dns::{Name, NameBuf, RType, Rcode};
use ipnet::{Ipv4Net, Ipv6Net};

use crate::outcome::{Outcome, Timed};
use crate::rrset::Rrset;
use crate::security::Security;
use crate::special;

/// The well-known prefix, `64:ff9b::/96` (RFC 6052 2.1).
const WELL_KNOWN: Ipv6Addr = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0);
/// Longest TTL in seconds of an address that was made without a SOA to take it from (RFC 6147 5.1.7).
const MAX_TTL_S: u32 = 600;
/// Networks that are not of the Internet (RFC 6890), which the well-known prefix is not for (RFC 6052 3.1).
const NOT_GLOBAL: [([u8; 4], u8); 14] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// How addresses are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dns64 {
    prefix: Ipv6Net,
    exclude: Vec<Ipv6Net>,
}

/// Why a prefix cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// Its length.
    #[error("the length of a DNS64 prefix is 32, 40, 48, 56, 64 or 96 (RFC 6052 2.2)")]
    Length,
    /// Its bits.
    #[error("bits 64 to 71 of a DNS64 prefix must be zero (RFC 6052 2.2)")]
    Reserved,
}

impl Dns64 {
    /// Addresses in `prefix`; AAAA records in one of `exclude` count as none. `::ffff:0:0/96` always does
    /// (RFC 6147 5.1.4).
    ///
    /// # Errors
    /// A prefix that addresses cannot be made in.
    pub fn new(prefix: Ipv6Net, mut exclude: Vec<Ipv6Net>) -> Result<Dns64, PrefixError> {
        if !matches!(prefix.prefix_len(), 32 | 40 | 48 | 56 | 64 | 96) {
            return Err(PrefixError::Length);
        }
        if prefix.trunc().addr().octets()[8] != 0 {
            return Err(PrefixError::Reserved);
        }
        exclude.extend(Ipv6Net::new(Ipv4Addr::UNSPECIFIED.to_ipv6_mapped(), 96));
        Ok(Dns64 { prefix: prefix.trunc(), exclude })
    }

    /// The prefix.
    pub fn prefix(&self) -> Ipv6Net {
        self.prefix
    }

    /// The address that stands for an IPv4 one (RFC 6052 2.2): its octets behind the prefix, around octet 8.
    pub fn embed(&self, address: Ipv4Addr) -> Ipv6Addr {
        let mut octets = self.prefix.addr().octets();
        for (at, octet) in self.places().zip(address.octets()) {
            octets[at] = octet;
        }
        octets.into()
    }

    /// The IPv4 address that one in the prefix stands for.
    pub fn extract(&self, address: Ipv6Addr) -> Option<Ipv4Addr> {
        let octets = address.octets();
        let mut found = [0; 4];
        for (octet, at) in found.iter_mut().zip(self.places()) {
            *octet = octets[at];
        }
        self.prefix.contains(&address).then_some(found.into())
    }

    fn places(&self) -> impl Iterator<Item = usize> {
        let first = usize::from(self.prefix.prefix_len() / 8);
        (first..16).filter(|&at| at != 8).take(4)
    }

    /// Whether A is to be asked for, because this is the answer to a question for AAAA (RFC 6147 5.1).
    pub fn is_wanted(&self, outcome: &Outcome, dnssec_ok: bool, checking_disabled: bool) -> bool {
        // RFC 6147 5.5: who validates for itself makes the addresses itself.
        if dnssec_ok && checking_disabled {
            return false;
        }
        match outcome.rcode {
            // 5.1.2: a name that does not exist has no A either.
            Rcode::NXDOMAIN => false,
            Rcode::NOERROR => !self.usable(outcome).any(|_| true),
            // 5.1.2, 5.1.3: other errors count as no answer; but what does not validate stays so (5.5).
            _ => outcome.security != Security::Bogus,
        }
    }

    /// The AAAA records that are not excluded.
    fn usable<'a>(&'a self, outcome: &'a Outcome) -> impl Iterator<Item = Ipv6Addr> + 'a {
        let sets = outcome.answers.iter().filter(|timed| timed.rrset.rtype == RType::AAAA);
        sets.flat_map(|timed| timed.rrset.rdata.iter()).filter_map(ipv6).filter(|address| !self.is_excluded(*address))
    }

    fn is_excluded(&self, address: Ipv6Addr) -> bool {
        self.exclude.iter().any(|network| network.contains(&address))
    }

    /// An answer for AAAA without the addresses that are excluded (RFC 6147 5.1.4); `None` if none are.
    pub fn without_excluded(&self, outcome: &Outcome) -> Option<Outcome> {
        let excluded = |rdata: &[u8]| ipv6(rdata).is_some_and(|address| self.is_excluded(address));
        let is_touched = |timed: &Timed| timed.rrset.rtype == RType::AAAA && timed.rrset.rdata.iter().any(excluded);
        if !outcome.answers.iter().any(is_touched) {
            return None;
        }
        let mut left = outcome.clone();
        left.security = left.security.min(Security::Insecure);
        for timed in left.answers.iter_mut().filter(|timed| is_touched(timed)) {
            // Without its signatures: they were for all of it.
            let empty = Rrset::new(timed.rrset.owner.clone(), RType::AAAA, timed.rrset.ttl);
            let kept = timed.rrset.rdata.iter().filter(|rdata| !excluded(rdata));
            timed.rrset = Arc::new(kept.fold(empty, Rrset::with));
        }
        left.answers.retain(|timed| !timed.rrset.rdata.is_empty());
        Some(left)
    }

    /// The answer for AAAA made of the one for A (RFC 6147 5.1.6); `None` if there is nothing to make it of: the
    /// answer for AAAA stands then.
    pub fn synthesise(&self, aaaa: &Outcome, a: &Outcome) -> Option<Outcome> {
        if a.rcode != Rcode::NOERROR || a.security == Security::Bogus {
            return None;
        }
        let most = negative_ttl(aaaa).unwrap_or(MAX_TTL_S);
        let mut made = Outcome { authorities: Vec::new(), reason: None, ..a.clone() };
        // RFC 6147 5.5: made data is not authentic.
        made.security = made.security.min(Security::Insecure);
        let mut any = false;
        for timed in made.answers.iter_mut().filter(|timed| timed.rrset.rtype == RType::A) {
            let ttl = timed.ttl.min(most);
            let empty = Rrset::new(timed.rrset.owner.clone(), RType::AAAA, ttl);
            let addresses = timed.rrset.rdata.iter().filter_map(|rdata| self.make(rdata));
            let rrset = addresses.fold(empty, |rrset, address| rrset.with(&address.octets()));
            any |= !rrset.rdata.is_empty();
            *timed = Timed { rrset: Arc::new(rrset), ttl };
        }
        any.then_some(made)
    }

    fn make(&self, rdata: &[u8]) -> Option<Ipv6Addr> {
        let address = Ipv4Addr::from(<[u8; 4]>::try_from(rdata).ok()?);
        // RFC 6052 3.1: the well-known prefix is for global addresses only.
        let well_known = self.prefix.addr() == WELL_KNOWN;
        (!well_known || is_global(address)).then(|| self.embed(address))
    }

    /// For a name in the reverse tree of the prefix: the alias to the name of the IPv4 address (RFC 6147 5.3.1).
    pub fn reverse_alias(&self, name: &Name, ttl: u32) -> Option<(Rrset, NameBuf)> {
        let target = special::reverse_name(self.extract(reverse_address(name)?)?)?;
        let alias = Rrset::new(name.to_owned(), RType::CNAME, ttl).with(target.as_wire());
        Some((alias, target))
    }
}

/// The address of a whole name in `ip6.arpa` (RFC 3596 2.5).
fn reverse_address(name: &Name) -> Option<Ipv6Addr> {
    if name.label_count() != 34 || !name.is_at_or_below(Name::from_validated(b"\x03ip6\x04arpa\0")) {
        return None;
    }
    let mut address = 0u128;
    for (place, label) in name.labels().take(32).enumerate() {
        let [digit] = label else { return None };
        address |= u128::from((*digit as char).to_digit(16)?) << (4 * place);
    }
    Some(address.into())
}

fn ipv6(rdata: &[u8]) -> Option<Ipv6Addr> {
    <[u8; 16]>::try_from(rdata).ok().map(Ipv6Addr::from)
}

fn is_global(address: Ipv4Addr) -> bool {
    let contains =
        |&(network, len): &([u8; 4], u8)| Ipv4Net::new(network.into(), len).is_ok_and(|net| net.contains(&address));
    !NOT_GLOBAL.iter().any(contains)
}

/// The TTL of a negative answer's SOA (RFC 2308 5).
fn negative_ttl(outcome: &Outcome) -> Option<u32> {
    let soa = outcome.authorities.iter().find(|timed| timed.rrset.rtype == RType::SOA)?;
    let minimum = Soa::parse(soa.rrset.rdata.iter().next()?)?.minimum;
    Some(soa.ttl.min(minimum))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dns64(prefix: &str) -> Dns64 {
        let exclude = vec!["2001:db8:bad::/48".parse().expect("a prefix")];
        Dns64::new(prefix.parse().expect("a prefix"), exclude).expect("a prefix")
    }

    fn outcome(rtype: RType, addresses: &[&str], ttl: u32) -> Outcome {
        let mut rrset = Rrset::new("www.example.".parse().expect("a name"), rtype, ttl);
        for address in addresses {
            match address.parse().expect("an address") {
                std::net::IpAddr::V4(address) => rrset.rdata.push(&address.octets()),
                std::net::IpAddr::V6(address) => rrset.rdata.push(&address.octets()),
            }
        }
        rrset.signatures.push(b"signature");
        let answers = if addresses.is_empty() { Vec::new() } else { vec![Timed { rrset: Arc::new(rrset), ttl }] };
        Outcome { answers, ..Outcome::empty(Rcode::NOERROR, Security::Secure) }
    }

    fn addresses(outcome: &Outcome) -> Vec<String> {
        let sets = outcome.answers.iter().flat_map(|timed| timed.rrset.rdata.iter());
        sets.filter_map(ipv6).map(|address| address.to_string()).collect()
    }

    #[test]
    fn addresses_are_those_of_rfc_6052_2_4() {
        let check = |prefix: &str, want: &str| {
            let dns64 = dns64(prefix);
            let made = dns64.embed([192, 0, 2, 33].into());
            assert_eq!(made, want.parse::<Ipv6Addr>().expect("an address"), "{prefix}");
            assert_eq!(dns64.extract(made), Some([192, 0, 2, 33].into()), "{prefix}");
            assert_eq!(dns64.extract("2001:dead::1".parse().expect("an address")), None);
        };
        check("2001:db8::/32", "2001:db8:c000:221::");
        check("2001:db8:100::/40", "2001:db8:1c0:2:21::");
        check("2001:db8:122::/48", "2001:db8:122:c000:2:2100::");
        check("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::");
        check("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::");
        check("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33");
        let bad = |prefix: &str| Dns64::new(prefix.parse().expect("a prefix"), Vec::new()).err();
        assert_eq!(bad("2001:db8::/33"), Some(PrefixError::Length));
        assert_eq!(bad("2001:db8:0:0:ff00::/96"), Some(PrefixError::Reserved));
    }

    #[test]
    fn when_it_is_wanted() {
        let dns64 = dns64("64:ff9b::/96");
        let none = outcome(RType::AAAA, &[], 0);
        let check = |outcome: &Outcome, dnssec_ok: bool, checking_disabled: bool, want: bool| {
            assert_eq!(dns64.is_wanted(outcome, dnssec_ok, checking_disabled), want, "{outcome:?}");
        };
        check(&none, false, false, true);
        check(&none, true, false, true);
        check(&none, false, true, true);
        check(&none, true, true, false);
        check(&Outcome { rcode: Rcode::NXDOMAIN, ..none.clone() }, false, false, false);
        check(&Outcome { rcode: Rcode::SERVFAIL, ..none.clone() }, false, false, true);
        check(&Outcome { rcode: Rcode::SERVFAIL, security: Security::Bogus, ..none }, false, false, false);
        check(&outcome(RType::AAAA, &["2001:db8::1"], 60), false, false, false);
        check(&outcome(RType::AAAA, &["::ffff:192.0.2.1", "2001:db8:bad::1"], 60), false, false, true);
    }

    #[test]
    fn excluded_addresses_are_left_out() {
        let dns64 = dns64("64:ff9b::/96");
        assert!(dns64.without_excluded(&outcome(RType::AAAA, &["2001:db8::1"], 60)).is_none());
        let left = outcome(RType::AAAA, &["2001:db8:bad::1", "2001:db8::1"], 60);
        let left = dns64.without_excluded(&left).expect("one is left out");
        assert_eq!(addresses(&left), ["2001:db8::1"]);
        assert!(left.security == Security::Insecure && left.answers[0].rrset.signatures.is_empty());
    }

    #[test]
    fn synthesis() {
        let dns64 = dns64("64:ff9b::/96");
        let none = outcome(RType::AAAA, &[], 0);
        let made = dns64.synthesise(&none, &outcome(RType::A, &["8.8.8.8", "10.0.0.1"], 5000)).expect("made");
        assert_eq!(addresses(&made), ["64:ff9b::808:808"], "the well-known prefix has no private addresses");
        assert_eq!((made.answers[0].ttl, made.security), (600, Security::Insecure));
        assert!(made.answers[0].rrset.signatures.is_empty());
        assert!(dns64.synthesise(&none, &outcome(RType::A, &["10.0.0.1"], 60)).is_none());
        assert!(dns64.synthesise(&none, &none).is_none());
        let mut negative = none.clone();
        let soa = Rrset::new("example.".parse().expect("a name"), RType::SOA, 100)
            .with(&[&[0, 0][..], &[0; 16], &30u32.to_be_bytes()].concat());
        negative.authorities.push(Timed { rrset: Arc::new(soa), ttl: 100 });
        let made = dns64.synthesise(&negative, &outcome(RType::A, &["8.8.8.8"], 50)).expect("made");
        assert_eq!(made.answers[0].ttl, 30);
    }

    #[test]
    fn reverse_names_are_aliases() {
        let dns64 = dns64("64:ff9b::/96");
        let name = "8.0.8.0.8.0.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa.";
        let (alias, target) = dns64.reverse_alias(&name.parse::<NameBuf>().expect("a name"), 300).expect("an alias");
        assert_eq!((target.to_string().as_str(), alias.rtype), ("8.8.8.8.in-addr.arpa.", RType::CNAME));
        assert!(dns64.reverse_alias(&"b.9.f.f.4.6.0.0.ip6.arpa.".parse::<NameBuf>().expect("a name"), 300).is_none());
        assert!(dns64.reverse_alias(&"example.".parse::<NameBuf>().expect("a name"), 300).is_none());
    }
}
