//! `headwater stats`: the running server's counters.

use std::io::{self, Write};

use super::NodeArgs;
use super::client::Client;

/// Prints the counters of the server that uses the configuration's data directory.
///
/// # Errors
/// A bad configuration, and no running server.
pub fn run(args: &NodeArgs, out: &mut impl Write) -> anyhow::Result<()> {
    io::copy(&mut Client::server(args)?.send("GET", "/control/stats", &[], b"")?, out)?;
    Ok(())
}
