//! A pass over the texts of all lists: lines become entries of the shards that are made next.

use std::ops::Range;

use dns::NameHasher;

use super::super::format::{Format, Found, Listed, Reason};
use super::super::index::{Depths, Reference, Stems, shard_of};
use super::super::text::{self, Hashes, Plain};
use super::report::ListReport;
use super::scratch::Scratch;
use crate::action::RuleRef;
use crate::who::ListId;

/// What tells that a text is the same as in the first pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Trace {
    /// Its lines.
    pub lines: u64,
    /// The sum of the hashes of its names.
    pub sum: u64,
}

/// Stems that are put into their filter together, so that the waits for its memory overlap.
const STEMS_TOGETHER: usize = 1024;

/// What only the first pass finds out.
#[derive(Debug)]
pub struct Survey {
    stems: Stems,
    /// Stems that have not been put into the filter.
    waiting: Vec<u64>,
    depths: Depths,
    /// A report for each list that has been begun, in order.
    pub reports: Vec<ListReport>,
}

impl Survey {
    /// Nothing is known but the lists that `reports` has.
    pub fn new(stems: Stems, reports: Vec<ListReport>) -> Survey {
        Survey { stems, waiting: Vec::with_capacity(STEMS_TOGETHER), depths: Depths::default(), reports }
    }

    /// Adds a name.
    #[inline]
    fn name(&mut self, hashes: Hashes, listed: Listed) {
        self.depths.add(hashes.labels, listed);
        if self.waiting.last() != Some(&hashes.stem) {
            self.waiting.push(hashes.stem);
        }
        if self.waiting.len() >= STEMS_TOGETHER {
            self.add_waiting();
        }
    }

    fn add_waiting(&mut self) {
        self.waiting.drain(..).for_each(|stem| self.stems.add(stem));
    }

    /// The stems of all names, their numbers of labels, and the reports.
    pub fn end(mut self) -> (Stems, Depths, Vec<ListReport>) {
        self.add_waiting();
        (self.stems, self.depths, self.reports)
    }
}

/// Reads the lines of a list.
pub struct Reader<'a> {
    /// What names are hashed by.
    pub hasher: NameHasher,
    /// The list and its format.
    pub list: ListId,
    /// See [`Format`].
    pub format: Format,
    /// The lines of the lists before it.
    pub start: u64,
    /// The shards that are made of this pass.
    pub group: Range<usize>,
    /// Where entries go.
    pub scratch: &'a mut Scratch,
    /// In the first pass.
    pub survey: Option<&'a mut Survey>,
    /// What has been read of the list.
    pub trace: &'a mut Trace,
}

impl Reader<'_> {
    /// Takes a line; `None` is one that is too long.
    #[inline]
    pub fn line(&mut self, line: Option<&[u8]>, rule: &mut dyn FnMut(RuleRef, &str)) {
        self.trace.lines += 1;
        if let Some(report) = self.report() {
            report.lines += 1;
        }
        let Some(line) = line else {
            return self.ignore(Reason::TooLong, b"");
        };
        self.format.read(line, &mut |found| match found {
            Found::Name(name, listed) => self.name(name, listed, line),
            Found::Unicode(name, listed) => match text::to_a_labels(name) {
                Some(name) => self.converted(&name, listed, line),
                None => self.ignore(Reason::BadName, line),
            },
            Found::Rule(text) => self.rule(text, rule),
            Found::Ignored(reason) => self.ignore(reason, line),
        });
    }

    fn converted(&mut self, name: &[u8], listed: Listed, line: &[u8]) {
        match text::check(name) {
            text::Kind::Name(name) => self.name(name, listed, line),
            _ => self.ignore(Reason::BadName, line),
        }
    }

    #[inline]
    fn name(&mut self, name: Plain<'_>, listed: Listed, line: &[u8]) {
        let hashes = name.hashes(self.hasher);
        let Some(reference) = Reference::new(self.start + self.trace.lines, listed) else {
            return self.ignore(Reason::TooMany, line);
        };
        self.trace.sum = self.trace.sum.wrapping_add(hashes.whole);
        if let Some(survey) = self.survey.as_deref_mut() {
            survey.name(hashes, listed);
        }
        let shard = shard_of(hashes.whole);
        if self.group.contains(&shard) {
            self.scratch.add(shard - self.group.start, hashes.whole, reference);
        }
    }

    fn rule(&mut self, text: &str, rule: &mut dyn FnMut(RuleRef, &str)) {
        let line = u32::try_from(self.trace.lines).ok();
        let list = self.list;
        match (self.report(), line) {
            (Some(report), Some(line)) => {
                report.rules += 1;
                rule(RuleRef { list, line }, text);
            }
            (_, None) => self.ignore(Reason::TooMany, text.as_bytes()),
            (None, _) => {}
        }
    }

    fn ignore(&mut self, reason: Reason, line: &[u8]) {
        if let Some(report) = self.report() {
            report.ignore(reason, line);
        }
    }

    fn report(&mut self) -> Option<&mut ListReport> {
        self.survey.as_deref_mut()?.reports.last_mut()
    }
}
