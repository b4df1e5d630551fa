//! `headwater user create|list|passwd|delete`: who may log in.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::{Client, Directory, path};
use super::list::{self, ListArgs};
use super::{NodeArgs, ask, show};

/// What to do with users.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Create a user; asks for the password, or reads it from the first line of standard input.
    Create(CreateArgs),
    /// List the users.
    List(ListArgs),
    /// Set a user's password; asks for it, or reads it from the first line of standard input.
    Passwd(NameArgs),
    /// Delete a user and their tokens.
    Delete(NameArgs),
}

/// A new user.
#[derive(Debug, Clone, Args)]
pub struct CreateArgs {
    /// The name to log in with.
    pub name: String,
    /// A role; may be given several times.
    #[arg(long = "role", value_name = "ROLE")]
    pub roles: Vec<String>,
    /// The name for people.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub display_name: String,
    /// Without a password: only their tokens count.
    #[arg(long)]
    pub no_password: bool,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// A user.
#[derive(Debug, Clone, Args)]
pub struct NameArgs {
    /// The name to log in with.
    pub name: String,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Does what was typed.
///
/// # Errors
/// As of [`Client`]; no password.
pub fn run(command: &UserCommand, out: &mut impl Write) -> anyhow::Result<()> {
    match command {
        UserCommand::Create(args) => create(args, out),
        UserCommand::List(args) => list(args, out),
        UserCommand::Passwd(args) => {
            let client = Client::find(&args.node, Directory::Existing)?;
            let body = json!({"password": ask::new_password()?});
            client.call("PATCH", &path(&["users", &args.name]), &body)?;
            Ok(writeln!(out, "user {} has a new password; their sessions have ended", args.name)?)
        }
        UserCommand::Delete(args) => {
            let client = Client::find(&args.node, Directory::Existing)?;
            client.call("DELETE", &path(&["users", &args.name]), &Value::Null)?;
            Ok(writeln!(out, "user {} is removed", args.name)?)
        }
    }
}

fn create(args: &CreateArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let client = Client::find(&args.node, Directory::Made)?;
    let mut body = json!({"name": args.name, "display_name": args.display_name, "roles": args.roles});
    if !args.no_password {
        body["password"] = json!(ask::new_password()?);
    }
    let made = client.call("POST", "/api/v1/users", &body)?;
    Ok(writeln!(out, "user {} is made, roles: {}", show::cell(&made["name"]), show::cell(&made["roles"]))?)
}

fn list(args: &ListArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let row = |user: &Value| {
        let state = match (user["disabled"].as_bool(), user["has_password"].as_bool()) {
            (Some(true), _) => "disabled",
            (_, Some(true)) => "active",
            _ => "no password",
        };
        let [name, display_name, roles] = [&user["name"], &user["display_name"], &user["roles"]].map(show::cell);
        [name, roles, state.to_owned(), show::time(&user["created_at_ms"]), display_name]
    };
    list::print(args, "/api/v1/users", ["USER", "ROLES", "STATE", "SINCE (UTC)", "NAME"], row, out)
}
