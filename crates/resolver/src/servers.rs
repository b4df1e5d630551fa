//! Remembers other servers: their round-trip times, whether they answer, and what they do not support.

use std::net::SocketAddr;

use dns::{Name, NameBuf};

use crate::bounded::Bounded;
use crate::limits::MAX_SERVERS;

/// A server that does not serve a zone well is passed over for so long.
const LAME_US: u64 = 300 * SECOND_US;
/// What a server cannot do is tried again after so long.
const INABILITY_US: u64 = 900 * SECOND_US;
/// Zones for which a server is remembered to be lame.
const MAX_LAME_ZONES: usize = 8;
/// Timeouts in a row after which a server is asked only if all others are no better.
const DEAD_TIMEOUTS: u32 = 3;
/// The shortest and the longest wait for a reply.
const MIN_TIMEOUT_US: u64 = 50_000;
const MAX_TIMEOUT_US: u64 = 3 * SECOND_US;
/// Servers whose times differ by less than this are equally good.
const BAND_US: u64 = 30_000;
/// One question in so many goes to a server that is not among the best, to learn whether it has become so.
const EXPLORE: u64 = 32;
const SECOND_US: u64 = 1_000_000;

/// How much of EDNS a question has, the plainest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// No OPT record.
    Plain,
    /// An OPT record without a cookie.
    Edns,
    /// A cookie in it.
    Cookie,
}

impl Level {
    /// The next plainer one.
    pub fn plainer(self) -> Option<Level> {
        match self {
            Level::Plain => None,
            Level::Edns => Some(Level::Plain),
            Level::Cookie => Some(Level::Edns),
        }
    }
}

/// What is known of one server.
#[derive(Debug, Clone, Default)]
pub struct Server {
    /// Smoothed round trip time and its variation in microseconds (RFC 6298); 0: never heard of.
    srtt_us: u64,
    var_us: u64,
    /// Timeouts since it answered last.
    timeouts: u32,
    /// How often the wait for it was doubled since then.
    doublings: u32,
    /// When it was found to be lame for these zones.
    lame: Vec<(NameBuf, u64)>,
    no_edns_until: u64,
    no_cookie_until: u64,
    no_case_until: u64,
    /// The highest level at which it gave an answer.
    proven: Option<Level>,
    /// When the resolution began in which it first answered with EDNS.
    met_us: Option<u64>,
    /// Our cookie for it and its for us (RFC 7873).
    cookie: Option<Cookies>,
}

/// Our cookie for a server, and its for us.
pub type Cookies = ([u8; 8], Vec<u8>);

/// Who wants to know how a server is to be asked.
#[derive(Debug, Clone, Copy)]
pub struct Asking {
    /// Now, in microseconds.
    pub now_us: u64,
    /// When the resolution began that asks.
    pub began_us: u64,
    /// How long to wait for a server that was never asked.
    pub first_timeout_us: u64,
    /// Cookies may be sent.
    pub cookies: bool,
    /// Answers without signatures are of no use.
    pub signatures: bool,
    /// Other servers that were not known either did not answer.
    pub wary: bool,
}

/// How a server is to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manner {
    /// With how much of EDNS.
    pub level: Level,
    /// With how much it would be asked if it had not been silent.
    pub wanted: Level,
    /// It has given answers at this level.
    pub proven: bool,
    /// Ask it without EDNS as well, at the same time: it may drop questions with EDNS.
    pub beside: bool,
    /// With mixed case.
    pub mixed_case: bool,
    /// The cookies, if it has been given one.
    pub cookie: Option<Cookies>,
    /// How often the wait was doubled because it did not answer.
    pub doublings: u32,
    /// How long to wait, in microseconds.
    pub timeout_us: u64,
}

/// What a server cannot do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inability {
    /// EDNS (RFC 6891 6.2.2).
    Edns,
    /// Cookies (RFC 7873).
    Cookie,
    /// Repeat the question in the case it was asked in.
    Case,
}

/// All servers.
pub struct Servers {
    known: Bounded<SocketAddr, Server>,
}

impl Servers {
    /// None known.
    pub fn new(seed: u64) -> Servers {
        Servers { known: Bounded::new(MAX_SERVERS, seed) }
    }

    /// How to ask a server.
    pub fn manner(&self, server: SocketAddr, asking: &Asking) -> Manner {
        let unknown = Server::default();
        self.known.look(&server, |known| known.unwrap_or(&unknown).manner(asking))
    }

    /// It answered, after so long.
    pub fn answered(&self, server: SocketAddr, elapsed_us: u64) {
        self.known.update(server, |server| server.measure(elapsed_us.max(1)));
    }

    /// It did not answer in time when the wait had been doubled so often. Questions that were lost side by side double
    /// the next wait once, not once each (RFC 6298 5.5 has one timer, whatever is outstanding).
    pub fn timed_out(&self, server: SocketAddr, doublings: u32) {
        self.known.update(server, |server| {
            server.timeouts = server.timeouts.saturating_add(1);
            server.doublings = server.doublings.max(doublings.saturating_add(1));
        });
    }

    /// It gave an answer at this level, with an OPT record or without, to a resolution that began then.
    pub fn proven(&self, server: SocketAddr, level: Level, with_opt: bool, began_us: u64) {
        self.known.update(server, |server| {
            server.proven = server.proven.max(Some(level));
            if with_opt {
                server.met_us.get_or_insert(began_us);
            }
        });
    }

    /// It cannot do something, for [`INABILITY_US`]: then it may have been mended.
    pub fn unable(&self, server: SocketAddr, what: Inability, now_us: u64) {
        let until_us = now_us + INABILITY_US;
        self.known.update(server, |server| match what {
            Inability::Edns => (server.no_edns_until, server.proven) = (until_us, None),
            Inability::Cookie => (server.no_cookie_until, server.proven) = (until_us, Some(Level::Edns)),
            Inability::Case => server.no_case_until = until_us,
        });
    }

    /// The cookies that go with it.
    pub fn cookie(&self, server: SocketAddr) -> Option<Cookies> {
        self.known.look(&server, |known| known.and_then(|known| known.cookie.clone()))
    }

    /// The cookies that go with it from now on.
    pub fn remember_cookie(&self, server: SocketAddr, client: [u8; 8], given: Vec<u8>) {
        self.known.update(server, |server| server.cookie = Some((client, given)));
    }

    /// It is no good for a zone.
    pub fn lame(&self, server: SocketAddr, zone: &Name, now_us: u64) {
        self.known.update(server, |server| {
            server.lame.retain(|(other, since)| **other != *zone && now_us.saturating_sub(*since) < LAME_US);
            if server.lame.len() == MAX_LAME_ZONES {
                server.lame.remove(0);
            }
            server.lame.push((zone.to_owned(), now_us));
        });
    }

    /// Which of the servers to ask for a zone; `attempts` says how often each was asked in vain, and those that were
    /// asked least come first, those that are lame last. `None` if there are none.
    pub fn choose(&self, candidates: &[(SocketAddr, u32)], zone: &Name, now_us: u64, random: u64) -> Option<usize> {
        let explore = random.is_multiple_of(EXPLORE);
        let mut scores = [u64::MAX; MAX_CANDIDATES];
        let scores = &mut scores[..candidates.len().min(MAX_CANDIDATES)];
        for (score, (server, attempts)) in scores.iter_mut().zip(candidates) {
            let known = |known: Option<&Server>| known.map_or(0, |known| known.score(zone, now_us, explore));
            *score = self.known.look(server, known) + u64::from(*attempts) * MAX_TIMEOUT_US * 4;
        }
        let least = scores.iter().min().copied()?;
        let good = |score: u64| score <= least + BAND_US;
        let count = scores.iter().filter(|&&score| good(score)).count() as u64;
        let pick = (random >> 8) % count;
        let mut good = scores.iter().enumerate().filter(|&(_, &score)| good(score));
        good.nth(pick as usize).map(|(index, _)| index)
    }

    /// Whether a server is known to answer.
    pub fn is_proven(&self, server: SocketAddr) -> bool {
        let proven = |known: &Server| known.srtt_us > 0 && known.timeouts == 0;
        self.known.look(&server, |known| known.is_some_and(proven))
    }

    /// Whether a server ever answered.
    pub fn is_known(&self, server: SocketAddr) -> bool {
        self.known.look(&server, |known| known.is_some_and(|known| known.srtt_us > 0))
    }

    /// Whether a server ever gave an answer to a question with EDNS.
    pub fn knows_edns(&self, server: SocketAddr) -> bool {
        self.known.look(&server, |known| known.is_some_and(|known| known.proven >= Some(Level::Edns)))
    }

    /// Whether a server answered last time, or is not known.
    pub fn is_well(&self, server: SocketAddr) -> bool {
        self.known.look(&server, |known| known.is_none_or(|known| known.timeouts < DEAD_TIMEOUTS))
    }
}

/// Servers that are looked at for one question.
pub const MAX_CANDIDATES: usize = 64;

impl Server {
    fn manner(&self, asking: &Asking) -> Manner {
        let wanted = self.wanted(asking);
        let is_proven = |level| self.proven >= Some(level);
        let silent = self.timeouts > 0 && !is_proven(wanted);
        // A cookie that may be why it is silent is left out first.
        let level = if silent && wanted == Level::Cookie { Level::Edns } else { wanted };
        let proven = is_proven(level);
        Manner {
            level,
            wanted,
            proven,
            beside: level == Level::Edns && !proven && (silent || asking.wary) && !asking.signatures,
            mixed_case: self.no_case_until <= asking.now_us,
            cookie: self.cookie.clone(),
            doublings: self.doublings,
            timeout_us: self.timeout_us(asking.first_timeout_us),
        }
    }

    /// What it can do. A cookie is for servers that answered another resolution before: some drop questions with one,
    /// and the first client must not wait for that.
    fn wanted(&self, asking: &Asking) -> Level {
        let met_before = self.met_us.is_some_and(|met_us| met_us != asking.began_us);
        if self.no_edns_until > asking.now_us && !asking.signatures {
            Level::Plain
        } else if asking.cookies && met_before && self.no_cookie_until <= asking.now_us {
            Level::Cookie
        } else {
            Level::Edns
        }
    }

    /// RFC 6298 2.
    fn measure(&mut self, rtt_us: u64) {
        if self.srtt_us == 0 {
            (self.srtt_us, self.var_us) = (rtt_us, rtt_us / 2);
        } else {
            self.var_us = (3 * self.var_us + self.srtt_us.abs_diff(rtt_us)) / 4;
            self.srtt_us = ((7 * self.srtt_us + rtt_us) / 8).max(1);
        }
        (self.timeouts, self.doublings) = (0, 0);
    }

    fn timeout_us(&self, first_us: u64) -> u64 {
        let measured = match self.srtt_us {
            0 => first_us,
            srtt => (srtt + 4 * self.var_us).clamp(MIN_TIMEOUT_US.min(first_us), MAX_TIMEOUT_US),
        };
        (measured << self.doublings.min(6)).min(MAX_TIMEOUT_US.max(first_us))
    }

    /// The lower the better. A server that was never asked is as good as the best, so that all become known.
    fn score(&self, zone: &Name, now_us: u64, explore: bool) -> u64 {
        let is_lame = |(lame, since): &(NameBuf, u64)| **lame == *zone && now_us.saturating_sub(*since) < LAME_US;
        let lame = if self.lame.iter().any(is_lame) { LAME_US } else { 0 };
        let dead = if self.timeouts >= DEAD_TIMEOUTS { MAX_TIMEOUT_US } else { 0 };
        let measured = if explore { 0 } else { self.srtt_us };
        lame + dead + (measured << self.timeouts.min(6))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> SocketAddr {
        ([192, 0, 2, last], 53).into()
    }

    const ASKING: Asking =
        Asking { now_us: 0, began_us: 0, first_timeout_us: 400_000, cookies: true, signatures: false, wary: false };

    #[test]
    fn edns_and_cookies_are_left_out_and_come_back() {
        let servers = Servers::new(1);
        let of = |asking: Asking| {
            let manner = servers.manner(address(1), &asking);
            (manner.level, manner.beside)
        };
        let later = |now_us| Asking { now_us, began_us: now_us, ..ASKING };
        assert_eq!(of(ASKING), (Level::Edns, false), "no cookie for a stranger");
        assert_eq!(of(Asking { wary: true, ..ASKING }), (Level::Edns, true));
        servers.timed_out(address(1), 0);
        assert_eq!(of(ASKING), (Level::Edns, true));
        assert_eq!(of(Asking { signatures: true, ..ASKING }), (Level::Edns, false));
        servers.proven(address(1), Level::Edns, true, 0);
        servers.answered(address(1), 1000);
        assert_eq!(of(ASKING), (Level::Edns, false), "the first resolution still");
        assert_eq!(of(later(1)), (Level::Cookie, false));
        assert_eq!(of(Asking { cookies: false, ..later(1) }), (Level::Edns, false));
        // A cookie that comes before silence is suspected, EDNS that was answered before is not.
        servers.timed_out(address(1), 0);
        assert_eq!(of(later(1)), (Level::Edns, false));
        servers.unable(address(1), Inability::Cookie, 1);
        assert_eq!(of(later(INABILITY_US)), (Level::Edns, false));
        servers.answered(address(1), 1000);
        assert_eq!(of(later(INABILITY_US + 1)), (Level::Cookie, false));
        servers.unable(address(1), Inability::Edns, 1);
        assert_eq!(of(later(2)), (Level::Plain, false));
        assert_eq!(of(Asking { signatures: true, ..later(2) }).0, Level::Edns, "a signed zone needs DO");
        assert_eq!(of(later(INABILITY_US + 1)).0, Level::Cookie);
    }

    #[test]
    fn the_fastest_is_chosen_and_others_now_and_then() {
        let servers = Servers::new(1);
        let candidates = [(address(1), 0), (address(2), 0), (address(3), 0)];
        servers.answered(address(1), 10_000);
        servers.answered(address(2), 200_000);
        (0..4).for_each(|_| servers.timed_out(address(3), 0));
        let mut chosen = [0; 3];
        for random in 0..10_000u64 {
            let random = random.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            chosen[servers.choose(&candidates, Name::root(), 0, random).expect("one")] += 1;
        }
        assert!(chosen[0] > 9000 && chosen[1] > 50 && chosen[2] == 0, "{chosen:?}");
        servers.lame(address(1), Name::root(), 0);
        assert_ne!(servers.choose(&candidates, Name::root(), 1, 77), Some(0));
        assert_eq!(servers.choose(&candidates[..1], Name::root(), 1, 77), Some(0));
        assert_eq!(servers.choose(&[], Name::root(), 1, 77), None);
    }

    #[test]
    fn waits_grow_with_timeouts_and_shrink_with_answers() {
        let servers = Servers::new(1);
        let manner = || servers.manner(address(1), &ASKING);
        let wait = || manner().timeout_us;
        let mut waits = vec![wait()];
        for _ in 0..3 {
            // Several that were under way at once.
            let doublings = manner().doublings;
            (0..5).for_each(|_| servers.timed_out(address(1), doublings));
            waits.push(wait());
        }
        assert_eq!(waits, [400_000, 800_000, 1_600_000, 3_000_000]);
        (0..20).for_each(|_| servers.answered(address(1), 1000));
        assert_eq!(wait(), MIN_TIMEOUT_US);
    }
}
