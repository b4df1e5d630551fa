//! The TSIG record (RFC 8945 4.2) at the end of a message.

use dns::header::HEADER_LEN;
use dns::{Class, Name, NameBuf, RType};

/// Bytes between the owner of a record and its data.
const FIXED_LEN: usize = 10;
/// Bytes of the fixed fields in the data: time 6; fudge, MAC size, original ID, error, other length 2 each.
const LEAST_DATA_LEN: usize = 16;
/// The time has 48 bits.
const TIME_MASK: u64 = (1 << 48) - 1;
/// Offset of the number of additional records in the header.
const ARCOUNT: usize = 10;

/// The fields of a TSIG record.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// The name of the algorithm, as received.
    pub algorithm: &'a Name,
    /// When it was signed, in seconds since 1970.
    pub time: u64,
    /// How many seconds the clocks may differ.
    pub fudge: u16,
    /// The message authentication code; empty: not signed.
    pub mac: &'a [u8],
    /// The message's ID when it was signed.
    pub original_id: u16,
    /// The TSIG error: what is wrong with the request.
    pub error: u16,
    /// The server's time, for BADTIME.
    pub other: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads the record at `at`, the last one of `message`, and its owner; `None` if it is malformed.
    pub fn read(message: &'a [u8], at: usize) -> Option<(NameBuf, Record<'a>)> {
        if at < HEADER_LEN || message.get(ARCOUNT..HEADER_LEN)? == [0, 0] {
            return None;
        }
        let (owner, end) = NameBuf::from_message(message, at).ok()?;
        let (fixed, data) = message.get(end..)?.split_first_chunk::<FIXED_LEN>()?;
        let [t0, t1, c0, c1, ttl @ .., l0, l1] = *fixed;
        let ours = RType(u16::from_be_bytes([t0, t1])) == RType::TSIG
            && Class(u16::from_be_bytes([c0, c1])) == Class::ANY
            && ttl == [0; 4];
        if !ours || data.len() != usize::from(u16::from_be_bytes([l0, l1])) {
            return None;
        }
        Some((owner, Record::read_data(data)?))
    }

    fn read_data(data: &'a [u8]) -> Option<Record<'a>> {
        let (algorithm, rest) = Name::split_from_wire(data).ok()?;
        let (time, rest) = rest.split_first_chunk::<6>()?;
        let (fudge, rest) = take_u16(rest)?;
        let (mac_len, rest) = take_u16(rest)?;
        let (mac, rest) = rest.split_at_checked(mac_len.into())?;
        let (original_id, rest) = take_u16(rest)?;
        let (error, rest) = take_u16(rest)?;
        let (other_len, other) = take_u16(rest)?;
        let time = time.iter().fold(0u64, |time, &octet| time << 8 | u64::from(octet));
        (other.len() == usize::from(other_len)).then_some(Record {
            algorithm,
            time,
            fudge,
            mac,
            original_id,
            error,
            other,
        })
    }

    /// Appends the record to `message` and counts it in the header. Leaves a message without a whole header as it is.
    pub fn append(&self, owner: &Name, message: &mut Vec<u8>) {
        let Some(count) = additionals(message) else { return };
        set_additionals(message, count.saturating_add(1));
        let len = self.algorithm.len() + LEAST_DATA_LEN + self.mac.len() + self.other.len();
        message.reserve(owner.len() + FIXED_LEN + len);
        message.extend_from_slice(owner.as_wire());
        message.extend_from_slice(&RType::TSIG.0.to_be_bytes());
        message.extend_from_slice(&Class::ANY.0.to_be_bytes());
        message.extend_from_slice(&[0; 4]); // TTL
        message.extend_from_slice(&(len as u16).to_be_bytes());
        message.extend_from_slice(self.algorithm.as_wire());
        message.extend_from_slice(&self.time.to_be_bytes()[2..]);
        for number in [self.fudge, self.mac.len() as u16] {
            message.extend_from_slice(&number.to_be_bytes());
        }
        message.extend_from_slice(self.mac);
        for number in [self.original_id, self.error, self.other.len() as u16] {
            message.extend_from_slice(&number.to_be_bytes());
        }
        message.extend_from_slice(self.other);
    }

    /// Whether `now` differs from the time of signing by no more than the fudge (RFC 8945 5.2.3).
    pub fn is_in_time(&self, now: u64) -> bool {
        now.abs_diff(self.time) <= u64::from(self.fudge)
    }
}

/// Most octets of a record whose owner, and whose algorithm and MAC together, are no longer than these.
pub const fn max_len(owner: usize, algorithm_and_mac: usize) -> usize {
    owner + FIXED_LEN + algorithm_and_mac + LEAST_DATA_LEN + 6
}

/// A time as the record can hold it.
pub fn time_of(now: u64) -> u64 {
    now & TIME_MASK
}

/// `message` without the TSIG record at `at`: what its sender made before signing, but for the ID, which stays the
/// one on the wire.
pub fn strip(message: &[u8], at: usize) -> Option<Vec<u8>> {
    let mut stripped = message.get(..at)?.to_vec();
    let count = additionals(&stripped)?.checked_sub(1)?;
    set_additionals(&mut stripped, count);
    Some(stripped)
}

/// The ID of a message; 0 if there is none.
pub fn id_of(message: &[u8]) -> u16 {
    message.first_chunk().map_or(0, |id| u16::from_be_bytes(*id))
}

fn additionals(message: &[u8]) -> Option<u16> {
    message.first_chunk::<HEADER_LEN>().map(|header| u16::from_be_bytes([header[ARCOUNT], header[ARCOUNT + 1]]))
}

fn set_additionals(message: &mut [u8], count: u16) {
    if let Some(header) = message.first_chunk_mut::<HEADER_LEN>() {
        header[ARCOUNT..].copy_from_slice(&count.to_be_bytes());
    }
}

fn take_u16(octets: &[u8]) -> Option<(u16, &[u8])> {
    octets.split_first_chunk().map(|(number, rest)| (u16::from_be_bytes(*number), rest))
}
