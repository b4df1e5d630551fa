//! Names in record data of the RFC 1035 types, until `rdata::wire` has them.

use crate::name::{self, NameError};
use crate::rtype::RType;

pub struct Layout {
    pub prefix: usize,
    pub names: usize,
}

pub fn layout(rtype: RType) -> Layout {
    match rtype {
        RType::NS | RType::CNAME | RType(12) => Layout { prefix: 0, names: 1 },
        RType::MX => Layout { prefix: 2, names: 1 },
        RType::SOA => Layout { prefix: 0, names: 2 },
        _ => Layout { prefix: 0, names: 0 },
    }
}

pub fn expand(rtype: RType, message: &[u8], at: usize, len: usize, out: &mut Vec<u8>) -> Result<(), NameError> {
    let layout = layout(rtype);
    let end = at + len;
    let message = message.get(..end).ok_or(NameError::Truncated)?;
    out.extend_from_slice(message.get(at..at + layout.prefix).ok_or(NameError::Truncated)?);
    let mut pos = at + layout.prefix;
    for _ in 0..layout.names {
        pos = name::expand(message, pos, out)?;
    }
    out.extend_from_slice(message.get(pos..end).ok_or(NameError::Truncated)?);
    Ok(())
}
