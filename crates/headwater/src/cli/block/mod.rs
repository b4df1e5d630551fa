//! `headwater block`: what the running server blocks, and why.

mod check;
mod lists;
mod pause;
mod rules;

use std::io::Write;

use clap::Subcommand;

/// What to do with what is blocked.
#[derive(Debug, Subcommand)]
pub enum BlockCommand {
    /// Say whether a name is blocked, and by which rules: exit with 0 if it is, else with 1.
    Check(check::CheckArgs),
    /// List the lists: how each is doing, and what it contributes.
    List(super::list::ListArgs),
    /// Fetch a list now.
    Refresh(lists::RefreshArgs),
    /// Subscribe to a list.
    Add(lists::AddArgs),
    /// End the subscription to a list.
    Remove(lists::RemoveArgs),
    /// Rules of our own.
    #[command(subcommand)]
    Rule(rules::RuleCommand),
    /// Block nothing for a while: for all, for a group, or for a device.
    Pause(pause::PauseArgs),
}

/// Does what was typed; false if a name that was checked is not blocked.
///
/// # Errors
/// No running server, and what it refuses.
pub fn run(command: &BlockCommand, out: &mut impl Write) -> anyhow::Result<bool> {
    match command {
        BlockCommand::Check(args) => return check::run(args, out),
        BlockCommand::List(args) => lists::list(args, out)?,
        BlockCommand::Refresh(args) => lists::refresh(args, out)?,
        BlockCommand::Add(args) => lists::add(args, out)?,
        BlockCommand::Remove(args) => lists::remove(args, out)?,
        BlockCommand::Rule(command) => rules::run(command, out)?,
        BlockCommand::Pause(args) => pause::run(args, out)?,
    }
    Ok(true)
}
