//! What the devices ask, query by query: a visit is a name and what its page has besides. The same seed, rate and time of
//! start give the same queries.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use dns::RType;

use super::model::{self, BEATS, Beat, DEVICES, Device};
use super::names::{Names, Topic};
use super::random::Random;

const SECOND_US: u64 = 1_000_000;
/// Visits that are tried to learn how many queries one has.
const TRIED: usize = 3000;
/// Parts of a page that come from elsewhere.
const MAX_PARTS: usize = 4;
/// A visit is over after so long.
const MAX_VISIT_US: usize = 900_000;
/// How many of 100 questions for a page are for the type HTTPS too.
const HTTPS_PERCENT: u32 = 55;

/// A question of a device. They are in the order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// When, in microseconds since 1970.
    pub at_us: u64,
    /// Its number: questions of one moment are told apart.
    pub number: u64,
    /// Which of [`DEVICES`].
    pub device: usize,
    /// Which of the names.
    pub site: usize,
    /// The type.
    pub rtype: RType,
    /// Which of [`BEATS`] it comes from, and goes on with.
    beat: Option<usize>,
}

/// All that is asked from a moment on, without end.
#[derive(Debug)]
pub struct Traffic {
    names: Arc<Names>,
    random: Random,
    /// What is already known to be asked.
    pending: BinaryHeap<Reverse<Asked>>,
    number: u64,
    /// When somebody may visit something next.
    visit_us: u64,
    /// Visits a second at the busiest moment.
    visits: f64,
    peak: f64,
}

impl Traffic {
    /// The traffic from `from_us` on, with `rate` queries a second at the busiest moment of a week.
    pub fn new(names: Arc<Names>, seed: u64, rate: f64, from_us: u64) -> Traffic {
        let peak = model::peak();
        let random = Random::new(seed);
        let mut traffic =
            Traffic { names, random, pending: BinaryHeap::new(), number: 0, visit_us: from_us, visits: 1.0, peak };
        // Tried at every hour of a working day.
        for tried in 0..TRIED {
            traffic.visit((tried % 24) as u64 * 3600 * SECOND_US);
        }
        let a_visit = traffic.pending.len() as f64 / TRIED as f64;
        traffic.pending.clear();
        traffic.visits = rate / a_visit.max(1.0);
        for (beat, Beat { late_ms, .. }) in BEATS.iter().enumerate().map(|(number, beat)| (number, *beat)) {
            let late_us = (traffic.random.part() * late_ms as f64 * 1000.0) as u64;
            traffic.beat(beat, from_us + late_us);
        }
        traffic
    }

    fn push(&mut self, at_us: u64, device: usize, site: usize, rtype: RType, beat: Option<usize>) {
        self.number += 1;
        self.pending.push(Reverse(Asked { at_us, number: self.number, device, site, rtype, beat }));
    }

    /// A device asks for what its clock tells it to; the first question brings the next time with it.
    fn beat(&mut self, number: usize, at_us: u64) {
        let beat = BEATS[number];
        let Some(device) = DEVICES.iter().position(|device| device.name == beat.device) else { return };
        let names = self.names.clone();
        let (mut next, mut at_us) = (Some(number), at_us);
        for &site in names.of_topic(beat.topic) {
            for &rtype in names.sites[site].types {
                self.push(at_us, device, site, rtype, next.take());
                at_us += 3000 + self.random.below(4000) as u64;
            }
        }
    }

    /// One device asks for something that it is in the habit of.
    fn visit(&mut self, at_us: u64) {
        let at_s = at_us / SECOND_US;
        let device = self.random.weighted(DEVICES.iter().map(|device: &Device| device.activity(at_s)));
        let habits = DEVICES[device].habits;
        let topic = habits[self.random.weighted(habits.iter().map(|(_, weight)| *weight))].0;
        self.ask(at_us, device, topic);
        let parts = match topic {
            Topic::Web | Topic::Shop => 1 + self.random.below(MAX_PARTS),
            Topic::Social | Topic::Video => self.random.below(MAX_PARTS),
            _ => 0,
        };
        for _ in 0..parts {
            let topic = match self.random.below(10) {
                0..=4 => Topic::Parts,
                5..=7 => Topic::Ads,
                _ => Topic::Trackers,
            };
            let later_us = 20_000 + self.random.below(MAX_VISIT_US) as u64;
            self.ask(at_us + later_us, device, topic);
        }
    }

    /// The questions for one name of a topic.
    fn ask(&mut self, at_us: u64, device: usize, topic: Topic) {
        let names = self.names.clone();
        let sites = names.of_topic(topic);
        // The first names of a topic are the most popular ones.
        let part = self.random.part();
        let Some(&site) = sites.get((part * part * sites.len() as f64) as usize) else { return };
        let mut at_us = at_us;
        for &rtype in names.sites[site].types {
            if rtype != RType::HTTPS || self.random.percent(HTTPS_PERCENT) {
                self.push(at_us, device, site, rtype, None);
                at_us += 200 + self.random.below(1500) as u64;
            }
        }
    }

    /// Goes on to the next visit, of which there are as many as the devices are awake.
    fn next_visit(&mut self) {
        let at_us = self.visit_us;
        if self.random.part() * self.peak < model::activity(at_us / SECOND_US) {
            self.visit(at_us);
        }
        self.visit_us += (self.random.gap(self.visits) * SECOND_US as f64) as u64 + 1;
    }
}

impl Iterator for Traffic {
    type Item = Asked;

    fn next(&mut self) -> Option<Asked> {
        while self.pending.peek().is_none_or(|Reverse(asked)| asked.at_us >= self.visit_us) {
            self.next_visit();
        }
        let Reverse(asked) = self.pending.pop()?;
        if let Some(number) = asked.beat {
            let Beat { seconds, late_ms, .. } = BEATS[number];
            let late_us = self.random.below(late_ms as usize * 1000) as u64;
            // By its clock, not by when it was late.
            let begin_us = asked.at_us / (seconds * SECOND_US) * seconds * SECOND_US;
            self.beat(number, begin_us + seconds * SECOND_US + late_us);
        }
        Some(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Wednesday, 00:00.
    const DAY_US: u64 = 19_998 * 86_400 * SECOND_US;
    const HOUR_US: u64 = 3600 * SECOND_US;

    fn traffic(seed: u64, rate: f64, from_us: u64) -> Traffic {
        Traffic::new(Arc::new(Names::new().expect("names")), seed, rate, from_us)
    }

    fn within(seed: u64, rate: f64, from_us: u64, length_us: u64) -> Vec<Asked> {
        traffic(seed, rate, from_us).take_while(|asked| asked.at_us < from_us + length_us).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_traffic() {
        let [one, again, other] = [5, 5, 6].map(|seed| within(seed, 20.0, DAY_US, HOUR_US));
        assert!(one.len() > 1000);
        assert_eq!(one, again);
        assert_ne!(one, other);
    }

    #[test]
    fn it_is_in_the_order_of_time_and_as_much_as_asked_for() {
        let busy = within(1, 30.0, DAY_US + 14 * HOUR_US, HOUR_US);
        assert!(busy.is_sorted(), "the order of time");
        let (rate, expected) =
            (busy.len() as f64 / 3600.0, 30.0 * model::activity(DAY_US / SECOND_US + 14 * 3600) / model::peak());
        assert!((rate / expected - 1.0).abs() < 0.25, "{rate} instead of {expected} a second");
        let night = within(1, 30.0, DAY_US + 3 * HOUR_US, HOUR_US);
        assert!(night.len() * 2 < busy.len(), "{} at night", night.len());
    }

    #[test]
    fn the_thermostat_and_the_printer_go_by_the_clock() {
        let names = Names::new().expect("names");
        let asked = within(3, 5.0, DAY_US, HOUR_US);
        let count = |topic: Topic| asked.iter().filter(|asked| names.of_topic(topic).contains(&asked.site)).count();
        // Two types of one name every 45 seconds, of three names every 20.
        assert!((158..=162).contains(&count(Topic::Beacon)), "{}", count(Topic::Beacon));
        assert!((1070..=1090).contains(&count(Topic::OldDomain)), "{}", count(Topic::OldDomain));
        let of_others = asked.iter().filter(|asked| names.of_topic(Topic::Beacon).contains(&asked.site));
        assert!(of_others.clone().all(|asked| DEVICES[asked.device].name == "thermostat"));
    }
}
