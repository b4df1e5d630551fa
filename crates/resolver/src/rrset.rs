//! An RRset with its signatures, as replies bring it and answers give it.

use std::collections::HashSet;

use dns::{Name, NameBuf, RType, Record};

/// Records that are compared each with each.
const FEW: usize = 16;

/// Record data one behind the other, each with its length in front; never compressed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Packed(Vec<u8>);

impl Packed {
    /// Adds the data of a record; more than 65,535 octets cannot come from a message and are left out.
    pub fn push(&mut self, rdata: &[u8]) {
        let Ok(len) = u16::try_from(rdata.len()) else { return };
        self.0.extend_from_slice(&len.to_be_bytes());
        self.0.extend_from_slice(rdata);
    }

    /// The data of each record.
    pub fn iter(&self) -> PackedIter<'_> {
        PackedIter(&self.0)
    }

    /// Takes out data that was there before.
    pub fn drop_repeated(&mut self) {
        let repeated =
            |few: &Packed| few.iter().enumerate().any(|(at, rdata)| few.iter().take(at).any(|it| it == rdata));
        // Hardly any RRset has more records than this, and none of them that comes twice.
        let many = self.iter().nth(FEW).is_some();
        if many || repeated(self) {
            let (mut seen, mut kept) = (HashSet::new(), Packed::default());
            self.iter().filter(|rdata| seen.insert(*rdata)).for_each(|rdata| kept.push(rdata));
            *self = kept;
        }
    }

    /// The octets themselves, for whoever keeps them in memory of its own.
    pub fn as_octets(&self) -> &[u8] {
        &self.0
    }

    /// Octets that [`Packed::as_octets`] gave.
    pub fn from_octets(octets: &[u8]) -> Packed {
        Packed(octets.to_vec())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Reads packed record data.
#[derive(Debug, Clone)]
pub struct PackedIter<'a>(&'a [u8]);

impl<'a> PackedIter<'a> {
    /// Over octets that [`Packed::as_octets`] gave.
    pub fn new(octets: &'a [u8]) -> PackedIter<'a> {
        PackedIter(octets)
    }
}

impl<'a> Iterator for PackedIter<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (len, rest) = self.0.split_first_chunk::<2>()?;
        let (rdata, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        self.0 = rest;
        Some(rdata)
    }
}

/// The records of one owner and type, class IN, and the RRSIG records that cover them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rrset {
    /// The owner.
    pub owner: NameBuf,
    /// The type; never RRSIG, unless that was asked for.
    pub rtype: RType,
    /// Seconds it may be kept: what came with it, bounded by its signature once that is verified.
    pub ttl: u32,
    /// The records' data, in the order in which they came.
    pub rdata: Packed,
    /// The data of the RRSIG records that cover it.
    pub signatures: Packed,
}

impl Rrset {
    /// An RRset without records.
    ///
    /// ```
    /// use dns::{NameBuf, RType};
    /// use resolver::Rrset;
    ///
    /// let owner: NameBuf = "www.example.".parse()?;
    /// let rrset = Rrset::new(owner, RType::A, 300).with(&[192, 0, 2, 1]).with(&[192, 0, 2, 2]);
    /// assert_eq!(rrset.rdata.iter().count(), 2);
    /// assert!(rrset.records(60).all(|record| record.ttl == 60));
    /// # Ok::<(), dns::NameError>(())
    /// ```
    pub fn new(owner: NameBuf, rtype: RType, ttl: u32) -> Rrset {
        Rrset { owner, rtype, ttl, rdata: Packed::default(), signatures: Packed::default() }
    }

    /// The same with one record more.
    pub fn with(mut self, rdata: &[u8]) -> Rrset {
        self.rdata.push(rdata);
        self
    }

    /// Whether it is at this name and of this type.
    pub fn is(&self, owner: &Name, rtype: RType) -> bool {
        self.rtype == rtype && *self.owner == *owner
    }

    /// Its records, without the signatures, with a TTL.
    pub fn records(&self, ttl: u32) -> impl Iterator<Item = Record> + '_ {
        self.rdata.iter().map(move |rdata| self.record(self.rtype, ttl, rdata))
    }

    /// The signatures as records.
    pub fn signature_records(&self, ttl: u32) -> impl Iterator<Item = Record> + '_ {
        self.signatures.iter().map(move |rdata| self.record(RType::RRSIG, ttl, rdata))
    }

    fn record(&self, rtype: RType, ttl: u32, rdata: &[u8]) -> Record {
        Record { owner: self.owner.clone(), rtype, class: dns::Class::IN, ttl, rdata: rdata.to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_data_comes_back() {
        let mut packed = Packed::default();
        assert!(packed.is_empty());
        for rdata in [&b"one"[..], b"", b"three"] {
            packed.push(rdata);
        }
        assert_eq!(packed.iter().collect::<Vec<_>>(), [&b"one"[..], b"", b"three"]);
        assert_eq!(Packed::from_octets(packed.as_octets()), packed);
        let mut twice = packed.clone();
        packed.iter().for_each(|rdata| twice.push(rdata));
        twice.drop_repeated();
        assert_eq!(twice, packed);
        (0..40u8).for_each(|i| twice.push(&[i % 30]));
        twice.drop_repeated();
        assert_eq!(twice.iter().count(), 33);
        // Cut short, it ends early and nothing else.
        let cut = &packed.as_octets()[..packed.as_octets().len() - 1];
        assert_eq!(PackedIter::new(cut).count(), 2);
    }
}
