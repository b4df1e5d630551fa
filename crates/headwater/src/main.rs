//! The `headwater` command.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.split_first() {
        Some((command, rest)) if command == "query" => headwater::cli::query::run(rest, &mut std::io::stdout()),
        _ => anyhow::bail!("usage: headwater query NAME [TYPE] ..."),
    }
}
