//! What the name servers of the parent say of a zone's DS records: rounds of questions go in, and what the timeline may rely
//! on comes out. No clock, no I/O.
//!
//! Only what all servers agree on counts. While one does not answer nothing new counts, and what counted before is not
//! forgotten unless a server says otherwise.

use std::fmt;
use std::net::SocketAddr;

use dns::{Name, NameBuf};
use dnssec::algorithm::Algorithm;
use dnssec::digest::{ds_matches, usable_ds};

use crate::keys::{DsSource, ZoneKey};
use crate::timeline::{DsSeen, moment};

/// Rounds that every server answered and that are further apart, in seconds, do not show what was between them.
const MAX_GAP_S: u64 = 2 * HOUR_S;
/// TTLs count up to this, in seconds: caches keep nothing for longer (RFC 8767 4).
const MAX_TTL_S: u32 = 7 * DAY_S as u32;
/// Servers that one sentence names.
const MAX_NAMED: usize = 3;
/// Servers that did not answer are asked again after this many seconds at the latest.
const RETRY_S: u64 = 300;
/// While a step waits for the parent it is asked again after this many seconds at first, unless it is faster.
const FIRST_INTERVAL_S: u64 = 30;
const HOUR_S: u64 = 3600;
const DAY_S: u64 = 24 * HOUR_S;

/// A name server of the parent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerId {
    /// Its name; `None`: its address was given.
    pub name: Option<NameBuf>,
    /// Where it was asked; `None`: it is not known, or if there is no name either, the zone is served by ourselves.
    pub address: Option<SocketAddr>,
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, &self.address) {
            (Some(name), Some(address)) => write!(f, "{name} ({address})"),
            (Some(name), None) => write!(f, "{name}"),
            (None, Some(address)) => write!(f, "{address}"),
            (None, None) => f.write_str("this server"),
        }
    }
}

/// What a server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The data of its DS records; empty: it has none.
    pub ds: Vec<Vec<u8>>,
    /// Their TTL, or for how long it may be remembered that there are none, in seconds.
    pub ttl_s: u32,
    /// The name exists in the parent zone.
    pub is_delegated: bool,
    /// When, in seconds since 1970.
    pub at_s: u64,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What it does instead: `does not answer`.
    pub why: String,
    /// Since when, in seconds since 1970.
    pub since_s: u64,
}

impl Problem {
    /// A problem that goes on, or begins.
    fn after(before: Option<&Problem>, why: String, at_s: u64) -> Problem {
        Problem { why, since_s: before.map_or(at_s, |before| before.since_s.min(at_s)) }
    }
}

/// A server with what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Which.
    pub id: ServerId,
    /// What it answered last.
    pub said: Option<Said>,
    /// Why it did not answer in the last round.
    pub problem: Option<Problem>,
}

impl Server {
    /// What it answered in the last round.
    fn answer(&self) -> Option<&Said> {
        self.said.as_ref().filter(|_| self.problem.is_none())
    }
}

/// A server with its answer, or what it does instead.
pub type Answered = (ServerId, Result<Said, String>);

/// A round of questions to all servers.
#[derive(Debug, Clone)]
pub struct Round {
    /// The parent zone, as far as it is known.
    pub zone: Option<NameBuf>,
    /// The servers; or why they cannot be found.
    pub servers: Result<Vec<Answered>, String>,
    /// When it ended, in seconds since 1970.
    pub at_s: u64,
}

/// Since when all servers agree about the DS record of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Agreed {
    dnskey: Vec<u8>,
    tag: u16,
    algorithm: Algorithm,
    everywhere_since_s: Option<u64>,
    nowhere_since_s: Option<u64>,
}

/// What is known of the parent of a zone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parent {
    /// The parent zone.
    pub zone: Option<NameBuf>,
    /// Its name servers.
    pub servers: Vec<Server>,
    /// Why they cannot be found.
    pub problem: Option<Problem>,
    /// When they were asked last, in seconds since 1970.
    pub asked_s: Option<u64>,
    /// When all answered last, in seconds since 1970.
    complete_s: Option<u64>,
    keys: Vec<Agreed>,
    /// A server's DS records lead to no key.
    is_broken: bool,
    /// The largest TTL that caches may have, and until when.
    ttl: (u32, u64),
}

impl Parent {
    /// Takes over what a round brought. `keys` are those of the zone; what was seen of their DS records before a restart
    /// is in them.
    pub fn take(&mut self, round: Round, zone: &Name, keys: &[ZoneKey]) {
        let at_s = round.at_s;
        self.asked_s = Some(at_s);
        self.zone = round.zone.or(self.zone.take());
        let servers = match round.servers {
            Ok(servers) => servers,
            Err(why) => {
                self.problem = Some(Problem::after(self.problem.as_ref(), why, at_s));
                return;
            }
        };
        self.problem = None;
        self.servers = servers.into_iter().map(|(id, answer)| self.server(id, answer, at_s)).collect();
        self.note_ttl(at_s);
        let known = keys.iter().filter(|key| key.role.signs_keys());
        self.keys = known.map(|key| self.agreed(zone, key, at_s)).collect();
        let published: Vec<Vec<u8>> =
            keys.iter().filter(|key| key.is_published()).map(|key| key.dnskey.clone()).collect();
        self.is_broken = self.broken_at(zone, &published).is_some();
        if self.is_complete() {
            self.complete_s = Some(at_s);
        }
    }

    fn server(&self, id: ServerId, answer: Result<Said, String>, at_s: u64) -> Server {
        let before = self.servers.iter().find(|server| server.id == id);
        match answer {
            Ok(said) => Server { id, said: Some(said), problem: None },
            Err(why) => {
                let problem = Problem::after(before.and_then(|server| server.problem.as_ref()), why, at_s);
                Server { id, said: before.and_then(|server| server.said.clone()), problem: Some(problem) }
            }
        }
    }

    /// A TTL that was larger counts until caches have forgotten it.
    fn note_ttl(&mut self, at_s: u64) {
        let ttls = self.servers.iter().filter_map(Server::answer).map(|said| said.ttl_s.min(MAX_TTL_S));
        let Some(ttl_s) = ttls.max() else { return };
        if ttl_s >= self.ttl.0 || self.ttl.1 <= at_s {
            self.ttl = (ttl_s, at_s.saturating_add(ttl_s.into()));
        }
    }

    fn agreed(&self, zone: &Name, key: &ZoneKey, at_s: u64) -> Agreed {
        let before = self.keys.iter().find(|agreed| agreed.dnskey == key.dnskey);
        let is_gap = self.complete_s.is_some_and(|complete_s| complete_s.saturating_add(MAX_GAP_S) < at_s);
        let seen = key.ds_confirmed.filter(|known| known.by == DsSource::Seen);
        let since_s = |published: bool| {
            let known_s = match before {
                Some(_) if is_gap => None,
                Some(agreed) if published => agreed.everywhere_since_s,
                Some(agreed) => agreed.nowhere_since_s,
                None => seen.filter(|known| known.published == published).map(|known| known.at_s),
            };
            let mut answers = self.servers.iter().filter_map(Server::answer);
            let agree = answers.all(|said| has(zone, key, said) == published);
            let begins_s = self.is_complete().then_some(at_s);
            known_s.map(|known_s| known_s.min(at_s)).or(begins_s).filter(|_| agree)
        };
        Agreed {
            dnskey: key.dnskey.clone(),
            tag: key.tag(),
            algorithm: key.algorithm(),
            everywhere_since_s: since_s(true),
            nowhere_since_s: since_s(false),
        }
    }

    /// Whether every server answered in the last round.
    pub fn is_complete(&self) -> bool {
        let all = !self.servers.is_empty() && self.servers.iter().all(|server| server.answer().is_some());
        self.problem.is_none() && all
    }

    /// What all servers say: nothing while one does not answer.
    pub fn ds_seen(&self) -> Vec<DsSeen> {
        let seen = |agreed: &Agreed| DsSeen {
            tag: agreed.tag,
            algorithm: agreed.algorithm,
            at_all_servers_since_s: agreed.everywhere_since_s,
            gone_from_all_servers_since_s: agreed.nowhere_since_s,
            ttl_s: self.ttl.0,
        };
        if self.is_complete() { self.keys.iter().map(seen).collect() } else { Vec::new() }
    }

    /// Whether the timeline, the gate and people hear the same from both.
    pub fn says_the_same(&self, other: &Parent) -> bool {
        let problems = |parent: &Parent| -> Vec<Option<Problem>> {
            let servers = parent.servers.iter().map(|server| server.problem.clone());
            servers.chain([parent.problem.clone()]).collect()
        };
        self.ds_seen() == other.ds_seen() && self.ds_sets() == other.ds_sets() && problems(self) == problems(other)
    }

    /// The DS RRsets that servers have now, each once.
    pub fn ds_sets(&self) -> Vec<Vec<Vec<u8>>> {
        let mut sets: Vec<Vec<Vec<u8>>> =
            self.servers.iter().filter_map(Server::answer).map(|said| said.ds.clone()).collect();
        sets.iter_mut().for_each(|set| set.sort());
        sets.sort();
        sets.dedup();
        sets
    }

    /// Whether every server says that the parent zone does not have the zone's name: nobody can expect a DS record.
    pub fn is_undelegated(&self) -> bool {
        self.is_complete() && self.servers.iter().filter_map(Server::answer).all(|said| !said.is_delegated)
    }

    /// The first server whose DS records lead to none of the zone's keys: those who ask it refuse the zone.
    pub fn broken_at(&self, zone: &Name, dnskeys: &[Vec<u8>]) -> Option<&ServerId> {
        let is_broken = |server: &&Server| server.answer().is_some_and(|said| is_broken(zone, dnskeys, &said.ds));
        self.servers.iter().find(is_broken).map(|server| &server.id)
    }

    /// Which server keeps a step from going on that waits for the DS record of `key` to be published, or withdrawn.
    pub fn remark(&self, zone: &Name, key: &ZoneKey, published: bool) -> Option<String> {
        if let Some(Problem { why, since_s }) = &self.problem {
            return Some(format!("{why}, since {}", moment(*since_s)));
        }
        let silent = self.servers.iter().filter_map(|server| {
            let Problem { why, since_s } = server.problem.as_ref()?;
            Some(format!("{} {why}, since {}", server.id, moment(*since_s)))
        });
        let late = |server: &&Server| server.answer().is_some_and(|said| has(zone, key, said) != published);
        let what = if published { "has not got it" } else { "still has it" };
        let late = self.servers.iter().filter(late).map(|server| format!("{} {what}", server.id));
        let all: Vec<String> = silent.chain(late).collect();
        let more =
            if all.len() > MAX_NAMED { format!(", and {} others", all.len() - MAX_NAMED) } else { String::new() };
        let named = all.iter().take(MAX_NAMED).cloned().collect::<Vec<_>>().join("; ");
        (!all.is_empty()).then(|| format!("{named}{more}"))
    }

    /// How long after a round the next one comes, in seconds: soon while a step waits since `waiting_since_s`, ever more
    /// seldom the longer it takes, and seldom otherwise. `propagation_s`: how fast the parent is.
    pub fn interval_s(&self, waiting_since_s: Option<u64>, now_s: u64, propagation_s: u32) -> u64 {
        let longest_s = if self.is_complete() { HOUR_S } else { RETRY_S };
        match waiting_since_s {
            Some(since_s) => {
                let first_s = u64::from(propagation_s).clamp(1, FIRST_INTERVAL_S);
                (now_s.saturating_sub(since_s) / 4).clamp(first_s, longest_s)
            }
            None if self.is_complete() && !self.is_broken => DAY_S,
            None => longest_s,
        }
    }
}

fn has(zone: &Name, key: &ZoneKey, said: &Said) -> bool {
    said.ds.iter().any(|ds| ds_matches(zone, &key.dnskey, ds))
}

/// Whether validators refuse a zone with these keys because of these DS records (RFC 4035 5.2): there are some that they
/// understand, and none of them leads to a key.
pub fn is_broken(zone: &Name, dnskeys: &[Vec<u8>], ds: &[Vec<u8>]) -> bool {
    let all: Vec<&[u8]> = ds.iter().map(Vec::as_slice).collect();
    let usable = usable_ds(&all, false);
    let leads = |ds: &&[u8]| dnskeys.iter().any(|dnskey| ds_matches(zone, dnskey, ds));
    !usable.is_empty() && !usable.iter().any(leads)
}
