//! Rules on a resolver thread: what becomes of the answer that was found.

use std::net::IpAddr;
use std::sync::Arc;

use dns::header::Rcode;
use dns::response::{Full, Owner, Section, Writer};
use dns::{Name, NameBuf, RType};
use policy::ruling::Asked;
use policy::{Did, Mark, Rules, Ruling};
use resolver::Outcome;

use crate::answered::Source;
use crate::policy::judge::{self, Scratch};
use crate::policy::ruled::{Written, leaves_alone, passed, write};

/// What rules have said of a question, and are asked about its answer.
pub struct Judging {
    rules: Arc<dyn Rules>,
    client: IpAddr,
    /// What they have said already: the answer is not judged.
    decided: Option<Mark>,
    /// The canonical name that a rule gives the question's name, and the TTL of that.
    alias: Option<(NameBuf, u32)>,
}

/// What is said of an answer besides its records.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judged {
    pub rcode: Rcode,
    /// Who gave it, if a rule did.
    pub source: Option<Source>,
    pub policy: Option<Mark>,
    /// The reason that a blocked answer gives.
    pub info: Option<u16>,
    /// It is not sent.
    pub dropped: bool,
}

impl Judging {
    /// A question of `client`; a rule may have allowed it, whatever its answer is.
    pub(crate) fn new(rules: Arc<dyn Rules>, client: IpAddr, allowed: Option<Mark>) -> Judging {
        Judging { rules, client, decided: allowed, alias: None }
    }

    /// A question whose name is an alias of `name`, as a rule says.
    pub(crate) fn follow(rules: Arc<dyn Rules>, client: IpAddr, ruling: &Ruling, name: &Name) -> Judging {
        Judging { rules, client, decided: Some(ruling.mark), alias: Some((name.to_owned(), ruling.ttl)) }
    }

    /// The name that is resolved in place of the question's.
    pub(crate) fn alias(&self) -> Option<&Name> {
        self.alias.as_ref().map(|(name, _)| &**name)
    }

    /// Writes the alias that comes before what was found.
    pub(crate) fn write_alias(&self, w: &mut Writer<'_>) -> Result<(), Full> {
        let Some((name, ttl)) = &self.alias else { return Ok(()) };
        w.record(Section::Answer, Owner::Question, RType::CNAME, *ttl, name.as_wire())
    }

    /// Judges the answer that stands in `w` behind the question, which ends at `start`; what a rule answers is written
    /// in its place.
    pub(crate) fn judge(
        &self,
        outcome: &Outcome,
        w: &mut Writer<'_>,
        (start, qtype, is_stream): (usize, RType, bool),
        scratch: &mut Scratch,
    ) -> Judged {
        let given = Judged { rcode: outcome.rcode, source: None, policy: None, info: None, dropped: false };
        if self.decided.is_some() {
            let source = self.alias.is_some().then_some(Source::Policy);
            return Judged { policy: self.decided, source, ..given };
        }
        let asked = Asked { name: w.question(), qtype, client: self.client };
        let Some(ruling) = judge::answer(&*self.rules, &asked, w, start, scratch) else { return given };
        if leaves_alone(&ruling, is_stream) {
            return Judged { policy: Some(passed(ruling.mark)), ..given };
        }
        let policy = Some(ruling.mark);
        w.clear(start);
        let (rcode, dropped) = match write(w, &ruling, qtype, is_stream) {
            Written::Answer(rcode) => (rcode, false),
            Written::Truncated => (Rcode::NOERROR, false),
            Written::Drop => (Rcode::REFUSED, true),
            // What a rule says of a part of an answer is not followed further: it is blocked all the same.
            Written::Pass | Written::Alias(_) => {
                w.clear(start);
                (Rcode::NXDOMAIN, false)
            }
        };
        let info = (ruling.mark.did == Did::Blocked).then_some(ruling.info);
        Judged { rcode, source: Some(Source::Policy), policy, info, dropped }
    }
}
