//! Messages that leave the hot path: signed ones (RFC 8945), and those that the control plane answers.

use std::sync::Arc;

use dns::name::MAX_NAME_LEN;
use dns::query::Unanswerable;
use dns::{Class, RType};
use dnssec::tsig::{Failure, Key, Refusal as Unverified, Signer, Verified, verify_request};
use zone::policy::AccessList;

use super::asked::{Asked, Scratch};
use super::packet::{Disposition, Response};
use super::verdict::Reply;
use crate::answered::{Refusal, Source};
use crate::control::Kind;
use crate::control::plane::Submission;
use crate::delivery::outgoing::Envelope;
use crate::limits::MAX_MESSAGE_SIZE;

/// TSIG errors (RFC 8945 3); what is counted as a bad signature is all others.
const BADKEY: u16 = 17;
const BADTIME: u16 = 18;

impl Asked<'_> {
    /// Stage: verifies a signature if there is one. Then the message goes to the control plane, or is answered and the
    /// response signed.
    #[cold]
    pub(super) fn authenticate(&self, buf: &mut [u8], len: usize, scratch: &mut Scratch) -> Disposition {
        let kind = self.kind();
        let message = buf.get(..len).unwrap_or_default();
        let verified = match self.slot.query.tsig {
            Some(at) => verify_request(message, usize::from(at), &self.settings.keys, self.now),
            None if let Some(kind) = kind => return self.submit(kind, message.to_vec(), None),
            None => return self.respond(buf, self.limit(), scratch),
        };
        match verified {
            Ok(verified) => {
                self.stats.tsig_verified.add(1);
                let Verified { message: stripped, key, signer } = verified;
                match kind {
                    Some(Kind::Forward) => self.submit(Kind::Forward, message.to_vec(), Some((key, signer))),
                    Some(kind) => self.submit(kind, stripped, Some((key, signer))),
                    None => self.respond_signed(buf, &key, signer, scratch),
                }
            }
            // The primary may have the key that is missing here.
            Err(Failure::Refused(unverified)) if unverified.error() == BADKEY && self.forwards_unverified(kind) => {
                self.submit(Kind::Forward, message.to_vec(), None)
            }
            Err(Failure::Malformed) => Disposition::Respond(self.respond_empty(buf, len, 1, Reply::malformed())),
            Err(Failure::Refused(unverified)) => Disposition::Respond(self.refuse(buf, len, unverified)),
        }
    }

    /// What the control plane is asked for; `None` if the answer comes from here.
    fn kind(&self) -> Option<Kind> {
        let query = &self.slot.query;
        let known_version = query.edns.is_none_or(|edns| edns.version == 0);
        match self.slot.unanswerable {
            _ if !self.controlled || !known_version => None,
            Some(Unanswerable::Update) if self.forwarding().is_some() => Some(Kind::Forward),
            Some(Unanswerable::Update) => Some(Kind::Update),
            Some(Unanswerable::Notify) => Some(Kind::Notify),
            // RFC 5936 2.2.1: the answer to what is no apex of ours is NOTAUTH.
            None if matches!(query.qtype, RType::AXFR | RType::IXFR) && query.qclass == Class::IN => {
                self.zone.is_some_and(|zone| *zone.name == *self.slot.name.name()).then_some(Kind::Transfer)
            }
            _ => None,
        }
    }

    /// Who may have updates of the zone in the question forwarded, if it is a zone of ours that forwards any.
    fn forwarding(&self) -> Option<&AccessList> {
        let zone = self.zones.get(self.slot.name.name()).filter(|_| self.slot.query.qclass == Class::IN)?;
        zone.policy.as_ref().map(|policy| &policy.allow_update_forwarding).filter(|list| !list.is_empty())
    }

    /// Whether a message whose key is not known here is forwarded: its network alone has to allow it.
    fn forwards_unverified(&self, kind: Option<Kind>) -> bool {
        kind == Some(Kind::Forward) && self.forwarding().is_some_and(|list| list.allows(self.client, None))
    }

    /// A message for the control plane.
    fn submit(&self, kind: Kind, message: Vec<u8>, signed: Option<(Arc<Key>, Signer)>) -> Disposition {
        let query = &self.slot.query;
        let (key, signer) = signed.unzip();
        let limit = self.limit().saturating_sub(key.as_deref().map_or(0, signature_room));
        let key = key.map(|key| key.name().to_owned());
        let head = message.get(..usize::from(query.question_end)).unwrap_or_default().to_vec();
        let edns = query.edns.map(|_| self.settings.udp_size);
        let envelope = Envelope { head, edns, signer, limit };
        Disposition::Control(Box::new(Submission { kind, message, key, envelope }))
    }

    /// The answer to a query whose signature is good, signed here or by the resolver thread that gives it.
    fn respond_signed(&self, buf: &mut [u8], key: &Key, mut signer: Signer, scratch: &mut Scratch) -> Disposition {
        match self.respond(buf, self.limit().saturating_sub(signature_room(key)), scratch) {
            // RFC 8945 5.3: a signature is not left out for want of room.
            Disposition::Respond(response) => {
                let sign = |message: &mut Vec<u8>| signer.sign(message, self.now);
                Disposition::Respond(complete(buf, response, usize::MAX, sign))
            }
            Disposition::Resolve(unresolved) => Disposition::Resolve(unresolved.signed(signer)),
            other => other,
        }
    }

    /// RFC 8945 5.2: what cannot be verified gets NOTAUTH and a TSIG record that says why.
    fn refuse(&self, buf: &mut [u8], len: usize, unverified: Unverified) -> Response {
        let refusal = match unverified.error() {
            BADKEY => Refusal::Key,
            BADTIME => Refusal::Time,
            _ => Refusal::Signature,
        };
        let reply = Reply::new(unverified.rcode(), Source::Refused(refusal));
        let response = self.respond_empty(buf, len, 1, reply);
        complete(buf, response, self.limit(), |message| unverified.finish(message, self.now))
    }
}

/// Octets of a signature with `key`, at most.
fn signature_room(key: &Key) -> usize {
    Signer::MAX_LEN - MAX_NAME_LEN + key.name().as_wire().len()
}

/// Has `sign` append a record to the response in `buf`, unless it takes more than `limit` octets then.
fn complete(buf: &mut [u8], response: Response, limit: usize, sign: impl FnOnce(&mut Vec<u8>)) -> Response {
    let mut message = buf.get(..usize::from(response.len)).unwrap_or_default().to_vec();
    sign(&mut message);
    let Some(room) = buf.get_mut(..message.len()).filter(|room| room.len() <= limit.min(MAX_MESSAGE_SIZE)) else {
        return response;
    };
    room.copy_from_slice(&message);
    Response { len: message.len() as u16, ..response }
}
