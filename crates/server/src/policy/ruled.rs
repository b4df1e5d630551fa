//! The answer that a rule gives, written as a response.

use std::net::IpAddr;

use dns::header::Rcode;
use dns::response::{Owner, Section, Writer};
use dns::{Name, RType};
use policy::{Action, Did, Mark, Outcome, Rewrite, Ruling};

/// Seconds after which the SOA record of a blocked answer has the zone refreshed, retried and expired; nobody transfers it.
const SOA_TIMES: [u32; 3] = [3600, 600, 86_400];
/// The serial of that record.
const SOA_SERIAL: u32 = 1;
/// TTLs of records that a rule spells out, at most: a week (RFC 8767 4).
const MAX_TTL: u32 = 604_800;

/// What becomes of a question that a rule decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written<'a> {
    /// The answer is written.
    Answer(Rcode),
    /// An empty answer with TC: the client comes again over a stream.
    Truncated,
    /// There is no answer.
    Drop,
    /// What would be answered without rules.
    Pass,
    /// The alias is written; what it leads to follows.
    Alias(&'a Name),
}

/// Whether `ruling` changes nothing of an answer over a stream or not: the answer may stay as it is written.
pub(crate) fn leaves_alone(ruling: &Ruling, is_stream: bool) -> bool {
    match &ruling.outcome {
        Outcome::Pass => true,
        Outcome::Act(Action::TcpOnly) => is_stream,
        Outcome::Act(_) | Outcome::Records(_) => false,
    }
}

/// The mark of a question that is answered as if there were no rules: whatever its rule does to others, it did not to it.
pub(crate) fn passed(mark: Mark) -> Mark {
    match mark.did {
        Did::Tried => mark,
        Did::Allowed | Did::Blocked | Did::Rewritten => Mark { did: Did::Allowed, ..mark },
    }
}

/// The reason that the answer gives which `ruling` spells out.
pub(crate) fn reason(ruling: &Ruling) -> Option<u16> {
    (ruling.mark.did == Did::Blocked).then_some(ruling.info)
}

/// What rules said of a question that is answered as if there were none.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Passed {
    /// For the record.
    pub mark: Option<Mark>,
    /// A rule allows the question, whatever its answer is: nothing more is asked.
    pub is_final: bool,
}

impl Passed {
    /// What a ruling said that leaves the question alone.
    pub fn by(ruling: &Ruling) -> Passed {
        Passed { mark: ruling.record().map(passed), is_final: !ruling.is_trial() }
    }
}

/// Writes what `ruling` answers to a question for `qtype`. The response is over a stream or not.
pub(crate) fn write<'a>(w: &mut Writer<'_>, ruling: &'a Ruling, qtype: RType, is_stream: bool) -> Written<'a> {
    let action = match &ruling.outcome {
        Outcome::Pass => return Written::Pass,
        Outcome::Records(rewrite) => return records(w, ruling, rewrite, qtype),
        Outcome::Act(action) => action,
    };
    match action {
        Action::Drop => Written::Drop,
        Action::TcpOnly if is_stream => Written::Pass,
        Action::TcpOnly => {
            w.set_truncated();
            Written::Truncated
        }
        Action::Refused => Written::Answer(Rcode::REFUSED),
        Action::Nxdomain => negative(w, ruling.ttl, Rcode::NXDOMAIN),
        Action::Nodata => negative(w, ruling.ttl, Rcode::NOERROR),
        Action::Null => match qtype {
            RType::A => addresses(w, ruling.ttl, &[IpAddr::from([0; 4])], qtype),
            RType::AAAA => addresses(w, ruling.ttl, &[IpAddr::from([0; 16])], qtype),
            _ => negative(w, ruling.ttl, Rcode::NOERROR),
        },
        Action::Addresses(all) => addresses(w, ruling.ttl, all, qtype),
    }
}

/// Those of the addresses that are of the type.
fn addresses<'a>(w: &mut Writer<'_>, ttl: u32, all: &[IpAddr], qtype: RType) -> Written<'a> {
    for address in all {
        let written = match (address, qtype) {
            (IpAddr::V4(address), RType::A) => {
                w.record(Section::Answer, Owner::Question, qtype, ttl, &address.octets())
            }
            (IpAddr::V6(address), RType::AAAA) => {
                w.record(Section::Answer, Owner::Question, qtype, ttl, &address.octets())
            }
            _ => Ok(()),
        };
        if written.is_err() {
            w.set_truncated();
            break;
        }
    }
    if w.count(Section::Answer) == 0 { negative(w, ttl, Rcode::NOERROR) } else { Written::Answer(Rcode::NOERROR) }
}

/// The records of the question's type, or an alias.
fn records<'a>(w: &mut Writer<'_>, ruling: &Ruling, rewrite: &'a Rewrite, qtype: RType) -> Written<'a> {
    let ttl = rewrite.ttl.unwrap_or(ruling.ttl).min(MAX_TTL);
    if let Some(alias) = &rewrite.alias {
        let written = w.record(Section::Answer, Owner::Question, RType::CNAME, ttl, alias.as_wire());
        return match written {
            Ok(()) if qtype != RType::CNAME => Written::Alias(alias),
            _ => Written::Answer(Rcode::NOERROR),
        };
    }
    let wanted = |rtype: RType| rtype == qtype || qtype == RType::ANY;
    for (rtype, data) in rewrite.data.iter().filter(|(rtype, _)| wanted(*rtype)) {
        if w.record(Section::Answer, Owner::Question, *rtype, ttl, data).is_err() {
            w.set_truncated();
            break;
        }
    }
    match w.count(Section::Answer) {
        0 if rewrite.rcode == Rcode::NOERROR || rewrite.rcode == Rcode::NXDOMAIN => negative(w, ttl, rewrite.rcode),
        _ => Written::Answer(rewrite.rcode),
    }
}

/// No records, and for how long that holds (RFC 2308 5): the SOA record is the question's own.
fn negative<'a>(w: &mut Writer<'_>, ttl: u32, rcode: Rcode) -> Written<'a> {
    // Both names are the root.
    let mut data = [0; 22];
    let [refresh, retry, expire] = SOA_TIMES;
    for (room, number) in data[2..].chunks_exact_mut(4).zip([SOA_SERIAL, refresh, retry, expire, ttl]) {
        room.copy_from_slice(&number.to_be_bytes());
    }
    // One that does not fit is left out: the answer is whole without it.
    let _ = w.record(Section::Authority, Owner::Question, RType::SOA, ttl, &data);
    Written::Answer(rcode)
}
