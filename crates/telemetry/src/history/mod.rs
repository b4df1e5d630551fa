//! The history of queries: what was asked, by whom, and what the answer was, kept on disk within limits, and searched.
//!
//! Rows go into segments of at most 65,536. A segment keeps columns of numbers; names, clients, upstreams, data of answers
//! and combinations of all that takes few values stand in dictionaries of the segment, each once. The open segment is in
//! memory, and in a log on disk to which each second what came is added. When it is full it becomes a file, and the log is
//! deleted; the oldest files are deleted as the limits say. A search asks dictionaries first, from the latest segment back.
//! Why so, with figures: `docs/decisions/0012-query-history.md`.

mod aggregate;
mod block;
mod bytes;
mod columns;
mod cursor;
mod data;
mod entry;
mod log;
mod plan;
mod search;
mod segment;
mod shape;
mod store;
mod writer;

use std::io;
use std::path::Path;
use std::sync::Arc;

use server::record::Wanted as WantedRecords;

use crate::collector::{Collector, Delivery, ReaderCounts, Subscription};

pub use aggregate::{Group, Groups, MAX_COUNTED, SUBJECTS, Subject, Top, name_text};
pub use cursor::{Cursor, NotACursor, Progress};
pub use entry::{StoredDecision, StoredRow};
pub use plan::Wanted;
pub use search::Found;
pub use store::{Limits, Store, StoreCounts};
pub use writer::Writer;

/// What waits to be written, in bytes: some seconds of a fast server.
const MAX_WAITING_BYTES: usize = 64 << 20;

/// A history that is being written.
pub struct History {
    store: Arc<Store>,
    subscription: Subscription,
}

impl History {
    /// Opens the history in `directory`, and writes to it what `collector` gives until this is dropped.
    ///
    /// # Errors
    /// A directory that cannot be made or read, or that another process has open; a thread that cannot be started.
    pub fn start(collector: &Collector, directory: &Path, limits: Limits) -> io::Result<History> {
        let mut writer = Writer::open(directory, limits)?;
        let store = writer.store().clone();
        let wanted = WantedRecords { responses: true, sparing: true, ..WantedRecords::default() };
        let subscription =
            collector.subscribe("history", wanted, MAX_WAITING_BYTES, move |delivery| match delivery {
                Delivery::Rows(rows) => writer.push(rows.rows()),
                Delivery::Idle => writer.tick(),
                Delivery::End => writer.flush(),
            })?;
        Ok(History { store, subscription })
    }

    /// What is in it.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The rows that it was offered and that came too fast for it.
    pub fn reader_counts(&self) -> ReaderCounts {
        self.subscription.counts()
    }
}
