//! A data directory of the version before: journal of format 1, store of the second schema. The server that wrote it was
//! stopped, started, changed two zones and was killed: its journal is ahead of its store.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use dns::RType;

use crate::common::{Random, Scratch, Server, headwater};
use crate::node::{self, ZONE};
use crate::{fresh_seed, setting};

/// When a start is killed at the latest.
const MAX_START_MS: usize = 40;

/// Puts the data directory in place.
fn place(scratch: &Scratch) {
    let data = scratch.path().join("data");
    let _ = fs::remove_dir_all(&data);
    fs::create_dir_all(&data).expect("directory");
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/journal/data-v1");
    for file in ["journal.db", "journal.db-wal", "store.db", "seal.key"] {
        fs::copy(from.join(file), data.join(file)).expect(file);
        fs::set_permissions(data.join(file), fs::Permissions::from_mode(0o600)).expect(file);
    }
}

/// Everything that the version before had acknowledged.
fn check(server: &Server) {
    let answers = [
        ("www.kept.test.", RType::A, "192.0.2.1 192.0.2.2"),
        ("kept.test.", RType::TXT, "\"before the upgrade\""),
        ("late.kept.test.", RType::A, "192.0.2.9"),
        ("late.crash.test.", RType::TXT, "\"not in the store\""),
        ("mixed.case.crash.test.", RType::MX, "10 MaIl.Example."),
        ("gone.test.", RType::SOA, "REFUSED"),
    ];
    for (name, rtype, want) in answers {
        assert_eq!(server.data(name, rtype), want, "{name} {rtype}\n{}", server.process.log());
    }
}

fn run(scratch: &Scratch, args: &[&str]) -> String {
    let args = [args, &["--config", "headwater.yaml", "--data", "data"]].concat();
    let done = headwater(&args).current_dir(scratch.path()).output().expect("headwater runs");
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{args:?}: {said}");
    said
}

#[test]
fn data_of_the_version_before_is_served_and_extended() {
    let scratch = Scratch::new("upgrade");
    node::prepare(&scratch);
    place(&scratch);
    let mut server = node::start(&scratch);
    check(&server);
    assert!(run(&scratch, &["key", "tsig", "list"]).contains("old-key."));
    // A change of then is taken back by one of now, and zones of then are changed: alone and on top of each other.
    run(&scratch, &["zone", "revert", "5"]);
    assert_eq!(server.data("kept.test.", RType::TXT), "NOERROR");
    run(&scratch, &["record", "set", "kept.test", "@", "TXT", "before the upgrade"]);
    assert_eq!(node::add_text(&server, "new", "format 2"), 0, "{}", server.process.log());
    // A zone that went before the upgrade goes on above its serial.
    run(&scratch, &["zone", "create", "gone.test"]);
    assert!(server.data("gone.test.", RType::SOA).contains(" 2 "), "{}", server.data("gone.test.", RType::SOA));
    run(&scratch, &["zone", "delete", "gone.test"]);
    for _ in 0..2 {
        server.process.kill();
        server = node::start(&scratch);
        check(&server);
        assert_eq!(server.data(&format!("new.{ZONE}"), RType::TXT), "\"format 2\"");
    }
    // The store alone: nothing is left to fold.
    node::stop(server);
    let server = node::start(&scratch);
    check(&server);
    node::stop(server);
}

#[test]
fn kills_during_the_migration_lose_nothing() {
    let rounds = setting("HEADWATER_CRASH_ROUNDS", 25);
    let seed = setting("HEADWATER_CRASH_SEED", fresh_seed());
    println!("HEADWATER_CRASH_SEED={seed}");
    let scratch = Scratch::new("migration-kills");
    node::prepare(&scratch);
    let mut random = Random(seed);
    for _ in 0..rounds {
        place(&scratch);
        for _ in 0..=random.below(3) {
            let mut starting = node::launch(&scratch);
            thread::sleep(Duration::from_millis(random.below(MAX_START_MS) as u64));
            starting.process.kill();
        }
        let server = node::start(&scratch);
        check(&server);
        node::stop(server);
    }
}
