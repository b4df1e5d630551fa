//! A parent zone with the DS records of its child: every step of the child in real time, watched from above.

use std::collections::BTreeSet;
use std::time::Duration;

use dns::RType;

use crate::common::until;
use crate::site::{Site, has};
use crate::validators::{Validator, assert_valid, watchers};

const PARENT: &str = "parent.test.";
pub const CHILD: &str = "made.parent.test.";
/// Each step of a change takes seconds here; the machine may be busy.
pub const LIMIT: Duration = Duration::from_secs(90);

pub const ZONES: &str = "zones:
  - { name: parent.test, dnssec: steady, allow_update: [\"127.0.0.0/8\"], allow_transfer: [\"127.0.0.0/8\"] }
  - { name: made.parent.test, dnssec: fast, allow_update: [\"127.0.0.0/8\"], allow_transfer: [\"127.0.0.0/8\"] }
dnssec:
  policies:
    steady: { csk: true, dnskey_ttl: 1 }
    fast: { algorithm: ecdsap256sha256, nsec3: false, zsk_lifetime: 0, dnskey_ttl: 1, propagation: 1, safety: 1,
            parent_ds_ttl: 1, parent_propagation: 1 }
";

pub const RECORDS: &str = "$TTL 1
@ SOA ns host 7 3600 600 86400 1
@ NS ns
ns A 127.0.0.1
www A 192.0.2.1
*.wild A 192.0.2.2
a.b.ent A 192.0.2.3
";

/// The child, and who watches it.
pub struct Watched {
    pub site: Site,
    pub watchers: Vec<Validator>,
    /// The tags of the DS records of the parent.
    ds: BTreeSet<String>,
    round: usize,
}

fn tag_of(ds: &str) -> String {
    ds.split_whitespace().nth(3).expect("a tag").to_owned()
}

impl Watched {
    /// A signed child of a signed parent, with its DS record, and with `more` records.
    pub fn start(name: &str, more: &str) -> Watched {
        let plain = ZONES.replace("dnssec: steady, ", "").replace("dnssec: fast, ", "");
        let delegated = format!("{RECORDS}made NS ns.made\nns.made A 127.0.0.1\n");
        let mut site =
            Site::start(name, &plain, &[("parent.zone", &*delegated), ("made.zone", &*format!("{RECORDS}{more}"))]);
        site.command(&["zone", "import", PARENT, "parent.zone"]).ok();
        site.command(&["zone", "import", CHILD, "made.zone"]).ok();
        site.configure(ZONES);
        site.wait_until_signed(PARENT);
        site.wait_until_signed(CHILD);
        let watchers = watchers(&site, &[PARENT], "www.parent.test.");
        let mut watched = Watched { site, watchers, ds: BTreeSet::new(), round: 0 };
        let has_ds = until(LIMIT, || {
            watched.follow_child();
            (!watched.ds.is_empty()).then_some(())
        });
        assert!(has_ds.is_some(), "{}", watched.site.key(&["state", CHILD]));
        // Resolvers may remember for a second that there is none.
        let counts =
            |validator: &Validator| validator.ask("www.made.parent.test.", RType::A).is_some_and(|it| it.header.ad);
        let secure = until(LIMIT, || watched.watchers.iter().all(counts).then_some(()));
        assert!(secure.is_some(), "the child is not secure: {}", watched.site.key(&["state", CHILD]));
        watched
    }

    /// The parent takes over the DS records that the child asks for, and the child is told.
    pub fn follow_child(&mut self) {
        let lines = self.site.key(&["ds", CHILD]);
        let wanted: BTreeSet<String> = lines.lines().map(tag_of).collect();
        if !wanted.is_empty() && wanted != self.ds {
            let mut changes = vec![format!("update delete {CHILD} DS")];
            changes.extend(lines.lines().map(|ds| format!("update add {}", ds.replace(". IN DS", ". 1 IN DS"))));
            self.site.update(PARENT, &changes.iter().map(String::as_str).collect::<Vec<_>>());
            for new in wanted.difference(&self.ds) {
                self.site.key(&["ds", CHILD, "--published", new]);
            }
            for old in self.ds.difference(&wanted) {
                let words = ["key", "ds", CHILD, "--withdrawn", old];
                let told = until(LIMIT, || (self.site.command(&words).code == 0).then_some(()));
                assert!(told.is_some(), "{}", self.site.key(&["state", CHILD]));
            }
            self.ds = wanted;
        }
    }

    /// Changes the child, and looks at what is there, was changed and is gone, until something holds.
    fn until(&mut self, what: &str, holds: impl Fn(&Site) -> bool) {
        let mut after = 3;
        let done = until(LIMIT, || {
            self.follow_child();
            let (host, gone) = (format!("h{}.{CHILD}", self.round % 7), format!("h{}.{CHILD}", (self.round + 3) % 7));
            let lines = [format!("update add {host} 1 A 192.0.2.9"), format!("update delete {gone} A")];
            self.site.update(CHILD, &[&lines[0], &lines[1]]);
            let names = ["www", "q.wild", "b.ent", "nothing", "q.ent"].map(|name| format!("{name}.{CHILD}"));
            let mut asked: Vec<(&str, RType)> = names.iter().map(|name| (&**name, RType::A)).collect();
            asked.extend([(&*host, RType::A), (&*gone, RType::A), (CHILD, RType::DNSKEY), (CHILD, RType::TXT)]);
            assert_valid(&self.watchers, &asked);
            self.round += 1;
            std::thread::sleep(Duration::from_millis(150));
            // What was before goes on being looked at for a while.
            after -= usize::from(holds(&self.site));
            (after == 0).then_some(())
        });
        let site = &self.site;
        assert!(done.is_some(), "{what}: {}\n{}", site.key(&["state", CHILD]), site.server.process.log());
    }
}

/// Another algorithm, then from NSEC to NSEC3 and back, while the zone is edited: Unbound and BIND find every answer valid.
#[test]
fn algorithm_and_denial_change_under_the_eyes_of_resolvers() {
    if !has(&["nsupdate", "dnssec-verify"]) {
        return;
    }
    let mut watched = Watched::start("watched", "");
    let other = ZONES.replace("algorithm: ecdsap256sha256", "algorithm: ed25519");
    watched.site.configure(&other);
    watched.until("ED25519 alone", |site| site.keys(CHILD).iter().all(|key| key.algorithm == 15));
    watched.site.verify(CHILD);
    let has_param = |site: &Site| !site.ask(CHILD, RType::NSEC3PARAM).answers.is_empty();
    watched.site.configure(&other.replace("nsec3: false", "nsec3: true"));
    watched.until("NSEC3", has_param);
    watched.site.verify(CHILD);
    watched.site.configure(&other);
    watched.until("NSEC", |site| !has_param(site));
    watched.site.verify(CHILD);
    println!("{} rounds of edits", watched.round);
}
