//! Checkpoints of the journal's WAL on a thread of their own, so that no commit waits for pages to be
//! copied into the database.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::{Writer, lock};

/// Octets that commits may write to the WAL between two checkpoints.
const CHECKPOINT_BYTES: u64 = 16 << 20;
/// What a commit writes at least: one page and its header.
const COMMIT_BYTES: u64 = 4096 + 24;

/// Has the WAL copied into the database every [`CHECKPOINT_BYTES`].
pub struct Checkpointer {
    written: AtomicU64,
    /// `None` while it is dropped: that ends the thread.
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread, which calls `begin` and uses `connection`. What an earlier process left in the WAL is copied
    /// first.
    pub fn start(connection: Connection, writer: Writer, begin: fn()) -> std::io::Result<Checkpointer> {
        let (wake, woken) = sync_channel(1);
        let thread = std::thread::Builder::new().name("checkpoint".to_owned());
        let thread = thread.spawn(move || {
            begin();
            run(&connection, &writer, &woken);
        })?;
        let checkpointer = Checkpointer { written: AtomicU64::new(0), wake: Some(wake), thread: Some(thread) };
        checkpointer.wake();
        Ok(checkpointer)
    }

    /// A commit with that many octets of bodies was made.
    pub fn committed(&self, bytes: usize) {
        let bytes = COMMIT_BYTES + bytes as u64;
        if self.written.fetch_add(bytes, Ordering::Relaxed) + bytes >= CHECKPOINT_BYTES {
            self.written.store(0, Ordering::Relaxed);
            self.wake();
        }
    }

    fn wake(&self) {
        // If the channel is full, the thread is about to make a checkpoint anyway.
        let _ = self.wake.as_ref().map(|wake| wake.try_send(()));
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.wake = None;
        self.thread.take().map(JoinHandle::join);
    }
}

fn run(connection: &Connection, writer: &Writer, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        checkpoint(connection);
        // The WAL begins anew only after a moment in which all of it is copied. A writer that never rests
        // leaves none, so it is held for the few pages that came while the others were copied.
        let writer = lock(writer);
        checkpoint(connection);
        drop(writer);
    }
}

/// Copies what can be copied without waiting for anybody. An error (a full disk, say) is met again by the
/// next one; until then the WAL grows, and nothing is lost.
fn checkpoint(connection: &Connection) {
    let _ = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
}
