//! Measures parts of the server without sockets: `headwater-bench answer|structure|transfer|cache|history`; and with
//! sockets what changes over the API cost a client: `headwater-bench api`.
//!
//! For the server as a whole there are side-by-side measurements against other servers; these here
//! tell where the time of one query goes, and what the zone's structure costs.
#![forbid(unsafe_code)]

mod answer;
mod api;
mod cache;
mod history;
mod queries;
mod structure;
mod transfer;

use std::path::PathBuf;

use clap::Parser;
use dns::NameBuf;

/// What to measure.
#[derive(Parser)]
enum Command {
    /// Nanoseconds per answer, in batches, over a list of queries ("name type" lines).
    Answer {
        /// Files of zones: NAME=FILE.
        #[arg(long = "zone", required = true)]
        zones: Vec<String>,
        /// Query file.
        #[arg(long)]
        queries: PathBuf,
        /// Set the DO bit.
        #[arg(long)]
        dnssec: bool,
        /// Packets a batch.
        #[arg(long, default_value_t = 32)]
        batch: usize,
        /// Rounds over the list.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// Lookups, memory per record and the cost of a one-record change of a large zone.
    Structure {
        /// Number of names.
        #[arg(long, default_value_t = 1_000_000)]
        names: usize,
    },
    /// Changes over the API of a running server: how soon they are visible, how many zones a second.
    Api {
        /// Address of the API.
        #[arg(long)]
        api: std::net::SocketAddr,
        /// Address of the name server.
        #[arg(long)]
        dns: std::net::SocketAddr,
        /// A token that may do everything.
        #[arg(long)]
        token: String,
        /// A zone of the journal, to which records are added.
        #[arg(long)]
        zone: NameBuf,
    },
    /// The resolver's cache: hits, misses, insertions, and memory under more names than it holds.
    Cache {
        /// Its size.
        #[arg(long, default_value_t = 100)]
        size_mb: usize,
        /// Names that are put in.
        #[arg(long, default_value_t = 10_000_000)]
        names: u64,
        /// Threads that put them in.
        #[arg(long, default_value_t = 2)]
        threads: u64,
        /// Names of which some are looked up.
        #[arg(long, default_value_t = 100_000)]
        hot: usize,
    },
    /// The history of queries: rows a second in, bytes a row, times of searches.
    History {
        /// Where it is written: an empty directory.
        #[arg(long)]
        directory: PathBuf,
        /// Rows.
        #[arg(long, default_value_t = 10_000_000)]
        rows: u64,
        /// Names that are asked for.
        #[arg(long, default_value_t = 1_000_000)]
        names: usize,
        /// The same rows in an SQLite table, for comparison.
        #[arg(long)]
        sqlite: bool,
    },
    /// Records a second out of and into a transfer of a large zone.
    Transfer {
        /// Number of names.
        #[arg(long, default_value_t = 1_000_000)]
        names: usize,
    },
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Answer { zones, queries, dnssec, batch, rounds } => {
            let zones = zones.iter().map(|zone| zone_argument(zone)).collect::<anyhow::Result<Vec<_>>>()?;
            answer::run(&zones, &queries, dnssec, batch, rounds)
        }
        Command::Api { api, dns, token, zone } => api::run(&api::Target { api, dns, token, zone }),
        Command::Structure { names } => structure::run(names),
        Command::Cache { size_mb, names, threads, hot } => cache::run(size_mb, names, threads, hot),
        Command::History { directory, rows, names, sqlite } => history::run(&directory, rows, names, sqlite),
        Command::Transfer { names } => transfer::run(names),
    }
}

fn zone_argument(text: &str) -> anyhow::Result<(NameBuf, PathBuf)> {
    let (name, file) = text.split_once('=').ok_or_else(|| anyhow::anyhow!("`{text}` is not NAME=FILE"))?;
    Ok((name.parse()?, file.into()))
}

/// Nanoseconds that this thread has run: unlike wall time, other processes do not count.
fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0)
}

/// Nanoseconds of a clock that is cheap enough to be read around a few lookups.
fn cpu_ticks() -> u64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed().as_nanos() as u64
}
