//! What validation says of data (RFC 4035 4.3).

/// The security status of an RRset or of a whole answer. The order is that of trust: an answer is as good as the
/// worst of its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Security {
    /// Signatures or proofs that ought to be right are not.
    Bogus = 0,
    /// No trust anchor covers it, or validation is off.
    Indeterminate = 1,
    /// A secure proof says that the zone is not signed, or not with anything we can check.
    Insecure = 2,
    /// A chain of signatures leads to it from a trust anchor.
    Secure = 3,
}

impl Security {
    /// Its name in the API, logs and the cache's file.
    pub fn as_str(self) -> &'static str {
        match self {
            Security::Bogus => "bogus",
            Security::Indeterminate => "indeterminate",
            Security::Insecure => "insecure",
            Security::Secure => "secure",
        }
    }
}

/// Why an answer is what it is, for people (RFC 8914).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The INFO-CODE.
    pub code: u16,
    /// EXTRA-TEXT that names the cause: which name, which server, which signature.
    pub text: String,
    /// A limit of this question was passed: that says nothing of other servers, and nothing of other questions.
    pub limit: bool,
}

impl Reason {
    /// A reason with an INFO-CODE of [`dns::edns::ede`].
    pub fn new(code: u16, text: impl Into<String>) -> Reason {
        Reason { code, text: text.into(), limit: false }
    }

    /// The reason that a limit of this question was passed.
    pub fn limit(code: u16, text: impl Into<String>) -> Reason {
        Reason { limit: true, ..Reason::new(code, text) }
    }
}
