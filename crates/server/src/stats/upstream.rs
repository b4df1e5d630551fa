//! How long other servers take.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::{Histogram, Times};

/// Forwarders whose times are counted on their own; those of further ones are counted together.
pub const MAX_FORWARDERS: usize = 100;

/// Who was asked, as counters and metrics tell servers apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UpstreamGroup {
    /// An authoritative server.
    Iterate,
    /// A configured forwarder.
    Forwarder(SocketAddr),
    /// One of the forwarders that are not counted on their own.
    OtherForwarder,
}

/// Counts how long exchanges took, for each forwarder and for all other servers together.
#[derive(Debug, Default)]
pub struct UpstreamTimes {
    iterate: Histogram,
    forwarders: Vec<(SocketAddr, Histogram)>,
    others: Histogram,
}

impl UpstreamTimes {
    /// Counts these forwarders, up to [`MAX_FORWARDERS`], each on its own.
    pub fn of(forwarders: impl IntoIterator<Item = SocketAddr>) -> UpstreamTimes {
        let mut addresses: Vec<SocketAddr> = forwarders.into_iter().collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses.truncate(MAX_FORWARDERS);
        let forwarders = addresses.into_iter().map(|address| (address, Histogram::default())).collect();
        UpstreamTimes { forwarders, ..UpstreamTimes::default() }
    }

    /// Counts an exchange, answered or not; only the thread that owns this may.
    pub(crate) fn add(&self, server: SocketAddr, is_forwarder: bool, elapsed_us: u64) {
        let place = self.forwarders.binary_search_by_key(&server, |(address, _)| *address).ok();
        let histogram = match place.and_then(|place| self.forwarders.get(place)) {
            _ if !is_forwarder => &self.iterate,
            Some((_, histogram)) => histogram,
            None => &self.others,
        };
        histogram.add(elapsed_us);
    }

    /// Adds what was counted to `sums`; groups without exchanges are left out, but for [`UpstreamGroup::Iterate`].
    pub(super) fn add_to(&self, sums: &mut BTreeMap<UpstreamGroup, Times>) {
        sums.entry(UpstreamGroup::Iterate).or_default().merge(&self.iterate.get());
        let others = (UpstreamGroup::OtherForwarder, self.others.get());
        let forwarders =
            self.forwarders.iter().map(|(address, times)| (UpstreamGroup::Forwarder(*address), times.get()));
        for (group, times) in forwarders.chain([others]).filter(|(_, times)| times.count() > 0) {
            sums.entry(group).or_default().merge(&times);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forwarders_are_counted_on_their_own_up_to_a_limit() {
        let address = |n: u16| SocketAddr::from(([192, 0, 2, 1], n));
        let times = UpstreamTimes::of((0..MAX_FORWARDERS as u16 + 5).rev().map(address));
        times.add(address(7), true, 30);
        times.add(address(7), true, 40);
        times.add(address(7), false, 50);
        times.add(address(MAX_FORWARDERS as u16 + 1), true, 60);
        let mut sums = BTreeMap::new();
        times.add_to(&mut sums);
        times.add_to(&mut sums);
        let seen: Vec<_> = sums.iter().map(|(group, times)| (*group, times.count(), times.sum_us)).collect();
        assert_eq!(
            seen,
            [
                (UpstreamGroup::Iterate, 2, 100),
                (UpstreamGroup::Forwarder(address(7)), 4, 140),
                (UpstreamGroup::OtherForwarder, 2, 120)
            ]
        );
    }
}
