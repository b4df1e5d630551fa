//! Entries of a scenario: a message, what of it to compare, and how to make a reply of it.

use std::collections::BTreeSet;

use dns::edns::EdnsOption;
use dns::{Edns, Message, RType, Rcode, Record};

use resolver::upstream::Transport;

/// A section of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Question.
    Question,
    /// Answer.
    Answer,
    /// Authority.
    Authority,
    /// Additional.
    Additional,
}

/// What MATCH can ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Criterion {
    /// OPCODE.
    Opcode,
    /// QTYPE.
    Qtype,
    /// QNAME, case ignored.
    Qname,
    /// QNAME with its case.
    Qcase,
    /// QNAME is the entry's name or below it.
    Subdomain,
    /// The question section.
    Question,
    /// QR, AA, TC, RD, RA, AD, CD.
    Flags,
    /// RCODE.
    Rcode,
    /// The records of a section, as a set, TTLs aside.
    Section(Part),
    /// The same, but records may be missing that minimal responses leave out: NS RRsets in the authority section,
    /// anything in the additional section.
    Minimal(Part),
    /// The types in the answer section, RRSIG left out.
    AnswerTypes,
    /// The types in the answer section, and the types that RRSIG records cover.
    AnswerSignatures,
    /// With sections: TTLs too.
    Ttl,
    /// The DO bit is set.
    DnssecOk,
    /// There is no OPT record.
    NoEdns,
    /// It came over UDP.
    Udp,
    /// It came over TCP.
    Tcp,
    /// An extended error with this INFO-CODE; any without one.
    ExtendedError(Option<u16>),
}

/// What ADJUST can ask for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Adjust {
    /// The reply repeats QNAME (and the identifier, which is the network's business here).
    pub copy_id: bool,
    /// The reply repeats the question.
    pub copy_query: bool,
    /// Nothing is answered.
    pub silent: bool,
    /// The reply comes so many microseconds later.
    pub delay_us: u64,
}

/// An entry.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    /// The line where it begins.
    pub line: usize,
    /// The message.
    pub message: Message,
    /// What is compared.
    pub criteria: Vec<Criterion>,
    /// The sections that the entry names, empty ones too.
    pub sections: BTreeSet<Part>,
    /// How a reply is made of it.
    pub adjust: Adjust,
    /// The octets to send instead of the message.
    pub raw: Option<Vec<u8>>,
    /// It must be used at least once.
    pub mandatory: bool,
}

impl Entry {
    /// What of `got` is not as this entry wants it; `transport` is how it came.
    pub fn mismatch(&self, got: &Message, transport: Option<&Transport>) -> Option<String> {
        let ttls = self.criteria.contains(&Criterion::Ttl);
        self.criteria.iter().find_map(|criterion| self.check(criterion, got, transport, ttls))
    }

    /// The reply to `query`.
    pub fn reply(&self, query: &Message) -> Vec<u8> {
        if let Some(raw) = &self.raw {
            return raw.clone();
        }
        let mut reply = self.message.clone();
        reply.header.id = query.header.id;
        if let (Some(mine), Some(asked)) = (reply.questions.first_mut(), query.questions.first())
            && self.adjust.copy_id
        {
            mine.name = asked.name.clone();
        }
        if self.adjust.copy_query {
            reply.questions = query.questions.clone();
        }
        // A server that speaks EDNS does so when it is spoken to (RFC 6891 6.1.1); one that does not says this (7).
        let speaks = !matches!(reply.header.rcode, Rcode::FORMERR | Rcode::NOTIMP);
        reply.edns =
            query.edns.as_ref().filter(|_| speaks).map(|edns| Edns { dnssec_ok: edns.dnssec_ok, ..Edns::default() });
        reply.to_wire(usize::MAX)
    }

    fn check(&self, criterion: &Criterion, got: &Message, transport: Option<&Transport>, ttls: bool) -> Option<String> {
        let wanted = &self.message;
        let asked = |message: &Message| message.questions.first().cloned();
        let (want, have) = (asked(wanted), asked(got));
        let both = want.as_ref().zip(have.as_ref());
        match criterion {
            Criterion::Opcode => differ("opcode", wanted.header.opcode, got.header.opcode),
            Criterion::Rcode => differ("rcode", wanted.header.rcode, got.header.rcode),
            Criterion::Flags => differ("flags", flags(wanted), flags(got)),
            Criterion::Qtype => differ("qtype", Shown(want.map(|it| it.rtype)), Shown(have.map(|it| it.rtype))),
            Criterion::Qname => differ("qname", Shown(want.map(|it| it.name)), Shown(have.map(|it| it.name))),
            Criterion::Qcase => {
                let same = both.is_none_or(|(want, have)| want.name.as_wire() == have.name.as_wire());
                (!same).then(|| format!("qname {} in another case", Shown(have.map(|it| it.name))))
            }
            Criterion::Subdomain => {
                let below = want
                    .as_ref()
                    .is_none_or(|want| have.as_ref().is_some_and(|have| have.name.is_at_or_below(&want.name)));
                (!below).then(|| format!("qname {} is not in it", Shown(have.map(|it| it.name))))
            }
            Criterion::Question => {
                let show = |message: &Message| {
                    message
                        .questions
                        .iter()
                        .map(|it| format!("{} {} {}", it.name.to_canonical(), it.class, it.rtype))
                        .collect::<Vec<_>>()
                };
                differ("question", List(show(wanted)), List(show(got)))
            }
            Criterion::Section(part) => section_mismatch(*part, wanted, got, ttls, false),
            Criterion::Minimal(part) => section_mismatch(*part, wanted, got, ttls, true),
            Criterion::AnswerTypes => differ("answer types", List(types(wanted, false)), List(types(got, false))),
            Criterion::AnswerSignatures => differ("answer types", List(types(wanted, true)), List(types(got, true))),
            Criterion::Ttl => None,
            Criterion::DnssecOk => {
                let set = got.edns.as_ref().is_some_and(|edns| edns.dnssec_ok);
                (!set).then(|| "no DO bit".to_owned())
            }
            Criterion::NoEdns => got.edns.as_ref().map(|_| "an OPT record".to_owned()),
            Criterion::Udp => transport.filter(|it| **it != Transport::Udp).map(|_| "not over UDP".to_owned()),
            Criterion::Tcp => transport.filter(|it| **it == Transport::Udp).map(|_| "over UDP".to_owned()),
            Criterion::ExtendedError(code) => {
                let codes = extended_errors(got);
                let found = code.map_or(!codes.is_empty(), |code| codes.contains(&code));
                let wanted = code.map_or("any".to_owned(), |code| code.to_string());
                (!found).then(|| format!("extended error: wanted {wanted}, got {codes:?}"))
            }
        }
    }
}

/// `None` prints as a dash.
struct Shown<T>(Option<T>);

impl<T: std::fmt::Display> std::fmt::Display for Shown<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("-"),
        }
    }
}

impl<T: PartialEq> PartialEq for Shown<T> {
    fn eq(&self, other: &Shown<T>) -> bool {
        self.0 == other.0
    }
}

/// Prints with `, ` between its items.
#[derive(PartialEq)]
struct List(Vec<String>);

impl std::fmt::Display for List {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { f.write_str("none") } else { f.write_str(&self.0.join(", ")) }
    }
}

fn differ<T: PartialEq + std::fmt::Display>(what: &str, wanted: T, got: T) -> Option<String> {
    (wanted != got).then(|| format!("{what}: wanted {wanted}, got {got}"))
}

/// The flags of the header by name.
pub fn flags(message: &Message) -> String {
    let h = &message.header;
    let all = [(h.qr, "QR"), (h.aa, "AA"), (h.tc, "TC"), (h.rd, "RD"), (h.ra, "RA"), (h.ad, "AD"), (h.cd, "CD")];
    all.into_iter().filter(|(set, _)| *set).map(|(_, name)| name).collect::<Vec<_>>().join(" ")
}

fn extended_errors(message: &Message) -> Vec<u16> {
    let options = message.edns.iter().flat_map(|edns| &edns.options);
    options
        .filter_map(|option| if let EdnsOption::ExtendedError { info, .. } = option { Some(*info) } else { None })
        .collect()
}

/// The records of a section.
pub fn records(message: &Message, part: Part) -> &[Record] {
    match part {
        Part::Question => &[],
        Part::Answer => &message.answers,
        Part::Authority => &message.authorities,
        Part::Additional => &message.additionals,
    }
}

/// Record data with the case of its names taken out.
fn canonical(record: &Record) -> Vec<u8> {
    let mut out = Vec::new();
    dns::rdata::wire::canonical(record.rtype, &record.rdata, &mut out);
    out
}

/// What is missing and what is too much in a section, order aside. Of what `minimal` responses leave out nothing is
/// missing.
fn section_mismatch(part: Part, wanted: &Message, got: &Message, ttls: bool, minimal: bool) -> Option<String> {
    let (wanted, got) = (records(wanted, part), records(got, part));
    let same = |a: &Record, b: &Record| {
        a.owner == b.owner
            && (a.rtype, a.class) == (b.rtype, b.class)
            && (!ttls || a.ttl == b.ttl)
            && canonical(a) == canonical(b)
    };
    let without = |these: &[Record], those: &[Record], but: &dyn Fn(&Record) -> bool| -> Vec<String> {
        let found = |it: &Record| those.iter().any(|other| same(it, other));
        these.iter().filter(|it| !found(it) && !but(it)).map(|it| short(it, ttls)).collect()
    };
    let may_be_left_out = |it: &Record| minimal && (part == Part::Additional || is_of_ns(it));
    let (missing, extra) = (without(wanted, got, &may_be_left_out), without(got, wanted, &|_| false));
    let name = format!("{part:?}").to_lowercase();
    match (missing.is_empty(), extra.is_empty()) {
        (true, true) if got.len() > wanted.len() => {
            Some(format!("{name}: wanted {} records, got {}", wanted.len(), got.len()))
        }
        (true, true) => None,
        (false, true) => Some(format!("{name}: missing {}", List(missing))),
        (true, false) => Some(format!("{name}: too much: {}", List(extra))),
        (false, false) => Some(format!("{name}: missing {}; too much: {}", List(missing), List(extra))),
    }
}

/// Whether it is an NS record, or a signature of NS records.
fn is_of_ns(record: &Record) -> bool {
    let covers_ns = || record.rdata.starts_with(&RType::NS.0.to_be_bytes());
    record.rtype == RType::NS || (record.rtype == RType::RRSIG && covers_ns())
}

/// A record in few words: no signature or key is printed whole.
fn short(record: &Record, ttls: bool) -> String {
    const MAX_DATA: usize = 60;
    let mut data = String::new();
    if dns::rdata::text::write(record.rtype, &record.rdata, &mut data).is_err() {
        data.push('?');
    }
    if data.len() > MAX_DATA {
        data.truncate((0..=MAX_DATA).rev().find(|&at| data.is_char_boundary(at)).unwrap_or(0));
        data.push_str("...");
    }
    let ttl = if ttls { format!(" {}", record.ttl) } else { String::new() };
    format!("{}{ttl} {} {data}", record.owner, record.rtype)
}

/// The types of the answer section, each once.
fn types(message: &Message, signatures: bool) -> Vec<String> {
    let name = |record: &Record| match (record.rtype, record.rdata.first_chunk::<2>()) {
        (RType::RRSIG, Some(covered)) if signatures => Some(format!("RRSIG({})", RType(u16::from_be_bytes(*covered)))),
        (RType::RRSIG, _) => None,
        (rtype, _) => Some(rtype.to_string()),
    };
    message.answers.iter().filter_map(name).collect::<BTreeSet<_>>().into_iter().collect()
}
