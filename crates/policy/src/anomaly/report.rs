//! What is reported: an anomaly, whom it is about and why.

use std::fmt;
use std::net::IpAddr;

use dns::NameBuf;
use serde::{Deserialize, Serialize};

/// Most names kept as examples of one anomaly.
pub const MAX_EXAMPLES: usize = 5;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A client asks far more than it used to.
    HighFrequency,
    /// A client asks for many names that do not exist.
    NxdomainFlood,
    /// Many names that nobody asked for before, below one registrable name.
    RandomSubdomains,
    /// A client exchanges data by names and answers below one registrable name.
    Tunnel,
    /// A client tries registrable names that a program seems to have made up.
    GeneratedNames,
    /// A client asks for one name at regular intervals that its TTL does not explain.
    Beacon,
    /// A public name has an address of a private network.
    Rebinding,
    /// Replies that claim to be from a server and do not belong to what it was asked.
    ForgedReplies,
}

impl Kind {
    /// All of them, in the order of their declaration.
    pub const ALL: [Kind; 8] = [
        Kind::HighFrequency,
        Kind::NxdomainFlood,
        Kind::RandomSubdomains,
        Kind::Tunnel,
        Kind::GeneratedNames,
        Kind::Beacon,
        Kind::Rebinding,
        Kind::ForgedReplies,
    ];

    /// The word for it in configuration, API and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::HighFrequency => "high_frequency",
            Kind::NxdomainFlood => "nxdomain_flood",
            Kind::RandomSubdomains => "random_subdomains",
            Kind::Tunnel => "tunnel",
            Kind::GeneratedNames => "generated_names",
            Kind::Beacon => "beacon",
            Kind::Rebinding => "rebinding",
            Kind::ForgedReplies => "forged_replies",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whom an anomaly is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Subject {
    /// The client; the address it asked from last where it is a device with several.
    pub client: Option<IpAddr>,
    /// The client's device.
    pub device: Option<u32>,
    /// The registrable name, or the one name that is asked for (beacons, rebinding).
    pub zone: Option<NameBuf>,
    /// The upstream server.
    pub server: Option<IpAddr>,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            self.client.map(|client| format!("client {client}")),
            self.device.map(|device| format!("device {device}")),
            self.zone.as_ref().map(|zone| format!("zone {zone}")),
            self.server.map(|server| format!("server {server}")),
        ];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

/// One reason of a score, with its number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Queries in the busiest minute.
    QueriesPerMinute(u32),
    /// How many times the client's own busiest minute before.
    TimesUsual(f32),
    /// Minutes in a row.
    MinutesInARow(u32),
    /// Answers NXDOMAIN.
    NxdomainAnswers(u32),
    /// Share of answers NXDOMAIN.
    NxdomainShare(f32),
    /// About how many distinct names.
    DistinctNames(u32),
    /// Share of queries for a name not asked for before.
    UnrepeatedShare(f32),
    /// Share of failed queries.
    FailureShare(f32),
    /// Share of queries that the cache could not answer.
    MissShare(f32),
    /// About how many clients.
    Clients(u32),
    /// How random labels look, from 0 to 1.
    Randomness(f32),
    /// Mean octets in front of the registrable name.
    MeanNameOctets(u32),
    /// Mean entropy of these octets, in bits.
    MeanEntropy(f32),
    /// Octets that names carried.
    OctetsUp(u64),
    /// Octets that answers carried.
    OctetsDown(u64),
    /// Share of queries of types that can carry data (TXT, NULL, CNAME, MX, SRV, unknown).
    PayloadTypeShare(f32),
    /// Distinct registrable names that do not exist.
    NonexistentZones(u32),
    /// Share of these in all registrable names asked for.
    NonexistentZoneShare(f32),
    /// Mean interval in seconds.
    IntervalSeconds(f32),
    /// Mean deviation from it, as a share.
    Jitter(f32),
    /// Intervals in a row that were alike.
    AlikeIntervals(u32),
    /// Highest TTL seen, in seconds.
    TtlSeconds(u32),
    /// The address of a private network.
    PrivateAddress(IpAddr),
    /// The zone has public addresses too.
    AlsoPublicAddresses,
    /// Replies that do not belong.
    MismatchedReplies(u32),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f32| (share * 100.0).round();
        match *self {
            Reason::QueriesPerMinute(n) => write!(f, "{n} queries a minute"),
            Reason::TimesUsual(n) => write!(f, "{n:.1} times the busiest minute so far"),
            Reason::MinutesInARow(n) => write!(f, "for {n} minutes in a row"),
            Reason::NxdomainAnswers(n) => write!(f, "{n} answers NXDOMAIN"),
            Reason::NxdomainShare(x) => write!(f, "{} % of answers are NXDOMAIN", percent(x)),
            Reason::DistinctNames(n) => write!(f, "about {n} distinct names"),
            Reason::UnrepeatedShare(x) => write!(f, "{} % of queries for a new name", percent(x)),
            Reason::FailureShare(x) => write!(f, "{} % of queries failed", percent(x)),
            Reason::MissShare(x) => write!(f, "{} % of queries not in the cache", percent(x)),
            Reason::Clients(n) => write!(f, "about {n} clients"),
            Reason::Randomness(x) => write!(f, "labels look {} % random", percent(x)),
            Reason::MeanNameOctets(n) => write!(f, "{n} octets in front of the registrable name in the mean"),
            Reason::MeanEntropy(x) => write!(f, "{x:.1} bits of entropy an octet"),
            Reason::OctetsUp(n) => write!(f, "{n} octets in names"),
            Reason::OctetsDown(n) => write!(f, "{n} octets in answers"),
            Reason::PayloadTypeShare(x) => write!(f, "{} % of queries of types that carry data", percent(x)),
            Reason::NonexistentZones(n) => write!(f, "{n} registrable names that do not exist"),
            Reason::NonexistentZoneShare(x) => write!(f, "{} % of the registrable names asked for", percent(x)),
            Reason::IntervalSeconds(x) => write!(f, "every {x:.0} seconds"),
            Reason::Jitter(x) => write!(f, "{} % jitter", percent(x)),
            Reason::AlikeIntervals(n) => write!(f, "{n} intervals in a row"),
            Reason::TtlSeconds(n) => write!(f, "TTL {n}"),
            Reason::PrivateAddress(address) => write!(f, "answer has the private address {address}"),
            Reason::AlsoPublicAddresses => f.write_str("the zone has public addresses too"),
            Reason::MismatchedReplies(n) => write!(f, "{n} replies that do not belong to a question"),
        }
    }
}

/// What is new about an anomaly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It was not there before.
    Begun,
    /// It goes on.
    Updated,
    /// Nothing has confirmed it for a while.
    Ended,
}

/// One anomaly.
#[derive(Debug, Clone, PartialEq)]
pub struct Anomaly {
    /// Counts from 1, per detector; the same from begin to end.
    pub id: u64,
    /// What is wrong.
    pub kind: Kind,
    /// Whom it is about.
    pub subject: Subject,
    /// What is new.
    pub stage: Stage,
    /// When it was reported first.
    pub begun_ms: u64,
    /// When it was confirmed last.
    pub last_seen_ms: u64,
    /// The highest score so far, from 0 to 1.
    pub score: f32,
    /// The reasons of the highest score.
    pub reasons: Vec<Reason>,
    /// Names that belong to it, at most [`MAX_EXAMPLES`].
    pub examples: Vec<NameBuf>,
}

/// A subject that scores, before it is known whether that is news.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub kind: Kind,
    /// The keyed hash of the subject.
    pub key: u64,
    pub subject: Subject,
    pub score: f32,
    pub reasons: Vec<Reason>,
    pub examples: Vec<NameBuf>,
}

/// A few names, picked at counts that double, so that they stand for all of the time.
#[derive(Debug, Clone, Default)]
pub(super) struct Examples([Option<NameBuf>; MAX_EXAMPLES]);

impl Examples {
    /// Takes `name`, the `count`th (from 1), if it is its turn.
    pub fn offer(&mut self, count: u32, name: &dns::Name) {
        if count.is_power_of_two()
            && let Some(slot) = self.0.get_mut(count.trailing_zeros() as usize % MAX_EXAMPLES)
        {
            *slot = Some(name.to_owned());
        }
    }

    /// The names.
    pub fn names(&self) -> Vec<NameBuf> {
        self.0.iter().flatten().cloned().collect()
    }
}
