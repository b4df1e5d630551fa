//! What the proofs that something does not exist have in common, whether with NSEC or NSEC3 (RFC 4035 5.4,
//! RFC 5155 8, RFC 6840 4).

use dns::rdata::bitmap::TypeBitmap;
use dns::{Name, RType};

/// Owner and data of NSEC or NSEC3 records. Each is one whose signature by the zone was verified, and that was not made
/// from a wildcard.
pub type DenialRecords<'a> = [(&'a Name, &'a [u8])];

/// Whether something was shown not to exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// It does not exist.
    Proved,
    /// It does not exist as signed data, but an unsigned delegation may hide there (RFC 5155 9.2): the answer is
    /// insecure.
    ProvedOptOut,
    /// The records do not show it.
    NotProved,
    /// The zone's NSEC3 records have more iterations than are computed (RFC 9276 3.2): the answer is insecure.
    TooManyIterations,
    /// The proof needs more hashes than the budget has (CVE-2023-50868).
    OverBudget,
}

impl Denial {
    /// Whether non-existence was proved, with opt-out or without.
    pub fn is_proved(self) -> bool {
        matches!(self, Denial::Proved | Denial::ProvedOptOut)
    }
}

/// A delegation from its parent's side: NS without SOA.
pub(crate) fn is_delegation(types: TypeBitmap<'_>) -> bool {
    types.contains(RType::NS) && !types.contains(RType::SOA)
}

/// Whether the record at a name says nothing about names below it (RFC 6840 4.1): they are another zone's, or
/// redirected.
pub(crate) fn hides_below(types: TypeBitmap<'_>) -> bool {
    is_delegation(types) || types.contains(RType::DNAME)
}

/// Whether the record at `name` itself shows that it has no data of this type.
pub(crate) fn lacks(types: TypeBitmap<'_>, name: &Name, rtype: RType) -> bool {
    // RFC 6840 4.3: an alias would have been the answer.
    if types.contains(rtype) || types.contains(RType::CNAME) {
        return false;
    }
    match rtype {
        // RFC 4035 5.2: DS belongs to the parent, whose record has no SOA; the root has no parent.
        RType::DS => !types.contains(RType::SOA) || name.is_root(),
        // With NSEC3, names without data have records too.
        RType::ANY => types.is_empty(),
        // RFC 6840 4.1: the parent's record knows nothing else.
        _ => !is_delegation(types),
    }
}

/// Whether the record at a name shows a delegation without DS (RFC 4035 5.2, RFC 5155 8.9).
pub(crate) fn is_unsigned_delegation(types: TypeBitmap<'_>) -> bool {
    is_delegation(types) && !types.contains(RType::DS)
}
