//! Records as zone-file text (RFC 1035 5.1, RFC 3597 5).

use std::fmt;

use crate::class::Class;
use crate::name::Name;
use crate::rdata;
use crate::rtype::RType;

/// Writes one record as one line: owner, TTL, class, type and data with tabs between them, and a
/// line break. The owner and the names in the data are absolute, so the line means the same
/// wherever it stands.
pub fn write_record(
    owner: &Name,
    ttl: u32,
    class: Class,
    rtype: RType,
    rdata: &[u8],
    out: &mut impl fmt::Write,
) -> fmt::Result {
    write!(out, "{owner}\t{ttl}\t{class}\t{rtype}\t")?;
    rdata::text::write(rtype, rdata, out)?;
    out.write_char('\n')
}
