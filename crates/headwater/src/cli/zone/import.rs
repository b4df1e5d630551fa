//! `headwater zone import` and `export`: zone files into the journal and out of it.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use dns::zonefile::{self, NoIncludes, Record, Sink};
use dns::{Class, NameBuf};
use node::loader;
use serde_json::Value;
use zone::Contents;

use super::manage::NameArgs;
use crate::cli::client::{self, Client, Directory, Refused, path, target};
use crate::cli::{NodeArgs, show};

/// What to import.
#[derive(Debug, Clone, Args)]
pub struct ImportArgs {
    /// Name of the zone.
    #[arg(value_parser = super::zone_name)]
    pub name: NameBuf,
    /// The zone file.
    pub file: PathBuf,
    /// Take the file's serial even if it is not later than the zone's; secondaries do not follow by themselves then.
    #[arg(long)]
    pub force_serial: bool,
    /// Only print what would change.
    #[arg(long)]
    pub dry_run: bool,
    /// Why, for the history; without it, the file's name.
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Replaces the records of a zone by those of a zone file, or makes the zone. True if nothing is wrong with the file;
/// else every problem is on standard error.
///
/// # Errors
/// As of [`Client`].
pub fn import(args: &ImportArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let contents = match read(&args.name, &args.file) {
        Ok(contents) => contents,
        Err(refused) => {
            refused.problems.iter().for_each(|problem| eprintln!("{problem}"));
            return Ok(false);
        }
    };
    let name = || args.file.file_name().unwrap_or_default().to_string_lossy();
    let why = args.why.clone().unwrap_or_else(|| format!("import of {}", name()));
    let mut query = vec![("create", "true"), ("why", &*why)];
    query.extend(args.force_serial.then_some(("force_serial", "true")));
    let client = Client::find(&args.node, Directory::Made)?;
    let outcome = submit(&client, &args.name, &contents, &query, args.dry_run, None)?;
    if args.dry_run {
        show::diff(out, &outcome)?;
    }
    show::outcome(out, &outcome)?;
    let (given, got) = (contents.soa().map(|soa| soa.serial), outcome["zones"][0]["to"].as_u64());
    if let (Some(given), Some(got)) = (given, got)
        && u64::from(given) != got
    {
        eprintln!(
            "the file's serial {given} is not later than the zone's: {got} instead (--force-serial takes {given})"
        );
    }
    Ok(true)
}

/// Reads a zone file; what its owner should look at goes to standard error.
///
/// # Errors
/// Everything that is wrong with it, each with its file, line and column.
pub fn read(name: &NameBuf, file: &Path) -> Result<Contents, Refused> {
    match loader::load(name, file, super::hasher()) {
        Ok(loaded) => {
            loaded.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
            Ok(loaded.contents)
        }
        Err(refused) => {
            Err(Refused { status: 0, problems: refused.problems.iter().map(ToString::to_string).collect() })
        }
    }
}

/// Has the records of a zone replaced; the serial in `expected` must still be the zone's.
///
/// # Errors
/// As of [`Client`].
pub fn submit(
    client: &Client,
    name: &NameBuf,
    contents: &Contents,
    query: &[(&str, &str)],
    dry_run: bool,
    expected: Option<&str>,
) -> anyhow::Result<Value> {
    let dry_run = ("dry_run", if dry_run { "true" } else { "false" });
    let target = target(&path(&["zones", &name.to_string(), "import"]), &[query, &[dry_run]].concat());
    let mut fields = vec![("content-type", "text/dns")];
    fields.extend(expected.map(|tag| ("if-match", tag)));
    let mut outcome = client::json(client.send("POST", &target, &fields, api::zone_file(contents).as_bytes())?)?;
    // They were reported with their lines when the file was read.
    outcome["warnings"] = Value::Null;
    Ok(outcome)
}

/// Prints a zone in canonical text and order, as `zone print` does a zone file.
///
/// # Errors
/// As of [`Client`].
pub fn export(args: &NameArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let client = Client::find(&args.node, Directory::Existing)?;
    let mut response = client.send("GET", &path(&["zones", &args.name.to_string(), "export"]), &[], b"")?;
    let mut text = Vec::new();
    response.read_to_end(&mut text)?;
    let mut sink = Canonical { out, failed: None };
    let options = loader::options(&args.name, Path::new("export"));
    let outcome = zonefile::parse(&text, &options, &NoIncludes, &mut sink);
    match (sink.failed, outcome.problems.first()) {
        (Some(error), _) => Err(error.into()),
        (None, Some(problem)) => anyhow::bail!("the server sent no zone file: {problem}"),
        (None, None) => Ok(()),
    }
}

/// Writes records in canonical form.
struct Canonical<'w, W: Write> {
    out: &'w mut W,
    failed: Option<std::io::Error>,
}

impl<W: Write> Sink for Canonical<'_, W> {
    fn record(&mut self, record: Record<'_>) {
        if self.failed.is_none() {
            let (mut data, mut line) = (Vec::new(), String::new());
            dns::rdata::wire::canonical(record.rtype, record.rdata, &mut data);
            let owner = record.owner.to_canonical();
            // Writing to a string does not fail.
            let _ = zonefile::write_record(&owner, record.ttl, Class::IN, record.rtype, &data, &mut line);
            self.failed = self.out.write_all(line.as_bytes()).err();
        }
    }
}
