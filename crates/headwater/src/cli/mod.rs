//! The command line: what can be typed, and which function does it. `main.rs` dispatches.

mod ask;
pub mod backup;
pub mod block;
pub mod cache;
pub mod check;
pub mod client;
pub mod cluster;
pub mod debug;
pub mod demo;
pub mod describe;
pub mod device;
pub mod explain;
pub mod health;
pub mod key;
pub mod list;
pub mod node;
pub mod query;
pub mod record;
pub mod serve;
mod show;
pub mod stats;
pub mod token;
pub mod top;
pub mod user;
pub mod zone;

use clap::{Args, Parser, Subcommand};
use config::LoadOptions;
use std::path::PathBuf;

/// A DNS server: authoritative, resolving, with zones as a stream of changes.
#[derive(Debug, Parser)]
#[command(name = "headwater", version, about, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer queries until told to stop.
    Serve(ConfigArgs),
    /// Try it out: a server with a made-up household and company, their past, and queries as they come; needs no network.
    Demo(demo::DemoArgs),
    /// Check the configuration and its zone files: print every problem, and exit with 1 if there is one.
    Check(CheckArgs),
    /// Zones and zone files.
    #[command(subcommand)]
    Zone(ZoneCommand),
    /// Records of a zone: set, add, delete.
    #[command(subcommand)]
    Record(record::RecordCommand),
    /// Access tokens for programs.
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Users, who log in with a password.
    #[command(subcommand)]
    User(user::UserCommand),
    /// Keys that sign zones (DNSSEC), and keys for transfers and updates (TSIG).
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Back up and restore.
    #[command(subcommand)]
    Backup(backup::BackupCommand),
    /// Servers that share their zones.
    #[command(subcommand)]
    Cluster(cluster::ClusterCommand),
    /// The servers of the cluster: how far each is, and whom nobody waits for.
    #[command(subcommand)]
    Node(node::NodeCommand),
    /// Send a query to a server: `NAME [TYPE] [@ADDR[:PORT]] [+dnssec +tcp +tls +https +quic +json]`, in any order.
    Query(QueryArgs),
    /// Describe the configuration: schema, defaults, reference.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Explain how a question is answered: each question to another server, use of the cache, step of validation.
    Explain(explain::ExplainArgs),
    /// The resolver's cache.
    #[command(subcommand)]
    Cache(cache::CacheCommand),
    /// What is blocked: lists, rules, pauses, and why a name is.
    #[command(subcommand)]
    Block(block::BlockCommand),
    /// Devices that use the server.
    #[command(subcommand)]
    Client(device::DeviceCommand),
    /// Check the running server: exit with 0 if it is ready, else with 1 and the checks that fail.
    Health(health::HealthArgs),
    /// Print the counters of the running server.
    Stats(NodeArgs),
    /// Show what goes through a server now: rates, latency, top names and clients, queries as they come.
    Top(top::TopArgs),
    /// Print the completions for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Write the manual pages.
    Man {
        /// Directory to write them to.
        directory: PathBuf,
    },
    /// Tools for tests.
    #[command(subcommand, hide = true)]
    Debug(debug::DebugCommand),
}

/// Where the configuration comes from.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigArgs {
    /// Configuration file; without one, every key has its default.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Serve a zone from a zone file, besides those of the configuration.
    #[arg(long = "zone", value_name = "NAME=FILE")]
    pub zones: Vec<String>,
    /// Listen here (UDP and TCP) instead of where the configuration says.
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Vec<String>,
    /// Data directory instead of the configuration's.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

impl From<ConfigArgs> for LoadOptions {
    fn from(args: ConfigArgs) -> LoadOptions {
        LoadOptions { config: args.config, zones: args.zones, listen: args.listen, data: args.data }
    }
}

/// What to check.
#[derive(Debug, Clone, Default, Args)]
pub struct CheckArgs {
    /// Treat warnings as errors.
    #[arg(long)]
    pub strict: bool,
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// How to find the running server: by its data directory.
#[derive(Debug, Clone, Default, Args)]
pub struct NodeArgs {
    /// Configuration file of the server.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Data directory of the server.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

impl From<NodeArgs> for LoadOptions {
    fn from(args: NodeArgs) -> LoadOptions {
        LoadOptions { config: args.config, data: args.data, ..LoadOptions::default() }
    }
}

/// What to do with a zone.
#[derive(Debug, Subcommand)]
pub enum ZoneCommand {
    /// List the zones of the server.
    List(list::ListArgs),
    /// Show a zone: how it is served, and what the checks find in its records.
    Show(zone::ShowArgs),
    /// Create a zone: a primary with SOA and NS records, or a secondary.
    Create(zone::CreateArgs),
    /// Say which servers of a cluster answer for a zone.
    Place(zone::PlaceArgs),
    /// Delete a zone; `zone revert` restores it.
    Delete(zone::DeleteArgs),
    /// Edit a zone as text in $VISUAL or $EDITOR, and commit the difference.
    Edit(zone::EditArgs),
    /// Show what differs between two serials of a zone.
    Diff(zone::DiffArgs),
    /// Show the changes of a zone.
    History(zone::HistoryArgs),
    /// Undo a change, by a new change.
    Revert(zone::RevertArgs),
    /// Replace the records of a zone with those of a zone file; creates the zone if there is none.
    Import(zone::ImportArgs),
    /// Print a zone of the server in canonical form and order, one record a line.
    Export(zone::NameArgs),
    /// Fetch a secondary zone from its primaries now.
    Refresh(zone::NameArgs),
    /// Send NOTIFY to the secondaries of a zone.
    Notify(zone::NameArgs),
    /// Check the syntax and the contents of a zone file: print every problem, and exit with 1 if there is one.
    Check(ZoneCheckArgs),
    /// Print a zone file in canonical form and order, one record a line.
    Print(ZoneFileArgs),
    /// Print OWNER, TTL, CLASS, TYPE and the record data in hexadecimal, one record a line, in the file's order.
    Wire(ZoneFileArgs),
}

/// A zone file to be checked.
#[derive(Debug, Clone, Args)]
pub struct ZoneCheckArgs {
    /// Treat warnings as errors.
    #[arg(long)]
    pub strict: bool,
    /// Which.
    #[command(flatten)]
    pub zone: ZoneFileArgs,
}

/// A zone and its file.
#[derive(Debug, Clone, Args)]
pub struct ZoneFileArgs {
    /// Name of the zone.
    #[arg(value_parser = zone::zone_name)]
    pub name: dns::NameBuf,
    /// The zone file.
    pub file: PathBuf,
}

/// The words of a query, in any order.
#[derive(Debug, Clone, Args)]
pub struct QueryArgs {
    /// `NAME [TYPE] [@ADDR[:PORT]] [+dnssec +tcp +tls +https +quic +json]`
    #[arg(value_name = "WORD", trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<String>,
}

/// How to describe the configuration.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum ConfigCommand {
    /// JSON Schema.
    Schema,
    /// A commented configuration file with every default.
    Defaults,
    /// Reference in Markdown.
    Reference,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
