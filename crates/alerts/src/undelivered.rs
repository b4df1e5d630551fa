//! Why a notice did not arrive.

/// A notice did not arrive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct Undelivered {
    /// Why.
    pub problem: String,
    /// It may arrive later.
    pub may_try_again: bool,
}

impl Undelivered {
    /// It may arrive later.
    pub fn for_now(problem: impl Into<String>) -> Undelivered {
        Undelivered { problem: problem.into(), may_try_again: true }
    }

    /// It never will.
    pub fn for_good(problem: impl Into<String>) -> Undelivered {
        Undelivered { problem: problem.into(), may_try_again: false }
    }
}
