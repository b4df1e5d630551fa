//! What the validation of one client's question may still cost (CVE-2023-50387, CVE-2023-50868).

use std::cell::Cell;

use crate::limits::Limits;

/// Counters that all validations of one question share.
#[derive(Debug, Clone)]
pub struct Budget {
    verifications: Cell<u32>,
    nsec3_hashes: Cell<u32>,
}

impl Budget {
    /// That of a new question.
    pub fn new(limits: &Limits) -> Budget {
        Budget { verifications: Cell::new(limits.verifications), nsec3_hashes: Cell::new(limits.nsec3_hashes) }
    }

    /// Signatures that may still be verified.
    pub fn verifications(&self) -> u32 {
        self.verifications.get()
    }

    /// Names that may still be hashed for proofs with NSEC3.
    pub fn nsec3_hashes(&self) -> u32 {
        self.nsec3_hashes.get()
    }

    /// Takes off verifications that were made.
    pub(super) fn spend_verifications(&self, count: u32) {
        self.verifications.set(self.verifications.get().saturating_sub(count));
    }

    /// Takes off hashes that were computed.
    pub(super) fn spend_nsec3_hashes(&self, count: u32) {
        self.nsec3_hashes.set(self.nsec3_hashes.get().saturating_sub(count));
    }
}
