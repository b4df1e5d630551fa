//! The history of queries, as handlers have it.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use node::history::QueryHistory;
use tokio::sync::Semaphore;

use super::limits::{MAX_SEARCHES, PAGE_DEFAULT};

/// The history of queries, for handlers.
pub struct Queries {
    /// The history.
    pub history: QueryHistory,
    /// Rows that `/api/logs` gives unless another number is asked for.
    pub default_rows: AtomicUsize,
    /// Room for searches: each keeps a processor busy.
    pub searches: Arc<Semaphore>,
}

impl Queries {
    /// Over this history.
    pub fn new(history: QueryHistory) -> Queries {
        let default_rows = AtomicUsize::new(PAGE_DEFAULT);
        Queries { history, default_rows, searches: Arc::new(Semaphore::new(MAX_SEARCHES)) }
    }
}
