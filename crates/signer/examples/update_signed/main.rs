//! What a change of one record costs in a signed zone that a server has: UPDATE messages with TSIG, each answered once the
//! change is signed and on disk. Headwater, Knot and BIND get the same zone, signing with ECDSA P-256 and NSEC, and the same
//! messages, one server after the other.
//!
//! ```text
//! cargo build --release -p headwater && cargo build --release -p headwater-signer --example update_signed
//! target/release/examples/update_signed --names 1000000 --changes 2000 --dir /var/tmp/signed \
//!     --headwater target/release/headwater headwater knot bind
//! ```
//!
//! `--window 64`: so many messages are on their way at once. `--core 1`: the server runs on this processor alone. `--nsec3`:
//! NSEC3 with opt-out. Knot (`knotd`) and BIND (`named`) come from the system. Printed are, for each server: how long it took
//! from the start until the zone was signed, the processor time and the most memory of that; of the changes the median, the
//! 99th of a hundred and the longest time until the answer, changes a second, and the server's processor time for each; and
//! what one fdatasync() of the directory's disk takes.

mod client;
mod server;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use client::Client;
use server::{Kind, Server};

/// The zone that is changed.
pub const ZONE: &str = "signed.test.";
/// The zone is signed within this time, or never.
const SIGNED_WITHIN: Duration = Duration::from_secs(1800);
/// Writes that tell how fast the disk is.
const SYNCS: usize = 200;

/// What to measure.
pub struct Args {
    names: usize,
    changes: usize,
    window: usize,
    core: Option<usize>,
    nsec3: bool,
    dir: PathBuf,
    headwater: PathBuf,
    kinds: Vec<Kind>,
}

impl Args {
    fn read() -> Args {
        let mut args = Args {
            names: 1_000_000,
            changes: 2000,
            window: 1,
            core: None,
            nsec3: false,
            dir: PathBuf::from("/var/tmp/update_signed"),
            headwater: PathBuf::from("target/release/headwater"),
            kinds: Vec::new(),
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().unwrap_or_else(|| panic!("{word} needs a value"));
            match word.as_str() {
                "--names" => args.names = value().parse().expect("a number"),
                "--changes" => args.changes = value().parse().expect("a number"),
                "--window" => args.window = value().parse().expect("a number"),
                "--core" => args.core = Some(value().parse().expect("a number")),
                "--nsec3" => args.nsec3 = true,
                "--dir" => args.dir = value().into(),
                "--headwater" => args.headwater = value().into(),
                kind => args.kinds.push(Kind::of(kind).unwrap_or_else(|| panic!("headwater, knot, bind; not {kind}"))),
            }
        }
        args
    }
}

fn main() {
    let args = Args::read();
    std::fs::create_dir_all(&args.dir).expect("a directory");
    let zone = args.dir.join("signed.zone");
    std::fs::write(&zone, zone_text(args.names)).expect("the zone file");
    let load = std::fs::read_to_string("/proc/loadavg").expect("Linux");
    println!("{} names, {} changes, window {}; load {}", args.names, args.changes, args.window, load.trim());
    for &kind in &args.kinds {
        println!("fdatasync: p50 {:.3} ms", sync_ms(&args.dir));
        measure(&args, kind, &zone);
    }
}

fn zone_text(names: usize) -> String {
    let mut text =
        format!("$ORIGIN {ZONE}\n$TTL 300\n@ SOA ns host 1 7200 3600 1209600 300\n@ NS ns\nns A 192.0.2.1\n");
    for number in 0..names {
        let [_, b, c, d] = (number as u32).to_be_bytes();
        text.push_str(&format!("h{number} A 10.{b}.{c}.{d}\n"));
    }
    text
}

fn measure(args: &Args, kind: Kind, zone: &Path) {
    let begin = Instant::now();
    let mut server = Server::start(args, kind, zone);
    let mut client = Client::new(server.address);
    while !client.is_signed() {
        assert!(begin.elapsed() < SIGNED_WITHIN, "{kind:?} has not signed the zone");
        assert!(server.is_running(), "{kind:?} has ended; its log is in {}", args.dir.display());
        std::thread::sleep(Duration::from_millis(500));
    }
    server.settle();
    let (took, cpu_s) = (begin.elapsed().as_secs_f64(), server.cpu_s());
    println!("{kind:?}: signed after {took:.1} s, {cpu_s:.1} CPU-s, most memory {:.0} MB", server.most_memory_mb());
    let begin = Instant::now();
    let mut took_ms = client.change(args.names, args.changes, args.window);
    let seconds = begin.elapsed().as_secs_f64();
    let each_ms = (server.cpu_s() - cpu_s) * 1e3 / args.changes as f64;
    took_ms.sort_by(f64::total_cmp);
    let at = |share: usize| took_ms[(took_ms.len() - 1) * share / 100];
    println!(
        "{kind:?}: p50 {:.3} ms, p99 {:.3} ms, longest {:.1} ms; {:.0} changes/s, {each_ms:.3} CPU-ms each; memory {:.0} MB now",
        at(50),
        at(99),
        at(100),
        args.changes as f64 / seconds,
        server.memory_mb()
    );
    client.check_signed(args.names, args.changes);
    server.stop();
}

/// What it takes to have a few octets on disk, in milliseconds: the median.
fn sync_ms(dir: &Path) -> f64 {
    let mut file = std::fs::File::create(dir.join("sync")).expect("a file");
    let once = |_| {
        let begin = Instant::now();
        file.write_all(&[7; 600]).and_then(|()| file.sync_data()).expect("it is written");
        begin.elapsed().as_secs_f64() * 1e3
    };
    let mut took: Vec<f64> = (0..SYNCS).map(once).collect();
    took.sort_by(f64::total_cmp);
    took[SYNCS / 2]
}
