//! What rules say of the answer that was found, be it in the cache or by a resolver thread: of its aliases, since a name
//! that is on no list may be an alias of one that is, of its addresses, and of the name servers of its names.

use std::net::IpAddr;

use dns::header::Rcode;
use dns::query::skip_name;
use dns::question::HashedName;
use dns::rdata::wire::expand_names;
use dns::response::{Section, Writer};
use dns::{Name, NameBuf, NameHasher, RType};
use policy::rpz::{Server, Stage};
use policy::ruling::Asked;
use policy::{Looks, Mark, Rules, Ruling};
use resolver::Outcome;
use resolver::outcome::Timed;
use resolver::way::NamedServer;

use super::ruled::{Written, leaves_alone, passed, reason, write};

/// Records of an answer that are looked at; more than fit into the answers that aliases come in.
const MAX_RECORDS: u16 = 256;
/// Octets of a record between its owner and its data.
const FIXED_LEN: usize = 10;

/// What judging an answer takes; kept, so that nothing is allocated for each.
#[derive(Default)]
pub(crate) struct Scratch {
    name: Vec<u8>,
    alias: Box<HashedName>,
    addresses: Vec<IpAddr>,
}

/// The name servers of the names of an answer, in the order of its chain.
#[derive(Default)]
pub(crate) struct NameServers(Vec<Vec<(HashedName, Vec<IpAddr>)>>);

impl NameServers {
    /// Those that were found, with names hashed as rules are.
    pub fn new(found: &[Vec<NamedServer>], hasher: NameHasher) -> NameServers {
        let of_server = |server: &NamedServer| {
            let mut name = HashedName::default();
            name.set(&server.name, hasher);
            (name, server.addresses.clone())
        };
        NameServers(found.iter().map(|of_name| of_name.iter().map(of_server).collect()).collect())
    }

    fn of(&self, number: usize) -> Vec<Server<'_>> {
        let servers = self.0.get(number).into_iter().flatten();
        servers.map(|(name, addresses)| Server { name, addresses }).collect()
    }
}

/// An answer that was found, as it is judged.
pub(crate) struct Found<'a> {
    /// Who asked for what.
    pub asked: Asked<'a>,
    /// The answer goes over a stream.
    pub is_stream: bool,
    /// Where the question ends, behind which the answer stands.
    pub question_end: usize,
    /// As far as rules look at them, and they are known.
    pub servers: &'a NameServers,
}

/// What becomes of an answer that was found.
#[derive(Debug)]
pub(crate) enum Judged {
    /// It stays as it is.
    Stays(Option<Mark>),
    /// What a rule answers stands in its place.
    Instead {
        rcode: Rcode,
        mark: Option<Mark>,
        /// The reason to give (RFC 8914).
        info: Option<u16>,
    },
    /// It is not sent.
    Dropped(Option<Mark>),
    /// The question's name gets this alias, which is to be resolved.
    Alias(Ruling, NameBuf),
}

/// Judges the answer that stands in `w`; what a rule answers is written in its place.
pub(crate) fn judge(rules: &dyn Rules, found: &Found<'_>, w: &mut Writer<'_>, scratch: &mut Scratch) -> Judged {
    let ruling = match ruling(rules, found, w, scratch) {
        None => return Judged::Stays(None),
        Some(ruling) if leaves_alone(&ruling, found.is_stream) => {
            return Judged::Stays(ruling.record().map(passed));
        }
        Some(ruling) => ruling,
    };
    let mark = ruling.record();
    w.clear(found.question_end);
    let alias = match write(w, &ruling, found.asked.qtype, found.is_stream) {
        Written::Answer(rcode) => return Judged::Instead { rcode, mark, info: reason(&ruling) },
        // What changes nothing has been told above.
        Written::Truncated | Written::Pass => return Judged::Instead { rcode: Rcode::NOERROR, mark, info: None },
        Written::Drop => return Judged::Dropped(mark),
        Written::Alias(name) => name.to_owned(),
    };
    w.clear(found.question_end);
    Judged::Alias(ruling, alias)
}

/// The ruling that holds for an answer; one that is only tried out if there is no other. `None`: nothing in it is on a list.
fn ruling(rules: &dyn Rules, found: &Found<'_>, w: &Writer<'_>, scratch: &mut Scratch) -> Option<Ruling> {
    let Scratch { name, alias, addresses } = scratch;
    addresses.clear();
    let (looks, message) = (rules.looks(), w.octets().get(..w.len())?);
    let signed = looks.signatures && found.asked.dnssec_ok && is_signed(message, found.question_end, w);
    let mut chain = Chain { rules, found, asked: Asked { signed, ..found.asked }, looks, number: 0, trial: None };
    let mut at = found.question_end;
    for _ in 0..w.count(Section::Answer).min(MAX_RECORDS) {
        let Some((rtype, start, data)) = record(message, at) else { break };
        match rtype {
            RType::CNAME => {
                if let Some(ruling) = chain.end(alias, &[]) {
                    return Some(ruling);
                }
                name.clear();
                let read = expand_names(RType::CNAME, message, start, data.len(), name).is_ok();
                if !read || alias.read(name, w.hasher()).is_err() {
                    break;
                }
                chain.number += 1;
            }
            RType::A if chain.looks.addresses => {
                addresses.extend(data.first_chunk::<4>().map(|octets| IpAddr::from(*octets)));
            }
            RType::AAAA if chain.looks.addresses => {
                addresses.extend(data.first_chunk::<16>().map(|octets| IpAddr::from(*octets)));
            }
            RType::RRSIG | RType::DNAME => {}
            // Aliases come first.
            _ if !chain.looks.addresses => break,
            _ => {}
        }
        at = start + data.len();
    }
    chain.end(alias, addresses).or(chain.trial)
}

/// Whether a signature stands in the answer, or in what comes with it.
fn is_signed(message: &[u8], question_end: usize, w: &Writer<'_>) -> bool {
    let count = w.count(Section::Answer).saturating_add(w.count(Section::Authority));
    let mut at = question_end;
    let mut records = (0..count.min(MAX_RECORDS)).map_while(|_| {
        let (rtype, start, data) = record(message, at)?;
        at = start + data.len();
        Some(rtype)
    });
    records.any(|rtype| rtype == RType::RRSIG)
}

/// Type of the record at `at`, and where its data stands.
fn record(message: &[u8], at: usize) -> Option<(RType, usize, &[u8])> {
    let fixed = skip_name(message, at)?;
    let &[t0, t1, _, _, _, _, _, _, l0, l1] = message.get(fixed..)?.first_chunk::<FIXED_LEN>()?;
    let (start, len) = (fixed + FIXED_LEN, usize::from(u16::from_be_bytes([l0, l1])));
    Some((RType(u16::from_be_bytes([t0, t1])), start, message.get(start..start + len)?))
}

/// How far the aliases of an answer have been followed.
struct Chain<'a> {
    rules: &'a dyn Rules,
    found: &'a Found<'a>,
    asked: Asked<'a>,
    looks: Looks,
    /// Of the name that it has come to, from 0.
    number: usize,
    /// A rule that is only tried out.
    trial: Option<Ruling>,
}

impl Chain<'_> {
    /// What holds for the name that the chain has come to, of which all is known now.
    fn end(&mut self, alias: &HashedName, addresses: &[IpAddr]) -> Option<Ruling> {
        // The question by itself has been asked about.
        if self.number == 0 && !self.looks.any() {
            return None;
        }
        let name = if self.number == 0 { self.asked.name } else { alias };
        let servers = if self.looks.servers { self.found.servers.of(self.number) } else { Vec::new() };
        let stage = Stage { name, addresses, servers: &servers };
        let ruling = self.rules.answer(&self.asked, &stage, self.number)?;
        if !ruling.is_trial() {
            return Some(ruling);
        }
        self.trial.get_or_insert(ruling);
        None
    }
}

/// The names of a chain of aliases that the answer to a question for `name` is, in order: what has name servers of its own.
pub(crate) fn names(name: &Name, outcome: &Outcome) -> Vec<NameBuf> {
    let mut names = vec![name.to_canonical()];
    let aliases = outcome.answers.iter().filter(|timed| timed.rrset.rtype == RType::CNAME);
    let target = |timed: &Timed| Some(Name::from_wire(timed.rrset.rdata.iter().next()?).ok()?.to_canonical());
    names.extend(aliases.filter_map(target).take(usize::from(MAX_RECORDS)));
    names
}
