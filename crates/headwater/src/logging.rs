//! The server's log: level and form by the configuration, the level changeable while it runs.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use crate::config::{Format, Level, Logging};

/// A handle on the running log.
pub struct Log {
    level: reload::Handle<Targets, Registry>,
}

impl Log {
    /// Takes over the level of a new configuration.
    pub fn set_level(&self, logging: &Logging) {
        // Fails only if the subscriber is gone, and then nothing is logged anyway.
        let _ = self.level.reload(filter(logging));
    }
}

/// Starts to log to standard error.
///
/// # Errors
/// A second log in one process.
pub fn start(logging: &Logging) -> anyhow::Result<Log> {
    let (filter, level) = reload::Layer::new(filter(logging));
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(true);
    let on_terminal = std::io::stderr().is_terminal();
    let as_text = match logging.format {
        Format::Auto => on_terminal,
        Format::Json => false,
        Format::Text => true,
    };
    let lines: Box<dyn Layer<_> + Send + Sync> = match as_text {
        true => Box::new(lines.with_ansi(on_terminal)),
        false => Box::new(lines.json().flatten_event(true)),
    };
    tracing_subscriber::registry().with(filter).with(lines).try_init()?;
    Ok(Log { level })
}

/// Findings of a version of a zone that are logged one by one; the API has more.
const LOGGED_FINDINGS: usize = 20;

/// Logs what the checks say about a version of a zone that is served all the same.
pub fn findings<F: std::fmt::Display>(zone: &dns::Name, findings: &[F]) {
    for finding in findings.iter().take(LOGGED_FINDINGS) {
        tracing::warn!(%zone, "{finding}");
    }
    if let Some(more @ 1..) = findings.len().checked_sub(LOGGED_FINDINGS) {
        tracing::warn!(%zone, findings = findings.len(), "{more} more findings: see `headwater zone show {zone}`");
    }
}

/// The level that is wanted; of what libraries have to say only warnings.
fn filter(logging: &Logging) -> Targets {
    let level = match logging.level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    Targets::new().with_default(level).with_target("rusqlite_migration", level.min(LevelFilter::WARN))
}
