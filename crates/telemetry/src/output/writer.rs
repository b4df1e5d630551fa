//! A thread that writes lines of others, who never wait for it: the server's own log.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::syslog::{Severity, SyslogFormat};
use super::{Pieces, Sink};
use crate::locked::lock;

/// Lines that wait at most.
const MAX_WAITING: usize = 10_000;
/// Lines that are written together at most.
const MAX_TOGETHER: usize = 500;
/// From one attempt to the next while nothing can be written.
const RETRY: Duration = Duration::from_millis(500);
/// How long the end waits for what cannot be written.
const END_PATIENCE: Duration = Duration::from_secs(1);
/// From one complaint to the next.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(60);

/// One line of a log.
#[derive(Debug, Clone)]
pub struct Line {
    /// How bad it is.
    pub severity: Severity,
    /// When it was said, in microseconds since 1970.
    pub time_us: u64,
    /// The line, with its end.
    pub text: Arc<[u8]>,
}

/// Writes lines to a sink.
pub struct LineWriter {
    sender: Mutex<Option<SyncSender<Line>>>,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    dropped: AtomicU64,
    reopen: AtomicBool,
    ending: AtomicBool,
}

impl LineWriter {
    /// Starts the thread. Lines are put into the form of syslog if `format` is given. What is in the way is said on
    /// standard error, where it is called `name`: there is no other place.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub fn start(name: &str, sink: Box<dyn Sink>, format: Option<SyslogFormat>) -> std::io::Result<LineWriter> {
        let (sender, receiver) = sync_channel(MAX_WAITING);
        let shared: Arc<Shared> = Arc::default();
        let state = Writing { name: name.to_owned(), sink, format, shared: shared.clone(), said: None, seen: 0 };
        let thread = thread::Builder::new().name("log".into()).spawn(move || state.run(&receiver))?;
        Ok(LineWriter { sender: Mutex::new(Some(sender)), shared, thread: Mutex::new(Some(thread)) })
    }

    /// Has a line written, or counts it if too many wait.
    pub fn write(&self, line: Line) {
        let sender = lock(&self.sender);
        if sender.as_ref().is_none_or(|sender| sender.try_send(line).is_err()) {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Has the sink opened again.
    pub fn reopen(&self) {
        self.shared.reopen.store(true, Ordering::Relaxed);
    }

    /// Lines that were lost.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for LineWriter {
    /// Writes what waits.
    fn drop(&mut self) {
        self.shared.ending.store(true, Ordering::Relaxed);
        lock(&self.sender).take();
        if let Some(thread) = lock(&self.thread).take() {
            // A panic was said on standard error.
            let _ = thread.join();
        }
    }
}

/// What the thread has.
struct Writing {
    name: String,
    sink: Box<dyn Sink>,
    format: Option<SyslogFormat>,
    shared: Arc<Shared>,
    /// When something was complained about.
    said: Option<Instant>,
    /// Lines that were known to be lost then.
    seen: u64,
}

impl Writing {
    fn run(mut self, receiver: &Receiver<Line>) {
        let mut pieces = Pieces::default();
        loop {
            match receiver.recv_timeout(RETRY) {
                Ok(line) => self.push(&mut pieces, &line),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.sink.close(),
            }
            while pieces.len() < MAX_TOGETHER
                && let Ok(line) = receiver.try_recv()
            {
                self.push(&mut pieces, &line);
            }
            if self.shared.reopen.swap(false, Ordering::Relaxed) {
                self.sink.reopen();
            }
            self.write(&pieces);
            pieces.clear();
        }
    }

    fn push(&mut self, pieces: &mut Pieces, line: &Line) {
        match &mut self.format {
            None => pieces.buffer().extend_from_slice(&line.text),
            Some(format) => format.push(pieces, line.severity, line.time_us, "log", |out| {
                out.extend_from_slice(&line.text);
            }),
        }
        pieces.end_piece();
    }

    /// Writes all, however long it takes; at the end, not too long.
    fn write(&mut self, pieces: &Pieces) {
        let (mut done, mut ending) = (0, None);
        while let Err(error) = self.sink.write(pieces, &mut done) {
            self.complain(&error);
            if self.shared.ending.load(Ordering::Relaxed) {
                let since: &mut Instant = ending.get_or_insert_with(Instant::now);
                if since.elapsed() >= END_PATIENCE {
                    break;
                }
            }
            thread::sleep(RETRY);
            if self.shared.reopen.swap(false, Ordering::Relaxed) {
                self.sink.reopen();
            }
        }
        let lost = (pieces.len() - done.min(pieces.len())) as u64 + self.sink.lost();
        self.shared.dropped.fetch_add(lost, Ordering::Relaxed);
        if done == pieces.len() && !pieces.is_empty() {
            self.recovered();
        }
    }

    fn complain(&mut self, error: &std::io::Error) {
        if self.said.is_none_or(|said| said.elapsed() >= COMPLAINT_INTERVAL) {
            let dropped = self.shared.dropped.load(Ordering::Relaxed);
            self.say(&format!("cannot be written: {error} ({dropped} lines lost so far)"));
            self.said = Some(Instant::now());
        }
    }

    fn recovered(&mut self) {
        let dropped = self.shared.dropped.load(Ordering::Relaxed);
        if self.said.take().is_some() || dropped > self.seen {
            self.say(&format!("is written again; {} lines were lost", dropped - self.seen));
            self.seen = dropped;
        }
    }

    fn say(&self, what: &str) {
        // Where this goes to is the last resort.
        let _ = writeln!(std::io::stderr(), "headwater: log: {} {what}", self.name);
    }
}
