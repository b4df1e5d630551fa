//! A progress line on a terminal for what takes long; nothing anywhere else.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

/// Shorter work shows no line.
const WORTH_A_LINE: usize = 100;

/// How far a known number of steps has come.
pub struct Progress(Option<ProgressBar>);

impl Progress {
    /// A line for `total` steps of `what`.
    pub fn new(what: &'static str, total: usize) -> Progress {
        let shown = total >= WORTH_A_LINE && std::io::stderr().is_terminal();
        Progress(shown.then(|| {
            let bar = ProgressBar::new(total as u64).with_message(what);
            match ProgressStyle::with_template("{msg} {bar:40} {pos}/{len} {eta}") {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            }
        }))
    }

    /// Step `done` is done.
    pub fn at(&self, done: usize) {
        if let Some(bar) = &self.0 {
            bar.set_position(done as u64);
        }
    }

    /// Takes the line away.
    pub fn finish(self) {
        if let Some(bar) = self.0 {
            bar.finish_and_clear();
        }
    }
}
