//! `headwater backup create|verify|restore`. A backup is made while the server runs; the other two need none.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use journal::backup::{self, Manifest};
use serde_json::{Value, json};

use super::client::{self, Client, Directory};
use super::{NodeArgs, show};

/// What to do with backups.
#[derive(Debug, Subcommand)]
pub enum BackupCommand {
    /// Create a backup, whether the server runs or not.
    Create(CreateArgs),
    /// Check a backup: every digest, every database, and that the databases agree.
    Verify(VerifyArgs),
    /// Restore a backup into the data directory of a server that is not running.
    Restore(RestoreArgs),
}

/// A new backup.
#[derive(Debug, Clone, Args)]
pub struct CreateArgs {
    /// The directory to make; without it, one in `backups` of the data directory.
    pub directory: Option<PathBuf>,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// A backup to check.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// The backup's directory.
    pub directory: PathBuf,
}

/// A backup to restore.
#[derive(Debug, Clone, Args)]
pub struct RestoreArgs {
    /// The backup's directory.
    pub directory: PathBuf,
    /// Replace the data that is there.
    #[arg(long)]
    pub force: bool,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Does what was typed; false if a backup is damaged, which is on standard error then.
///
/// # Errors
/// What keeps it from being done.
pub fn run(command: &BackupCommand, out: &mut impl Write) -> anyhow::Result<bool> {
    match command {
        BackupCommand::Create(args) => create(args, out)?,
        BackupCommand::Verify(args) => match backup::verify(&args.directory) {
            Ok(manifest) => report(out, &args.directory.display().to_string(), "sound", &manifest)?,
            Err(problems) => {
                problems.iter().for_each(|problem| eprintln!("{}: {problem}", args.directory.display()));
                return Ok(false);
            }
        },
        BackupCommand::Restore(args) => {
            let config = client::config(&args.node)?;
            not_in_cluster(&config)?;
            let (data_dir, journal) = (config.data_dir, config.journal.file);
            if journal.parent() != Some(&data_dir) {
                bail!(
                    "nothing restored: `journal.file` ({}) is outside `data_dir` ({}), so other servers may use it; \
                     restore without `journal.file`, then move journal.db and seal.key while no server runs",
                    journal.display(),
                    data_dir.display()
                );
            }
            let restored = backup::restore(&args.directory, &data_dir, args.force);
            let manifest = match restored {
                Err(error @ backup::BackupError::Exists(_)) => {
                    Err(error).context("nothing restored (--force replaces what is there)")
                }
                other => other.context("nothing restored"),
            }?;
            report(out, &data_dir.display().to_string(), "restored", &manifest)?;
        }
    }
    Ok(true)
}

/// Backups have a journal of this server's own in them.
fn not_in_cluster(config: &config::Config) -> anyhow::Result<()> {
    if config.cluster.is_some() {
        bail!(
            "the journal of a cluster is in Kafka, which keeps copies of it: there is nothing to back up or restore here"
        );
    }
    Ok(())
}

fn create(args: &CreateArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let config = client::config(&args.node)?;
    not_in_cluster(&config)?;
    if let Some(directory) = &args.directory {
        let manifest = backup::create(&config.data_dir, &config.journal.file, directory)?;
        return Ok(report(out, &directory.display().to_string(), "made", &manifest)?);
    }
    let made = Client::find(&args.node, Directory::Existing)?.call("POST", "/api/v1/backups", &Value::Null)?;
    let directory = config.data_dir.join("backups").join(show::cell(&made["name"]));
    let (position, size) = (show::cell(&made["position"]), show::cell(&made["size_bytes"]));
    let time = show::time(&made["created_at_ms"]);
    Ok(writeln!(out, "{}: made, of {time}, up to change {position}, {size} octets", directory.display())?)
}

fn report(out: &mut impl Write, place: &str, what: &str, manifest: &Manifest) -> std::io::Result<()> {
    let size: u64 = manifest.files.iter().map(|file| file.size).sum();
    let time = show::time(&json!(manifest.created_ms));
    let position = manifest.streams.zones.next.saturating_sub(1);
    writeln!(out, "{place}: {what}, of {time}, up to change {position}, {size} octets")
}
