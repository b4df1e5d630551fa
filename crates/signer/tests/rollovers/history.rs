//! What was served when by whom, and what caches can have of it.
//!
//! A crowd of caches is modelled by all of them at once: a cache can have a version of an RRset from the moment a server
//! begins to serve it until the TTL after the moment the server ends. Caches fetch each RRset by itself, so that at any
//! moment each combination of versions that can be had is in some cache, and each is checked.

use std::collections::BTreeMap;
use std::fmt::Debug;

/// An RRset as several servers serve it, one version after the other.
pub struct History<T> {
    versions: Vec<Version<T>>,
}

struct Version<T> {
    content: T,
    ttl_s: u64,
    /// When each server begins to serve it; it ends when it begins with the next one.
    from_s: Vec<u64>,
}

/// A version that caches can have in this time.
#[derive(Debug)]
pub struct Held<'a, T> {
    pub content: &'a T,
    pub from_s: u64,
    /// The end of the time; not in it.
    pub to_s: u64,
}

impl<T: PartialEq + Clone> History<T> {
    /// What `servers` servers have always served.
    pub fn new(content: T, ttl_s: u64, servers: usize) -> History<T> {
        History { versions: vec![Version { content, ttl_s, from_s: vec![0; servers] }] }
    }

    /// A new version; each server has it after its `lags_s`, and never goes back.
    pub fn change(&mut self, content: T, ttl_s: u64, at_s: u64, mut lag_s: impl FnMut() -> u64) {
        let last = self.versions.last().expect("there is always one");
        if last.content == content && last.ttl_s == ttl_s {
            return;
        }
        let from_s = last.from_s.iter().map(|&before_s| before_s.max(at_s + lag_s())).collect();
        self.versions.push(Version { content, ttl_s, from_s });
    }

    /// The newest version, whether or not it is served yet.
    pub fn newest(&self) -> &T {
        &self.versions.last().expect("there is always one").content
    }

    pub fn servers(&self) -> usize {
        self.versions[0].from_s.len()
    }

    /// What a server serves.
    pub fn served(&self, server: usize, at_s: u64) -> &T {
        let served = self.versions.iter().rev().find(|version| version.from_s[server] <= at_s);
        &served.expect("the first is from the beginning").content
    }

    /// Since when a server serves, without interruption until `at_s`, what `matches`.
    pub fn since_s(&self, server: usize, at_s: u64, matches: impl Fn(&T) -> bool) -> Option<u64> {
        let served = self.versions.iter().rev().skip_while(|version| at_s < version.from_s[server]);
        // A version that a server skipped was never served by it.
        let mut end_s = u64::MAX;
        let mut since_s = None;
        for version in served {
            let from_s = version.from_s[server];
            if from_s < end_s {
                if !matches(&version.content) {
                    break;
                }
                since_s = Some(from_s);
                end_s = from_s;
            }
        }
        since_s
    }

    /// What caches can have until `end_s`.
    pub fn held(&self, end_s: u64) -> Vec<Held<'_, T>> {
        let mut held: Vec<Held<'_, T>> = Vec::new();
        for (place, version) in self.versions.iter().enumerate() {
            let first = held.len();
            for server in 0..self.servers() {
                let from_s = version.from_s[server];
                let next = self.versions.get(place + 1);
                let to_s = next.map_or(end_s, |next| next.from_s[server]);
                if from_s < to_s {
                    held.push(Held { content: &version.content, from_s, to_s: to_s + version.ttl_s });
                }
            }
            merge(&mut held, first);
        }
        held
    }
}

/// Joins times of one version that meet.
fn merge<T>(held: &mut Vec<Held<'_, T>>, first: usize) {
    let mut times: Vec<Held<'_, T>> = held.drain(first..).collect();
    times.sort_by_key(|time| time.from_s);
    for time in times {
        match held.get_mut(first..).and_then(<[_]>::last_mut) {
            Some(last) if time.from_s <= last.to_s => last.to_s = last.to_s.max(time.to_s),
            _ => held.push(time),
        }
    }
}

/// Key tags and their algorithms.
pub type Algorithms = BTreeMap<u16, u8>;

/// The DNSKEY RRset: the keys in it, and those that sign it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeySet {
    pub keys: Vec<u16>,
    pub signers: Vec<u16>,
}

/// Whether a validator that has these three finds what the strictest asks for: for each algorithm of the DS RRset a key
/// that it names and that signs the DNSKEY RRset; for each algorithm of the DS and DNSKEY RRsets a key that signs the data.
pub fn is_valid(ds: &[u16], set: &KeySet, data: &[u16], algorithms: &Algorithms) -> bool {
    let algorithm = |tag: &u16| algorithms[tag];
    let signs = |tag: &&u16, signers: &[u16]| set.keys.contains(tag) && signers.contains(tag);
    let named = ds
        .iter()
        .map(algorithm)
        .all(|wanted| ds.iter().filter(|tag| algorithm(tag) == wanted).any(|tag| signs(&tag, &set.signers)));
    let complete = ds.iter().chain(&set.keys).map(algorithm).all(|wanted| {
        let by = |signers: &[u16]| set.keys.iter().any(|tag| algorithm(tag) == wanted && signs(&tag, signers));
        by(&set.signers) && by(data)
    });
    ds.is_empty() || named && complete
}

/// The first combination that some cache can have and that is not valid.
pub fn find_invalid(
    ds: &History<Vec<u16>>,
    sets: &History<KeySet>,
    data: &[&History<Vec<u16>>],
    algorithms: &Algorithms,
    end_s: u64,
) -> Option<String> {
    let sets = sets.held(end_s);
    let data: Vec<Vec<Held<'_, Vec<u16>>>> = data.iter().map(|history| history.held(end_s)).collect();
    let mut first: Option<(u64, String)> = None;
    for ds in ds.held(end_s).iter().filter(|ds| !ds.content.is_empty()) {
        for set in sets.iter().filter(|set| overlap_s(&[(ds.from_s, ds.to_s), (set.from_s, set.to_s)]).is_some()) {
            for data in data.iter().flatten() {
                let times = [(ds.from_s, ds.to_s), (set.from_s, set.to_s), (data.from_s, data.to_s)];
                let Some(at_s) = overlap_s(&times) else { continue };
                let is_first = first.as_ref().is_none_or(|(first_s, _)| at_s < *first_s);
                if is_first && !is_valid(ds.content, set.content, data.content, algorithms) {
                    first = Some((at_s, format!("at {at_s} a cache has DS {ds:?}, {set:?}, data signed by {data:?}")));
                }
            }
        }
    }
    first.map(|(_, sentence)| sentence)
}

/// The first moment that is in all times.
fn overlap_s(times: &[(u64, u64)]) -> Option<u64> {
    let from_s = times.iter().map(|time| time.0).max()?;
    let to_s = times.iter().map(|time| time.1).min()?;
    (from_s < to_s).then_some(from_s)
}
