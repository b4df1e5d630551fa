//! Files of the data directory that are damaged: the server serves what is right, or does not start and says why.

use std::fs;
use std::path::PathBuf;

use crate::common::{Random, Scratch};
use crate::model::{Part, apply};
use crate::node::{self, ZONE};
use crate::setting;
use crate::transfer::{Snapshot, axfr};
use crate::updates::Connection;

/// A data directory with some history, stopped.
fn prepared(name: &str) -> (Scratch, Snapshot) {
    let scratch = Scratch::new(name);
    node::prepare(&scratch);
    let server = node::start(&scratch);
    let mut connection = Connection::open(server.address).expect("connection");
    let (mut part, mut random) = (Part::new(0, ZONE), Random(11));
    let mut rows = axfr(server.address, ZONE).expect("the zone").rows;
    for _ in 0..150 {
        let ops = part.message(&mut random);
        assert_eq!(connection.update(ZONE, &ops).expect("an answer"), 0);
        apply(&mut rows, &ops);
    }
    let zone = axfr(server.address, ZONE).expect("the zone");
    assert_eq!(zone.rows, rows);
    node::stop(server);
    (scratch, zone)
}

fn files(scratch: &Scratch, name: &str) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|end| scratch.path().join(format!("data/{name}{end}")))
}

/// Starts the server on damaged files: it must serve `right`, or end with 1 and a line that says `clue`. Says which.
fn serves(scratch: &Scratch, right: &Snapshot, clue: &str, what: &str) -> bool {
    let mut server = node::launch(scratch);
    let ready = crate::common::until(crate::common::PATIENCE, || {
        if server.process.log().contains("\"ready\"") {
            return Some(true);
        }
        (!server.process.is_running()).then_some(false)
    });
    match ready {
        Some(true) => {
            assert_eq!(axfr(server.address, ZONE).as_ref(), Ok(right), "{what}:\n{}", server.process.log());
            true
        }
        Some(false) => {
            assert_eq!(server.process.wait().code(), Some(1), "{what}:\n{}", server.process.log());
            let log = server.process.log();
            assert!(log.contains(clue) && !log.contains("panicked"), "{what}: no `{clue}` in:\n{log}");
            false
        }
        None => panic!("{what}: neither ready nor ended:\n{}", server.process.log()),
    }
}

/// Flips bits of, and cuts, the file `name`.
fn damaged(name: &str) {
    let rounds = setting("HEADWATER_DAMAGE_ROUNDS", 15);
    let (scratch, right) = prepared(&format!("damaged-{name}"));
    let [file, log, index] = files(&scratch, name);
    let good = fs::read(&file).expect("file");
    let whole: Vec<(PathBuf, Vec<u8>)> = ["journal.db", "store.db"]
        .iter()
        .map(|name| scratch.path().join("data").join(name))
        .map(|path| (path.clone(), fs::read(path).expect("file")))
        .collect();
    let (mut random, mut served) = (Random(setting("HEADWATER_CRASH_SEED", 5)), 0);
    for round in 0..rounds {
        for (path, octets) in &whole {
            fs::write(path, octets).expect("written");
        }
        let mut bad = good.clone();
        let what = if round % 3 == 2 {
            bad.truncate(random.below(good.len()));
            format!("{name} cut to {} of {} octets", bad.len(), good.len())
        } else {
            let at = random.below(bad.len());
            bad[at] ^= 1 << random.below(8);
            format!("{name} with a bit flipped at {at} of {}", good.len())
        };
        fs::write(&file, &bad).expect("written");
        served += u64::from(serves(&scratch, &right, name, &what));
        let _ = (fs::remove_file(&log), fs::remove_file(&index));
    }
    println!("{name}: {rounds} damages, {served} without effect on what is served");
}

#[test]
fn a_damaged_store_is_noticed() {
    damaged("store.db");
}

#[test]
fn a_damaged_journal_is_noticed() {
    damaged("journal.db");
}

#[test]
fn a_store_that_is_gone_is_made_anew() {
    let (scratch, right) = prepared("no-store");
    files(&scratch, "store.db").iter().for_each(|path| drop(fs::remove_file(path)));
    assert!(serves(&scratch, &right, "", "no store"));
    assert!(serves(&scratch, &right, "", "the new store"));
}

#[test]
fn a_journal_that_is_gone_or_foreign_is_an_error() {
    let (scratch, right) = prepared("no-journal");
    let [file, ..] = files(&scratch, "journal.db");
    let good = fs::read(&file).expect("file");
    let refused = |clue: &str| assert!(!serves(&scratch, &right, clue, clue), "{clue}");
    fs::remove_file(&file).expect("removed");
    refused("the journal was lost or replaced");
    fs::write(&file, "this is no database, whatever its name says".repeat(100)).expect("written");
    refused("it is no database");
    // The schema's version stands at octet 60 of the header.
    let mut future = good.clone();
    future[60..64].copy_from_slice(&99u32.to_be_bytes());
    fs::write(&file, future).expect("written");
    refused("has schema version 99");
    files(&scratch, "journal.db").iter().for_each(|path| drop(fs::remove_file(path)));
    fs::write(&file, good).expect("written");
    assert!(serves(&scratch, &right, "", "the journal is back"));
}
