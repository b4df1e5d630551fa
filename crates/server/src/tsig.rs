//! The answer to a TSIG record with a key that we do not have (RFC 8945 5.2.1).

use dns::{Name, NameBuf};

/// TSIG error BADKEY (RFC 8945 3).
const BADKEY: u16 = 17;
/// Octets of the data behind the algorithm's name: time 6, fudge 2, MAC size 2, MAC, original ID 2.
const TIME_AND_FUDGE: usize = 8;

/// The owner and the data of the unsigned TSIG record that answers the one at `at` of `packet`; `None`
/// if that one is malformed.
pub fn bad_key(packet: &[u8], at: usize) -> Option<(NameBuf, Vec<u8>)> {
    let (key, end) = NameBuf::from_message(packet, at).ok()?;
    let fixed = packet.get(end..)?.first_chunk::<10>()?;
    let len = usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
    let data = packet.get(end + 10..end + 10 + len)?;
    // RFC 8945 4.2: the algorithm's name is not compressed.
    let (algorithm, rest) = Name::split_from_wire(data).ok()?;
    let time = rest.get(..TIME_AND_FUDGE)?;
    let mut data = algorithm.as_wire().to_vec();
    data.extend_from_slice(time);
    data.extend_from_slice(&[0, 0]); // no MAC
    data.extend_from_slice(packet.get(..2)?); // original ID
    data.extend_from_slice(&BADKEY.to_be_bytes());
    data.extend_from_slice(&[0, 0]); // no other data
    Some((key, data))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header and a TSIG record with this data.
    fn packet(data: &[u8]) -> Vec<u8> {
        let mut packet = vec![7, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, b'k', b'e', b'y', 0, 0, 250, 0, 255, 0, 0, 0, 0];
        packet.extend_from_slice(&(data.len() as u16).to_be_bytes());
        packet.extend_from_slice(data);
        packet
    }

    /// RFC 8945 5.2.1: algorithm and time of the query, no MAC, its ID, BADKEY.
    #[test]
    fn an_unknown_key_is_named() {
        let query = packet(b"\x03alg\x00\x00\x00\x01\x02\x03\x04\x01\x2c\x00\x00");
        let (key, data) = bad_key(&query, 12).expect("a refusal");
        assert_eq!(key.to_string(), "key.");
        assert_eq!(data, b"\x03alg\x00\x00\x00\x01\x02\x03\x04\x01\x2c\x00\x00\x07\x09\x00\x11\x00\x00");
    }

    /// What stands behind the record, or behind the packet in its buffer, is nobody's business.
    #[test]
    fn nothing_is_read_behind_the_record() {
        for data in [&b""[..], b"\x03alg", b"\x03alg\x00\x00\x00", b"\xc0\x0c\x00\x00\x00\x00\x00\x00\x00\x00"] {
            let mut query = packet(data);
            query.extend_from_slice(b"\x03old\x00secrets of another packet");
            assert_eq!(bad_key(&query, 12), None, "{data:?}");
        }
    }
}
