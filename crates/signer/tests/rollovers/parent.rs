//! The parent: a database of DS records that several servers serve after a while. It reads CDS records now and then from
//! one of the zone's servers, acts late or not at all, and sometimes undoes what it did.

use signer::policy::SigningPolicy;

use crate::history::History;
use crate::random::Random;

/// What the CDS records of the zone ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cds {
    /// Nothing: there are none.
    None,
    /// These keys.
    Keys(Vec<u16>),
    /// That there be no DS records (RFC 8078 4).
    Delete,
}

pub struct Parent {
    pub ds: History<Vec<u16>>,
    pub ttl_s: u64,
    interval_s: u64,
    /// Percent of the times at which it looks and does nothing.
    lazy: u64,
    /// Percent of its changes that it undoes.
    fickle: u64,
    next_look_s: u64,
    /// What it will do, and when.
    planned: Option<(u64, Vec<u16>)>,
    /// When it will undo its last change, and what it goes back to.
    undo: Option<(u64, Vec<u16>)>,
    /// What it undid last.
    undone: Option<Vec<u16>>,
}

impl Parent {
    pub fn new(ds: Vec<u16>, ttl_s: u64, now_s: u64, random: &mut Random) -> Parent {
        let servers = 1 + random.up_to(2) as usize;
        let interval_s = random.one_of(&[7200, 43_200, 259_200]);
        Parent {
            ds: History::new(ds, ttl_s, servers),
            ttl_s,
            interval_s,
            lazy: random.one_of(&[0, 30]),
            fickle: random.one_of(&[0, 30]),
            next_look_s: now_s,
            planned: None,
            undo: None,
            undone: None,
        }
    }

    /// When it will do something next.
    pub fn next_s(&self) -> u64 {
        let planned_s = self.planned.as_ref().map(|planned| planned.0);
        let undo_s = self.undo.as_ref().map(|undo| undo.0);
        [Some(self.next_look_s), planned_s, undo_s].into_iter().flatten().min().expect("it always looks again")
    }

    /// Whether it will, or may, do something else than the servers of the zone ask for in the end.
    pub fn is_busy(&self, asks: &History<Cds>, now_s: u64) -> bool {
        let agree = (0..asks.servers()).all(|server| asks.served(server, now_s) == asks.newest());
        !agree || self.planned.is_some() || self.undo.is_some()
    }

    /// What it does now; a sentence, if it changes something.
    pub fn act(
        &mut self,
        asks: &History<Cds>,
        policy: &SigningPolicy,
        now_s: u64,
        random: &mut Random,
    ) -> Option<String> {
        let most_s = u64::from(policy.parent_propagation_s);
        if let Some((_, back)) = self.undo.take_if(|undo| undo.0 <= now_s) {
            self.planned = None;
            let sentence = format!("the parent goes back to DS {back:?}");
            self.ds.change(back, self.ttl_s, now_s, || random.up_to(most_s));
            return Some(sentence);
        }
        if let Some((begun_s, wanted)) = self.planned.take_if(|planned| planned.0 <= now_s) {
            let before = self.ds.newest().clone();
            let sentence = format!("the parent changes DS {before:?} to {wanted:?}");
            let rest_s = most_s / 2;
            self.ds.change(wanted.clone(), self.ttl_s, begun_s, || random.up_to(rest_s));
            // What is undone later than this would break any zone: the keys of the old DS records are gone.
            let latest_s = self.ttl_s.saturating_sub(most_s + 1);
            self.undo = None;
            // Nor does it undo the same twice: servers that never saw it undone count from the first time.
            let is_first = self.undone.as_ref() != Some(&wanted);
            if is_first && 0 < latest_s && random.happens(self.fickle) {
                self.undone = Some(wanted.clone());
                self.undo = Some((now_s + random.up_to(latest_s), before));
            }
            return Some(sentence);
        }
        if self.next_look_s <= now_s {
            self.next_look_s = now_s + 1 + random.up_to(self.interval_s);
            let server = random.up_to(asks.servers() as u64 - 1) as usize;
            let wanted = match asks.served(server, now_s) {
                Cds::None => None,
                Cds::Keys(keys) => Some(keys.clone()),
                Cds::Delete => Some(Vec::new()),
            };
            let wanted = wanted.filter(|wanted| wanted != self.ds.newest() && self.planned.is_none());
            if let Some(wanted) = wanted.filter(|_| !random.happens(self.lazy)) {
                self.planned = Some((now_s + random.up_to(most_s / 2), wanted));
            }
        }
        None
    }
}
