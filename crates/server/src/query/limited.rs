//! Stages around the answer for clients that are limited: whether a query is answered at all, and whether its response
//! leaves.

use dns::header::Rcode;
use dns::query::EdnsQuery;
use dns::response::Writer;
use policy::limits::outcome::Handling;

use super::asked::{Asked, Scratch};
use super::packet::{Disposition, Response};
use super::verdict::Reply;
use crate::answered::{Refusal, Source};
use crate::edns::ResponseEdns;
use crate::limits::PLAIN_UDP_SIZE;
use crate::policy::limits::{Asker, Limits};

/// Labels of the names that responses about no zone of ours are counted by.
const REGISTRABLE_LABELS: usize = 2;

impl Asked<'_> {
    /// Takes a packet its way if limits let it, and its response.
    pub(super) fn take_limited(
        &self,
        limits: &Limits,
        buf: &mut [u8],
        len: usize,
        scratch: &mut Scratch,
    ) -> Disposition {
        if limits.denies(self.client, self.now * 1000) {
            self.stats.networks_denied.add(1);
            return Disposition::Drop;
        }
        let (client, transport) = (self.client, self.transport);
        let verified = transport.is_stream() || self.has_cookie(buf.get(..len).unwrap_or_default());
        let asker = Asker { client, transport, verified, now_us: self.begin_us };
        let limited = limits.query(asker, self.stats);
        if limited != Handling::Pass {
            return self.held_back(limited, Refusal::Rate, buf);
        }
        match self.take_admitted(buf, len, scratch) {
            Disposition::Respond(response) if !transport.is_stream() => {
                self.response_limited(limits, asker, response, buf)
            }
            disposition => disposition,
        }
    }

    /// Whether the query has a cookie of ours.
    fn has_cookie(&self, octets: &[u8]) -> bool {
        let Some((at, len)) = self.slot.query.edns.and_then(|edns| edns.cookie) else { return false };
        let cookie = octets.get(usize::from(at)..usize::from(at) + usize::from(len)).unwrap_or_default();
        let secrets = self.settings.cookies.as_ref();
        secrets.is_some_and(|secrets| secrets.verify(cookie, self.client, self.now as u32))
    }

    fn response_limited(&self, limits: &Limits, asker: Asker, response: Response, buf: &mut [u8]) -> Disposition {
        let name = &self.slot.name;
        let labels = self.zone.map_or(REGISTRABLE_LABELS.min(name.labels()), |zone| zone.name.label_count());
        let names = (name.hash(name.labels()), name.hash(labels), self.slot.query.qtype);
        let message = buf.get(..usize::from(response.len)).unwrap_or_default();
        match limits.response(asker, message, response.rcode, names, self.stats) {
            Handling::Pass => Disposition::Respond(response),
            handling => self.held_back(handling, Refusal::ResponseRate, buf),
        }
    }

    /// What a client gets instead of an answer.
    #[cold]
    fn held_back(&self, handling: Handling, refusal: Refusal, buf: &mut [u8]) -> Disposition {
        let (rcode, truncated) = match handling {
            Handling::Pass | Handling::Drop => return Disposition::Drop,
            Handling::Truncate => (Rcode::NOERROR, true),
            Handling::Refuse => (Rcode::REFUSED, false),
        };
        let query = &self.slot.query;
        let end = usize::from(query.question_end);
        let mut w = Writer::new(buf, &self.slot.name, self.zones.hasher(), end, usize::from(PLAIN_UDP_SIZE));
        if truncated {
            w.set_truncated();
        }
        // Nothing of the query is left but its question: its cookie may have been written over.
        if let Some(edns) = query.edns {
            let opt = ResponseEdns::new(&EdnsQuery { cookie: None, ..edns }, self.settings.udp_size);
            let _ = opt.write(&mut w, 0);
        }
        Disposition::Respond(self.finish(w, 1, Reply::new(rcode, Source::Refused(refusal))))
    }
}
