//! Scenarios: our own in testdata/scenarios, and third-party ones where they are at hand.

use std::fs;
use std::path::{Path, PathBuf};

use simulator::scenario::{SEED, Unscripted, Verdict, run};

/// The scenario files of a directory, in order.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "rpl"))
        .collect();
    files.sort();
    files
}

/// Whatever the random numbers are, so many times.
const SEEDS: u64 = 20;

/// Runs them; returns how many passed, and a line for each that did not.
fn run_all(files: &[PathBuf]) -> (usize, Vec<String>) {
    let verdict = |path: &PathBuf| {
        let source = String::from_utf8_lossy(&fs::read(path).expect("scenario file")).into_owned();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (0..SEEDS).find_map(|seed| match run(&source, seed, Unscripted::Fails).0 {
            Verdict::Pass => None,
            Verdict::Fail { step, why } => Some(format!("fail {name} step {step}: {why} (seed {seed})")),
            Verdict::Skip { why } => Some(format!("skip {name}: {why}")),
        })
    };
    let others: Vec<String> = files.iter().filter_map(verdict).collect();
    (files.len() - others.len(), others)
}

/// Runs the file that HEADWATER_SCENARIO names, and prints what was sent.
#[test]
fn one() {
    let Ok(file) = std::env::var("HEADWATER_SCENARIO") else { return };
    let source = String::from_utf8_lossy(&fs::read(&file).expect("scenario file")).into_owned();
    let (verdict, log) = run(&source, SEED, Unscripted::Fails);
    println!("{}\n{verdict:?} {file}", log.join("\n"));
    assert_eq!(verdict, Verdict::Pass);
}

#[test]
fn our_own() {
    let files = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/scenarios"));
    assert!(!files.is_empty(), "no scenarios");
    let (_, others) = run_all(&files);
    assert!(others.is_empty(), "{}", others.join("\n"));
}

#[test]
fn third_party() {
    let files = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/scenarios"));
    if files.is_empty() {
        println!("skipped: no corpora");
        return;
    }
    let (passed, others) = run_all(&files);
    println!("{passed} of {} passed", files.len());
    assert!(others.is_empty(), "{}", others.join("\n"));
}
