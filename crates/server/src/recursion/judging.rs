//! Rules on a resolver thread: what they have said of a question, and are asked about its answer.

use std::net::IpAddr;
use std::sync::Arc;

use dns::response::{Full, Owner, Section, Writer};
use dns::{Name, NameBuf, RType};
use policy::ruling::Asked;
use policy::{Looks, Rules, Ruling};

use crate::policy::judge::{self, Found, Judged, NameServers, Scratch};
use crate::policy::ruled::Passed;

/// What rules have said of a question, and are asked about its answer.
pub struct Judging {
    rules: Arc<dyn Rules>,
    client: IpAddr,
    /// What they have said already; if it is final the answer is not judged.
    passed: Passed,
    /// The canonical name that a rule gives the question's name, and the TTL of that.
    alias: Option<(NameBuf, u32)>,
}

/// Where an answer stands, and for whom.
pub(crate) struct Place {
    /// Where the question ends.
    pub question_end: usize,
    pub qtype: RType,
    /// DO of the question.
    pub dnssec_ok: bool,
    pub is_stream: bool,
}

impl Judging {
    /// A question of `client`; a rule may have allowed it, whatever its answer is.
    pub(crate) fn new(rules: Arc<dyn Rules>, client: IpAddr, passed: Passed) -> Judging {
        Judging { rules, client, passed, alias: None }
    }

    /// A question whose name is an alias of `name`, as a rule says.
    pub(crate) fn follow(rules: Arc<dyn Rules>, client: IpAddr, ruling: &Ruling, name: &Name) -> Judging {
        let passed = Passed { mark: ruling.record(), is_final: true };
        Judging { rules, client, passed, alias: Some((name.to_owned(), ruling.ttl)) }
    }

    /// The name that is resolved in place of the question's.
    pub(crate) fn alias(&self) -> Option<&Name> {
        self.alias.as_ref().map(|(name, _)| &**name)
    }

    /// What has to be found out before the answer can be judged.
    pub(crate) fn looks(&self) -> Looks {
        if self.passed.is_final { Looks::default() } else { self.rules.looks() }
    }

    /// The same question, whose name has come to be an alias, as a rule about its answer says.
    pub(crate) fn turned(&self, ruling: &Ruling, name: &Name) -> Judging {
        Judging::follow(self.rules.clone(), self.client, ruling, name)
    }

    /// Writes the alias that comes before what was found.
    pub(crate) fn write_alias(&self, w: &mut Writer<'_>) -> Result<(), Full> {
        let Some((name, ttl)) = &self.alias else { return Ok(()) };
        w.record(Section::Answer, Owner::Question, RType::CNAME, *ttl, name.as_wire())
    }

    /// Judges the answer that stands in `w` behind the question; what a rule answers is written in its place.
    pub(crate) fn judge(
        &self,
        w: &mut Writer<'_>,
        place: &Place,
        servers: &NameServers,
        scratch: &mut Scratch,
    ) -> Judged {
        if self.passed.is_final {
            return Judged::Stays(self.passed.mark);
        }
        let Place { question_end, qtype, dnssec_ok, is_stream } = *place;
        let asked = Asked { name: w.question(), qtype, client: self.client, dnssec_ok, signed: false };
        let found = Found { asked, is_stream, question_end, servers };
        match judge::judge(&*self.rules, &found, w, scratch) {
            Judged::Stays(mark) => Judged::Stays(mark.or(self.passed.mark)),
            other => other,
        }
    }
}
