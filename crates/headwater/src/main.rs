//! The `headwater` binary: hands each command of the command line to the function that does it.
#![forbid(unsafe_code)]

use anyhow::bail;
use clap::Parser;
use headwater::cli::query_args::Query;
use headwater::cli::{self, Cli, Command, ZoneCommand};
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Who reads the output may stop at any line: `headwater zone print ... | head`.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("headwater: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a command; false if it found problems, which it has then printed.
fn run(command: Command) -> anyhow::Result<bool> {
    let mut out = BufWriter::new(io::stdout().lock());
    let good = match command {
        Command::Serve(_) => bail!("`serve` is not connected"),
        Command::Check(args) => cli::check::run(args, |_| Vec::new(), &mut out)?,
        Command::Zone(ZoneCommand::Check(_)) => bail!("`zone check` is not connected"),
        Command::Zone(ZoneCommand::Print(_)) => bail!("`zone print` is not connected"),
        Command::Zone(ZoneCommand::Wire(_)) => bail!("`zone wire` is not connected"),
        Command::Zone(ZoneCommand::Later(later)) => bail!("`{}` is not in this version yet", later.command()),
        Command::Query(args) => {
            let _query = Query::parse(&args.words)?;
            bail!("`query` is not connected")
        }
        Command::Config(command) => {
            cli::describe::config(command, &mut out)?;
            true
        }
        Command::Stats(_) => bail!("`stats` is not connected"),
        Command::Completions { shell } => {
            cli::describe::completions(shell, &mut out);
            true
        }
        Command::Man { directory } => {
            cli::describe::man(&directory)?;
            true
        }
        Command::Later(later) => bail!("`{}` is not in this version yet", later.command()),
    };
    out.flush()?;
    Ok(good)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
