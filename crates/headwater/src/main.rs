//! The `headwater` binary: hands each command of the command line to the function that does it.

mod allocator;

use clap::Parser;
use headwater::cli::{self, Cli, Command};
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    allocator::configure();
    match run(Cli::parse().command) {
        Ok(code) => code,
        // Who reads the output may stop at any line: `headwater zone print ... | head`.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // One line for each problem.
            format!("{error:#}").lines().for_each(|line| eprintln!("headwater: {line}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs a command; failure if it found problems, which it has then printed.
fn run(command: Command) -> anyhow::Result<ExitCode> {
    let mut out = BufWriter::new(io::stdout().lock());
    let good = match command {
        Command::Serve(args) => {
            allocator::give_back_regularly()?;
            return cli::serve::run(args, allocator::give_back);
        }
        Command::Demo(args) => {
            allocator::give_back_regularly()?;
            return cli::demo::run(&args, &mut out, allocator::give_back);
        }
        Command::Query(args) => return cli::query::run(&args.words, &mut out),
        Command::Check(args) => cli::check::run(args, &mut out)?,
        Command::Zone(command) => cli::zone::run(&command, &mut out)?,
        Command::Record(command) => {
            cli::record::run(&command, &mut out)?;
            true
        }
        Command::Backup(command) => cli::backup::run(&command, &mut out)?,
        Command::Token(command) => {
            cli::token::run(&command, &mut out)?;
            true
        }
        Command::User(command) => {
            cli::user::run(&command, &mut out)?;
            true
        }
        Command::Key(command) => {
            cli::key::run(&command, &mut out)?;
            true
        }
        Command::Cluster(command) => cli::cluster::run(command, &mut out).map(|()| true)?,
        Command::Node(command) => cli::node::run(&command, &mut out).map(|()| true)?,
        Command::Config(command) => {
            cli::describe::config(command, &mut out)?;
            true
        }
        Command::Explain(args) => {
            cli::explain::run(&args, &mut out)?;
            true
        }
        Command::Cache(command) => cli::cache::run(&command, &mut out)?,
        Command::Block(command) => cli::block::run(&command, &mut out)?,
        Command::Client(command) => {
            cli::device::run(&command, &mut out)?;
            true
        }
        Command::Health(args) => cli::health::run(&args, &mut out)?,
        Command::Stats(args) => {
            cli::stats::run(&args, &mut out)?;
            true
        }
        Command::Top(args) => {
            cli::top::run(&args, &mut out)?;
            true
        }
        Command::Completions { shell } => {
            cli::describe::completions(shell, &mut out);
            true
        }
        Command::Man { directory } => {
            cli::describe::man(&directory)?;
            true
        }
        Command::Debug(command) => cli::debug::run(&command, &mut out)?,
    };
    out.flush()?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
