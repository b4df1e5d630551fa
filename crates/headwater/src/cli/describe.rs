//! `headwater config`, `completions` and `man`: what the program says about itself.

use super::{Cli, ConfigCommand};
use clap::CommandFactory;
use clap_complete::Shell;
use config::document;
use std::io::{self, Write};
use std::path::Path;

/// Prints the configuration's description.
pub fn config(command: ConfigCommand, out: &mut impl Write) -> io::Result<()> {
    let text = match command {
        ConfigCommand::Schema => document::schema(),
        ConfigCommand::Defaults => document::defaults(),
        ConfigCommand::Reference => document::reference(),
    };
    out.write_all(text.as_bytes())
}

/// Prints the completions for a shell.
pub fn completions(shell: Shell, out: &mut impl Write) {
    clap_complete::generate(shell, &mut Cli::command(), "headwater", out);
}

/// Writes a manual page for every command into `directory`, which is made if it is missing.
pub fn man(directory: &Path) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    clap_mangen::generate_to(Cli::command(), directory)
}
