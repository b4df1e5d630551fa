//! Sums that tell damaged octets from good ones; against chance, not against malice. Used by `frame.rs` and by the
//! store.

/// The polynomial of CRC-32 (ISO 3309, ITU-T V.42), reflected.
const POLYNOMIAL: u32 = 0xEDB8_8320;
const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let (mut value, mut bit) = (i as u32, 0);
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ POLYNOMIAL } else { value >> 1 };
            bit += 1;
        }
        table[i] = value;
        i += 1;
    }
    table
}

/// CRC-32 of the octets: every burst of up to 32 wrong bits shows.
pub fn crc32(octets: &[u8]) -> u32 {
    !octets.iter().fold(!0, |crc, octet| crc >> 8 ^ TABLE[usize::from(crc as u8 ^ octet)])
}

/// 64 bits of a list of fields (FNV-1a over each with its length, well mixed), made to be added up: the sum over the
/// rows of a table does not depend on their order, and a row can be taken out again.
pub fn row_sum(fields: &[&[u8]]) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let step = |sum: u64, octet: u8| (sum ^ u64::from(octet)).wrapping_mul(PRIME);
    let sum = fields.iter().fold(BASIS, |sum, field| {
        let sum = (field.len() as u32).to_be_bytes().into_iter().fold(sum, step);
        field.iter().copied().fold(sum, step)
    });
    let sum = (sum ^ sum >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    sum ^ sum >> 29
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        assert_eq!(crc32(b""), 0);
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn fields_do_not_run_together() {
        assert_ne!(row_sum(&[b"ab", b"c"]), row_sum(&[b"a", b"bc"]));
        assert_ne!(row_sum(&[b"a"]), row_sum(&[b"a", b""]));
        assert_ne!(row_sum(&[b"a"]), row_sum(&[b"b"]));
    }
}
