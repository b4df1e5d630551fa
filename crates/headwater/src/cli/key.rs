//! `headwater key`: keys that sign zones (`key/`), and here `tsig create|list|delete`: keys for transfers and updates
//! (RFC 8945).

mod change;
mod look;

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use dns::NameBuf;
use serde_json::{Value, json};

use super::client::{Client, Directory, path};
use super::list::{self, ListArgs};
use super::{NodeArgs, show};

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// TSIG keys, for transfers and updates.
    #[command(subcommand)]
    Tsig(TsigCommand),
    /// List the keys of a zone that is signed here.
    List(look::ZoneArgs),
    /// Make a new key of a role: this begins a rollover, in which the new key takes over from the one in use.
    Create(change::CreateArgs),
    /// Bring a key of the zone in: a file in BIND's format (with the `.key` file beside it), or PKCS#8 in PEM.
    Import(change::ImportArgs),
    /// Print the public keys of a zone, as BIND's `.key` files have them.
    ExportPublic(look::ExportArgs),
    /// Begin a rollover: a new key is made, and the old one goes once nobody needs it.
    Roll(change::RollArgs),
    /// Have a key go once nobody needs it, also in the middle of a rollover, or because somebody else may have it.
    Retire(change::RetireArgs),
    /// Print the timetable of a zone's keys, one line a step.
    Plan(look::PlanArgs),
    /// Print the DS records that the parent shall have, or say that it has them.
    Ds(change::DsArgs),
    /// Say how it is with the signing of a zone: what is waited for, when signatures end, what is wrong.
    State(look::ZoneArgs),
}

/// What to do with TSIG keys.
#[derive(Debug, Subcommand)]
pub enum TsigCommand {
    /// Make a key; its secret is printed once, on standard output, as ALGORITHM:NAME:SECRET.
    Create(CreateArgs),
    /// List the keys.
    List(ListArgs),
    /// Remove a key.
    Delete(NameArgs),
}

/// A new key.
#[derive(Debug, Clone, Args)]
pub struct CreateArgs {
    /// Its name.
    pub name: NameBuf,
    /// Its algorithm: hmac-sha1, hmac-sha224, hmac-sha256, hmac-sha384, hmac-sha512, or hmac-md5 for old peers.
    #[arg(long, value_name = "NAME", default_value = "hmac-sha256")]
    pub algorithm: String,
    /// Take the secret (base64) from this file instead of making one.
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// A key.
#[derive(Debug, Clone, Args)]
pub struct NameArgs {
    /// Its name.
    pub name: NameBuf,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Does what was typed.
///
/// # Errors
/// As of [`Client`].
pub fn run(command: &KeyCommand, out: &mut impl Write) -> anyhow::Result<()> {
    match command {
        KeyCommand::Tsig(TsigCommand::Create(args)) => create(args, out),
        KeyCommand::Tsig(TsigCommand::List(args)) => list(args, out),
        KeyCommand::Tsig(TsigCommand::Delete(args)) => {
            let client = Client::find(&args.node, Directory::Existing)?;
            client.call("DELETE", &path(&["tsig-keys", &args.name.to_string()]), &Value::Null)?;
            Ok(writeln!(out, "key {} is removed", args.name)?)
        }
        KeyCommand::List(args) => look::list(args, out),
        KeyCommand::Create(args) => change::create(args, out),
        KeyCommand::Import(args) => change::import(args, out),
        KeyCommand::ExportPublic(args) => look::export_public(args, out),
        KeyCommand::Roll(args) => change::roll(args, out),
        KeyCommand::Retire(args) => change::retire(args, out),
        KeyCommand::Plan(args) => look::plan(args, out),
        KeyCommand::Ds(args) => change::ds(args, out),
        KeyCommand::State(args) => look::state(args, out),
    }
}

fn create(args: &CreateArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let mut body = json!({"name": args.name.to_string(), "algorithm": args.algorithm});
    if let Some(file) = &args.secret_file {
        let secret = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        body["secret"] = json!(secret.trim());
    }
    let made = Client::find(&args.node, Directory::Made)?.call("POST", "/api/v1/tsig-keys", &body)?;
    if args.json {
        return Ok(writeln!(out, "{made}")?);
    }
    let [algorithm, name, secret] = [&made["algorithm"], &made["name"], &made["secret"]].map(show::cell);
    Ok(writeln!(out, "{algorithm}:{name}:{secret}")?)
}

fn list(args: &ListArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let row =
        |key: &Value| [show::cell(&key["name"]), show::cell(&key["algorithm"]), show::time(&key["created_at_ms"])];
    list::print(args, "/api/v1/tsig-keys", ["KEY", "ALGORITHM", "SINCE (UTC)"], row, out)
}
