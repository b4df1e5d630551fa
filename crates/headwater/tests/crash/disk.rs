//! A disk that is full or read-only, and two servers on one data directory.

use std::os::unix::fs::symlink;

use dns::RType;

use crate::common::{Process, Scratch, Server, headwater};
use crate::model::Op;
use crate::node::{self, Tmpfs, ZONE, add_text};
use crate::transfer::axfr;
use crate::updates::Connection;

const NOERROR: u8 = 0;
const SERVFAIL: u8 = 2;
/// Octets of the text in a large record.
const LARGE: usize = 250;

/// Replaces a large RRset, so that much must be written; returns the answer's code.
fn replace_large(server: &Server, round: usize) -> u8 {
    let text = |i: usize| format!("{round:08}{i:08}{}", "y".repeat(LARGE - 16));
    let owner = || format!("large.{ZONE}");
    let add = |i: usize| Op::Add(owner(), RType::TXT, [&[LARGE as u8][..], text(i).as_bytes()].concat());
    let ops: Vec<Op> = [Op::DeleteRrset(owner(), RType::TXT)].into_iter().chain((0..200).map(add)).collect();
    Connection::open(server.address).expect("connection").update(ZONE, &ops).expect("an answer")
}

/// Everything that was acknowledged is there, over a kill and over a stop.
fn nothing_is_lost(scratch: &Scratch, mut server: Server) {
    let before = axfr(server.address, ZONE).expect("the zone");
    server.process.kill();
    let server = node::start(scratch);
    assert_eq!(axfr(server.address, ZONE).expect("the zone"), before);
    node::stop(server);
    let server = node::start(scratch);
    assert_eq!(axfr(server.address, ZONE).expect("the zone"), before);
}

#[test]
fn a_full_disk_stops_changes_and_nothing_else() {
    let scratch = Scratch::new("full");
    node::prepare(&scratch);
    let Some(disk) = Tmpfs::mount(&scratch.path().join("data"), 4096) else { return };
    let server = node::start(&scratch);
    assert_eq!(add_text(&server, "before", "one"), NOERROR);
    disk.fill();
    let refused = (0..200).map(|round| replace_large(&server, round)).find(|&rcode| rcode != NOERROR);
    assert_eq!(refused, Some(SERVFAIL));
    for i in 0..20 {
        assert_eq!(replace_large(&server, 1000 + i), SERVFAIL);
        assert_eq!(server.data(&format!("before.{ZONE}"), RType::TXT), "\"one\"");
    }
    let log = server.process.log();
    assert!(log.contains("changes cannot be stored") && log.contains("the disk is full"), "{log}");
    let kept = axfr(server.address, ZONE).expect("the zone");
    disk.free();
    assert_eq!(add_text(&server, "after", "two"), NOERROR, "{}", server.process.log());
    assert_eq!(server.data(&format!("after.{ZONE}"), RType::TXT), "\"two\"");
    let now = axfr(server.address, ZONE).expect("the zone");
    assert_eq!((now.serial, now.rows.len()), (kept.serial.wrapping_add(1), kept.rows.len() + 1));
    nothing_is_lost(&scratch, server);
}

/// The store may be elsewhere: the journal goes on for a while, then changes are refused until there is room.
#[test]
fn a_store_that_cannot_be_written_stops_changes_at_last() {
    let scratch = Scratch::new("store-full");
    node::prepare(&scratch);
    let Some(disk) = Tmpfs::mount(&scratch.path().join("elsewhere"), 2048) else { return };
    std::fs::create_dir(scratch.path().join("data")).expect("directory");
    symlink(scratch.path().join("elsewhere/store.db"), scratch.path().join("data/store.db")).expect("link");
    let mut server = node::start(&scratch);
    disk.fill();
    // 64 MiB of changes wait at most; one takes about 100 KiB.
    let refused = (0..2000).map(|round| replace_large(&server, round)).position(|rcode| rcode != NOERROR);
    assert!(refused.is_some_and(|count| count > 300), "{refused:?}");
    assert_eq!(add_text(&server, "refused", "x"), SERVFAIL);
    let log = server.process.log();
    assert!(log.contains("the store lags behind") && log.contains("changes wait for the store"), "{log}");
    assert!(node::serial(server.address).is_some());
    // A start in this state serves what is there, and a stop does not hang.
    let before = axfr(server.address, ZONE).expect("the zone");
    server.process.kill();
    let server = node::start(&scratch);
    assert_eq!(axfr(server.address, ZONE).expect("the zone"), before);
    assert_eq!(add_text(&server, "refused", "x"), SERVFAIL);
    node::stop(server);
    let server = node::start(&scratch);
    assert_eq!(axfr(server.address, ZONE).expect("the zone"), before);
    disk.free();
    let _ = disk_grown(&scratch);
    let accepted =
        crate::common::until(crate::common::PATIENCE, || (add_text(&server, "after", "two") == NOERROR).then_some(()));
    assert!(accepted.is_some(), "{}", server.process.log());
    nothing_is_lost(&scratch, server);
}

/// Makes the store's disk large enough for what has waited.
fn disk_grown(scratch: &Scratch) -> std::process::ExitStatus {
    let mut mount = std::process::Command::new("mount");
    mount.args(["-o", "remount,size=256m"]).arg(scratch.path().join("elsewhere")).status().expect("mount")
}

#[test]
fn a_directory_that_becomes_read_only_stops_changes_and_nothing_else() {
    let scratch = Scratch::new("read-only");
    node::prepare(&scratch);
    let Some(disk) = Tmpfs::mount(&scratch.path().join("data"), 16_384) else { return };
    let server = node::start(&scratch);
    assert_eq!(add_text(&server, "before", "one"), NOERROR);
    node::stop(server);
    disk.remount("ro");
    // From the start on: the journal's zones are served.
    let mut server = node::start(&scratch);
    assert_eq!(server.data(&format!("before.{ZONE}"), RType::TXT), "\"one\"");
    assert_eq!(add_text(&server, "refused", "x"), SERVFAIL);
    let log = server.process.log();
    assert!(log.contains("the data directory cannot be written"), "{log}");
    assert!(log.contains("read-only"), "{log}");
    node::stop(server);
    // Under a running server, which has the files open: the system lets it keep them only if it is killed.
    disk.remount("rw");
    server = node::start(&scratch);
    assert_eq!(add_text(&server, "later", "two"), NOERROR);
    server.process.kill();
    disk.remount("ro");
    let server = node::start(&scratch);
    assert_eq!(server.data(&format!("later.{ZONE}"), RType::TXT), "\"two\"");
    assert_eq!(add_text(&server, "refused", "x"), SERVFAIL);
    node::stop(server);
    disk.remount("rw");
    let server = node::start(&scratch);
    assert_eq!(add_text(&server, "after", "three"), NOERROR);
    nothing_is_lost(&scratch, server);
}

#[test]
fn zones_of_files_need_no_data_directory() {
    let scratch = Scratch::new("no-directory");
    let file_zone = format!("  - {{ name: {ZONE}, file: zone }}\n");
    scratch.write("zone", "$TTL 60\n@ SOA ns hostmaster 7 1 1 1 1\n@ NS ns\nns A 192.0.2.1\n");
    scratch.write("headwater.yaml", &node::config(&file_zone));
    let Some(disk) = Tmpfs::mount(&scratch.path().join("data"), 1024) else { return };
    disk.remount("ro");
    let server = node::start(&scratch);
    assert_eq!(node::serial(server.address), Some(7));
    let log = node::stop(server);
    for clue in ["the data directory cannot be written", "Read-only file system"] {
        assert!(log.contains(clue), "{clue}:\n{log}");
    }
    // A zone of the journal has no place.
    scratch.write("headwater.yaml", &node::config(&node::journal_zone(ZONE)));
    let log = node::refuses_to_start(&scratch);
    assert!(log.contains("data directory data") && log.contains("crash.test. has no zone file"), "{log}");
}

#[test]
fn one_server_a_directory() {
    let scratch = Scratch::new("two-servers");
    node::prepare(&scratch);
    let server = node::start(&scratch);
    let log = node::refuses_to_start(&scratch);
    assert!(log.contains("data directory data is in use by another server"), "{log}");
    assert_eq!(add_text(&server, "still", "here"), NOERROR);
    // The other one's attempt left the control socket alone.
    let mut stats = headwater(&["stats", "--data", "data"]);
    let mut stats = Process::start(&mut stats, scratch.path(), "stats");
    assert!(stats.wait().success(), "{}", stats.log());
    node::stop(server);
    node::stop(node::start(&scratch));
}
