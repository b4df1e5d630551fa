//! What is wrong with the records of a policy zone, and what a change of one came to.

use std::fmt;

/// Findings that are listed of one change; those beyond are counted.
const MAX_FINDINGS: usize = 100;

/// Why a record is no rule though it looks like one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The labels are no address.
    #[error("not an address: a prefix length and the octets or words from the last to the first")]
    Address,
    /// The first label is no length of a prefix of that family, or 0.
    #[error("not a prefix length from 1 to 32 (IPv4) or 128 (IPv6)")]
    PrefixLength,
    /// The address has bits behind the prefix.
    #[error("the address has bits set behind the prefix")]
    HostBits,
    /// There is another spelling which is the one to use.
    #[error("not the canonical spelling of the address: no leading zeros, zz for the longest run of zeros (RFC 5952)")]
    NotCanonical,
    /// An IPv6 network of IPv4 addresses.
    #[error("an IPv4 address in IPv6 form: write it as IPv4")]
    Ipv4Mapped,
    /// A name at the end that begins with `rpz-` and is none that is known.
    #[error("unknown trigger")]
    UnknownTrigger,
    /// `rpz-nsdname` without a name.
    #[error("no name in front of rpz-nsdname")]
    NoName,
    /// A CNAME to `rpz-…` that is none that is known.
    #[error("unknown action")]
    UnknownAction,
    /// A type that is no local data: SOA, NS, DNAME, types of questions.
    #[error("records of this type cannot be local data")]
    Type,
    /// Data that its type does not have.
    #[error("malformed record data")]
    Data,
    /// A CNAME has other data beside it; the CNAME holds.
    #[error("a CNAME with other data beside it: the CNAME holds")]
    CnameAndData,
    /// The rule has as many records as one may have.
    #[error("too many records at one name")]
    TooManyRecords,
    /// The zone has as many rules as one may have.
    #[error("too many rules")]
    TooManyRules,
}

/// A record that is left out, or a rule that is not what it looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Owner name, relative to the apex, without final dot.
    pub owner: String,
    /// What is wrong.
    pub reason: Reason,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.owner, self.reason)
    }
}

/// What building or changing a zone came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// The first hundred findings.
    pub findings: Vec<Finding>,
    /// How many findings there are beyond those.
    pub findings_left_out: usize,
    /// Records that are no rule by themselves: at the apex, and of DNSSEC.
    pub ignored: usize,
    /// Records to take out that were not there.
    pub missing: usize,
}

impl Report {
    pub(super) fn add(&mut self, owner: &impl fmt::Display, reason: Reason) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(Finding { owner: owner.to_string(), reason });
        } else {
            self.findings_left_out += 1;
        }
    }
}
