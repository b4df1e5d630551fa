//! What is wrong with a filter.

/// A filter that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at byte {offset} of the filter: {message}")]
pub struct FilterError {
    /// The byte of the filter's text where it goes wrong, from 0.
    pub offset: usize,
    /// What is wrong there, and what would be right.
    pub message: String,
}

impl FilterError {
    pub(super) fn new(offset: usize, message: impl Into<String>) -> FilterError {
        FilterError { offset, message: message.into() }
    }
}
