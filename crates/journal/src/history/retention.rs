//! How much of history is kept.

use rusqlite::params;

use super::History;
use crate::journal::{JournalError, Offset};
use crate::store::column_of;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

impl History {
    /// The offset before which nothing is kept: what is older than `retention_days`, and what comes before the last
    /// `retention_changes`; `None` as a limit is none. It is never beyond what the store has, so that the state of
    /// all zones survives. `None`: nothing is to be forgotten.
    ///
    /// # Errors
    /// [`JournalError::Unreadable`].
    pub fn plan_trim(
        &self,
        now_ms: u64,
        retention_days: Option<u32>,
        retention_changes: Option<u64>,
    ) -> Result<Option<Offset>, JournalError> {
        let Some(oldest) = self.index.number("SELECT min(offset) FROM changes", params![])? else { return Ok(None) };
        let end = self.index.number("SELECT position FROM meta", params![])?.unwrap_or(0).saturating_add(1);
        let mut kept = oldest;
        if let Some(days) = retention_days {
            let since_ms = now_ms.saturating_sub(u64::from(days).saturating_mul(DAY_MS));
            let sql = "SELECT offset FROM changes WHERE at_ms >= ?1 ORDER BY offset LIMIT 1";
            kept = kept.max(self.index.number(sql, params![column_of(since_ms)])?.unwrap_or(end));
        }
        if let Some(changes) = retention_changes {
            kept = kept.max(self.last_changes(changes, end)?.unwrap_or(oldest));
        }
        if kept == oldest {
            return Ok(None);
        }
        // Events of several writers stand between each other: a later change may have begun earlier.
        let sql = "SELECT min(first) FROM changes WHERE offset >= ?1";
        let first = self.index.number(sql, params![column_of(kept)])?.unwrap_or(end);
        Ok(Some(first.min(kept)))
    }

    /// Forgets what [`History::plan_trim`] found: in the index first, then in the journal.
    ///
    /// # Errors
    /// What the store and the journal say; the next attempt completes it.
    pub fn trim(&self, before: Offset) -> Result<(), JournalError> {
        let before = before.min(self.follower.stored().saturating_add(1));
        self.follower.forget(before)?;
        self.journal.trim(before)
    }

    /// The offset of the first of the last `count` changes; `None`: there are fewer.
    fn last_changes(&self, count: u64, end: Offset) -> Result<Option<Offset>, JournalError> {
        let Some(others) = count.checked_sub(1) else { return Ok(Some(end)) };
        let sql = "SELECT offset FROM changes ORDER BY offset DESC LIMIT 1 OFFSET ?1";
        self.index.number(sql, params![column_of(others)])
    }
}
