//! The answer to a question from our own zones: RFC 1034 4.3.2, with wildcards (RFC 4592), DNAME
//! (RFC 6672), DNSSEC (RFC 4035 3.1, RFC 5155 7.2) and minimal ANY (RFC 8482).

use dns::header::Rcode;
use dns::name::MAX_NAME_LEN;
use dns::question::HashedName;
use dns::rdata::typed::{Soa, target};
use dns::response::{Full, Owner, Section, Writer};
use dns::{Name, RType};

use crate::additional;
use crate::contents::Contents;
use crate::denial::{self, Denial, Written};
use crate::find::Found;
use crate::node::{Node, Rrset};
use crate::table::{Zone, ZoneTable};
use crate::write::{write_rrset, write_signatures};

/// Most aliases that are followed within our zones for one question; what is beyond is for the
/// resolver that asks.
const MAX_CHAIN: usize = 16;
/// Most wildcards of one chain that are proved; a longer chain is not one that validates anyway.
const MAX_PENDING: usize = 4;
/// TTL of the HINFO that answers ANY (RFC 8482 4.2), in seconds.
const ANY_HINFO_TTL: u32 = 3600;
/// CPU "RFC8482", OS empty (RFC 8482 4.2).
const ANY_HINFO: &[u8] = b"\x07RFC8482\x00";

/// What is asked, apart from the name.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    /// The type.
    pub qtype: RType,
    /// Whether the client wants DNSSEC records (RFC 3225).
    pub dnssec_ok: bool,
    /// Whether ANY gets everything (TCP) or one RRset (UDP).
    pub any_in_full: bool,
    /// Leave out authority and additional data that the answer does not need.
    pub minimal: bool,
}

/// What the header says about the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// The RCODE.
    pub rcode: Rcode,
    /// Whether the answer is authoritative.
    pub authoritative: bool,
    /// Where it ends.
    pub ends: Ends,
}

/// Where an answer ends, for those who can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// In our zones, as far as the client may see them: it is complete.
    Here,
    /// At a delegation to other servers.
    Cut,
    /// At an alias that leads to no zone of ours.
    Outside,
}

/// How one name of the chain ended.
enum Step {
    /// With this RCODE.
    Done(Rcode),
    /// Go on with the name in the scratch space.
    Alias,
}

/// Writes the answer to `w`; `zone` is the zone that [`ZoneTable::find`] gave for the question.
///
/// An alias is only followed into zones that `may_ask` allows; `alias` is scratch space. If something does not fit, the
/// response is marked as truncated.
///
/// ```
/// use std::sync::Arc;
///
/// use dns::query::{Query, flags};
/// use dns::question::HashedName;
/// use dns::response::Writer;
/// use dns::{Message, NameBuf, NameHasher, RType};
/// use zone::answer::{Ask, answer};
/// use zone::{Builder, Zone, ZoneTable};
///
/// // A server of one zone.
/// let hasher = NameHasher::new(1);
/// let (origin, www): (NameBuf, NameBuf) = ("example.org".parse()?, "www.example.org".parse()?);
/// let mut builder = Builder::new(&origin, hasher);
/// builder.add(&www, RType::A, 60, &[192, 0, 2, 1]).expect("it is in the zone");
/// let contents = Some(builder.finish().0);
/// let zones = ZoneTable::new(hasher, vec![Arc::new(Zone { name: origin, contents, policy: None })]);
///
/// // The response is written over the query.
/// let query = Message::query(4711, www, RType::A).to_wire(512);
/// let mut packet = vec![0; 512];
/// packet[..query.len()].copy_from_slice(&query);
/// let (mut read, mut name, mut alias) = (Query::default(), HashedName::default(), HashedName::default());
/// read.read(&query, &mut name, hasher).expect("a query");
/// let (zone, _) = zones.find(&name, RType::A).expect("a zone of ours");
/// let mut writer = Writer::new(&mut packet, &name, hasher, usize::from(read.question_end), 512);
/// let ask = Ask { qtype: RType::A, dnssec_ok: false, any_in_full: false, minimal: true };
/// let verdict = answer(&zones, zone, ask, &|_| true, &mut alias, &mut writer);
/// assert!(verdict.authoritative);
/// let size = writer.finish(1, flags::AA, verdict.rcode.0 as u8);
/// let response = Message::parse(&packet[..size]).expect("well-formed");
/// assert_eq!(response.answers[0].rdata, [192, 0, 2, 1]);
/// # Ok::<(), dns::NameError>(())
/// ```
#[inline]
pub fn answer<'z>(
    zones: &'z ZoneTable,
    zone: &'z Zone,
    ask: Ask,
    may_ask: &'z dyn Fn(&Zone) -> bool,
    alias: &mut HashedName,
    w: &mut Writer<'_>,
) -> Verdict {
    let mut answering = Answering::new(ask, may_ask);
    let Some(contents) = &zone.contents else {
        return Verdict { rcode: Rcode::SERVFAIL, authoritative: false, ends: Ends::Here };
    };
    let rcode = match answering.one(contents, w.question(), w) {
        Ok(Step::Done(rcode)) => rcode,
        step => answering.follow(zones, step, alias, w),
    };
    Verdict { rcode, authoritative: answering.authoritative, ends: answering.ends }
}

/// A name on its way from one step of a chain to the next.
struct Target {
    wire: [u8; MAX_NAME_LEN + 1],
    len: usize,
}

impl Target {
    fn new(parts: [&[u8]; 2]) -> Option<Target> {
        let mut wire = [0; MAX_NAME_LEN + 1];
        let (head, len) = (parts[0].len(), parts[0].len() + parts[1].len());
        if len > MAX_NAME_LEN {
            return None;
        }
        wire[..head].copy_from_slice(parts[0]);
        wire[head..len].copy_from_slice(parts[1]);
        Some(Target { wire, len })
    }

    fn name(&self) -> &Name {
        Name::from_validated(&self.wire[..self.len])
    }
}

/// A proof that belongs in the authority section, to be written when the answer section is complete.
struct Pending<'z> {
    zone: &'z Contents,
    name: Target,
    encloser: usize,
}

struct Answering<'z> {
    ask: Ask,
    may_ask: &'z dyn Fn(&Zone) -> bool,
    /// The name at hand, if it is not the question's own.
    owner: Option<Target>,
    authoritative: bool,
    ends: Ends,
    /// What is known of the RCODE even if the records do not fit.
    rcode: Rcode,
    /// Hashes of the owners of the DNAME records written so far.
    dnames: Written,
    /// Owners of the proofs written so far.
    proofs: Written,
    /// Wildcards that the chain came through.
    pending: [Option<Pending<'z>>; MAX_PENDING],
    pending_count: usize,
}

impl<'z> Answering<'z> {
    fn new(ask: Ask, may_ask: &'z dyn Fn(&Zone) -> bool) -> Answering<'z> {
        Answering {
            ask,
            may_ask,
            owner: None,
            authoritative: true,
            ends: Ends::Here,
            rcode: Rcode::NOERROR,
            dnames: Written::default(),
            proofs: Written::default(),
            pending: [const { None }; MAX_PENDING],
            pending_count: 0,
        }
    }

    /// Follows aliases through our zones; the RCODE is that of the last name (RFC 6604 3). A name seen
    /// before ends the chain.
    #[inline(never)]
    fn follow(
        &mut self,
        zones: &'z ZoneTable,
        mut step: Result<Step, Full>,
        alias: &mut HashedName,
        w: &mut Writer<'_>,
    ) -> Rcode {
        let question = w.question();
        let mut visited = [0u64; MAX_CHAIN];
        for hop in 0..=MAX_CHAIN {
            match step {
                Ok(Step::Done(rcode)) => return rcode,
                Ok(Step::Alias) if hop < MAX_CHAIN => {}
                Ok(Step::Alias) => break,
                Err(Full) => {
                    w.set_truncated();
                    return self.rcode;
                }
            }
            let Some(next) = &self.owner else { break };
            alias.set(next.name(), w.hasher());
            let hash = alias.hash(alias.labels());
            if visited[..hop].contains(&hash) || hash == question.hash(question.labels()) {
                break;
            }
            visited[hop] = hash;
            let Some((zone, _)) = zones.find(alias, self.ask.qtype) else {
                self.ends = Ends::Outside;
                break;
            };
            let Some(contents) = zone.contents.as_ref().filter(|_| (self.may_ask)(zone)) else { break };
            step = self.one(contents, alias, w);
        }
        // The chain leaves our data.
        if self.flush(w).is_err() {
            w.set_truncated();
        }
        Rcode::NOERROR
    }

    /// One name: the question's, or one that an alias led to.
    fn one(&mut self, zone: &'z Contents, name: &HashedName, w: &mut Writer<'_>) -> Result<Step, Full> {
        match zone.find(name) {
            Found::Exact(node) => self.node(zone, name, &node, None, w),
            Found::Wildcard { node, encloser } => self.node(zone, name, &node, Some(encloser), w),
            // RFC 4035 3.1.4.1: the parent's side of the cut is authoritative for DS.
            Found::Cut { node, depth } if self.ask.qtype == RType::DS && depth == name.labels() => {
                self.node(zone, name, &node, None, w)
            }
            Found::Cut { node, depth } => self.referral(zone, name, &node, depth, w),
            Found::Dname { node, depth } => self.dname(name, &node, depth, w),
            Found::Missing { encloser } => {
                self.rcode = Rcode::NXDOMAIN;
                self.negative(zone, name, Denial::NameError { encloser }, w)?;
                Ok(Step::Done(Rcode::NXDOMAIN))
            }
        }
    }

    /// The name exists, or a wildcard below `encloser` stands for it.
    fn node(
        &mut self,
        zone: &'z Contents,
        name: &HashedName,
        node: &Node<'_>,
        encloser: Option<usize>,
        w: &mut Writer<'_>,
    ) -> Result<Step, Full> {
        let qtype = self.ask.qtype;
        let rrset = match qtype {
            RType::ANY => return self.any(zone, name, node, encloser, w),
            RType::RRSIG => return self.signatures(zone, name, node, encloser, w),
            _ => node.rrset(qtype),
        };
        if let Some(rrset) = rrset {
            self.write(&rrset, w)?;
            self.expansion_proof(zone, name, encloser, w)?;
            if !self.ask.minimal {
                self.extras(zone, &rrset, w);
            } else if qtype == RType::NS {
                // Who asks for name servers needs their addresses, as in a referral.
                additional::of_answer(zone, &rrset, self.ask.dnssec_ok, w);
            }
            return Ok(Step::Done(Rcode::NOERROR));
        }
        if let Some(rrset) = node.rrset(RType::CNAME)
            && let Some(next) = rrset.first().and_then(|data| target(RType::CNAME, data))
        {
            self.write(&rrset, w)?;
            self.defer_proof(zone, name, encloser);
            self.owner = Target::new([next.as_wire(), &[]]);
            return Ok(Step::Alias);
        }
        self.no_data(zone, name, encloser, w)
    }

    fn no_data(
        &mut self,
        zone: &Contents,
        name: &HashedName,
        encloser: Option<usize>,
        w: &mut Writer<'_>,
    ) -> Result<Step, Full> {
        let denial = encloser.map_or(Denial::NoData, |encloser| Denial::WildcardNoData { encloser });
        self.negative(zone, name, denial, w)?;
        Ok(Step::Done(Rcode::NOERROR))
    }

    /// RFC 8482: over UDP one RRset, or HINFO where nothing has to be signed; over TCP everything.
    fn any(
        &mut self,
        zone: &Contents,
        name: &HashedName,
        node: &Node<'_>,
        encloser: Option<usize>,
        w: &mut Writer<'_>,
    ) -> Result<Step, Full> {
        let mut rrsets = node.rrsets().filter(|rrset| rrset.count > 0).peekable();
        if rrsets.peek().is_none() {
            return self.no_data(zone, name, encloser, w);
        }
        if self.ask.any_in_full {
            rrsets.try_for_each(|rrset| self.write(&rrset, w))?;
        } else if !zone.is_signed() && node.rrset(RType::CNAME).is_none() {
            w.record(Section::Answer, owner_of(&self.owner), RType::HINFO, ANY_HINFO_TTL, ANY_HINFO)?;
        } else if let Some(rrset) = node.rrset(RType::CNAME).or_else(|| rrsets.next()) {
            self.write(&rrset, w)?;
        }
        self.expansion_proof(zone, name, encloser, w)?;
        Ok(Step::Done(Rcode::NOERROR))
    }

    /// A question for RRSIG gets the signatures of everything at the name; over UDP of one RRset, as
    /// for ANY.
    fn signatures(
        &mut self,
        zone: &Contents,
        name: &HashedName,
        node: &Node<'_>,
        encloser: Option<usize>,
        w: &mut Writer<'_>,
    ) -> Result<Step, Full> {
        let limit = if self.ask.any_in_full { usize::MAX } else { 1 };
        let mut found = false;
        for rrset in node.rrsets().filter(Rrset::is_signed).take(limit) {
            found = true;
            write_signatures(w, Section::Answer, owner_of(&self.owner), &rrset, None)?;
        }
        if !found {
            return self.no_data(zone, name, encloser, w);
        }
        self.expansion_proof(zone, name, encloser, w)?;
        Ok(Step::Done(Rcode::NOERROR))
    }

    #[inline]
    fn write(&self, rrset: &Rrset<'_>, w: &mut Writer<'_>) -> Result<(), Full> {
        write_rrset(w, Section::Answer, owner_of(&self.owner), rrset, rrset.ttl, self.ask.dnssec_ok)
    }

    /// What was made from a wildcard needs the proof that the name itself does not exist (RFC 4035
    /// 3.1.3.3).
    fn expansion_proof(
        &mut self,
        zone: &Contents,
        name: &HashedName,
        encloser: Option<usize>,
        w: &mut Writer<'_>,
    ) -> Result<(), Full> {
        self.flush(w)?;
        match encloser {
            Some(encloser) if self.ask.dnssec_ok => {
                denial::prove(zone, name, Denial::Expanded { encloser }, &mut self.proofs, w)
            }
            _ => Ok(()),
        }
    }

    /// The same for an alias, behind which more answers come.
    fn defer_proof(&mut self, zone: &'z Contents, name: &HashedName, encloser: Option<usize>) {
        let Some(encloser) = encloser.filter(|_| self.ask.dnssec_ok) else { return };
        let slot = self.pending.get_mut(self.pending_count);
        if let Some((slot, name)) = slot.zip(Target::new([name.name().as_wire(), &[]])) {
            *slot = Some(Pending { zone, name, encloser });
            self.pending_count += 1;
        }
    }

    /// The answer section is complete: writes the proofs that waited for it.
    #[inline]
    fn flush(&mut self, w: &mut Writer<'_>) -> Result<(), Full> {
        if self.pending_count == 0 { Ok(()) } else { self.write_pending(w) }
    }

    #[inline(never)]
    fn write_pending(&mut self, w: &mut Writer<'_>) -> Result<(), Full> {
        self.pending_count = 0;
        let mut name = HashedName::default();
        for Pending { zone, name: target, encloser } in std::mem::take(&mut self.pending).into_iter().flatten() {
            name.set(target.name(), w.hasher());
            denial::prove(zone, &name, Denial::Expanded { encloser }, &mut self.proofs, w)?;
        }
        Ok(())
    }

    /// The SOA for negative caching (RFC 2308 3), and the proof.
    fn negative(&mut self, zone: &Contents, name: &HashedName, denial: Denial, w: &mut Writer<'_>) -> Result<(), Full> {
        self.flush(w)?;
        let soa = zone.apex().and_then(|apex| apex.rrset(RType::SOA));
        if let Some(soa) = soa {
            let minimum = soa.first().and_then(Soa::parse).map_or(soa.ttl, |fields| fields.minimum);
            let owner = self.apex(zone);
            write_rrset(w, Section::Authority, owner, &soa, soa.ttl.min(minimum), self.ask.dnssec_ok)?;
        }
        if self.ask.dnssec_ok {
            denial::prove(zone, name, denial, &mut self.proofs, w)?;
        }
        Ok(())
    }

    /// The zone's apex, which the question's own name ends with.
    fn apex<'a>(&self, zone: &'a Contents) -> Owner<'a> {
        match self.owner {
            None => Owner::Suffix(zone.origin_labels()),
            Some(_) => Owner::Name(zone.origin()),
        }
    }

    /// RFC 1034 4.3.2 step 3b, RFC 4035 3.1.4.
    fn referral(
        &mut self,
        zone: &Contents,
        name: &HashedName,
        cut: &Node<'_>,
        depth: usize,
        w: &mut Writer<'_>,
    ) -> Result<Step, Full> {
        if self.owner.is_none() {
            self.authoritative = false;
        }
        self.ends = Ends::Cut;
        self.flush(w)?;
        let Some(servers) = cut.rrset(RType::NS) else { return Ok(Step::Done(Rcode::NOERROR)) };
        let mut wire = [0u8; 256];
        let owner = match self.owner {
            None => Owner::Suffix(depth),
            Some(_) => Owner::Name(denial::join(cut.labels(), zone.origin(), &mut wire)),
        };
        write_rrset(w, Section::Authority, owner, &servers, servers.ttl, false)?;
        if self.ask.dnssec_ok {
            match cut.rrset(RType::DS) {
                Some(ds) => write_rrset(w, Section::Authority, owner, &ds, ds.ttl, true)?,
                None => denial::prove(zone, name, Denial::Insecure { depth }, &mut self.proofs, w)?,
            }
        }
        additional::glue(zone, cut, &servers, self.ask.dnssec_ok, w);
        Ok(Step::Done(Rcode::NOERROR))
    }

    /// RFC 6672 3.2: the DNAME, and the CNAME that follows from it.
    fn dname(&mut self, name: &HashedName, node: &Node<'_>, depth: usize, w: &mut Writer<'_>) -> Result<Step, Full> {
        let Some(rrset) = node.rrset(RType::DNAME) else { return Ok(Step::Done(Rcode::NOERROR)) };
        // A chain may come through one DNAME several times; it is written once (RFC 2181 5.5).
        if self.dnames.insert(name.hash(depth)) {
            let owner = match self.owner {
                None => Owner::Suffix(depth),
                Some(_) => Owner::Name(name.suffix(depth)),
            };
            write_rrset(w, Section::Answer, owner, &rrset, rrset.ttl, self.ask.dnssec_ok)?;
        }
        let Some(to) = rrset.first().and_then(|data| target(RType::DNAME, data)) else {
            return Ok(Step::Done(Rcode::NOERROR));
        };
        let prefix = name.between(name.labels(), depth);
        let Some(next) = Target::new([prefix, to.as_wire()]) else { return Ok(Step::Done(Rcode::YXDOMAIN)) };
        w.record(Section::Answer, owner_of(&self.owner), RType::CNAME, rrset.ttl, next.name().as_wire())?;
        if self.ask.qtype == RType::CNAME {
            return Ok(Step::Done(Rcode::NOERROR));
        }
        self.owner = Some(next);
        Ok(Step::Alias)
    }

    /// What a full answer has beside the records asked for (RFC 1034 3.7, 4.3.2 step 6).
    fn extras(&self, zone: &Contents, rrset: &Rrset<'_>, w: &mut Writer<'_>) {
        let servers = zone.apex().and_then(|apex| apex.rrset(RType::NS));
        if let Some(servers) = servers.filter(|_| rrset.rtype != RType::NS) {
            let dnssec_ok = self.ask.dnssec_ok;
            if write_rrset(w, Section::Authority, self.apex(zone), &servers, servers.ttl, dnssec_ok).is_ok() {
                additional::of_answer(zone, &servers, dnssec_ok, w);
            }
        }
        additional::of_answer(zone, rrset, self.ask.dnssec_ok, w);
    }
}

fn owner_of(owner: &Option<Target>) -> Owner<'_> {
    match owner {
        None => Owner::Question,
        Some(target) => Owner::Name(target.name()),
    }
}
