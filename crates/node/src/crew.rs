//! Threads that follow the configuration: one for each thing that it names.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::persist::Stopper;

/// The threads, each for a `W`, with an `S` that says how it goes.
pub struct Crew<W, S>(Mutex<Vec<Member<W, S>>>);

/// One of them.
pub struct Member<W, S> {
    wanted: W,
    status: Arc<S>,
    stop: Stopper,
    thread: JoinHandle<()>,
}

impl<W, S> Default for Crew<W, S> {
    fn default() -> Crew<W, S> {
        Crew(Mutex::default())
    }
}

impl<W: PartialEq, S> Crew<W, S> {
    /// Has a thread for each of `wanted`; those that are as they were go on, the others end. `directory`, where they keep
    /// files, is made if there is one to start.
    ///
    /// # Errors
    /// Those of `start`, a directory that cannot be made.
    pub fn configure(
        &self,
        wanted: &[W],
        directory: &Path,
        start: impl Fn(&W) -> io::Result<Member<W, S>>,
    ) -> io::Result<()> {
        let mut members = self.members();
        let (kept, gone): (Vec<_>, Vec<_>) = members.drain(..).partition(|member| wanted.contains(&member.wanted));
        *members = kept;
        gone.into_iter().for_each(Member::stop);
        for wanted in wanted {
            if !members.iter().any(|member| member.wanted == *wanted) {
                std::fs::create_dir_all(directory)?;
                members.push(start(wanted)?);
            }
        }
        Ok(())
    }
}

impl<W, S> Crew<W, S> {
    /// Ends them.
    pub fn stop(&self) {
        std::mem::take(&mut *self.members()).into_iter().for_each(Member::stop);
    }

    /// What `look` makes of each.
    pub fn each<T>(&self, look: impl Fn(&W, &S) -> T) -> Vec<T> {
        self.members().iter().map(|member| look(&member.wanted, &member.status)).collect()
    }

    fn members(&self) -> MutexGuard<'_, Vec<Member<W, S>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W, S> Member<W, S> {
    /// Starts a thread called `name`, which ends when `stop` is dropped.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub fn start(
        (wanted, status): (W, Arc<S>),
        stop: Stopper,
        name: &str,
        run: impl FnOnce() + Send + 'static,
    ) -> io::Result<Member<W, S>> {
        let thread = std::thread::Builder::new().name(name.into()).spawn(run)?;
        Ok(Member { wanted, status, stop, thread })
    }

    fn stop(self) {
        drop(self.stop);
        let name = self.thread.thread().name().unwrap_or_default().to_owned();
        if self.thread.join().is_err() {
            tracing::error!(name, "a thread panicked; this is a bug of the server");
        }
    }
}
