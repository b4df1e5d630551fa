//! Response rate limiting: how many answers of a kind the networks around an address get.
//!
//! Who floods a victim by way of a server sends questions in the victim's name; what is limited is therefore answers,
//! by whom they go to and what they are about, and not clients. A resolver that asks many different names is not what a
//! flood looks like; one that asks one name again and again is. So answers are counted by prefix, class and name, the
//! name being that which a flood cannot vary without asking for something else: see [`Class::name`].
//!
//! A flood may spread over a network. So longer and shorter prefixes are counted, a shorter one with a multiple of the
//! limit. They are looked at from the longest to the shortest, and the first that is beyond its limit ends it: what one
//! address asks too much does not count against its neighbours.
//!
//! Counts decay with time and include what was not answered. So a flood above the limit gets nothing while it lasts but
//! empty answers with TC, no larger than its questions: fewer octets leave than come. A client that is really there
//! takes them as advice to come over TCP, where it is answered. How long a flood takes to be known: a second if it is 1.6
//! times the limit, half of it at 2.5 times, and the larger the shorter.

use std::net::IpAddr;
use std::sync::Arc;

use dns::header::Rcode;

use super::access::Networks;
use super::decay::{Decay, load, price_of};
use super::outcome::{Handling, Outcome, Slip};
use super::prefix::{Prefix, bits_of};
use super::table::{DEFAULT_ENTRIES, Key, Table};

/// Prefix lengths at once.
pub const LEVELS: usize = 5;
/// A larger answer is one that makes floods worthwhile: what fits into every datagram of plain DNS (RFC 1035 2.3.4),
/// in octets.
pub const LARGE_OCTETS: usize = 512;

/// What kind of answer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Records.
    Positive,
    /// NXDOMAIN or NODATA.
    Negative,
    /// A referral.
    Referral,
    /// Any other RCODE.
    Error,
    /// An answer to ANY, or one of more than [`LARGE_OCTETS`].
    Large,
}

impl Class {
    /// The class of an answer: its RCODE, whether it has records in its answer section, whether it refers to other
    /// servers, whether ANY was asked, its size in octets.
    #[inline]
    pub fn of(rcode: Rcode, has_answers: bool, is_referral: bool, is_any: bool, size_octets: usize) -> Class {
        if is_any || size_octets > LARGE_OCTETS {
            Class::Large
        } else if rcode == Rcode::NXDOMAIN {
            Class::Negative
        } else if rcode != Rcode::NOERROR {
            Class::Error
        } else if is_referral {
            Class::Referral
        } else if has_answers {
            Class::Positive
        } else {
            Class::Negative
        }
    }

    /// The hash of the name that the answer is counted for, from those of the question's name and of the zone.
    ///
    /// Records are counted by the question's name, or by the wildcard's if one made them (pass that as `qname`).
    /// Negative answers are counted by zone, as there is no end of names that do not exist; referrals by the zone that
    /// they refer to (pass that as `zone`). Large answers are counted by zone, as a flood takes whichever name of the
    /// zone has one. Errors are counted by prefix alone.
    #[inline]
    pub fn name(self, qname: u64, zone: u64) -> u64 {
        match self {
            Class::Positive => qname,
            Class::Negative | Class::Referral | Class::Large => zone,
            Class::Error => 0,
        }
    }
}

/// One prefix length with how many times the limit of one address it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Bits of the prefix.
    pub length: u8,
    /// How many times the limit.
    pub times: u32,
}

/// What networks get.
#[derive(Debug, Clone)]
pub struct ResponseSettings {
    /// Answers of a kind to one address in a second, at least one. Who has no such limit makes no [`ResponseLimit`].
    pub per_second: u32,
    /// Prefixes of IPv4 addresses, from the longest to the shortest.
    pub v4: [Option<Share>; LEVELS],
    /// Prefixes of IPv6 addresses, from the longest to the shortest.
    pub v6: [Option<Share>; LEVELS],
    /// Every so many-th answer beyond the limit is truncated, the others dropped; 0: all are dropped. At most 15.
    pub slip: u8,
    /// Nothing is done, all is counted.
    pub dry_run: bool,
    /// Counts for the longest prefixes that are kept at a time, 16 octets each; for each of the shorter ones a quarter
    /// of that.
    pub entries: usize,
}

impl Default for ResponseSettings {
    fn default() -> ResponseSettings {
        let share = |(length, times)| Some(Share { length, times });
        let v4 = [share((32, 1)), share((24, 32)), share((20, 256)), share((18, 768)), None];
        let v6 = [(128, 1), (64, 2), (56, 3), (48, 4), (32, 64)].map(share);
        ResponseSettings { per_second: 20, v4, v6, slip: 2, dry_run: false, entries: DEFAULT_ENTRIES }
    }
}

/// Prefixes of one length for each family. They have a table of their own, so that what replaces what is decided among
/// counts of one size.
struct Level {
    table: Table,
    v4: Option<Priced>,
    v6: Option<Priced>,
}

#[derive(Clone, Copy)]
struct Priced {
    length: u8,
    price: u64,
}

/// Counts answers.
pub struct ResponseLimit {
    levels: [Level; LEVELS],
    decay: Decay,
    slip: Slip,
    dry_run: bool,
    exempt: Arc<Networks>,
}

impl ResponseLimit {
    /// A limit with nothing counted yet. Clients of networks that `exempt` allows are not limited. `seed` is random.
    pub fn new(settings: &ResponseSettings, exempt: Arc<Networks>, seed: u64) -> ResponseLimit {
        let priced = |share: Share| {
            let per_second = u64::from(settings.per_second.max(1)) * u64::from(share.times.max(1));
            Priced { length: share.length, price: price_of(per_second) }
        };
        let families = std::iter::zip(settings.v4, settings.v6);
        let mut levels = families.enumerate().map(|(level, (v4, v6))| {
            let entries = if level == 0 { settings.entries } else { settings.entries / 4 };
            let table = Table::new(entries, seed.wrapping_add(level as u64));
            Level { table, v4: v4.map(priced), v6: v6.map(priced) }
        });
        let none = || Level { table: Table::new(0, seed), v4: None, v6: None };
        ResponseLimit {
            levels: std::array::from_fn(|_| levels.next().unwrap_or_else(none)),
            decay: Decay::new(),
            slip: Slip::new(settings.slip),
            dry_run: settings.dry_run,
            exempt,
        }
    }

    /// Counts an answer to `client` of `class` for the name with the hash `name` (see [`Class::name`]), and says what
    /// becomes of it. `verified`: the question came with a valid cookie or over a connection, so that nobody else is
    /// flooded; such an answer is not counted.
    #[inline]
    pub fn judge(&self, client: IpAddr, class: Class, name: u64, verified: bool, now_us: u64) -> Outcome {
        if verified {
            return Outcome::PASS;
        }
        match self.count(client, name.wrapping_add(class as u64), now_us / 1000) {
            // Who is exempt is found out when it matters.
            Some(handling) if !self.exempt.allows(client, 0) => Outcome::beyond(handling, self.dry_run),
            _ => Outcome::PASS,
        }
    }

    /// Counts for each prefix up to the first that is beyond its limit; what is done then.
    #[inline]
    fn count(&self, client: IpAddr, what: u64, now_ms: u64) -> Option<Handling> {
        let (bits, is_v4) = bits_of(client);
        let keys = self.levels.each_ref().map(|level| {
            let priced = if is_v4 { level.v4 } else { level.v6 }?;
            let prefix = if is_v4 { Prefix::of_v4(bits, priced.length) } else { Prefix::of_v6(bits, priced.length) };
            let key = level.table.key(what, prefix);
            // A change waits for the memory before it and holds up what comes after: all is asked for first.
            level.table.touch(key);
            Some((&level.table, key, priced.price))
        });
        keys.into_iter().flatten().find_map(|(table, key, price)| self.count_one(table, key, price, now_ms))
    }

    #[inline]
    fn count_one(&self, table: &Table, key: Key, price: u64, now_ms: u64) -> Option<Handling> {
        let step = |state| {
            let count = self.decay.count(state, now_ms).add(price);
            if !count.is_beyond(price) {
                return (count.pack(), None);
            }
            let (dropped, handling) = self.slip.next(count.dropped);
            (count.with_dropped(dropped).pack(), Some(handling))
        };
        // Near its limit a count changes some thousand times a second at the most: threads hardly ever meet there.
        table.update_loosely(key, |state| load(state, now_ms), step).flatten()
    }
}
