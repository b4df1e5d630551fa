//! The server's own log: level and form by the configuration; to standard error or a file, and to syslog. Nobody who logs
//! waits for a file or for syslog.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use api::operator::Levels;
use config::logging::{LogFile, SyslogTarget};
use config::{Format, Level, Logging};
use node::query_log;
use server::clock::unix_us;
use telemetry::QueryLog;
use telemetry::output::file;
use telemetry::output::syslog::{Severity, Syslog, SyslogFormat};
use telemetry::output::writer::{Line, LineWriter};
use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use crate::security_events::{SecurityEvents, severity};

/// A handle on the running log. What waits to be written is written when it is dropped.
pub struct Log {
    level: reload::Handle<Targets, Registry>,
    outputs: Arc<Outputs>,
    query_log: Arc<OnceLock<Arc<QueryLog>>>,
}

/// Where lines go.
struct Outputs {
    /// Whoever starts the server looks at standard error until it is ready, also if there is a file.
    is_starting: AtomicBool,
    writers: RwLock<Writers>,
}

#[derive(Default)]
struct Writers {
    file: Option<(Arc<file::LogFile>, LogFile, LineWriter)>,
    syslog: Option<(SyslogTarget, LineWriter)>,
}

impl Log {
    /// Logs other levels from now on.
    pub fn set_levels(&self, levels: &Levels) {
        // Fails only if the subscriber is gone, and then nothing is logged anyway.
        let _ = self.level.reload(filter(levels));
    }

    /// Takes over what a new configuration says of outputs, and opens files again that somebody may have moved.
    pub fn set_outputs(&self, logging: &Logging) {
        if let Err(error) = self.outputs.set(logging) {
            tracing::error!(%error, "the log goes where it went before");
        }
    }

    /// The server is ready: with a file, nothing more goes to standard error.
    pub fn started(&self) {
        self.outputs.is_starting.store(false, Ordering::Relaxed);
    }

    /// Puts security events between the rows of the query log, too, from now on.
    pub fn mark_in(&self, query_log: Arc<QueryLog>) {
        // There is one query log.
        let _ = self.query_log.set(query_log);
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.outputs.is_starting.store(true, Ordering::Relaxed);
        drop(std::mem::take(&mut *self.outputs.writers.write().unwrap_or_else(PoisonError::into_inner)));
    }
}

/// Starts to log.
///
/// # Errors
/// A second log in one process; a log file that cannot be opened.
pub fn start(logging: &Logging) -> anyhow::Result<Log> {
    let (filter, level) = reload::Layer::new(filter(&logging.into()));
    let outputs = Arc::new(Outputs { is_starting: AtomicBool::new(true), writers: RwLock::default() });
    outputs.set(logging)?;
    let on_terminal = logging.file.is_none() && io::stderr().is_terminal();
    let lines = fmt::layer().with_writer(ToOutputs(outputs.clone())).with_target(true);
    let as_text = match logging.format {
        Format::Auto => on_terminal,
        Format::Json => false,
        Format::Text => true,
    };
    let lines: Box<dyn Layer<_> + Send + Sync> = match as_text {
        true => Box::new(lines.with_ansi(on_terminal)),
        false => Box::new(lines.json().flatten_event(true)),
    };
    let query_log: Arc<OnceLock<Arc<QueryLog>>> = Arc::default();
    let security = SecurityEvents::new(query_log.clone());
    tracing_subscriber::registry().with(filter).with(lines).with(security).try_init()?;
    Ok(Log { level, outputs, query_log })
}

impl Outputs {
    /// Has lines go where the configuration says. Outputs that stay are opened again.
    fn set(&self, logging: &Logging) -> anyhow::Result<()> {
        let mut writers = self.writers.write().unwrap_or_else(PoisonError::into_inner);
        let file = match (writers.file.take(), &logging.file) {
            (_, None) => None,
            (Some((file, known, writer)), Some(wanted)) if known.path == wanted.path => {
                file.set_rotation(query_log::rotation(wanted));
                writer.reopen();
                Some((file, wanted.clone(), writer))
            }
            (known, Some(wanted)) => match start_file(wanted) {
                Ok(new) => Some(new),
                Err(error) => {
                    writers.file = known;
                    return Err(error);
                }
            },
        };
        writers.file = file;
        if writers.syslog.as_ref().map(|(target, _)| target) != logging.syslog.as_ref() {
            writers.syslog = logging.syslog.as_ref().map(start_syslog).transpose()?;
        }
        Ok(())
    }

    fn write(&self, severity: Severity, text: &[u8]) -> io::Result<()> {
        let writers = self.writers.read().unwrap_or_else(PoisonError::into_inner);
        if writers.file.is_some() || writers.syslog.is_some() {
            let line = Line { severity, time_us: unix_us(), text: without_colours(text).into() };
            writers.file.iter().for_each(|(_, _, writer)| writer.write(line.clone()));
            writers.syslog.iter().for_each(|(_, writer)| writer.write(line.clone()));
        }
        if writers.file.is_none() || self.is_starting.load(Ordering::Relaxed) {
            return io::stderr().write_all(text);
        }
        Ok(())
    }
}

fn start_file(wanted: &LogFile) -> anyhow::Result<(Arc<file::LogFile>, LogFile, LineWriter)> {
    let file = file::LogFile::open(&wanted.path, query_log::rotation(wanted));
    let name = wanted.path.display().to_string();
    file.prepare().map_err(|error| anyhow::anyhow!("logging.file: {name}: {error}"))?;
    let writer = LineWriter::start(&name, Box::new(file.clone()), None)?;
    Ok((file, wanted.clone(), writer))
}

fn start_syslog(target: &SyslogTarget) -> anyhow::Result<(SyslogTarget, LineWriter)> {
    let settings = query_log::syslog(target);
    let (name, sink) = (settings.address.to_string(), Syslog::new(settings.address.clone()));
    let writer = LineWriter::start(&name, Box::new(sink), Some(SyslogFormat::new(settings)))?;
    Ok((target.clone(), writer))
}

/// A line as it is written to a terminal, without the sequences that colour it.
fn without_colours(text: &[u8]) -> Vec<u8> {
    let mut parts = text.split(|&byte| byte == 0x1b);
    let mut plain = parts.next().unwrap_or_default().to_vec();
    for part in parts {
        let end = part.iter().position(|&byte| byte == b'm').map_or(0, |end| end + 1);
        plain.extend_from_slice(part.get(end..).unwrap_or_default());
    }
    plain
}

/// Makes a writer for each line.
struct ToOutputs(Arc<Outputs>);

struct ToOutput<'a> {
    outputs: &'a Outputs,
    severity: Severity,
}

impl<'a> MakeWriter<'a> for ToOutputs {
    type Writer = ToOutput<'a>;

    fn make_writer(&'a self) -> ToOutput<'a> {
        ToOutput { outputs: &self.0, severity: Severity::Info }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> ToOutput<'a> {
        ToOutput { outputs: &self.0, severity: severity(*metadata.level()) }
    }
}

impl Write for ToOutput<'_> {
    /// Each line comes as a whole.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.outputs.write(self.severity, line).map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The levels that are wanted; of what libraries have to say only warnings, unless they are named.
fn filter(levels: &Levels) -> Targets {
    let level = level_filter(levels.level);
    let all = Targets::new().with_default(level).with_target("rusqlite_migration", level.min(LevelFilter::WARN));
    all.with_targets(levels.modules.iter().map(|(module, &level)| (module.clone(), level_filter(level))))
}

fn level_filter(level: Level) -> LevelFilter {
    match level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    }
}

/// The files that the logs are in, which must belong to the user that the server becomes.
pub fn files(logging: &Logging) -> impl Iterator<Item = &Path> {
    let queries = logging.queries.as_ref().and_then(|queries| queries.file.as_ref());
    logging.file.iter().chain(queries).map(|file| file.path.as_path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals() {
        let text = b"\x1b[2m2026\x1b[0m \x1b[32m INFO\x1b[0m ready\n";
        assert_eq!(without_colours(text), b"2026  INFO ready\n");
        assert_eq!(without_colours(b"plain\n"), b"plain\n");
    }
}
