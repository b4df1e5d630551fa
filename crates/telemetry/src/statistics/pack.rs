//! Counts in few octets: most of them are small or zero. Each number takes 7 bits an octet, lowest first; zeros at the
//! end are left out.

use super::counts::{Counts, FIELDS};

/// Octets of one number at the most.
const MAX_NUMBER_BYTES: usize = 10;
/// Octets of packed counts at the most.
pub const MAX_PACKED_BYTES: usize = FIELDS * MAX_NUMBER_BYTES;

/// Packs counts.
pub fn pack(counts: &Counts) -> Box<[u8]> {
    let fields = counts.fields();
    let used = fields.iter().rposition(|&n| n > 0).map_or(0, |last| last + 1);
    let mut octets = Vec::with_capacity(2 * used);
    for &field in &fields[..used] {
        let mut rest = field;
        while rest > 0x7f {
            octets.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        octets.push(rest as u8);
    }
    octets.into_boxed_slice()
}

/// The counts that were packed; `None`: these octets are none.
pub fn unpack(octets: &[u8]) -> Option<Counts> {
    let (mut fields, mut at) = ([0u64; FIELDS], 0);
    let mut rest = octets.iter();
    while rest.len() > 0 {
        let field = fields.get_mut(at)?;
        let mut shift = 0;
        loop {
            let octet = *rest.next()?;
            let bits = u64::from(octet & 0x7f);
            *field |= bits.checked_shl(shift).filter(|shifted| shifted >> shift == bits)?;
            if octet & 0x80 == 0 {
                break;
            }
            shift += 7;
        }
        at += 1;
    }
    Some(Counts::from_fields(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_come_back() {
        let mut fields = [0; FIELDS];
        assert_eq!(pack(&Counts::from_fields(fields)).len(), 0);
        (fields[0], fields[1], fields[7], fields[FIELDS - 1]) = (1, 127, u64::MAX, 128);
        let counts = Counts::from_fields(fields);
        let octets = pack(&counts);
        assert_eq!(unpack(&octets), Some(counts));
        assert_eq!(octets.len(), FIELDS + 9 + 1, "an octet each, the largest ten, the last two");
    }

    #[test]
    fn what_is_no_packed_counts_is_refused() {
        assert_eq!(unpack(&[0x80]), None, "a number without an end");
        assert_eq!(unpack(&[0xff; 20]), None, "a number too large");
        assert_eq!(unpack(&[1; FIELDS + 1]), None, "too many numbers");
        assert!(unpack(&[]).is_some());
    }
}
