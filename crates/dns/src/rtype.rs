//! Record types as numbers and mnemonics. What each type consists of stands in [`crate::rdata::table`].

use std::fmt;

use crate::rdata::table;

/// A TYPE or QTYPE (RFC 1035 3.2.2, 3.2.3). The constants are made by the table of record types.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RType(pub u16);

/// Types that have no data of their own: they stand in messages and questions only.
const META: [(RType, &str); 8] = [
    (RType::OPT, "OPT"),
    (RType::TKEY, "TKEY"),
    (RType::TSIG, "TSIG"),
    (RType::IXFR, "IXFR"),
    (RType::AXFR, "AXFR"),
    (RType::MAILB, "MAILB"),
    (RType::MAILA, "MAILA"),
    (RType::ANY, "ANY"),
];

impl RType {
    /// EDNS (RFC 6891).
    pub const OPT: RType = RType(41);
    /// Key establishment (RFC 2930).
    pub const TKEY: RType = RType(249);
    /// Transaction signature (RFC 8945).
    pub const TSIG: RType = RType(250);
    /// Incremental transfer (RFC 1995).
    pub const IXFR: RType = RType(251);
    /// Whole transfer (RFC 5936).
    pub const AXFR: RType = RType(252);
    /// Mailbox records (RFC 1035 3.2.3).
    pub const MAILB: RType = RType(253);
    /// Mail agent records, obsolete (RFC 1035 3.2.3).
    pub const MAILA: RType = RType(254);
    /// Any type the server likes to give (RFC 8482).
    pub const ANY: RType = RType(255);

    /// Whether no zone can hold records of this type (RFC 6895 3.1: 128-255 are meta and Q types).
    pub fn is_meta(self) -> bool {
        self == RType::OPT || (128..=255).contains(&self.0)
    }

    /// Whether it has a name of its own, and not only that of its number (RFC 3597 5).
    pub fn is_known(self) -> bool {
        table::by_type(self).is_some() || META.iter().any(|(rtype, _)| *rtype == self)
    }

    /// The type that `text` names: a mnemonic or `TYPEn` (RFC 3597 5), case ignored.
    pub fn from_text(text: &[u8]) -> Option<RType> {
        if let Some(def) = table::by_mnemonic(text) {
            return Some(def.rtype);
        }
        if let Some((rtype, _)) = META.iter().find(|(_, mnemonic)| text.eq_ignore_ascii_case(mnemonic.as_bytes())) {
            return Some(*rtype);
        }
        generic_number(text, b"TYPE").map(RType)
    }
}

/// The number behind `prefix`, as in `TYPE65280` and `CLASS32` (RFC 3597 5).
pub(crate) fn generic_number(text: &[u8], prefix: &[u8]) -> Option<u16> {
    let (head, digits) = text.split_at_checked(prefix.len())?;
    if !head.eq_ignore_ascii_case(prefix) || digits.is_empty() || digits.len() > 5 {
        return None;
    }
    let mut value = 0u32;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + u32::from(digit - b'0');
    }
    u16::try_from(value).ok()
}

impl fmt::Display for RType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(def) = table::by_type(*self) {
            return f.write_str(def.mnemonic);
        }
        match META.iter().find(|(rtype, _)| rtype == self) {
            Some((_, mnemonic)) => f.write_str(mnemonic),
            None => write!(f, "TYPE{}", self.0),
        }
    }
}

impl fmt::Debug for RType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
