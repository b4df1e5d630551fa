//! What the stages of a query say of it.

use dns::header::Rcode;
use policy::Mark;
use resolver::Security;

use crate::answered::{Refusal, Source};
use crate::policy::ruled::Passed;
use crate::recursion::Judging;

/// What a stage says of a query.
pub(super) enum Verdict {
    /// The next stage has it.
    Continue,
    /// This is the answer, whatever later stages would say.
    Answer(Reply),
    /// It gets no answer.
    Drop,
}

impl Verdict {
    /// As the log has it, with the RCODE of an answer.
    #[cold]
    pub fn in_words(&self) -> (&'static str, Option<Rcode>) {
        match self {
            Verdict::Continue => ("continue", None),
            Verdict::Answer(reply) => ("answer", Some(reply.rcode)),
            Verdict::Drop => ("drop", None),
        }
    }
}

/// What becomes of a question when rules have been asked.
pub(super) enum Ruled {
    /// It is answered as if there were no rules; a rule may have allowed it.
    Pass(Passed),
    /// This is the answer.
    Answer(Reply),
    /// It gets no answer.
    Drop,
    /// It is answered with an alias, which the resolver follows.
    Follow(Judging),
}

/// What an answer says besides its records, and why.
pub(super) struct Reply {
    pub rcode: Rcode,
    /// The AA bit.
    pub set: u8,
    /// The AD bit.
    pub set_low: u8,
    /// The reason to give (RFC 8914).
    pub info: Option<u16>,
    /// Who gives it.
    pub source: Source,
    /// What validation said of it; `None`: nothing was validated.
    pub security: Option<Security>,
    /// The cache will not have it for long.
    pub refresh: bool,
    /// What policy did with the question.
    pub policy: Option<Mark>,
}

impl Reply {
    /// An answer without flags.
    #[inline]
    pub fn new(rcode: Rcode, source: Source) -> Reply {
        Reply { rcode, set: 0, set_low: 0, info: None, source, security: None, refresh: false, policy: None }
    }

    /// What the server says by itself.
    pub fn own(rcode: Rcode) -> Reply {
        Reply::new(rcode, Source::Server)
    }

    /// REFUSED, with the reason to give.
    pub fn refused(refusal: Refusal, info: u16) -> Reply {
        Reply { info: Some(info), ..Reply::new(Rcode::REFUSED, Source::Refused(refusal)) }
    }

    /// FORMERR: the query cannot be read.
    pub fn malformed() -> Reply {
        Reply::new(Rcode::FORMERR, Source::Refused(Refusal::Malformed))
    }
}
