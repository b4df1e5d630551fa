//! Why a scenario file is not run.

/// What keeps a file from being run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// It is wrong.
    Bad {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// It asks for what we do not have.
    Skip(String),
}

impl Problem {
    /// A fault on a line.
    pub fn bad(line: usize, what: impl Into<String>) -> Problem {
        Problem::Bad { line, what: what.into() }
    }
}
