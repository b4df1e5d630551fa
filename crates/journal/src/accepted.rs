//! A change that the fold accepted.

use std::sync::Arc;

use zone::ChangeSet;

use crate::journal::Offset;

/// A change that is part of history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The offset of its first part; the same as `offset` for all but very large changes.
    pub first: Offset,
    /// Its offset: its name in history.
    pub offset: Offset,
    /// The change.
    pub change: Arc<ChangeSet>,
}
