//! Anomalies in the stream of answered queries: floods, random subdomains, tunnels, generated names, beacons, answers
//! that rebind, forged replies.
//!
//! A [`Detector`] is told what was answered ([`Detector::observe`]) and asked every few seconds what is news
//! ([`Detector::tick`]). It counts per client, per registrable name, per both, and per client and name, in tables of
//! fixed size; counts cover the window now and the one before. Each kind has a score from 0 to 1 and the numbers that
//! it is made of; what decides stands in [`Thresholds`]. It is meant for one thread beside those that answer.
//!
//! What it does not find: beacons that were there within the first hours of a client, or that share a zone with other
//! names; beacons of less than half an hour; about half of the tunnels that send one short name every ten seconds and ask
//! for addresses only. What it takes for a tunnel: look-ups of file hashes at a vendor it does not know (to be muted).

mod beacon;
mod client;
mod known;
mod observation;
mod registry;
mod report;
mod seen;
mod sketch;
mod table;
mod thresholds;
mod tunnel;
mod words;
mod zone;

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use dns::question::HashedName;
use dns::{NameBuf, NameHasher};

use crate::suffix::{self, SuffixKind};
use beacon::Beacon;
use client::Client;
use known::{Class, Known};
use registry::Registry;
use report::Finding;
use seen::Seen;
use sketch::Windowed;
use table::Table;
use tunnel::Exchange;
use words::Words;
use zone::Zone;

pub use known::is_inner;
pub use observation::{Answer, MAX_ADDRESSES, Mismatch, Observation};
pub use registry::{MAX_ACTIVE, MAX_MUTES, Mute, MuteTarget, TooManyMutes};
pub use report::{Anomaly, Kind, MAX_EXAMPLES, Reason, Stage, Subject};
pub use thresholds::Thresholds;

/// Most clients; the table takes up to about 20 MB.
pub const MAX_CLIENTS: usize = 16_384;
/// Most registrable names; up to about 24 MB.
pub const MAX_ZONES: usize = 32_768;
/// Most pairs of a client and a registrable name that may be a tunnel; up to about 18 MB.
pub const MAX_EXCHANGES: usize = 32_768;
/// Most pairs of a client and a name whose rhythm is watched; up to about 7 MB.
pub const MAX_BEACONS: usize = 65_536;
/// Most upstream servers whose mismatched replies are counted.
pub const MAX_SERVERS: usize = 4_096;
/// Most names excepted from the search for rebinding.
pub const MAX_EXCEPTIONS: usize = 1_024;
/// How often what has changed is judged; [`Detector::tick`] in between only tells news.
const JUDGE_EVERY_MS: u64 = 10_000;
/// Salts that keep the keys of clients, of devices and of servers apart.
const CLIENT_SALT: u64 = 1;
const DEVICE_SALT: u64 = 2;
const SERVER_SALT: u64 = 3;

/// How full the tables are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fill {
    /// Clients known, of [`MAX_CLIENTS`].
    pub clients: usize,
    /// Registrable names known, of [`MAX_ZONES`].
    pub zones: usize,
    /// Pairs of both, of [`MAX_EXCHANGES`].
    pub exchanges: usize,
    /// Pairs of client and name, of [`MAX_BEACONS`].
    pub beacons: usize,
    /// Entries that had to go for others, in all tables since the start.
    pub replaced: u64,
    /// Findings dropped because [`MAX_ACTIVE`] anomalies are under way.
    pub overflown: u64,
    /// Findings dropped because of a mute.
    pub muted: u64,
}

/// Finds anomalies.
pub struct Detector {
    thresholds: Thresholds,
    hasher: NameHasher,
    words: Words,
    known: Known,
    name: HashedName,
    clients: Table<Client>,
    zones: Table<Zone>,
    exchanges: Table<Exchange>,
    beacons: Table<Beacon>,
    servers: Table<Windowed<u32>>,
    exceptions: Vec<NameBuf>,
    registry: Registry,
    judged_ms: u64,
}

impl Detector {
    /// A detector that has seen nothing. `seed` should be secret, so that nobody can choose names that collide.
    pub fn new(thresholds: Thresholds, seed: u64) -> Detector {
        let hasher = NameHasher::new(seed);
        Detector {
            thresholds,
            hasher,
            words: Words::new(),
            known: Known::new(hasher),
            name: HashedName::default(),
            clients: Table::new(MAX_CLIENTS),
            zones: Table::new(MAX_ZONES),
            exchanges: Table::new(MAX_EXCHANGES),
            beacons: Table::new(MAX_BEACONS),
            servers: Table::new(MAX_SERVERS),
            exceptions: Vec::new(),
            registry: Registry::default(),
            judged_ms: 0,
        }
    }

    /// Names at and below which answers may have private addresses. Those beyond [`MAX_EXCEPTIONS`] are left out.
    pub fn set_rebinding_exceptions(&mut self, mut names: Vec<NameBuf>) {
        names.truncate(MAX_EXCEPTIONS);
        self.exceptions = names;
    }

    /// Replaces the thresholds; counts stay.
    pub fn set_thresholds(&mut self, thresholds: Thresholds) {
        self.thresholds = thresholds;
    }

    /// Counts an answered query.
    pub fn observe(&mut self, o: &Observation<'_>) {
        self.name.set(o.name, self.hasher);
        let seen = look(o, &self.name, &self.known);
        let t = &self.thresholds;
        let client_key = key_of_client(self.hasher, o);
        let mut found = None;
        let mut zone_answers = false;
        if seen.is_judged() {
            let (place, zone) = self.zones.entry(seen.zone_hash, || Zone::new(&seen));
            zone_answers = zone.answers;
            zone.count(&seen, client_key, &self.words, t);
            found = zone.rebinding(&seen, seen.zone_hash);
            self.zones.mark(place);
        }
        let (place, client) = self.clients.entry(client_key, || Client::new(&seen));
        client.count(&seen, zone_answers, &self.words, t);
        let client_first_ms = client.first_ms;
        self.clients.mark(place);
        if tunnel::can_carry(&seen, t) {
            let key = seen.zone_hash ^ client_key.rotate_left(17);
            let (place, exchange) = self.exchanges.entry(key, || Exchange::new(&seen, client_key));
            exchange.count(&seen, &self.words, t);
            self.exchanges.mark(place);
        }
        if let Some(found) = found
            && !self.exceptions.iter().any(|zone| o.name.is_at_or_below(zone))
        {
            self.registry.take(o.time_ms, found, t);
        }
        if beacon::has_rhythm(&seen) {
            let key = seen.name_hash ^ client_key.rotate_left(31);
            let (_, beacon) = self.beacons.entry(key, || Beacon::new(&seen));
            if beacon.count(&seen, t)
                && self.zones.get(seen.zone_hash).is_some_and(|zone| zone.is_rare(t))
                && let Some(found) = beacon.judge(&seen, client_first_ms, key, t)
            {
                self.registry.take(o.time_ms, found, t);
            }
        }
    }

    /// Counts a reply that did not belong.
    pub fn mismatch(&mut self, mismatch: &Mismatch) {
        let key = key_of_address(self.hasher, SERVER_SALT, mismatch.server);
        let (_, count) = self.servers.entry(key, Windowed::default);
        count.roll(mismatch.time_ms, self.thresholds.window_ms);
        count.now = count.now.saturating_add(1);
        let replies = count.now.saturating_add(count.before);
        let least = self.thresholds.mismatches.max(1);
        // Judged at multiples only, so that a flood costs little.
        if replies >= least && replies.is_multiple_of(least) {
            let found = Finding {
                kind: Kind::ForgedReplies,
                key,
                subject: Subject { server: Some(mismatch.server), ..Subject::default() },
                score: 0.7 + 0.3 * words::ramp(replies as f32, least as f32, 20.0 * least as f32),
                reasons: vec![Reason::MismatchedReplies(replies)],
                examples: Vec::new(),
            };
            self.registry.take(mismatch.time_ms, found, &self.thresholds);
        }
    }

    /// What is news since the last call: anomalies that have begun, go on or have ended. To be called every few seconds;
    /// every ten seconds it judges all that has changed.
    pub fn tick(&mut self, now_ms: u64) -> Vec<Anomaly> {
        if now_ms.saturating_sub(self.judged_ms) >= JUDGE_EVERY_MS || now_ms < self.judged_ms {
            self.judged_ms = now_ms;
            self.judge(now_ms);
        }
        self.registry.news(now_ms, &self.thresholds)
    }

    /// The anomalies under way.
    pub fn active(&self) -> impl Iterator<Item = &Anomaly> {
        self.registry.active()
    }

    /// Adds a mute.
    ///
    /// # Errors
    /// [`TooManyMutes`] when there are [`MAX_MUTES`].
    pub fn mute(&mut self, mute: Mute) -> Result<(), TooManyMutes> {
        self.registry.mute(mute)
    }

    /// Replaces all mutes.
    ///
    /// # Errors
    /// [`TooManyMutes`] when they are more than [`MAX_MUTES`]; the old ones stay.
    pub fn set_mutes(&mut self, mutes: Vec<Mute>) -> Result<(), TooManyMutes> {
        self.registry.set_mutes(mutes)
    }

    /// The mutes that have not ended.
    pub fn mutes(&self) -> &[Mute] {
        self.registry.mutes()
    }

    /// How full the tables are.
    pub fn fill(&self) -> Fill {
        Fill {
            clients: self.clients.len(),
            zones: self.zones.len(),
            exchanges: self.exchanges.len(),
            beacons: self.beacons.len(),
            replaced: self.clients.replaced()
                + self.zones.replaced()
                + self.exchanges.replaced()
                + self.beacons.replaced(),
            overflown: self.registry.overflown(),
            muted: self.registry.muted(),
        }
    }

    fn judge(&mut self, now_ms: u64) {
        let t = &self.thresholds;
        let mut found = Vec::new();
        self.clients.each_marked(|key, client| client.judge(key, now_ms, t, &mut found));
        self.zones.each_marked(|key, zone| zone.judge(key, now_ms, t, &mut found));
        let clients = &self.clients;
        self.exchanges.each_marked(|key, exchange| {
            if clients.get(exchange.client_key).is_some_and(|client| client.is_burnt_in(now_ms, t)) {
                exchange.judge(key, now_ms, t, &mut found);
            }
        });
        for finding in found {
            self.registry.take(now_ms, finding, t);
        }
    }
}

/// What the name of `o`, hashed as `name`, says.
fn look<'a>(o: &'a Observation<'a>, name: &'a HashedName, known: &Known) -> Seen<'a> {
    let division = suffix::divide(o.name);
    let (class, class_depth) = known.classify(name);
    let labels = name.labels();
    let tenant = if class == Class::Hosting { class_depth + 1 } else { 0 };
    let depth = division.labels.max(tenant).min(labels);
    let prefix_labels = labels - depth;
    Seen {
        o,
        class,
        registrable: name.suffix(depth),
        prefix_octets: name.between(labels, depth).len() - prefix_labels,
        prefix_labels,
        zone_hash: name.hash(depth),
        name_hash: name.hash(labels),
        is_listed: division.kind != SuffixKind::Unlisted,
        is_suffix: division.is_suffix,
        is_search_list: seen::is_search_list(o.name, prefix_labels),
    }
}

fn key_of_client(hasher: NameHasher, o: &Observation<'_>) -> u64 {
    match o.device {
        Some(device) => hasher.extend(hasher.root() ^ DEVICE_SALT, &device.to_be_bytes()),
        None => key_of_address(hasher, CLIENT_SALT, o.client),
    }
}

fn key_of_address(hasher: NameHasher, salt: u64, address: IpAddr) -> u64 {
    // Letters in an address must not lose their case, which names do: nibbles have none.
    let octets = match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    };
    let mut nibbles = [0u8; 32];
    for (pair, octet) in nibbles.chunks_exact_mut(2).zip(octets) {
        pair.copy_from_slice(&[octet >> 4, octet & 15]);
    }
    hasher.extend(hasher.root() ^ salt, &nibbles)
}
