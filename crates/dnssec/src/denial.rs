//! What proofs of non-existence with NSEC and with NSEC3 have in common (RFC 4035 5.4, RFC 5155 8, RFC 6840 4).

use dns::rdata::bitmap::TypeBitmap;
use dns::{Name, RType};

/// Owner and data of NSEC or NSEC3 records. The caller has verified the zone's signature of each, and that none was
/// expanded from a wildcard.
pub type DenialRecords<'a> = [(&'a Name, &'a [u8])];

/// The result of a proof of non-existence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// It does not exist.
    Proved,
    /// It does not exist as signed data, but opt-out may hide an unsigned delegation there (RFC 5155 9.2). The answer
    /// is insecure.
    ProvedOptOut,
    /// The records do not prove it.
    NotProved,
    /// The zone's NSEC3 records have more iterations than the caller allows (RFC 9276 3.2). The answer is insecure.
    TooManyIterations,
    /// The proof needs more hashes than the budget allows (CVE-2023-50868).
    OverBudget,
}

impl Denial {
    /// Whether non-existence is proved, with or without opt-out.
    pub fn is_proved(self) -> bool {
        matches!(self, Denial::Proved | Denial::ProvedOptOut)
    }
}

/// Whether these types are the parent's side of a delegation: NS without SOA.
pub(crate) fn is_delegation(types: TypeBitmap<'_>) -> bool {
    types.contains(RType::NS) && !types.contains(RType::SOA)
}

/// Whether a record at a name proves nothing about names below it (RFC 6840 4.1): they belong to another zone, or a
/// DNAME redirects them.
pub(crate) fn hides_below(types: TypeBitmap<'_>) -> bool {
    is_delegation(types) || types.contains(RType::DNAME)
}

/// Whether the record at `name` proves that the name has no data of this type.
pub(crate) fn lacks(types: TypeBitmap<'_>, name: &Name, rtype: RType) -> bool {
    // RFC 6840 4.3: a CNAME would be the answer.
    if types.contains(rtype) || types.contains(RType::CNAME) {
        return false;
    }
    match rtype {
        // RFC 4035 5.2: DS is the parent's, and the parent's record has no SOA. The root has no parent.
        RType::DS => !types.contains(RType::SOA) || name.is_root(),
        // With NSEC3, empty non-terminals have records too.
        RType::ANY => types.is_empty(),
        // RFC 6840 4.1: the parent's record of a delegation proves the absence of DS only.
        _ => !is_delegation(types),
    }
}

/// Whether a record at a name proves a delegation without DS (RFC 4035 5.2, RFC 5155 8.9).
pub(crate) fn is_unsigned_delegation(types: TypeBitmap<'_>) -> bool {
    is_delegation(types) && !types.contains(RType::DS)
}
