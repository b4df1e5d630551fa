//! Writes a response behind the question of the query it answers, in the same buffer (RFC 1035 4.1).
//!
//! Records are written section by section; names are compressed against the question and against
//! what was written before (RFC 1035 4.1.4). A record that does not fit leaves the buffer as it was.

use crate::class::Class;
use crate::header::HEADER_LEN;
use crate::name::{MAX_LABELS, Name, label_starts};
use crate::namehash::NameHasher;
use crate::query::flags;
use crate::question::HashedName;
use crate::rdata::wire::{Layout, layout};
use crate::rtype::RType;

/// How many names a response remembers for compression; later names just compress less.
const MAX_REMEMBERED: usize = 16;
/// Compression pointers have 14 bits (RFC 1035 4.1.4).
const MAX_POINTER: usize = 0x3fff;

/// The record does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// The sections behind the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Answer.
    Answer = 0,
    /// Authority.
    Authority = 1,
    /// Additional.
    Additional = 2,
}

/// The owner of a record to be written.
#[derive(Clone, Copy)]
pub enum Owner<'a> {
    /// The name of the question.
    Question,
    /// The suffix of the question's name with this many labels.
    Suffix(usize),
    /// Any name.
    Name(&'a Name),
    /// The labels in `.0`, followed by the suffix of the question's name with `.1` labels.
    Under(&'a [u8], usize),
}

/// A point to go back to.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    pos: usize,
    counts: [u16; 3],
    remembered: usize,
}

/// A response being written.
pub struct Writer<'a> {
    buf: &'a mut [u8],
    question: &'a HashedName,
    hasher: NameHasher,
    pos: usize,
    limit: usize,
    counts: [u16; 3],
    /// Hashes of names written so far, and where they stand.
    names: [u64; MAX_REMEMBERED],
    offsets: [u16; MAX_REMEMBERED],
    remembered: usize,
    truncated: bool,
}

impl<'a> Writer<'a> {
    /// A response to the query in `buf`, whose question ends at `question_end`; what follows the
    /// question is overwritten. It takes at most `limit` octets.
    #[inline]
    pub fn new(
        buf: &'a mut [u8],
        question: &'a HashedName,
        hasher: NameHasher,
        question_end: usize,
        limit: usize,
    ) -> Writer<'a> {
        let limit = limit.min(buf.len());
        Writer {
            buf,
            question,
            hasher,
            pos: question_end,
            limit,
            counts: [0; 3],
            names: [0; MAX_REMEMBERED],
            offsets: [0; MAX_REMEMBERED],
            remembered: 0,
            truncated: false,
        }
    }

    /// Keeps `octets` at the end free for what [`Writer::release`] will allow again (the OPT record).
    pub fn reserve(&mut self, octets: usize) {
        self.limit = self.limit.saturating_sub(octets);
    }

    /// Gives back what [`Writer::reserve`] kept.
    pub fn release(&mut self, octets: usize) {
        self.limit = (self.limit + octets).min(self.buf.len());
    }

    /// Where the writer stands, for [`Writer::rollback`].
    pub fn mark(&self) -> Mark {
        Mark { pos: self.pos, counts: self.counts, remembered: self.remembered }
    }

    /// Forgets what was written since `mark`.
    pub fn rollback(&mut self, mark: Mark) {
        self.pos = mark.pos;
        self.counts = mark.counts;
        self.remembered = mark.remembered;
    }

    /// Forgets what was written since `mark`, and that something did not fit: another answer follows.
    pub fn start_over(&mut self, mark: Mark) {
        self.rollback(mark);
        self.truncated = false;
    }

    /// Forgets everything behind the question: another answer follows.
    pub fn clear(&mut self, question_end: usize) {
        self.start_over(Mark { pos: question_end, counts: [0; 3], remembered: 0 });
    }

    /// Says that something that belongs in the answer did not fit (RFC 2181 9).
    pub fn set_truncated(&mut self) {
        self.truncated = true;
    }

    /// Whether [`Writer::set_truncated`] was called.
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Number of records in a section so far.
    pub fn count(&self, section: Section) -> u16 {
        self.counts[section as usize]
    }

    /// Octets written so far, header included.
    pub fn len(&self) -> usize {
        self.pos
    }

    /// Whether nothing stands behind the question.
    pub fn is_empty(&self) -> bool {
        self.counts == [0; 3]
    }

    /// The whole buffer: what was written, and behind it what is left of the query.
    pub fn octets(&self) -> &[u8] {
        self.buf
    }

    /// The question's name.
    pub fn question(&self) -> &'a HashedName {
        self.question
    }

    /// The hasher under which names are remembered.
    pub fn hasher(&self) -> NameHasher {
        self.hasher
    }

    /// Writes one record, or nothing.
    #[inline]
    pub fn record(
        &mut self,
        section: Section,
        owner: Owner<'_>,
        rtype: RType,
        ttl: u32,
        rdata: &[u8],
    ) -> Result<(), Full> {
        self.record_in_class(section, owner, (rtype, Class::IN), ttl, rdata)
    }

    /// Writes a record of another class; see [`Writer::record`].
    #[inline]
    pub fn record_in_class(
        &mut self,
        section: Section,
        owner: Owner<'_>,
        (rtype, class): (RType, Class),
        ttl: u32,
        rdata: &[u8],
    ) -> Result<(), Full> {
        let mark = (self.pos, self.remembered);
        let result = self.record_inner(owner, rtype, class, ttl, rdata);
        match result {
            Ok(()) => self.counts[section as usize] += 1,
            Err(Full) => (self.pos, self.remembered) = mark,
        }
        result
    }

    #[inline]
    fn record_inner(
        &mut self,
        owner: Owner<'_>,
        rtype: RType,
        class: Class,
        ttl: u32,
        rdata: &[u8],
    ) -> Result<(), Full> {
        match owner {
            Owner::Question => self.pointer(HEADER_LEN)?,
            Owner::Suffix(0) => self.put(&[0])?,
            Owner::Suffix(depth) => self.pointer(HEADER_LEN + self.question.start(depth))?,
            Owner::Name(name) => self.name(name)?,
            Owner::Under(labels, depth) => {
                let mut wire = [0u8; 256];
                let suffix = self.question.suffix(depth).as_wire();
                let len = labels.len() + suffix.len();
                wire.get_mut(..labels.len()).ok_or(Full)?.copy_from_slice(labels);
                wire.get_mut(labels.len()..len).ok_or(Full)?.copy_from_slice(suffix);
                self.name(Name::from_validated(&wire[..len]))?;
            }
        }
        let mut fixed = [0u8; 10];
        fixed[..2].copy_from_slice(&rtype.0.to_be_bytes());
        fixed[2..4].copy_from_slice(&class.0.to_be_bytes());
        fixed[4..8].copy_from_slice(&ttl.to_be_bytes());
        fixed[8..].copy_from_slice(&(rdata.len() as u16).to_be_bytes());
        self.put(&fixed)?;
        let Layout { prefix, names } = layout(rtype);
        if names == 0 {
            return self.put(rdata);
        }
        let start = self.pos;
        self.compressed_data(rdata, usize::from(prefix), names)?;
        let len = (self.pos - start) as u16;
        self.buf[start - 2..start].copy_from_slice(&len.to_be_bytes());
        Ok(())
    }

    /// Record data with names that may be compressed (RFC 3597 4).
    fn compressed_data(&mut self, rdata: &[u8], prefix: usize, names: u8) -> Result<(), Full> {
        let (fixed, mut rest) = rdata.split_at_checked(prefix).unwrap_or((rdata, &[]));
        self.put(fixed)?;
        for _ in 0..names {
            let Ok((name, behind)) = Name::split_from_wire(rest) else { break };
            self.name(name)?;
            rest = behind;
        }
        self.put(rest)
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let end = self.pos + bytes.len();
        if end > self.limit {
            return Err(Full);
        }
        self.buf[self.pos..end].copy_from_slice(bytes);
        self.pos = end;
        Ok(())
    }

    #[inline]
    fn pointer(&mut self, offset: usize) -> Result<(), Full> {
        self.put(&(0xc000 | offset as u16).to_be_bytes())
    }

    /// Writes a name, its longest known suffix as a pointer.
    fn name(&mut self, name: &Name) -> Result<(), Full> {
        let wire = name.as_wire();
        let mut starts = [0u8; MAX_LABELS + 1];
        let labels = label_starts(wire, &mut starts);
        let at = wire.len() - 1;
        // From the right: as long as the suffix is known, a longer one may be as well.
        let mut hash = self.hasher.root();
        let (mut cut, mut target, mut end) = (at, None, at);
        let mut new = labels;
        while new > 0 {
            let start = starts[new - 1] as usize;
            let longer = self.hasher.extend(hash, &wire[start + 1..end]);
            let Some(offset) = self.known(longer, labels - new + 1) else { break };
            (hash, cut, target, end) = (longer, start, Some(offset), start);
            new -= 1;
        }
        let begin = self.pos;
        self.put(&wire[..cut])?;
        match target {
            Some(offset) => self.pointer(offset)?,
            None => self.put(&[0])?,
        }
        for &start in starts[..new].iter().rev() {
            let start = start as usize;
            hash = self.hasher.extend(hash, &wire[start + 1..end]);
            end = start;
            self.remember(hash, begin + start);
        }
        Ok(())
    }

    /// Where the name with this hash and number of labels stands in the message. Hashes are seeded and
    /// 64 bits wide; two names of one message that share one do not occur.
    #[inline]
    fn known(&self, hash: u64, depth: usize) -> Option<usize> {
        if depth <= self.question.labels() && self.question.hash(depth) == hash {
            return Some(HEADER_LEN + self.question.start(depth));
        }
        let names = &self.names[..self.remembered];
        names.iter().position(|&known| known == hash).map(|i| usize::from(self.offsets[i]))
    }

    fn remember(&mut self, hash: u64, offset: usize) {
        if self.remembered < MAX_REMEMBERED && offset <= MAX_POINTER {
            self.names[self.remembered] = hash;
            self.offsets[self.remembered] = offset as u16;
            self.remembered += 1;
        }
    }

    /// Writes the header over that of the query and returns the length of the response.
    ///
    /// ID and what [`flags::kept`] says are kept from the query; `set` are the bits of the third octet to add (AA),
    /// `rcode` the lower four bits.
    #[inline]
    pub fn finish(self, questions: u16, set: u8, rcode: u8) -> usize {
        self.finish_recursive(questions, set, 0, rcode)
    }

    /// The same; `set_low` are the bits of the fourth octet to add (RA, AD).
    #[inline]
    pub fn finish_recursive(self, questions: u16, set: u8, set_low: u8, rcode: u8) -> usize {
        let (third, fourth) = flags::kept(self.buf[2], self.buf[3]);
        let tc = if self.truncated { flags::TC } else { 0 };
        self.buf[2] = flags::QR | third | set | tc;
        self.buf[3] = fourth | set_low | rcode & 0x0f;
        self.buf[4..6].copy_from_slice(&questions.to_be_bytes());
        for (slot, count) in self.buf[6..12].chunks_exact_mut(2).zip(self.counts) {
            slot.copy_from_slice(&count.to_be_bytes());
        }
        self.pos
    }
}
