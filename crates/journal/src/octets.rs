//! Integers of variable length and counted octets: what the codec of changes is made of.

/// Most octets of an integer: 64 bits, 7 in each.
const MAX_VARINT_LEN: u32 = 10;

/// Appends `value`, 7 bits an octet, lowest first; the top bit says that more follow.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends `octets` with their number in front.
pub fn put_counted(out: &mut Vec<u8>, octets: &[u8]) {
    put_varint(out, octets.len() as u64);
    out.extend_from_slice(octets);
}

/// Takes octets from the front; `None` from any of its functions: they are not there, or wrong.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads `octets`.
    pub fn new(octets: &'a [u8]) -> Reader<'a> {
        Reader { rest: octets }
    }

    /// What is left.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Goes on at `rest`.
    pub fn set_rest(&mut self, rest: &'a [u8]) {
        self.rest = rest;
    }

    /// One octet.
    pub fn octet(&mut self) -> Option<u8> {
        self.array::<1>().map(|[octet]| octet)
    }

    /// Exactly `N` octets.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*head)
    }

    /// `len` octets.
    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(head)
    }

    /// An integer as [`put_varint`] writes it: in its shortest form.
    pub fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for i in 0..MAX_VARINT_LEN {
            let octet = self.octet()?;
            let bits = u64::from(octet & 0x7F);
            value |= bits.checked_shl(7 * i).filter(|shifted| shifted >> (7 * i) == bits)?;
            if octet & 0x80 == 0 {
                return (i == 0 || bits != 0).then_some(value);
            }
        }
        None
    }

    /// A number of things that take at least `least` octets each: no more than can still follow.
    pub fn count(&mut self, least: usize) -> Option<usize> {
        let count = usize::try_from(self.varint()?).ok()?;
        (count <= self.rest.len() / least).then_some(count)
    }

    /// What [`put_counted`] wrote.
    pub fn counted(&mut self) -> Option<&'a [u8]> {
        let len = self.count(1)?;
        self.take(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        for value in [0, 1, 127, 128, 300, 16_383, 16_384, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            let mut reader = Reader::new(&out);
            assert_eq!((reader.varint(), reader.rest().len()), (Some(value), 0), "{value}");
            assert_eq!(Reader::new(&out[..out.len() - 1]).varint(), None, "{value} cut");
        }
        let refused: [&[u8]; 3] = [&[0x80, 0], &[0xFF; 11], &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2]];
        refused.iter().for_each(|octets| assert_eq!(Reader::new(octets).varint(), None, "{octets:?}"));
    }

    #[test]
    fn counts_are_bounded_by_what_follows() {
        assert_eq!(Reader::new(&[2, 0, 0, 0, 0]).count(2), Some(2));
        assert_eq!(Reader::new(&[3, 0, 0, 0, 0]).count(2), None);
        assert_eq!(Reader::new(&[2, 7, 8, 9]).counted(), Some(&[7, 8][..]));
        assert_eq!(Reader::new(&[4, 7, 8, 9]).counted(), None);
    }
}
