//! Temporary.
#![allow(missing_docs)]
use crate::name::Name;
use crate::rdata::table::{self, Field};
use crate::rtype::RType;
use crate::scan::{ScanError, ScanErrorKind, Scanner};
use std::fmt;

pub fn scan(rtype: RType, s: &mut Scanner<'_>, origin: &Name, out: &mut Vec<u8>) -> Result<(), ScanError> {
    if s.peek()?.is_some_and(|t| t.raw == b"\\#" && !t.quoted) {
        let t = s.require("x")?;
        let n = s.require("a length")?.number(65535)? as usize;
        let start = out.len();
        while let Some(t) = s.token()? {
            let h = data_encoding::HEXUPPER_PERMISSIVE.decode(t.raw).map_err(|_| ScanError::expected("hex", t))?;
            out.extend(h);
        }
        return if out.len() - start == n { Ok(()) } else { Err(ScanError::expected("that many octets", t)) };
    }
    let def = table::by_type(rtype)
        .ok_or(ScanError::new(ScanErrorKind::Other("unknown type needs \\#".into()), s.offset()))?;
    for f in def.fields {
        match f.field {
            Field::U8 => out.push(s.require("a number")?.number(255)? as u8),
            Field::U16 => out.extend((s.require("a number")?.number(65535)? as u16).to_be_bytes()),
            Field::U32 | Field::Ttl => {
                out.extend((s.require("a number")?.number(u32::MAX as u64)? as u32).to_be_bytes())
            }
            Field::Name(_) => s.require("a domain name")?.name(origin, out)?,
            Field::Ipv4 => {
                let t = s.require("an IPv4 address")?;
                let a: std::net::Ipv4Addr = std::str::from_utf8(t.raw)
                    .ok()
                    .and_then(|t| t.parse().ok())
                    .ok_or(ScanError::expected("an IPv4 address", t))?;
                out.extend(a.octets());
            }
            Field::Ipv6 => {
                let t = s.require("an IPv6 address")?;
                let a: std::net::Ipv6Addr = std::str::from_utf8(t.raw)
                    .ok()
                    .and_then(|t| t.parse().ok())
                    .ok_or(ScanError::expected("an IPv6 address", t))?;
                out.extend(a.octets());
            }
            Field::CharString | Field::CharStrings => {
                let mut first = Some(s.require("a string")?);
                while let Some(t) = first {
                    let at = out.len();
                    out.push(0);
                    t.unescape(out)?;
                    let n = out.len() - at - 1;
                    out[at] = u8::try_from(n).map_err(|_| ScanError::expected("at most 255 octets", t))?;
                    first = if f.field == Field::CharStrings { s.token()? } else { None };
                }
            }
        }
    }
    if def.fields.is_empty() {
        while s.token()?.is_some() {}
    }
    s.require_end()
}

pub fn write(_rtype: RType, rdata: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    write!(out, "\\# {} {}", rdata.len(), data_encoding::HEXUPPER.encode(rdata))
}
