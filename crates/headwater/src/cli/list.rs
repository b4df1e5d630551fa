//! Lists of what a server has: a table, or JSON with one item a line. `zone list`, `token list`, `user list` and
//! `key tsig list` say what the columns are.

use std::io::Write;

use clap::Args;
use serde_json::Value;

use super::client::{Client, Directory};
use super::{NodeArgs, show};

/// How to list.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Print JSON, one item a line.
    #[arg(long)]
    pub json: bool,
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Prints the list at `path` of the API; `row` makes the cells of an item.
///
/// # Errors
/// As of [`Client`].
pub fn print<const N: usize>(
    args: &ListArgs,
    path: &str,
    header: [&str; N],
    row: impl Fn(&Value) -> [String; N],
    out: &mut impl Write,
) -> anyhow::Result<()> {
    Client::find(&args.node, Directory::Existing)?.pages(path, |items| {
        if args.json {
            show::json_lines(out, items)?;
        } else {
            let rows: Vec<_> = items.iter().map(&row).collect();
            show::table(out, header, &rows)?;
        }
        Ok(true)
    })
}
