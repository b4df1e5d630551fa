//! Follows a stream of the journal: a thread waits for events that other writers append, and has them folded. Started
//! for changes of zones (`commit/mod.rs`), of access and of shared settings (`durable.rs`).

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use journal::corridor::{Corridor, StreamState};
use journal::{Journal, JournalError, Offset};

/// How long the thread waits before it looks whether it is to end.
const WAIT: Duration = Duration::from_millis(100);
/// After this time our own events are folded: whoever appended them did it. What is left is another writer's.
const OWN_EVENTS: Duration = Duration::from_millis(1);
/// The pause after a failure: a disk that fails is not read without a break.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// While the journal cannot be followed, the log says so this often.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

/// Whoever folds a stream.
pub trait Fold: Send + 'static {
    /// The offset that is folded next.
    fn next(&self) -> Offset;
    /// Folds what the journal has, and returns when that is done.
    ///
    /// # Errors
    /// Why something could not be folded.
    fn fold(&self) -> Result<(), String>;
}

impl<S: StreamState> Fold for Arc<Corridor<S>> {
    fn next(&self) -> Offset {
        self.state().next()
    }

    fn fold(&self) -> Result<(), String> {
        self.catch_up().map_err(|error| error.to_string())
    }
}

/// The thread.
pub struct Following {
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Following {
    /// Starts the thread, under this name.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub fn start(name: &str, journal: Arc<dyn Journal>, fold: impl Fold) -> io::Result<Following> {
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = stopping.clone();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            server::priority::patient();
            follow(&*journal, &fold, &stop);
        })?;
        Ok(Following { stopping, thread })
    }

    /// Ends the thread; it may still be folding when this is called.
    pub fn stop(self) {
        self.stopping.store(true, Ordering::Relaxed);
        // A panic has been reported.
        let _ = self.thread.join();
    }
}

fn follow(journal: &dyn Journal, fold: &impl Fold, stopping: &AtomicBool) {
    let (mut empty_until, mut reported): (Offset, Option<Instant>) = (0, None);
    while !stopping.load(Ordering::Relaxed) {
        match turn(journal, fold, &mut empty_until) {
            Ok(()) => {}
            Err(_) if stopping.load(Ordering::Relaxed) => return,
            Err(error) => {
                if reported.is_none_or(|at| at.elapsed() >= REPORT_INTERVAL) {
                    reported = Some(Instant::now());
                    tracing::error!(%error, "changes of other servers cannot be applied");
                }
                std::thread::sleep(RETRY_AFTER);
            }
        }
    }
}

/// Waits once, and has folded what came. No event is before the offset `empty_until`, though none may be folded there.
fn turn(journal: &dyn Journal, fold: &impl Fold, empty_until: &mut Offset) -> Result<(), String> {
    let text = |error: JournalError| error.to_string();
    if !journal.wait(fold.next().max(*empty_until), WAIT).map_err(text)? {
        return Ok(());
    }
    std::thread::sleep(OWN_EVENTS);
    let next = fold.next().max(*empty_until);
    if journal.wait(next, Duration::ZERO).map_err(text)? {
        fold.fold()?;
        if fold.next() <= next {
            *empty_until = next + 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use journal::MemoryJournal;
    use journal::shared::{Author, Body, Collection, SettingsError, SettingsState, SharedSettings};

    use super::*;

    #[test]
    fn what_another_server_sets_is_seen_without_being_asked_for() {
        let journal = MemoryJournal::default();
        let open = || SharedSettings::open(Arc::new(journal.clone())).expect("opens");
        let (one, other) = (open(), open());
        let (heard, hears) = std::sync::mpsc::channel();
        other.observe(move |state| heard.send(state.count(Collection::Views)).unwrap_or_default());
        let corridor = other.corridor();
        let following = Following::start("follow", corridor.journal().clone(), corridor.clone()).expect("a thread");
        for number in 1..4 {
            let prepare = |state: &SettingsState| {
                let body = Body::new(&std::collections::BTreeMap::from([("filter", number)]))?;
                Ok::<_, SettingsError>(vec![state.put(Collection::Views, &number.to_string(), body)])
            };
            one.submit(&Author::new("anna", "", 1), prepare).expect("counts");
            assert_eq!(hears.recv_timeout(Duration::from_secs(10)), Ok(number));
        }
        following.stop();
        assert_eq!(one.state(), other.state());
    }
}
