//! `headwater zone list|show|create|place|delete|refresh|notify`.

use std::io::Write;

use clap::Args;
use dns::NameBuf;
use serde_json::{Value, json};

use crate::cli::client::{Client, Directory, config, path, target};
use crate::cli::list::{self, ListArgs};
use crate::cli::{NodeArgs, show};

/// A zone of the server.
#[derive(Debug, Clone, Args)]
pub struct NameArgs {
    /// Name of the zone.
    #[arg(value_parser = super::zone_name)]
    pub name: NameBuf,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// A zone to be shown.
#[derive(Debug, Clone, Args)]
pub struct ShowArgs {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Which.
    #[command(flatten)]
    pub zone: NameArgs,
}

/// A new zone.
#[derive(Debug, Clone, Args)]
pub struct CreateArgs {
    /// Name of the zone.
    #[arg(value_parser = super::zone_name)]
    pub name: NameBuf,
    /// A name server of the zone, instead of this one; may be given several times.
    #[arg(long = "ns", value_name = "NAME", conflicts_with = "primaries")]
    pub nameservers: Vec<NameBuf>,
    /// Make a secondary of this primary; may be given several times.
    #[arg(long = "primary", value_name = "ADDR[:PORT] [key:NAME]")]
    pub primaries: Vec<String>,
    /// Who may transfer the zone; may be given several times.
    #[arg(long, value_name = "ENTRY")]
    pub allow_transfer: Vec<String>,
    /// Whom to tell of changes; may be given several times.
    #[arg(long, value_name = "ADDR[:PORT] [key:NAME]")]
    pub notify: Vec<String>,
    /// Sign the zone by this policy of `dnssec.policies`: `default`, or another that the configuration has.
    #[arg(long, value_name = "POLICY")]
    pub dnssec: Option<String>,
    /// Which servers of a cluster answer for the zone: a name, or a label as `region=eu`; may be given several times.
    #[arg(long = "place", value_name = "SERVER|KEY=VALUE")]
    pub placement: Vec<String>,
    /// Why, for the history.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub why: String,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Where a zone is answered.
#[derive(Debug, Clone, Args)]
pub struct PlaceArgs {
    /// Name of the zone.
    #[arg(value_parser = super::zone_name)]
    pub name: NameBuf,
    /// The servers of the cluster that answer for it: names, and labels as `region=eu`, in both of which `*` stands for any
    /// text. The others refuse queries of it.
    #[arg(value_name = "SERVER|KEY=VALUE", required_unless_present = "everywhere")]
    pub placement: Vec<String>,
    /// All servers answer for it.
    #[arg(long, conflicts_with = "placement")]
    pub everywhere: bool,
    /// Why, for the history.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub why: String,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// A zone to be removed.
#[derive(Debug, Clone, Args)]
pub struct DeleteArgs {
    /// Name of the zone.
    #[arg(value_parser = super::zone_name)]
    pub name: NameBuf,
    /// Why, for the history.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub why: String,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Lists the zones.
///
/// # Errors
/// As of [`Client`].
pub fn list(args: &ListArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let row = |zone: &Value| {
        let (kind, findings) = (&zone["settings"]["kind"], &zone["findings"]["count"]);
        let others = [&zone["serial"], &zone["records"], kind, &zone["state"], &zone["source"], findings];
        let [serial, records, kind, state, source, findings] = others.map(show::cell);
        [show::name(&zone["name"]), serial, records, kind, state, source, findings]
    };
    let header = ["ZONE", "SERIAL", "RECORDS", "KIND", "STATE", "SOURCE", "FINDINGS"];
    list::print(args, "/api/v1/zones", header, row, out)
}

/// Shows a zone.
///
/// # Errors
/// As of [`Client`].
pub fn show(args: &ShowArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let client = Client::find(&args.zone.node, Directory::Existing)?;
    let zone = client.get(&path(&["zones", &args.zone.name.to_string()]))?;
    if args.json {
        return Ok(writeln!(out, "{zone}")?);
    }
    for key in ["name", "serial", "records", "state", "source"] {
        writeln!(out, "{key:<20}{}", show::cell(&zone[key]))?;
    }
    for group in ["settings", "transfer"] {
        for (key, value) in zone[group].as_object().into_iter().flatten() {
            let text = if key.ends_with("_at_ms") { show::time(value) } else { show::cell(value) };
            writeln!(out, "{:<20}{}", key.trim_end_matches("_ms"), show::printable(&text))?;
        }
    }
    writeln!(out, "{:<20}{}", "findings", show::cell(&zone["findings"]["count"]))?;
    for finding in zone["findings"]["list"].as_array().into_iter().flatten() {
        let [severity, name, detail] = ["severity", "name", "detail"].map(|key| show::cell(&finding[key]));
        let rtype = finding["type"].as_str().map_or(String::new(), |rtype| format!(" {rtype}"));
        writeln!(out, "  {severity}: {}", show::printable(&format!("{name}{rtype}: {detail}")))?;
    }
    Ok(())
}

/// Makes a zone.
///
/// # Errors
/// As of [`Client`].
pub fn create(args: &CreateArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let names: Vec<String> = args.nameservers.iter().map(ToString::to_string).collect();
    let mut zone = json!({"name": args.name.to_string(), "nameservers": names});
    if !args.primaries.is_empty() {
        zone["kind"] = json!("secondary");
        zone["primaries"] = json!(args.primaries);
    }
    let lists = [("allow_transfer", &args.allow_transfer), ("notify", &args.notify), ("placement", &args.placement)];
    for (key, list) in lists {
        if !list.is_empty() {
            zone[key] = json!(list);
        }
    }
    if let Some(policy) = &args.dnssec {
        zone["dnssec"] = json!(policy);
    }
    let client = Client::find(&args.node, Directory::Made)?;
    let made = client.call("POST", &target("/api/v1/zones", &[("why", &args.why)]), &zone)?;
    show::warnings(&made);
    writeln!(
        out,
        "{}: created, serial {}, {}",
        show::name(&made["name"]),
        show::cell(&made["serial"]),
        show::cell(&made["state"])
    )?;
    if client.is_offline() {
        let directory = config(&args.node)?.data_dir;
        writeln!(out, "no server runs with {}: the zone is answered once one does", directory.display())?;
    }
    if args.primaries.is_empty() {
        writeln!(out, "next: headwater record add {} www A 192.0.2.1", args.name)?;
    }
    Ok(())
}

/// Says which servers answer for a zone.
///
/// # Errors
/// As of [`Client`].
pub fn place(args: &PlaceArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let client = Client::find(&args.node, Directory::Existing)?;
    let zone = path(&["zones", &args.name.to_string()]);
    let settings = json!({"placement": args.placement});
    let outcome = client.call("PATCH", &target(&zone, &[("why", &args.why)]), &settings)?;
    Ok(show::outcome(out, &outcome)?)
}

/// Removes a zone.
///
/// # Errors
/// As of [`Client`].
pub fn delete(args: &DeleteArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let client = Client::find(&args.node, Directory::Existing)?;
    let zone = path(&["zones", &args.name.to_string()]);
    let outcome = client.call("DELETE", &target(&zone, &[("why", &args.why)]), &Value::Null)?;
    show::outcome(out, &outcome)?;
    if let Some(change) = outcome["change"].as_u64() {
        writeln!(out, "`headwater zone revert {change}` brings it back")?;
    }
    Ok(())
}

/// Has a secondary fetched from its primaries.
///
/// # Errors
/// As of [`Client`]; without a running server nobody fetches.
pub fn refresh(args: &NameArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let ordered = order(args, "retransfer")?;
    writeln!(out, "{}: fetched soon, from one of {} primaries", args.name, ordered["servers"])?;
    Ok(())
}

/// Has the secondaries of a zone told about its serial.
///
/// # Errors
/// As of [`Client`]; without a running server nobody tells.
pub fn notify(args: &NameArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let ordered = order(args, "notify")?;
    writeln!(out, "{}: {} servers are told", args.name, ordered["servers"])?;
    Ok(())
}

fn order(args: &NameArgs, what: &str) -> anyhow::Result<Value> {
    Client::server(&args.node)?.call("POST", &path(&["zones", &args.name.to_string(), what]), &Value::Null)
}
