//! What is left to do when changes are acknowledged: old versions go, and names are sorted in. After large changes a
//! thread does it that nobody waits for, in the time in which the committer's waits for the disk and for clients.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use zone::{Later, Published, ZoneTable};

/// Octets of encoded events from which on the thread is worth waking.
const LARGE_BYTES: usize = 1024;
/// Groups of changes that wait for the thread at most: each keeps an old version of what it changed.
const MAX_WAITING: usize = 16;

/// The thread's end of the line; it ends when this is dropped.
pub struct Cleanup {
    published: Arc<Published<ZoneTable>>,
    /// `None` while it is dropped.
    queue: Option<SyncSender<Vec<Later>>>,
    thread: Option<JoinHandle<()>>,
}

impl Cleanup {
    /// Starts the thread.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub fn start(published: Arc<Published<ZoneTable>>) -> io::Result<Cleanup> {
        let (queue, left) = sync_channel(MAX_WAITING);
        let own = Arc::clone(&published);
        let thread = std::thread::Builder::new().name("cleanup".into()).spawn(move || {
            server::priority::background();
            run(&own, &left);
        })?;
        Ok(Cleanup { published, queue: Some(queue), thread: Some(thread) })
    }

    /// A group of changes with so many octets is acknowledged. What is little is done at once, and so is what the
    /// thread has no time for.
    pub fn acknowledged(&self, octets: usize, names: Vec<Later>) {
        let names = match &self.queue {
            Some(queue) if octets >= LARGE_BYTES || !names.is_empty() => match queue.try_send(names) {
                Ok(()) => return,
                Err(TrySendError::Full(names) | TrySendError::Disconnected(names)) => names,
            },
            _ => names,
        };
        finish(&self.published, names);
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        self.queue = None;
        // A panic has been reported.
        self.thread.take().map(JoinHandle::join);
    }
}

fn run(published: &Published<ZoneTable>, left: &Receiver<Vec<Later>>) {
    while let Ok(names) = left.recv() {
        finish(published, names);
    }
}

fn finish(published: &Published<ZoneTable>, names: Vec<Later>) {
    names.into_iter().for_each(Later::sort);
    published.collect();
}
