//! `headwater cluster init`: the key that the servers of a cluster share.

use std::io::Write;
use std::path::PathBuf;

use clap::Subcommand;
use journal_kafka::ClusterKey;

/// What to do for a cluster.
#[derive(Debug, Subcommand)]
pub enum ClusterCommand {
    /// Make a key for a new cluster: 32 random bytes in base64, in a file that nobody else may read. Copy it to all servers.
    Init {
        /// The file, as `cluster.key_file` names it; it must not exist.
        file: PathBuf,
    },
}

/// Does it.
///
/// # Errors
/// Why it cannot be done.
pub fn run(command: ClusterCommand, out: &mut impl Write) -> anyhow::Result<()> {
    let ClusterCommand::Init { file } = command;
    ClusterKey::make(&file)?;
    let file = file.display();
    Ok(writeln!(out, "made {file}; copy it to every server of the cluster, and set `cluster.key_file` there")?)
}
