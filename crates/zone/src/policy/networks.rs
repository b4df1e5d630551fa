//! Networks that may, and networks inside of them that may not.

use std::net::IpAddr;

use dns::network::{self, Entry};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Networks that may do something and networks that may not; the longest that has an address decides, and for two of
/// the same length the one that may not. Lists of zones are short: they are looked through from one end to the other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Networks {
    allowed: Box<[IpNet]>,
    denied: Box<[IpNet]>,
}

impl Networks {
    /// Nobody may.
    pub fn nobody() -> Networks {
        let (v4, v6) = (Ipv4Net::default(), Ipv6Net::default());
        Networks { allowed: Box::default(), denied: Box::new([v4.into(), v6.into()]) }
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.allowed.is_empty() && self.denied.is_empty()
    }

    /// Whether `client` may.
    #[inline]
    pub fn allow(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        if self.denied.is_empty() {
            return self.allowed.iter().any(|network| network.contains(&client));
        }
        network::longest(&self.allowed, client) > network::longest(&self.denied, client)
    }
}

impl FromIterator<Entry> for Networks {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Networks {
        let (denied, allowed): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(|entry| entry.is_excepted);
        let networks = |entries: Vec<Entry>| entries.into_iter().map(|entry| entry.network).collect();
        Networks { allowed: networks(allowed), denied: networks(denied) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> Networks {
        texts.iter().map(|text| text.parse::<Entry>().expect("a network")).collect()
    }

    #[test]
    fn the_longest_match_decides_in_any_order() {
        let mut texts = ["192.0.2.0/24", "!192.0.2.128/25", "192.0.2.200", "!2001:db8::/32", "::/0"];
        for _ in 0..2 {
            let list = networks(&texts);
            for (client, want) in [
                ("192.0.2.1", true),
                ("::ffff:192.0.2.1", true),
                ("192.0.2.128", false),
                ("::ffff:192.0.2.128", false),
                ("192.0.2.200", true),
                ("192.0.3.1", false),
                ("2001:db8::1", false),
                ("2001:db9::1", true),
            ] {
                assert_eq!(list.allow(client.parse().expect("an address")), want, "{client}");
            }
            texts.reverse();
        }
    }

    #[test]
    fn a_tie_is_denied_and_nothing_allows_nobody() {
        let client: IpAddr = [192, 0, 2, 1].into();
        assert!(!networks(&["192.0.2.0/24", "!192.0.2.0/24"]).allow(client));
        assert!(!networks(&["!192.0.3.0/24"]).allow(client));
        assert!(!networks(&[]).allow(client));
        assert!(networks(&[]).is_empty() && !networks(&["!192.0.3.0/24"]).is_empty());
    }
}
