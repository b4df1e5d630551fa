//! How a zone of the journal is served: part of its history, in the words of the configuration.

use dns::serial;

/// Where a zone's records come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum ZoneKind {
    /// Changes are made here.
    #[default]
    Primary,
    /// Changes come by transfer from the primaries.
    Secondary,
}

/// How the next serial is found (RFC 1912 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum SerialPolicy {
    /// One more.
    #[default]
    Increment,
    /// YYYYMMDDnn of today, or one more.
    Date,
    /// Seconds since 1970, or one more.
    UnixTime,
}

/// What is done about a zone that others sign and whose signatures resolvers would refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum DnssecValidation {
    /// Nobody looks.
    #[default]
    Off,
    /// It is served, and said.
    Warn,
    /// The version is not taken; the one before it is served.
    Refuse,
    /// The same; and what is served is not served any more once a signature has ended that resolvers need.
    Expire,
}

/// The serial of the version after the one with serial `current`; `now_s` is in seconds since 1970. It is later than
/// `current` (RFC 1982) and never 0, whatever the clock says.
pub fn next_serial(policy: SerialPolicy, current: u32, now_s: u64) -> u32 {
    match policy {
        SerialPolicy::Increment => serial::next(current),
        SerialPolicy::Date => serial::at_least(current, serial::of_day(now_s)),
        // Serials wrap around, as the seconds do in 2106; 0 would be "none".
        SerialPolicy::UnixTime => serial::at_least(current, (now_s as u32).max(1)),
    }
}

/// How a zone is served. The lists hold entries as the configuration writes them; whoever makes them
/// has checked them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ZoneSettings {
    /// Primary or secondary.
    pub kind: ZoneKind,
    /// How the next serial is found.
    pub serial_policy: SerialPolicy,
    /// Of a secondary: `address[:port] [key:NAME]`.
    pub primaries: Vec<String>,
    /// Who may ask; empty: everybody.
    pub allow_query: Vec<String>,
    /// Who may transfer.
    pub allow_transfer: Vec<String>,
    /// Who may send updates, and of what.
    pub allow_update: Vec<String>,
    /// Of a secondary: whose updates go on to the primaries.
    pub allow_update_forwarding: Vec<String>,
    /// Who may send NOTIFY; empty: the primaries.
    pub allow_notify: Vec<String>,
    /// Whom to tell of changes: `address[:port] [key:NAME]`.
    pub notify: Vec<String>,
    /// Name of the policy by which the zone is signed here; empty: it is not signed here.
    pub dnssec: String,
    /// What is done about signatures that others made.
    pub dnssec_validate: DnssecValidation,
    /// Which servers of a cluster answer for it: names of servers, and labels `KEY=VALUE`; empty: all.
    pub placement: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1912 2.2, RFC 1982.
    #[test]
    fn serials_follow_their_policy() {
        use SerialPolicy::{Date, Increment, UnixTime};
        // Noon of 2026-03-09.
        const NOW_S: u64 = 1_773_057_600;
        let check = |policy, current, want| {
            let next = next_serial(policy, current, NOW_S);
            assert_eq!(next, want, "{policy:?} {current}");
            assert!(serial::is_later(next, current));
        };
        check(Increment, 1, 2);
        check(Increment, u32::MAX, 1);
        check(Date, 1, 2026030900);
        check(Date, 2026030899, 2026030900);
        check(Date, 2026030900, 2026030901);
        check(Date, 2026030999, 2026031000);
        check(Date, 2026123100, 2026123101);
        // Later than today's by less than half of the space backwards: one more.
        check(Date, 4_100_000_000, 4_100_000_001);
        check(UnixTime, 1, NOW_S as u32);
        check(UnixTime, NOW_S as u32, NOW_S as u32 + 1);
        check(UnixTime, u32::MAX, NOW_S as u32);
        assert_eq!(next_serial(UnixTime, u32::MAX, 1 << 32), 1);
    }
}
