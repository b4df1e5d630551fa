//! Limits on questions that the resolver must ask others about: misses.
//!
//! Per client: how many of its questions may wait for an answer, and how many misses a second it gets.
//!
//! Per zone, for all clients together: how many misses a second below one registrable name. An attack with random names
//! of one zone reaches that limit, and then names below it alone are not asked about; everything else goes on, for the
//! clients of the attack and those behind the same address as well.
//!
//! **Names that answer are not punished.** A miss below a zone takes one from what the zone has; if its answer is
//! positive, one is given back. So what uses a zone up is names that do not exist and servers that do not answer, and a
//! busy zone whose names exist is limited by what waits, not by what is asked. Besides, a name that had a positive
//! answer within [`GOOD_FOR_MS`] passes though its zone is limited: the names that people use go on when their zone is
//! attacked.

use std::net::IpAddr;
use std::sync::Arc;

use dns::question::HashedName;

use super::access::Networks;
use super::bucket::Rate;
use super::prefix::{Prefix, PrefixLengths};
use super::table::{DEFAULT_ENTRIES, Key, Table};

/// So long after a positive answer a name passes the limit of its zone, in ms. What answers has TTLs below that mostly;
/// while it is in the cache its name is no miss.
pub const GOOD_FOR_MS: u64 = 3_600_000;
/// A question waits for no longer than this, in ms. Who has asked none for so long has none waiting, whatever was
/// counted.
pub const MAX_WAIT_MS: u64 = 60_000;
/// Most waiting questions of a client that are counted. A limit beyond that is none.
pub const MAX_OUTSTANDING: u32 = u16::MAX as u32;

/// Bits for a small number beside a moment.
const NUMBER_BITS: u32 = 16;
const NUMBER_MASK: u64 = (1 << NUMBER_BITS) - 1;
const TIME_MASK: u64 = (1 << (u64::BITS - NUMBER_BITS)) - 1;
/// Positive answers that make a name outlast others in the table.
const MAX_GOOD: u64 = 15;

/// How many misses there may be. 0 stands for no limit.
#[derive(Debug, Clone)]
pub struct RecursionSettings {
    /// Questions of one client that wait for an answer.
    pub client_outstanding: u32,
    /// Misses of one client in a second, and as many at once.
    pub client_per_second: u32,
    /// Misses below one registrable name in a second that have no positive answer, and as many at once.
    pub zone_per_second: u32,
    /// Nothing is refused, all is counted.
    pub dry_run: bool,
    /// What is one client.
    pub prefixes: PrefixLengths,
    /// Clients, zones and good names that are known at a time, 64 octets each.
    pub entries: usize,
}

impl Default for RecursionSettings {
    fn default() -> RecursionSettings {
        RecursionSettings {
            client_outstanding: 0,
            client_per_second: 0,
            zone_per_second: 0,
            dry_run: false,
            prefixes: PrefixLengths::default(),
            entries: DEFAULT_ENTRIES,
        }
    }
}

/// Which limit a miss is beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissLimit {
    /// Too many questions of the client wait.
    ClientOutstanding,
    /// The client has too many misses a second.
    ClientRate,
    /// The zone has too many.
    Zone,
}

/// What becomes of a miss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// Others are asked; with this [`RecursionLimit::done`] is to be called. `None`: they are not.
    pub ticket: Option<Ticket>,
    /// The limit that it is beyond, to be counted; in a dry run others are asked all the same.
    pub beyond: Option<MissLimit>,
}

/// A miss that others are asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    client: IpAddr,
    /// Hash of the name.
    name: u64,
    /// Hash of the zone that it counts for.
    zone: Option<u64>,
}

/// Counts misses.
pub struct RecursionLimit {
    outstanding: Option<(u64, Table)>,
    clients: Option<(Rate, Table)>,
    zones: Option<(Rate, Table)>,
    good: Table,
    dry_run: bool,
    prefixes: PrefixLengths,
    exempt: Arc<Networks>,
}

impl RecursionLimit {
    /// Limits with nothing counted yet. Clients of networks that `exempt` allows have no limit of their own; the limit
    /// of zones holds for them, as it is there for the zone. `seed` is random.
    pub fn new(settings: &RecursionSettings, exempt: Arc<Networks>, seed: u64) -> RecursionLimit {
        let table = |number: u64| Table::new(settings.entries, seed.wrapping_add(number));
        let rate = |per_second: u32| Rate::new(per_second.into(), per_second.into(), 0);
        let is_set = |limit: &u32| *limit > 0;
        let outstanding = Some(settings.client_outstanding).filter(|limit| is_set(limit) && *limit <= MAX_OUTSTANDING);
        RecursionLimit {
            outstanding: outstanding.map(|limit| (limit.into(), table(0))),
            clients: Some(settings.client_per_second).filter(is_set).map(|limit| (rate(limit), table(1))),
            zones: Some(settings.zone_per_second).filter(is_set).map(|limit| (rate(limit), table(2))),
            good: Table::new(if settings.zone_per_second > 0 { settings.entries } else { 0 }, seed.wrapping_add(3)),
            dry_run: settings.dry_run,
            prefixes: settings.prefixes,
            exempt,
        }
    }

    /// Counts a miss of `client` for `name`. `registrable` tells how many labels of a name are its registrable name or
    /// the delegation that stands for it; `None`: the name belongs to no zone that is limited. It is not called unless
    /// zones are limited.
    pub fn begin(
        &self,
        client: IpAddr,
        name: &HashedName,
        registrable: impl Fn(&HashedName) -> Option<usize>,
        now_us: u64,
    ) -> Admission {
        let ticket = self.ticket(client, name, registrable);
        let beyond = self.beyond_zone(&ticket, now_us).or_else(|| {
            let beyond = self.beyond_client(client, now_us)?;
            (!self.exempt.allows(client, 0)).then_some(beyond)
        });
        let goes = beyond.is_none() || self.dry_run;
        if goes {
            self.count_outstanding(client, now_us);
        }
        Admission { ticket: goes.then_some(ticket), beyond }
    }

    /// A miss that went has its answer, or has given up. `positive`: the answer has records.
    pub fn done(&self, ticket: &Ticket, positive: bool, now_us: u64) {
        if let Some((_, table)) = &self.outstanding {
            let less = |state: Option<u64>| (state.map(|state| state - u64::from(state & NUMBER_MASK > 0)), ());
            let key = table.key(0, Prefix::of(ticket.client, self.prefixes));
            table.update(key, |state| waiting(state, now_us / 1000), less);
        }
        let Some((rate, table)) = self.zones.as_ref().filter(|_| positive) else { return };
        let now_ms = now_us / 1000;
        let once_more = |state| (Some(pack(now_ms, (goodness(state, now_ms) + 1).min(MAX_GOOD))), ());
        let load = |state| goodness(Some(state), now_ms) << (u64::BITS - NUMBER_BITS) | state >> NUMBER_BITS;
        self.good.update(self.good.name_key(ticket.name), load, once_more);
        if let Some(zone) = ticket.zone {
            let give_back = |state: Option<u64>| (state.map(|state| rate.give_back(state, now_us)), ());
            table.update(table.name_key(zone), |state| rate.lack_ns(Some(state), now_us), give_back);
        }
    }

    fn ticket(&self, client: IpAddr, name: &HashedName, registrable: impl Fn(&HashedName) -> Option<usize>) -> Ticket {
        let labels = self.zones.as_ref().and_then(|_| registrable(name));
        let zone = labels.map(|labels| name.hash(labels.min(name.labels())));
        Ticket { client, name: name.hash(name.labels()), zone }
    }

    fn beyond_zone(&self, ticket: &Ticket, now_us: u64) -> Option<MissLimit> {
        let (rate, table) = self.zones.as_ref()?;
        let passes = take(rate, table, table.name_key(ticket.zone?), now_us)
            || goodness(self.good.get(self.good.name_key(ticket.name)), now_us / 1000) > 0;
        (!passes).then_some(MissLimit::Zone)
    }

    fn beyond_client(&self, client: IpAddr, now_us: u64) -> Option<MissLimit> {
        let prefix = Prefix::of(client, self.prefixes);
        if let Some((limit, table)) = &self.outstanding
            && table.get(table.key(0, prefix)).is_some_and(|state| waiting(state, now_us / 1000) >= *limit)
        {
            return Some(MissLimit::ClientOutstanding);
        }
        let (rate, table) = self.clients.as_ref()?;
        (!take(rate, table, table.key(0, prefix), now_us)).then_some(MissLimit::ClientRate)
    }

    fn count_outstanding(&self, client: IpAddr, now_us: u64) {
        let Some((_, table)) = &self.outstanding else { return };
        let now_ms = now_us / 1000;
        let load = |state| waiting(state, now_ms);
        let one_more = |state: Option<u64>| (Some(pack(now_ms, (state.map_or(0, load) + 1).min(NUMBER_MASK))), ());
        table.update(table.key(0, Prefix::of(client, self.prefixes)), load, one_more);
    }
}

/// Takes one of what `key` has.
fn take(rate: &Rate, table: &Table, key: Key, now_us: u64) -> bool {
    let step = |state| match rate.take(state, now_us) {
        Ok(new) => (Some(new), true),
        Err(_) => (None, false),
    };
    // An entry that so many change at once has many misses.
    table.update(key, |state| rate.lack_ns(Some(state), now_us), step).unwrap_or(false)
}

/// A moment and a small number.
fn pack(now_ms: u64, number: u64) -> u64 {
    (now_ms & TIME_MASK) << NUMBER_BITS | number
}

/// The number of `state`, unless its moment is further away than `within_ms`.
fn number_within(state: u64, now_ms: u64, within_ms: u64) -> u64 {
    let at_ms = state >> NUMBER_BITS;
    if (now_ms & TIME_MASK).abs_diff(at_ms) < within_ms { state & NUMBER_MASK } else { 0 }
}

/// How many questions wait.
fn waiting(state: u64, now_ms: u64) -> u64 {
    number_within(state, now_ms, MAX_WAIT_MS)
}

/// How many positive answers a name has had, none if the last is too long ago.
fn goodness(state: Option<u64>, now_ms: u64) -> u64 {
    state.map_or(0, |state| number_within(state, now_ms, GOOD_FOR_MS))
}

#[cfg(test)]
mod tests {
    use dns::NameBuf;
    use dns::namehash::NameHasher;

    use super::super::access::Verdict;
    use super::*;

    const S: u64 = 1_000_000;

    fn hashed(name: &str) -> HashedName {
        let mut hashed = HashedName::default();
        hashed.set(&name.parse::<NameBuf>().expect("a name"), NameHasher::new(7));
        hashed
    }

    fn two_labels(name: &HashedName) -> Option<usize> {
        (name.labels() >= 2).then_some(2)
    }

    fn client(number: u32) -> IpAddr {
        std::net::Ipv4Addr::from(0x0a00_0000 + number).into()
    }

    fn limit(settings: RecursionSettings) -> RecursionLimit {
        RecursionLimit::new(&RecursionSettings { entries: 4096, ..settings }, Arc::default(), 1)
    }

    fn ask(limit: &RecursionLimit, number: u32, name: &str, now_us: u64) -> Option<MissLimit> {
        limit.begin(client(number), &hashed(name), two_labels, now_us).beyond
    }

    fn answer(limit: &RecursionLimit, number: u32, name: &str, positive: bool, now_us: u64) {
        limit.done(&limit.ticket(client(number), &hashed(name), two_labels), positive, now_us);
    }

    /// Random names of one zone.
    fn flood(limit: &RecursionLimit, now_us: u64) {
        for i in 0..1000 {
            ask(limit, 2, &format!("r{i}.victim.example."), now_us);
        }
    }

    #[test]
    fn a_client_has_no_more_questions_waiting_than_its_limit() {
        let limit = limit(RecursionSettings { client_outstanding: 3, ..RecursionSettings::default() });
        for _ in 0..3 {
            assert_eq!(ask(&limit, 1, "a.example.", S), None);
        }
        assert_eq!(ask(&limit, 1, "a.example.", S), Some(MissLimit::ClientOutstanding));
        assert_eq!(ask(&limit, 2, "a.example.", S), None);
        answer(&limit, 1, "a.example.", false, 2 * S);
        assert_eq!(ask(&limit, 1, "b.example.", 2 * S), None);
        assert_eq!(ask(&limit, 1, "b.example.", 2 * S), Some(MissLimit::ClientOutstanding));
    }

    #[test]
    fn questions_whose_end_nobody_told_wait_no_longer_than_the_bound() {
        let limit = limit(RecursionSettings { client_outstanding: 1, ..RecursionSettings::default() });
        assert_eq!(ask(&limit, 1, "a.example.", 0), None);
        assert_eq!(ask(&limit, 1, "a.example.", (MAX_WAIT_MS - 1) * 1000), Some(MissLimit::ClientOutstanding));
        assert_eq!(ask(&limit, 1, "a.example.", MAX_WAIT_MS * 1000), None);
    }

    #[test]
    fn ends_without_a_begin_give_nothing() {
        let limit = limit(RecursionSettings { client_outstanding: 1, ..RecursionSettings::default() });
        for _ in 0..5 {
            answer(&limit, 1, "a.example.", true, 0);
        }
        assert_eq!(ask(&limit, 1, "a.example.", 0), None);
        assert_eq!(ask(&limit, 1, "a.example.", 0), Some(MissLimit::ClientOutstanding));
    }

    #[test]
    fn a_client_has_no_more_misses_a_second_than_its_limit() {
        let limit = limit(RecursionSettings { client_per_second: 10, ..RecursionSettings::default() });
        let passed = (0..5000).filter(|i| ask(&limit, 1, "a.example.", i * 1000).is_none()).count();
        assert_eq!(passed, 10 + 49);
        assert_eq!(ask(&limit, 2, "a.example.", 5 * S), None);
    }

    #[test]
    fn random_names_of_one_zone_are_limited_and_no_other_names_of_their_clients() {
        let limit = limit(RecursionSettings { zone_per_second: 100, ..RecursionSettings::default() });
        let mut went = 0;
        for i in 0..40_000u64 {
            let now_us = i * 50;
            let asker = (i % 1000) as u32;
            went += u32::from(ask(&limit, asker, &format!("r{i}.victim.example."), now_us).is_none());
            if i % 1000 == 0 {
                let other = format!("www.other{i}.example.");
                assert_eq!(ask(&limit, asker, &other, now_us), None);
            }
        }
        // Two seconds, and as many at once as in one.
        assert!((290..=300).contains(&went), "{went}");
        flood(&limit, 2 * S);
        assert_eq!(ask(&limit, 1, "r.victim.example.", 2 * S), Some(MissLimit::Zone));
        assert_eq!(ask(&limit, 1, "r.victim.example.", 3 * S), None);
    }

    #[test]
    fn names_that_answer_do_not_use_up_their_zone() {
        let limit = limit(RecursionSettings { zone_per_second: 10, ..RecursionSettings::default() });
        for i in 0..1000 {
            let name = format!("host{i}.busy.example.");
            assert_eq!(ask(&limit, 1, &name, 0), None);
            answer(&limit, 1, &name, true, 0);
        }
    }

    #[test]
    fn a_name_that_was_answered_lately_passes_when_its_zone_is_limited() {
        let limit = limit(RecursionSettings { zone_per_second: 10, ..RecursionSettings::default() });
        assert_eq!(ask(&limit, 1, "www.victim.example.", 0), None);
        answer(&limit, 1, "www.victim.example.", true, 0);
        flood(&limit, S);
        assert_eq!(ask(&limit, 1, "mail.victim.example.", S), Some(MissLimit::Zone));
        assert_eq!(ask(&limit, 1, "www.victim.example.", S), None);
        let later_us = GOOD_FOR_MS * 1000;
        flood(&limit, later_us);
        assert_eq!(ask(&limit, 1, "www.victim.example.", later_us), Some(MissLimit::Zone));
    }

    #[test]
    fn names_that_were_answered_often_outlast_a_flood_of_names_that_answer() {
        let limit = limit(RecursionSettings { zone_per_second: 10, ..RecursionSettings::default() });
        for now_us in [0, S] {
            answer(&limit, 1, "www.victim.example.", true, now_us);
        }
        for i in 0..20_000 {
            answer(&limit, 2, &format!("r{i}.wildcard.example."), true, 2 * S);
        }
        flood(&limit, 3 * S);
        assert_eq!(ask(&limit, 1, "www.victim.example.", 3 * S), None);
    }

    #[test]
    fn exempt_clients_are_bound_by_the_limits_of_zones_alone() {
        let exempt =
            Networks::of(&["10.0.0.0/8".parse().expect("a network")], Verdict::Allow, "exempt").expect("not too many");
        let settings = RecursionSettings { client_per_second: 1, zone_per_second: 5, ..RecursionSettings::default() };
        let limit = RecursionLimit::new(&settings, Arc::new(exempt), 1);
        let got: Vec<_> = (0..7).map(|_| ask(&limit, 1, "r.victim.example.", 0)).collect();
        assert_eq!(got, [None, None, None, None, None, Some(MissLimit::Zone), Some(MissLimit::Zone)]);
    }

    #[test]
    fn a_dry_run_counts_and_lets_all_go() {
        let settings = RecursionSettings { client_per_second: 1, dry_run: true, ..RecursionSettings::default() };
        let limit = limit(settings);
        ask(&limit, 1, "a.example.", 0);
        let admission = limit.begin(client(1), &hashed("a.example."), two_labels, 0);
        assert!(admission.ticket.is_some());
        assert_eq!(admission.beyond, Some(MissLimit::ClientRate));
    }

    #[test]
    fn without_limits_all_goes() {
        let limit = limit(RecursionSettings::default());
        assert!((0..1000).all(|_| ask(&limit, 1, "a.example.", 0).is_none()));
    }
}
