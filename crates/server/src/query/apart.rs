//! Messages that leave the hot path: signed ones (RFC 8945), and those that the control plane answers.

use std::sync::Arc;

use dns::header::Rcode;
use dns::query::Unanswerable;
use dns::{Class, RType};
use dnssec::tsig::{Failure, Key, Refusal, Signer, Verified, verify_request};

use super::{Asked, Scratch};
use crate::control::Kind;
use crate::handover::{Envelope, Handover, signature_room};

/// TSIG errors (RFC 8945 3); what is counted as a bad signature is all others.
const BADKEY: u16 = 17;
const BADTIME: u16 = 18;

impl Asked<'_> {
    /// Verifies a signature if there is one; then hands the message over, or answers it and signs the response.
    #[cold]
    pub(super) fn apart(&self, buf: &mut [u8], len: usize, scratch: &mut Scratch) -> usize {
        let limit = self.limit();
        let kind = self.kind();
        let message = buf.get(..len).unwrap_or_default();
        let verified = match self.slot.query.tsig {
            Some(at) => verify_request(message, usize::from(at), &self.settings.keys, self.now),
            None if let Some(kind) = kind => return self.set_aside(kind, message.to_vec(), None, scratch),
            None => return self.respond(buf, limit, scratch),
        };
        match verified {
            Ok(verified) => {
                self.stats.tsig_verified.add(1);
                let Verified { message, key, mut signer } = verified;
                if let Some(kind) = kind {
                    return self.set_aside(kind, message, Some((key, signer)), scratch);
                }
                let left = scratch.resolving.len();
                let len = self.respond(buf, limit.saturating_sub(signature_room(&key)), scratch);
                if let Some(resolving) = scratch.resolving.get_mut(left) {
                    resolving.client.signer = Some(signer);
                    return 0;
                }
                // RFC 8945 5.3: a signature is not left out for want of room.
                self.complete(buf, len, usize::MAX, |response| signer.sign(response, self.now))
            }
            Err(Failure::Malformed) => {
                self.stats.malformed.add(1);
                self.respond_empty(buf, len, 1, Rcode::FORMERR)
            }
            Err(Failure::Refused(refusal)) => self.refuse(buf, len, refusal),
        }
    }

    /// What the control plane is asked for; `None` if the answer comes from here.
    fn kind(&self) -> Option<Kind> {
        let query = &self.slot.query;
        let known_version = query.edns.is_none_or(|edns| edns.version == 0);
        match self.slot.unanswerable {
            _ if !self.controlled || !known_version => None,
            Some(Unanswerable::Update) => Some(Kind::Update),
            Some(Unanswerable::Notify) => Some(Kind::Notify),
            // RFC 5936 2.2.1: the answer to what is no apex of ours is NOTAUTH.
            None if matches!(query.qtype, RType::AXFR | RType::IXFR) && query.qclass == Class::IN => {
                self.zone.is_some_and(|zone| *zone.name == *self.slot.name.name()).then_some(Kind::Transfer)
            }
            _ => None,
        }
    }

    /// Leaves a message for the control plane.
    fn set_aside(
        &self,
        kind: Kind,
        message: Vec<u8>,
        signed: Option<(Arc<Key>, Signer)>,
        scratch: &mut Scratch,
    ) -> usize {
        let query = &self.slot.query;
        let (key, signer) = signed.unzip();
        let limit = self.limit().saturating_sub(key.as_deref().map_or(0, signature_room));
        let key = key.map(|key| key.name().to_owned());
        let head = message.get(..usize::from(query.question_end)).unwrap_or_default().to_vec();
        let edns = query.edns.map(|_| self.settings.udp_size);
        let envelope = Envelope { head, edns, signer, limit };
        scratch.handed.push(Handover { index: self.index, kind, message, key, envelope });
        0
    }

    /// RFC 8945 5.2: what cannot be verified gets NOTAUTH and a TSIG record that says why.
    fn refuse(&self, buf: &mut [u8], len: usize, refusal: Refusal) -> usize {
        match refusal.error() {
            BADKEY => self.stats.tsig_badkey.add(1),
            BADTIME => self.stats.tsig_badtime.add(1),
            _ => self.stats.tsig_badsig.add(1),
        }
        let len = self.respond_empty(buf, len, 1, refusal.rcode());
        self.complete(buf, len, self.limit(), |response| refusal.finish(response, self.now))
    }

    /// Has `sign` append a record to the response in `buf`, unless it takes more than `limit` octets then; returns
    /// its length.
    fn complete(&self, buf: &mut [u8], len: usize, limit: usize, sign: impl FnOnce(&mut Vec<u8>)) -> usize {
        let mut response = buf.get(..len).unwrap_or_default().to_vec();
        sign(&mut response);
        let Some(room) = buf.get_mut(..response.len()).filter(|room| room.len() <= limit) else { return len };
        room.copy_from_slice(&response);
        self.stats.response_bytes.add((response.len() - len) as u64);
        response.len()
    }
}
