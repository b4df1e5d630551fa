//! `headwater cache`: the resolver's cache of the running server.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::{self, Client};
use super::{NodeArgs, show};

/// Questions of one request.
const QUESTIONS: usize = 1000;
/// Octets of a list of questions.
const MAX_LIST_LEN: u64 = 64 << 20;

/// What to do with the cache.
#[derive(Debug, Subcommand)]
pub enum CacheCommand {
    /// Print the counters of the cache.
    Stats(StatsArgs),
    /// List the entries: all, those of a name, or those of a name and the names below it.
    List(ListArgs),
    /// Remove entries: all, those of a name, or those of a name and the names below it.
    Flush(FlushArgs),
    /// Print the questions that clients ask most, in the form that `warm` reads.
    Popular(PopularArgs),
    /// Resolve questions before clients ask them: `NAME [TYPE]`, one per line.
    Warm(WarmArgs),
}

/// How to print counts.
#[derive(Debug, Clone, Args)]
pub struct StatsArgs {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Which entries to list.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Only those of this name.
    pub name: Option<String>,
    /// Those of names below it too.
    #[arg(long)]
    pub subtree: bool,
    /// Only those of this type.
    #[arg(long = "type", value_name = "TYPE")]
    pub rtype: Option<String>,
    /// Print JSON, one entry a line.
    #[arg(long)]
    pub json: bool,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// What to take out.
#[derive(Debug, Clone, Args)]
pub struct FlushArgs {
    /// What is kept of this name.
    #[arg(required_unless_present_any = ["all", "rtype"], conflicts_with = "all")]
    pub name: Option<String>,
    /// Of names below it too.
    #[arg(long, requires = "name", conflicts_with = "all")]
    pub subtree: bool,
    /// What is kept of this type, everywhere or at the name.
    #[arg(long = "type", value_name = "TYPE", conflicts_with = "all")]
    pub rtype: Option<String>,
    /// Everything.
    #[arg(long)]
    pub all: bool,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// How many questions to print.
#[derive(Debug, Clone, Args)]
pub struct PopularArgs {
    /// So many.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub limit: u16,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// What to resolve ahead.
#[derive(Debug, Clone, Args)]
pub struct WarmArgs {
    /// File with the questions; without it, standard input.
    pub file: Option<PathBuf>,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Does what was typed; false if some questions could not be resolved.
///
/// # Errors
/// No running server, and what it refuses.
pub fn run(command: &CacheCommand, out: &mut impl Write) -> anyhow::Result<bool> {
    match command {
        CacheCommand::Stats(args) => stats(args, out)?,
        CacheCommand::List(args) => list(args, out)?,
        CacheCommand::Flush(args) => {
            let what = match args.all {
                true => json!({"all": true}),
                false => json!({"name": args.name, "type": args.rtype, "subtree": args.subtree}),
            };
            let flushed = Client::server(&args.node)?.call("POST", "/api/v1/cache/flush", &what)?;
            writeln!(out, "{} entries taken out", show::cell(&flushed["flushed"]))?;
        }
        CacheCommand::Popular(args) => {
            let limit = args.limit.to_string();
            let target = client::target("/api/v1/cache/warm", &[("limit", limit.as_str())]);
            let popular = Client::server(&args.node)?.get(&target)?;
            for item in popular["items"].as_array().into_iter().flatten() {
                writeln!(out, "{} {}", show::printable(&show::cell(&item["name"])), show::cell(&item["type"]))?;
            }
        }
        CacheCommand::Warm(args) => return warm(args, out),
    }
    Ok(true)
}

fn stats(args: &StatsArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let stats = Client::server(&args.node)?.get("/api/v1/cache/stats")?;
    if args.json {
        return Ok(writeln!(out, "{stats}")?);
    }
    for (key, value) in stats.as_object().into_iter().flatten().filter(|(key, _)| *key != "types") {
        match value.as_f64().filter(|_| key == "hit_ratio") {
            Some(ratio) => writeln!(out, "{key} {ratio:.3}")?,
            None => writeln!(out, "{key} {value}")?,
        }
    }
    let types = stats["types"].as_array().map_or(&[][..], Vec::as_slice);
    let used = types.iter().filter(|row| ["entries", "hits", "misses"].iter().any(|key| row[key] != 0));
    let row = |row: &Value| ["type", "entries", "hits", "misses"].map(|key| show::cell(&row[key]));
    let rows: Vec<_> = used.map(row).collect();
    if !rows.is_empty() {
        writeln!(out)?;
        show::table(out, ["TYPE", "ENTRIES", "HITS", "MISSES"], &rows)?;
    }
    Ok(())
}

fn list(args: &ListArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let mut query: Vec<(&str, &str)> = args.name.iter().map(|name| ("name", name.as_str())).collect();
    query.extend(args.rtype.as_deref().map(|rtype| ("type", rtype)));
    query.extend(args.subtree.then_some(("subtree", "true")));
    let header = ["NAME", "TYPE", "KIND", "SECURITY", "TTL", "LEFT", "HITS", "ORIGIN", "REASON"];
    Client::server(&args.node)?.pages_of("/api/v1/cache", &query, |items| {
        if args.json {
            show::json_lines(out, items)?;
        } else {
            let row = |item: &Value| {
                let cell = |key: &str| show::cell(&item[key]);
                let reason = show::cell(&item["reason"]["text"]);
                [
                    cell("name"),
                    cell("type"),
                    cell("kind"),
                    cell("security"),
                    cell("ttl"),
                    cell("ttl_left_s"),
                    cell("hits"),
                    cell("origin"),
                    reason,
                ]
            };
            show::table(out, header, &items.iter().map(row).collect::<Vec<_>>())?;
        }
        Ok(true)
    })
}

fn warm(args: &WarmArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let questions = match &args.file {
        Some(path) => {
            let file = File::open(path).with_context(|| path.display().to_string())?;
            questions(BufReader::new(file), &path.display().to_string())?
        }
        None => questions(io::stdin().lock(), "standard input")?,
    };
    let client = Client::server(&args.node)?;
    let (mut resolved, mut failed) = (0, 0);
    for part in questions.chunks(QUESTIONS) {
        let warmed = client.call("POST", "/api/v1/cache/warm", &json!({ "questions": part }))?;
        resolved += warmed["resolved"].as_u64().unwrap_or(0);
        failed += warmed["failed"].as_u64().unwrap_or(0);
    }
    writeln!(out, "{resolved} resolved, {failed} failed")?;
    Ok(failed == 0)
}

/// Reads `NAME [TYPE]`, one a line; empty lines and those that begin with `#` or `;` say nothing.
fn questions(input: impl BufRead, file: &str) -> anyhow::Result<Vec<Value>> {
    let mut questions = Vec::new();
    for (number, line) in input.take(MAX_LIST_LEN).lines().enumerate() {
        let line = line.with_context(|| file.to_owned())?;
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some(name), rtype, None) => questions.push(json!({ "name": name, "type": rtype.unwrap_or("A") })),
            _ => bail!("{file}:{}: expected NAME [TYPE]", number + 1),
        }
    }
    Ok(questions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_questions() {
        let read =
            |text: &str| questions(text.as_bytes(), "f").map(|list| json!(list)).map_err(|error| error.to_string());
        let want = json!([{"name": "a.example", "type": "A"}, {"name": "b", "type": "MX"}]);
        assert_eq!(read("# popular\n\na.example\n  b  MX\n; end\n"), Ok(want));
        assert_eq!(read("a\na A 5\n"), Err("f:2: expected NAME [TYPE]".into()));
    }
}
