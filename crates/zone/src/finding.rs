//! What the checks look for, and how bad it is. Severity is decided here and nowhere else: by the rule, and by whose
//! records they are.

use std::fmt;

use dns::{NameBuf, RType};

/// Whose records a zone has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Ours, by the API or a dynamic update. What is made here is exact.
    Made,
    /// Ours, from a zone file. What no other server refuses in one is not refused.
    ZoneFile,
    /// The primary's, by zone transfer. A secondary is a copy (RFC 1034 4.3.5): refusing the zone would not mend it, but
    /// take it out of service.
    Transferred,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The zone works, but not as its owner will have meant.
    Warning,
    /// The zone, or the change, is refused.
    Error,
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// One SOA record at the apex (RFC 1035 5.2), without which there is no serial and no negative answer.
    OneSoa,
    /// NS records at the apex (RFC 1035 5.2).
    ApexNs,
    /// No SOA record below the apex.
    SoaBelowApex,
    /// One CNAME record at a name, and nothing that may not stand beside it (RFC 2181 10.1, RFC 1034 3.6.2).
    OneCname,
    /// One DNAME record at a name (RFC 6672 2.4).
    OneDname,
    /// An RRset that a message can carry.
    Size,
    /// An RRset that a message can carry with its signatures.
    SignedSize,
    /// Nothing beside a record that asks for a deletion (RFC 8078 4) or says that there is no mail (RFC 7505 3).
    Alone,
    /// No DS records at the apex (RFC 4035 2.4).
    ApexDs,
    /// DS records at delegations only (RFC 4034 5).
    DsAlone,
    /// No delegation at a wildcard (RFC 4592 4.2).
    WildcardNs,
    /// Fewer iterations of NSEC3 than those from which validators take the zone for insecure (RFC 9276 3.2), and no more
    /// than a zone may have (RFC 5155 10.3).
    Nsec3Iterations,
    /// Owners in the zone; others are left out.
    InZone,
    /// One TTL in an RRset (RFC 2181 5.2).
    OneTtl,
    /// No DNAME beside a delegation (RFC 6672 2.4).
    DnameBesideCut,
    /// Nothing below a DNAME (RFC 6672 2.4).
    BelowDname,
    /// Nothing but addresses below a delegation.
    BelowCut,
    /// Name servers that are no aliases (RFC 2181 10.3), and have an address where this zone has to give it (RFC 1912 2.3,
    /// RFC 9471).
    NameServer,
    /// Hosts that are names, and where mail and services go, no aliases (RFC 2181 10.3, RFC 2782).
    Host,
    /// A chain of NSEC records that leads once through the zone (RFC 4034 4), with right bitmaps.
    Nsec,
    /// A chain of NSEC3 records that is closed (RFC 5155 7.1).
    Nsec3,
    /// Signatures over everything in a signed zone (RFC 4035 2.2).
    Signed,
    /// What a type demands of its records ([`dns::rdata::rules`]). Zone files, API and updates refuse them one by one,
    /// where they are read; what is found in a zone came by transfer, or before there was the rule.
    OfType,
    /// Names in a line of the API that look whole, and end in a dot then (RFC 1035 5.1).
    WholeName,
    /// A serial that secondaries take for a later one (RFC 1982).
    Serial,
}

impl Rule {
    /// How bad it is to break this rule, in records from `source`.
    pub fn severity(self, source: Source) -> Severity {
        match self {
            Rule::OneSoa => Severity::Error,
            Rule::ApexNs
            | Rule::SoaBelowApex
            | Rule::OneCname
            | Rule::OneDname
            | Rule::Size
            | Rule::ApexDs
            | Rule::WildcardNs => match source {
                Source::Made | Source::ZoneFile => Severity::Error,
                Source::Transferred => Severity::Warning,
            },
            Rule::DsAlone | Rule::Alone => match source {
                Source::Made => Severity::Error,
                Source::ZoneFile | Source::Transferred => Severity::Warning,
            },
            // What other servers serve too. RFC 1035 5.2 asks for checks of master files; an answer from these is right.
            Rule::InZone
            | Rule::OneTtl
            | Rule::DnameBesideCut
            | Rule::BelowDname
            | Rule::BelowCut
            | Rule::NameServer
            | Rule::Host
            | Rule::Nsec
            | Rule::Nsec3
            | Rule::Nsec3Iterations
            | Rule::Signed
            | Rule::OfType
            | Rule::SignedSize
            | Rule::WholeName
            | Rule::Serial => Severity::Warning,
        }
    }
}

/// Something that is wrong with a zone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Finding {
    /// What it is about.
    pub rule: Rule,
    /// Where.
    pub owner: NameBuf,
    /// At which type, where one is to blame.
    pub rtype: Option<RType>,
    /// The host in the record, where what is wrong depends on what that is.
    pub host: Option<NameBuf>,
    /// What is wrong, for people.
    pub message: String,
}

impl Finding {
    /// How bad it is in a zone whose records are from `source`.
    pub fn severity(&self, source: Source) -> Severity {
        self.rule.severity(source)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.owner)?;
        if let Some(rtype) = self.rtype {
            write!(f, " {rtype}")?;
        }
        write!(f, ": {}", self.message)
    }
}
