//! `headwater block rule`: rules of our own.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::super::client::{Client, path, target};
use super::super::list::{self, ListArgs};
use super::super::{NodeArgs, show};

/// What to do with rules.
#[derive(Debug, Subcommand)]
pub enum RuleCommand {
    /// Set a rule.
    Add(AddArgs),
    /// List the rules.
    List(ListArgs),
    /// Remove a rule.
    Remove(RemoveArgs),
}

/// Which rule to set.
#[derive(Debug, Clone, Args)]
pub struct AddArgs {
    /// The rule in the syntax of AdGuard: `||ads.example^` blocks a name and those below it, `@@||good.example^` allows.
    pub text: String,
    /// The group that it is for; without it, everybody.
    #[arg(long, default_value = "")]
    pub group: String,
    /// A note.
    #[arg(long, default_value = "")]
    pub comment: String,
    /// When it ends, in milliseconds since 1970; without it, never.
    #[arg(long, value_name = "MS")]
    pub until_ms: Option<u64>,
    /// Why, for the history.
    #[arg(long, default_value = "")]
    pub why: String,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Which rule to remove.
#[derive(Debug, Clone, Args)]
pub struct RemoveArgs {
    /// The identifier of the rule, as `block rule list` shows it.
    pub id: String,
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
pub fn run(command: &RuleCommand, out: &mut impl Write) -> anyhow::Result<()> {
    match command {
        RuleCommand::Add(args) => {
            let AddArgs { text, group, comment, until_ms, .. } = args;
            let body = json!({"text": text, "group": group, "comment": comment, "until_ms": until_ms});
            let place = target("/api/v1/blocking/rules", &[("why", args.why.as_str())]);
            let made = Client::server(&args.node)?.call("POST", &place, &body)?;
            Ok(writeln!(out, "rule {} is set", show::cell(&made["id"]))?)
        }
        RuleCommand::List(args) => {
            let header = ["RULE", "FROM", "FOR", "UNTIL (UTC)", "TEXT", "COMMENT"];
            let row = |rule: &Value| {
                let [id, from, group] = [&rule["id"], &rule["origin"], &rule["group"]].map(show::cell);
                let [text, comment] = [&rule["text"], &rule["comment"]].map(show::cell);
                [id, from, group, show::time(&rule["until_ms"]), text, comment]
            };
            list::print(args, "/api/v1/blocking/rules", header, row, out)
        }
        RuleCommand::Remove(args) => {
            let place = target(&path(&["blocking", "rules", &args.id]), &[("why", args.why.as_str())]);
            Client::server(&args.node)?.call("DELETE", &place, &Value::Null)?;
            Ok(writeln!(out, "rule {} is removed", args.id)?)
        }
    }
}
