//! Memory that stays where it is, however many changes there are.

use dns::RType;

use crate::common::Scratch;
use crate::model::Op;
use crate::node::{self, ZONE};
use crate::setting;
use crate::updates::{Connection, message};

const NAMES: usize = 10_000;
/// Messages that wait for their answers.
const UNDER_WAY: usize = 32;
/// Growth of memory in KiB after the warm-up that is none: the store's connection keeps up to 8 MiB of pages, which
/// long runs fill; the journal's 2 MiB each; allocators round.
const MAX_GROWTH_KIB: u64 = 48 << 10;
/// What the store has not written yet is kept, in KiB: one transaction is written while the next one gathers.
const STORE_BEHIND_KIB: u64 = 24 << 10;
/// What a change may add to that meanwhile, in octets.
const MAX_PAGE_OCTETS: u64 = 100;
/// What the changes of a run may take in memory while they are kept for incremental transfers, in octets each.
const KEPT_OCTETS: u64 = 1024;
/// So many changes of a zone are kept for incremental transfers.
const KEPT_CHANGES: u64 = 10_000;

#[test]
fn memory_stays_flat() {
    let changes = setting("HEADWATER_SOAK_CHANGES", 5000);
    let scratch = Scratch::new("soak");
    node::prepare(&scratch);
    let server = node::start(&scratch);
    let mut connection = Connection::open(server.address).expect("connection");
    let set = |i: usize, value: u64| {
        let owner = format!("n{i}.{ZONE}");
        [Op::DeleteRrset(owner.clone(), RType::A), Op::Add(owner, RType::A, (value as u32).to_be_bytes().to_vec())]
    };
    for first in (0..NAMES).step_by(100) {
        let ops: Vec<Op> = (first..first + 100).flat_map(|i| set(i, 0)).collect();
        assert_eq!(connection.update(ZONE, &ops).expect("an answer"), 0);
    }
    let mut run = |from: u64, to: u64| {
        for first in (from..to).step_by(UNDER_WAY) {
            let some = first..to.min(first + UNDER_WAY as u64);
            for value in some.clone() {
                let ops = set(value as usize * 7 % NAMES, value);
                connection.send(&message(value as u16, ZONE, &ops)).expect("sent");
            }
            some.for_each(|_| assert_eq!(connection.outcome().expect("an answer").1, 0));
        }
    };
    // The first changes fill what keeps the latest ones.
    let warm = 1 + (changes / 4).min(2 * KEPT_CHANGES);
    run(1, warm);
    let before = server.process.anonymous_kib();
    run(warm, changes);
    let after = server.process.anonymous_kib();
    println!("{changes} changes of {NAMES} names: {before} KiB after {warm}, {after} KiB at the end");
    let kept = (KEPT_CHANGES.saturating_sub(warm).min(changes) * KEPT_OCTETS) >> 10;
    let pages = MAX_GROWTH_KIB.min(STORE_BEHIND_KIB + ((changes * MAX_PAGE_OCTETS) >> 10));
    assert!(after <= before + pages + kept, "{before} KiB -> {after} KiB");
    node::stop(server);
}
