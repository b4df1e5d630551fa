//! Stage: what rules say of a question that is not for our zones, and of the answer that the cache has to it.

use std::sync::Arc;

use dns::Class;
use dns::header::Rcode;
use dns::response::Writer;
use policy::ruling::Asked as AskedRules;
use policy::{Rules, Ruling};

use super::asked::{Asked, Scratch};
use super::verdict::{Reply, Ruled};
use crate::answered::Source;
use crate::policy::judge::{self, Found, Judged, NameServers};
use crate::policy::ruled::{Passed, Written, reason, write};
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
        let query = &self.slot.query;
        let dnssec_ok = query.edns.is_some_and(|edns| edns.dnssec_ok);
        AskedRules { name: &self.slot.name, qtype: query.qtype, client: self.client, dnssec_ok, signed: false }
    }

    /// Stage: what rules say of the question.
    #[inline]
    pub(super) fn ruled(&self, w: &mut Writer<'_>) -> Ruled {
        let ruling = self.rules().and_then(|rules| rules.name(&self.for_rules()));
        match ruling {
            None => Ruled::Pass(Passed::default()),
            Some(ruling) => self.decided(w, &ruling),
        }
    }

    /// Whether only a resolver thread can judge the answer, be it in the cache or not: it takes the name servers.
    #[inline]
    pub(super) fn needs_servers(&self, passed: &Passed) -> bool {
        let looks = |rules: &Arc<dyn Rules>| !passed.is_final && rules.looks().servers;
        self.rules().is_some_and(looks) && self.wants_recursion()
    }

    /// Stage: what rules say of the answer of the cache; a name that does not exist may be reached by aliases too.
    #[inline]
    pub(super) fn judged(&self, reply: Reply, passed: Passed, w: &mut Writer<'_>, scratch: &mut Scratch) -> Ruled {
        match self.rules() {
            Some(rules) if !passed.is_final => self.judge(reply, passed, rules, w, scratch),
            _ => Ruled::Answer(Reply { policy: passed.mark, ..reply }),
        }
    }

    fn judge(
        &self,
        reply: Reply,
        passed: Passed,
        rules: &Arc<dyn Rules>,
        w: &mut Writer<'_>,
        scratch: &mut Scratch,
    ) -> Ruled {
        let (asked, servers) = (self.for_rules(), &NameServers::default());
        let question_end = usize::from(self.slot.query.question_end);
        let found = Found { asked, is_stream: self.transport.is_stream(), question_end, servers };
        match judge::judge(&**rules, &found, w, &mut scratch.judge) {
            Judged::Stays(mark) => Ruled::Answer(Reply { policy: mark.or(passed.mark), ..reply }),
            Judged::Instead { rcode, mark, info } => {
                Ruled::Answer(Reply { policy: mark, info, ..Reply::new(rcode, Source::Policy) })
            }
            Judged::Dropped(_) => self.drop_by_rule(),
            Judged::Alias(ruling, name) => Ruled::Follow(Judging::follow(rules.clone(), self.client, &ruling, &name)),
        }
    }

    fn drop_by_rule(&self) -> Ruled {
        self.stats.rules_dropped.add(1);
        Ruled::Drop
    }

    #[cold]
    fn decided(&self, w: &mut Writer<'_>, ruling: &Ruling) -> Ruled {
        let mark = ruling.record();
        match write(w, ruling, self.slot.query.qtype, self.transport.is_stream()) {
            Written::Pass => Ruled::Pass(Passed::by(ruling)),
            Written::Drop => self.drop_by_rule(),
            Written::Answer(rcode) => {
                let info = reason(ruling);
                Ruled::Answer(Reply { policy: mark, info, ..Reply::new(rcode, Source::Policy) })
            }
            Written::Truncated => Ruled::Answer(Reply { policy: mark, ..Reply::new(Rcode::NOERROR, Source::Policy) }),
            Written::Alias(name) => match self.rules() {
                Some(rules) => Ruled::Follow(Judging::follow(rules.clone(), self.client, ruling, name)),
                None => Ruled::Pass(Passed::by(ruling)),
            },
        }
    }

    /// What the resolver thread does with the answer that it finds.
    pub(super) fn judging(&self, passed: Passed) -> Option<Judging> {
        self.rules().map(|rules| Judging::new(rules.clone(), self.client, passed))
    }
}
