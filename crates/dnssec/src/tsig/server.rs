//! The server's side: verifies requests, signs answers and refusals (RFC 8945 5.2, 5.3).

use std::sync::Arc;

use dns::name::MAX_NAME_LEN;
use dns::{Name, NameBuf, Rcode};

use super::FUDGE;
use super::algorithm::Algorithm;
use super::key::{Digest, Key, KeyRing};
use super::record::{self, Record};

/// Requests with a shorter MAC, in bytes, get BADTRUNC (RFC 8945 5.2.4): 128 bits, the shortest truncation that has a
/// name (RFC 8945 6).
const SHORTEST_MAC: usize = 16;

/// A request with a valid signature.
#[derive(Debug)]
pub struct Verified {
    /// The request without its TSIG record. It keeps the ID that it arrived with.
    pub message: Vec<u8>,
    /// The key that signed it.
    pub key: Arc<Key>,
    /// Signs the answer.
    pub signer: Signer,
}

/// Why a signature is not accepted.
#[derive(Debug)]
pub enum Failure {
    /// The TSIG record is malformed: answer FORMERR without TSIG (RFC 8945 5.2).
    Malformed,
    /// The record is well-formed, but the signature is not accepted.
    Refused(Refusal),
}

/// Verifies a request whose TSIG record starts at `tsig_at`, in the order of RFC 8945 5.2: key, MAC, time,
/// truncation. `now` is in seconds since 1970.
///
/// # Errors
/// [`Failure::Malformed`] if the record is malformed or not the last one. [`Failure::Refused`] if the key is not in
/// `keys` or has another algorithm, if the MAC is wrong or too short, or if the time differs from `now` by more than
/// the record's fudge.
pub fn verify_request(message: &[u8], tsig_at: usize, keys: &KeyRing, now: u64) -> Result<Verified, Failure> {
    let (owner, record) = Record::read(message, tsig_at).ok_or(Failure::Malformed)?;
    let stripped = record::strip(message, tsig_at).ok_or(Failure::Malformed)?;
    let key = keys.get(&owner).filter(|key| key.algorithm().name() == record.algorithm);
    let Some(key) = key else {
        return Err(Refusal::failure(&owner, &record, Rcode::BADKEY, None));
    };
    // RFC 8945 5.2.2.1: a length that no truncation may have is a format error.
    if !key.algorithm().may_be_truncated_to(record.mac.len()) {
        return Err(Failure::Malformed);
    }
    let mac = with_id(key.digest(), &stripped, record.original_id).variables(key, &record).finish();
    if !mac.is(record.mac) {
        return Err(Refusal::failure(&owner, &record, Rcode::BADSIG, None));
    }
    let refused = |error| Err(Refusal::failure(&owner, &record, error, Some(key.clone())));
    if !record.is_in_time(now) {
        return refused(Rcode::BADTIME);
    }
    if record.mac.len() < SHORTEST_MAC {
        return refused(Rcode::BADTRUNC);
    }
    let signer = Signer { key: key.clone(), prior: record.mac.to_vec(), started: false };
    Ok(Verified { message: stripped, key: key.clone(), signer })
}

/// Adds `message` to `digest` as if it had the ID `id` (RFC 8945 4.3.2).
pub(super) fn with_id(digest: Digest, message: &[u8], id: u16) -> Digest {
    digest.message(&id.to_be_bytes()).message(message.get(2..).unwrap_or_default())
}

/// Signs the messages that answer one request.
#[derive(Debug)]
pub struct Signer {
    key: Arc<Key>,
    /// The MAC of the request, later that of the previous message.
    prior: Vec<u8>,
    started: bool,
}

impl Signer {
    /// Most bytes that [`Signer::sign`] adds.
    pub const MAX_LEN: usize = record::max_len(MAX_NAME_LEN, Algorithm::MAX_NAME_AND_MAC_LEN);

    /// Signs the next message of the answer by appending a TSIG record. `response` is a whole message with its final
    /// header.
    pub fn sign(&mut self, response: &mut Vec<u8>, now: u64) {
        let record = unsigned(&self.key, response, now);
        let digest = self.key.digest().prior(&self.prior).message(response);
        // RFC 8945 5.3.1: after the first message, only the times are covered.
        let digest = if self.started { digest.timers(&record) } else { digest.variables(&self.key, &record) };
        let mac = digest.finish();
        Record { mac: mac.as_octets(), ..record }.append(self.key.name(), response);
        self.prior.clear();
        self.prior.extend_from_slice(mac.as_octets());
        self.started = true;
    }
}

/// The record for `message`, without a MAC.
pub(super) fn unsigned(key: &Key, message: &[u8], now: u64) -> Record<'static> {
    Record {
        algorithm: key.algorithm().name(),
        time: record::time_of(now),
        fudge: FUDGE,
        mac: &[],
        original_id: record::id_of(message),
        error: 0,
        other: &[],
    }
}

/// A request that is not accepted, and what its sender is told.
#[derive(Debug)]
pub struct Refusal {
    error: Rcode,
    owner: NameBuf,
    algorithm: NameBuf,
    time: u64,
    fudge: u16,
    /// The key and the request's MAC, if the MAC was right.
    signed_with: Option<(Arc<Key>, Vec<u8>)>,
}

impl Refusal {
    /// A request refused with `error`. `key` is the key that made its MAC, if the MAC is right.
    fn failure(owner: &Name, record: &Record<'_>, error: Rcode, key: Option<Arc<Key>>) -> Failure {
        Failure::Refused(Refusal {
            error,
            owner: owner.to_owned(),
            algorithm: record.algorithm.to_owned(),
            time: record.time,
            fudge: record.fudge,
            signed_with: key.map(|key| (key, record.mac.to_vec())),
        })
    }

    /// The response code: NOTAUTH (RFC 8945 5.2).
    pub fn rcode(&self) -> Rcode {
        Rcode::NOTAUTH
    }

    /// The error in the TSIG record: BADSIG 16, BADKEY 17, BADTIME 18 or BADTRUNC 22 (RFC 8945 3).
    pub fn error(&self) -> u16 {
        self.error.0
    }

    /// The name of the key in the request. The sender need not have the key.
    pub fn key_name(&self) -> &Name {
        &self.owner
    }

    /// Appends the TSIG record to `response`, a whole message with [`Refusal::rcode`] in its header. The record is
    /// unsigned for BADKEY and BADSIG (RFC 8945 5.3.2), and signed for BADTRUNC and for BADTIME, which also tells the
    /// server's time (RFC 8945 5.2.3). It adds at most [`Signer::MAX_LEN`] bytes if it is signed, and about 540
    /// otherwise.
    pub fn finish(self, response: &mut Vec<u8>, now: u64) {
        let server_time = record::time_of(now).to_be_bytes();
        let is_time = self.error == Rcode::BADTIME;
        let record = Record {
            algorithm: &self.algorithm,
            time: self.time,
            fudge: self.fudge,
            mac: &[],
            original_id: record::id_of(response),
            error: self.error.0,
            other: if is_time { &server_time[2..] } else { &[] },
        };
        let Some((key, prior)) = self.signed_with else {
            return record.append(&self.owner, response);
        };
        let record = match is_time {
            // The client's own time, so that the client can verify the response.
            true => record,
            false => Record { time: record::time_of(now), fudge: FUDGE, ..record },
        };
        let mac = key.digest().prior(&prior).message(response).variables(&key, &record).finish();
        Record { mac: mac.as_octets(), ..record }.append(&self.owner, response);
    }
}
