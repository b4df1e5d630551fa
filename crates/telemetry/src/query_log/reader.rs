//! The thread of one output: puts rows into its form and writes them. While the output takes nothing, it tries again and
//! again; rows wait in the queue of the subscription meanwhile, as many as there is room for.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::dnstap::DnstapFormat;
use super::line::LineFormat;
use super::selection::Selection;
use crate::collector::Delivery;
use crate::locked::lock;
use crate::output::syslog::{Severity, SyslogFormat};
use crate::output::{Pieces, Sink};
use crate::request_id::RequestId;
use crate::rows::Rows;

/// What is written together at most.
const MAX_TOGETHER_BYTES: usize = 256 * 1024;
/// Security events that wait for an output at most.
const MAX_EVENTS: usize = 1000;
/// The first wait after something was in the way; it doubles each time.
const MIN_WAIT: Duration = Duration::from_millis(50);
/// The longest wait.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// How soon a wait ends because of something else.
const STEP: Duration = Duration::from_millis(50);

/// What an output shares with whoever started it.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub selection: Mutex<Arc<Selection>>,
    /// Whatever cannot be written now never will be.
    pub stopping: AtomicBool,
    pub reopen: AtomicBool,
    /// What is in the way.
    pub trouble: Mutex<Option<String>>,
    /// Lines of security events that are not written yet.
    pub events: Mutex<VecDeque<Event>>,
    /// Security events that were lost.
    pub lost_events: AtomicU64,
}

/// A security event as a line.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub severity: Severity,
    pub time_us: u64,
    pub line: Arc<[u8]>,
}

impl Shared {
    /// Has a security event written.
    pub fn event(&self, event: Event) {
        let mut events = lock(&self.events);
        if events.len() < MAX_EVENTS {
            events.push_back(event);
        } else {
            self.lost_events.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The form that an output wants.
pub(super) enum Form {
    Lines(LineFormat),
    Syslog(LineFormat, SyslogFormat),
    Dnstap(DnstapFormat),
}

/// Writes rows to one output.
pub(super) struct Reader {
    shared: Arc<Shared>,
    form: Form,
    sink: Box<dyn Sink>,
    pieces: Pieces,
    /// The output did not work when it was told to stop.
    given_up: bool,
}

impl Reader {
    pub fn new(shared: Arc<Shared>, form: Form, sink: Box<dyn Sink>) -> Reader {
        Reader { shared, form, sink, pieces: Pieces::default(), given_up: false }
    }

    /// Takes what the collector delivers; the number of records that were lost.
    pub fn deliver(&mut self, delivery: Delivery<'_>) -> u64 {
        if self.shared.reopen.swap(false, Ordering::Relaxed) {
            self.sink.reopen();
        }
        let mut lost = match delivery {
            Delivery::Rows(rows) => self.rows(rows),
            Delivery::Idle | Delivery::End => 0,
        };
        lost += self.events();
        if matches!(delivery, Delivery::End) && !self.given_up {
            self.sink.close();
        }
        lost + self.sink.lost()
    }

    fn rows(&mut self, rows: &Rows) -> u64 {
        let selection = lock(&self.shared.selection).clone();
        let mut lost = 0;
        for row in rows.rows().filter(|row| selection.has(row)) {
            let (pieces, anonymise) = (&mut self.pieces, &selection.anonymise);
            match &mut self.form {
                Form::Lines(lines) => lines.push(&row, anonymise, pieces.buffer()),
                Form::Syslog(lines, syslog) => {
                    syslog.push(pieces, Severity::Info, row.record.time_us, "query", |out| {
                        lines.push(&row, anonymise, out);
                    })
                }
                Form::Dnstap(dnstap) => dnstap.push_row(&row, anonymise, pieces.buffer()),
            }
            lost += self.end_piece();
        }
        if let Form::Dnstap(_) = self.form {
            lost += self.exchanges(rows, &selection);
        }
        lost + self.flush()
    }

    fn exchanges(&mut self, rows: &Rows, selection: &Selection) -> u64 {
        let mut lost = 0;
        for (record, number) in rows.exchanges().zip(0..) {
            if !selection.has_sample(RequestId::new(record.time_us, 0, number)) {
                continue;
            }
            if let Form::Dnstap(dnstap) = &self.form {
                dnstap.push_exchange(&record, self.pieces.buffer());
            }
            lost += self.end_piece();
        }
        lost
    }

    /// Security events have lines only.
    fn events(&mut self) -> u64 {
        let events = std::mem::take(&mut *lock(&self.shared.events));
        let mut lost = self.shared.lost_events.swap(0, Ordering::Relaxed);
        for event in events {
            match &mut self.form {
                Form::Lines(_) => self.pieces.buffer().extend_from_slice(&event.line),
                Form::Syslog(_, syslog) => {
                    syslog.push(&mut self.pieces, event.severity, event.time_us, "security", |out| {
                        out.extend_from_slice(&event.line);
                    });
                }
                Form::Dnstap(_) => {}
            }
            lost += self.end_piece();
        }
        lost + self.flush()
    }

    fn end_piece(&mut self) -> u64 {
        self.pieces.end_piece();
        if self.pieces.size_bytes() >= MAX_TOGETHER_BYTES { self.flush() } else { 0 }
    }

    /// Writes what is there, however long it takes; the number of pieces that were lost.
    fn flush(&mut self) -> u64 {
        let (mut done, mut wait) = (0, MIN_WAIT);
        while done < self.pieces.len() && !self.given_up {
            let before = done;
            match self.sink.write(&self.pieces, &mut done) {
                Ok(()) => *lock(&self.shared.trouble) = None,
                Err(error) => {
                    *lock(&self.shared.trouble) = Some(reason(&error));
                    if done > before {
                        wait = MIN_WAIT;
                    }
                    self.given_up = self.wait(wait);
                    wait = (wait * 2).min(MAX_WAIT);
                }
            }
        }
        let lost = self.pieces.len() - done.min(self.pieces.len());
        self.pieces.clear();
        lost as u64
    }

    /// Waits before the next attempt; whether there shall be none.
    fn wait(&mut self, wait: Duration) -> bool {
        for _ in 0..wait.as_millis().div_ceil(STEP.as_millis()) {
            if self.shared.stopping.load(Ordering::Relaxed) {
                return true;
            }
            thread::sleep(STEP);
            if self.shared.reopen.swap(false, Ordering::Relaxed) {
                self.sink.reopen();
                break;
            }
        }
        self.shared.stopping.load(Ordering::Relaxed)
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock => "nothing is taken".into(),
        io::ErrorKind::BrokenPipe => "the other side has gone away".into(),
        _ => error.to_string(),
    }
}
