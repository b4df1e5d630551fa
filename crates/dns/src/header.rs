//! The header of a message (RFC 1035 4.1.1): identifier, flags, opcode and response code.
//!
//! Opcodes and response codes are numbers with the mnemonics of the IANA registry. A response code
//! has 12 bits: EDNS carries the upper eight (RFC 6891 6.1.3), TSIG records carry all of it.

use std::fmt;
use std::str::FromStr;

use crate::rtype::generic_number;

/// Octets of a message header.
pub const HEADER_LEN: usize = 12;

const QR: u16 = 1 << 15;
const AA: u16 = 1 << 10;
const TC: u16 = 1 << 9;
const RD: u16 = 1 << 8;
const RA: u16 = 1 << 7;
const Z: u16 = 1 << 6;
const AD: u16 = 1 << 5;
const CD: u16 = 1 << 4;
const OPCODE_SHIFT: u32 = 11;
const LOW_RCODE: u16 = 0x000f;

/// Everything a header says but the numbers of records, which follow from the sections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header {
    /// Chosen by the client, repeated in the response.
    pub id: u16,
    /// Whether the message is a response.
    pub qr: bool,
    /// Kind of query.
    pub opcode: Opcode,
    /// Authoritative answer.
    pub aa: bool,
    /// Truncated.
    pub tc: bool,
    /// Recursion desired.
    pub rd: bool,
    /// Recursion available.
    pub ra: bool,
    /// The reserved bit, zero in what we make ourselves.
    pub z: bool,
    /// Authentic data (RFC 4035 3.2.3).
    pub ad: bool,
    /// Checking disabled (RFC 4035 3.2.2).
    pub cd: bool,
    /// Response code, with the upper bits of an OPT record if the message has one.
    pub rcode: Rcode,
}

impl Header {
    /// The header from the identifier and the flag word that begin a message; of the response code
    /// these hold the low four bits.
    pub fn from_words(id: u16, flags: u16) -> Header {
        Header {
            id,
            qr: flags & QR != 0,
            opcode: Opcode((flags >> OPCODE_SHIFT) as u8 & 0x0f),
            aa: flags & AA != 0,
            tc: flags & TC != 0,
            rd: flags & RD != 0,
            ra: flags & RA != 0,
            z: flags & Z != 0,
            ad: flags & AD != 0,
            cd: flags & CD != 0,
            rcode: Rcode(flags & LOW_RCODE),
        }
    }

    /// The flag word, with the low four bits of opcode and response code.
    pub fn flag_word(&self) -> u16 {
        let bit = |set: bool, mask: u16| if set { mask } else { 0 };
        bit(self.qr, QR)
            | u16::from(self.opcode.0 & 0x0f) << OPCODE_SHIFT
            | bit(self.aa, AA)
            | bit(self.tc, TC)
            | bit(self.rd, RD)
            | bit(self.ra, RA)
            | bit(self.z, Z)
            | bit(self.ad, AD)
            | bit(self.cd, CD)
            | self.rcode.0 & LOW_RCODE
    }
}

/// A kind of query (RFC 6895 2.2), four bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Opcode(pub u8);

impl Opcode {
    /// A standard query.
    pub const QUERY: Opcode = Opcode(0);
    /// An inverse query, obsolete (RFC 3425).
    pub const IQUERY: Opcode = Opcode(1);
    /// Server status.
    pub const STATUS: Opcode = Opcode(2);
    /// A zone has changed (RFC 1996).
    pub const NOTIFY: Opcode = Opcode(4);
    /// Dynamic update (RFC 2136).
    pub const UPDATE: Opcode = Opcode(5);
    /// Stateful operations (RFC 8490).
    pub const DSO: Opcode = Opcode(6);
}

const OPCODES: [(u16, &str); 6] =
    [(0, "QUERY"), (1, "IQUERY"), (2, "STATUS"), (4, "NOTIFY"), (5, "UPDATE"), (6, "DSO")];

/// A response code (RFC 6895 2.3), twelve bits in messages with EDNS, four in those without.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Rcode(pub u16);

impl Rcode {
    /// No error.
    pub const NOERROR: Rcode = Rcode(0);
    /// The server does not understand the message.
    pub const FORMERR: Rcode = Rcode(1);
    /// The server has failed.
    pub const SERVFAIL: Rcode = Rcode(2);
    /// The name does not exist.
    pub const NXDOMAIN: Rcode = Rcode(3);
    /// The server does not do this kind of query.
    pub const NOTIMP: Rcode = Rcode(4);
    /// The server does not want to.
    pub const REFUSED: Rcode = Rcode(5);
    /// A name exists that should not (RFC 2136 2.2).
    pub const YXDOMAIN: Rcode = Rcode(6);
    /// An RRset exists that should not (RFC 2136 2.2).
    pub const YXRRSET: Rcode = Rcode(7);
    /// An RRset that should exist does not (RFC 2136 2.2).
    pub const NXRRSET: Rcode = Rcode(8);
    /// Not authoritative for the zone (RFC 2136 2.2), or not authorised (RFC 8945 5.2).
    pub const NOTAUTH: Rcode = Rcode(9);
    /// A name is not within the zone (RFC 2136 2.2).
    pub const NOTZONE: Rcode = Rcode(10);
    /// Unknown DSO type (RFC 8490 5.1.1).
    pub const DSOTYPENI: Rcode = Rcode(11);
    /// Unknown EDNS version (RFC 6891 6.1.3).
    pub const BADVERS: Rcode = Rcode(16);
    /// TSIG signature failure (RFC 8945 5.2.2): the number of BADVERS, in TSIG records.
    pub const BADSIG: Rcode = Rcode(16);
    /// Key not recognised (RFC 8945 5.2.1).
    pub const BADKEY: Rcode = Rcode(17);
    /// Signature out of its time window (RFC 8945 5.2.3).
    pub const BADTIME: Rcode = Rcode(18);
    /// Bad TKEY mode (RFC 2930 2.6).
    pub const BADMODE: Rcode = Rcode(19);
    /// Duplicate key name (RFC 2930 2.6).
    pub const BADNAME: Rcode = Rcode(20);
    /// Algorithm not supported (RFC 2930 2.6).
    pub const BADALG: Rcode = Rcode(21);
    /// Bad truncation of the MAC (RFC 8945 5.2.4).
    pub const BADTRUNC: Rcode = Rcode(22);
    /// Bad or missing server cookie (RFC 7873 5.2.3).
    pub const BADCOOKIE: Rcode = Rcode(23);
}

/// The first mnemonic of a number is the one that is printed.
const RCODES: [(u16, &str); 21] = [
    (0, "NOERROR"),
    (1, "FORMERR"),
    (2, "SERVFAIL"),
    (3, "NXDOMAIN"),
    (4, "NOTIMP"),
    (5, "REFUSED"),
    (6, "YXDOMAIN"),
    (7, "YXRRSET"),
    (8, "NXRRSET"),
    (9, "NOTAUTH"),
    (10, "NOTZONE"),
    (11, "DSOTYPENI"),
    (16, "BADVERS"),
    (16, "BADSIG"),
    (17, "BADKEY"),
    (18, "BADTIME"),
    (19, "BADMODE"),
    (20, "BADNAME"),
    (21, "BADALG"),
    (22, "BADTRUNC"),
    (23, "BADCOOKIE"),
];

/// A text that is no mnemonic of its registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown mnemonic")]
pub struct UnknownMnemonic;

impl FromStr for Opcode {
    type Err = UnknownMnemonic;

    /// A mnemonic or `OPCODEn`, case ignored.
    fn from_str(text: &str) -> Result<Opcode, UnknownMnemonic> {
        let value = number(&OPCODES, "OPCODE", text).filter(|value| *value < 16);
        value.map(|value| Opcode(value as u8)).ok_or(UnknownMnemonic)
    }
}

impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_mnemonic(&OPCODES, "OPCODE", u16::from(self.0), f)
    }
}

impl fmt::Debug for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Rcode {
    type Err = UnknownMnemonic;

    /// A mnemonic or `RCODEn`, case ignored.
    fn from_str(text: &str) -> Result<Rcode, UnknownMnemonic> {
        number(&RCODES, "RCODE", text).map(Rcode).ok_or(UnknownMnemonic)
    }
}

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_mnemonic(&RCODES, "RCODE", self.0, f)
    }
}

impl fmt::Debug for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn number(registry: &[(u16, &str)], prefix: &str, text: &str) -> Option<u16> {
    match registry.iter().find(|(_, mnemonic)| text.eq_ignore_ascii_case(mnemonic)) {
        Some((value, _)) => Some(*value),
        None => generic_number(text.as_bytes(), prefix.as_bytes()),
    }
}

fn write_mnemonic(registry: &[(u16, &str)], prefix: &str, value: u16, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match registry.iter().find(|(number, _)| *number == value) {
        Some((_, mnemonic)) => f.write_str(mnemonic),
        None => write!(f, "{prefix}{value}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_word_survives() {
        for flags in 0..=u16::MAX {
            assert_eq!(Header::from_words(7, flags).flag_word(), flags);
        }
    }

    #[test]
    fn flags_stand_where_rfc_1035_puts_them() {
        let header = Header::from_words(1, 0x8583);
        let want =
            Header { id: 1, qr: true, aa: true, rd: true, ra: true, rcode: Rcode::NXDOMAIN, ..Header::default() };
        assert_eq!(header, want);
        assert_eq!(Header::from_words(1, 0x2800).opcode, Opcode::UPDATE);
        assert_eq!(Header { ad: true, cd: true, z: true, tc: true, ..Header::default() }.flag_word(), 0x0270);
    }

    #[test]
    fn mnemonics() {
        let check = |text: &str, want: Rcode, printed: &str| {
            assert_eq!(text.parse(), Ok(want), "{text}");
            assert_eq!(want.to_string(), printed);
        };
        check("noerror", Rcode::NOERROR, "NOERROR");
        check("BADSIG", Rcode::BADVERS, "BADVERS");
        check("BADCOOKIE", Rcode(23), "BADCOOKIE");
        check("rcode12", Rcode(12), "RCODE12");
        check("RCODE4095", Rcode(4095), "RCODE4095");
        assert_eq!("RCODE65536".parse::<Rcode>(), Err(UnknownMnemonic));
        assert_eq!("".parse::<Rcode>(), Err(UnknownMnemonic));
        assert_eq!("Update".parse(), Ok(Opcode::UPDATE));
        assert_eq!("opcode3".parse(), Ok(Opcode(3)));
        assert_eq!("OPCODE16".parse::<Opcode>(), Err(UnknownMnemonic));
        assert_eq!(Opcode(3).to_string(), "OPCODE3");
    }
}
