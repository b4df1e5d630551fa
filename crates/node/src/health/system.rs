//! Checks of the system: disk and memory.

use std::fs;
use std::path::Path;

use nix::sys::statvfs::statvfs;
use telemetry::health::{Finding, State};

/// Shares of a file system, or of memory, in percent.
const WARN_PERCENT: u64 = 10;
const FAIL_PERCENT: u64 = 1;
/// So many bytes are enough for a while, whatever share they are.
const ENOUGH_BYTES: u64 = 4 << 30;
/// With fewer the journal cannot go on for long.
const FEW_BYTES: u64 = 64 << 20;
/// So many inodes are enough.
const ENOUGH_INODES: u64 = 100_000;

/// Room on the file systems of these directories; the one with the least counts.
pub fn disk(directories: &[&Path]) -> Finding {
    let mut worst: Option<Finding> = None;
    for directory in directories {
        let finding = match statvfs(*directory) {
            Ok(stat) => {
                let bytes = |blocks: u64| blocks.saturating_mul(stat.fragment_size());
                let space = (bytes(stat.blocks_available()), bytes(stat.blocks()));
                room(directory, space, (stat.files_available(), stat.files()))
            }
            Err(error) => Finding::warn(
                format!("{}: {}", directory.display(), error.desc()),
                "see that the server may read the directory",
            ),
        };
        if worst.as_ref().is_none_or(|worst| worst.state < finding.state) {
            worst = Some(finding);
        }
    }
    worst.unwrap_or_else(|| Finding::ok("nothing is stored"))
}

/// What is said of this much free of all.
fn room(directory: &Path, space: (u64, u64), inodes: (u64, u64)) -> Finding {
    let of_space = match state(space, ENOUGH_BYTES) {
        State::Warn if space.0 < FEW_BYTES => State::Fail,
        state => state,
    };
    // File systems that make inodes as they are needed say that there are none.
    let of_inodes = if inodes.1 == 0 { State::Ok } else { state(inodes, ENOUGH_INODES) };
    let (name, mib) = (directory.display(), space.0 >> 20);
    let reason = format!("{name}: {mib} MiB and {} inodes are free", inodes.0);
    let advice = "make room, or move data_dir to a larger file system";
    match of_space.max(of_inodes) {
        State::Ok => Finding::ok(reason),
        State::Warn => Finding::warn(reason, advice),
        State::Fail => Finding::fail(reason, advice),
    }
}

fn state((free, all): (u64, u64), enough: u64) -> State {
    let below = |percent: u64| u128::from(free) * 100 < u128::from(all) * u128::from(percent);
    match free {
        0 => State::Fail,
        _ if free >= enough => State::Ok,
        _ if below(FAIL_PERCENT) => State::Fail,
        _ if below(WARN_PERCENT) => State::Warn,
        _ => State::Ok,
    }
}

/// Whether memory is left, for the system and within the limit of the service.
pub fn memory() -> Finding {
    let Some((available, all)) = fs::read_to_string("/proc/meminfo").ok().as_deref().and_then(of_system) else {
        return Finding::ok("the system does not say");
    };
    let group = group_of_this_process().unwrap_or((available, all));
    let (available, all) = if group.0 < available { group } else { (available, all) };
    let reason = format!("{} of {} MiB are available", available >> 20, all >> 20);
    let is_low = u128::from(available) * 20 < u128::from(all);
    let advice = "lower cache.max_size_mb, or give the server more memory";
    if is_low { Finding::warn(reason, advice) } else { Finding::ok(reason) }
}

/// Available and all memory, of `/proc/meminfo`, in bytes.
fn of_system(text: &str) -> Option<(u64, u64)> {
    let field = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name))?;
        value.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kib| kib << 10)
    };
    Some((field("MemAvailable:")?, field("MemTotal:")?))
}

/// The same within the limit of this process's control group, if it has one (version 2).
fn group_of_this_process() -> Option<(u64, u64)> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let directory = Path::new("/sys/fs/cgroup").join(path.trim_start_matches('/'));
    let number = |name: &str| fs::read_to_string(directory.join(name)).ok()?.trim().parse::<u64>().ok();
    let (max, current) = (number("memory.max")?, number("memory.current")?);
    Some((max.saturating_sub(current), max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_judged_by_share_and_size() {
        let state = |space, inodes| room(Path::new("/x"), space, inodes).state;
        let (gib, many) = (1 << 30, (1_000_000, 2_000_000));
        assert_eq!(state((50 * gib, 1000 * gib), many), State::Ok, "5 % of much are enough");
        assert_eq!(state((gib, 100 * gib), many), State::Warn);
        assert_eq!(state((gib / 2, 100 * gib), many), State::Fail);
        assert_eq!(state((32 << 20, gib), many), State::Fail, "too few for the journal");
        assert_eq!(state((0, gib), many), State::Fail);
        assert_eq!(state((50 * gib, 100 * gib), (5, 1_000_000)), State::Fail, "no inodes");
        assert_eq!(state((50 * gib, 100 * gib), (0, 0)), State::Ok, "inodes as needed");
        assert_eq!(disk(&[Path::new("/nowhere/at/all")]).state, State::Warn);
        assert!(disk(&[Path::new("/")]).reason.contains("MiB"));
    }

    #[test]
    fn memory_of_the_system() {
        let text = "MemTotal:       16384 kB\nMemFree:  1 kB\nMemAvailable:    4096 kB\n";
        assert_eq!(of_system(text), Some((4 << 20, 16 << 20)));
        assert_eq!(of_system("MemTotal: 1 kB\n"), None);
    }
}
