//! One owner name and its RRsets, packed into consecutive octets so that an answer touches few cache
//! lines. [`Node`] and [`Rrset`] are views; [`NodeWriter`] packs.
//!
//! ```text
//! node:  flags u16, name length u8, owner labels relative to the apex, RRsets to the end
//! RRset: type u16, records u16, TTL u32, body octets u32, signatures u16, body
//! body:  (length u16, data)*records, then if signatures: TTL u32, (length u16, data)*signatures
//! ```

use dns::RType;

/// Something is delegated here: NS records below the apex.
pub const CUT: u16 = 1;
/// The owner of a DNAME.
pub const DNAME: u16 = 2;
/// `*` exists directly below this name.
pub const WILDCARD_CHILD: u16 = 4;
/// Only the hashed denial of RFC 5155 lives here: to queries the name does not exist (RFC 5155 7.2.8).
pub const NSEC3_ONLY: u16 = 8;

const NODE_HEAD: usize = 3;
const RRSET_HEAD: usize = 14;
/// Largest node; what does not fit is refused when the zone is built. An RRset that fits into no message is smaller: it
/// can be held, so that a secondary has it as its primary does.
pub const MAX_NODE_BYTES: usize = 1 << 20;
/// Most records of one type and owner.
pub const MAX_RRSET_RECORDS: usize = u16::MAX as usize;

/// A view of an owner name and its RRsets.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    flags: u16,
    labels: &'a [u8],
    rrsets: &'a [u8],
}

impl<'a> Node<'a> {
    /// The node at the start of `memory`, which may go on behind it; `len` is its size.
    #[inline]
    pub fn read(memory: &'a [u8], len: usize) -> Node<'a> {
        let blob = &memory[..len];
        let name_end = NODE_HEAD + usize::from(blob[2]);
        Node {
            flags: u16::from_le_bytes([blob[0], blob[1]]),
            labels: &blob[NODE_HEAD..name_end],
            rrsets: &blob[name_end..],
        }
    }

    /// Appends the node's octets to `out`, for [`Node::read`].
    pub fn copy_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.flags.to_le_bytes());
        out.push(self.labels.len() as u8);
        out.extend_from_slice(self.labels);
        out.extend_from_slice(self.rrsets);
    }

    /// Octets of the node.
    pub fn octets(&self) -> usize {
        NODE_HEAD + self.labels.len() + self.rrsets.len()
    }

    /// The owner's labels relative to the apex (empty for the apex itself).
    #[inline]
    pub fn labels(&self) -> &'a [u8] {
        self.labels
    }

    /// Whether one of the flags of `mask` is set.
    #[inline]
    pub fn has(&self, mask: u16) -> bool {
        self.flags & mask != 0
    }

    /// All flags.
    pub fn flags(&self) -> u16 {
        self.flags
    }

    /// Whether nothing is here: an empty non-terminal (RFC 4592 2.2.2).
    pub fn is_empty(&self) -> bool {
        self.rrsets.is_empty()
    }

    /// Whether both hold the same octets: the same RRsets, or nearly always different ones.
    pub fn has_rrsets_of(&self, other: &Node<'_>) -> bool {
        self.rrsets == other.rrsets
    }

    /// The RRset of a type; an entry that only holds signatures does not count.
    #[inline]
    pub fn rrset(&self, rtype: RType) -> Option<Rrset<'a>> {
        self.rrsets().find(|rrset| rrset.rtype == rtype && rrset.count > 0)
    }

    /// All RRsets, in the order of their types.
    #[inline]
    pub fn rrsets(&self) -> RrsetIter<'a> {
        RrsetIter { rest: self.rrsets }
    }
}

/// The records of one type and their signatures.
#[derive(Clone, Copy)]
pub struct Rrset<'a> {
    /// The type.
    pub rtype: RType,
    /// Time to live in seconds.
    pub ttl: u32,
    /// Number of records; 0 when there are only (stray) signatures.
    pub count: u16,
    sigs: u16,
    body: &'a [u8],
}

impl<'a> Rrset<'a> {
    /// The data of each record, in canonical order (RFC 4034 6.3).
    #[inline]
    pub fn data(&self) -> Data<'a> {
        Data { rest: self.body, left: self.count }
    }

    /// The first record's data.
    #[inline]
    pub fn first(&self) -> Option<&'a [u8]> {
        self.data().next()
    }

    /// The TTL and the data of the RRSIG records that cover this RRset.
    #[inline]
    pub fn signatures(&self) -> (u32, Data<'a>) {
        if self.sigs == 0 {
            return (0, Data { rest: &[], left: 0 });
        }
        let mut records = self.data();
        while records.next().is_some() {}
        let (ttl, rest) =
            records.rest.split_first_chunk::<4>().map_or((0, &[][..]), |(t, r)| (u32::from_le_bytes(*t), r));
        (ttl, Data { rest, left: self.sigs })
    }

    /// Whether there are signatures.
    pub fn is_signed(&self) -> bool {
        self.sigs > 0
    }
}

/// Iterator over record data.
#[derive(Clone)]
pub struct Data<'a> {
    rest: &'a [u8],
    left: u16,
}

impl<'a> Iterator for Data<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        let (len, rest) = self.rest.split_first_chunk::<2>()?;
        let (data, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*len)))?;
        self.rest = rest;
        Some(data)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::from(self.left), Some(usize::from(self.left)))
    }
}

/// Iterator over a node's RRsets.
#[derive(Clone)]
pub struct RrsetIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for RrsetIter<'a> {
    type Item = Rrset<'a>;

    #[inline]
    fn next(&mut self) -> Option<Rrset<'a>> {
        let (head, rest) = self.rest.split_first_chunk::<RRSET_HEAD>()?;
        let len = u32::from_le_bytes([head[8], head[9], head[10], head[11]]) as usize;
        let (body, rest) = rest.split_at_checked(len)?;
        self.rest = rest;
        Some(Rrset {
            rtype: RType(u16::from_le_bytes([head[0], head[1]])),
            count: u16::from_le_bytes([head[2], head[3]]),
            ttl: u32::from_le_bytes([head[4], head[5], head[6], head[7]]),
            sigs: u16::from_le_bytes([head[12], head[13]]),
            body,
        })
    }
}

/// Packs nodes behind one another into a buffer.
pub struct NodeWriter<'b> {
    out: &'b mut Vec<u8>,
    start: usize,
    rrset: usize,
    count: u16,
    sigs: u16,
}

impl<'b> NodeWriter<'b> {
    /// Begins a node with the owner's labels relative to the apex.
    pub fn new(out: &'b mut Vec<u8>, labels: &[u8]) -> NodeWriter<'b> {
        let start = out.len();
        out.extend_from_slice(&[0, 0, labels.len() as u8]);
        out.extend_from_slice(labels);
        NodeWriter { out, start, rrset: 0, count: 0, sigs: 0 }
    }

    /// Begins an RRset; types must come in rising order.
    pub fn begin(&mut self, rtype: RType, ttl: u32) {
        self.rrset = self.out.len();
        (self.count, self.sigs) = (0, 0);
        let mut head = [0u8; RRSET_HEAD];
        head[..2].copy_from_slice(&rtype.0.to_le_bytes());
        head[4..8].copy_from_slice(&ttl.to_le_bytes());
        self.out.extend_from_slice(&head);
    }

    /// Adds a record to the RRset; all records come before the signatures.
    pub fn record(&mut self, data: &[u8]) {
        self.count += 1;
        self.push(data);
    }

    /// Adds a signature to the RRset; the TTL of the first one counts.
    pub fn signature(&mut self, ttl: u32, data: &[u8]) {
        if self.sigs == 0 {
            self.out.extend_from_slice(&ttl.to_le_bytes());
        }
        self.sigs += 1;
        self.push(data);
    }

    fn push(&mut self, data: &[u8]) {
        self.out.extend_from_slice(&(data.len() as u16).to_le_bytes());
        self.out.extend_from_slice(data);
    }

    /// Ends the RRset.
    pub fn end(&mut self) {
        let body = (self.out.len() - self.rrset - RRSET_HEAD) as u32;
        let head = &mut self.out[self.rrset..self.rrset + RRSET_HEAD];
        head[2..4].copy_from_slice(&self.count.to_le_bytes());
        head[8..12].copy_from_slice(&body.to_le_bytes());
        head[12..14].copy_from_slice(&self.sigs.to_le_bytes());
    }

    /// Copies a whole RRset of another node.
    pub fn copy(&mut self, rrset: &Rrset<'_>) {
        self.begin(rrset.rtype, rrset.ttl);
        (self.count, self.sigs) = (rrset.count, rrset.sigs);
        self.out.extend_from_slice(rrset.body);
        self.end();
    }

    /// Octets of the node so far.
    pub fn octets(&self) -> usize {
        self.out.len() - self.start
    }

    /// Ends the node.
    pub fn finish(self, flags: u16) {
        self.out[self.start..self.start + 2].copy_from_slice(&flags.to_le_bytes());
    }
}

/// Sets a flag of a packed node that starts at `at`.
pub fn add_flag(memory: &mut [u8], at: usize, flag: u16) {
    let flags = u16::from_le_bytes([memory[at], memory[at + 1]]) | flag;
    memory[at..at + 2].copy_from_slice(&flags.to_le_bytes());
}

/// Clears a flag of a packed node that starts at `at`.
pub fn clear_flag(memory: &mut [u8], at: usize, flag: u16) {
    let flags = u16::from_le_bytes([memory[at], memory[at + 1]]) & !flag;
    memory[at..at + 2].copy_from_slice(&flags.to_le_bytes());
}

/// The flags that follow from a node's own records.
pub(crate) fn flags_of(node: &Node<'_>, depth: usize) -> u16 {
    let mut flags = 0;
    let mut others = false;
    let mut nsec3 = false;
    for rrset in node.rrsets() {
        match rrset.rtype {
            RType::NS if depth > 0 && rrset.count > 0 => flags |= CUT,
            RType::DNAME if rrset.count > 0 => flags |= DNAME,
            _ => {}
        }
        if rrset.rtype == RType::NSEC3 { nsec3 = true } else { others = true }
    }
    if nsec3 && !others { flags | NSEC3_ONLY } else { flags }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_and_reads() {
        let mut out = vec![9, 9];
        let mut writer = NodeWriter::new(&mut out, b"\x03www");
        writer.begin(RType::A, 300);
        writer.record(&[1, 2, 3, 4]);
        writer.record(&[1, 2, 3, 5]);
        writer.signature(60, b"sig");
        writer.end();
        writer.begin(RType::TXT, 5);
        writer.record(b"\x01x");
        writer.end();
        writer.finish(CUT);
        let node = Node::read(&out[2..], out.len() - 2);
        assert_eq!(node.labels(), b"\x03www");
        assert!(node.has(CUT) && !node.has(DNAME) && !node.is_empty());
        let a = node.rrset(RType::A).expect("A");
        assert_eq!(a.data().collect::<Vec<_>>(), [[1, 2, 3, 4], [1, 2, 3, 5]]);
        let (ttl, mut sigs) = a.signatures();
        assert_eq!((ttl, sigs.next(), sigs.next()), (60, Some(&b"sig"[..]), None));
        let txt = node.rrset(RType::TXT).expect("TXT");
        assert_eq!((txt.ttl, txt.first(), txt.is_signed()), (5, Some(&b"\x01x"[..]), false));
        assert!(node.rrset(RType::MX).is_none());
    }
}
