//! Zone files on disk to zone contents: reads, parses, builds, checks. Called at start, on reload and
//! by the `check` and `zone` commands.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use dns::zonefile::{self, Includes, Options, Outcome, Problem, Record, Sink};
use dns::{Class, Name, NameBuf, NameHasher, RType};
use zone::check::{Finding, Severity, Source};
use zone::{Builder, Contents};

/// Smallest number of octets that a record takes in a zone file, for guessing how many there are.
const GUESSED_RECORD_BYTES: usize = 40;

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
    pub stamps: Stamps,
}

/// A zone that was refused.
pub struct Refused {
    /// Everything that is wrong with it.
    pub problems: Vec<Problem>,
    /// What the files looked like when they were read.
    pub stamps: Stamps,
}

/// A file that was changed this recently may change again without its time of change showing it.
const UNSURE: Duration = Duration::from_secs(2);

/// What a file looked like: octets and time of the last change; `None` if it could not be read, or was
/// changed so recently that this does not tell one state from the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp(Option<(u64, SystemTime)>);

impl Stamp {
    fn of(path: &Path) -> Stamp {
        fs::metadata(path).map_or(Stamp(None), |metadata| Stamp::from_metadata(&metadata))
    }

    fn from_metadata(metadata: &fs::Metadata) -> Stamp {
        let modified = metadata.modified().ok();
        let settled = modified.filter(|modified| modified.elapsed().is_ok_and(|age| age > UNSURE));
        Stamp(settled.map(|modified| (metadata.len(), modified)))
    }
}

/// Tells whether the files of a zone are still those that were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamps {
    main: Stamp,
    included: Box<[(PathBuf, Stamp)]>,
}

impl Stamps {
    fn of(main: Stamp) -> Stamps {
        Stamps { main, included: Box::default() }
    }

    /// Whether neither `main` nor what it includes has been touched since.
    pub fn are_current(&self, main: &Path) -> bool {
        let same = |path: &Path, stamp: &Stamp| stamp.0.is_some() && Stamp::of(path) == *stamp;
        same(main, &self.main) && self.included.iter().all(|(path, stamp)| same(path, stamp))
    }
}

/// Takes records over into a builder.
struct ToBuilder {
    builder: Builder,
}

impl Sink for ToBuilder {
    #[inline]
    fn record(&mut self, record: Record<'_>) {
        // What is outside the zone is left out; the builder reports it.
        let _ = self.builder.add(record.owner, record.rtype, record.ttl, record.rdata);
    }
}

/// Loads zones one after the other, in memory that it keeps between them.
pub struct Loader {
    sink: ToBuilder,
    source: Vec<u8>,
}

impl Loaded {
    /// The zone if nothing at all is wrong with it, which is how `--strict` wants it.
    ///
    /// # Errors
    /// What its owner should look at.
    pub fn strictly(self) -> Result<Loaded, Refused> {
        if self.warnings.is_empty() { Ok(self) } else { Err(Refused { problems: self.warnings, stamps: self.stamps }) }
    }
}

/// Loads one zone; see [`Loader::load`].
///
/// # Errors
/// Everything that is wrong with it, each with its line.
pub fn load(name: &Name, file: &Path, hasher: NameHasher) -> Result<Loaded, Refused> {
    Loader::new(hasher).load(name, file)
}

impl Loader {
    /// A loader of zones whose names are found under `hasher`.
    pub fn new(hasher: NameHasher) -> Loader {
        let builder = Builder::new(Name::root(), hasher);
        Loader { sink: ToBuilder { builder }, source: Vec::new() }
    }

    /// Loads the zone `name` from `file`.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its line. A panic is an error of this zone alone.
    pub fn load(&mut self, name: &Name, file: &Path) -> Result<Loaded, Refused> {
        let hasher = self.sink.builder.hasher();
        catch_unwind(AssertUnwindSafe(|| self.try_load(name, file))).unwrap_or_else(|_| {
            *self = Loader::new(hasher);
            let problems = vec![problem(file, 1, "loading it failed; this is a bug of the server".into())];
            Err(Refused { problems, stamps: Stamps::of(Stamp::of(file)) })
        })
    }

    fn try_load(&mut self, name: &Name, file: &Path) -> Result<Loaded, Refused> {
        let stamp = match self.read(file) {
            Ok(stamp) => stamp,
            Err(error) => {
                let problems = vec![problem(file, 1, format!("cannot be read: {error}"))];
                return Err(Refused { problems, stamps: Stamps::of(Stamp::of(file)) });
            }
        };
        let options = options(name, file);
        let sink = &mut self.sink;
        sink.builder.restart(name);
        sink.builder.reserve(self.source.len() / GUESSED_RECORD_BYTES);
        let outcome = zonefile::parse(&self.source, &options, &Files, sink);
        let stamps = Stamps { main: stamp, included: included(file, &outcome) };
        let (contents, findings) = sink.builder.finish();
        let places = places(&self.source, &options, &findings);
        judge(contents, findings.iter().zip(places), outcome.problems, stamps)
    }

    /// Reads the file into the loader's memory. The stamp is taken first: a file that changes while it
    /// is read looks changed later.
    fn read(&mut self, file: &Path) -> io::Result<Stamp> {
        self.source.clear();
        let mut file = fs::File::open(file)?;
        let metadata = file.metadata()?;
        file.read_to_end(&mut self.source)?;
        Ok(Stamp::from_metadata(&metadata))
    }
}

/// A zone is served unless something is wrong with it.
fn judge<'f>(
    contents: Contents,
    findings: impl Iterator<Item = (&'f Finding, (PathBuf, u32))>,
    mut problems: Vec<Problem>,
    stamps: Stamps,
) -> Result<Loaded, Refused> {
    let refuses = |finding: &Finding| finding.severity(Source::ZoneFile) == Severity::Error;
    let (errors, warnings): (Vec<_>, Vec<_>) = findings.partition(|(finding, _)| refuses(finding));
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
    Options { origin, default_ttl: None, file, class: Class::IN, rules: true }
}

/// The stamps of the files that `main` includes.
fn included(main: &Path, outcome: &Outcome) -> Box<[(PathBuf, Stamp)]> {
    let others = outcome.files.iter().filter(|path| *path != main);
    others.map(|path| (path.clone(), Stamp::of(path))).collect()
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
/// order of the items. Each thread has a `state` of its own. `progress` is told how many are done, now and then.
pub fn in_parallel<T: Sync, S, R: Send>(
    items: &[T],
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &T) -> R + Sync,
    progress: impl Fn(usize) + Sync,
) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(items.len());
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(items.len()));
    let run = || {
        let (mut own, mut state) = (Vec::new(), state());
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(i) else { break };
            own.push((i, work(&mut state, item)));
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
