//! `headwater node`: the servers of the cluster.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::{Client, path, target};
use super::list::{self, ListArgs};
use super::{NodeArgs, show};

/// What to do with servers of the cluster.
#[derive(Debug, Subcommand)]
pub enum NodeCommand {
    /// List the servers: how far each is, and what is wrong there.
    List(ListArgs),
    /// Have nobody wait for a server, as before it is taken down. It goes on answering.
    Drain(OneArgs),
    /// Wait for a server again.
    Undrain(OneArgs),
    /// Forget a server that has stopped for good.
    Remove(OneArgs),
}

/// Which server of the cluster.
#[derive(Debug, Clone, Args)]
pub struct OneArgs {
    /// Its name, as `node list` prints it.
    pub name: String,
    /// Why, for the history.
    #[arg(long, default_value = "")]
    pub why: String,
    /// Which server to ask.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Does what was typed.
///
/// # Errors
/// No running server, and what it refuses.
pub fn run(command: &NodeCommand, out: &mut impl Write) -> anyhow::Result<()> {
    match command {
        NodeCommand::List(args) => {
            let header = ["NODE", "STATE", "POSITION", "LAG", "ZONES", "DRIFT", "HEARD", "VERSION", "PROBLEMS"];
            list::print(args, "/api/v1/nodes", header, row, out)
        }
        NodeCommand::Drain(args) => drain(args, true, out),
        NodeCommand::Undrain(args) => drain(args, false, out),
        NodeCommand::Remove(args) => {
            let place = target(&path(&["nodes", &args.name]), &[("why", args.why.as_str())]);
            Client::server(&args.node)?.call("DELETE", &place, &Value::Null)?;
            Ok(writeln!(out, "{} is forgotten until it starts again", args.name)?)
        }
    }
}

fn drain(args: &OneArgs, drained: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let body = json!({"drained": drained, "why": args.why});
    Client::server(&args.node)?.call("PUT", &path(&["nodes", &args.name]), &body)?;
    let what = if drained { "nobody waits for it" } else { "it is waited for" };
    Ok(writeln!(out, "{}: {what}", args.name)?)
}

fn row(node: &Value) -> [String; 9] {
    let state = show::cell(&node["state"]);
    let state = if node["drained"].as_bool() == Some(true) { format!("{state}, drained") } else { state };
    let this = if node["is_this"].as_bool() == Some(true) { " *" } else { "" };
    let heard_s = node["heard_ms_ago"].as_u64().unwrap_or(0) / 1000;
    let drift = if node["drift"].as_bool() == Some(true) { "yes" } else { "no" };
    let cell = |key: &str| show::cell(&node[key]);
    [
        format!("{}{this}", cell("name")),
        state,
        cell("position"),
        cell("lag"),
        cell("zones"),
        drift.to_owned(),
        format!("{heard_s} s ago"),
        cell("version"),
        cell("problems"),
    ]
}
