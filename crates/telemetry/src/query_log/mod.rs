//! The query log: a row for each answer, in files, standard output, syslog and dnstap. Each output has a subscription of
//! its own, so that one that hangs loses only its own rows.

pub mod anonymise;
pub mod dnstap;
pub mod line;
mod losses;
mod reader;
pub mod selection;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use server::record::Wanted;

use crate::collector::{Collector, Subscription};
use crate::locked::lock;
use crate::output::file::LogFile;
use crate::output::frames::FrameStream;
use crate::output::stdout::Stdout;
use crate::output::syslog::{Severity, Syslog, SyslogFormat, SyslogSettings};
use crate::output::{Address, Rotation, Sink};
use dnstap::{DnstapFormat, Identity};
use line::LineFormat;
use losses::{Losses, OutputState, Said};
use reader::{Event, Form, Reader, Shared};
pub use selection::Selection;

/// Rows that wait for one output take at most so many bytes.
const MAX_WAITING_BYTES: usize = 32 << 20;

/// Where rows go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Lines of JSON in a file.
    File {
        /// The file.
        path: PathBuf,
        /// What becomes of it when it is full.
        rotation: Rotation,
    },
    /// Lines of JSON on standard output.
    Stdout,
    /// Messages of syslog, each with such a line.
    Syslog(SyslogSettings),
    /// dnstap.
    Dnstap {
        /// Where the reader listens.
        address: Address,
        /// The reader says what it takes, and that it has got everything.
        is_bidirectional: bool,
        /// Who says it.
        identity: Identity,
    },
}

impl Output {
    /// Its name in counters and in the log. There is at most one of each.
    pub fn name(&self) -> &'static str {
        match self {
            Output::File { .. } => "file",
            Output::Stdout => "stdout",
            Output::Syslog(_) => "syslog",
            Output::Dnstap { .. } => "dnstap",
        }
    }

    /// Whether it is the same one, whatever becomes of the file.
    fn is_same(&self, other: &Output) -> bool {
        match (self, other) {
            (Output::File { path: a, .. }, Output::File { path: b, .. }) => a == b,
            (a, b) => a == b,
        }
    }

    fn wanted(&self) -> Wanted {
        let is_dnstap = matches!(self, Output::Dnstap { .. });
        Wanted { responses: true, queries: is_dnstap, exchanges: is_dnstap, sparing: false }
    }
}

/// The query log as configured.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings {
    /// Where rows go; nowhere if it is empty.
    pub outputs: Vec<Output>,
    /// Which rows.
    pub selection: Selection,
}

/// The outputs that are written to now.
pub struct QueryLog {
    collector: Arc<Collector>,
    running: Mutex<Vec<Running>>,
    losses: Mutex<Losses>,
}

struct Running {
    output: Output,
    shared: Arc<Shared>,
    /// To have it rotated otherwise.
    file: Option<Arc<LogFile>>,
    subscription: Subscription,
}

impl Running {
    fn start(collector: &Collector, output: Output, selection: &Arc<Selection>) -> io::Result<Running> {
        let shared = Arc::new(Shared { selection: Mutex::new(selection.clone()), ..Shared::default() });
        let mut file = None;
        let (form, sink): (Form, Box<dyn Sink>) = match output.clone() {
            Output::File { path, rotation } => {
                let log = file.insert(LogFile::open(&path, rotation)).clone();
                (Form::Lines(LineFormat::default()), Box::new(log))
            }
            Output::Stdout => (Form::Lines(LineFormat::default()), Box::<Stdout>::default()),
            Output::Syslog(settings) => {
                let sink = Syslog::new(settings.address.clone());
                (Form::Syslog(LineFormat::default(), SyslogFormat::new(settings)), Box::new(sink))
            }
            Output::Dnstap { address, is_bidirectional, identity } => {
                let sink = FrameStream::new(address, dnstap::CONTENT_TYPE, is_bidirectional);
                (Form::Dnstap(DnstapFormat::new(identity)), Box::new(sink))
            }
        };
        let mut reader = Reader::new(shared.clone(), form, sink);
        let read = move |delivery: crate::Delivery<'_>| reader.deliver(delivery);
        let subscription = collector.subscribe_counted(output.name(), output.wanted(), MAX_WAITING_BYTES, read)?;
        Ok(Running { output, shared, file, subscription })
    }

    /// Takes over other settings of the same output.
    fn set(&mut self, output: Output, selection: &Arc<Selection>) {
        if let (Output::File { rotation, .. }, Some(file)) = (&output, &self.file) {
            file.set_rotation(rotation.clone());
        }
        *lock(&self.shared.selection) = selection.clone();
        self.output = output;
    }

    fn state(&self) -> OutputState {
        let (lost, trouble) = (self.subscription.counts().dropped, lock(&self.shared.trouble).clone());
        OutputState { name: self.output.name().into(), lost, trouble }
    }

    /// Writes what waits, if it can be written.
    fn stop(self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        drop(self.subscription);
    }
}

impl QueryLog {
    /// A query log without outputs, of what `collector` collects.
    pub fn new(collector: Arc<Collector>) -> QueryLog {
        QueryLog { collector, running: Mutex::default(), losses: Mutex::default() }
    }

    /// Writes to these outputs from now on. Those that stay lose no row; the last rows of those that go are still written.
    ///
    /// # Errors
    /// A thread that cannot be started; the outputs that were there before stay then.
    pub fn set(&self, settings: Settings) -> io::Result<()> {
        let selection = Arc::new(settings.selection);
        let mut running = lock(&self.running);
        let is_new = |output: &&Output| !running.iter().any(|known| known.output.is_same(output));
        let new: Vec<Running> = settings
            .outputs
            .iter()
            .filter(is_new)
            .map(|output| Running::start(&self.collector, output.clone(), &selection))
            .collect::<io::Result<_>>()?;
        let mut gone = Vec::new();
        for mut known in std::mem::take(&mut *running) {
            match settings.outputs.iter().find(|output| output.is_same(&known.output)) {
                Some(output) => {
                    known.set(output.clone(), &selection);
                    running.push(known);
                }
                None => gone.push(known),
            }
        }
        running.extend(new);
        drop(running);
        if !gone.is_empty() {
            self.collector.settle();
        }
        gone.into_iter().for_each(Running::stop);
        Ok(())
    }

    /// Has files opened again, because somebody may have moved them.
    pub fn reopen(&self) {
        lock(&self.running).iter().for_each(|running| running.shared.reopen.store(true, Ordering::Relaxed));
    }

    /// Puts a security event between the rows: a line, with its end.
    pub fn security_event(&self, severity: Severity, time_us: u64, line: &[u8]) {
        let event = Event { severity, time_us, line: line.into() };
        lock(&self.running).iter().for_each(|running| running.shared.event(event.clone()));
    }

    /// Says in the server's log what is lost, if there is anything new to say. Called every second or so.
    pub fn report(&self) {
        let mut states: Vec<OutputState> = lock(&self.running).iter().map(Running::state).collect();
        if !states.is_empty() {
            // What nobody got.
            states.push(OutputState { name: "all".into(), lost: self.collector.dropped(), trouble: None });
        }
        for said in lock(&self.losses).check(Instant::now(), &states) {
            match said {
                Said::Trouble { name, why, lost } => {
                    tracing::warn!(output = name, lost, "the query log cannot be written: {why}");
                }
                Said::Slow { name, lost } => {
                    tracing::warn!(
                        output = name,
                        lost,
                        "rows of the query log are lost: they come faster than they are taken"
                    );
                }
                Said::Recovered { name, lost } => {
                    tracing::info!(output = name, lost, "the query log is written again");
                }
            }
        }
    }

    /// Writes what waits, and ends. Whoever gives rows must have stopped before.
    pub fn stop(&self) {
        let running = std::mem::take(&mut *lock(&self.running));
        running.into_iter().for_each(Running::stop);
    }
}
