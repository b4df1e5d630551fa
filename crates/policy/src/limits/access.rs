//! Which addresses may and may not: networks with the longest match, some of them for a while.
//!
//! The networks are cut into ranges that do not overlap, each with the longest network that covers it, and sorted. An
//! address is found by its leading bits in a directory and a binary search in what the directory leaves. Every network
//! knows the next longer one around it, which holds when it has ended itself.
//!
//! A snapshot does not change; when a network comes or goes, or now and then to lose what has ended, a new one is made.

use std::net::IpAddr;
use std::sync::Arc;

use dns::network::canonical;
use ipnet::IpNet;

use super::prefix::bits_of;

/// Most networks in one snapshot.
pub const MAX_NETWORKS: usize = 1_000_000;
/// Most bits of an address that a directory tells apart.
const MAX_DIRECTORY_BITS: u32 = 16;
/// No network.
const NONE: u32 = u32::MAX;
/// Most networks around an address: each length of prefix, allowed and denied. It bounds the search for one that has
/// not ended; beyond it none is found.
const MAX_AROUND: usize = 2 * 129;

/// Whether addresses of a network may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// They may not. It holds against [`Verdict::Allow`] for the same network.
    Deny,
    /// They may.
    Allow,
}

/// A network that is denied for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Its addresses.
    pub network: IpNet,
    /// Why, as people read it.
    pub reason: Arc<str>,
    /// When it ends, in ms of the clock that lookups use.
    pub ends_ms: u64,
    /// Who or which rule made it.
    pub by: Arc<str>,
}

/// A network and what holds for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its addresses; those of mapped IPv4 addresses are an IPv4 network.
    pub network: IpNet,
    /// What holds.
    pub verdict: Verdict,
    /// Why, as people read it.
    pub reason: Arc<str>,
    /// When it ends, in ms; `None`: with the configuration that says so.
    pub ends_ms: Option<u64>,
    /// Who made a block; `None` of what is configured.
    pub by: Option<Arc<str>>,
    /// The next longer network around it, or the same with the other verdict.
    around: u32,
}

impl Entry {
    fn holds(&self, now_ms: u64) -> bool {
        self.ends_ms.is_none_or(|ends_ms| now_ms < ends_ms)
    }
}

/// Why no snapshot is made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworksError {
    /// More than [`MAX_NETWORKS`].
    #[error("{0} networks are more than {MAX_NETWORKS}")]
    TooMany(usize),
}

/// Allowed and denied networks.
#[derive(Debug, Clone, Default)]
pub struct Networks {
    entries: Vec<Entry>,
    v4: Ranges<u32>,
    v6: Ranges<u128>,
}

impl Networks {
    /// A snapshot of `networks` (verdict and reason) and those `blocks` that have not ended at `now_ms`. Of several for
    /// one network with one verdict the one that ends last holds.
    ///
    /// # Errors
    /// More than [`MAX_NETWORKS`].
    pub fn new(
        networks: Vec<(IpNet, Verdict, Arc<str>)>,
        blocks: &[Block],
        now_ms: u64,
    ) -> Result<Networks, NetworksError> {
        let count = networks.len() + blocks.len();
        if count > MAX_NETWORKS {
            return Err(NetworksError::TooMany(count));
        }
        let configured = networks.into_iter().map(|(network, verdict, reason)| (network, verdict, reason, None, None));
        let blocked = blocks.iter().filter(|block| now_ms < block.ends_ms).map(|block| {
            let (reason, by) = (block.reason.clone(), block.by.clone());
            (block.network, Verdict::Deny, reason, Some(block.ends_ms), Some(by))
        });
        let mut entries: Vec<Entry> = configured
            .chain(blocked)
            .map(|(network, verdict, reason, ends_ms, by)| Entry {
                network: canonical(network),
                verdict,
                reason,
                ends_ms,
                by,
                around: NONE,
            })
            .collect();
        // Around before within, allowed before denied: what comes later is what holds.
        entries.sort_by_key(|entry| {
            let (is_v6, first, _) = bounds(entry.network);
            let lasts = std::cmp::Reverse(entry.ends_ms.unwrap_or(u64::MAX));
            (is_v6, first, entry.network.prefix_len(), std::cmp::Reverse(entry.verdict), lasts)
        });
        entries.dedup_by(|later, first| (later.network, later.verdict) == (first.network, first.verdict));
        let len = entries.len();
        let split = entries.partition_point(|entry| !bounds(entry.network).0);
        let v4 = cut(&mut entries, 0..split, u128::from(u32::MAX));
        let v6 = cut(&mut entries, split..len, u128::MAX);
        let v4 = v4.into_iter().map(|(start, entry)| (start as u32, entry)).collect();
        Ok(Networks { entries, v4: Ranges::new(v4), v6: Ranges::new(v6) })
    }

    /// Networks with one verdict and no end, as for a list of exempt clients.
    ///
    /// # Errors
    /// More than [`MAX_NETWORKS`].
    pub fn of(networks: &[IpNet], verdict: Verdict, reason: &str) -> Result<Networks, NetworksError> {
        let reason: Arc<str> = reason.into();
        Networks::new(networks.iter().map(|network| (*network, verdict, reason.clone())).collect(), &[], 0)
    }

    /// The longest network around `address` that has not ended; `None`: no network says anything about it.
    #[inline]
    pub fn verdict(&self, address: IpAddr, now_ms: u64) -> Option<&Entry> {
        let (bits, is_v4) = bits_of(address);
        let mut at = if is_v4 { self.v4.find(bits as u32) } else { self.v6.find(bits) };
        for _ in 0..MAX_AROUND {
            let entry = self.entries.get(at as usize)?;
            if entry.holds(now_ms) {
                return Some(entry);
            }
            at = entry.around;
        }
        None
    }

    /// Whether the longest network around `address` is allowed.
    #[inline]
    pub fn allows(&self, address: IpAddr, now_ms: u64) -> bool {
        self.verdict(address, now_ms).is_some_and(|entry| entry.verdict == Verdict::Allow)
    }

    /// The networks, each after those around it.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

/// Whether it is an IPv6 network, its first and its last address.
fn bounds(network: IpNet) -> (bool, u128, u128) {
    match network {
        IpNet::V4(v4) => (false, v4.network().to_bits().into(), v4.broadcast().to_bits().into()),
        IpNet::V6(v6) => (true, v6.network().to_bits(), v6.broadcast().to_bits()),
    }
}

/// Cuts the sorted networks `family` into ranges: where each begins and the network that holds from there on. Tells
/// every network which one is around it. `last` is the last address of the family.
fn cut(entries: &mut [Entry], family: std::ops::Range<usize>, last: u128) -> Vec<(u128, u32)> {
    let mut ranges: Vec<(u128, u32)> = vec![(0, NONE)];
    // From the outermost to the innermost network around where we are: its last address and number.
    let mut around: Vec<(u128, u32)> = Vec::new();
    let close = |around: &mut Vec<(u128, u32)>, ranges: &mut Vec<(u128, u32)>, before: Option<u128>| {
        while let Some((end, _)) = around.pop_if(|(end, _)| before.is_none_or(|first| *end < first)) {
            if end < last {
                begin(ranges, end + 1, around.last().map_or(NONE, |(_, entry)| *entry));
            }
        }
    };
    for (number, entry) in entries.iter_mut().enumerate().skip(family.start).take(family.len()) {
        let (_, first, end) = bounds(entry.network);
        close(&mut around, &mut ranges, Some(first));
        entry.around = around.last().map_or(NONE, |(_, entry)| *entry);
        begin(&mut ranges, first, number as u32);
        around.push((end, number as u32));
    }
    close(&mut around, &mut ranges, None);
    ranges
}

/// From `start` on `entry` holds, instead of what was said to begin there.
fn begin(ranges: &mut Vec<(u128, u32)>, start: u128, entry: u32) {
    ranges.pop_if(|(last, _)| *last == start);
    if ranges.last().is_none_or(|(_, before)| *before != entry) {
        ranges.push((start, entry));
    }
}

/// The address of a family as a number.
trait Bits: Copy + Ord {
    /// Its first `count` bits.
    fn leading(self, count: u32) -> usize;
}

impl Bits for u32 {
    #[inline]
    fn leading(self, count: u32) -> usize {
        self.checked_shr(u32::BITS - count).unwrap_or(0) as usize
    }
}

impl Bits for u128 {
    #[inline]
    fn leading(self, count: u32) -> usize {
        self.checked_shr(u128::BITS - count).unwrap_or(0) as usize
    }
}

/// Sorted ranges of one family.
#[derive(Debug, Clone, Default)]
struct Ranges<T> {
    /// Where each begins.
    starts: Vec<T>,
    /// The network that holds in it.
    entries: Vec<u32>,
    /// For each value of the leading bits how many ranges begin before it; one more at the end.
    directory: Vec<u32>,
    directory_bits: u32,
}

impl<T: Bits> Ranges<T> {
    fn new(ranges: Vec<(T, u32)>) -> Ranges<T> {
        let directory_bits = (ranges.len() as u32).ilog2().min(MAX_DIRECTORY_BITS);
        let (starts, entries): (Vec<T>, Vec<u32>) = ranges.into_iter().unzip();
        let begin_before = |value: usize| starts.partition_point(|start| start.leading(directory_bits) < value) as u32;
        let directory = (0..=1usize << directory_bits).map(begin_before).collect();
        Ranges { starts, entries, directory, directory_bits }
    }

    /// The network that holds at `address`.
    #[inline]
    fn find(&self, address: T) -> u32 {
        let value = address.leading(self.directory_bits);
        let [from, to] = [value, value + 1].map(|at| self.directory.get(at).map_or(0, |&at| at as usize));
        let within = self.starts.get(from..to).unwrap_or_default();
        // The range that begins last at or before the address; it may begin before those of the directory.
        let after = from + within.partition_point(|start| *start <= address);
        self.entries.get(after.wrapping_sub(1)).copied().unwrap_or(NONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().expect("a network")
    }

    fn networks(list: &[(&str, Verdict)]) -> Networks {
        let list = list.iter().map(|(network, verdict)| (net(network), *verdict, Arc::from(*network)));
        Networks::new(list.collect(), &[], 0).expect("not too many")
    }

    fn at(networks: &Networks, address: &str, now_ms: u64) -> Option<(Verdict, String)> {
        let entry = networks.verdict(address.parse().expect("an address"), now_ms)?;
        Some((entry.verdict, entry.reason.to_string()))
    }

    fn block(network: &str, ends_ms: u64) -> Block {
        Block { network: net(network), reason: "flood".into(), ends_ms, by: "admin".into() }
    }

    use Verdict::{Allow, Deny};

    #[test]
    fn the_longest_match_holds() {
        let networks = networks(&[
            ("10.0.0.0/8", Deny),
            ("10.1.0.0/16", Allow),
            ("10.1.2.0/24", Deny),
            ("10.1.2.3/32", Allow),
            ("2001:db8::/32", Allow),
            ("2001:db8:1::/48", Deny),
        ]);
        let holds = |address, verdict, reason: &str| {
            assert_eq!(at(&networks, address, 0), Some((verdict, reason.into())), "{address}");
        };
        holds("10.0.0.0", Deny, "10.0.0.0/8");
        holds("10.255.255.255", Deny, "10.0.0.0/8");
        holds("10.1.0.0", Allow, "10.1.0.0/16");
        holds("10.1.2.2", Deny, "10.1.2.0/24");
        holds("10.1.2.3", Allow, "10.1.2.3/32");
        holds("10.1.2.4", Deny, "10.1.2.0/24");
        holds("10.1.3.0", Allow, "10.1.0.0/16");
        holds("2001:db8::1", Allow, "2001:db8::/32");
        holds("2001:db8:1:ffff::", Deny, "2001:db8:1::/48");
        holds("2001:db8:2::", Allow, "2001:db8::/32");
        for address in ["9.255.255.255", "11.0.0.0", "2001:db7:ffff::", "2001:db9::", "::", "0.0.0.0"] {
            assert_eq!(at(&networks, address, 0), None, "{address}");
        }
    }

    #[test]
    fn deny_wins_for_the_same_network_in_any_order() {
        for order in [[Allow, Deny], [Deny, Allow]] {
            let networks = networks(&order.map(|verdict| ("192.0.2.0/24", verdict)));
            assert_eq!(at(&networks, "192.0.2.9", 0).expect("a verdict").0, Deny);
        }
    }

    #[test]
    fn all_addresses_and_the_last_ones_are_found() {
        let networks = networks(&[("0.0.0.0/0", Allow), ("255.255.255.255/32", Deny), ("::/0", Deny)]);
        assert_eq!(at(&networks, "255.255.255.254", 0).expect("a verdict").0, Allow);
        assert_eq!(at(&networks, "255.255.255.255", 0).expect("a verdict").0, Deny);
        assert_eq!(at(&networks, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 0).expect("a verdict").0, Deny);
    }

    #[test]
    fn mapped_addresses_are_ipv4_addresses() {
        let networks = networks(&[("::ffff:10.0.0.0/104", Deny), ("192.0.2.0/24", Allow)]);
        assert_eq!(at(&networks, "10.9.9.9", 0).expect("a verdict").0, Deny);
        assert_eq!(at(&networks, "::ffff:192.0.2.1", 0).expect("a verdict").0, Allow);
    }

    #[test]
    fn a_block_holds_until_it_ends_and_then_what_is_around_it() {
        let list = vec![(net("192.0.2.0/24"), Allow, Arc::from("ours")), (net("192.0.2.7/32"), Allow, "host".into())];
        let blocks = [block("192.0.2.7/32", 2000), block("192.0.2.0/28", 3000), block("192.0.2.7/32", 1500)];
        let networks = Networks::new(list, &blocks, 1000).expect("not too many");
        let entry = networks.verdict("192.0.2.7".parse().expect("an address"), 1999).expect("a verdict");
        assert_eq!((entry.verdict, entry.ends_ms, entry.by.as_deref()), (Deny, Some(2000), Some("admin")));
        assert_eq!(at(&networks, "192.0.2.7", 2000), Some((Allow, "host".into())));
        assert_eq!(at(&networks, "192.0.2.8", 2999), Some((Deny, "flood".into())));
        assert_eq!(at(&networks, "192.0.2.8", 3000), Some((Allow, "ours".into())));
    }

    #[test]
    fn what_has_ended_is_left_out() {
        let networks = Networks::new(Vec::new(), &[block("10.0.0.0/8", 5)], 5).expect("not too many");
        assert!(networks.entries().is_empty());
        assert_eq!(at(&networks, "10.0.0.1", 0), None);
    }

    #[test]
    fn too_many_networks_are_an_error() {
        let many = vec![net("10.0.0.0/8"); MAX_NETWORKS + 1];
        assert_eq!(Networks::of(&many, Deny, "").expect_err("too many"), NetworksError::TooMany(MAX_NETWORKS + 1));
    }

    #[test]
    fn generated_networks_are_found_as_by_trying_all() {
        let mut random = 0x1234_5678_9abc_def1_u64;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        for round in 0..200 {
            let list: Vec<(IpNet, Verdict, Arc<str>)> = (0..next() % 60)
                .map(|i| {
                    let verdict = if next() % 2 == 0 { Allow } else { Deny };
                    // Few bits that differ, so that much overlaps.
                    let network = if next() % 3 > 0 {
                        let length = 32 - (next() % 12) as u8;
                        IpNet::new(std::net::Ipv4Addr::from((next() % 4096) as u32).into(), length)
                    } else {
                        let length = 128 - (next() % 12) as u8;
                        IpNet::new(std::net::Ipv6Addr::from(u128::from(next() % 4096) << 64 | 7).into(), length)
                    };
                    (network.expect("a prefix").trunc(), verdict, Arc::from(format!("{i}")))
                })
                .collect();
            let networks = Networks::new(list.clone(), &[], 0).expect("not too many");
            for _ in 0..500 {
                let address: IpAddr = match next() % 3 {
                    0 => std::net::Ipv6Addr::from(u128::from(next() % 4096) << 64 | u128::from(next() % 16)).into(),
                    _ => std::net::Ipv4Addr::from((next() % 4200) as u32).into(),
                };
                let around = list.iter().filter(|(network, _, _)| network.contains(&address));
                let want = around.map(|(net, verdict, _)| (net.prefix_len(), *verdict == Deny)).max();
                let got = networks.verdict(address, 0).map(|got| (got.network.prefix_len(), got.verdict == Deny));
                assert_eq!(got, want, "{address} in round {round}: {list:?}");
            }
        }
    }
}
