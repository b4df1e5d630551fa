//! The server's side: requests are verified, answers signed or refused (RFC 8945 5.2, 5.3).

use std::sync::Arc;

use dns::name::MAX_NAME_LEN;
use dns::{Name, NameBuf, Rcode};

use super::FUDGE;
use super::algorithm::Algorithm;
use super::key::{Digest, Key, KeyRing};
use super::record::{self, Record};

/// Octets below which a truncated MAC is refused with BADTRUNC (RFC 8945 5.2.4): 128 bits, the least of any
/// truncation that has a name (RFC 8945 6).
const SHORTEST_MAC: usize = 16;

/// A request that was signed with a key of ours.
#[derive(Debug)]
pub struct Verified {
    /// The request without its TSIG record; its ID is the one on the wire.
    pub message: Vec<u8>,
    /// The key it was signed with.
    pub key: Arc<Key>,
    /// Signs the answer.
    pub signer: Signer,
}

/// Why a request is not answered as it wants.
#[derive(Debug)]
pub enum Failure {
    /// The TSIG record is none: FORMERR, without TSIG (RFC 8945 5.2).
    Malformed,
    /// The record is well-formed, but not accepted.
    Refused(Refusal),
}

/// Verifies a request whose TSIG record starts at `tsig_at`, in the order of RFC 8945 5.2: key, MAC, time,
/// truncation. `now` is in seconds since 1970.
///
/// # Errors
/// A record that is malformed or not the last one, a key that is not in `keys` or is used with another algorithm, a
/// MAC that is wrong or truncated too far, a time that is further from `now` than the record's fudge.
pub fn verify_request(message: &[u8], tsig_at: usize, keys: &KeyRing, now: u64) -> Result<Verified, Failure> {
    let (owner, record) = Record::read(message, tsig_at).ok_or(Failure::Malformed)?;
    let stripped = record::strip(message, tsig_at).ok_or(Failure::Malformed)?;
    let key = keys.get(&owner).filter(|key| key.algorithm().name() == record.algorithm);
    let Some(key) = key else {
        return Err(Refusal::failure(&owner, &record, Rcode::BADKEY, None));
    };
    // RFC 8945 5.2.2.1: a length that no truncation gives is a matter of form.
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

/// Takes `message` into `digest` as if it had the ID `id` (RFC 8945 4.3.2).
pub(super) fn with_id(digest: Digest, message: &[u8], id: u16) -> Digest {
    digest.message(&id.to_be_bytes()).message(message.get(2..).unwrap_or_default())
}

/// Signs the messages that answer one request.
#[derive(Debug)]
pub struct Signer {
    key: Arc<Key>,
    /// MAC of the request, later of the message before.
    prior: Vec<u8>,
    started: bool,
}

impl Signer {
    /// Octets that [`Signer::sign`] adds at most.
    pub const MAX_LEN: usize = record::max_len(MAX_NAME_LEN, Algorithm::MAX_NAME_AND_MAC_LEN);

    /// Signs the next message of the answer by appending its TSIG record. `response` is a whole message, its header
    /// final.
    pub fn sign(&mut self, response: &mut Vec<u8>, now: u64) {
        let record = unsigned(&self.key, response, now);
        let digest = self.key.digest().prior(&self.prior).message(response);
        // RFC 8945 5.3.1: behind the first message only the times are covered.
        let digest = if self.started { digest.timers(&record) } else { digest.variables(&self.key, &record) };
        let mac = digest.finish();
        Record { mac: mac.as_octets(), ..record }.append(self.key.name(), response);
        self.prior.clear();
        self.prior.extend_from_slice(mac.as_octets());
        self.started = true;
    }
}

/// The record for `message`, its MAC still to be made.
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

/// A request that was not accepted, and what its sender is told.
#[derive(Debug)]
pub struct Refusal {
    error: Rcode,
    owner: NameBuf,
    algorithm: NameBuf,
    time: u64,
    fudge: u16,
    /// The key, and the request's MAC, if that was right.
    signed_with: Option<(Arc<Key>, Vec<u8>)>,
}

impl Refusal {
    /// A request refused with `error`; `key`: the one that its MAC was right with.
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

    /// The name of the key that the request names; nothing says that its sender has it.
    pub fn key_name(&self) -> &Name {
        &self.owner
    }

    /// Appends the TSIG record to `response`, a whole message with [`Refusal::rcode`] in its header: unsigned for
    /// BADKEY and BADSIG (RFC 8945 5.3.2), signed for BADTIME, which tells the server's time (RFC 8945 5.2.3), and
    /// for BADTRUNC. At most [`Signer::MAX_LEN`] octets for the signed ones, of which the algorithm is known, and
    /// some 540 for the others.
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
            // The client's own time, so that the client can verify this.
            true => record,
            false => Record { time: record::time_of(now), fudge: FUDGE, ..record },
        };
        let mac = key.digest().prior(&prior).message(response).variables(&key, &record).finish();
        Record { mac: mac.as_octets(), ..record }.append(&self.owner, response);
    }
}
