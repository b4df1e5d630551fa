//! `headwater block check`: whether a name is blocked, and every rule that matches it.

use std::io::Write;

use clap::Args;
use serde_json::Value;

use super::super::NodeArgs;
use super::super::client::{self, Client};
use super::super::show::{cell, printable, table};

/// What to check.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// The name.
    pub name: String,
    /// The type.
    #[arg(default_value = "A")]
    pub rtype: String,
    /// Who asks: an address, or the name of a device; without it, a client that no device has.
    #[arg(long, value_name = "ADDR")]
    pub client: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Prints what is done with the question; whether it is blocked.
///
/// # Errors
/// No running server, and what it refuses.
pub fn run(args: &CheckArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let mut query = vec![("name", args.name.as_str()), ("type", args.rtype.as_str())];
    query.extend(args.client.as_deref().map(|client| ("client", client)));
    let checked = Client::server(&args.node)?.get(&client::target("/api/v1/blocking/check", &query))?;
    if args.json {
        writeln!(out, "{checked:#}")?;
    } else {
        print(out, &checked)?;
    }
    Ok(checked["blocked"].as_bool().unwrap_or(false))
}

/// One sentence, and a table of the rules; `*` stands before the one that decides.
fn print(out: &mut impl Write, checked: &Value) -> std::io::Result<()> {
    let word = if checked["blocked"].as_bool() == Some(true) { "blocked" } else { "not blocked" };
    let device = checked["device"].as_str().map_or(String::new(), |device| format!(" for {device}"));
    let group = checked["group"].as_str().filter(|group| !group.is_empty());
    let group = group.map_or(String::new(), |group| format!(" (group {group})"));
    let question = format!("{} {}", cell(&checked["name"]), cell(&checked["type"]));
    writeln!(out, "{}", printable(&format!("{question} is {word}{device}{group}")))?;
    if let Some(because) = checked["because"].as_str() {
        writeln!(out, "because: {}", printable(because))?;
    }
    let row = |rule: &Value| {
        let mark = if rule["decides"].as_bool() == Some(true) { "*" } else { "" };
        [mark.to_owned(), cell(&rule["effect"]), cell(&rule["list"]), cell(&rule["line"]), cell(&rule["text"])]
    };
    let rows: Vec<_> = checked["rules"].as_array().into_iter().flatten().map(row).collect();
    if rows.is_empty() { Ok(()) } else { table(out, ["", "EFFECT", "LIST", "LINE", "RULE"], &rows) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_rule_that_decides_has_a_mark() {
        let checked = json!({
            "name": "ads.example.", "type": "A", "client": "192.0.2.7", "device": "tv", "group": "default",
            "blocked": true, "because": null,
            "rules": [
                {"list": "rules", "line": 2, "text": "||ads.example^", "effect": "block", "decides": true},
                {"list": "big", "line": 71, "text": null, "effect": "block", "decides": false},
            ],
        });
        let mut out = Vec::new();
        print(&mut out, &checked).expect("written");
        let want = "ads.example. A is blocked for tv (group default)\n\
                    \x20  EFFECT  LIST   LINE  RULE\n\
                    *  block   rules  2     ||ads.example^\n\
                    \x20  block   big    71    -\n";
        assert_eq!(String::from_utf8_lossy(&out), want);
    }

    #[test]
    fn what_is_not_blocked_says_why() {
        let checked = json!({"name": "a.", "type": "A", "device": null, "group": "", "blocked": false,
            "because": "blocking is off", "rules": []});
        let mut out = Vec::new();
        print(&mut out, &checked).expect("written");
        assert_eq!(String::from_utf8_lossy(&out), "a. A is not blocked\nbecause: blocking is off\n");
    }
}
