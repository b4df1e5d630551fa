//! Makes an index of the texts of lists, in place of another and part by part.
//!
//! The texts are read in several passes; each makes a group of shards, which replace the old ones one by one. So memory
//! peaks at the index, what was read of a group, and a shard. Whoever calls reads the files and publishes:
//!
//! ```
//! # use policy::blocking::{build::{Rebuild, Source}, format::Format, index::Index};
//! # let old = Index::empty(dns::NameHasher::new(7));
//! # let texts = ["0.0.0.0 ads.example\n"];
//! # let sources = vec![Source { list: policy::ListId(1), format: Format::Hosts, octets: 20 }];
//! let mut rebuild = Rebuild::new(old, sources)?;
//! while let Some(mut pass) = rebuild.pass() {
//!     for text in &texts {
//!         pass.read(text.as_bytes(), &mut |_rule, _text| {});
//!         pass.end_of_list(&mut |_rule, _text| {})?;
//!     }
//!     let mut swaps = pass.end()?;
//!     while let Some(index) = swaps.next_shard() {
//!         // Now and then: publish a copy of `index`.
//!         assert!(index.names() <= 1);
//!     }
//! }
//! let (index, reports) = rebuild.finish()?;
//! assert_eq!((index.names(), reports[0].own_names), (1, 1));
//! # Ok::<(), policy::blocking::build::BuildError>(())
//! ```

mod reading;
mod report;
mod scratch;

use std::ops::Range;
use std::sync::Arc;

use thiserror::Error;

use super::format::{Format, Lines};
use super::index::{Depths, Index, MAX_LINES, Reference, SHARDS, Shard, Starts, Stems};
use crate::action::RuleRef;
use crate::who::ListId;
use reading::{Reader, Survey, Trace};
use report::Counts;
use scratch::Scratch;

pub use report::{Example, Ignored, ListReport, MAX_EXAMPLE_OCTETS, MAX_EXAMPLES, MAX_OVERLAPPING_LISTS};

/// Passes over texts of more than [`ONE_PASS_OCTETS`] when the shards of another index are swapped: what is read for one,
/// twelve octets a line, takes about a sixth of what the index does.
const SWAP_PASSES: usize = 7;
/// Passes over such texts when no names are there: only the last meets an index that is nearly whole.
const FRESH_PASSES: usize = 3;
/// Up to so many octets of text all shards are made of one pass: that takes some 10 MiB.
const ONE_PASS_OCTETS: u64 = 16 * 1024 * 1024;

/// A list to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// Its number.
    pub list: ListId,
    /// How it is written.
    pub format: Format,
    /// Octets of its text; what depends on it gets slower, not wrong, if the text has more.
    pub octets: u64,
}

/// Why an index cannot be made. What has been swapped by then is right for the texts as they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BuildError {
    /// Two lists have the same number.
    #[error("two lists have the number {0:?}")]
    Twice(ListId),
    /// A text is not the same as in the first pass.
    #[error("the text of list {0:?} changed while it was read")]
    Changed(ListId),
    /// A pass was ended before every list was, or a list that is not there was read.
    #[error("a pass must read every list once")]
    Incomplete,
}

/// An index in the making.
#[derive(Debug)]
pub struct Rebuild {
    index: Index,
    sources: Vec<Source>,
    passes: usize,
    /// Passes that have been completed.
    done: usize,
    scratch: Scratch,
    counts: Counts,
    /// Shards whose names have been counted.
    counted: usize,
    reports: Vec<ListReport>,
    /// What the first pass has read, by list.
    traces: Vec<Trace>,
    starts: Starts,
    found: Option<(Arc<Stems>, Depths)>,
}

impl Rebuild {
    /// Begins to make an index of `sources`, whose shards replace those of `old`.
    ///
    /// # Errors
    /// [`BuildError::Twice`].
    pub fn new(old: Index, sources: Vec<Source>) -> Result<Rebuild, BuildError> {
        for (position, source) in sources.iter().enumerate() {
            if sources.iter().take(position).any(|other| other.list == source.list) {
                return Err(BuildError::Twice(source.list));
            }
        }
        let octets: u64 = sources.iter().map(|source| source.octets).sum();
        let passes = match (octets <= ONE_PASS_OCTETS, old.names() == 0) {
            (true, _) => 1,
            (false, true) => FRESH_PASSES,
            (false, false) => SWAP_PASSES,
        };
        Ok(Rebuild {
            index: old,
            passes,
            done: 0,
            scratch: Scratch::default(),
            counts: Counts::new(sources.len()),
            counted: 0,
            reports: Vec::new(),
            traces: Vec::new(),
            starts: Starts::default(),
            found: None,
            sources,
        })
    }

    /// How often the texts are read.
    pub fn passes(&self) -> usize {
        self.passes
    }

    /// The next pass, or `None` after the last. One that is dropped before its end is begun again.
    pub fn pass(&mut self) -> Option<Pass<'_>> {
        if self.done == self.passes {
            return None;
        }
        let group = self.done * SHARDS / self.passes..(self.done + 1) * SHARDS / self.passes;
        self.scratch.start(group.len());
        let octets = self.sources.iter().map(|source| source.octets).sum();
        let survey = (self.done == 0).then(|| {
            let reports = self.sources.first().map(|source| ListReport::new(source.list)).into_iter().collect();
            Survey::new(Stems::for_octets(octets), reports)
        });
        Some(Pass {
            rebuild: self,
            group,
            survey,
            lines: Lines::default(),
            position: 0,
            start: 0,
            trace: Trace::default(),
            traces: Vec::new(),
        })
    }

    /// The index and the reports of its lists, in the order of the sources.
    ///
    /// # Errors
    /// [`BuildError::Incomplete`] if passes are left.
    pub fn finish(mut self) -> Result<(Index, Vec<ListReport>), BuildError> {
        let (true, Some((stems, depths))) = (self.done == self.passes, self.found) else {
            return Err(BuildError::Incomplete);
        };
        self.index.end_swap(stems, depths);
        self.counts.fill(&mut self.reports);
        Ok((self.index, self.reports))
    }
}

/// One pass over the texts of all lists, in the order of the sources.
#[derive(Debug)]
pub struct Pass<'a> {
    rebuild: &'a mut Rebuild,
    group: Range<usize>,
    survey: Option<Survey>,
    lines: Lines,
    position: usize,
    start: u64,
    trace: Trace,
    traces: Vec<Trace>,
}

impl<'a> Pass<'a> {
    /// Takes the next chunk of the current list's text. In the first pass `rule` gets what is more than a name.
    pub fn read(&mut self, chunk: &[u8], rule: &mut dyn FnMut(RuleRef, &str)) {
        self.with_reader(|lines, reader| lines.push(chunk, &mut |line| reader.line(line, rule)));
    }

    /// The current list's text ends here; the next list follows. A last line without an end is taken now; if it is a rule
    /// it goes to `rule`.
    ///
    /// # Errors
    /// [`BuildError::Changed`], [`BuildError::Incomplete`] if all lists have been read.
    pub fn end_of_list(&mut self, rule: &mut dyn FnMut(RuleRef, &str)) -> Result<(), BuildError> {
        self.with_reader(|lines, reader| lines.end(&mut |line| reader.line(line, rule)));
        let source = self.rebuild.sources.get(self.position).ok_or(BuildError::Incomplete)?;
        let trace = std::mem::take(&mut self.trace);
        if self.survey.is_none() && self.rebuild.traces.get(self.position) != Some(&trace) {
            return Err(BuildError::Changed(source.list));
        }
        self.traces.push(trace);
        self.start += trace.lines;
        self.position += 1;
        if let (Some(survey), Some(next)) = (&mut self.survey, self.rebuild.sources.get(self.position)) {
            survey.reports.push(ListReport::new(next.list));
        }
        Ok(())
    }

    fn with_reader(&mut self, read: impl FnOnce(&mut Lines, &mut Reader<'_>)) {
        let Some(source) = self.rebuild.sources.get(self.position) else { return };
        let mut reader = Reader {
            hasher: self.rebuild.index.hasher(),
            list: source.list,
            format: source.format,
            start: self.start,
            group: self.group.clone(),
            scratch: &mut self.rebuild.scratch,
            survey: self.survey.as_mut(),
            trace: &mut self.trace,
        };
        read(&mut self.lines, &mut reader);
    }

    /// Every list has been read: the shards can be swapped.
    ///
    /// # Errors
    /// [`BuildError::Incomplete`].
    pub fn end(self) -> Result<Swaps<'a>, BuildError> {
        if self.position < self.rebuild.sources.len() {
            return Err(BuildError::Incomplete);
        }
        let rebuild = self.rebuild;
        if let Some(survey) = self.survey {
            let mut start = 0u64;
            let starts: Vec<(u32, ListId)> = rebuild
                .sources
                .iter()
                .zip(&self.traces)
                .map(|(source, trace)| {
                    // Lists that begin after the last line that is counted have no names.
                    let at = start.min(MAX_LINES.into()) as u32;
                    start += trace.lines;
                    (at, source.list)
                })
                .collect();
            let (stems, depths, reports) = survey.end();
            let stems = Arc::new(stems);
            rebuild.starts = Starts::new(&starts);
            rebuild.traces = self.traces;
            rebuild.reports = reports;
            rebuild.index.begin_swap(Arc::clone(&stems), &depths);
            rebuild.found = Some((stems, depths));
        }
        Ok(Swaps { rebuild, group: self.group, next: 0 })
    }
}

/// Swaps the shards of a pass. What is not swapped when it is dropped stays as it was, and the pass is due again.
#[derive(Debug)]
pub struct Swaps<'a> {
    rebuild: &'a mut Rebuild,
    group: Range<usize>,
    /// Shards of the group that have been swapped; one more when the pass is over.
    next: usize,
}

impl Swaps<'_> {
    /// Makes the next shard and swaps it: the index as it is then, or `None` when the pass is over.
    pub fn next_shard(&mut self) -> Option<&Index> {
        let position = self.group.start + self.next;
        if position >= self.group.end {
            self.rebuild.done += usize::from(self.next == self.group.len());
            self.next = self.group.len() + 1;
            return None;
        }
        let Rebuild { index, scratch, counts, counted, starts, .. } = &mut *self.rebuild;
        let entries = scratch.take(self.next);
        // Of a pass that is made again nothing is counted twice.
        let mut discarded = Counts::new(0);
        let first_time = position >= *counted;
        count(entries, if first_time { counts } else { &mut discarded }, starts);
        *counted = (*counted).max(position + 1);
        let shard = if entries.is_empty() { Shard::empty() } else { Arc::new(Shard::new(entries, starts.clone())) };
        index.swap(position, shard);
        self.next += 1;
        Some(index)
    }
}

/// Counts the names of sorted entries, and drops entries of a list that has said the same of the name before.
fn count(entries: &mut Vec<(u64, Reference)>, counts: &mut Counts, starts: &Starts) {
    let mut references: Vec<Reference> = Vec::new();
    let (mut read, mut write) = (0, 0);
    while let Some((hash, _)) = entries.get(read).copied() {
        references.clear();
        references
            .extend(entries.iter().skip(read).take_while(|(other, _)| *other == hash).map(|(_, reference)| *reference));
        read += references.len();
        counts.name(&mut references, starts);
        for reference in &references {
            if let Some(place) = entries.get_mut(write) {
                *place = (hash, *reference);
            }
            write += 1;
        }
    }
    entries.truncate(write);
}

#[cfg(test)]
mod tests;
