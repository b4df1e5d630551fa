//! `headwater key create|roll|retire|import|ds`: what changes the keys that sign a zone, and what the parent shall have.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use dnssec::digest::{DS_SHA256, DS_SHA384};
use dnssec::key_file::{MAX_FILE_LEN, parse_public};
use serde_json::{Value, json};

use super::look::{Role, ZoneArgs, items};
use crate::cli::client::{Client, path, target};
use crate::cli::show;

/// A new key.
#[derive(Debug, Clone, Args)]
pub struct CreateArgs {
    /// What it signs.
    #[arg(long, value_name = "ROLE")]
    pub role: Role,
    /// Why, for the history.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub why: String,
    /// Which zone.
    #[command(flatten)]
    pub zone: ZoneArgs,
}

/// Which keys to replace.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub struct RollArgs {
    /// The key-signing key.
    #[arg(long, group = "which")]
    pub ksk: bool,
    /// The zone-signing key.
    #[arg(long, group = "which")]
    pub zsk: bool,
    /// The key that signs everything.
    #[arg(long, group = "which")]
    pub csk: bool,
    /// The key with this tag.
    #[arg(long, group = "which", value_name = "TAG")]
    pub tag: Option<u16>,
    /// Why, for the history.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub why: String,
    /// Which zone.
    #[command(flatten)]
    pub zone: ZoneArgs,
}

/// A key that goes.
#[derive(Debug, Clone, Args)]
pub struct RetireArgs {
    /// Which zone; it comes before the tag.
    #[command(flatten)]
    pub zone: ZoneArgs,
    /// The key tag.
    pub tag: u16,
    /// Somebody else may have the private key: others take over as fast as caches allow.
    #[arg(long)]
    pub compromised: bool,
    /// Why, for the history.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub why: String,
}

/// A key that comes from elsewhere.
#[derive(Debug, Clone, Args)]
pub struct ImportArgs {
    /// Which zone; it comes before the file.
    #[command(flatten)]
    pub zone: ZoneArgs,
    /// The private key: `K*.private`, whose `K*.key` is read too if it is there, or PKCS#8 in PEM.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// What it signs; without it what the flags in the `.key` file say: ksk for 257, zsk for 256.
    #[arg(long, value_name = "ROLE")]
    pub role: Option<Role>,
    /// The zone was signed with it until now, elsewhere: it is published and in use at once.
    #[arg(long)]
    pub in_service: bool,
    /// The parent has a DS record for it.
    #[arg(long, requires = "in_service")]
    pub has_ds: bool,
    /// Why, for the history.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub why: String,
}

/// DS records.
#[derive(Debug, Clone, Args)]
pub struct DsArgs {
    /// Also keys that the parent shall have no DS record of now.
    #[arg(long)]
    pub all: bool,
    /// Print digests of SHA-384 instead of SHA-256, which CDS records have.
    #[arg(long, conflicts_with = "dnskey")]
    pub sha384: bool,
    /// Print DNSKEY records, for registrars that make the DS records themselves.
    #[arg(long)]
    pub dnskey: bool,
    /// Say that every name server of the parent has the DS record of the key with this tag.
    #[arg(long, value_name = "TAG", conflicts_with_all = ["withdrawn", "all", "dnskey", "sha384"])]
    pub published: Option<u16>,
    /// Say that no name server of the parent has the DS record of the key with this tag any more.
    #[arg(long, value_name = "TAG", conflicts_with_all = ["all", "dnskey", "sha384"])]
    pub withdrawn: Option<u16>,
    /// Why, for the history.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub why: String,
    /// Which zone.
    #[command(flatten)]
    pub zone: ZoneArgs,
}

/// Begins a rollover, so that a key is made.
///
/// # Errors
/// As of [`Client`].
pub fn create(args: &CreateArgs, out: &mut impl Write) -> anyhow::Result<()> {
    begin(&args.zone, &json!({"role": args.role.as_str(), "why": args.why}), out)
}

/// Begins a rollover.
///
/// # Errors
/// As of [`Client`].
pub fn roll(args: &RollArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let roles = [(args.ksk, Role::Ksk), (args.zsk, Role::Zsk), (args.csk, Role::Csk)];
    let role = roles.iter().find(|(is_wanted, _)| *is_wanted).map(|(_, role)| role.as_str());
    let body = match args.tag {
        Some(tag) => json!({"tag": tag, "why": args.why}),
        None => json!({"role": role, "why": args.why}),
    };
    begin(&args.zone, &body, out)
}

/// Has a key go.
///
/// # Errors
/// As of [`Client`].
pub fn retire(args: &RetireArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let body = json!({"tag": args.tag, "compromised": args.compromised, "why": args.why});
    let zone = post(&args.zone, &["keys", "retire"], &body)?;
    if args.zone.json {
        return Ok(writeln!(out, "{zone}")?);
    }
    writeln!(
        out,
        "{}: key {} goes; `headwater key plan` says when it is gone, `headwater key state` how it goes",
        show::name(&zone["zone"]),
        args.tag
    )?;
    Ok(())
}

fn begin(args: &ZoneArgs, body: &Value, out: &mut impl Write) -> anyhow::Result<()> {
    let zone = post(args, &["keys", "roll"], body)?;
    if args.json {
        return Ok(writeln!(out, "{zone}")?);
    }
    writeln!(out, "{}: a rollover begins; `headwater key state` says how it goes", show::name(&zone["zone"]))?;
    Ok(())
}

fn post(args: &ZoneArgs, words: &[&str], body: &Value) -> anyhow::Result<Value> {
    let zone = args.zone.to_string();
    Client::server(&args.node)?.call("POST", &path(&[&["zones", zone.as_str()], words].concat()), body)
}

/// Brings a key in.
///
/// # Errors
/// A file that cannot be read; as of [`Client`].
pub fn import(args: &ImportArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let (file, beside) = files(&args.file);
    let private = read(&file)?;
    let public = match beside.filter(|file| file.exists()) {
        Some(file) => Some((read(&file)?, file)),
        None => None,
    };
    let role = match (args.role, &public) {
        (Some(role), _) => role,
        (None, Some((text, file))) => {
            let record = parse_public(text).with_context(|| file.display().to_string())?;
            if record.flags & dnssec::key::SEP == 0 { Role::Zsk } else { Role::Ksk }
        }
        (None, None) => bail!("what does the key sign? There is no `.key` file that says it: --role ksk, zsk or csk"),
    };
    let mut body = json!({
        "private": private,
        "role": role.as_str(),
        "in_service": args.in_service,
        "has_ds": args.has_ds,
        "why": args.why,
    });
    if let Some((text, _)) = public {
        body["public"] = json!(text);
    }
    let key = post(&args.zone, &["keys"], &body).with_context(|| file.display().to_string())?;
    if args.zone.json {
        return Ok(writeln!(out, "{key}")?);
    }
    let [tag, algorithm, state] = ["tag", "algorithm", "state"].map(|field| show::cell(&key[field]));
    writeln!(out, "{}: key {tag} ({algorithm}, {}) is imported, {state}", args.zone.zone, role.as_str())?;
    Ok(())
}

/// The file of the private key, and where the public one would be.
fn files(path: &Path) -> (PathBuf, Option<PathBuf>) {
    // Names of key files have dots: only the two known endings are exchanged.
    let name = path.to_string_lossy();
    match name.strip_suffix(".private").or(name.strip_suffix(".key")) {
        Some(stem) => (format!("{stem}.private").into(), Some(format!("{stem}.key").into())),
        None => (path.to_owned(), None),
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let opened = File::open(file).and_then(|open| open.take(MAX_FILE_LEN as u64 + 1).read_to_string(&mut text));
    opened.with_context(|| file.display().to_string())?;
    Ok(text)
}

/// Prints DS records, or says what the parent has.
///
/// # Errors
/// As of [`Client`].
pub fn ds(args: &DsArgs, out: &mut impl Write) -> anyhow::Result<()> {
    match (args.published, args.withdrawn) {
        (Some(tag), _) => confirm(args, tag, true, out),
        (_, Some(tag)) => confirm(args, tag, false, out),
        _ => print(args, out),
    }
}

fn confirm(args: &DsArgs, tag: u16, published: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let zone = post(&args.zone, &["keys", "ds"], &json!({"tag": tag, "published": published, "why": args.why}))?;
    if args.zone.json {
        return Ok(writeln!(out, "{zone}")?);
    }
    let what = if published { "has" } else { "has no longer" };
    writeln!(out, "{}: noted that the parent {what} the DS record of key {tag}", show::name(&zone["zone"]))?;
    Ok(())
}

fn print(args: &DsArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let query: &[_] = if args.all { &[("all", "true")] } else { &[] };
    let of_zone = path(&["zones", &args.zone.zone.to_string(), "ds"]);
    let said = Client::server(&args.zone.node)?.get(&target(&of_zone, query))?;
    if args.zone.json {
        return Ok(writeln!(out, "{said}")?);
    }
    let keys = items(&said["keys"]);
    if keys.is_empty() {
        // Standard output has records alone.
        eprintln!(
            "{}: the parent shall have no DS record yet, or none any more; `headwater key state` says what is waited for",
            args.zone.zone
        );
    }
    for key in keys {
        if args.dnskey {
            writeln!(out, "{}", show::cell(&key["dnskey"]))?;
            continue;
        }
        let digest_type = if args.sha384 { DS_SHA384 } else { DS_SHA256 };
        let mut wanted = items(&key["ds"]).iter().filter(|ds| ds["digest_type"] == digest_type);
        wanted.try_for_each(|ds| writeln!(out, "{}", show::cell(&ds["line"])))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_file_is_beside_the_private_one() {
        let check = |name: &str, private: &str, public: Option<&str>| {
            assert_eq!(files(Path::new(name)), (private.into(), public.map(PathBuf::from)), "{name}");
        };
        let stem = "keys/Kexample.org.+013+00001";
        let (private, public) = (format!("{stem}.private"), format!("{stem}.key"));
        check(&private, &private, Some(&public));
        check(&public, &private, Some(&public));
        check("key.pem", "key.pem", None);
    }
}
