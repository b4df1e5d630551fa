//! Rollovers of every kind in virtual time: caches with every mixture of RRsets that they can have must find a valid chain
//! at every moment, whatever operator and parent do, and what was asked for must come to an end.

mod history;
mod parent;
mod random;
mod run;
mod sabotage;
mod zone;

use sabotage::Sabotage;

fn check(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        if let Err(history) = run::run(seed, Sabotage::Nothing) {
            panic!("{history}");
        }
    }
}

#[test]
fn no_cache_finds_an_invalid_chain() {
    check(0..300);
}

#[test]
#[ignore = "takes minutes"]
fn no_cache_finds_an_invalid_chain_in_many_lives() {
    check(0..10_000);
}

/// Each wrong timetable is found within few seeds: the simulation can fail.
#[test]
fn wrong_timetables_are_found() {
    /// Seeds, at the most, until it is found.
    const MOST: u64 = 60;
    for sabotage in Sabotage::ALL {
        let found =
            (0..MOST).find(|&seed| run::run(seed, sabotage).is_err_and(|history| history.contains("a cache has")));
        let seed = found.unwrap_or_else(|| panic!("{sabotage:?} is not found in {MOST} seeds"));
        println!("{sabotage:?}: found with seed {seed}");
    }
}
