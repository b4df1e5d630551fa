//! What a resolution does, step by step, for `headwater explain` and for logs.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use dns::{NameBuf, RType, Rcode};

use crate::question::Question;
use crate::security::Security;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A question begins to be resolved; others may begin inside it.
    Begin(Question),
    /// The cache had it.
    Cache {
        /// What was looked for.
        question: Question,
        /// What it had: `positive`, `negative`, `alias`, `failure`, or `stale` if it is the whole answer and has expired.
        what: &'static str,
        /// What is left of its TTL, in seconds.
        ttl: u32,
        /// What validation had said.
        security: Security,
    },
    /// Our own zones, or a special name, had it.
    Local(Question),
    /// The zone whose servers are asked next.
    Zone(NameBuf),
    /// A question to another server and what came of it.
    Exchange {
        /// Whom.
        server: SocketAddr,
        /// The name of the server, if it was asked under one.
        server_name: Option<NameBuf>,
        /// `udp`, `tcp`, `tls`, `https`.
        transport: &'static str,
        /// What was asked, minimised as it was.
        question: Question,
        /// How long it took, in microseconds.
        elapsed_us: u64,
        /// What came: `answer`, `referral to ...`, `timeout` and so on.
        result: String,
        /// The RCODE of the reply.
        rcode: Option<Rcode>,
    },
    /// A step of validation.
    Validation {
        /// What was checked.
        name: NameBuf,
        /// Its type.
        rtype: RType,
        /// The verdict.
        security: Security,
        /// How it came to that.
        why: String,
    },
    /// An alias is followed.
    Alias(NameBuf),
    /// The end of the question that began last.
    End {
        /// RCODE.
        rcode: Rcode,
        /// Security status.
        security: Security,
    },
}

/// A step and when it was, in microseconds of [`crate::Upstream::now_us`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamped {
    /// When.
    pub at_us: u64,
    /// How deep in questions that others led to.
    pub depth: u32,
    /// What.
    pub step: Step,
}

/// Collects the steps of one resolution, or nothing. Clones share what they collect.
#[derive(Debug, Clone, Default)]
pub struct Trace(Option<Rc<RefCell<Vec<Stamped>>>>);

impl Trace {
    /// Most steps that are kept.
    const MAX_STEPS: usize = 10_000;

    /// One that collects.
    pub fn on() -> Trace {
        Trace(Some(Rc::default()))
    }

    /// Whether it collects.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Adds a step, made only if somebody looks.
    pub fn add(&self, at_us: u64, depth: u32, step: impl FnOnce() -> Step) {
        if let Some(steps) = &self.0 {
            let mut steps = steps.borrow_mut();
            if steps.len() < Trace::MAX_STEPS {
                steps.push(Stamped { at_us, depth, step: step() });
            }
        }
    }

    /// Takes what was collected.
    pub fn take(&self) -> Vec<Stamped> {
        self.0.as_ref().map(|steps| std::mem::take(&mut *steps.borrow_mut())).unwrap_or_default()
    }
}
