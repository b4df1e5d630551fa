//! What the index of listed names costs: memory, time to build and to swap, time of a lookup (of processor).
//!
//! `cargo run --release -p headwater-policy --example blocking -- DIRECTORY [NAMES]` writes ten lists with overlaps into
//! the directory, if they are not there, and measures. Resident memory and processor time are read from /proc.

use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use dns::question::HashedName;
use dns::{NameBuf, NameHasher, RType};
use policy::blocking::build::{ListReport, Rebuild, Source};
use policy::blocking::engine::Engine;
use policy::blocking::format::{SAMPLE_OCTETS, detect};
use policy::blocking::index::Index;
use policy::{Action, ListId, ListSet, Who};

const LISTS: u64 = 10;
const CHUNK: usize = 256 * 1024;
/// Names of a batch, as the server takes packets.
const BATCH: usize = 16;
const QUESTIONS: u64 = 1_000_000;
/// Shards between two publications of a swap.
const PUBLISHED_EVERY: usize = 2;

/// That of the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().ok_or("a directory for the lists, please")?);
    let names: u64 = arguments.next().map_or(Ok(5_000_000), |count| count.parse())?;
    let files: Vec<PathBuf> = (0..LISTS).map(|list| directory.join(format!("{names}-{list}.txt"))).collect();
    if !files.iter().all(|file| file.exists()) {
        write_lists(&files, names)?;
    }
    let hasher = NameHasher::new(0x5eed);
    let empty = Index::empty(hasher);
    let before = resident("VmRSS")?;
    let start = seconds()?;
    let (index, reports) = build(empty.clone(), &files, &mut |_| {})?;
    let elapsed = seconds()? - start;
    let lines: u64 = reports.iter().map(|report| report.lines).sum();
    let own: u64 = reports.iter().map(|report| report.own_names).sum();
    println!("{} names of {lines} lines, {own} in one list alone; first list: {:?}", index.names(), brief(&reports));
    println!("built in {elapsed:.2} s, peak {:.1} MB", megabytes(resident("VmHWM")?, before));
    let after = resident("VmRSS")?;
    let per_name = (after - before) as f64 / index.names() as f64;
    println!(
        "resident {:.1} MB, {per_name:.1} octets a name; by its own count {:.1} MB",
        megabytes(after, before),
        index.octets() as f64 / 1e6
    );
    let index = swap(index, &files, before)?;
    measure(&empty, &index, names)
}

fn brief(reports: &[ListReport]) -> Option<(u64, u64, usize)> {
    reports.first().map(|report| (report.names, report.own_names, report.overlaps.len()))
}

/// Rebuilds in place, as a refresh does, publishing now and then.
fn swap(index: Index, files: &[PathBuf], before: u64) -> Result<Index, Failure> {
    // Forgets the peak so far.
    std::fs::write("/proc/self/clear_refs", "5")?;
    let mut published = Arc::new(index.clone());
    let mut shards = 0;
    let start = seconds()?;
    let (index, _) = build(index, files, &mut |index| {
        shards += 1;
        if shards % PUBLISHED_EVERY == 0 {
            published = Arc::new(index.clone());
        }
    })?;
    drop(published);
    println!(
        "swapped in {:.2} s, peak {:.1} MB, afterwards {:.1} MB",
        seconds()? - start,
        megabytes(resident("VmHWM")?, before),
        megabytes(resident("VmRSS")?, before)
    );
    Ok(index)
}

fn build(old: Index, files: &[PathBuf], each: &mut dyn FnMut(&Index)) -> Result<(Index, Vec<ListReport>), Failure> {
    let mut chunk = vec![0; CHUNK];
    let mut sources = Vec::new();
    for (list, file) in files.iter().enumerate() {
        let mut text = File::open(file)?;
        let count = text.read(&mut chunk)?;
        let format = detect(chunk.get(..count.min(SAMPLE_OCTETS)).unwrap_or_default())?;
        sources.push(Source { list: ListId(u8::try_from(list)?), format, octets: text.metadata()?.len() });
    }
    let mut rebuild = Rebuild::new(old, sources)?;
    while let Some(mut pass) = rebuild.pass() {
        for file in files {
            let mut text = File::open(file)?;
            loop {
                let count = text.read(&mut chunk)?;
                if count == 0 {
                    break;
                }
                pass.read(chunk.get(..count).unwrap_or_default(), &mut |_, _| {});
            }
            pass.end_of_list(&mut |_, _| {})?;
        }
        let mut swaps = pass.end()?;
        while let Some(index) = swaps.next_shard() {
            each(index);
        }
    }
    Ok(rebuild.finish()?)
}

/// Time of a decision, reading the name from its wire form included; the empty index shows what that takes alone.
fn measure(empty: &Index, full: &Index, names: u64) -> Result<(), Failure> {
    let engine = |index: &Index| Engine::new(vec![Arc::new(index.clone())], Vec::new(), [], &Action::Null);
    let listed = questions(|i| mixed(i) % names)?;
    let below = questions(|i| mixed(i) % names)?;
    let below: Vec<NameBuf> = below.iter().map(|name| name.prepend(b"www")).collect::<Result<_, _>>()?;
    let unlisted = questions(|i| names * 2 + mixed(i) % names)?;
    for (what, questions) in [("listed", &listed), ("below listed", &below), ("not listed", &unlisted)] {
        let (base, _) = time(&engine(empty), questions)?;
        let (cost, found) = time(&engine(full), questions)?;
        println!("{what}: {base:.1} ns with an empty index, {cost:.1} ns with the full one; {found} decided");
    }
    Ok(())
}

fn questions(number: impl Fn(u64) -> u64) -> Result<Vec<NameBuf>, Failure> {
    (0..QUESTIONS).map(|i| Ok(name(number(i)).parse()?)).collect()
}

/// Nanoseconds a question, and how many were decided.
fn time(engine: &Engine, questions: &[NameBuf]) -> Result<(f64, usize), Failure> {
    let hasher = engine.indexes().first().map_or(NameHasher::new(0), |index| index.hasher());
    let who = Who { address: IpAddr::V4(Ipv4Addr::LOCALHOST), device: None, tags: &[], lists: &ListSet::ALL };
    let mut batch = vec![HashedName::default(); BATCH];
    let (mut found, start) = (0, seconds()?);
    for questions in questions.chunks(BATCH) {
        for (question, hashed) in questions.iter().zip(&mut batch) {
            hashed.set(question, hasher);
        }
        for hashed in batch.iter().take(questions.len()) {
            found += usize::from(black_box(engine.decide(hashed, RType::A, &who)).is_some());
        }
    }
    Ok(((seconds()? - start) * 1e9 / questions.len() as f64, found))
}

fn write_lists(files: &[PathBuf], names: u64) -> Result<(), Failure> {
    let open = |file: &PathBuf| File::create(file).map(BufWriter::new);
    let mut outputs = files.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    for i in 0..names {
        let name = name(i);
        // A quarter of the names is in a second list, every twentieth in a third.
        let dice = mixed(i ^ 0xd1ce);
        let lists = 1 + u64::from(dice.is_multiple_of(4)) + u64::from(dice.is_multiple_of(20));
        for more in 0..lists {
            let list = (dice / 64 + more * 3) % LISTS;
            let Some(output) = outputs.get_mut(list as usize) else { continue };
            match list {
                0..=4 => writeln!(output, "{name}")?,
                5..=7 => writeln!(output, "0.0.0.0 {name}")?,
                _ => writeln!(output, "||{name}^")?,
            }
        }
    }
    Ok(outputs.iter_mut().try_for_each(BufWriter::flush)?)
}

/// A name of two to four labels; several share their last two.
fn name(i: u64) -> String {
    const WORDS: [&str; 16] = [
        "ads",
        "track",
        "metrics",
        "cdn",
        "pixel",
        "static",
        "stat",
        "api",
        "click",
        "beacon",
        "media",
        "analytics",
        "banner",
        "log",
        "sync",
        "promo",
    ];
    const TOP: [&str; 8] = ["com", "net", "org", "info", "de", "ru", "io", "co.uk"];
    let word = |bits: u64| WORDS[bits as usize % WORDS.len()];
    let domain = mixed(i / 2);
    let top = TOP[(domain >> 56) as usize % TOP.len()];
    let stem = format!("{}{}{:x}.{top}", word(domain), word(domain >> 4), i / 2);
    match i % 2 {
        0 => stem,
        _ => format!("{}{}.{stem}", word(domain >> 8), i % 7),
    }
}

fn mixed(i: u64) -> u64 {
    let product = u128::from(i ^ 0x9e37_79b9_7f4a_7c15) * 0xa076_1d64_78bd_642f;
    (product as u64 ^ (product >> 64) as u64).wrapping_mul(0xd6e8_feb8_6659_fd93) >> 3
}

/// Seconds that this process had a processor.
fn seconds() -> Result<f64, Failure> {
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    Ok(text.split_whitespace().next().ok_or("no time")?.parse::<f64>()? / 1e9)
}

/// Octets that /proc says.
fn resident(key: &str) -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).ok_or("no such key")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}

fn megabytes(octets: u64, before: u64) -> f64 {
    octets.saturating_sub(before) as f64 / 1e6
}
