//! The zone as its servers serve it: the DNSKEY RRset, CDS records, and some RRsets that are signed one after the other.

use signer::keys::{ZoneKey, ZoneKeys};

use crate::history::{Algorithms, History, KeySet};
use crate::parent::Cds;
use crate::random::Random;

pub struct Served {
    pub sets: History<KeySet>,
    pub cds: History<Cds>,
    pub data: Vec<Data>,
    pub algorithms: Algorithms,
    /// Until a change is served by every server, at the most.
    propagation_s: u64,
    /// Until an RRset is signed anew, at the most.
    signing_s: u64,
}

/// An RRset, by those who sign it.
pub struct Data {
    pub signers: History<Vec<u16>>,
    ttl_s: u64,
    /// When it is signed anew.
    due_s: Option<u64>,
}

fn tags(keys: &ZoneKeys, matches: impl Fn(&ZoneKey) -> bool) -> Vec<u16> {
    keys.keys.iter().filter(|key| matches(key)).map(ZoneKey::tag).collect()
}

impl Served {
    pub fn new(keys: &ZoneKeys, ttls_s: &[u64], negative_s: u64, propagation_s: u64, random: &mut Random) -> Served {
        let servers = 1 + random.up_to(2) as usize;
        let signers = tags(keys, ZoneKey::signs_zone);
        let data = ttls_s.iter().map(|&ttl_s| {
            let signers = History::new(signers.clone(), ttl_s, servers);
            Data { signers, ttl_s, due_s: None }
        });
        Served {
            sets: History::new(key_set(keys), negative_s, servers),
            cds: History::new(cds(keys), 0, servers),
            data: data.collect(),
            algorithms: keys.keys.iter().map(|key| (key.tag(), key.algorithm().0)).collect(),
            propagation_s,
            signing_s: random.one_of(&[0, 600, 86_400]),
        }
    }

    /// Publishes what the keys ask for. RRsets that other keys shall sign are signed soon.
    pub fn publish(&mut self, keys: &ZoneKeys, key_ttl_s: u64, now_s: u64, random: &mut Random) {
        self.algorithms.extend(keys.keys.iter().map(|key| (key.tag(), key.algorithm().0)));
        let set = key_set(keys);
        let ttl_s = if set.keys.is_empty() { 0 } else { key_ttl_s };
        let most_s = self.propagation_s;
        if set != *self.sets.newest() || !set.keys.is_empty() {
            self.sets.change(set, ttl_s, now_s, || random.up_to(most_s));
        }
        let asks = cds(keys);
        self.cds.change(asks, 0, now_s, || random.up_to(most_s));
        let signers = tags(keys, ZoneKey::signs_zone);
        for data in self.data.iter_mut().filter(|data| *data.signers.newest() != signers && data.due_s.is_none()) {
            data.due_s = Some(now_s + random.up_to(self.signing_s));
        }
    }

    /// Signs the RRsets whose time has come.
    pub fn sign(&mut self, keys: &ZoneKeys, now_s: u64, random: &mut Random) {
        let (signers, most_s) = (tags(keys, ZoneKey::signs_zone), self.propagation_s);
        for data in self.data.iter_mut().filter(|data| data.due_s.is_some_and(|due_s| due_s <= now_s)) {
            data.due_s = None;
            data.signers.change(signers.clone(), data.ttl_s, now_s, || random.up_to(most_s));
        }
    }

    pub fn next_s(&self) -> Option<u64> {
        self.data.iter().filter_map(|data| data.due_s).min()
    }

    pub fn is_signed(&self, keys: &ZoneKeys) -> bool {
        let signers = tags(keys, ZoneKey::signs_zone);
        self.data.iter().all(|data| *data.signers.newest() == signers)
    }
}

fn key_set(keys: &ZoneKeys) -> KeySet {
    KeySet { keys: tags(keys, ZoneKey::is_published), signers: tags(keys, ZoneKey::signs_keys) }
}

fn cds(keys: &ZoneKeys) -> Cds {
    let wanted = tags(keys, ZoneKey::wants_ds);
    match wanted.is_empty() {
        false => Cds::Keys(wanted),
        true if keys.wants_delete_ds() => Cds::Delete,
        true => Cds::None,
    }
}
