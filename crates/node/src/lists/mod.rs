//! Lists that are subscribed to: fetched from URLs or read from files now and then, and kept on disk.
//!
//! `subscription.rs` is what is wanted, `board.rs` what is known of each list. One thread (`worker.rs`) fetches one list
//! at a time, as `schedule.rs` says when: from the network (`fetch.rs`; `hosts.rs` finds hosts, `alerts::outgoing` guards
//! which addresses are reached) or from a file (`watched.rs`). What comes streams to the disk (`incoming.rs`), and takes
//! the place of the text that was kept (`store.rs`) only if it is complete and looks like a list. `text.rs` is how it is
//! read. A second thread (`report.rs`) tells of what changed. What goes wrong (`problem.rs`) is shown; the last good text
//! stays.

mod board;
mod fetch;
mod hosts;
mod incoming;
mod problem;
mod report;
mod schedule;
mod state;
mod store;
mod subscription;
mod text;
mod watched;
mod worker;

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use board::Board;
use fetch::Fetcher;
use store::Store;
use worker::{Shared, Worker};

pub use fetch::Lookup;
pub use hosts::own_resolver;
pub use problem::Problem;
pub use report::OnChange;
pub use state::{Failure, Kept, ListState, Phase, Record, Stamp, Validators};
pub use subscription::{Limits, MAX_SUBSCRIPTIONS, Origin, Settings, Source, Subscription};
pub use text::Text;

/// The lists, and the threads that look after them.
pub struct Lists {
    shared: Arc<Shared>,
    lookup: Lookup,
    /// Says that there may be something to do; one such word is enough.
    wake: SyncSender<()>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Lists {
    /// Starts the threads. Texts are kept in `lists/` of the data directory; `lookup` finds hosts, [`own_resolver`] say;
    /// `on_change` is told which lists have another text, on a thread of its own, which it may keep busy, but which it
    /// must not stop or drop the lists from. There are no lists before [`Lists::configure`].
    ///
    /// # Errors
    /// A thread that cannot be started. A data directory that cannot be written is no error: what is kept there is used,
    /// and [`Lists::states`] says why nothing newer comes.
    pub fn start(settings: Settings, data_dir: &Path, lookup: Lookup, on_change: OnChange) -> io::Result<Lists> {
        let stopping = Arc::new(AtomicBool::new(false));
        let quiet = settings.limits.report_after;
        let fetcher = Fetcher::new(settings.clone(), lookup.clone(), stopping.clone());
        let shared = Arc::new(Shared {
            board: Board::default(),
            store: Store::new(data_dir),
            fetcher: Mutex::new(Arc::new(fetcher)),
            settings: Mutex::new(settings),
            stopping: stopping.clone(),
            configured: AtomicBool::new(false),
        });
        let (wake, woken) = sync_channel(1);
        let (changes, changed) = channel();
        let worker = Worker { shared: shared.clone(), changes };
        let reporter = std::thread::Builder::new().name("lists-report".into()).spawn(move || {
            server::priority::background();
            report::run(&changed, quiet, &stopping, &on_change);
        })?;
        let worker = std::thread::Builder::new().name("lists".into()).spawn(move || {
            server::priority::background();
            worker.run(&woken);
        })?;
        Ok(Lists { shared, lookup, wake, threads: Mutex::new(vec![worker, reporter]) })
    }

    /// Has these lists, and no others. The texts that are kept of lists that are new here are there when this comes
    /// back, which takes as long as reading them from the disk; `on_change` is not told of them. What is kept of lists
    /// that are gone stays on disk for a week.
    ///
    /// Gives back the names of those that are not taken: the second of two with one name, and those beyond
    /// [`MAX_SUBSCRIPTIONS`].
    pub fn configure(&self, subscriptions: Vec<Subscription>) -> Vec<String> {
        let refused = self.shared.board.configure(subscriptions, &self.shared.store, &self.shared.settings());
        self.shared.configured.store(true, Ordering::Relaxed);
        self.wake();
        refused
    }

    /// Fetches from now on as these settings say; [`Limits::report_after`] stays what it was at the start. What is on
    /// its way ends as it began. [`Lists::configure`] follows, which judges all URLs anew.
    pub fn set_settings(&self, settings: Settings) {
        let fetcher = Fetcher::new(settings.clone(), self.lookup.clone(), self.shared.stopping.clone());
        *self.shared.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
        *self.shared.fetcher.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(fetcher);
    }

    /// What is known of each list, by name.
    pub fn states(&self) -> Vec<ListState> {
        self.shared.board.states()
    }

    /// Has a list fetched as soon as the one on its way is done, even one that is off. `force`: also if it has shrunk,
    /// and though its source says that it has not changed. Whether there is such a list.
    pub fn refresh(&self, id: &str, force: bool) -> bool {
        let known = self.shared.board.order(id, force);
        self.wake();
        known
    }

    /// The last good text of a list, also of one that is off. Who makes something of it keeps it, so that lines are
    /// found in the same text later.
    pub fn text(&self, id: &str) -> Option<Arc<Text>> {
        self.shared.board.text(id)
    }

    /// Where the last good text of a list is now; a newer one has another path.
    pub fn path(&self, id: &str) -> Option<PathBuf> {
        self.text(id).map(|text| text.path().to_owned())
    }

    /// A line of the last good text of a list, by its number from 1 on; `None`: there is no such list or line.
    ///
    /// # Errors
    /// The disk does not give it.
    pub fn line(&self, id: &str, number: u64) -> io::Result<Option<String>> {
        self.text(id).map_or(Ok(None), |text| text.line(number))
    }

    /// Ends the threads: what is being fetched is broken off. Waits for `lookup` and `on_change` if they are at work.
    pub fn stop(&self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        self.shared.fetcher().shutdown();
        self.wake();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of lists panicked; this is a bug of the server");
            }
        }
    }

    fn wake(&self) {
        // It is full: then the thread will look anyway. Nobody listens: then the server is stopping.
        let _ = self.wake.try_send(());
    }
}

impl Drop for Lists {
    fn drop(&mut self) {
        self.stop();
    }
}
