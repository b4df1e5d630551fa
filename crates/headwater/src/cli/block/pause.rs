//! `headwater block pause`: nothing is blocked for a while.

use std::io::Write;

use clap::Args;
use serde_json::{Value, json};

use super::super::client::{Client, path};
use super::super::{NodeArgs, show};

/// For how long, and for whom.
#[derive(Debug, Clone, Args)]
pub struct PauseArgs {
    /// For so many minutes; 0 ends the pause.
    pub minutes: u32,
    /// For this group only.
    #[arg(long, conflicts_with = "device")]
    pub group: Option<String>,
    /// For this device only.
    #[arg(long)]
    pub device: Option<String>,
    /// Why.
    #[arg(long, default_value = "")]
    pub why: String,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

impl PauseArgs {
    fn scope(&self) -> Value {
        match (&self.group, &self.device) {
            (Some(group), _) => json!({ "group": group }),
            (None, Some(device)) => json!({ "device": device }),
            (None, None) => json!("all"),
        }
    }
}

/// Makes the pause, or ends those of its scope.
///
/// # Errors
/// No running server, and what it refuses.
pub fn run(args: &PauseArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let client = Client::server(&args.node)?;
    if args.minutes == 0 {
        let ended = end(&client, &args.scope())?;
        return Ok(writeln!(out, "{ended} pauses ended")?);
    }
    let body = json!({"scope": args.scope(), "minutes": args.minutes, "why": args.why});
    let made = client.call("POST", "/api/v1/blocking/pauses", &body)?;
    Ok(writeln!(out, "nothing is blocked until {} (UTC)", show::time(&made["until_ms"]))?)
}

/// Ends the pauses of a scope that have not ended; how many there were.
fn end(client: &Client, scope: &Value) -> anyhow::Result<usize> {
    let mut ids = Vec::new();
    client.pages("/api/v1/blocking/pauses", |items| {
        let mine = items.iter().filter(|pause| pause["scope"] == *scope && pause["ended"].as_bool() == Some(false));
        ids.extend(mine.map(|pause| show::cell(&pause["id"])));
        Ok(true)
    })?;
    for id in &ids {
        client.call("DELETE", &path(&["blocking", "pauses", id]), &Value::Null)?;
    }
    Ok(ids.len())
}
