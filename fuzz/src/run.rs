//! The loop: take an input, change it, run the target, keep what led to something new.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::mutate::{Random, mutate};
use crate::targets::Target;

/// Most inputs that are kept in memory.
const MAX_KEPT: usize = 20_000;
/// Longest input that is kept, in octets; long ones make every later run slow.
const MAX_KEPT_LEN: usize = 4096;
/// No input may take longer than this: work is bounded, and the bounds are far below.
const MAX_RUN: Duration = Duration::from_secs(20);

/// How to run a target.
pub struct Options {
    /// For how long.
    pub time: Duration,
    /// The same seed gives the same inputs.
    pub seed: u64,
    /// A directory of more seeds, for example of inputs that failed once.
    pub corpus: Option<PathBuf>,
    /// Where an input that fails is written to.
    pub crashes: PathBuf,
}

/// What a run without a failure did.
#[derive(Debug)]
pub struct Report {
    /// Inputs run.
    pub runs: u64,
    /// Different outcomes seen.
    pub outcomes: usize,
    /// The longest that one input took.
    pub slowest: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} inputs, {} outcomes, slowest {:?}", self.runs, self.outcomes, self.slowest)
    }
}

/// An input that must not do what it did.
#[derive(Debug)]
pub struct Failure {
    /// What happened.
    pub what: String,
    /// Where the input is.
    pub file: PathBuf,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; the input is {}", self.what, self.file.display())
    }
}

/// Runs `target` until time is up.
///
/// # Errors
/// The first input on which it panics or takes too long.
pub fn run(name: &str, target: &mut dyn Target, options: &Options) -> Result<Report, Failure> {
    let mut inputs = target.seeds();
    inputs.extend(options.corpus.iter().flat_map(|directory| files(directory)));
    inputs.push(Vec::new());
    let words = target.words();
    let mut random = Random(options.seed);
    let mut outcomes = HashSet::new();
    let mut report = Report { runs: 0, outcomes: 0, slowest: Duration::ZERO };
    let mut seeds = inputs.clone().into_iter();
    let begin = Instant::now();
    while begin.elapsed() < options.time || seeds.len() > 0 {
        let input = seeds.next().unwrap_or_else(|| {
            let mut input = inputs[random.below(inputs.len())].clone();
            mutate(&mut input, &inputs[random.below(inputs.len())], &words, &mut random);
            input
        });
        let started = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| target.run(&input)));
        let took = started.elapsed();
        report.runs += 1;
        report.slowest = report.slowest.max(took);
        let what = match outcome {
            Ok(_) if took > MAX_RUN => format!("took {took:?}"),
            Ok(outcome) => {
                let new = outcomes.insert(outcome);
                if new && input.len() <= MAX_KEPT_LEN && inputs.len() < MAX_KEPT {
                    inputs.push(input);
                }
                continue;
            }
            Err(_) => "panicked".to_owned(),
        };
        return Err(Failure { what, file: save(&options.crashes, name, &input) });
    }
    report.outcomes = outcomes.len();
    Ok(report)
}

fn files(directory: &Path) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| fs::read(entry.path()).ok()).collect()
}

fn save(directory: &Path, name: &str, input: &[u8]) -> PathBuf {
    let mark = input
        .iter()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, octet| (hash ^ u64::from(*octet)).wrapping_mul(0x100_0000_01b3));
    let file = directory.join(format!("{name}-{mark:016x}"));
    if let Err(error) = fs::create_dir_all(directory).and_then(|()| fs::write(&file, input)) {
        eprintln!("{}: {error}", file.display());
    }
    file
}
