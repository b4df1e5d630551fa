//! Questions to the person at the terminal, and secrets from them.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Context, bail};
use nix::sys::termios::{self, LocalFlags, SetArg, Termios};

/// Octets of an answer.
const MAX_ANSWER_LEN: u64 = 4 << 10;

/// Asks on standard error, and reads a line of standard input, whoever writes it; `None` at its end.
///
/// # Errors
/// The streams'.
pub fn line(question: &str) -> io::Result<Option<String>> {
    eprint!("{question}");
    io::stderr().flush()?;
    let mut line = String::new();
    let len = io::Read::take(io::stdin().lock(), MAX_ANSWER_LEN).read_line(&mut line)?;
    Ok((len > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Asks for one of `letters`; the end of the input counts as the last.
///
/// # Errors
/// The streams'.
pub fn letter(question: &str, letters: &[char]) -> io::Result<char> {
    let last = letters.last().copied().unwrap_or('n');
    loop {
        let Some(answer) = line(question)? else { return Ok(last) };
        let first = answer.trim().chars().next().map(|c| c.to_ascii_lowercase());
        if let Some(letter) = first.filter(|letter| letters.contains(letter)) {
            return Ok(letter);
        }
    }
}

/// A new password: typed twice without being shown, or, if standard input is no terminal, its first line.
///
/// # Errors
/// The streams'; two passwords that differ; none.
pub fn new_password() -> anyhow::Result<String> {
    if !io::stdin().is_terminal() {
        return line("")?.context("no password on standard input");
    }
    let first = unseen("New password: ")?;
    if first != unseen("Again: ")? {
        bail!("the two passwords differ");
    }
    Ok(first)
}

fn unseen(question: &str) -> anyhow::Result<String> {
    let quiet = Quiet::new()?;
    let answer = line(question)?;
    drop(quiet);
    eprintln!();
    answer.context("no password")
}

/// The terminal does not show what is typed while this is there.
struct Quiet(Termios);

impl Quiet {
    fn new() -> nix::Result<Quiet> {
        let before = termios::tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_flags.remove(LocalFlags::ECHO);
        termios::tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &quiet)?;
        Ok(Quiet(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &self.0);
    }
}
