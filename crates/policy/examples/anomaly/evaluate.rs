//! Plays queries to a detector and counts what it reports.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use dns::NameBuf;
use policy::anomaly::{Anomaly, Detector, Observation, Stage, Thresholds};

use crate::attacks::{Attack, Family};
use crate::benign::{MODELS, World};
use crate::traffic::{DAY, HOUR, Query, Rng, SECOND};

/// What a day's queries led to.
pub struct Played {
    pub begun: Vec<Anomaly>,
    pub queries: u64,
}

/// A detector behind a cache.
pub struct Network {
    detector: Detector,
    /// When what is cached ends, by name and type.
    cache: HashMap<(String, u16), u64>,
    ticked_ms: u64,
}

impl Network {
    pub fn new(seed: u64) -> Network {
        let detector = Detector::new(Thresholds::default(), seed);
        Network { detector, cache: HashMap::new(), ticked_ms: 0 }
    }

    /// Plays `queries` in the order of their times.
    pub fn play(&mut self, mut queries: Vec<Query>) -> Played {
        queries.sort_by_key(|query| query.time_ms);
        let mut played = Played { begun: Vec::new(), queries: queries.len() as u64 };
        for query in &queries {
            while self.ticked_ms + 10 * SECOND <= query.time_ms {
                self.ticked_ms += 10 * SECOND;
                self.tick(&mut played.begun);
            }
            self.observe(query);
        }
        self.ticked_ms += 10 * SECOND;
        self.tick(&mut played.begun);
        self.cache.clear();
        played
    }

    fn tick(&mut self, begun: &mut Vec<Anomaly>) {
        let news = self.detector.tick(self.ticked_ms);
        begun.extend(news.into_iter().filter(|anomaly| anomaly.stage == Stage::Begun));
    }

    fn observe(&mut self, query: &Query) {
        let Ok(name) = query.name.parse::<NameBuf>() else { return };
        let until = self.cache.entry((query.name.clone(), query.qtype.0)).or_default();
        let from_cache = *until > query.time_ms;
        if !from_cache {
            *until = query.time_ms + u64::from(query.ttl) * SECOND;
        }
        let min_ttl = ((*until - query.time_ms) / SECOND) as u32;
        let address = query.address.into_iter().collect::<Vec<_>>();
        self.detector.observe(&Observation {
            time_ms: query.time_ms,
            client: IpAddr::from((0x0a00_0000 + query.client).to_be_bytes()),
            device: None,
            name: &name,
            qtype: query.qtype,
            rcode: query.rcode,
            blocked: false,
            payload_len: query.payload_len,
            addresses: &address,
            min_ttl,
            from_cache,
            zone_of_ours: false,
        });
    }
}

/// Days of networks of as many clients as there are models: false alarms by kind, and how many queries there were.
pub fn false_alarms(seed: u64, days: u64) -> (BTreeMap<String, Vec<Anomaly>>, u64) {
    let world = World::new(seed);
    let mut network = Network::new(seed);
    let (mut alarms, mut queries) = (BTreeMap::<String, Vec<Anomaly>>::new(), 0);
    for day in 0..days {
        let mut asked = Vec::new();
        for (client, model) in MODELS.iter().enumerate() {
            world.day(*model, client as u32, day, seed, &mut asked);
        }
        let played = network.play(asked);
        queries += played.queries;
        for anomaly in played.begun {
            alarms.entry(anomaly.kind.to_string()).or_default().push(anomaly);
        }
    }
    (alarms, queries)
}

/// How many of `trials` attacks of a family were reported as what they are; each comes from a client that has been
/// there since the morning and goes on with what it does.
pub fn detected(family: &Family, trials: u64, seed: u64) -> u64 {
    let world = World::new(seed);
    (0..trials)
        .filter(|trial| {
            let mut queries = Vec::new();
            let models = [MODELS[(*trial % 3) as usize], MODELS[3 + (*trial % 3) as usize]];
            for (client, model) in models.iter().enumerate() {
                world.day(*model, client as u32, 0, seed + trial, &mut queries);
            }
            let rng = Rng::new(seed ^ (trial << 20));
            (family.run)(&mut Attack { rng, client: 0, start_ms: 10 * HOUR, out: &mut queries });
            queries.retain(|query| query.time_ms < 2 * DAY);
            Network::new(*trial).play(queries).begun.iter().any(|anomaly| anomaly.kind == family.kind)
        })
        .count() as u64
}
