//! One registrable name: whether somebody asks for random names below it, and whether its answers rebind.

use dns::{NameBuf, Rcode};

use super::known::{Class, is_inner};
use super::report::{Examples, Finding, Kind, Reason, Subject};
use super::seen::Seen;
use super::sketch::{Distinct, Windowed};
use super::thresholds::Thresholds;
use super::words::{Words, ramp};

/// Mean randomness of first labels from which a zone without failures is suspicious.
const RANDOM_FROM: f32 = 0.3;
/// Share of misses from which a zone without failures is suspicious.
const MISSES_FROM: f32 = 0.9;

#[derive(Debug, Default)]
struct Counts {
    queries: u32,
    failures: u32,
    misses: u32,
    randomness: f32,
    names: Distinct,
    clients: Distinct,
}

/// What is known of a registrable name.
#[derive(Debug)]
pub(super) struct Zone {
    name: NameBuf,
    is_hosting: bool,
    window: Windowed<Counts>,
    /// Whether anything below was ever answered.
    pub answers: bool,
    has_public_address: bool,
    /// Names and clients since the zone was first seen.
    names: Distinct,
    clients: Distinct,
    examples: Examples,
}

impl Zone {
    pub fn new(seen: &Seen<'_>) -> Zone {
        Zone {
            name: seen.registrable.to_owned(),
            is_hosting: seen.class == Class::Hosting,
            window: Windowed::default(),
            answers: false,
            has_public_address: false,
            names: Distinct::default(),
            clients: Distinct::default(),
            examples: Examples::default(),
        }
    }

    /// Counts a query.
    pub fn count(&mut self, seen: &Seen<'_>, client_key: u64, words: &Words, t: &Thresholds) {
        self.window.roll(seen.o.time_ms, t.window_ms);
        let failed = matches!(seen.o.rcode, Rcode::NXDOMAIN | Rcode::SERVFAIL);
        self.answers |= seen.o.rcode == Rcode::NOERROR;
        self.clients.add(client_key);
        self.names.add(seen.name_hash);
        let counts = &mut self.window.now;
        counts.clients.add(client_key);
        if seen.is_search_list {
            return;
        }
        counts.queries += 1;
        counts.failures += u32::from(failed);
        counts.misses += u32::from(!seen.o.from_cache);
        counts.names.add(seen.name_hash);
        if seen.prefix_labels > 0 {
            counts.randomness += words.randomness(seen.o.name.labels().next().unwrap_or_default());
            self.examples.offer(counts.queries, seen.o.name);
        }
    }

    /// Whether it has one purpose for few: about how many names were asked for so far, and by how many clients.
    pub fn is_rare(&self, t: &Thresholds) -> bool {
        let none = Distinct::default();
        // An estimate this small is off by less than a half.
        self.names.with(&none) <= t.beacon_names + 0.5 && self.clients.with(&none) <= t.beacon_clients + 0.5
    }

    /// Whether the answer points a public name into a private network.
    pub fn rebinding(&mut self, seen: &Seen<'_>, key: u64) -> Option<Finding> {
        let inner = seen.o.addresses.iter().find(|address| is_inner(**address));
        let Some(inner) = inner else {
            self.has_public_address |= !seen.o.addresses.is_empty();
            return None;
        };
        if !seen.is_listed || seen.o.zone_of_ours || seen.class == Class::AddressNames {
            return None;
        }
        let mut reasons = vec![Reason::PrivateAddress(*inner)];
        if self.has_public_address {
            reasons.push(Reason::AlsoPublicAddresses);
        }
        let zone = Some(self.name.to_canonical());
        let subject = Subject { client: Some(seen.o.client), device: seen.o.device, zone, server: None };
        let examples = vec![seen.o.name.to_canonical()];
        let score = if self.has_public_address { 1.0 } else { 0.8 };
        Some(Finding { kind: Kind::Rebinding, key, subject, score, reasons, examples })
    }

    /// Whether names below are made up at random.
    pub fn judge(&mut self, key: u64, now_ms: u64, t: &Thresholds, found: &mut Vec<Finding>) {
        self.window.roll(now_ms, t.window_ms);
        let (now, before) = (&self.window.now, &self.window.before);
        let queries = (now.queries + before.queries) as f32;
        if queries < t.subdomains {
            return;
        }
        let names = now.names.with(&before.names);
        let unrepeated = (names / queries).min(1.0);
        if names < t.subdomains || unrepeated < t.subdomains_unrepeated_share {
            return;
        }
        let failures = (now.failures + before.failures) as f32 / queries;
        let misses = (now.misses + before.misses) as f32 / queries;
        let randomness = (now.randomness + before.randomness) / queries;
        let failing = failures >= t.subdomains_failure_share;
        let unfailing =
            names >= t.subdomains_unfailing && misses >= MISSES_FROM && randomness >= RANDOM_FROM && !self.is_hosting;
        if !failing && !unfailing {
            return;
        }
        let score = 0.6
            + 0.2 * ramp(names, t.subdomains, 4.0 * t.subdomains)
            + 0.1 * ramp(unrepeated, t.subdomains_unrepeated_share, 0.95)
            + 0.1 * ramp(failures.max(misses * randomness), t.subdomains_failure_share, 0.8);
        if score < t.report_score {
            return;
        }
        let reasons = vec![
            Reason::DistinctNames(names as u32),
            Reason::UnrepeatedShare(unrepeated),
            Reason::FailureShare(failures),
            Reason::MissShare(misses),
            Reason::Randomness(randomness),
            Reason::Clients(now.clients.with(&before.clients).round() as u32),
        ];
        let subject = Subject { zone: Some(self.name.to_canonical()), ..Subject::default() };
        let examples = self.examples.names();
        found.push(Finding { kind: Kind::RandomSubdomains, key, subject, score, reasons, examples });
    }
}
