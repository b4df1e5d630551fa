//! `headwater token create|acme|list|revoke`: secrets for programs.

use std::io::Write;
use std::time::Duration;

use access::limits::MAX_NAME;
use access::{Grant, NamePattern, Verb};
use clap::{Args, Subcommand};
use dns::{NameBuf, RType};
use ipnet::IpNet;
use serde_json::{Value, json};
use server::clock::unix_ms;

use super::client::{Client, Directory, path};
use super::list::{self, ListArgs};
use super::{NodeArgs, show};

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Create a token and print it on standard output, this once.
    Create(CreateArgs),
    /// Create a token for the ACME DNS challenge of a host: it may change the TXT records at _acme-challenge.HOST.
    Acme(AcmeArgs),
    /// List the tokens.
    List(ListArgs),
    /// Revoke a token.
    Revoke(RevokeArgs),
}

/// Whose a token is, and how long it counts.
#[derive(Debug, Clone, Args)]
pub struct TokenArgs {
    /// The user whose it is; it can never do more than they.
    #[arg(long, value_name = "USER", default_value = "admin")]
    pub owner: String,
    /// How long it counts: a number with s, m, h, d or w; without it, until it is revoked.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub expires: Option<Duration>,
    /// From which network it may be used; may be given several times.
    #[arg(long = "network", value_name = "PREFIX")]
    pub networks: Vec<IpNet>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// A new token.
#[derive(Debug, Clone, Args)]
pub struct CreateArgs {
    /// What it is called.
    pub name: String,
    /// What it may do; may be given several times: read, create, update, delete, configure, transfer, admin.
    #[arg(long = "verb", value_name = "VERB", required = true, value_parser = verb)]
    pub verbs: Vec<Verb>,
    /// In which zones (example.org, *.example.org, **.example.org); may be given several times; without it, all.
    #[arg(long = "zone", value_name = "PATTERN")]
    pub zones: Vec<NamePattern>,
    /// At which owners; may be given several times; without it, all.
    #[arg(long = "record", value_name = "PATTERN")]
    pub records: Vec<NamePattern>,
    /// Of which types; may be given several times; without it, all.
    #[arg(long = "type", value_name = "TYPE", value_parser = rtype)]
    pub types: Vec<RType>,
    /// Whose it is, and how long it counts.
    #[command(flatten)]
    pub token: TokenArgs,
}

/// A new token for one host.
#[derive(Debug, Clone, Args)]
pub struct AcmeArgs {
    /// The name that certificates are for.
    pub host: NameBuf,
    /// Whose it is, and how long it counts.
    #[command(flatten)]
    pub token: TokenArgs,
}

/// Which token to revoke.
#[derive(Debug, Clone, Args)]
pub struct RevokeArgs {
    /// The identifier of the token, as `token list` shows it.
    pub id: String,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Does what was typed.
///
/// # Errors
/// As of [`Client`].
pub fn run(command: &TokenCommand, out: &mut impl Write) -> anyhow::Result<()> {
    match command {
        TokenCommand::Create(args) => {
            let zones = if args.zones.is_empty() { vec![NamePattern::all()] } else { args.zones.clone() };
            let (names, types) = (args.records.clone(), args.types.clone());
            let grant = Grant { zones, names, types, ..Grant::of(&args.verbs) };
            create(&args.name, grant, &args.token, out)
        }
        TokenCommand::Acme(args) => create(&acme_name(&args.host), Grant::acme(&args.host)?, &args.token, out),
        TokenCommand::List(args) => list(args, out),
        TokenCommand::Revoke(args) => {
            let client = Client::find(&args.node, Directory::Existing)?;
            client.call("DELETE", &path(&["tokens", &args.id]), &Value::Null)?;
            Ok(writeln!(out, "token {} is revoked", args.id)?)
        }
    }
}

/// The token alone goes to standard output, what is to be known about it to standard error.
fn create(name: &str, grant: Grant, args: &TokenArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let grant = Grant { networks: args.networks.clone(), ..grant };
    let mut body = json!({"name": name, "owner": args.owner, "grants": [grant]});
    if let Some(expires) = args.expires {
        body["expires_at_ms"] = json!(unix_ms().saturating_add(u64::try_from(expires.as_millis()).unwrap_or(u64::MAX)));
    }
    let made = Client::find(&args.node, Directory::Existing)?.call("POST", "/api/v1/tokens", &body)?;
    if args.json {
        return Ok(writeln!(out, "{made}")?);
    }
    let until = show::time(&made["expires_at_ms"]);
    let (id, owner) = (show::cell(&made["id"]), show::cell(&made["owner"]));
    eprintln!("token {id} of {owner}, valid until: {until}; it is shown this once:");
    Ok(writeln!(out, "{}", show::cell(&made["token"]))?)
}

/// The name of a host's token, of the characters that names of tokens may have.
fn acme_name(host: &NameBuf) -> String {
    let host = host.to_string().to_ascii_lowercase();
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    format!("acme-{}", host.trim_end_matches('.')).chars().map(plain).take(MAX_NAME).collect()
}

fn list(args: &ListArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let row = |token: &Value| {
        let [id, name, owner] = [&token["id"], &token["name"], &token["owner"]].map(show::cell);
        let grants: Vec<String> = token["grants"].as_array().into_iter().flatten().map(grant).collect();
        [id, name, owner, show::time(&token["expires_at_ms"]), grants.join("; ")]
    };
    list::print(args, "/api/v1/tokens", ["TOKEN", "NAME", "OWNER", "EXPIRES (UTC)", "GRANTS"], row, out)
}

/// A grant as one phrase: `update TXT at NAMES in ZONES`.
fn grant(grant: &Value) -> String {
    let part = |word: &str, key: &str| match &grant[key] {
        Value::Array(items) if !items.is_empty() => format!("{word}{}", show::cell(&grant[key])),
        _ => String::new(),
    };
    let parts = [part("", "verbs"), part(" ", "types"), part(" at ", "names"), part(" in ", "zones")];
    parts.concat() + &part(" from ", "networks")
}

fn verb(text: &str) -> Result<Verb, String> {
    let words: Vec<&str> = Verb::ALL.iter().map(|verb| verb.as_str()).collect();
    let known = Verb::ALL.into_iter().find(|verb| verb.as_str() == text);
    known.ok_or_else(|| format!("one of {}", words.join(", ")))
}

fn rtype(text: &str) -> Result<RType, String> {
    RType::from_text(text.as_bytes()).ok_or_else(|| "a record type".to_owned())
}

/// A number with a unit.
///
/// # Errors
/// What it should be.
pub fn duration(text: &str) -> Result<Duration, String> {
    let units = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400), ('w', 604_800)];
    let parsed = units.iter().find_map(|&(unit, seconds)| {
        let count: u64 = text.strip_suffix(unit)?.parse().ok()?;
        count.checked_mul(seconds).filter(|&seconds| seconds > 0)
    });
    parsed.map(Duration::from_secs).ok_or_else(|| "a number with s, m, h, d or w, as in 90d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        let check =
            |text: &str, want: Option<u64>| assert_eq!(duration(text).ok().map(|d| d.as_secs()), want, "{text}");
        check("90d", Some(7_776_000));
        check("1w", Some(604_800));
        check("30s", Some(30));
        for bad in ["", "d", "5", "0d", "-1d", "1.5h", "99999999999999999999d", "18446744073709551615w", "5é"] {
            check(bad, None);
        }
    }

    #[test]
    fn hosts_are_names_of_tokens() {
        let check = |host: &str, want: &str| {
            let name = acme_name(&host.parse().expect("name"));
            assert!(name == want && access::is_name(&name), "{name}");
        };
        check("WWW.example.org", "acme-www.example.org");
        check("*.example.org.", "acme--.example.org");
        check(&format!("{}.org", "a".repeat(63)), &format!("acme-{}", "a".repeat(59)));
    }

    #[test]
    fn grants_are_phrases() {
        let host: NameBuf = "www.example.org".parse().expect("name");
        let acme = serde_json::to_value(Grant::acme(&host).expect("grant")).expect("JSON");
        assert_eq!(grant(&acme), "update TXT at _acme-challenge.www.example.org. in **");
        assert_eq!(grant(&json!({"verbs": ["read", "update"], "zones": ["a."]})), "read,update in a.");
    }
}
