//! `headwater debug`: tools for tests, hidden from the help.

use clap::Subcommand;
use simulator::scenario::{self, Unscripted, Verdict};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The largest scenario file.
const MAX_SCENARIO_BYTES: u64 = 64 << 20;

/// Tools for tests.
#[derive(Debug, Subcommand)]
pub enum DebugCommand {
    /// Run resolver scenarios (.rpl files) in virtual time; exit 1 if any of them failed.
    Scenario {
        /// Print what was sent to servers, too.
        #[arg(long)]
        log: bool,
        /// Let a scenario pass although servers were asked what it does not script.
        #[arg(long)]
        allow_unscripted: bool,
        /// The files.
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
}

/// Runs a tool; true if it found no fault.
pub fn run(command: &DebugCommand, out: &mut impl Write) -> io::Result<bool> {
    let DebugCommand::Scenario { log, allow_unscripted, files } = command;
    let unscripted = if *allow_unscripted { Unscripted::Passes } else { Unscripted::Fails };
    let mut good = true;
    for file in files {
        let (verdict, sent) = match read(file) {
            Ok(source) => scenario::run(&source, scenario::SEED, unscripted),
            Err(error) => (Verdict::Fail { step: 0, why: error.to_string() }, Vec::new()),
        };
        for line in sent.iter().filter(|_| *log) {
            writeln!(out, "  {line}")?;
        }
        good &= !matches!(verdict, Verdict::Fail { .. });
        match verdict {
            Verdict::Pass => writeln!(out, "pass {}", file.display())?,
            Verdict::Fail { step, why } => writeln!(out, "fail {} step {step}: {why}", file.display())?,
            Verdict::Skip { why } => writeln!(out, "skip {}: {why}", file.display())?,
        }
        // Each line when it is known: a run over many files takes a while.
        out.flush()?;
    }
    Ok(good)
}

fn read(file: &Path) -> io::Result<String> {
    let mut octets = Vec::new();
    File::open(file)?.take(MAX_SCENARIO_BYTES + 1).read_to_end(&mut octets)?;
    if octets.len() as u64 > MAX_SCENARIO_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 64 MiB"));
    }
    // Comments may be in any encoding.
    Ok(String::from_utf8_lossy(&octets).into_owned())
}
