//! Stage: what rules say of a question that is not for our zones, and of the answer that the cache has to it.

use std::sync::Arc;

use dns::Class;
use dns::header::Rcode;
use dns::response::Writer;
use policy::ruling::{Asked as AskedRules, Did};
use policy::{Mark, Rules, Ruling};

use super::asked::{Asked, Scratch};
use super::verdict::{Reply, Ruled};
use crate::answered::Source;
use crate::policy::judge;
use crate::policy::ruled::{Written, leaves_alone, passed, write};
use crate::recursion::Judging;

impl Asked<'_> {
    /// Rules, if they hold for the question: it is one that others are asked about, for a client that may have that.
    #[inline]
    fn rules(&self) -> Option<&Arc<dyn Rules>> {
        let rules = self.settings.rules.as_ref()?;
        let is_judged = self.zone.is_none() && self.recursion.is_some() && self.slot.query.qclass == Class::IN;
        is_judged.then_some(rules)
    }

    fn for_rules(&self) -> AskedRules<'_> {
        AskedRules { name: &self.slot.name, qtype: self.slot.query.qtype, client: self.client }
    }

    /// Stage: what rules say of the question.
    #[inline]
    pub(super) fn ruled(&self, w: &mut Writer<'_>) -> Ruled {
        let ruling = self.rules().and_then(|rules| rules.name(&self.for_rules()));
        match ruling {
            None => Ruled::Pass(None),
            Some(ruling) => self.decided(w, &ruling),
        }
    }

    /// Stage: what rules say of the answer of the cache; a name that does not exist may be reached by aliases too.
    /// `None`: it is not sent.
    #[inline]
    pub(super) fn judged(&self, reply: Reply, w: &mut Writer<'_>, scratch: &mut Scratch) -> Option<Reply> {
        match self.rules() {
            Some(rules) if matches!(reply.rcode, Rcode::NOERROR | Rcode::NXDOMAIN) => {
                self.judge(reply, &**rules, w, scratch)
            }
            _ => Some(reply),
        }
    }

    fn judge(&self, reply: Reply, rules: &dyn Rules, w: &mut Writer<'_>, scratch: &mut Scratch) -> Option<Reply> {
        let start = usize::from(self.slot.query.question_end);
        let Some(ruling) = judge::answer(rules, &self.for_rules(), w, start, &mut scratch.judge) else {
            return Some(reply);
        };
        if leaves_alone(&ruling, self.transport.is_stream()) {
            return Some(Reply { policy: Some(passed(ruling.mark)), ..reply });
        }
        w.clear(start);
        match self.decided(w, &ruling) {
            Ruled::Answer(blocked) => Some(blocked),
            Ruled::Drop => None,
            // What a rule says of a part of an answer cannot be followed from here: it is blocked all the same.
            Ruled::Pass(_) | Ruled::Follow(_) => {
                w.clear(start);
                Some(Reply {
                    policy: Some(ruling.mark),
                    info: Some(ruling.info),
                    ..Reply::new(Rcode::NXDOMAIN, Source::Policy)
                })
            }
        }
    }

    #[cold]
    fn decided(&self, w: &mut Writer<'_>, ruling: &Ruling) -> Ruled {
        let mark = Some(ruling.mark);
        match write(w, ruling, self.slot.query.qtype, self.transport.is_stream()) {
            Written::Pass => Ruled::Pass(Some(passed(ruling.mark))),
            Written::Drop => {
                self.stats.rules_dropped.add(1);
                Ruled::Drop
            }
            Written::Answer(rcode) => {
                let info = (ruling.mark.did == Did::Blocked).then_some(ruling.info);
                Ruled::Answer(Reply { policy: mark, info, ..Reply::new(rcode, Source::Policy) })
            }
            Written::Truncated => Ruled::Answer(Reply { policy: mark, ..Reply::new(Rcode::NOERROR, Source::Policy) }),
            Written::Alias(name) => match self.rules() {
                Some(rules) => Ruled::Follow(Judging::follow(rules.clone(), self.client, ruling, name)),
                None => Ruled::Pass(mark),
            },
        }
    }

    /// What the resolver thread does with the answer that it finds.
    pub(super) fn judging(&self, allowed: Option<Mark>) -> Option<Judging> {
        self.rules().map(|rules| Judging::new(rules.clone(), self.client, allowed))
    }
}
