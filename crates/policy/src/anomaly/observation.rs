//! What the detector is told.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dns::header::HEADER_LEN;
use dns::{Name, RType, Rcode};

/// Most records of an answer that are looked at; what follows is not counted.
const MAX_RECORDS: usize = 64;
/// Most addresses of an answer that are looked at.
pub const MAX_ADDRESSES: usize = 8;
/// Most labels of one compressed name; a message that has more is not read further.
const MAX_LABELS: usize = 128;

/// A query that was answered.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// When, in milliseconds of any clock that does not go back much.
    pub time_ms: u64,
    /// Who asked.
    pub client: IpAddr,
    /// The number of the device that has the address, if it has one; its addresses count together.
    pub device: Option<u32>,
    /// The name that was asked for.
    pub name: &'a Name,
    /// The type that was asked for.
    pub qtype: RType,
    /// How it was answered.
    pub rcode: Rcode,
    /// Whether a list or rule blocked it. What is blocked counts for the frequency only.
    pub blocked: bool,
    /// Octets of record data in the answer that are not addresses ([`Answer::payload_len`]).
    pub payload_len: usize,
    /// Addresses in the answer, the first few.
    pub addresses: &'a [IpAddr],
    /// The least TTL of the answer in seconds; 0 without an answer.
    pub min_ttl: u32,
    /// Whether the cache answered it.
    pub from_cache: bool,
    /// Whether it was answered from a zone that this server is authoritative for.
    pub zone_of_ours: bool,
}

/// A reply on an upstream socket that does not belong to what was asked: wrong ID, port, question or cookie.
#[derive(Debug, Clone, Copy)]
pub struct Mismatch {
    /// When, by the clock of [`Observation::time_ms`].
    pub time_ms: u64,
    /// The server that it claims to be from.
    pub server: IpAddr,
}

/// What the answer section of a response holds, as far as [`Observation`] needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    addresses: [IpAddr; MAX_ADDRESSES],
    address_count: usize,
    /// Octets of record data other than addresses and signatures.
    pub payload_len: usize,
    /// The least TTL in seconds; 0 without an answer.
    pub min_ttl: u32,
}

impl Answer {
    /// Reads the answer section of `message` without copying. What cannot be read is left out.
    pub fn read(message: &[u8]) -> Answer {
        let addresses = [IpAddr::V4(Ipv4Addr::UNSPECIFIED); MAX_ADDRESSES];
        let mut answer = Answer { addresses, address_count: 0, payload_len: 0, min_ttl: u32::MAX };
        let count = u16_at(message, 6).map_or(0, usize::from).min(MAX_RECORDS);
        let mut at = match u16_at(message, 4) {
            Some(1) => skip_name(message, HEADER_LEN).map(|end| end + 4),
            Some(0) => Some(HEADER_LEN),
            _ => None,
        };
        for _ in 0..count {
            at = at.and_then(|at| answer.record(message, at));
        }
        if answer.min_ttl == u32::MAX {
            answer.min_ttl = 0;
        }
        answer
    }

    /// The addresses, the first [`MAX_ADDRESSES`].
    pub fn addresses(&self) -> &[IpAddr] {
        self.addresses.get(..self.address_count).unwrap_or_default()
    }

    /// Takes the record at `at` in; where it ends.
    fn record(&mut self, message: &[u8], at: usize) -> Option<usize> {
        let fixed = skip_name(message, at)?;
        let rtype = RType(u16_at(message, fixed)?);
        let ttl = u32::from(u16_at(message, fixed + 4)?) << 16 | u32::from(u16_at(message, fixed + 6)?);
        let data_at = fixed + 10;
        let end = data_at + usize::from(u16_at(message, fixed + 8)?);
        let data = message.get(data_at..end)?;
        self.min_ttl = self.min_ttl.min(ttl);
        match rtype {
            RType::A => self.push(<[u8; 4]>::try_from(data).map(|a| Ipv4Addr::from(a).into()).ok()),
            RType::AAAA => self.push(<[u8; 16]>::try_from(data).map(|a| Ipv6Addr::from(a).into()).ok()),
            RType::RRSIG => {}
            _ => self.payload_len += data.len(),
        }
        Some(end)
    }

    fn push(&mut self, address: Option<IpAddr>) {
        if let (Some(address), Some(slot)) = (address, self.addresses.get_mut(self.address_count)) {
            *slot = address;
            self.address_count += 1;
        }
    }
}

fn u16_at(message: &[u8], at: usize) -> Option<u16> {
    message.get(at..)?.first_chunk::<2>().map(|octets| u16::from_be_bytes(*octets))
}

/// Where the name at `at` ends, pointers not followed (RFC 1035 4.1.4).
fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    for _ in 0..MAX_LABELS {
        match *message.get(at)? {
            0 => return Some(at + 1),
            len @ 1..=63 => at += 1 + usize::from(len),
            0xc0.. => return Some(at + 2),
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use dns::{Message, NameBuf};

    /// A response to `t.example. TXT`: an alias, an A, an AAAA and a TXT record.
    fn message() -> Vec<u8> {
        let name: NameBuf = "t.example".parse().expect("name");
        let mut wire = Message::query(1, name, RType::TXT).to_wire(512);
        wire.truncate(HEADER_LEN + 11 + 4);
        wire[6..12].copy_from_slice(&[0, 4, 0, 0, 0, 0]);
        let mut record = |rtype: RType, ttl: u8, data: &[u8]| {
            wire.extend([0xc0, 0x0c]);
            wire.extend(rtype.0.to_be_bytes());
            wire.extend([0, 1, 0, 0, 0, ttl, 0, data.len() as u8]);
            wire.extend(data);
        };
        record(RType::CNAME, 60, &[1, b'u', 0xc0, 0x0c]);
        record(RType::A, 30, &[192, 0, 2, 1]);
        record(RType::AAAA, 90, &[0; 16]);
        record(RType::TXT, 90, &[3, b'a', b'b', b'c']);
        wire
    }

    #[test]
    fn addresses_payload_and_ttl_are_read() {
        let answer = Answer::read(&message());
        assert_eq!(answer.addresses(), ["192.0.2.1".parse::<IpAddr>().expect("a"), "::".parse().expect("a")]);
        assert_eq!((answer.payload_len, answer.min_ttl), (8, 30));
    }

    #[test]
    fn a_message_that_ends_anywhere_is_read_as_far_as_it_goes() {
        let whole = message();
        let mut seen = Vec::new();
        for len in 0..whole.len() {
            seen.push(Answer::read(&whole[..len]).addresses().len());
        }
        assert!(seen.is_sorted());
        assert_eq!((seen.first(), seen.last()), (Some(&0), Some(&2)));
        assert!(Answer::read(&[0xff; 600]).addresses().is_empty());
    }
}
