//! `headwater zone history|diff|revert`: what was, what came of it, and taking it back.

use std::collections::HashSet;
use std::io::{Read, Write};

use clap::Args;
use dns::NameBuf;
use serde_json::{Value, json};

use crate::cli::client::{Client, Directory, path, target};
use crate::cli::{NodeArgs, show};

/// Which changes to show.
#[derive(Debug, Clone, Args)]
pub struct HistoryArgs {
    /// Name of the zone, which may be gone.
    #[arg(value_parser = super::zone_name)]
    pub name: NameBuf,
    /// At most so many, the latest first.
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub limit: usize,
    /// Print JSON, one change a line.
    #[arg(long)]
    pub json: bool,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Which states to compare.
#[derive(Debug, Clone, Args)]
pub struct DiffArgs {
    /// Name of the zone.
    #[arg(value_parser = super::zone_name)]
    pub name: NameBuf,
    /// The serial before.
    pub from: u32,
    /// The serial after.
    pub to: u32,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// What to take back.
#[derive(Debug, Clone, Args)]
pub struct RevertArgs {
    /// Number of the change, as `zone history` shows it.
    pub change: u64,
    /// Also where later changes have touched the same records.
    #[arg(long)]
    pub force: bool,
    /// Only print what would change.
    #[arg(long)]
    pub dry_run: bool,
    /// Why, for the history.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub why: String,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Lists the changes of a zone, the latest first.
///
/// # Errors
/// As of [`Client`].
pub fn history(args: &HistoryArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let client = Client::find(&args.node, Directory::Existing)?;
    let mut left = args.limit;
    let mut rows = Vec::new();
    client.pages(&path(&["zones", &args.name.to_string(), "changes"]), |changes| {
        let wanted = changes.get(..left).unwrap_or(changes);
        left -= wanted.len();
        if args.json {
            show::json_lines(out, wanted)?;
        } else {
            rows.extend(wanted.iter().map(|change| row(&args.name, change)));
        }
        Ok(left > 0)
    })?;
    if !args.json {
        show::table(out, ["CHANGE", "TIME (UTC)", "WHAT", "SERIAL", "WHO", "WHY"], &rows)?;
    }
    Ok(())
}

fn row(name: &NameBuf, change: &Value) -> [String; 6] {
    let is_this =
        |zone: &&Value| zone["zone"].as_str().is_some_and(|text| text.parse().is_ok_and(|zone: NameBuf| zone == *name));
    let zone = change["zones"].as_array().into_iter().flatten().find(is_this).unwrap_or(&Value::Null);
    let serial = format!("{} -> {}", show::cell(&zone["from"]), show::cell(&zone["to"]));
    let [id, action, who, why] = [&change["id"], &zone["action"], &change["who"], &change["why"]].map(show::cell);
    [id, show::time(&change["at_ms"]), action, serial, who, why]
}

/// Prints what is in one state of a zone and not in the other, as lines of a zone file with `-` and `+`.
///
/// # Errors
/// As of [`Client`].
pub fn diff(args: &DiffArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let client = Client::find(&args.node, Directory::Existing)?;
    let at = |serial: u32| -> anyhow::Result<String> {
        let path = path(&["zones", &args.name.to_string(), "at"]);
        let target = target(&path, &[("serial", &serial.to_string())]);
        let mut text = String::new();
        client.send("GET", &target, &[("accept", "text/dns")], b"")?.read_to_string(&mut text)?;
        Ok(text)
    };
    let (before, after) = (at(args.from)?, at(args.to)?);
    for (sign, these, those) in [('-', &before, &after), ('+', &after, &before)] {
        let those: HashSet<&str> = those.lines().collect();
        let only = these.lines().filter(|line| !those.contains(line));
        for line in only {
            writeln!(out, "{sign}{line}")?;
        }
    }
    Ok(())
}

/// Takes a change back.
///
/// # Errors
/// As of [`Client`].
pub fn revert(args: &RevertArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let client = Client::find(&args.node, Directory::Existing)?;
    let body = json!({"why": args.why, "force": args.force, "dry_run": args.dry_run});
    let outcome = client.call("POST", &path(&["changes", &args.change.to_string(), "revert"]), &body)?;
    show::diff(out, &outcome)?;
    show::outcome(out, &outcome)?;
    Ok(())
}
