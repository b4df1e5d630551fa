//! Filters of queries, in one grammar for API, live view, query log and command line.
//!
//! A filter is terms with spaces between them; a query has to match all. A term is `key:value`; with several values,
//! `key:a,b`, one of them has to match; `-key:value` matches what `key:value` does not. Text without a key matches names
//! that contain it. A backslash takes the meaning from the character behind it, as in names (`\.`, `\032`); quotes around
//! a value take it from everything but dots and backslashes.
//!
//! | Key | Value |
//! | --- | --- |
//! | `client`, `upstream` | An address or network: `192.0.2.7`, `2001:db8::/32` |
//! | `name`, `zone` | A name, case ignored; `*` stands for any characters, dots included |
//! | `type` | A record type: `AAAA`, `TYPE65280` |
//! | `code` | A response code: `NXDOMAIN`, `3` |
//! | `source` | `zone`, `cache`, `stale`, `resolved`, `control`, `local`, `refused`, or why it was refused: `recursion_denied`, `zone_denied`, ... |
//! | `cache` | `hit`, `stale` (a part of the hits), `miss` |
//! | `proto` | `udp`, `tcp` |
//! | `dnssec` | `secure`, `insecure`, `bogus`, `indeterminate`, `none` |
//! | `time` | A comparison: `>200ms`, `<=1.5s`, `>30us`; without a unit milliseconds |
//! | `id` | The query's identifier |
//! | `group`, `action`, `list`, `rule` | What policy said, case matters; nothing matches while there is none |
//!
//! `*` alone matches whatever there is: `upstream:*` are queries for which another server was asked.

mod error;
mod key;
mod lexer;
mod pattern;
mod test;
#[cfg(test)]
mod tests;
mod value;

use std::fmt;
use std::net::IpAddr;

use dns::{RType, Rcode};
use resolver::Security;
use server::answered::Source;
use server::transport::Transport;

use crate::decision::Decision;
use crate::names;
use crate::request_id::RequestId;
use crate::rows::Row;
use test::Test;

pub use error::FilterError;
pub use key::Key;
pub use pattern::{FoldedName, LABEL_DOT, MAX_FOLDED_LEN, folded_suffix};

/// The longest text of a filter in bytes.
pub const MAX_LEN: usize = 4096;
/// The most terms in a filter.
pub const MAX_TERMS: usize = 32;
/// The most values in a filter.
pub const MAX_VALUES: usize = 64;

/// Which queries are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    terms: Vec<Term>,
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    key: Key,
    is_negated: bool,
    /// One of these has to pass.
    tests: Vec<Test>,
}

/// What a filter looks at.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What the query is called.
    pub id: RequestId,
    /// The name, folded ([`FoldedName`]).
    pub name: Option<&'a [u8]>,
    /// The apex of the zone of ours that the name is in, folded.
    pub zone: Option<&'a [u8]>,
    /// The type.
    pub rtype: Option<RType>,
    /// Who asked; IPv4 as IPv4.
    pub client: IpAddr,
    /// Who was asked; IPv4 as IPv4.
    pub upstream: Option<IpAddr>,
    /// How the query came.
    pub transport: Transport,
    /// Who gave the answer.
    pub source: Source,
    /// Its RCODE.
    pub rcode: Rcode,
    /// What validation said.
    pub security: Option<Security>,
    /// Microseconds that it took.
    pub elapsed_us: u64,
    /// What policy said.
    pub decision: Decision<'a>,
}

impl Filter {
    /// The filter that `text` says.
    ///
    /// # Errors
    /// Where and why it cannot be read.
    pub fn parse(text: &str) -> Result<Filter, FilterError> {
        if text.len() > MAX_LEN {
            return Err(FilterError::new(MAX_LEN, format!("a filter has at most {MAX_LEN} bytes")));
        }
        let terms = lexer::terms(text)?;
        Ok(Filter { terms: terms.iter().map(Term::read).collect::<Result<_, _>>()? })
    }

    /// Matches the query with this identifier.
    pub fn of_id(id: RequestId) -> Filter {
        Filter { terms: vec![Term { key: Key::Id, is_negated: false, tests: vec![Test::Id(id)] }] }
    }

    /// Whether it matches everything because it says nothing.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether it matches the query. Nothing is allocated.
    pub fn matches(&self, row: &Row<'_>) -> bool {
        if self.is_empty() {
            return true;
        }
        let name = row.question.map(|(name, ..)| FoldedName::new(name));
        self.accepts(&Facts::new(row, name.as_ref()))
    }

    /// Whether it matches the query of which this is known.
    pub fn accepts(&self, facts: &Facts<'_>) -> bool {
        self.terms.iter().all(|term| term.accepts(facts))
    }

    /// Its conditions.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }
}

impl Term {
    fn read(raw: &lexer::RawTerm) -> Result<Term, FilterError> {
        let tests = raw.values.iter().map(|value| value::read(raw.key, value)).collect::<Result<_, _>>()?;
        Ok(Term { key: raw.key.unwrap_or(Key::Name), is_negated: raw.is_negated, tests })
    }

    /// What it is about.
    pub fn key(&self) -> Key {
        self.key
    }

    /// Whether it matches; only what its key is about is looked at.
    pub fn accepts(&self, facts: &Facts<'_>) -> bool {
        self.tests.iter().any(|test| test.passes(self.key, facts)) != self.is_negated
    }
}

impl<'a> Facts<'a> {
    /// What is known of a row, whose name in folded form is `name`.
    pub fn new(row: &Row<'a>, name: Option<&'a FoldedName>) -> Facts<'a> {
        let record = &row.record;
        let name = name.map(FoldedName::as_bytes);
        Facts {
            id: row.id,
            name,
            zone: name.zip(record.apex_labels).and_then(|(name, labels)| folded_suffix(name, labels)),
            rtype: row.question.map(|(_, rtype, _)| rtype),
            client: names::address(record.client.ip()),
            upstream: record.upstream.map(|server| names::address(server.ip())),
            transport: record.transport,
            source: record.source,
            rcode: record.rcode,
            security: record.security,
            elapsed_us: record.elapsed_us,
            decision: row.decision,
        }
    }
}

impl fmt::Display for Filter {
    /// A text that gives the same filter.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, term) in self.terms.iter().enumerate() {
            let space = if i > 0 { " " } else { "" };
            let minus = if term.is_negated { "-" } else { "" };
            write!(f, "{space}{minus}{}:", term.key)?;
            for (i, test) in term.tests.iter().enumerate() {
                f.write_str(if i > 0 { "," } else { "" })?;
                test.write(f, term.key)?;
            }
        }
        Ok(())
    }
}
