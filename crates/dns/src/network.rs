//! Networks as people write them: in the configuration, in files, over the API.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

/// The network that `text` names: an address with the length of its prefix (`192.0.2.0/24`), or an address alone, which
/// is itself only. Host bits are cut off, and mapped IPv4 addresses (RFC 4291 2.5.5.2) are IPv4 addresses.
pub fn parse(text: &str) -> Option<IpNet> {
    let network = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))?;
    Some(canonical(network))
}

/// The network without host bits; one of mapped addresses is the IPv4 network.
pub fn canonical(network: IpNet) -> IpNet {
    let network = network.trunc();
    let IpNet::V6(v6) = network else { return network };
    let mapped = v6.network().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96));
    mapped.and_then(|(v4, length)| Ipv4Net::new(v4, length).ok()).map_or(network, IpNet::V4)
}

/// The length of the longest of `networks` that has `address`, which is no mapped IPv4 address; `None`: none has it.
#[inline]
pub fn longest(networks: &[IpNet], address: IpAddr) -> Option<u8> {
    networks.iter().filter(|network| network.contains(&address)).map(IpNet::prefix_len).max()
}

/// Not an [`Entry`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address or prefix")]
pub struct NotANetwork;

/// A network in a list, with or without `!` before it, which takes it out of what the list says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its addresses.
    pub network: IpNet,
    /// Whether `!` stands before it.
    pub is_excepted: bool,
}

impl FromStr for Entry {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Entry, NotANetwork> {
        let excepted = text.strip_prefix('!');
        let network = parse(excepted.unwrap_or(text)).ok_or(NotANetwork)?;
        Ok(Entry { network, is_excepted: excepted.is_some() })
    }
}

impl fmt::Display for Entry {
    /// The text that parses to this entry.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.is_excepted { "!" } else { "" }, self.network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_printed_as_they_are_read() {
        let check = |text: &str, want: &str| {
            let entry: Entry = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(entry.to_string(), want);
            assert_eq!(want.parse(), Ok(entry), "{want}");
        };
        check("192.0.2.0/24", "192.0.2.0/24");
        check("192.0.2.7/24", "192.0.2.0/24");
        check("!192.0.2.7", "!192.0.2.7/32");
        check("2001:DB8::1", "2001:db8::1/128");
        check("!2001:db8::1/32", "!2001:db8::/32");
        check("::ffff:192.0.2.7", "192.0.2.7/32");
        check("::ffff:192.0.2.7/120", "192.0.2.0/24");
        check("::/0", "::/0");
        for text in ["", "!", "!!::1", "! ::1", "any", "192.0.2.0/33", "192.0.2.1:53", "192.0.2.0/-1", "::1/129"] {
            assert_eq!(text.parse::<Entry>(), Err(NotANetwork), "{text}");
        }
    }

    #[test]
    fn the_longest_that_has_an_address() {
        let networks: Vec<IpNet> =
            ["10.0.0.0/8", "10.1.0.0/16", "::/0"].iter().filter_map(|text| parse(text)).collect();
        let longest = |address: &str| longest(&networks, address.parse().expect("an address"));
        assert_eq!(longest("10.1.2.3"), Some(16));
        assert_eq!(longest("10.2.2.3"), Some(8));
        assert_eq!(longest("11.2.2.3"), None);
        assert_eq!(longest("2001:db8::"), Some(0));
    }
}
