//! Queries of virtual clients, and what names for them are made of.

use std::net::IpAddr;

use dns::{RType, Rcode};

/// Milliseconds of a second, a minute, an hour and a day.
pub const SECOND: u64 = 1_000;
pub const MINUTE: u64 = 60 * SECOND;
pub const HOUR: u64 = 60 * MINUTE;
pub const DAY: u64 = 24 * HOUR;

const WORDS: &str = "account action active adventure agency air alarm album amber angle apple arch area arrow art asset \
    atlas auto baker balance bank basket battery beach bear best bike bird black blog blue board book border box brand \
    bread bridge bright build cable camera camp canvas capital card care cargo castle cat center chain chance change \
    chat check city class clean clear click clinic clock cloud club coach coast code coffee color common connect cook \
    cool copper core corner craft credit crew crystal daily dance data deal delta design desk digital direct doctor dog \
    dream drive eagle earth east easy edge energy engine event exchange express factory family farm fashion fast field \
    film finance fire first fish fit flash flight flower focus food forest forum forward free fresh friend front fuel \
    fun future game garden gate gear gift glass global gold grand graph green grid ground group guide hand happy harbor \
    health heart help hero high home honey horse host hotel house hub idea image index info inn iron island job journal \
    jump kids king kit lab lake land laser law leaf learn level life light lime line link lion list live local logic \
    loop lunch magic mail maker map market master match media medical metal metro mind mobile model money moon motor \
    mountain music native nature net network news next night noble north note ocean office oil olive online open orange \
    order organic outdoor page paint palace paper park partner party path pay peak pearl pet phone photo piano pilot \
    pink place planet plant play point pool port post power press price prime print pro project public pulse purple \
    quality quick radio rain red rent report rest rich ring river road robot rock room root rose royal run safe sail \
    salt school science sea search secure server service share sharp shop side signal silver simple site sky smart snow \
    social soft solar solid song sound source south space spark sport spring square star state station steel stone store \
    storm story street studio style summer sun super swift system table team tech tele theme tiger time tool top touch \
    tour town track trade trail train travel tree trend true trust tube turn union unit urban valley value vector video \
    view village vision voice walk wall watch water wave way wealth web west white wild wind wine winter wire wolf wood \
    word work world yard year yellow young zebra zone";

/// One answered query, before it is known whether a cache has it.
#[derive(Debug, Clone)]
pub struct Query {
    pub time_ms: u64,
    pub client: u32,
    pub name: String,
    pub qtype: RType,
    pub rcode: Rcode,
    pub payload_len: usize,
    pub address: Option<IpAddr>,
    pub ttl: u32,
}

impl Query {
    /// An A query with a public address.
    pub fn new(time_ms: u64, client: u32, name: impl Into<String>) -> Query {
        let name = name.into();
        let ttl = ttl_of(&name);
        let address = Some(IpAddr::from([93, 184, 216, 34]));
        Query { time_ms, client, name, qtype: RType::A, rcode: Rcode::NOERROR, payload_len: 0, address, ttl }
    }

    /// The same without an answer.
    pub fn failing(self, rcode: Rcode) -> Query {
        Query { rcode, address: None, ttl: 300, ..self }
    }

    /// The same with other data in the answer.
    pub fn with_payload(self, qtype: RType, payload_len: usize) -> Query {
        Query { qtype, payload_len, address: None, ..self }
    }
}

/// Each name has one TTL.
fn ttl_of(name: &str) -> u32 {
    let sum = name.bytes().fold(7u32, |sum, octet| sum.wrapping_mul(31).wrapping_add(octet.into()));
    [20, 30, 60, 60, 120, 300, 300, 600, 3600, 3600][sum as usize % 10]
}

/// A generator of numbers that repeats with its seed.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Rng {
        Rng(seed.wrapping_mul(0xd134_2543_de82_ef95) ^ 0x2545_f491_4f6c_dd1d)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `limit`, exclusive.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    /// From `low` to `high`, exclusive.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low)
    }

    pub fn chance(&mut self, share: f64) -> bool {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64 <= share
    }

    /// A waiting time of a process without memory.
    pub fn wait(&mut self, mean_ms: u64) -> u64 {
        let share = ((self.next() >> 11) + 1) as f64 / (1u64 << 53) as f64;
        (-share.ln() * mean_ms as f64) as u64 + 1
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    /// An index below `count`, low ones far more often (Zipf).
    pub fn popular(&mut self, count: usize) -> usize {
        let share = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        ((count as f64 + 1.0).powf(share) - 1.0) as usize % count
    }

    pub fn word(&mut self) -> &'static str {
        let words: Vec<&str> = WORDS.split_whitespace().collect();
        words[self.below(words.len() as u64) as usize]
    }

    /// `len` characters of `alphabet`.
    pub fn text(&mut self, alphabet: &str, len: u64) -> String {
        (0..len).map(|_| char::from(*self.pick(alphabet.as_bytes()))).collect()
    }

    pub fn hex(&mut self, len: u64) -> String {
        self.text("0123456789abcdef", len)
    }

    /// A registrable name such as people choose: words, words with a number, abbreviations.
    pub fn site(&mut self) -> String {
        let name = match self.below(10) {
            0..=4 => format!("{}{}", self.word(), self.word()),
            5 => format!("{}-{}", self.word(), self.word()),
            6 => format!("{}{}{}", self.word(), self.word(), self.word()),
            7 => format!("{}{}", self.word(), self.below(1000)),
            8 => format!("{}{}", self.word(), self.word()).replace(['a', 'e', 'i', 'o', 'u'], ""),
            _ => self.text("abcdefghijklmnopqrstuvwxyz", 4),
        };
        let suffixes = [".com", ".com", ".com", ".com", ".net", ".org", ".de", ".co.uk", ".io", ".fr"];
        name + *self.pick(&suffixes)
    }
}
