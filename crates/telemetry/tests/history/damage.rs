use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use telemetry::Filter;
use telemetry::history::{Limits, Store, Wanted, Writer};

use super::rows::{Directory, Made, roomy, rows, write};
use super::search::all;

/// The numbers of all rows, the latest first.
fn numbers(store: &Store) -> Vec<u32> {
    let filter = Filter::default();
    let wanted = Wanted { filter: &filter, from_us: 0, to_us: u64::MAX };
    all(store, &wanted, 1000, false).iter().map(|row| row.id.sequence()).collect()
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a directory") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("a copy");
    }
}

#[test]
fn everything_is_there_after_a_restart() {
    let directory = Directory::new("restart");
    let made = rows(1, 500);
    let (first, second) = made.split_at(333);
    let mut writer = Writer::open(directory.path(), roomy(100)).expect("a store");
    write(&mut writer, first);
    writer.flush();
    assert!(Writer::open(directory.path(), roomy(100)).is_err(), "another one has it open");
    drop(writer);
    let mut writer = Writer::open(directory.path(), roomy(100)).expect("a store");
    assert_eq!(numbers(writer.store()), (0..333).rev().collect::<Vec<_>>());
    write(&mut writer, second);
    assert_eq!(numbers(writer.store()), (0..500).rev().collect::<Vec<_>>());
    writer.flush();
    drop(writer);
    let writer = Writer::open(directory.path(), roomy(100)).expect("a store");
    assert_eq!(numbers(writer.store()), (0..500).rev().collect::<Vec<_>>());
    assert_eq!(writer.store().counts().damaged, 0);
    for (path, mode) in [(directory.files("segment").remove(0), 0o600), (directory.files("rows").remove(0), 0o600)] {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(path).expect("a file").permissions().mode() & 0o777, mode);
    }
}

/// Of 130 rows 100 are in two segments and 30 in the log, in three chunks.
fn written() -> Directory {
    let directory = Directory::new("whole");
    let made = rows(2, 130);
    let mut writer = Writer::open(directory.path(), roomy(50)).expect("a store");
    for few in made.chunks(10) {
        write(&mut writer, few);
        writer.flush();
    }
    drop(writer);
    directory
}

#[test]
fn a_segment_cut_off_anywhere_is_set_aside() {
    let whole = written();
    let segment = whole.files("segment").remove(0);
    let octets = fs::read(&segment).expect("a segment");
    let cuts = (0..octets.len()).step_by(11).chain([octets.len() - 1]);
    for cut in cuts {
        let directory = Directory::new("cut");
        copy(whole.path(), directory.path());
        fs::write(&directory.files("segment")[0], &octets[..cut]).expect("a file");
        let writer = Writer::open(directory.path(), roomy(50)).expect("a store");
        assert_eq!(numbers(writer.store()), (50..130).rev().collect::<Vec<_>>(), "cut at {cut}");
        assert_eq!(writer.store().counts().damaged, 1);
        assert_eq!(directory.files("damaged").len(), 1);
    }
}

#[test]
fn a_segment_with_a_wrong_octet_is_set_aside_when_it_is_read() {
    let whole = written();
    let segment = whole.files("segment").remove(0);
    let octets = fs::read(&segment).expect("a segment");
    for at in (0..octets.len()).step_by(7) {
        let directory = Directory::new("octet");
        copy(whole.path(), directory.path());
        let mut wrong = octets.clone();
        wrong[at] ^= 0x20;
        fs::write(&directory.files("segment")[0], &wrong).expect("a file");
        let writer = Writer::open(directory.path(), roomy(50)).expect("a store");
        // Some of its rows may have been found before the part that is damaged was read.
        let found = numbers(writer.store());
        assert!(found.len() >= 80 && found[..80].iter().copied().eq((50..130).rev()), "octet {at}");
        assert_eq!(writer.store().counts().damaged, 1, "octet {at}");
        assert_eq!(numbers(writer.store()).len(), 80, "octet {at}");
    }
}

/// A store that was just closed. A program that another test has started may still hold a copy of its lock.
fn reopened(directory: &Directory) -> Writer {
    for _ in 0..100 {
        match Writer::open(directory.path(), roomy(50)) {
            Err(error) if error.to_string().contains("another process") => {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            opened => return opened.expect("a store"),
        }
    }
    panic!("the lock is never given back")
}

#[test]
fn a_log_cut_off_anywhere_keeps_what_is_whole() {
    let whole = written();
    let log = whole.files("rows").remove(0);
    let octets = fs::read(&log).expect("a log");
    let mut kept = Vec::new();
    for cut in 0..=octets.len() {
        let directory = Directory::new("log");
        copy(whole.path(), directory.path());
        fs::write(&directory.files("rows")[0], &octets[..cut]).expect("a file");
        let mut writer = Writer::open(directory.path(), roomy(50)).expect("a store");
        let found = numbers(writer.store());
        let count = found.len() as u32;
        assert_eq!(found, (0..count).rev().collect::<Vec<_>>(), "cut at {cut}");
        kept.push(count);
        write(&mut writer, &rows(2, 130)[count as usize..]);
        writer.flush();
        drop(writer);
        let writer = reopened(&directory);
        assert_eq!(numbers(writer.store()).len(), 130, "cut at {cut}: it goes on");
    }
    assert!(kept.is_sorted());
    kept.dedup();
    assert_eq!(kept, [100, 110, 120, 130]);
}

const CHILD_DIRECTORY: &str = "HISTORY_TEST_DIRECTORY";

/// Run as a process of its own by the test below.
#[test]
#[ignore = "it ends only when it is killed"]
fn writes_until_it_is_killed() {
    let Some(directory) = std::env::var_os(CHILD_DIRECTORY) else { return };
    let mut writer = Writer::open(Path::new(&directory), roomy(500)).expect("a store");
    let made = rows(1, 100_000);
    for (i, few) in made.chunks(20).enumerate() {
        write(&mut writer, few);
        writer.flush();
        println!("flushed {}", (i + 1) * 20);
    }
}

#[test]
fn what_was_flushed_survives_kill_9() {
    for after in [3, 40, 60] {
        let directory = Directory::new("kill");
        let mut child = Command::new(std::env::current_exe().expect("a program"))
            .args(["--exact", "damage::writes_until_it_is_killed", "--ignored", "--nocapture"])
            .env(CHILD_DIRECTORY, directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let flushed =
            lines.map(|line| line.expect("a line")).filter_map(|line| line.strip_prefix("flushed ")?.parse().ok());
        let flushed: u32 = flushed.take(after).last().expect("it writes");
        child.kill().expect("it is killed");
        child.wait().expect("it ends");
        let writer = Writer::open(directory.path(), roomy(500)).expect("a store");
        let found = numbers(writer.store());
        assert!(found.len() as u32 >= flushed, "{} of {flushed}", found.len());
        assert_eq!(found, (0..found.len() as u32).rev().collect::<Vec<_>>());
        assert_eq!(writer.store().counts().damaged, 0);
    }
}

/// A file system of one MiB; `None`: it cannot be made here.
struct Small(Directory);

impl Small {
    fn new() -> Option<Small> {
        let directory = Directory::new("small");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(directory.path())
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then_some(Small(directory))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_stops_the_writing_until_there_is_room() {
    let Some(small) = Small::new() else {
        eprintln!("skipped: no file system can be mounted here");
        return;
    };
    let path = small.0.path();
    let ballast = path.join("ballast");
    fs::write(&ballast, vec![1; 900 << 10]).expect("a file that takes the room");
    let directory = path.join("history");
    let limits = Limits { max_rows: 16 * 4000, max_days: 3650, max_bytes: 1 << 30 };
    let mut writer = Writer::open(&directory, limits).expect("a store");
    let made: Vec<Made> = rows(1, 12_000);
    for few in made[..10_000].chunks(100) {
        write(&mut writer, few);
        writer.flush();
    }
    let counts = writer.store().counts();
    assert!(counts.is_failing && counts.lost > 0 && counts.damaged == 0, "{counts:?}");
    assert_eq!(counts.written + counts.lost, 10_000);
    let found = numbers(writer.store());
    assert_eq!(found.len() as u64, counts.written, "what there was room for is found");
    fs::remove_file(&ballast).expect("room");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    write(&mut writer, &made[10_000..]);
    writer.flush();
    let after = writer.store().counts();
    assert!(!after.is_failing && after.lost == counts.lost, "{after:?}");
    drop(writer);
    let writer = Writer::open(&directory, limits).expect("a store");
    assert_eq!(numbers(writer.store()).len() as u64, after.written);
}
