//! `headwater stats`: the running server's counters.

use std::io::Write;

use super::NodeArgs;
use crate::config::Config;
use crate::control;

/// Prints the counters of the server that uses the configuration's data directory.
///
/// # Errors
/// A bad configuration, and no running server.
pub fn run(args: NodeArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let config = match Config::load(args.into()) {
        Ok((config, _)) => config,
        Err(problems) => {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            anyhow::bail!("{}", lines.join("\n"));
        }
    };
    let report = control::request(&config.control_socket(), "stats")?;
    out.write_all(report.as_bytes())?;
    Ok(())
}
