//! What 10,000 patterns and 500 expressions in AdGuard's syntax cost: time to build, memory, time for a name.
//!
//! `cargo run --release -p headwater-policy --example adguard`

use std::hint::black_box;
use std::net::IpAddr;
use std::time::Instant;

use dns::RType;
use policy::adguard::{Matcher, Parsed, Rule, parse};
use policy::{ListId, ListSet, RuleRef, Who};

const PATTERNS: usize = 10_000;
const REGEXES: usize = 500;
const NAMES: usize = 20_000;
const ROUNDS: usize = 50;
const CHUNK: usize = 500;

/// What lists are about, and what other names are made of.
const BAD: [&str; 24] = [
    "ads",
    "adserver",
    "track",
    "tracker",
    "pixel",
    "banner",
    "metric",
    "telemetry",
    "beacon",
    "analytic",
    "stat",
    "count",
    "promo",
    "affil",
    "click",
    "spon",
    "popup",
    "crypto",
    "miner",
    "phish",
    "spy",
    "log",
    "event",
    "collect",
];
const GOOD: [&str; 32] = [
    "www", "mail", "api", "cdn", "static", "shop", "news", "cloud", "login", "images", "video", "play", "update",
    "docs", "support", "blog", "weather", "bank", "travel", "music", "photo", "forum", "wiki", "store", "garden",
    "kitchen", "bicycle", "museum", "library", "school", "hotel", "radio",
];
const TOP: [&str; 8] = ["com", "net", "org", "de", "io", "co.uk", "fr", "app"];

/// A generator that gives the same numbers at every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        let at = self.below(of.len());
        of.get(at).copied().unwrap_or_default()
    }

    fn word(&mut self, len: usize) -> String {
        (0..len).map(|_| char::from(b'a' + self.below(26) as u8)).collect()
    }
}

fn pattern(numbers: &mut Numbers) -> String {
    let (bad, top) = (numbers.one(&BAD), numbers.one(&TOP));
    let (len, number) = (3 + numbers.below(6), numbers.below(100));
    let word = numbers.word(len);
    match numbers.below(8) {
        0 => format!("||{bad}*.{word}.{top}^"),
        1 => format!("-{word}-{bad}."),
        2 => format!("||{bad}{number}.{word}.*^"),
        3 => format!(".{word}{bad}."),
        4 => format!("||{word}.{top}^$dnstype=A|AAAA"),
        5 => format!("||{word}-{bad}.{top}^$important"),
        6 => format!("@@||{bad}.{word}.{top}^$client=10.0.0.0/8"),
        _ => format!("{bad}-{word}*.{top}^"),
    }
}

fn regex(numbers: &mut Numbers, number: usize) -> String {
    let (bad, word) = (numbers.one(&BAD), numbers.word(4));
    match number % 10 {
        0 => format!(r"/^(.+[_.-])?{bad}s?[0-9]*[_.-]{word}/"),
        1 => format!(r"/^{bad}{word}(ing|er)?[0-9]*[_.-]/"),
        2 => format!(r"/[a-z]{{2}}[0-9]{{{}}}\.{word}\./", 2 + number % 5),
        3 => format!(r"/(^|\.){word}[0-9]+\.(com|net)$/"),
        4 => format!(r"/^[0-9a-f]{{{}}}\.(com|net|org)$/", 30 + number % 20),
        5 => format!(r"/({bad}|{word}){word}\.[a-z]+\.xyz$/"),
        6 => format!(r"/^x{word}-[a-z0-9]+\./"),
        7 => format!(r"/\.{word}[a-z]?\.(icu|top)$/"),
        8 => format!(r"/{word}.*{bad}/"),
        _ => format!(r"/^[bcdfghjklmnpqrstvwxz]{{{}}}[0-9]+\./", 12 + number % 8),
    }
}

fn good(numbers: &mut Numbers) -> String {
    let (front, middle, top) = (numbers.one(&GOOD), numbers.one(&GOOD), numbers.one(&TOP));
    let len = 2 + numbers.below(4);
    let word = numbers.word(len);
    match numbers.below(3) {
        0 => format!("{front}.{middle}{word}.{top}"),
        1 => format!("{middle}-{word}.{top}"),
        _ => format!("{word}{}.{front}.{middle}{word}.{top}", numbers.below(1000)),
    }
}

fn lines(numbers: &mut Numbers) -> Vec<String> {
    (0..PATTERNS + REGEXES).map(|i| if i < PATTERNS { pattern(numbers) } else { regex(numbers, i) }).collect()
}

fn rules(lines: &[String]) -> Vec<(RuleRef, Rule)> {
    let read = |(line, text): (u32, &String)| match parse(text) {
        Parsed::Rule(rule) => Some((RuleRef { list: ListId(1), line }, rule)),
        _ => None,
    };
    (1..).zip(lines).filter_map(read).collect()
}

/// A name that the pattern in `line` matches.
fn example(line: &str) -> String {
    let pattern = line.split('$').next().unwrap_or_default();
    let end = if pattern.ends_with('^') { "" } else { "x.example" };
    let start = if pattern.contains("||") { "www." } else { "x" };
    format!("{start}{}{end}", pattern.trim_start_matches(['@', '|']).replace('*', "x").replace('^', ""))
}

/// Resident memory in KiB; 0 where the system does not tell.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|text| text.trim().split(' ').next()?.parse().ok()).unwrap_or_default()
}

fn matched(matcher: &Matcher, name: &str, who: &Who<'_>) -> usize {
    let mut count = 0;
    matcher.matches(name, RType::A, who, &mut |_, _, _| count += 1);
    count
}

fn measure(what: &str, matcher: &Matcher, names: &[String], who: &Who<'_>) {
    let warm: usize = names.iter().map(|name| matched(matcher, name, who)).sum();
    // The best of several rounds for each few names: what others on the machine take away is not in it.
    let mut best = vec![u128::MAX; names.len().div_ceil(CHUNK)];
    for _ in 0..ROUNDS {
        for (chunk, best) in names.chunks(CHUNK).zip(&mut best) {
            let start = Instant::now();
            for name in chunk {
                black_box(matched(matcher, black_box(name), who));
            }
            *best = (*best).min(start.elapsed().as_nanos());
        }
    }
    let ns = best.iter().sum::<u128>() as f64 / names.len().max(1) as f64;
    let octets: usize = names.iter().map(String::len).sum();
    println!(
        "{what}: {ns:.0} ns a name, {} names of {:.1} octets, {:.2} matches each",
        names.len(),
        octets as f64 / names.len().max(1) as f64,
        warm as f64 / names.len().max(1) as f64,
    );
}

fn main() {
    let mut numbers = Numbers(7);
    let texts = lines(&mut numbers);
    let start = Instant::now();
    let all = rules(&texts);
    println!("{} rules read in {:?}", all.len(), start.elapsed());
    let before = resident_kib();
    let start = Instant::now();
    let (expressions, patterns): (Vec<_>, Vec<_>) = all.into_iter().partition(|(at, _)| at.line as usize > PATTERNS);
    let only_patterns = Matcher::new(patterns.clone());
    println!("patterns: built in {:?}, {} KiB", start.elapsed(), resident_kib().saturating_sub(before));
    let both = patterns.into_iter().chain(expressions).collect();
    let (before, start) = (resident_kib(), Instant::now());
    let matcher = Matcher::new(both);
    println!("patterns and expressions: built in {:?}, {} KiB", start.elapsed(), resident_kib().saturating_sub(before));
    let lists = ListSet::ALL;
    let who = Who { address: IpAddr::from([10, 0, 0, 1]), device: None, tags: &[], lists: &lists };
    let asked: Vec<String> = (0..NAMES).map(|_| good(&mut numbers)).collect();
    let (none, some): (Vec<_>, Vec<_>) = asked.into_iter().partition(|name| matched(&matcher, name, &who) == 0);
    println!("{} of {NAMES} ordinary names match something", some.len());
    let few = Matcher::new(rules(texts.get(..100).unwrap_or_default()));
    measure("no match, 100 patterns", &few, &none, &who);
    measure("no match, patterns alone", &only_patterns, &none, &who);
    measure("no match", &matcher, &none, &who);
    let hits = texts.iter().take(PATTERNS).map(|line| example(line));
    let hits: Vec<String> = hits.filter(|name| matched(&matcher, name, &who) > 0).collect();
    measure("match", &matcher, &hits, &who);
    println!("resident: {} KiB", resident_kib());
}
