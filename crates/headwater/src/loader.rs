//! Zone files on disk to zone contents: reads, parses, builds, checks. Called at start, on reload and
//! by the `check` and `zone` commands.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use dns::zonefile::{self, Includes, Options, Outcome, Problem, Record, Sink};
use dns::{Class, Name, NameBuf, NameHasher, RType};
use zone::check::{Finding, Severity};
use zone::{Builder, Contents};

/// Smallest number of octets that a record takes in a zone file, for guessing how many there are.
const GUESSED_RECORD_BYTES: usize = 40;
/// Most problems that are reported for one zone.
const MAX_PROBLEMS: usize = 1000;

/// Reads the files that zone files include.
pub struct Files;

impl Includes for Files {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }
}

/// A zone that can be served.
pub struct Loaded {
    /// The records.
    pub contents: Contents,
    /// What its owner should look at.
    pub warnings: Vec<Problem>,
    /// What the files looked like when they were read.
    pub stamps: Vec<Stamp>,
}

/// A zone that was refused.
pub struct Refused {
    /// Everything that is wrong with it.
    pub problems: Vec<Problem>,
    /// What the files looked like when they were read.
    pub stamps: Vec<Stamp>,
}

/// Tells whether a file is still the one that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    path: PathBuf,
    seen: Option<(u64, SystemTime)>,
}

impl Stamp {
    fn of(path: &Path) -> Stamp {
        let seen = fs::metadata(path).ok().and_then(|meta| Some((meta.len(), meta.modified().ok()?)));
        Stamp { path: path.to_owned(), seen }
    }

    /// Whether the file has not been touched since.
    pub fn is_current(&self) -> bool {
        self.seen.is_some() && Stamp::of(&self.path) == *self
    }
}

/// Takes records over into a builder, and notes those outside the zone.
struct ToBuilder {
    builder: Builder,
    outside: Vec<(u32, u32, NameBuf)>,
}

impl Sink for ToBuilder {
    #[inline]
    fn record(&mut self, record: Record<'_>) {
        let added = self.builder.add(record.owner, record.rtype, record.ttl, record.rdata);
        if added.is_err() && self.outside.len() < MAX_PROBLEMS {
            self.outside.push((record.file, record.line, record.owner.to_owned()));
        }
    }
}

/// Loads the zone `name` from `file`.
///
/// # Errors
/// Everything that is wrong with it, each with its line.
pub fn load(name: &Name, file: &Path, hasher: NameHasher) -> Result<Loaded, Refused> {
    // The stamp is taken first: a file that changes while it is read looks changed later.
    let stamp = Stamp::of(file);
    let source = match fs::read(file) {
        Ok(source) => source,
        Err(error) => {
            let problems = vec![problem(file, 0, format!("cannot be read: {error}"))];
            return Err(Refused { problems, stamps: vec![stamp] });
        }
    };
    let options = options(name, file);
    let mut sink = ToBuilder { builder: Builder::new(name, hasher), outside: Vec::new() };
    sink.builder.reserve(source.len() / GUESSED_RECORD_BYTES);
    let outcome = zonefile::parse(&source, &options, &Files, &mut sink);
    let stamps = stamps(stamp, &outcome);
    let (contents, findings) = sink.builder.finish();
    let places = places(&source, &options, &findings);
    let mut problems = outcome.problems;
    for (file, line, owner) in sink.outside {
        problems.push(problem(&outcome.files[file as usize], line, format!("{owner} is not in the zone {name}")));
    }
    let (errors, warnings): (Vec<_>, Vec<_>) =
        findings.iter().zip(places).partition(|(finding, _)| finding.severity == Severity::Error);
    // What is missing from a file with bad lines may stand in just those.
    if problems.is_empty() {
        problems.extend(errors.into_iter().map(|(finding, place)| located(finding, place)));
    }
    if !problems.is_empty() {
        return Err(Refused { problems, stamps });
    }
    let warnings = warnings.into_iter().map(|(finding, place)| located(finding, place)).collect();
    Ok(Loaded { contents, warnings, stamps })
}

/// How zone files are read.
pub fn options<'a>(origin: &'a Name, file: &'a Path) -> Options<'a> {
    Options { origin, default_ttl: None, file, class: Class::IN }
}

fn stamps(main: Stamp, outcome: &Outcome) -> Vec<Stamp> {
    let included = outcome.files.iter().filter(|path| **path != main.path).map(|path| Stamp::of(path));
    let included: Vec<Stamp> = included.collect();
    std::iter::once(main).chain(included).collect()
}

fn problem(file: &Path, line: u32, message: String) -> Problem {
    Problem { file: file.to_owned(), line, column: 1, message }
}

fn located(finding: &Finding, (file, line): (PathBuf, u32)) -> Problem {
    problem(&file, line, finding.to_string())
}

/// Where the first record stands that each finding is about. Only when there are findings is the file
/// read once more for that.
fn places(source: &[u8], options: &Options<'_>, findings: &[Finding]) -> Vec<(PathBuf, u32)> {
    if findings.is_empty() {
        return Vec::new();
    }
    let mut finder = Finder { wanted: HashMap::new(), found: vec![None; findings.len()] };
    for (i, finding) in findings.iter().enumerate() {
        finder.wanted.entry(finding.owner.clone()).or_default().push((finding.rtype, i));
    }
    let outcome = zonefile::parse(source, options, &Files, &mut finder);
    let place = |found: &Option<Place>| match found {
        Some(place) => (outcome.files[place.file as usize].clone(), place.line),
        None => (options.file.to_owned(), 1),
    };
    finder.found.iter().map(place).collect()
}

#[derive(Clone, Copy)]
struct Place {
    file: u32,
    line: u32,
    exact: bool,
}

/// Finds the lines of owners and types.
struct Finder {
    wanted: HashMap<NameBuf, Vec<(Option<RType>, usize)>>,
    found: Vec<Option<Place>>,
}

impl Sink for Finder {
    fn record(&mut self, record: Record<'_>) {
        for &(rtype, i) in self.wanted.get(record.owner).into_iter().flatten() {
            let exact = rtype.is_none_or(|rtype| rtype == record.rtype);
            if self.found[i].is_none_or(|place| exact && !place.exact) {
                self.found[i] = Some(Place { file: record.file, line: record.line, exact });
            }
        }
    }
}

/// Does `work` for each of `items` on as many threads as there are processors; the results come in the
/// order of the items. `progress` is told how many are done, now and then.
pub fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
    progress: impl Fn(usize) + Sync,
) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(items.len());
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(items.len()));
    let run = || {
        let mut own = Vec::new();
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(i) else { break };
            own.push((i, work(item)));
            progress(i);
        }
        results.lock().unwrap_or_else(PoisonError::into_inner).append(&mut own);
    };
    if threads <= 1 {
        run();
    } else {
        std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(run))));
    }
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_unstable_by_key(|&(i, _)| i);
    results.into_iter().map(|(_, result)| result).collect()
}
