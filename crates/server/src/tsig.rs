//! The answer to a TSIG record with a key that we do not have (RFC 8945 5.2.1).

use dns::NameBuf;

/// TSIG error BADKEY (RFC 8945 3).
const BADKEY: u16 = 17;
/// Octets of the data behind the algorithm's name: time 6, fudge 2, MAC size 2, MAC, original ID 2.
const TIME_AND_FUDGE: usize = 8;

/// The owner and the data of the unsigned TSIG record that answers the one at `at`; `None` if that one
/// is malformed.
pub fn bad_key(packet: &[u8], at: usize) -> Option<(NameBuf, Vec<u8>)> {
    let (key, end) = NameBuf::from_message(packet, at).ok()?;
    let (algorithm, end) = NameBuf::from_message(packet, end + 10).ok()?;
    let time = packet.get(end..end + TIME_AND_FUDGE)?;
    let mut data = algorithm.into_wire();
    data.extend_from_slice(time);
    data.extend_from_slice(&[0, 0]); // no MAC
    data.extend_from_slice(packet.get(..2)?); // original ID
    data.extend_from_slice(&BADKEY.to_be_bytes());
    data.extend_from_slice(&[0, 0]); // no other data
    Some((key, data))
}
