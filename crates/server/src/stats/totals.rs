//! The counters of all threads together, for those who show them.

use std::collections::BTreeMap;
use std::fmt::Write;

use dns::RType;
use dns::header::Rcode;

use super::{BOUNDS_US, INFO_CODES, LISTS, PLAIN, QTYPES, RCODES, Stats, Times, UpstreamGroup};
use crate::source::SourceGroup;
use crate::transport::Transport;

/// Sums over threads, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totals {
    /// The plain counters, in the order of [`PLAIN`].
    pub plain: [u64; PLAIN.len()],
    /// Answers by RCODE, and by number of [`SourceGroup`].
    pub answers: [[u64; SourceGroup::ALL.len()]; RCODES],
    /// How long answers took, by number of [`SourceGroup`].
    pub times: [Times; SourceGroup::ALL.len()],
    /// Answers by what validation said, in the order of `resolver::Security`.
    pub security: [u64; 4],
    /// Answers by info code of the reason that they give; the last are those that are not counted on their own.
    pub info: [u64; INFO_CODES + 1],
    /// Answers that a rule blocked or spelled out, by number of the list; the last are those that a rule allowed.
    pub blocked: Vec<u64>,
    /// Questions by number of [`Transport`] and by type; the last are those that are not counted on their own.
    pub questions: [Vec<u64>; Transport::ALL.len()],
    /// How long other servers took.
    pub upstream: BTreeMap<UpstreamGroup, Times>,
}

impl Default for Totals {
    fn default() -> Totals {
        Totals {
            plain: [0; PLAIN.len()],
            answers: Default::default(),
            times: Default::default(),
            security: Default::default(),
            info: [0; INFO_CODES + 1],
            blocked: vec![0; LISTS + 1],
            questions: std::array::from_fn(|_| vec![0; QTYPES + 1]),
            upstream: BTreeMap::new(),
        }
    }
}

impl Totals {
    /// Adds what a thread has counted.
    pub fn add(&mut self, stats: &Stats) {
        let Stats { answers, questions, .. } = stats;
        let plain = self.plain.iter_mut().zip(stats.plain());
        let rcodes = self.answers.iter_mut().flatten().zip(answers.by_rcode.iter().flatten());
        let security = self.security.iter_mut().zip(&answers.security);
        let info = self.info.iter_mut().zip(&answers.info);
        let blocked = self.blocked.iter_mut().zip(answers.blocked.0.iter());
        let types = self.questions.iter_mut().flatten().zip(questions.0.iter().flatten());
        let all = plain.chain(rcodes).chain(security).chain(info).chain(blocked).chain(types);
        all.for_each(|(sum, counter)| *sum += counter.get());
        self.times.iter_mut().zip(&answers.times).for_each(|(sum, times)| sum.merge(&times.get()));
        stats.upstream_times.add_to(&mut self.upstream);
    }

    /// The sum of a plain counter; 0 for names that there are not.
    pub fn get(&self, name: &str) -> u64 {
        PLAIN.iter().zip(self.plain).find(|((known, _), _)| *known == name).map_or(0, |(_, value)| value)
    }

    /// All responses.
    pub fn responses(&self) -> u64 {
        self.answers.iter().flatten().sum()
    }

    /// The responses of one source.
    pub fn of_group(&self, group: SourceGroup) -> u64 {
        self.answers.iter().map(|groups| groups[group as usize]).sum()
    }

    /// Questions of each type that has a name, and all others as `other`, without those that nobody asked.
    pub fn questions_over(&self, transport: Transport) -> Vec<(String, u64)> {
        by_name(&self.questions[transport as usize])
    }

    /// All counts as lines of `name value`; zeros are left out, but for plain counters.
    pub fn report(&self) -> String {
        let mut out = String::new();
        let mut line = |name: &str, value: u64| {
            let _ = writeln!(out, "{name} {value}");
        };
        line("responses", self.responses());
        PLAIN.iter().zip(self.plain).for_each(|((name, _), value)| line(name, value));
        let mut some = |name: String, value: u64| {
            if value > 0 {
                line(&name, value);
            }
        };
        for (rcode, groups) in (0..).zip(&self.answers) {
            some(format!("rcode.{}", Rcode(rcode)), groups.iter().sum());
        }
        for group in SourceGroup::ALL {
            some(format!("source.{}", group.as_str()), self.of_group(group));
        }
        for (group, times) in SourceGroup::ALL.iter().zip(&self.times) {
            for (class, &count) in times.classes.iter().enumerate() {
                let bound = BOUNDS_US.get(class).map_or("inf".to_owned(), u64::to_string);
                some(format!("response_us.{}.{bound}", group.as_str()), count);
            }
        }
        let [udp, tcp] = &self.questions;
        let both: Vec<u64> = udp.iter().zip(tcp).map(|(udp, tcp)| udp + tcp).collect();
        by_name(&both).into_iter().for_each(|(name, count)| some(format!("qtype.{name}"), count));
        out
    }
}

/// The counts of types that have names, and the sum of all others, where they are not 0.
fn by_name(counts: &[u64]) -> Vec<(String, u64)> {
    let (mut named, mut other) = (Vec::new(), 0);
    for (number, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let rtype = RType(number as u16);
        match number < QTYPES && rtype.is_known() {
            true => named.push((rtype.to_string(), count)),
            false => other += count,
        }
    }
    named.extend((other > 0).then(|| ("other".to_owned(), other)));
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_without_a_name_are_counted_together() {
        let stats = Stats::default();
        let types = [RType::A, RType(257), RType(300), RType(64_000), RType(128), RType::A];
        types.iter().for_each(|&rtype| stats.asked(Transport::Udp, rtype));
        stats.asked(Transport::Tcp, RType::A);
        let mut totals = Totals::default();
        totals.add(&stats);
        let expected = [("A", 2), ("CAA", 1), ("other", 3)].map(|(name, count)| (name.to_owned(), count));
        assert_eq!(totals.questions_over(Transport::Udp), expected);
        assert_eq!(totals.questions_over(Transport::Tcp), [("A".to_owned(), 1)]);
        totals.add(&stats);
        assert!(totals.report().lines().any(|line| line == "qtype.A 6"), "{}", totals.report());
    }
}
