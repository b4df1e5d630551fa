//! Public keys in BIND's format: a file with one DNSKEY record, and comments.

use std::fmt::Write;

use dns::rdata::text;
use dns::scan::{ScanError, Scanner, Token};
use dns::{Class, Name, NameBuf, RType};

use super::{KeyFileError, check_len};
use crate::key::{SEP, key_tag};
use crate::sign::SigningKey;

/// What a public key file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKeyFile {
    /// The zone.
    pub owner: NameBuf,
    /// The flags of the DNSKEY record.
    pub flags: u16,
    /// The data of the DNSKEY record.
    pub rdata: Vec<u8>,
}

impl PublicKeyFile {
    /// Whether `key`, read with the flags of this file, is the private key of this record.
    ///
    /// # Errors
    /// [`KeyFileError::OtherKey`] if it is not.
    pub fn check(&self, key: &SigningKey) -> Result<(), KeyFileError> {
        if self.rdata == key.dnskey_rdata() {
            return Ok(());
        }
        Err(KeyFileError::OtherKey { public: key_tag(&self.rdata), private: key.key_tag() })
    }
}

/// Reads a public key: one DNSKEY record, with or without TTL and class, in the form of zone files (RFC 1035 5.1).
/// Names are taken as absolute, as some programs leave the dot at the end away.
///
/// # Errors
/// [`KeyFileError::TooLong`]; [`KeyFileError::Line`] if something else stands there.
pub fn parse_public(source: &str) -> Result<PublicKeyFile, KeyFileError> {
    check_len(source)?;
    let mut scanner = Scanner::new(source.as_bytes());
    let mut found = None;
    while !scanner.at_end() {
        let (line, blank) = (scanner.line() as usize, scanner.starts_with_blank());
        let wrong = |expected| KeyFileError::Line { line, expected };
        let token = scanner.token().map_err(|_| wrong(RECORD))?;
        if let Some(owner) = token {
            if found.is_some() {
                return Err(wrong("nothing after the DNSKEY record"));
            }
            if blank {
                return Err(wrong("the name of the zone at the start of the line"));
            }
            found = Some(record(owner, &mut scanner, line)?);
        }
        scanner.next_entry();
    }
    let line = scanner.line() as usize;
    found.ok_or(KeyFileError::Line { line, expected: RECORD })
}

/// What stands in the file.
const RECORD: &str = "a record such as \"example.org. IN DNSKEY 257 3 13 ...\"";

/// The record whose owner has been read.
fn record(owner: Token<'_>, scanner: &mut Scanner<'_>, line: usize) -> Result<PublicKeyFile, KeyFileError> {
    let wrong = |expected| KeyFileError::Line { line, expected };
    let mut name = Vec::new();
    owner.name(Name::root(), &mut name).map_err(|_| wrong("the name of the zone"))?;
    let owner = NameBuf::from_wire(name).map_err(|_| wrong("the name of the zone"))?;
    find_type(scanner).ok().flatten().ok_or(wrong(RECORD))?;
    let mut rdata = Vec::new();
    let expected = "DNSKEY data: flags, protocol, algorithm and the key in base64";
    text::scan(RType::DNSKEY, scanner, Name::root(), &mut rdata).map_err(|_| wrong(expected))?;
    let flags = rdata.first_chunk().map(|flags| u16::from_be_bytes(*flags)).ok_or(wrong(expected))?;
    Ok(PublicKeyFile { owner, flags, rdata })
}

/// Reads TTL and class, which may be left out and come in either order, and the type. `None` if there is anything else.
fn find_type(scanner: &mut Scanner<'_>) -> Result<Option<()>, ScanError> {
    let (mut ttl, mut class) = (false, false);
    while let Some(token) = scanner.token()? {
        if token.raw.eq_ignore_ascii_case(b"DNSKEY") {
            return Ok(Some(()));
        }
        let known = match Class::from_text(token.raw) {
            Some(is) => !std::mem::replace(&mut class, true) && is == Class::IN,
            None => !std::mem::replace(&mut ttl, true) && text::duration_s(token.raw).is_ok(),
        };
        if !known {
            return Ok(None);
        }
    }
    Ok(None)
}

/// The public file of a key of the zone `owner`. The TTL of its record is `ttl` seconds.
pub fn to_public_text(owner: &Name, ttl: u32, key: &SigningKey) -> String {
    let kind = if key.flags() & SEP == 0 { "zone-signing" } else { "key-signing" };
    let mut out = format!("; This is a {kind} key, keyid {}, for {owner}\n{owner} {ttl} IN DNSKEY ", key.key_tag());
    // Nothing can fail: a string takes everything.
    let _ = text::write(RType::DNSKEY, key.dnskey_rdata(), &mut out);
    out.push('\n');
    out
}

/// What the names of both files of the key with this DNSKEY data begin with: `Kexample.org.+013+12345`, in lower case. Octets other than
/// letters, digits, `-` and `_`, and dots in a label, become `%` and two hexadecimal digits: that is where BIND looks
/// for the key, and no name leads to another directory.
pub fn file_stem(owner: &Name, dnskey: &[u8]) -> String {
    let mut out = String::from("K");
    for label in owner.labels() {
        for octet in label.iter().map(u8::to_ascii_lowercase) {
            if octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_') {
                out.push(char::from(octet));
            } else {
                let _ = write!(out, "%{octet:02X}");
            }
        }
        out.push('.');
    }
    if owner.is_root() {
        out.push('.');
    }
    let _ = write!(out, "+{:03}+{:05}", dnskey.get(3).copied().unwrap_or_default(), key_tag(dnskey));
    out
}
