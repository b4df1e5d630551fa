//! What is known of a list once it is in an index.

use super::super::format::Reason;
use super::super::index::{Reference, Starts};
use crate::who::ListId;

/// Ignored lines that are kept as examples of each reason.
pub const MAX_EXAMPLES: usize = 5;
/// Octets that are kept of such a line.
pub const MAX_EXAMPLE_OCTETS: usize = 120;
/// Of a name that is in more lists, the overlaps among the first so many are counted.
pub const MAX_OVERLAPPING_LISTS: usize = 16;

/// What a list contributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListReport {
    /// The list.
    pub list: ListId,
    /// Its lines, comments included.
    pub lines: u64,
    /// Names, each counted once.
    pub names: u64,
    /// Those of its names that no other list has.
    pub own_names: u64,
    /// Rules that are more than a name; they were handed over as text.
    pub rules: u64,
    /// How many of its names each other list has, without lists that have none.
    pub overlaps: Vec<(ListId, u64)>,
    /// What was ignored, by reason.
    pub ignored: Vec<Ignored>,
}

/// Lines, or names of lines, that have no effect for the same reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// The reason.
    pub reason: Reason,
    /// How many there are.
    pub count: u64,
    /// The first of them, [`MAX_EXAMPLES`] at most.
    pub examples: Vec<Example>,
}

/// An ignored line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// Its number in the list, from 1.
    pub line: u64,
    /// Its text, cut after [`MAX_EXAMPLE_OCTETS`]; what is not UTF-8 is replaced.
    pub text: String,
}

impl ListReport {
    /// A report of a list of which nothing is known yet.
    pub fn new(list: ListId) -> ListReport {
        ListReport { list, lines: 0, names: 0, own_names: 0, rules: 0, overlaps: Vec::new(), ignored: Vec::new() }
    }

    /// Counts what is ignored.
    pub fn ignore(&mut self, reason: Reason, text: &[u8]) {
        let position = self.ignored.iter().position(|ignored| ignored.reason == reason).unwrap_or_else(|| {
            self.ignored.push(Ignored { reason, count: 0, examples: Vec::new() });
            self.ignored.len() - 1
        });
        let Some(ignored) = self.ignored.get_mut(position) else { return };
        ignored.count += 1;
        let seen = ignored.examples.last().is_some_and(|last| last.line == self.lines);
        if ignored.examples.len() < MAX_EXAMPLES && !seen {
            let text = String::from_utf8_lossy(text.get(..MAX_EXAMPLE_OCTETS).unwrap_or(text)).into_owned();
            ignored.examples.push(Example { line: self.lines, text });
        }
    }
}

/// How many names each list has, alone and together with each other.
#[derive(Debug, Default)]
pub struct Counts {
    names: Vec<u64>,
    own: Vec<u64>,
    /// A row for each list: the names that it shares with each.
    shared: Vec<u64>,
}

impl Counts {
    /// For so many lists.
    pub fn new(lists: usize) -> Counts {
        Counts { names: vec![0; lists], own: vec![0; lists], shared: vec![0; lists * lists] }
    }

    /// Counts a name by its references, which are sorted by what they say and then by line, and drops those of a list that
    /// has said the same of it before.
    pub fn name(&mut self, references: &mut Vec<Reference>, starts: &Starts) {
        if let [only] = references.as_slice() {
            let list = starts.position(only.line());
            bump(&mut self.names, list);
            return bump(&mut self.own, list);
        }
        let list = |reference: &Reference| starts.position(reference.line());
        references.dedup_by(|next, first| next.says_as(*first) && list(next) == list(first));
        let mut lists: Vec<usize> = references.iter().map(list).collect();
        lists.sort_unstable();
        lists.dedup();
        lists.iter().for_each(|list| bump(&mut self.names, *list));
        if let [only] = lists.as_slice() {
            return bump(&mut self.own, *only);
        }
        lists.truncate(MAX_OVERLAPPING_LISTS);
        let width = self.names.len();
        for a in &lists {
            lists.iter().filter(|b| *b != a).for_each(|b| bump(&mut self.shared, a * width + b));
        }
    }

    /// Writes the figures into the reports of the lists, which are in the order of the lists.
    pub fn fill(&self, reports: &mut [ListReport]) {
        let lists: Vec<ListId> = reports.iter().map(|report| report.list).collect();
        let width = self.names.len().max(1);
        for (((report, names), own), shared) in
            reports.iter_mut().zip(&self.names).zip(&self.own).zip(self.shared.chunks(width))
        {
            (report.names, report.own_names) = (*names, *own);
            report.overlaps =
                lists.iter().copied().zip(shared.iter().copied()).filter(|(_, count)| *count > 0).collect();
        }
    }
}

fn bump(counts: &mut [u64], position: usize) {
    if let Some(count) = counts.get_mut(position) {
        *count += 1;
    }
}
