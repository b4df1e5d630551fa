//! Statistics: the exact counters of the data plane, looked at once a second, kept finely for an hour and coarsely for
//! a year, over restarts, in bounded space.

mod counts;
mod figures;
mod file;
mod levels;
mod pack;
mod past;
mod series;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use server::clock::{unix_ms, unix_seconds};

use file::StatisticsFile;
use levels::{Levels, Span};

use crate::locked::lock;

pub use counts::Counts;
pub use figures::{Figures, Latency, Named};
pub use past::Past;
pub use series::{Asked, LatencyColumns, MAX_POINTS, Series};

/// Seconds between two writes to the file.
const WRITE_INTERVAL_S: u64 = 60;
/// Seconds that current figures are about.
const CURRENT_S: usize = 60;

/// What was counted lately.
#[derive(Debug, Clone)]
pub struct Current {
    /// Responses since the server started.
    pub responses: u64,
    /// The figures of the last minute.
    pub figures: Figures,
}

/// The statistics, and the thread that takes them.
pub struct Statistics {
    shared: Arc<Shared>,
    stop: Mutex<Option<Sender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    levels: Mutex<Levels>,
    recent: Mutex<Recent>,
}

/// The last minute, second by second.
#[derive(Default)]
struct Recent {
    total: Counts,
    spans: VecDeque<(Counts, Duration)>,
}

impl Statistics {
    /// Starts to take what `count` says once a second, and tells `each_second` the figures of that second. The past is
    /// kept in `directory`; what cannot be read or written there is logged, and kept in memory alone.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub fn start(
        directory: &Path,
        count: impl Fn() -> Counts + Send + 'static,
        each_second: impl FnMut(&Figures) + Send + 'static,
    ) -> std::io::Result<Statistics> {
        let shared = Arc::new(Shared::default());
        let mut levels = Levels::default();
        let keeping = Keeping { directory: directory.to_owned(), file: None, waiting: Vec::new(), is_failing: false };
        let keeping = keeping.open(&mut levels);
        levels.resume(unix_seconds());
        *lock(&shared.levels) = levels;
        let (stop, stopped) = channel();
        let taking = shared.clone();
        let thread = thread::Builder::new()
            .name("statistics".into())
            .spawn(move || taking.run(keeping, &count, each_second, &stopped))?;
        Ok(Statistics { shared, stop: Mutex::new(Some(stop)), thread: Mutex::new(Some(thread)) })
    }

    /// The figures of a stretch of time.
    pub fn series(&self, asked: &Asked) -> Series {
        series::series(&lock(&self.shared.levels), asked, unix_seconds())
    }

    /// Responses from `from_s` to `to_s`, in seconds since 1970: of whole seconds, minutes or hours, as they are kept.
    pub fn responses(&self, from_s: u64, to_s: u64) -> u64 {
        let levels = lock(&self.shared.levels);
        let level = usize::from(from_s + levels::RESOLUTIONS[0].kept as u64 <= to_s);
        levels.between(level, from_s, to_s).map(|(_, counts)| counts.responses()).sum()
    }

    /// What was counted lately.
    pub fn current(&self) -> Current {
        let recent = lock(&self.shared.recent);
        let (mut sum, mut time) = (Counts::default(), Duration::ZERO);
        for (counts, elapsed) in &recent.spans {
            sum.add(counts);
            time += *elapsed;
        }
        Current { responses: recent.total.responses(), figures: Figures::of(&sum, time.as_secs_f64()) }
    }

    /// Writes out what has been taken, and ends.
    pub fn stop(&self) {
        lock(&self.stop).take();
        if let Some(thread) = lock(&self.thread).take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the statistics panicked; this is a bug of the server");
        }
    }
}

impl Drop for Statistics {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn run(
        &self,
        mut keeping: Keeping,
        count: &impl Fn() -> Counts,
        mut each_second: impl FnMut(&Figures),
        stopped: &Receiver<()>,
    ) {
        server::priority::background();
        let (mut before, mut since) = (count(), Instant::now());
        loop {
            // The seconds are those of the clock.
            let wait = Duration::from_millis(1000 - unix_ms() % 1000);
            let stops = !matches!(stopped.recv_timeout(wait), Err(RecvTimeoutError::Timeout));
            let (counts, now) = (count(), Instant::now());
            let (came, elapsed) = (counts.since(&before), now.duration_since(since));
            // A timer may go off a little early; a second of a millisecond would have absurd rates.
            if !stops && elapsed < Duration::from_millis(100) {
                continue;
            }
            // Of the second that is over.
            let at_s = (unix_ms().saturating_sub(500)) / 1000;
            let spans = lock(&self.levels).add(at_s, &came);
            lock(&self.recent).push(counts.clone(), came.clone(), elapsed);
            keeping.keep(spans, at_s, stops, &self.levels);
            if stops {
                return;
            }
            each_second(&Figures::of(&came, elapsed.as_secs_f64()));
            (before, since) = (counts, now);
        }
    }
}

impl Recent {
    fn push(&mut self, total: Counts, came: Counts, elapsed: Duration) {
        self.total = total;
        self.spans.push_back((came, elapsed));
        if self.spans.len() > CURRENT_S {
            self.spans.pop_front();
        }
    }
}

/// What writes the file.
struct Keeping {
    directory: PathBuf,
    file: Option<StatisticsFile>,
    /// What is not written yet.
    waiting: Vec<(usize, Span)>,
    /// The last attempt failed: what follows is not logged again.
    is_failing: bool,
}

impl Keeping {
    fn open(mut self, levels: &mut Levels) -> Keeping {
        match StatisticsFile::open(&self.directory, levels) {
            Ok(file) => self.file = Some(file),
            Err(error) => {
                let directory = self.directory.display();
                tracing::warn!(%directory, %error, "statistics are kept in memory only: their file cannot be used");
            }
        }
        self
    }

    /// Keeps spans, and writes out what waits when it is time to, or `at_once`.
    fn keep(&mut self, spans: Vec<(usize, Span)>, at_s: u64, at_once: bool, levels: &Mutex<Levels>) {
        let Some(file) = &mut self.file else { return };
        self.waiting.extend(spans);
        if !at_once && !at_s.is_multiple_of(WRITE_INTERVAL_S) && self.waiting.len() < 2 * WRITE_INTERVAL_S as usize {
            return;
        }
        let written = file.append(&self.waiting, &lock(levels));
        self.waiting.clear();
        match written {
            Ok(()) => self.is_failing = false,
            Err(error) if !self.is_failing => {
                self.is_failing = true;
                let directory = self.directory.display();
                tracing::error!(%directory, %error, "statistics cannot be written; they are once that is possible");
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use server::answered::SourceGroup;
    use server::stats::Totals;

    use super::*;

    #[test]
    fn seconds_are_taken_and_kept_over_a_restart() {
        let directory = tempfile::tempdir().expect("a directory");
        let (responses, told) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let start = |responses: &Arc<AtomicU64>, told: &Arc<AtomicU64>| {
            let (responses, told) = (responses.clone(), told.clone());
            let count = move || {
                let mut totals = Totals::default();
                totals.answers[0][SourceGroup::Zone as usize] = responses.load(Ordering::Relaxed);
                Counts::of(&totals, 0)
            };
            let each = move |figures: &Figures| {
                told.fetch_add(figures.qps as u64, Ordering::Relaxed);
            };
            Statistics::start(directory.path(), count, each).expect("a thread")
        };
        let begin_s = unix_seconds();
        let statistics = start(&responses, &told);
        thread::sleep(Duration::from_millis(50));
        for _ in 0..24 {
            responses.fetch_add(50, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(100));
        }
        statistics.stop();
        let current = statistics.current();
        assert_eq!(current.responses, 1200);
        assert!((300.0..700.0).contains(&current.figures.qps), "{:?}", current.figures);
        assert!(told.load(Ordering::Relaxed) > 500, "each second was told");
        let again = start(&Arc::default(), &told);
        let series = again.series(&Asked { from_s: begin_s, to_s: begin_s + 100, step_s: Some(1) });
        let kept: f64 = series.qps.iter().flatten().sum();
        assert!((1199.0..1201.0).contains(&kept), "{series:?}");
        let minute = again.series(&Asked { from_s: begin_s - 60, to_s: begin_s + 100, step_s: Some(60) });
        assert!(minute.qps.iter().flatten().sum::<f64>() > 5.0, "the current minute counts: {minute:?}");
    }
}
