//! Fills one message of a transfer (RFC 5936 2.2). Made for millions of records a second: no
//! allocation, owners relative to the zone, and only three names are compressed against: the zone's, the
//! owner's and the last one in record data. Case is preserved (RFC 5936 3.4).

use dns::header::HEADER_LEN;
use dns::query::flags;
use dns::rdata::wire::layout;
use dns::{Class, Name, RType};

use super::Asked;

/// Compression pointers have 14 bits (RFC 1035 4.1.4).
const MAX_POINTER: usize = 0x3fff;
/// Octets of a record between its owner and its data.
const FIXED_LEN: usize = 10;
/// An OPT record without options.
const OPT_LEN: usize = 11;
/// The UDP size that our OPT record tells.
const UDP_SIZE: u16 = 1232;

/// A name in record data that was written, and where.
struct Target<'a> {
    name: &'a [u8],
    at: usize,
    /// Where the name without its first label stands.
    parent_at: usize,
}

/// A message being filled; records borrow from what is sent.
pub struct MessageWriter<'a> {
    out: &'a mut Vec<u8>,
    limit: usize,
    count: u16,
    opt: Option<bool>,
    origin: &'a [u8],
    /// Where the origin stands; 0: nowhere yet.
    origin_at: usize,
    /// The owner's labels relative to the origin.
    labels: &'a [u8],
    owner_at: usize,
    target: Option<Target<'a>>,
}

impl<'a> MessageWriter<'a> {
    /// Begins a message in `out`, which is empty. The first one of an answer repeats the question, and has an
    /// OPT record if the query had one (RFC 5936 2.2.1, 2.2.5).
    pub fn begin(out: &'a mut Vec<u8>, asked: &Asked, is_first: bool, origin: &'a Name, limit: usize) -> Self {
        let rd = if asked.recursion_desired { flags::RD } else { 0 };
        let mut header = [0; HEADER_LEN];
        header[..2].copy_from_slice(&asked.id.to_be_bytes());
        header[2] = flags::QR | flags::AA | rd;
        header[5] = u8::from(is_first);
        out.extend_from_slice(&header);
        let mut origin_at = 0;
        if is_first {
            if asked.name.as_wire() == origin.as_wire() && !origin.is_root() {
                origin_at = HEADER_LEN;
            }
            out.extend_from_slice(asked.name.as_wire());
            out.extend_from_slice(&asked.qtype.0.to_be_bytes());
            out.extend_from_slice(&Class::IN.0.to_be_bytes());
        }
        let opt = asked.edns.filter(|_| is_first);
        let origin = origin.as_wire();
        MessageWriter { out, limit, count: 0, opt, origin, origin_at, labels: &[], owner_at: 0, target: None }
    }

    /// Whether there is no record yet.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Lets the message become this large.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// The records that follow belong to the name with these labels in front of the origin.
    #[inline]
    pub fn owner(&mut self, labels: &'a [u8]) {
        if self.labels != labels {
            (self.labels, self.owner_at) = (labels, 0);
        }
    }

    /// Adds a record; `false`, with nothing written, if it does not fit even without compression.
    #[inline]
    pub fn record(&mut self, rtype: RType, ttl: u32, rdata: &'a [u8]) -> bool {
        let opt = if self.opt.is_some() { OPT_LEN } else { 0 };
        let most = self.labels.len() + self.origin.len() + FIXED_LEN + rdata.len() + opt;
        if self.out.len() + most > self.limit || self.count == u16::MAX {
            return false;
        }
        self.count += 1;
        self.put_owner();
        let mut fixed = [0, 0, 0, Class::IN.0 as u8, 0, 0, 0, 0, 0, 0];
        fixed[..2].copy_from_slice(&rtype.0.to_be_bytes());
        fixed[4..8].copy_from_slice(&ttl.to_be_bytes());
        fixed[8..].copy_from_slice(&(rdata.len() as u16).to_be_bytes());
        self.out.extend_from_slice(&fixed);
        let layout = layout(rtype);
        if layout.names == 0 {
            self.out.extend_from_slice(rdata);
        } else {
            self.put_compressed(usize::from(layout.prefix), layout.names, rdata);
        }
        true
    }

    /// Ends the message.
    pub fn finish(self) {
        if let Some(dnssec_ok) = self.opt {
            let [high, low] = UDP_SIZE.to_be_bytes();
            let flags = u8::from(dnssec_ok) << 7;
            self.out.extend_from_slice(&[0, 0, RType::OPT.0 as u8, high, low, 0, 0, flags, 0, 0, 0]);
            self.out[HEADER_LEN - 1] = 1;
        }
        self.out[6..8].copy_from_slice(&self.count.to_be_bytes());
    }

    #[inline]
    fn put_owner(&mut self) {
        if self.owner_at != 0 {
            return self.put_pointer(self.owner_at);
        }
        let at = self.out.len();
        self.out.extend_from_slice(self.labels);
        let origin_at = self.put_origin();
        self.owner_at = if self.labels.is_empty() { origin_at } else { pointable(at) };
    }

    /// Writes the origin and returns where it can be pointed at, or 0.
    #[inline]
    fn put_origin(&mut self) -> usize {
        if self.origin_at != 0 {
            self.put_pointer(self.origin_at);
        } else {
            // The root is shorter than a pointer to it.
            self.origin_at = if self.origin.len() > 1 { pointable(self.out.len()) } else { 0 };
            self.out.extend_from_slice(self.origin);
        }
        self.origin_at
    }

    #[inline]
    fn put_pointer(&mut self, at: usize) {
        self.out.extend_from_slice(&(0xc000 | at as u16).to_be_bytes());
    }

    /// Writes data in which `names` names stand behind `prefix` octets. Data that is not so is copied.
    fn put_compressed(&mut self, prefix: usize, names: u8, rdata: &'a [u8]) {
        let start = self.out.len();
        let (head, mut rest) = rdata.split_at_checked(prefix).unwrap_or((&[], rdata));
        self.out.extend_from_slice(head);
        for _ in 0..names {
            let Ok((name, behind)) = Name::split_from_wire(rest) else { break };
            self.put_name(name.as_wire());
            rest = behind;
        }
        self.out.extend_from_slice(rest);
        let len = (self.out.len() - start) as u16;
        self.out[start - 2..start].copy_from_slice(&len.to_be_bytes());
    }

    fn put_name(&mut self, name: &'a [u8]) {
        if name.len() == 1 {
            return self.out.push(0);
        }
        if let Some(target) = self.target.as_ref().filter(|target| target.name == name) {
            return self.put_pointer(target.at);
        }
        let at = self.out.len();
        let first = 1 + usize::from(name[0]);
        let (kept, pointer) = self.known_suffix(name, first);
        self.out.extend_from_slice(&name[..kept]);
        if pointer != 0 {
            self.put_pointer(pointer);
        }
        let parent_at = if kept == first && pointer != 0 { pointer } else { pointable(at + first) };
        // A name that is all pointer has no place of its own.
        if kept > 0 && pointable(at) != 0 {
            self.target = Some(Target { name, at, parent_at });
        }
    }

    /// How many octets of `name` come before the longest suffix that stands in the message, and where that
    /// is; the whole name and 0 if there is none.
    fn known_suffix(&self, name: &[u8], first: usize) -> (usize, usize) {
        let mut best = (name.len(), 0);
        let cut = name.len().saturating_sub(self.origin.len());
        if self.origin_at != 0 && name[cut..] == *self.origin {
            let owner_cut = cut.saturating_sub(self.labels.len());
            let mut at = 0;
            while at < cut {
                if at == owner_cut && self.owner_at != 0 && name[at..cut] == *self.labels {
                    return (at, self.owner_at);
                }
                at += 1 + usize::from(name[at]);
            }
            if at == cut {
                best = (cut, self.origin_at);
            }
        }
        let same_parent = |target: &&Target<'_>| {
            let own = 1 + usize::from(target.name[0]);
            target.parent_at != 0 && name.len() > first + 1 && target.name[own..] == name[first..]
        };
        match self.target.as_ref().filter(same_parent) {
            Some(target) if first < best.0 => (first, target.parent_at),
            _ => best,
        }
    }
}

/// `at` if pointers reach it, else 0.
#[inline]
fn pointable(at: usize) -> usize {
    if at <= MAX_POINTER { at } else { 0 }
}
