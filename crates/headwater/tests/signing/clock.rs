//! A clock that is wrong, or becomes so: what is served stays valid for those whose clocks are right.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dns::rdata::typed::Rrsig;
use dns::{Message, RType};

use crate::common::{Scratch, until};
use crate::site::{Site, has};

const ZONES: &str = "zones:
  - { name: made.test, dnssec: default, allow_update: [\"127.0.0.0/8\"], allow_transfer: [\"127.0.0.0/8\"] }
";
/// The clock is looked at every few seconds, health every ten; the machine may be busy.
const LIMIT: Duration = Duration::from_secs(90);

/// The clock of a process, which a file sets.
struct Clock {
    scratch: Scratch,
    library: String,
}

impl Clock {
    /// `None`: libfaketime is not installed.
    fn new(name: &str) -> Option<Clock> {
        let directories = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
        let library = |path: PathBuf| path.join("faketime/libfaketimeMT.so.1");
        let found = directories.map(|entry| library(entry.path())).find(|path| path.exists());
        let Some(library) = found else {
            println!("skipped: faketime is missing");
            return None;
        };
        let clock = Clock { scratch: Scratch::new(name), library: library.display().to_string() };
        clock.set("+0");
        Some(clock)
    }

    /// Sets it, relative to the right time.
    fn set(&self, offset: &str) {
        self.scratch.write("offset", &format!("{offset}\n"));
    }

    /// Runs with these variables follow the clock.
    fn with<T>(&self, run: impl FnOnce(&[(&str, &str)]) -> T) -> T {
        let file = self.scratch.path().join("offset").display().to_string();
        run(&[
            ("LD_PRELOAD", &self.library),
            ("FAKETIME_TIMESTAMP_FILE", &file),
            ("FAKETIME_CACHE_DURATION", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("DONT_FAKE_MONOTONIC", "1"),
            ("NO_FAKE_STAT", "1"),
        ])
    }
}

/// A server whose clock is `offset` from the right one when it starts.
fn start(clock: &Clock, name: &str, offset: &str) -> Site {
    let mut site = Site::start(name, "", &[]);
    site.server.process.kill();
    site.scratch.write("headwater.yaml", &site.config_of(ZONES));
    clock.set(offset);
    clock.with(|environment| site.restart_in(environment));
    site
}

/// Has the server look at its zones, as it does each minute, until something holds.
fn look_until(site: &mut Site, mut holds: impl FnMut(&Site) -> bool) {
    let held = until(LIMIT, || {
        site.server.reload();
        let held = holds(site).then_some(());
        // The clock of the process follows the file each second.
        std::thread::sleep(Duration::from_millis(if held.is_some() { 0 } else { 500 }));
        held
    });
    assert!(held.is_some(), "{}\n{}", site.key(&["state", "made.test"]), site.server.process.log());
}

fn state_says(words: &str) -> impl Fn(&Site) -> bool {
    move |site| site.key(&["state", "made.test"]).contains(words)
}

fn wait_for_health(site: &Site, words: &str) {
    let told = until(LIMIT, || site.health().contains(words).then_some(()));
    assert!(told.is_some(), "no `{words}` in {}", site.health());
}

/// Every host, and one that is not there, by the right clock and by one that is `offset_days` ahead of it.
fn assert_valid(site: &Site, offset_days: i64) {
    for (name, rtype) in [("a", "A"), ("b", "A"), ("nothing", "A")] {
        site.validate("made.test.", name, rtype);
        let answer = site.ask_signed(&format!("{name}.made.test."), RType::A);
        assert!(is_valid_at(&answer, now_s() + offset_days * 86_400), "{answer:?}");
    }
    assert!(is_valid_at(&site.ask_signed("made.test.", RType::DNSKEY), now_s() + offset_days * 86_400));
}

fn now_s() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() as i64
}

/// Whether there are signatures, and the time is within that of all of them.
fn is_valid_at(answer: &Message, at_s: i64) -> bool {
    let records = answer.answers.iter().chain(&answer.authorities).filter(|record| record.rtype == RType::RRSIG);
    let mut times = records.map(|record| {
        let rrsig = Rrsig::parse(&record.rdata).expect("a signature");
        i64::from(rrsig.inception)..i64::from(rrsig.expiration)
    });
    times.clone().count() > 0 && times.all(|time| time.contains(&at_s))
}

/// A jump of months: signatures are good by both clocks, and keys are no older than they were.
#[test]
fn a_clock_that_jumps_ahead() {
    if !has(&["delv", "nsupdate", "dnssec-verify"]) {
        return;
    }
    let Some(clock) = Clock::new("signing-clock-ahead") else { return };
    let site = start(&clock, "ahead", "+0");
    site.wait_until_signed("made.test.");
    site.update("made.test.", &["update add a.made.test. 60 A 192.0.2.1", "update add b.made.test. 60 A 192.0.2.1"]);
    assert_valid(&site, 0);
    let (keys, serial) = (site.keys("made.test."), site.serial("made.test."));
    clock.set("+100d");
    let renewed = || (site.serial("made.test.") != serial).then_some(());
    assert!(until(LIMIT, renewed).is_some(), "{}", site.server.process.log());
    site.update("made.test.", &["update add b.made.test. 60 A 192.0.2.2"]);
    assert_valid(&site, 100);
    wait_for_health(&site, "the clock jumped by");
    assert_eq!(site.keys("made.test."), keys);
    clock.set("+0");
    let goes_back =
        until(LIMIT, || site.tries_update("made.test.", &["update add c.made.test. 60 A 192.0.2.3"]).then_some(()));
    assert!(goes_back.is_some(), "{}", site.server.process.log());
    assert_valid(&site, 0);
    assert_eq!(site.keys("made.test."), keys);
}

/// Set back by less than signatures last: they are made anew. By more: the zone stays as it is, and it is said why.
#[test]
fn a_clock_that_is_set_back() {
    if !has(&["delv", "nsupdate", "dnssec-verify"]) {
        return;
    }
    let Some(clock) = Clock::new("signing-clock-back") else { return };
    let mut site = start(&clock, "back", "+3d");
    site.wait_until_signed("made.test.");
    // It was ahead when the server started: nobody could know.
    clock.set("+0");
    let add = ["update add a.made.test. 60 A 192.0.2.1", "update add b.made.test. 60 A 192.0.2.1"];
    look_until(&mut site, |site| is_valid_at(&site.ask_signed("made.test.", RType::DNSKEY), now_s()));
    look_until(&mut site, |site| site.tries_update("made.test.", &add));
    assert_valid(&site, 0);
    clock.set("-20d");
    look_until(&mut site, state_says("begin to be valid in"));
    wait_for_health(&site, "begin to be valid in");
    assert!(!site.tries_update("made.test.", &["update add c.made.test. 60 A 192.0.2.2"]));
    assert_valid(&site, 0);
    let before = site.transfer("made.test.");
    // A machine without a battery starts like this.
    site.server.process.kill();
    clock.set("-9000d");
    clock.with(|environment| site.restart_in(environment));
    look_until(&mut site, state_says("the clock stands before this version was made"));
    wait_for_health(&site, "the clock stands before this version was made");
    assert!(!site.tries_update("made.test.", &["update add c.made.test. 60 A 192.0.2.2"]));
    assert_eq!(site.transfer("made.test."), before);
    assert_valid(&site, 0);
    clock.set("+0");
    look_until(&mut site, |site| site.tries_update("made.test.", &["update add c.made.test. 60 A 192.0.2.2"]));
    assert_valid(&site, 0);
    site.verify("made.test.");
}
