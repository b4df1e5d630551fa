//! A reader of DER (X.690), for what private keys need of it.

/// INTEGER.
pub(super) const INTEGER: u8 = 2;
/// OCTET STRING.
pub(super) const OCTET_STRING: u8 = 4;
/// OBJECT IDENTIFIER.
pub(super) const OBJECT_IDENTIFIER: u8 = 6;
/// SEQUENCE.
pub(super) const SEQUENCE: u8 = 0x30;

/// Elements, one after the other.
pub(super) struct Der<'a>(pub(super) &'a [u8]);

impl<'a> Der<'a> {
    /// The contents of the next element, which must have this tag; `None` if it has not, or is truncated.
    pub(super) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (len, rest) = match *self.0 {
            [is, len @ ..=0x7f, ref rest @ ..] if is == tag => (usize::from(len), rest),
            [is, 0x81, len @ 0x80..=0xff, ref rest @ ..] if is == tag => (usize::from(len), rest),
            [is, 0x82, high @ 1..=0xff, low, ref rest @ ..] if is == tag => {
                (usize::from(u16::from_be_bytes([high, low])), rest)
            }
            _ => return None,
        };
        let (contents, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some(contents)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements() {
        let check = |data: &[u8], want: Option<(&[u8], &[u8])>| {
            let mut der = Der(data);
            assert_eq!(der.take(OCTET_STRING).map(|contents| (contents, der.0)), want, "{data:?}");
        };
        check(&[4, 2, 7, 8, 9], Some((&[7, 8], &[9])));
        check(&[4, 0], Some((&[], &[])));
        check(&[2, 1, 7], None);
        check(&[4, 2, 7], None);
        check(&[4], None);
        check(&[], None);
        let long = |head: &[u8], len| [head, &vec![7; len]].concat();
        check(&long(&[4, 0x81, 0x80], 128), Some((&[7; 128], &[])));
        check(&long(&[4, 0x82, 1, 0], 256), Some((&[7; 256], &[])));
        check(&long(&[4, 0x82, 1, 0], 255), None);
        // A longer form than is needed, one without an end, and more than any key has.
        check(&long(&[4, 0x81, 0x7f], 127), None);
        check(&long(&[4, 0x82, 0, 0x80], 128), None);
        check(&long(&[4, 0x80], 128), None);
        check(&long(&[4, 0x83, 1, 0, 0], 65536), None);
    }
}
