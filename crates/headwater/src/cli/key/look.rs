//! `headwater key list|state|plan|export-public`: what can be seen of the keys that sign a zone.

use std::io::Write;
use std::time::Duration;

use clap::{Args, ValueEnum};
use dns::{NameBuf, rdata};
use serde_json::Value;
use server::clock::unix_seconds;

use crate::cli::client::{Client, path, target};
use crate::cli::token::duration;
use crate::cli::zone::zone_name;
use crate::cli::{NodeArgs, show};

/// A zone that is signed here.
#[derive(Debug, Clone, Args)]
pub struct ZoneArgs {
    /// Name of the zone.
    #[arg(value_parser = zone_name)]
    pub zone: NameBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Public keys of a zone.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// Only the key with this tag.
    #[arg(long, value_name = "TAG")]
    pub tag: Option<u16>,
    /// Which zone.
    #[command(flatten)]
    pub zone: ZoneArgs,
}

/// A timetable.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// As if a rollover of this role were begun.
    #[arg(long, group = "trial", value_name = "ROLE")]
    pub roll: Option<Role>,
    /// As if the key with this tag were to go.
    #[arg(long, group = "trial", value_name = "TAG")]
    pub retire: Option<u16>,
    /// As if somebody else had its private key.
    #[arg(long, requires = "retire")]
    pub compromised: bool,
    /// When that begins: 2027-01-31, 2027-01-31T12:00 (UTC), or a time from now such as 30d; now without it.
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "trial")]
    pub at: Option<u64>,
    /// How far the timetable goes: a number with s, m, h, d or w.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "365d")]
    pub until: Duration,
    /// Which zone.
    #[command(flatten)]
    pub zone: ZoneArgs,
}

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// The DNSKEY records; the parent's DS record names it.
    Ksk,
    /// All other records.
    Zsk,
    /// Everything; the parent's DS record names it.
    Csk,
}

impl Role {
    /// As the API names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Ksk => "ksk",
            Role::Zsk => "zsk",
            Role::Csk => "csk",
        }
    }
}

/// A time, in seconds since 1970.
fn moment(text: &str) -> Result<u64, String> {
    let wrong = || "a time as 2027-01-31 or 2027-01-31T12:00 (UTC), or 30d from now".to_owned();
    if let Ok(later) = duration(text) {
        return Ok(unix_seconds().saturating_add(later.as_secs()));
    }
    let has_form = |form: &str| {
        let fits = |(is, wanted): (u8, u8)| if wanted == b'0' { is.is_ascii_digit() } else { is == wanted };
        form.len() == text.len() && text.bytes().zip(form.bytes()).all(fits)
    };
    let bare = text.trim_end_matches('Z');
    if !["0000-00-00", "0000-00-00T00:00", "0000-00-00T00:00:00"]
        .iter()
        .any(|form| has_form(form) || bare.len() < text.len() && has_form(&format!("{form}Z")))
    {
        return Err(wrong());
    }
    let mut digits: String = bare.chars().filter(char::is_ascii_digit).collect();
    while digits.len() < 14 {
        digits.push('0');
    }
    rdata::text::timestamp(digits.as_bytes()).map(u64::from).ok_or_else(wrong)
}

/// What the API says of the keys of a zone.
///
/// # Errors
/// As of [`Client`]; keys are looked after by a running server alone.
pub fn keys(args: &ZoneArgs) -> anyhow::Result<Value> {
    Client::server(&args.node)?.get(&path(&["zones", &args.zone.to_string(), "keys"]))
}

/// The items of a list of the API.
pub fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

/// Lists the keys.
///
/// # Errors
/// As of [`Client`].
pub fn list(args: &ZoneArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let zone = keys(args)?;
    if args.json {
        return Ok(show::json_lines(out, items(&zone["keys"]))?);
    }
    Ok(table(&zone, out)?)
}

/// A table of keys.
fn table(zone: &Value, out: &mut impl Write) -> std::io::Result<()> {
    let row = |key: &Value| {
        let [tag, role, algorithm, state, origin] =
            ["tag", "role", "algorithm", "state", "origin"].map(|field| show::cell(&key[field]));
        let ds = show::cell(&key["elements"]["ds"]["visibility"]);
        let remark = if key["compromised"] == true { ", compromised" } else { "" };
        [
            tag,
            role,
            algorithm,
            format!("{state}{remark}"),
            ds,
            origin,
            show::time(&key["created_at_ms"]),
            show::time(&key["active_since_ms"]),
        ]
    };
    let rows: Vec<_> = items(&zone["keys"]).iter().map(row).collect();
    let header = ["TAG", "ROLE", "ALGORITHM", "STATE", "DS", "ORIGIN", "MADE (UTC)", "IN USE SINCE"];
    show::table(out, header, &rows)
}

/// Says how it is with a zone.
///
/// # Errors
/// As of [`Client`].
pub fn state(args: &ZoneArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let zone = keys(args)?;
    if args.json {
        return Ok(writeln!(out, "{zone}")?);
    }
    describe(&zone, out)
}

/// Says in sentences how it is with a zone.
///
/// # Errors
/// Those of `out`.
pub fn describe(zone: &Value, out: &mut impl Write) -> anyhow::Result<()> {
    let said = |value: &Value| show::printable(&show::cell(value));
    writeln!(out, "{}: {}", show::name(&zone["zone"]), said(&zone["state"]))?;
    writeln!(out, "policy: {}", said(&zone["policy"]))?;
    if let Some(server) = zone["signer"].as_str() {
        writeln!(out, "signed by {}, which has its private keys", show::printable(server))?;
    }
    if let Some(why) = zone["error"].as_str() {
        writeln!(out, "error: {}", show::printable(why))?;
    }
    if zone["refusal"].is_object() {
        let (at, why) = (show::time(&zone["refusal"]["at_ms"]), said(&zone["refusal"]["why"]));
        writeln!(out, "refused at {at} UTC: {why}")?;
    }
    let signatures = &zone["signatures"];
    if !signatures["first_end_ms"].is_null() {
        writeln!(out, "the first signature ends at {} UTC", show::time(&signatures["first_end_ms"]))?;
    }
    if let Some(stale) = signatures["stale"].as_u64().filter(|&stale| stale > 0) {
        writeln!(out, "{stale} RRsets are about to be signed anew")?;
    }
    for wait in items(&zone["waits"]) {
        writeln!(out, "{}", said(&wait["sentence"]))?;
    }
    if zone["parent"].is_object() {
        describe_parent(&zone["parent"], out)?;
    }
    writeln!(out)?;
    Ok(table(zone, out)?)
}

/// What each name server of the parent has.
fn describe_parent(parent: &Value, out: &mut impl Write) -> anyhow::Result<()> {
    let said = |value: &Value| show::printable(&show::cell(value));
    if let Some(problem) = parent["problem"].as_str() {
        return Ok(writeln!(out, "parent: {}", show::printable(problem))?);
    }
    if parent["asked_at_ms"].is_null() {
        return Ok(writeln!(out, "parent: not asked yet")?);
    }
    let zone = if parent["zone"].is_null() { String::new() } else { format!(" {}", said(&parent["zone"])) };
    writeln!(out, "parent{zone}, asked at {} UTC:", show::time(&parent["asked_at_ms"]))?;
    for server in items(&parent["servers"]) {
        let known =
            ["name", "address"].iter().filter(|field| !server[**field].is_null()).map(|field| said(&server[*field]));
        let known = known.collect::<Vec<_>>().join(" ");
        let name = if known.is_empty() { "this server" } else { &known };
        writeln!(out, "  {name}: {}", what_a_server_has(server))?;
    }
    Ok(())
}

/// `DS 12345`, or what a server does instead of answering, and what it had before.
fn what_a_server_has(server: &Value) -> String {
    let record = |ds: &Value| {
        let note = if ds["matches"] == true { "" } else { " (leads to no key of the zone)" };
        format!("{}{note}", show::cell(&ds["tag"]))
    };
    let records: Vec<String> = items(&server["ds"]).iter().map(record).collect();
    let has = if records.is_empty() { "no DS record".to_owned() } else { format!("DS {}", records.join(", ")) };
    match server["problem"].as_str() {
        None => has,
        Some(problem) => {
            let since = format!("{}, since {} UTC", show::printable(problem), show::time(&server["problem_since_ms"]));
            let before = (!server["answered_at_ms"].is_null()).then(|| format!("; before that {has}"));
            format!("{since}{}", before.unwrap_or_default())
        }
    }
}

/// Prints the DNSKEY record of each key.
///
/// # Errors
/// As of [`Client`]; there is no such key.
pub fn export_public(args: &ExportArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let zone = keys(&args.zone)?;
    let wanted = |key: &&Value| args.tag.is_none_or(|tag| key["tag"] == tag);
    let chosen: Vec<&Value> = items(&zone["keys"]).iter().filter(wanted).collect();
    if let Some(tag) = args.tag.filter(|_| chosen.is_empty()) {
        anyhow::bail!("zone {} has no key {tag}: `headwater key list` shows its keys", args.zone.zone);
    }
    for key in chosen {
        if args.zone.json {
            writeln!(out, "{}", serde_json::json!({"tag": key["tag"], "role": key["role"], "dnskey": key["dnskey"]}))?;
            continue;
        }
        writeln!(out, "; key {}, {}, of {}", key["tag"], show::cell(&key["role"]), args.zone.zone)?;
        writeln!(out, "{}", show::cell(&key["dnskey"]))?;
    }
    Ok(())
}

/// Prints a timetable.
///
/// # Errors
/// As of [`Client`].
pub fn plan(args: &PlanArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let from_s = args.at.unwrap_or_else(unix_seconds);
    let until = from_s.saturating_add(args.until.as_secs()).to_string();
    let at = args.at.map(|at_s| at_s.to_string());
    let retire = args.retire.map(|tag| tag.to_string());
    let mut query = vec![("until_s", until.as_str())];
    query.extend(args.roll.map(|role| ("roll", role.as_str())));
    query.extend(retire.as_deref().map(|tag| ("retire", tag)));
    query.extend(args.compromised.then_some(("compromised", "true")));
    query.extend(at.as_deref().map(|at| ("at_s", at)));
    let of_zone = path(&["zones", &args.zone.zone.to_string(), "keys", "plan"]);
    let plan = Client::server(&args.zone.node)?.get(&target(&of_zone, &query))?;
    if args.zone.json {
        return Ok(writeln!(out, "{plan}")?);
    }
    let steps = items(&plan["steps"]);
    if steps.is_empty() {
        return Ok(writeln!(out, "nothing will change until {} UTC", show::time(&plan["until_ms"]))?);
    }
    for step in steps {
        let assumes = step["assumes"].as_str().map_or(String::new(), |assumes| format!(" (if {assumes})"));
        let sentence = format!("{}{assumes}", show::cell(&step["sentence"]));
        writeln!(out, "{}  {}", show::time(&step["at_ms"]), show::printable(&sentence))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        let check = |text: &str, want: Option<u64>| assert_eq!(moment(text).ok(), want, "{text}");
        check("2026-11-30", Some(1_795_996_800));
        check("2026-11-30T20:00", Some(1_796_068_800));
        check("2026-11-30T20:00Z", Some(1_796_068_800));
        check("2026-11-30T20:00:01Z", Some(1_796_068_801));
        for bad in
            ["", "2026", "20261130", "2026-13-01", "2026-02-30", "2026-11-30 20:00", "2026-11-30T25:00", "ü026-11-3"]
        {
            check(bad, None);
        }
        assert!(moment("1d").is_ok_and(|at_s| at_s > unix_seconds() + 86_000));
    }
}
