//! Counts of the past: each second of the last hour, each minute of the last week, each hour of the last 400 days.

use std::collections::{BTreeMap, VecDeque};

use super::counts::Counts;
use super::pack::{pack, unpack};

/// A level: how long each of its spans is, and how many are kept.
#[derive(Debug, Clone, Copy)]
pub struct Resolution {
    /// Seconds of a span.
    pub span_s: u64,
    /// Spans that are kept.
    pub kept: usize,
}

/// The levels, finest first.
pub const RESOLUTIONS: [Resolution; 3] = [
    Resolution { span_s: 1, kept: 3600 },
    Resolution { span_s: 60, kept: 7 * 24 * 60 },
    Resolution { span_s: 3600, kept: 400 * 24 },
];

/// A clock that goes back by more than so many seconds has been set: what lies behind it is discarded.
const MAX_BACK_S: u64 = 120;

/// What was counted in one span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Which: seconds since 1970 by the length of the level's spans.
    pub number: u64,
    /// The counts, packed.
    pub packed: Box<[u8]>,
}

/// All that is kept.
#[derive(Debug, Default)]
pub struct Levels {
    levels: [VecDeque<Span>; RESOLUTIONS.len()],
    /// What has been counted of the current span of each level, the finest excepted.
    current: [(u64, Counts); RESOLUTIONS.len()],
}

impl Levels {
    /// Adds what was counted in the second `now_s` since 1970. Returns the spans that are complete now, with their
    /// level.
    pub fn add(&mut self, now_s: u64, counts: &Counts) -> Vec<(usize, Span)> {
        let last = self.levels[0].back().map_or(0, |span| span.number);
        if now_s + MAX_BACK_S < last {
            self.discard_after(now_s);
        }
        // A clock that went back a little: the time is what it was.
        let now_s = now_s.max(self.levels[0].back().map_or(0, |span| span.number + 1));
        let mut complete = Vec::new();
        let coarser = RESOLUTIONS.iter().zip(&mut self.current).enumerate().skip(1);
        for (level, (resolution, (current, sum))) in coarser {
            let number = now_s / resolution.span_s;
            if *current != number {
                let before = std::mem::take(sum);
                if *current > 0 {
                    complete.push((level, Span { number: *current, packed: pack(&before) }));
                }
                *current = number;
            }
            sum.add(counts);
        }
        complete.push((0, Span { number: now_s, packed: pack(counts) }));
        complete.iter().for_each(|(level, span)| self.put(*level, span.clone()));
        complete
    }

    /// Puts a span behind the others of its level; the oldest make room. Spans out of order are left out.
    pub fn put(&mut self, level: usize, span: Span) {
        let (Some(spans), Some(resolution)) = (self.levels.get_mut(level), RESOLUTIONS.get(level)) else { return };
        if spans.back().is_some_and(|last| last.number >= span.number) {
            return;
        }
        let oldest = (span.number + 1).saturating_sub(resolution.kept as u64);
        spans.push_back(span);
        while spans.front().is_some_and(|first| first.number < oldest) {
            spans.pop_front();
        }
    }

    /// Goes on after a start at `now_s`: what lies behind that time was counted by a clock that was wrong, and the
    /// spans that were not complete have what the finer levels know of them.
    pub fn resume(&mut self, now_s: u64) {
        self.discard_after(now_s);
        for (finer, pair) in RESOLUTIONS.windows(2).enumerate() {
            let [Resolution { span_s: finer_s, .. }, Resolution { span_s, .. }] = pair else { continue };
            let (coarse, number) = (finer + 1, now_s / span_s);
            let last = self.levels[coarse].back().map(|span| span.number);
            let mut sums: BTreeMap<u64, Counts> = BTreeMap::from([(number, Counts::default())]);
            let spans = self.levels[finer].iter().rev().map(|span| (span.number * finer_s / span_s, span));
            let newer = spans.take_while(|(at, _)| last.is_none_or(|last| *at > last));
            for (at, counts) in newer.filter_map(|(at, span)| Some((at, unpack(&span.packed)?))) {
                sums.entry(at).or_default().add(&counts);
            }
            // What is not complete at the finer level belongs to it too.
            let (at, counts) = &self.current[finer];
            if finer > 0 {
                sums.entry(at * finer_s / span_s).or_default().add(counts);
            }
            for (at, sum) in sums {
                if at == number {
                    self.current[coarse] = (number, sum);
                } else {
                    self.put(coarse, Span { number: at, packed: pack(&sum) });
                }
            }
        }
    }

    fn discard_after(&mut self, now_s: u64) {
        for (spans, resolution) in self.levels.iter_mut().zip(RESOLUTIONS) {
            while spans.back().is_some_and(|last| last.number * resolution.span_s > now_s) {
                spans.pop_back();
            }
        }
        self.current = Default::default();
    }

    /// The spans of a level within the seconds from `from_s` to `to_s`, the current one included, oldest first.
    pub fn between(&self, level: usize, from_s: u64, to_s: u64) -> impl Iterator<Item = (u64, Counts)> {
        let span_s = RESOLUTIONS[level].span_s;
        let spans = &self.levels[level];
        let first = spans.partition_point(|span| (span.number + 1) * span_s <= from_s);
        let kept = spans.iter().skip(first).filter_map(|span| Some((span.number, unpack(&span.packed)?)));
        let current = Some(&self.current[level]).filter(|(number, _)| *number > 0).cloned();
        let all = kept.chain(current).map(move |(number, counts)| (number * span_s, counts));
        all.filter(move |&(at_s, _)| at_s + span_s > from_s).take_while(move |&(at_s, _)| at_s < to_s)
    }

    /// All spans with their levels, for writing them out.
    pub fn all(&self) -> impl Iterator<Item = (usize, &Span)> {
        self.levels.iter().enumerate().flat_map(|(level, spans)| spans.iter().map(move |span| (level, span)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::counts::FIELDS;
    use super::*;

    const START_S: u64 = 1_700_000_000;

    fn counts(n: u64) -> Counts {
        let mut fields = [0; FIELDS];
        fields[0] = n;
        Counts::from_fields(fields)
    }

    fn sum(levels: &Levels, level: usize) -> (usize, u64) {
        let spans: Vec<_> = levels.between(level, 0, u64::MAX).collect();
        (spans.len(), spans.iter().map(|(_, counts)| counts.responses()).sum())
    }

    #[test]
    fn seconds_become_minutes_and_hours_and_old_ones_go() {
        let mut levels = Levels::default();
        (0..2 * 3600).for_each(|second| drop(levels.add(START_S + second, &counts(second % 7))));
        let all: u64 = (0..2 * 3600).map(|second| second % 7).sum();
        assert_eq!(sum(&levels, 0).0, 3600);
        assert_eq!(sum(&levels, 1), (2 * 60 + 1, all), "minutes begin with the clock's");
        assert_eq!(sum(&levels, 2), (3, all));
    }

    #[test]
    fn a_restart_goes_on_in_the_same_minute_and_hour() {
        let mut levels = Levels::default();
        let mut kept = Vec::new();
        (0..1000).for_each(|second| kept.extend(levels.add(START_S + second, &counts(1))));
        let mut again = Levels::default();
        kept.into_iter().for_each(|(level, span)| again.put(level, span));
        again.resume(START_S + 1000);
        (1000..2000).for_each(|second| drop(again.add(START_S + second, &counts(1))));
        for level in 0..3 {
            assert_eq!(sum(&again, level).1, 2000, "level {level}");
        }
    }

    #[test]
    fn a_clock_that_goes_back_loses_at_most_what_lies_behind_it() {
        let mut levels = Levels::default();
        (0..100).for_each(|second| drop(levels.add(START_S + second, &counts(1))));
        drop(levels.add(START_S + 95, &counts(1)));
        assert_eq!(sum(&levels, 0), (101, 101), "a little: counted on");
        drop(levels.add(START_S - 1000, &counts(1)));
        assert_eq!(sum(&levels, 0), (1, 1), "set back: those times are yet to come");
    }
}
