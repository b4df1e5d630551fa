//! `headwater health`: whether the running server does what it is for, check by check.

use std::io::Write;

use clap::Args;
use serde_json::Value;

use super::NodeArgs;
use super::client::Client;
use super::show::{cell, table, time};

/// What to say.
#[derive(Debug, Clone, Args)]
pub struct HealthArgs {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Prints the checks, all of them if the server is ready and else those that fail; returns whether it is.
///
/// # Errors
/// No running server.
pub fn run(args: &HealthArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let mut health = Client::server(&args.node)?.get("/api/v1/health")?;
    let ready = health["ready"] == Value::Bool(true);
    if !ready && let Some(checks) = health["checks"].as_array_mut() {
        checks.retain(|check| check["state"] == "fail");
    }
    if args.json {
        writeln!(out, "{health:#}")?;
        return Ok(ready);
    }
    let rows = health["checks"].as_array().into_iter().flatten().map(|check| {
        let words = [&check["reason"], &check["advice"]].into_iter().filter_map(Value::as_str).collect::<Vec<_>>();
        [cell(&check["name"]), cell(&check["state"]), time(&check["since_ms"]), words.join("; ")]
    });
    table(out, ["CHECK", "STATE", "SINCE", "REASON"], &rows.collect::<Vec<_>>())?;
    Ok(ready)
}
