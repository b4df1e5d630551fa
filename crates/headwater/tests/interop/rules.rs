//! One record at a time in a zone file, before BIND, Knot, NSD and Headwater: what at least two of the others load is
//! taken here too, unless a rule says otherwise and names its RFC.

use std::process::{Command, Stdio};

use crate::common::{Scratch, headwater};
use crate::tools::have;

/// Records that break a rule, each with the RFC that says so.
const FAULTS: &str = include_str!("../../../../testdata/rdata/faults.txt");
/// Records of every type.
const GOLDEN: &str = include_str!("../../../../testdata/rdata/golden.txt");
/// Types whose records mean nothing alone: the zone has its own, or a chain is needed.
const NOT_ALONE: &[&str] = &["SOA", "NSEC", "NSEC3"];

const ZONE: &str = "interop.test.";

/// Whether a program that checks zones takes this one.
fn takes(mut command: Command) -> bool {
    let done = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    done.expect("it runs").success()
}

#[test]
fn records_that_two_others_load_are_loaded() {
    if !have(&["named-checkzone", "kzonecheck", "nsd-checkzone"]) {
        return;
    }
    let scratch = Scratch::new("rules-of-types");
    let file = scratch.path().join("one.zone");
    let (mut compared, mut wrong) = (0, Vec::new());
    let columns = |text: &'static str| text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t'));
    let golden = columns(GOLDEN).filter_map(|mut line| Some((line.next()?, "t", line.next()?)));
    let faults = columns(FAULTS).filter_map(|mut line| Some((line.next()?, line.next()?, line.next()?)));
    for (rtype, owner, data) in golden.chain(faults) {
        if NOT_ALONE.contains(&rtype) {
            continue;
        }
        let owner = owner.trim_end_matches("test.").trim_end_matches('.');
        let owner = if owner.is_empty() { "t" } else { owner };
        let text = format!("$TTL 60\n@ SOA ns. host. 1 2 3 4 5\n@ NS ns.\n{owner} {rtype} {data}\n");
        std::fs::write(&file, text).expect("a zone file");
        let path = file.to_str().expect("a path");
        let mut others = [
            ("named-checkzone", vec!["-i", "none", "-k", "ignore", ZONE, path]),
            ("kzonecheck", vec!["-o", ZONE, path]),
            ("nsd-checkzone", vec![ZONE, path]),
        ]
        .map(|(program, words)| {
            let mut command = Command::new(program);
            command.args(words);
            takes(command)
        });
        others.sort_unstable();
        let (two, ours) = (others[1], takes(headwater(&["zone", "check", ZONE, path])));
        let same = |line: &[&str]| line.first() == Some(&rtype) && line.get(2) == Some(&data);
        let fault = FAULTS.lines().map(|line| line.split('\t').collect::<Vec<_>>()).find(|line| same(line));
        let has_rule = fault.is_some_and(|line| line.last().is_some_and(|said| !said.starts_with("odd: ")));
        if (ours && has_rule) || (two && !ours && !has_rule) {
            wrong.push(format!("{owner} {rtype} {data}"));
        }
        compared += 1;
    }
    println!("{compared} records");
    assert!(wrong.is_empty(), "taken, or refused, and should not be:\n{}", wrong.join("\n"));
}
