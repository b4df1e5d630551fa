//! Who has an address: the entry of the longest network that it lies in.
//!
//! Single addresses stand in a hash table, which one probe answers. Networks are cut into ranges that do not overlap,
//! each with the entry that is right for all of it, so that one binary search replaces a walk over prefix lengths.
//! IPv4 and IPv6 are kept apart: `::/0` is no network of IPv4 clients.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

/// The entry of addresses that no network has.
pub const NOBODY: u32 = 0;

/// The form in which addresses are compared: one that is mapped into IPv6 (RFC 4291 2.5.5.2) is the IPv4 address.
pub fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// The same for a network; one of mapped addresses with at least 96 bits of prefix is a network of IPv4.
pub fn canonical_net(net: IpNet) -> IpNet {
    let IpNet::V6(v6) = net else { return net };
    let mapped = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96));
    mapped.and_then(|(v4, length)| Ipv4Net::new(v4, length).ok()).map_or(net, IpNet::V4)
}

/// Networks with what they lead to.
#[derive(Debug, Default)]
pub struct Index {
    v4: Family<u32>,
    v6: Family<u128>,
}

impl Index {
    /// An index of `entries`. Of two that have the same network the last one counts.
    pub fn new(entries: &[(IpNet, u32)], seed: u64) -> Index {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (net, entry) in entries {
            match canonical_net(*net) {
                IpNet::V4(net) => v4.push((net.network().to_bits(), net.broadcast().to_bits(), *entry)),
                IpNet::V6(net) => v6.push((net.network().to_bits(), net.broadcast().to_bits(), *entry)),
            }
        }
        Index { v4: Family::new(v4, seed), v6: Family::new(v6, seed) }
    }

    /// The entry of the longest network that has `address`, or [`NOBODY`].
    #[inline]
    pub fn find(&self, address: IpAddr) -> u32 {
        match canonical(address) {
            IpAddr::V4(v4) => self.v4.find(v4.to_bits()),
            IpAddr::V6(v6) => self.v6.find(v6.to_bits()),
        }
    }
}

/// The bits of an address.
trait Bits: Copy + Ord + Default {
    /// The address after this one, if it is not the last.
    fn next(self) -> Option<Self>;

    /// A number in which each bit of the address and of `seed` counts.
    fn hash(self, seed: u64) -> usize;
}

impl Bits for u32 {
    fn next(self) -> Option<u32> {
        self.checked_add(1)
    }

    #[inline]
    fn hash(self, seed: u64) -> usize {
        // The upper half of a product depends on all bits of both factors; the second one is odd and looks random.
        ((u64::from(self) ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize
    }
}

impl Bits for u128 {
    fn next(self) -> Option<u128> {
        self.checked_add(1)
    }

    #[inline]
    fn hash(self, seed: u64) -> usize {
        let mixed = (self ^ u128::from(seed)).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        (mixed >> 96) as usize
    }
}

/// The networks of IPv4 or of IPv6.
#[derive(Debug, Default)]
struct Family<K> {
    hosts: Hosts<K>,
    ranges: Ranges<K>,
}

/// The first and the last address of a network, and its entry.
type Span<K> = (K, K, u32);

impl<K: Bits> Family<K> {
    fn new(spans: Vec<Span<K>>, seed: u64) -> Family<K> {
        let (hosts, nets): (Vec<Span<K>>, Vec<Span<K>>) = spans.into_iter().partition(|(first, last, _)| first == last);
        let (starts, entries) = cut(nets).into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
        let ranges = Ranges { starts: starts.into_boxed_slice(), entries: entries.into_boxed_slice() };
        Family { hosts: Hosts::new(&hosts, seed), ranges }
    }

    #[inline]
    fn find(&self, address: K) -> u32 {
        self.hosts.find(address).unwrap_or_else(|| self.ranges.find(address))
    }
}

/// Cuts nested spans into ranges, each with the entry of the innermost span. A range ends where the next one starts.
fn cut<K: Bits>(mut spans: Vec<Span<K>>) -> Vec<(K, u32)> {
    spans.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
    let mut ranges = Vec::new();
    let mut open: Vec<(K, u32)> = Vec::new();
    for (first, last, entry) in spans {
        close(&mut open, Some(first), &mut ranges);
        open.push((last, entry));
        begin(&mut ranges, first, entry);
    }
    close(&mut open, None, &mut ranges);
    ranges
}

/// Ends the innermost spans that end before `before`; what is around them goes on.
fn close<K: Bits>(open: &mut Vec<(K, u32)>, before: Option<K>, ranges: &mut Vec<(K, u32)>) {
    while let Some((last, _)) = open.pop_if(|(last, _)| before.is_none_or(|before| *last < before)) {
        if let Some(next) = last.next() {
            begin(ranges, next, open.last().map_or(NOBODY, |(_, entry)| *entry));
        }
    }
}

/// Begins a range; one that began at the same address is nothing.
fn begin<K: Bits>(ranges: &mut Vec<(K, u32)>, start: K, entry: u32) {
    ranges.pop_if(|(at, _)| *at == start);
    ranges.push((start, entry));
}

/// Ranges by their first address. Before the first one is nobody.
#[derive(Debug, Default)]
struct Ranges<K> {
    starts: Box<[K]>,
    entries: Box<[u32]>,
}

impl<K: Bits> Ranges<K> {
    #[inline]
    fn find(&self, address: K) -> u32 {
        let after = self.starts.partition_point(|start| *start <= address);
        self.entries.get(after.wrapping_sub(1)).copied().unwrap_or(NOBODY)
    }
}

/// Single addresses: an open table, at most half full, whose places are tried one after the other.
#[derive(Debug, Default)]
struct Hosts<K> {
    /// Address and entry; the entry [`NOBODY`] is a free place. The length is a power of two, or nothing.
    places: Box<[(K, u32)]>,
    seed: u64,
}

impl<K: Bits> Hosts<K> {
    fn new(entries: &[Span<K>], seed: u64) -> Hosts<K> {
        let len = if entries.is_empty() { 0 } else { (entries.len() * 2).next_power_of_two() };
        let mut hosts = Hosts { places: vec![(K::default(), NOBODY); len].into_boxed_slice(), seed };
        for (address, _, entry) in entries {
            let at = hosts.place(*address);
            if let Some(place) = hosts.places.get_mut(at) {
                *place = (*address, *entry);
            }
        }
        hosts
    }

    /// Where `address` stands, or would stand. Half of the places are free, so there is one.
    #[inline]
    fn place(&self, address: K) -> usize {
        let mask = self.places.len().wrapping_sub(1);
        let mut at = address.hash(self.seed) & mask;
        while self.places.get(at).is_some_and(|(here, entry)| *entry != NOBODY && *here != address) {
            at = (at + 1) & mask;
        }
        at
    }

    #[inline]
    fn find(&self, address: K) -> Option<u32> {
        let (_, entry) = self.places.get(self.place(address))?;
        (*entry != NOBODY).then_some(*entry)
    }
}

/// The network of one address.
pub fn host(address: IpAddr) -> IpNet {
    IpNet::from(canonical(address))
}

/// The network that `text` names: an address, or an address with the length of its prefix.
pub fn network(text: &str) -> Option<IpNet> {
    let net = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text.parse::<IpNet>().ok()?,
    };
    Some(canonical_net(net))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipnet::Ipv6Net;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    fn net(text: &str) -> IpNet {
        network(text).expect("a network")
    }

    fn at(text: &str) -> IpAddr {
        text.parse().expect("a well-formed text")
    }

    #[test]
    fn the_longest_network_counts() {
        let index = Index::new(
            &[(net("10.0.0.0/8"), 1), (net("10.1.0.0/16"), 2), (net("10.1.2.3"), 3), (net("0.0.0.0/0"), 4)],
            7,
        );
        for (address, entry) in
            [("10.1.2.3", 3), ("10.1.2.4", 2), ("10.2.0.0", 1), ("11.0.0.0", 4), ("9.255.255.255", 4)]
        {
            assert_eq!(index.find(at(address)), entry, "{address}");
        }
    }

    #[test]
    fn all_of_ipv6_is_not_all_of_ipv4() {
        let index = Index::new(&[(net("::/0"), 1), (net("255.255.255.0/24"), 2)], 0);
        assert_eq!(index.find(at("192.0.2.1")), NOBODY);
        assert_eq!(index.find(at("255.255.255.255")), 2);
        assert_eq!(index.find(at("2001:db8::1")), 1);
        assert_eq!(index.find(at("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")), 1);
    }

    #[test]
    fn an_address_mapped_into_ipv6_is_the_one_of_ipv4() {
        let index = Index::new(&[(net("192.0.2.0/24"), 1), (net("::ffff:198.51.100.7"), 2)], 3);
        assert_eq!(index.find(IpAddr::V6(Ipv4Addr::new(192, 0, 2, 9).to_ipv6_mapped())), 1);
        assert_eq!(index.find(at("198.51.100.7")), 2);
        assert_eq!(network("::ffff:203.0.113.0/120"), network("203.0.113.0/24"));
    }

    #[test]
    fn an_empty_index_knows_nobody() {
        assert_eq!(Index::new(&[], 1).find(at("192.0.2.1")), NOBODY);
        assert_eq!(Index::default().find(at("::1")), NOBODY);
    }

    /// Networks that nest often: few bits differ.
    fn some_net() -> impl Strategy<Value = IpNet> {
        let v4 = (any::<u32>(), 0u8..=32).prop_map(|(bits, length)| {
            IpNet::V4(
                Ipv4Net::new((bits & 0xc000_0013 | 0x0a00_0000).into(), length).expect("a length in range").trunc(),
            )
        });
        let v6 = (any::<u128>(), 0u8..=128).prop_map(|(bits, length)| {
            let bits = bits & 0x8000_0000_0000_0003_0000_0000_0000_0007;
            IpNet::V6(Ipv6Net::new(bits.into(), length).expect("a length in range").trunc())
        });
        prop_oneof![v4, v6]
    }

    proptest! {
        #[test]
        fn it_finds_what_a_look_at_every_network_finds(
            nets in proptest::collection::btree_set(some_net(), 0..40),
            asked in proptest::collection::vec(some_net(), 1..40),
            seed in any::<u64>(),
        ) {
            let entries: Vec<_> = nets.iter().zip(1u32..).map(|(net, entry)| (*net, entry)).collect();
            let index = Index::new(&entries, seed);
            for address in asked.iter().flat_map(|net| [net.network(), net.broadcast()]).map(canonical) {
                let longest = entries.iter().filter(|(net, _)| net.contains(&address)).max_by_key(|(net, _)| net.prefix_len());
                prop_assert_eq!(index.find(address), longest.map_or(NOBODY, |(_, entry)| *entry), "{}", address);
            }
        }
    }
}
