//! `headwater block list`, `refresh`, `add`, `remove`: lists.

use std::io::Write;

use clap::Args;
use serde_json::{Value, json};

use super::super::client::{Client, path, target};
use super::super::list::{self, ListArgs};
use super::super::{NodeArgs, show};

/// Which list to fetch.
#[derive(Debug, Clone, Args)]
pub struct RefreshArgs {
    /// The list.
    pub name: String,
    /// Also if it has shrunk, and though its source says that it has not changed.
    #[arg(long)]
    pub force: bool,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// What to subscribe to.
#[derive(Debug, Clone, Args)]
pub struct AddArgs {
    /// Where it is fetched from.
    pub url: String,
    /// Its name; without it, the last part of the URL.
    #[arg(long)]
    pub name: Option<String>,
    /// A group that it is for; may be given several times; without it, the default group.
    #[arg(long = "group", value_name = "GROUP")]
    pub groups: Vec<String>,
    /// Hours between two looks at where it comes from.
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    pub refresh_hours: u32,
    /// Why, for the history.
    #[arg(long, default_value = "")]
    pub why: String,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Which list to end.
#[derive(Debug, Clone, Args)]
pub struct RemoveArgs {
    /// The list.
    pub name: String,
    /// Why, for the history.
    #[arg(long, default_value = "")]
    pub why: String,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Prints the lists.
///
/// # Errors
/// No running server, and what it refuses.
pub fn list(args: &ListArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let header = ["LIST", "STATE", "NAMES", "ONLY HERE", "RULES", "CHECKED (UTC)", "FOR", "SOURCE", "PROBLEM"];
    let row = |list: &Value| {
        let source = if list["url"].is_null() { &list["file"] } else { &list["url"] };
        let [name, state, names] = [&list["name"], &list["state"], &list["names"]].map(show::cell);
        let [own, rules, groups] = [&list["own_names"], &list["rules"], &list["groups"]].map(show::cell);
        let checked = show::time(&list["checked_at_ms"]);
        [name, state, names, own, rules, checked, groups, show::cell(source), show::cell(&list["problem"])]
    };
    list::print(args, "/api/v1/blocking/lists", header, row, out)
}

/// Has a list fetched.
///
/// # Errors
/// As of [`list`].
pub fn refresh(args: &RefreshArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let place = path(&["blocking", "lists", &args.name, "refresh"]);
    let force = if args.force { "true" } else { "false" };
    Client::server(&args.node)?.call("POST", &target(&place, &[("force", force)]), &Value::Null)?;
    Ok(writeln!(out, "list {} is being fetched", args.name)?)
}

/// Subscribes to a list.
///
/// # Errors
/// As of [`list`].
pub fn add(args: &AddArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let name = args.name.clone().unwrap_or_else(|| name_of(&args.url));
    let body = json!({"name": name, "url": args.url, "groups": args.groups, "refresh_hours": args.refresh_hours});
    let place = target("/api/v1/blocking/lists", &[("why", args.why.as_str())]);
    let made = Client::server(&args.node)?.call("POST", &place, &body)?;
    Ok(writeln!(out, "list {} is subscribed to", show::printable(&show::cell(&made["name"])))?)
}

/// Ends a subscription.
///
/// # Errors
/// As of [`list`].
pub fn remove(args: &RemoveArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let place = target(&path(&["blocking", "lists", &args.name]), &[("why", args.why.as_str())]);
    Client::server(&args.node)?.call("DELETE", &place, &Value::Null)?;
    Ok(writeln!(out, "list {} is removed", args.name)?)
}

/// The last part of a URL's path without its ending, or its host.
fn name_of(url: &str) -> String {
    let place = url.split_once("://").map_or(url, |(_, rest)| rest);
    let place = place.split(['?', '#']).next().unwrap_or_default();
    let last = place.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default();
    let is_host = last.len() == place.trim_end_matches('/').len();
    let stem = if is_host { last } else { last.rsplit_once('.').map_or(last, |(stem, _)| stem) };
    if stem.is_empty() { last.to_owned() } else { stem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_called_as_the_end_of_its_url() {
        let check = |url: &str, want: &str| assert_eq!(name_of(url), want, "{url}");
        check("https://lists.example/ads.txt", "ads");
        check("https://lists.example/a/pro.plus.txt?raw=1", "pro.plus");
        check("https://lists.example/hosts", "hosts");
        check("https://lists.example/", "lists.example");
        check("https://lists.example", "lists.example");
        check("https://lists.example/.txt", ".txt");
    }
}
