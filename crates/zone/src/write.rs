//! RRsets of a zone written into a response: all of the records, or none.

use dns::RType;
use dns::response::{Full, Owner, Section, Writer};

use crate::node::Rrset;

/// Writes a whole RRset and, where `signed`, its signatures; nothing if it does not fit.
#[inline]
pub(crate) fn write_rrset(
    w: &mut Writer<'_>,
    section: Section,
    owner: Owner<'_>,
    rrset: &Rrset<'_>,
    ttl: u32,
    signed: bool,
) -> Result<(), Full> {
    let mark = w.mark();
    let mut written = rrset.data().try_for_each(|data| w.record(section, owner, rrset.rtype, ttl, data));
    if written.is_ok() && signed && rrset.is_signed() {
        written = write_signatures(w, section, owner, rrset, Some(ttl));
    }
    if written.is_err() {
        w.rollback(mark);
    }
    written
}

/// Writes the signatures of an RRset; `ttl` is that of the RRset as it was written (RFC 4034 3).
pub fn write_signatures(
    w: &mut Writer<'_>,
    section: Section,
    owner: Owner<'_>,
    rrset: &Rrset<'_>,
    ttl: Option<u32>,
) -> Result<(), Full> {
    let (own, mut signatures) = rrset.signatures();
    let ttl = ttl.map_or(own, |ttl| ttl.min(own));
    signatures.try_for_each(|data| w.record(section, owner, RType::RRSIG, ttl, data))
}
