//! What is wrong with a configuration, and where: collected by every step of loading, returned all at once.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where a value was written. Line and column count from 1; line 0 means that the source has no lines
/// (an environment variable, a flag).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// Index into the report's sources; 0 is "nowhere": a default.
    pub source: u32,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// One error, or one warning, of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problem {
    /// File name, environment variable or flag.
    pub file: String,
    /// Line, from 1; 0 where there are no lines.
    pub line: u32,
    /// Column in characters, from 1; 0 where there are no lines.
    pub column: u32,
    /// The key, such as `server.dns_port` or `zones[3].name`; empty for the document as a whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

/// Something that is accepted but has no effect; the same shape as an error.
pub type Warning = Problem;

impl Problem {
    /// `file:line:column`, or the file alone where there are no lines.
    pub fn place(&self) -> String {
        match self.line {
            0 => self.file.clone(),
            line => format!("{}:{line}:{}", self.file, self.column),
        }
    }

    /// `path: message (did you mean ...?)`
    pub fn what(&self) -> String {
        let path = if self.path.is_empty() { String::new() } else { format!("{}: ", self.path) };
        let suggestion = self.suggestion.as_ref().map(|word| format!(" (did you mean `{word}`?)"));
        format!("{path}{}{}", self.message, suggestion.unwrap_or_default())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place(), self.what())
    }
}

/// Where values come from: a file, an environment variable, a flag.
#[derive(Debug)]
struct Source {
    name: String,
    /// Directory that relative paths written here start from.
    base: PathBuf,
}

/// Everything found so far while a configuration is loaded.
#[derive(Debug)]
pub struct Report {
    sources: Vec<Source>,
    errors: Vec<(Mark, Problem)>,
    /// Places that could not be read at all: what stands in for the value there is not worth a second error.
    unreadable: HashSet<Mark>,
    warnings: Vec<(Mark, Problem)>,
}

impl Report {
    /// An empty report; defaults that are relative paths start from `base`.
    pub fn new(base: &Path) -> Report {
        let defaults = Source { name: "default".into(), base: base.into() };
        Report { sources: vec![defaults], errors: Vec::new(), unreadable: HashSet::new(), warnings: Vec::new() }
    }

    /// Registers a source; the result goes into `Mark::source`.
    pub fn add_source(&mut self, name: impl Into<String>, base: &Path) -> u32 {
        self.sources.push(Source { name: name.into(), base: base.into() });
        (self.sources.len() - 1) as u32
    }

    /// `path` as written at `mark`, made relative to its source's directory.
    pub fn resolve(&self, mark: Mark, path: &str) -> PathBuf {
        self.sources.get(mark.source as usize).map_or_else(|| path.into(), |source| source.base.join(path))
    }

    /// Records that what stands at `mark` cannot be read, with what was probably meant.
    pub fn unreadable(
        &mut self,
        mark: Mark,
        path: impl Into<String>,
        message: impl Into<String>,
        suggestion: Option<String>,
    ) {
        let problem = self.problem(mark, path.into(), message.into(), suggestion);
        self.errors.push((mark, problem));
        if mark.line > 0 {
            self.unreadable.insert(mark);
        }
    }

    /// Records that the value at `mark` makes no sense.
    pub fn error(&mut self, mark: Mark, path: impl Into<String>, message: impl Into<String>) {
        self.error_meaning(mark, path, message, None);
    }

    /// Records that the value at `mark` makes no sense, with what was probably meant.
    pub fn error_meaning(
        &mut self,
        mark: Mark,
        path: impl Into<String>,
        message: impl Into<String>,
        suggestion: Option<String>,
    ) {
        if !self.unreadable.contains(&mark) {
            let problem = self.problem(mark, path.into(), message.into(), suggestion);
            self.errors.push((mark, problem));
        }
    }

    /// Records a warning.
    pub fn warn(&mut self, mark: Mark, path: impl Into<String>, message: impl Into<String>) {
        let problem = self.problem(mark, path.into(), message.into(), None);
        self.warnings.push((mark, problem));
    }

    /// How many errors there are so far.
    pub fn errors(&self) -> usize {
        self.errors.len()
    }

    /// Describes a place for use inside another message: `line 4`, or the source's name.
    pub fn place(&self, mark: Mark) -> String {
        match mark.line {
            0 => self.source_name(mark).to_owned(),
            line => format!("line {line}"),
        }
    }

    /// `Ok(warnings)` if there is no error, else the errors; both in the order of the text.
    pub fn finish(mut self) -> Result<Vec<Warning>, Vec<Problem>> {
        let sorted = |found: &mut Vec<(Mark, Problem)>| {
            found.sort_by_key(|(mark, _)| *mark);
            std::mem::take(found).into_iter().map(|(_, problem)| problem).collect()
        };
        if self.errors.is_empty() { Ok(sorted(&mut self.warnings)) } else { Err(sorted(&mut self.errors)) }
    }

    /// The name of the source that `mark` is in.
    pub fn source_of(&self, mark: Mark) -> String {
        self.source_name(mark).to_owned()
    }

    fn source_name(&self, mark: Mark) -> &str {
        self.sources.get(mark.source as usize).map_or("", |source| &source.name)
    }

    fn problem(&self, mark: Mark, path: String, message: String, suggestion: Option<String>) -> Problem {
        let file = self.source_name(mark).to_owned();
        Problem { file, line: mark.line, column: mark.column, path, message, suggestion }
    }
}

/// The one of `candidates` that `word` is probably a misspelling of.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    /// Jaro-Winkler similarity from which a suggestion helps more than it puzzles.
    const LEAST_SIMILARITY: f64 = 0.8;
    let word = word.to_ascii_lowercase().replace('-', "_");
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&word, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(similarity, _)| *similarity >= LEAST_SIMILARITY)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}
