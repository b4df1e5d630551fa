//! Networks as the owner names of a response policy zone spell them.
//!
//! `24.0.2.0.192` is 192.0.2.0/24: the length of the prefix, then the octets from the last to the first. IPv6 has the
//! eight words in hexadecimal from the last to the first, with `zz` for the zeros that `::` stands for:
//! `48.zz.db8.2001` is 2001:db8::/48. One network has one spelling, that of RFC 5952 read backwards; every other spelling is refused, so
//! that an owner name and its network say the same, and a record that is taken out takes out what it put in.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dns::Name;
use ipnet::IpNet;

use super::finding::Reason;

/// Labels of a network: prefix and eight words.
const MAX_NETWORK_LABELS: usize = 9;
/// Labels of an IPv4 network: prefix and four octets.
const IPV4_LABELS: usize = 5;
/// Words of an IPv6 address.
const WORDS: usize = 8;
/// Fewest zero words that `zz` stands for (RFC 5952 4.2.2).
const MIN_ZEROS: usize = 2;
/// Octets of the longest key, see [`key`].
pub(super) const MAX_KEY_LEN: usize = 34;

/// The network that the labels of `owner` spell.
///
/// # Errors
/// Labels that are no network, or not the one spelling that a network has.
pub(super) fn parse(owner: &Name) -> Result<IpNet, Reason> {
    let mut labels = [""; MAX_NETWORK_LABELS];
    let mut count = 0;
    for label in owner.labels() {
        let slot = labels.get_mut(count).ok_or(Reason::Address)?;
        *slot = std::str::from_utf8(label).map_err(|_| Reason::Address)?;
        count += 1;
    }
    let (prefix, parts) = labels.get(..count).and_then(<[&str]>::split_first).ok_or(Reason::Address)?;
    let prefix = decimal(prefix).ok_or(Reason::PrefixLength)?;
    let v4 = count == IPV4_LABELS && !parts.iter().any(|part| part.eq_ignore_ascii_case("zz"));
    let address = if v4 { ipv4(parts).map(IpAddr::V4) } else { ipv6(parts).map(IpAddr::V6) };
    let address = address.ok_or(Reason::Address)?;
    // A length of 0 would match everything, which BIND refuses too.
    let network = IpNet::new(address, prefix).ok().filter(|_| prefix > 0).ok_or(Reason::PrefixLength)?;
    if network.trunc() != network {
        return Err(Reason::HostBits);
    }
    if matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some()) {
        return Err(Reason::Ipv4Mapped);
    }
    let canonical = spell(&network);
    let same = canonical.split('.').eq_by_case(labels.iter().take(count).copied());
    if same { Ok(network) } else { Err(Reason::NotCanonical) }
}

/// Comparison of labels without regard to ASCII case.
trait EqByCase<'a>: Iterator<Item = &'a str> + Sized {
    fn eq_by_case(mut self, mut other: impl Iterator<Item = &'a str>) -> bool {
        loop {
            match (self.next(), other.next()) {
                (None, None) => return true,
                (Some(a), Some(b)) if a.eq_ignore_ascii_case(b) => {}
                _ => return false,
            }
        }
    }
}

impl<'a, I: Iterator<Item = &'a str>> EqByCase<'a> for I {}

/// The labels of `network`, dots between them.
pub(super) fn spell(network: &IpNet) -> String {
    let mut text = network.prefix_len().to_string();
    match network.addr() {
        IpAddr::V4(address) => {
            for octet in address.octets().iter().rev() {
                // Writing to a string cannot fail.
                let _ = write!(text, ".{octet}");
            }
        }
        IpAddr::V6(address) => {
            let words = address.segments();
            let (first, len) = longest_zeros(&words);
            let mut at = WORDS;
            while at > 0 {
                if len >= MIN_ZEROS && at == first + len {
                    text.push_str(".zz");
                    at = first;
                } else {
                    at -= 1;
                    let _ = write!(text, ".{:x}", words.get(at).copied().unwrap_or_default());
                }
            }
        }
    }
    text
}

/// Where the first of the longest runs of zeros starts, and its length.
fn longest_zeros(words: &[u16; WORDS]) -> (usize, usize) {
    let (mut best, mut run) = ((0, 0), 0);
    for (i, word) in words.iter().enumerate() {
        run = if *word == 0 { run + 1 } else { 0 };
        if run > best.1 {
            best = (i + 1 - run, run);
        }
    }
    best
}

/// A decimal number of at most three digits that fits an octet.
fn decimal(text: &str) -> Option<u8> {
    let digits = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

fn ipv4(parts: &[&str]) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    for (octet, part) in octets.iter_mut().rev().zip(parts) {
        *octet = decimal(part)?;
    }
    Some(octets.into())
}

fn ipv6(parts: &[&str]) -> Option<Ipv6Addr> {
    let mut words = [0u16; WORDS];
    let word = |text: &str| {
        let hex = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if hex { u16::from_str_radix(text, 16).ok() } else { None }
    };
    let gap = parts.iter().position(|part| part.eq_ignore_ascii_case("zz"));
    let (low, high) = match gap {
        Some(at) => (parts.get(..at)?, parts.get(at + 1..)?),
        None if parts.len() == WORDS => (parts, &[][..]),
        None => return None,
    };
    if low.len() + high.len() > WORDS {
        return None;
    }
    for (slot, part) in words.iter_mut().rev().zip(low) {
        *slot = word(part)?;
    }
    for (slot, part) in words.iter_mut().zip(high.iter().rev()) {
        *slot = word(part)?;
    }
    Some(words.into())
}

/// What stands for a network in the store of rules: half octets of the prefix' length and of the address.
///
/// Half octets and not octets, because the store ignores the case of ASCII letters.
pub(super) fn key(network: &IpNet, buffer: &mut [u8; MAX_KEY_LEN]) -> usize {
    let mut len = 0;
    let mut push = |octet: u8| {
        for half in [octet >> 4, octet & 15] {
            if let Some(slot) = buffer.get_mut(len) {
                *slot = half;
                len += 1;
            }
        }
    };
    push(network.prefix_len());
    match network.addr() {
        IpAddr::V4(address) => address.octets().into_iter().for_each(&mut push),
        IpAddr::V6(address) => address.octets().into_iter().for_each(&mut push),
    }
    len
}

/// The network that [`key`] made `key` of.
pub(super) fn from_key(key: &[u8]) -> Option<IpNet> {
    let mut octets = key.chunks_exact(2).map(|pair| pair.iter().fold(0, |octet, half| octet << 4 | half));
    let prefix = octets.next()?;
    let mut address = [0; 16];
    let count = address.iter_mut().zip(octets).map(|(slot, octet)| *slot = octet).count();
    let address = match (count, address) {
        (4, [a, b, c, d, ..]) => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        _ => IpAddr::V6(address.into()),
    };
    IpNet::new(address, prefix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, Reason> {
        let owner: dns::NameBuf = text.parse().expect("name");
        parse(&owner).map(|network| network.to_string())
    }

    #[test]
    fn networks_are_read_from_the_last_octet_to_the_first() {
        let cases = [
            ("32.1.2.0.192", "192.0.2.1/32"),
            ("24.0.2.0.192", "192.0.2.0/24"),
            ("1.0.0.0.128", "128.0.0.0/1"),
            ("48.zz.db8.2001", "2001:db8::/48"),
            ("128.57.zz.DB8.2001", "2001:db8::57/128"),
            ("128.1.zz", "::1/128"),
            ("128.zz.1", "1::/128"),
            ("128.1.0.0.2.zz.3.4", "4:3::2:0:0:1/128"),
            ("128.8.7.6.5.4.3.2.1", "1:2:3:4:5:6:7:8/128"),
            ("128.8.7.6.0.4.3.2.1", "1:2:3:4:0:6:7:8/128"),
            ("64.zz.3.2.1", "1:2:3::/64"),
        ];
        for (text, want) in cases {
            let want: IpNet = want.parse().expect("network");
            let owner: dns::NameBuf = text.parse().expect("name");
            assert_eq!(parse(&owner), Ok(want), "{text}");
            assert_eq!(spell(&want), text.to_ascii_lowercase());
            let mut buffer = [0; MAX_KEY_LEN];
            let len = key(&want, &mut buffer);
            assert_eq!(from_key(&buffer[..len]), Some(want));
        }
    }

    #[test]
    fn what_is_no_network_is_refused_with_its_reason() {
        let cases = [
            (".", Reason::Address),
            ("32", Reason::Address),
            ("x.1.2.0.192", Reason::PrefixLength),
            ("33.1.2.0.192", Reason::PrefixLength),
            ("0.0.0.0.0", Reason::PrefixLength),
            ("129.1.zz", Reason::PrefixLength),
            ("300.1.zz", Reason::PrefixLength),
            ("32.1.2.0", Reason::Address),
            ("32.1.2.0.256", Reason::Address),
            ("32.1.2.0.-1", Reason::Address),
            ("24.1.2.0.192", Reason::HostBits),
            ("64.1.zz.db8.2001", Reason::HostBits),
            ("32.01.2.0.192", Reason::NotCanonical),
            ("032.1.2.0.192", Reason::NotCanonical),
            ("128.1.0.0.0.0.0.db8.2001", Reason::NotCanonical),
            ("128.8.7.6.zz.4.3.2.1", Reason::NotCanonical),
            ("128.1.zz.2.0.0.3.4", Reason::NotCanonical),
            ("128.0001.zz", Reason::NotCanonical),
            ("128.1.zz.2.zz", Reason::Address),
            ("128.12345.zz", Reason::Address),
            ("128.g.zz", Reason::Address),
            ("128.9.8.7.6.5.4.3.2.1", Reason::Address),
            ("128.201.c000.ffff.zz", Reason::Ipv4Mapped),
        ];
        for (text, want) in cases {
            assert_eq!(parsed(text), Err(want), "{text}");
        }
    }
}
