//! Attacks of several families, written from published descriptions.

use std::net::IpAddr;

use dns::{RType, Rcode};
use policy::anomaly::Kind;

use crate::traffic::{MINUTE, Query, Rng, SECOND};

const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz";
const BASE32: &str = "abcdefghijklmnopqrstuvwxyz234567";
const BASE36: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
const BASE64URL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// The type NULL (RFC 1035 3.3.10).
const NULL: RType = RType(10);

/// A family of attacks.
pub struct Family {
    pub name: &'static str,
    /// What it has to be reported as.
    pub kind: Kind,
    /// Whether thresholds were fixed on it.
    pub is_known: bool,
    /// Puts the attack by `client` from `start_ms` on into the queries.
    pub run: fn(&mut Attack<'_>),
}

/// Where an attack puts its queries.
pub struct Attack<'a> {
    pub rng: Rng,
    pub client: u32,
    pub start_ms: u64,
    pub out: &'a mut Vec<Query>,
}

/// All families, those first on which thresholds were fixed.
pub const FAMILIES: [Family; 29] = [
    family("tunnel: base32, NULL, fast", Kind::Tunnel, true, |a| a.tunnel(BASE32, 120, 250, 1_500, &[(NULL, 600)])),
    family("tunnel: hex, TXT/CNAME/MX", Kind::Tunnel, true, |a| {
        a.tunnel("0123456789abcdef", 60, 1_000, 400, &[(RType::TXT, 90), (RType::CNAME, 70), (RType::MX, 70)]);
    }),
    family("tunnel: hex in A, one way", Kind::Tunnel, true, |a| {
        a.tunnel("0123456789abcdef", 56, 4_000, 250, &[(RType::A, 0)]);
    }),
    family("DGA: LCG letters by date", Kind::GeneratedNames, true, |a| a.dga(300, 2_000, lcg_letters)),
    family("DGA: hex of a hash", Kind::GeneratedNames, true, |a| a.dga(200, 5_000, hash_hex)),
    family("DGA: pairs of words", Kind::GeneratedNames, true, |a| a.dga(200, 5_000, word_pair)),
    family("NXDOMAIN flood: random below many", Kind::NxdomainFlood, true, |a| a.nxdomain_flood(2_000, 100)),
    family("random subdomains: letters, many clients", Kind::RandomSubdomains, true, |a| {
        a.random_subdomains(3_000, 20, 100, |rng| rng.text(LETTERS, 12));
    }),
    family("random subdomains: no failures", Kind::RandomSubdomains, true, |a| {
        a.wildcard(5_000, 50, |rng| rng.text(LETTERS, 14));
    }),
    family("beacon: 60 s, 5 %", Kind::Beacon, true, |a| a.beacon(60, 0.05)),
    family("beacon: 900 s, 2 %", Kind::Beacon, true, |a| a.beacon(900, 0.02)),
    family("rebinding: router", Kind::Rebinding, true, |a| a.rebinding([192, 168, 1, 1])),
    family("high frequency: one name", Kind::HighFrequency, true, |a| a.frequency(100, false)),
    family("DGA: LCG letters, slow", Kind::GeneratedNames, true, |a| a.dga(120, 15_000, lcg_letters)),
    family("tunnel: base64url, TXT", Kind::Tunnel, false, |a| a.tunnel(BASE64URL, 110, 500, 800, &[(RType::TXT, 220)])),
    family("tunnel: base32, CNAME", Kind::Tunnel, false, |a| a.tunnel(BASE32, 100, 400, 800, &[(RType::CNAME, 110)])),
    family("tunnel: base32 in A, slow", Kind::Tunnel, false, |a| a.tunnel(BASE32, 48, 10_000, 180, &[(RType::A, 0)])),
    family("tunnel: base36 in AAAA/SRV", Kind::Tunnel, false, |a| {
        a.tunnel(BASE36, 50, 1_500, 400, &[(RType::AAAA, 0), (RType::SRV, 60)]);
    }),
    family("DGA: consonant-vowel", Kind::GeneratedNames, false, |a| a.dga(250, 3_000, consonant_vowel)),
    family("DGA: base36, eight long", Kind::GeneratedNames, false, |a| a.dga(250, 3_000, base36_short)),
    family("DGA: xorshift letters, many suffixes", Kind::GeneratedNames, false, |a| {
        a.dga(300, 2_000, xorshift_suffixes)
    }),
    family("DGA: three words and digits", Kind::GeneratedNames, false, |a| a.dga(200, 8_000, words_digits)),
    family("NXDOMAIN flood: list of hosts, one zone", Kind::NxdomainFlood, false, |a| a.host_list(1_500, 60)),
    family("random subdomains: hex, NXDOMAIN", Kind::RandomSubdomains, false, |a| {
        a.random_subdomains(1_000, 100, 1, |rng| rng.hex(10));
    }),
    family("random subdomains: words, digits", Kind::RandomSubdomains, false, |a| {
        a.random_subdomains(2_000, 50, 30, |rng| format!("{}{}", rng.word(), rng.below(100_000)));
    }),
    family("beacon: 300 s, 20 %", Kind::Beacon, false, |a| a.beacon(300, 0.2)),
    family("beacon: 30 s, 10 %", Kind::Beacon, false, |a| a.beacon(30, 0.1)),
    family("high frequency: forty names", Kind::HighFrequency, false, |a| a.frequency(50, true)),
    family("rebinding: loopback", Kind::Rebinding, false, |a| a.rebinding([127, 0, 0, 1])),
];

const fn family(name: &'static str, kind: Kind, is_known: bool, run: fn(&mut Attack<'_>)) -> Family {
    Family { name, kind, is_known, run }
}

impl Attack<'_> {
    fn tunnel(&mut self, alphabet: &str, octets: u64, every_ms: u64, count: u64, types: &[(RType, usize)]) {
        let zone = format!("t.{}", self.rng.site());
        let mut at = self.start_ms;
        for i in 0..count {
            let data = self.rng.text(alphabet, octets - self.rng.clone().below(octets / 4));
            let labels: Vec<String> =
                data.as_bytes().chunks(57).map(|chunk| String::from_utf8_lossy(chunk).into_owned()).collect();
            let (qtype, payload) = types[(i % types.len() as u64) as usize];
            let query = Query::new(at, self.client, format!("{}.{zone}", labels.join(".")));
            self.out.push(Query { ttl: 0, ..query.with_payload(qtype, payload) });
            at += self.rng.wait(every_ms);
        }
    }

    /// One name in fifty exists.
    fn dga(&mut self, count: u64, every_ms: u64, make: fn(&mut Rng) -> String) {
        let mut at = self.start_ms;
        for i in 0..count {
            let query = Query::new(at, self.client, make(&mut self.rng));
            self.out.push(if i % 50 == 49 { query } else { query.failing(Rcode::NXDOMAIN) });
            at += self.rng.wait(every_ms);
        }
    }

    fn nxdomain_flood(&mut self, count: u64, every_ms: u64) {
        for i in 0..count {
            let name = format!("{}.{}", self.rng.text(LETTERS, 8), self.rng.site());
            self.out.push(Query::new(self.start_ms + i * every_ms, self.client, name).failing(Rcode::NXDOMAIN));
        }
    }

    fn host_list(&mut self, count: u64, every_ms: u64) {
        let zone = self.rng.site();
        for i in 0..count {
            let name = format!("{}{}.{zone}", self.rng.word(), self.rng.pick(&["", "1", "2", "-dev", "-test", "01"]));
            let query = Query::new(self.start_ms + i * every_ms, self.client, name);
            self.out.push(if self.rng.chance(0.02) { query } else { query.failing(Rcode::NXDOMAIN) });
        }
    }

    fn random_subdomains(&mut self, count: u64, every_ms: u64, clients: u64, make: fn(&mut Rng) -> String) {
        let zone = self.rng.site();
        for i in 0..count {
            let client = if clients > 1 { 50_000 + self.rng.below(clients) as u32 } else { self.client };
            let name = format!("{}.{zone}", make(&mut self.rng));
            let rcode = if clients > 1 { Rcode::SERVFAIL } else { Rcode::NXDOMAIN };
            self.out.push(Query::new(self.start_ms + i * every_ms, client, name).failing(rcode));
        }
    }

    fn wildcard(&mut self, count: u64, every_ms: u64, make: fn(&mut Rng) -> String) {
        let zone = self.rng.site();
        for i in 0..count {
            let client = 50_000 + self.rng.below(50) as u32;
            let name = format!("{}.{zone}", make(&mut self.rng));
            self.out.push(Query::new(self.start_ms + i * every_ms, client, name));
        }
    }

    fn beacon(&mut self, seconds: u64, jitter: f64) {
        let name = format!("{}.{}", self.rng.pick(&["www", "update", "c", "img"]), self.rng.site());
        let ttl = *self.rng.pick(&[5, 20, 60, 120, 600]);
        let mut at = self.start_ms;
        for _ in 0..60 {
            self.out.push(Query { ttl, ..Query::new(at, self.client, &name) });
            let spread = (seconds as f64 * 1_000.0 * jitter) as u64;
            at += seconds * SECOND - spread + self.rng.below(2 * spread + 1);
        }
    }

    fn rebinding(&mut self, inner: [u8; 4]) {
        let name = format!("{}.{}", self.rng.hex(8), self.rng.site());
        for (later, address) in [(0, [203, 0, 113, 9]), (MINUTE, inner)] {
            let query = Query::new(self.start_ms + later, self.client, &name);
            self.out.push(Query { address: Some(IpAddr::from(address)), ttl: 1, ..query });
        }
    }

    fn frequency(&mut self, per_second: u64, mixed: bool) {
        let name = self.rng.site();
        for i in 0..per_second * 240 {
            let name = if mixed { format!("host{}.{name}", i % 40) } else { name.clone() };
            self.out.push(Query::new(self.start_ms + i * SECOND / per_second, self.client, name));
        }
    }
}

/// Letters from a linear congruential generator, twelve to nineteen, one of four suffixes.
fn lcg_letters(rng: &mut Rng) -> String {
    let mut state = rng.next() as u32;
    let mut step = || {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        (state >> 16) as u8
    };
    let len = 12 + step() % 8;
    let name: String = (0..len).map(|_| char::from(b'a' + step() % 25)).collect();
    format!("{name}{}", [".com", ".net", ".biz", ".info"][usize::from(step() % 4)])
}

/// Sixteen hexadecimal digits of a hash.
fn hash_hex(rng: &mut Rng) -> String {
    format!("{}.info", rng.hex(16))
}

/// Two words of a dictionary.
fn word_pair(rng: &mut Rng) -> String {
    format!("{}{}.net", rng.word(), rng.word())
}

fn consonant_vowel(rng: &mut Rng) -> String {
    let syllables = rng.between(4, 7);
    let name: String = (0..syllables).map(|_| rng.text("bcdfghjklmnpqrstvwxz", 1) + &rng.text("aeiouy", 1)).collect();
    format!("{name}.com")
}

fn base36_short(rng: &mut Rng) -> String {
    format!("{}.org", rng.text(BASE36, 8))
}

fn xorshift_suffixes(rng: &mut Rng) -> String {
    let mut state = rng.next() as u32 | 1;
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    let len = 7 + step() % 15;
    let name: String = (0..len).map(|_| char::from(b'a' + (step() % 26) as u8)).collect();
    let suffixes = ["com", "ru", "dyndns.org", "co.uk", "eu", "su", "ddns.net", "pw"];
    format!("{name}.{}", suffixes[step() as usize % suffixes.len()])
}

fn words_digits(rng: &mut Rng) -> String {
    format!("{}{}{}{}.com", rng.word(), rng.word(), rng.word(), rng.below(100))
}
