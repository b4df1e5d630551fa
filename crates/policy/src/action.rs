//! What a policy does with a question or an answer, and which rule says so.

use std::net::IpAddr;
use std::sync::Arc;

use dns::NameBuf;
use dns::header::Rcode;

use crate::who::ListId;

/// Where a rule stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleRef {
    /// Its list.
    pub list: ListId,
    /// Its line, from 1; of a response policy zone the number of its rule.
    pub line: u32,
}

/// What is answered to a blocked question.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Action {
    /// 0.0.0.0 and ::, NODATA for other types.
    #[default]
    Null,
    /// NXDOMAIN.
    Nxdomain,
    /// NODATA.
    Nodata,
    /// REFUSED.
    Refused,
    /// No answer.
    Drop,
    /// An empty answer with TC over UDP: the client comes again over TCP, where it is answered (RPZ `rpz-tcp-only.`).
    TcpOnly,
    /// These addresses, NODATA for other types.
    Addresses(Arc<[IpAddr]>),
}

/// What a rule that matches says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The question is answered as if no rule blocked it.
    Allow,
    /// It is blocked; `None`: with the action of the list.
    Block(Option<Action>),
    /// These records are the answer, or what the alias leads to.
    Rewrite(Arc<Rewrite>),
}

/// An answer that a rule spells out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// RCODE of the answer.
    pub rcode: Rcode,
    /// The canonical name that the question's name is an alias of; it is resolved.
    pub alias: Option<NameBuf>,
    /// Record data in wire form without compression, with its type; those of the question's type are the answer.
    pub data: Vec<(dns::RType, Box<[u8]>)>,
    /// Seconds; `None`: the TTL of blocked answers.
    pub ttl: Option<u32>,
}
