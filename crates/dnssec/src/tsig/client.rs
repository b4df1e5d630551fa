//! The client's side: signs requests and checks answers (RFC 8945 5.3, 5.4).

use std::fmt;
use std::sync::Arc;

use dns::header::HEADER_LEN;
use dns::query::skip_name;
use dns::{RType, Rcode};

use super::key::{Digest, Key};
use super::record::{self, Record};
use super::server::{unsigned, with_id};

/// Most unsigned messages in a row of an answer (RFC 8945 5.3.1).
pub const MAX_UNSIGNED: usize = 99;

/// Why an answer must not be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TsigError {
    /// The message or its TSIG record is malformed, or the record is not the last one.
    #[error("malformed message or TSIG record")]
    Malformed,
    /// The first or the last message, or one of a hundred in a row, is not signed.
    #[error("the answer is not signed")]
    Unsigned,
    /// It is signed with another key or algorithm.
    #[error("the answer is signed with another key")]
    OtherKey,
    /// The MAC is wrong.
    #[error("the answer's signature is wrong")]
    BadSignature,
    /// It was signed too long ago or too far in the future: our clock less theirs, in seconds.
    #[error("the answer's time is off by {0} s")]
    BadTime(i64),
    /// The server did not accept the request, with this TSIG error. BADSIG and BADKEY are not signed: anybody can forge
    /// them.
    #[error("the server refuses the signature: {}", refusal_text(*.0))]
    Refused(u16),
    /// The server says that the clocks differ: ours less theirs, in seconds (RFC 8945 5.2.3).
    #[error("the server refuses the signature: its clock and ours differ by {0} s")]
    RefusedTime(i64),
}

/// The mnemonic of a TSIG error. 16 is BADSIG here, not BADVERS.
fn refusal_text(error: u16) -> String {
    if error == Rcode::BADSIG.0 { "BADSIG".into() } else { Rcode(error).to_string() }
}

/// Signs a request, a whole message, by appending a TSIG record of at most
/// [`Signer::MAX_LEN`](super::Signer::MAX_LEN) bytes. `now` is in seconds since 1970. Use the result to check the
/// answer. The module's documentation has an example.
pub fn sign_request(key: &Arc<Key>, message: &mut Vec<u8>, now: u64) -> Expected {
    let record = unsigned(key, message, now);
    let mac = key.digest().message(message).variables(key, &record).finish();
    Record { mac: mac.as_octets(), ..record }.append(key.name(), message);
    Expected { digest: key.digest().prior(mac.as_octets()), key: key.clone(), started: false, unsigned: 0 }
}

/// Checks the answer to a signed request: one message or several, in the order in which they arrive.
pub struct Expected {
    key: Arc<Key>,
    /// Covers the MAC of the last signed message and all messages after it.
    digest: Digest,
    /// Whether a message has been accepted.
    started: bool,
    /// Messages since the last signed one.
    unsigned: usize,
}

impl Expected {
    /// Checks the next message of the answer and returns it without its TSIG record. The caller checks the ID. Up to
    /// [`MAX_UNSIGNED`] unsigned messages may stand between signed ones: do not trust them until a signed one follows.
    ///
    /// # Errors
    /// [`TsigError`]; over a stream, the answer is then worthless. Over UDP a message that fails may be forged, and the
    /// right one may still arrive (RFC 8945 5.4): a failed message changes nothing here.
    pub fn check(&mut self, message: &[u8], now: u64) -> Result<Vec<u8>, TsigError> {
        let Some(at) = find_tsig(message)? else {
            if !self.started || self.unsigned == MAX_UNSIGNED {
                return Err(TsigError::Unsigned);
            }
            self.unsigned += 1;
            self.digest = self.digest.clone().message(message);
            return Ok(message.to_vec());
        };
        let (owner, record) = Record::read(message, at).ok_or(TsigError::Malformed)?;
        let stripped = record::strip(message, at).ok_or(TsigError::Malformed)?;
        if *owner != *self.key.name() || *record.algorithm != *self.key.algorithm().name() {
            return Err(TsigError::OtherKey);
        }
        if record.mac.is_empty() && [Rcode::BADSIG.0, Rcode::BADKEY.0].contains(&record.error) {
            return Err(TsigError::Refused(record.error));
        }
        if !self.key.algorithm().may_be_truncated_to(record.mac.len()) {
            return Err(TsigError::Malformed);
        }
        let digest = with_id(self.digest.clone(), &stripped, record.original_id);
        let digest = if self.started { digest.timers(&record) } else { digest.variables(&self.key, &record) };
        if !digest.finish().is(record.mac) {
            return Err(TsigError::BadSignature);
        }
        accept(&record, now)?;
        self.digest = self.key.digest().prior(record.mac);
        self.started = true;
        self.unsigned = 0;
        Ok(stripped)
    }

    /// Ends the answer.
    ///
    /// # Errors
    /// [`TsigError::Unsigned`] if its last message was not signed, or if there was none (RFC 8945 5.3.1).
    pub fn finish(self) -> Result<(), TsigError> {
        if self.started && self.unsigned == 0 { Ok(()) } else { Err(TsigError::Unsigned) }
    }
}

impl fmt::Debug for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expected({:?}, started: {}, unsigned: {})", self.key, self.started, self.unsigned)
    }
}

/// Checks what a record with the right MAC says.
fn accept(record: &Record<'_>, now: u64) -> Result<(), TsigError> {
    let off = |time: u64| now.wrapping_sub(time) as i64;
    if record.error == Rcode::BADTIME.0 {
        let theirs = record.other.iter().fold(0u64, |time, &octet| time << 8 | u64::from(octet));
        return Err(if record.other.len() == 6 { TsigError::RefusedTime(off(theirs)) } else { TsigError::Malformed });
    }
    if !record.is_in_time(now) {
        return Err(TsigError::BadTime(off(record.time)));
    }
    if record.error == 0 { Ok(()) } else { Err(TsigError::Refused(record.error)) }
}

/// Where the TSIG record of a message starts, if it has one. Each question takes at least five bytes and each record
/// eleven, so the length of the message bounds the loops.
fn find_tsig(message: &[u8]) -> Result<Option<usize>, TsigError> {
    let walk = || {
        let header = message.first_chunk::<HEADER_LEN>()?;
        let count = |at: usize| u32::from(u16::from_be_bytes([header[at], header[at + 1]]));
        let (before, records) = (count(6) + count(8), count(6) + count(8) + count(10));
        let mut at = HEADER_LEN;
        for _ in 0..count(4) {
            at = skip_name(message, at)? + 4;
        }
        let mut found = None;
        for index in 0..records {
            if found.is_some() {
                return None; // RFC 8945 5.1: it must be the last record.
            }
            let start = at;
            let fixed_at = skip_name(message, at)?;
            let fixed = message.get(fixed_at..)?.first_chunk::<10>()?;
            if RType(u16::from_be_bytes([fixed[0], fixed[1]])) == RType::TSIG {
                found = Some(start).filter(|_| index >= before);
                found?;
            }
            at = fixed_at + 10 + usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
        }
        (at == message.len()).then_some(found)
    };
    walk().ok_or(TsigError::Malformed)
}
