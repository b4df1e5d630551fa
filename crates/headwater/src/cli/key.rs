//! `headwater key tsig create|list|delete`: keys for transfers and updates (RFC 8945).

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use dns::NameBuf;
use serde_json::{Value, json};

use super::client::{Client, Directory, path};
use super::list::{self, ListArgs};
use super::{NodeArgs, show};

/// What kind of key.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// TSIG keys, for transfers and updates.
    #[command(subcommand)]
    Tsig(TsigCommand),
    /// A command of a later version.
    #[command(external_subcommand)]
    Later(Vec<OsString>),
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
        KeyCommand::Later(words) => {
            let word = words.first().map(|word| word.to_string_lossy()).unwrap_or_default();
            bail!("`key {word}` is not in this version yet")
        }
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
