//! Every target for a moment: the seeds and some thousand mutations of them.

use std::path::PathBuf;
use std::time::Duration;

use fuzz::{Options, by_name, run};

fn smoke(name: &str) {
    // Another seed each time would make a failure in CI hard to see again; long runs use other seeds.
    let crashes = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("crashes");
    let options = Options { time: Duration::from_millis(1500), seed: 1, corpus: None, crashes };
    let mut target = by_name(name).expect("a target");
    match run(name, &mut *target, &options) {
        Ok(report) => {
            println!("{name}: {report}");
            assert!(report.runs > 100 && report.outcomes > 20, "{report}");
        }
        Err(failure) => panic!("{failure}"),
    }
}

#[test]
fn message() {
    smoke("message");
}

#[test]
fn zonefile() {
    smoke("zonefile");
}

#[test]
fn query() {
    smoke("query");
}

#[test]
fn rdata() {
    smoke("rdata");
}

#[test]
fn update() {
    smoke("update");
}

#[test]
fn transfer() {
    smoke("transfer");
}

#[test]
fn tsig() {
    smoke("tsig");
}

#[test]
fn dnssec() {
    smoke("dnssec");
}

#[test]
fn reply() {
    smoke("reply");
}

#[test]
fn event() {
    smoke("event");
}
