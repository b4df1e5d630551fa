//! Records as zone files have them, for whoever copies them from there.

use dns::{Name, RType, rdata};

/// Record data as zone files have them.
pub fn text(rtype: RType, data: &[u8]) -> String {
    let mut out = String::new();
    // A string takes everything.
    let _ = rdata::text::write(rtype, data, &mut out);
    out
}

/// A record as zone files have it; the TTL is left to whoever takes it.
pub fn line(zone: &Name, rtype: RType, data: &[u8]) -> String {
    format!("{zone} IN {rtype} {}", text(rtype, data))
}
