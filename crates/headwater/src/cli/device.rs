//! `headwater client`: devices, which have a name, addresses and a group. (`client.rs` is how commands reach the server.)

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::{Client, path, target};
use super::list::{self, ListArgs};
use super::{NodeArgs, show};

/// What to do with devices.
#[derive(Debug, Subcommand)]
pub enum DeviceCommand {
    /// List the devices.
    List(ListArgs),
    /// Give a device a name.
    Add(AddArgs),
    /// Forget a device: its addresses belong to the default group again.
    Remove(RemoveArgs),
}

/// A device.
#[derive(Debug, Clone, Args)]
pub struct AddArgs {
    /// Its name.
    pub name: String,
    /// Its addresses and networks.
    #[arg(required = true, value_name = "ADDR")]
    pub addresses: Vec<String>,
    /// Its group; without it, the default group.
    #[arg(long, default_value = "")]
    pub group: String,
    /// A tag for rules with `$ctag`; may be given several times.
    #[arg(long = "tag", value_name = "TAG")]
    pub tags: Vec<String>,
    /// Why, for the history.
    #[arg(long, default_value = "")]
    pub why: String,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Which device to forget.
#[derive(Debug, Clone, Args)]
pub struct RemoveArgs {
    /// Its name.
    pub name: String,
    /// Why, for the history.
    #[arg(long, default_value = "")]
    pub why: String,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Does what was typed.
///
/// # Errors
/// No running server, and what it refuses.
pub fn run(command: &DeviceCommand, out: &mut impl Write) -> anyhow::Result<()> {
    match command {
        DeviceCommand::List(args) => {
            let header = ["CLIENT", "FROM", "GROUP", "ADDRESSES", "TAGS"];
            let row =
                |device: &Value| ["name", "origin", "group", "addresses", "tags"].map(|key| show::cell(&device[key]));
            list::print(args, "/api/v1/clients", header, row, out)
        }
        DeviceCommand::Add(args) => {
            let AddArgs { name, addresses, group, tags, .. } = args;
            let body = json!({"name": name, "addresses": addresses, "group": group, "tags": tags});
            let place = target("/api/v1/clients", &[("why", args.why.as_str())]);
            Client::server(&args.node)?.call("POST", &place, &body)?;
            Ok(writeln!(out, "client {name} is set")?)
        }
        DeviceCommand::Remove(args) => {
            let place = target(&path(&["clients", &args.name]), &[("why", args.why.as_str())]);
            Client::server(&args.node)?.call("DELETE", &place, &Value::Null)?;
            Ok(writeln!(out, "client {} is removed", args.name)?)
        }
    }
}
