//! `headwater-fuzz TARGET|all [--seconds N] [--seed S] [--corpus DIR] [--crashes DIR]`: exit 1 and the
//! input in a file if a target panics, is slow, or finds a broken promise.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuzz::{NAMES, Options, by_name, run};

fn main() -> ExitCode {
    match arguments() {
        Ok((targets, options)) => {
            let failed = targets.iter().filter(|name| !fuzz_one(name, &options)).count();
            if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(why) => {
            eprintln!("{why}");
            eprintln!("usage: headwater-fuzz TARGET [--seconds N] [--seed S] [--corpus DIR] [--crashes DIR]");
            eprintln!("targets: {}, all", NAMES.join(", "));
            ExitCode::FAILURE
        }
    }
}

/// Runs one target; whether it was found in order.
fn fuzz_one(name: &str, options: &Options) -> bool {
    let Some(mut target) = by_name(name) else { return false };
    println!("{name}: seed {}, {} s", options.seed, options.time.as_secs());
    match run(name, &mut *target, options) {
        Ok(report) => {
            println!("{name}: {report}");
            true
        }
        Err(failure) => {
            eprintln!("{name}: {failure}");
            false
        }
    }
}

fn arguments() -> Result<(Vec<&'static str>, Options), String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
    let mut options =
        Options { time: Duration::from_secs(60), seed: now, corpus: None, crashes: "fuzz/crashes".into() };
    let mut targets = Vec::new();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match &*word {
            "--seconds" => options.time = Duration::from_secs(number(&value()?)?),
            "--seed" => options.seed = number(&value()?)?,
            "--corpus" => options.corpus = Some(PathBuf::from(value()?)),
            "--crashes" => options.crashes = PathBuf::from(value()?),
            "all" => targets.extend(NAMES),
            name => targets.push(NAMES.into_iter().find(|known| *known == name).ok_or(format!("no target `{name}`"))?),
        }
    }
    if targets.is_empty() { Err("which target?".into()) } else { Ok((targets, options)) }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}
