//! What a query is called in log, history, live view and API: a UUID of version 7 (RFC 9562 5.7), so that identifiers
//! are in the order of time, and history finds a row by its time.

use std::fmt;
use std::str::FromStr;

/// Identifies a query that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(u128);

const VERSION: u128 = 7 << 76;
const VARIANT: u128 = 2 << 62;
const INSTANCE_BITS: u32 = 30;

impl RequestId {
    /// The identifier of row number `sequence`, of a query that came at `time_us` microseconds since 1970. `instance` is
    /// another one, at random, each time the server starts.
    pub fn new(time_us: u64, instance: u32, sequence: u64) -> RequestId {
        let (ms, us) = (time_us / 1000, time_us % 1000);
        let instance = u128::from(instance & ((1 << INSTANCE_BITS) - 1));
        let bits = u128::from(ms) << 80 | VERSION | u128::from(us) << 64 | VARIANT;
        RequestId(bits | instance << 32 | u128::from(sequence as u32))
    }

    /// The identifier with these bits.
    pub const fn from_bits(bits: u128) -> RequestId {
        RequestId(bits)
    }

    /// Its bits.
    pub fn bits(self) -> u128 {
        self.0
    }

    /// That of the process which answered; 30 bits.
    pub fn instance(self) -> u32 {
        (self.0 >> 32) as u32 & ((1 << INSTANCE_BITS) - 1)
    }

    /// The last 32 bits of the row's number.
    pub fn sequence(self) -> u32 {
        self.0 as u32
    }

    /// When the query came, in microseconds since 1970.
    pub fn time_us(self) -> u64 {
        let (ms, us) = ((self.0 >> 80) as u64, (self.0 >> 64) as u64 & 0xfff);
        ms * 1000 + us.min(999)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |shift: u32, bits: u32| (self.0 >> shift) & ((1 << bits) - 1);
        let (a, b, c, d, e) = (part(96, 32), part(80, 16), part(64, 16), part(48, 16), part(0, 48));
        write!(f, "{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}")
    }
}

/// The text is no UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID: 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12, with hyphens between them")]
pub struct NotAnId;

impl FromStr for RequestId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<RequestId, NotAnId> {
        let groups: Vec<&str> = text.split('-').collect();
        let is_hex = |group: &&str| group.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]) || !groups.iter().all(is_hex) {
            return Err(NotAnId);
        }
        u128::from_str_radix(&groups.concat(), 16).map(RequestId).map_err(|_| NotAnId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_uuid_in_the_order_of_time() {
        let id = RequestId::new(1_700_000_000_123_456, 0x1234_5678, 9);
        let text = id.to_string();
        assert_eq!(text, "018bcfe5-687b-71c8-9234-567800000009");
        assert_eq!((text.parse(), id.time_us()), (Ok(id), 1_700_000_000_123_456));
        assert_eq!(RequestId::new(id.time_us(), id.instance(), id.sequence().into()), id);
        assert!(id < RequestId::new(1_700_000_000_123_456, 0x1234_5678, 10));
        assert!(id < RequestId::new(1_700_000_000_123_457, 0, 0));
        for text in ["", "018bcfe5687b71c89234567800000009", "018bcfe5-687b-71c8-9234-56780000000g", &text[1..]] {
            assert_eq!(text.parse::<RequestId>(), Err(NotAnId), "{text}");
        }
    }
}
