//! The thread that follows zones: what it publishes, and when.

use std::time::{Duration, Instant};

use config::PolicyZone;
use journal::MemoryJournal;
use policy::ruling::{Asked, Rules};
use zone::draft::{Edit, Records};
use zone::{Builder, Contents, Zone};

use super::*;

const HASHER: NameHasher = NameHasher::new(0x5eed);
/// Long enough for the thread to do what it shall not do.
const A_WHILE: Duration = Duration::from_millis(300);

fn name(text: &str) -> NameBuf {
    text.parse().expect(text)
}

fn contents(apex: &str, owners: u32) -> Contents {
    let mut builder = Builder::new(&name(apex), HASHER);
    builder.add(&name(apex), RType::SOA, 60, &[0; 22]).expect("in the zone");
    for n in 0..owners {
        builder.add(&name(&format!("n{n}.test.{apex}")), RType::CNAME, 60, &[0]).expect("in the zone");
    }
    builder.finish().0
}

fn zone(apex: &str, contents: Contents) -> (NameBuf, Option<Arc<Zone>>) {
    (name(apex), Some(Arc::new(Zone { name: name(apex), contents: Some(contents), policy: None })))
}

fn with(contents: &Contents, owner: &str) -> Contents {
    let records = Some(Records { ttl: 60, data: vec![vec![0]], signatures: Vec::new() });
    contents.with(&[Edit { owner: name(owner), rtype: RType::CNAME, records }])
}

/// Versions of the settings that are published within so long.
fn published(settings: &Published<Settings>, limit: Duration) -> usize {
    let (begin, mut versions) = (Instant::now(), vec![settings.latest()]);
    while begin.elapsed() < limit {
        let latest = settings.latest();
        if !versions.iter().any(|known| Arc::ptr_eq(known, &latest)) {
            versions.push(latest);
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    versions.len() - 1
}

fn blocks(settings: &Published<Settings>, asked: &str) -> bool {
    let mut hashed = HashedName::default();
    hashed.set(&name(asked), HASHER);
    let client = [127, 0, 0, 1].into();
    let asked = Asked { name: &hashed, qtype: RType::A, client, dnssec_ok: false, signed: false };
    settings.latest().rules.as_ref().is_some_and(|rules: &Arc<dyn Rules>| rules.name(&asked).is_some())
}

#[test]
fn only_changes_of_rules_are_published_and_each_of_them_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let settings = Published::new(Settings::default());
    let (rules, other) = (contents("rpz.", 1000), contents("other.", 10));
    let zones = Published::new(ZoneTable::new(HASHER, Vec::new()));
    zones.update(|table| table.with_all([zone("rpz.", rules.clone()), zone("other.", other.clone())]));
    let documents = Arc::new(SharedSettings::open(Arc::new(MemoryJournal::default())).expect("shared settings"));
    let lookup: Lookup = Arc::new(|_| Err(std::io::Error::other("nobody is asked")));
    let parts = Parts { settings: &settings, zones: &zones, documents: &documents, lookup, give_back: || {} };
    let policing = Policing::start(directory.path(), parts).expect("starts");
    let mut config = Config::default();
    let policy_zone = PolicyZone { name: name("rpz."), replacement: Default::default(), log: true, break_dnssec: true };
    config.blocking.zones = vec![policy_zone];
    policing.configure(&config);
    policing.settle(Duration::from_secs(30));
    assert!(blocks(&settings, "n7.test.") && !blocks(&settings, "new.test."));

    zones.update(|table| table.with_all([zone("other.", with(&other, "more.other."))]));
    policing.zone_changed();
    assert_eq!(published(&settings, A_WHILE), 0, "for a zone that has no rules");
    zones.update(|table| table.with_all([zone("rpz.", with(&rules, "new.test.rpz."))]));
    policing.zone_changed();
    assert_eq!(published(&settings, A_WHILE), 1);
    assert!(blocks(&settings, "n7.test.") && blocks(&settings, "new.test."));
    policing.zone_changed();
    assert_eq!(published(&settings, A_WHILE), 0, "for what is in force");
    policing.look();
    assert_eq!(published(&settings, A_WHILE), 1);
    policing.stop();
}
