//! The process itself, from `/proc`. Where there is none, its metrics are missing.

use std::fs;

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

use super::Snapshot;
use super::catalogue::{
    PROCESS_CPU, PROCESS_MAX_FDS, PROCESS_OPEN_FDS, PROCESS_RESIDENT, PROCESS_START, PROCESS_THREADS, PROCESS_VIRTUAL,
};

/// Adds what the system says of the process.
pub fn add_process(snapshot: &mut Snapshot) {
    if let Some(status) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(Status::read) {
        let ticks = clock_ticks_per_second() as f64;
        snapshot.number(&PROCESS_CPU, &[], status.cpu_ticks as f64 / ticks);
        if let Some(boot_s) = boot_time_s() {
            snapshot.number(&PROCESS_START, &[], boot_s as f64 + status.start_ticks as f64 / ticks);
        }
        snapshot.number(&PROCESS_RESIDENT, &[], status.resident_pages as f64 * page_size() as f64);
        snapshot.number(&PROCESS_VIRTUAL, &[], status.virtual_bytes as f64);
        snapshot.number(&PROCESS_THREADS, &[], status.threads as f64);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // One of them is the directory.
        snapshot.number(&PROCESS_OPEN_FDS, &[], open.count().saturating_sub(1) as f64);
    }
    if let Some(max) = getrlimit(Resource::Nofile).current {
        snapshot.number(&PROCESS_MAX_FDS, &[], max as f64);
    }
}

/// Numbers of `/proc/self/stat` (proc(5)).
#[derive(Debug, PartialEq, Eq)]
struct Status {
    cpu_ticks: u64,
    threads: u64,
    start_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Status {
    fn read(text: &str) -> Option<Status> {
        // The program's name may have blanks and brackets; what follows has none.
        let (_, behind) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = behind.split_ascii_whitespace().collect();
        // Fields are numbered from 1 in the manual, and the first here is its third.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Status {
            cpu_ticks: field(14)? + field(15)?,
            threads: field(20)?,
            start_ticks: field(22)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }
}

/// When the system started, in seconds since 1970.
fn boot_time_s() -> Option<u64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Value;

    #[test]
    fn names_with_brackets_are_read_over() {
        let text = "7 (a) b (c)) S 1 7 7 0 -1 4194560 1 0 0 0 12 30 0 0 20 0 5 0 99 4096000 250 18446744073709551615 1";
        let (cpu_ticks, threads, start_ticks, virtual_bytes, resident_pages) = (42, 5, 99, 4_096_000, 250);
        let expected = Status { cpu_ticks, threads, start_ticks, virtual_bytes, resident_pages };
        assert_eq!(Status::read(text), Some(expected));
        assert_eq!(Status::read("7 (a) S 1"), None);
    }

    #[test]
    fn this_process_has_memory_and_descriptors() {
        let mut snapshot = Snapshot::default();
        add_process(&mut snapshot);
        for name in ["process_resident_memory_bytes", "process_open_fds", "process_start_time_seconds"] {
            match snapshot.samples(name) {
                [sample] => {
                    assert!(matches!(sample.value, Value::Number(number) if number > 2.0), "{name}: {sample:?}")
                }
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}
