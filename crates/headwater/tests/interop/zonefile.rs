//! The zone that goes through its stages: as a zone file, and as the update from one stage to the next.

use std::collections::BTreeSet;

/// Records that stay as they are, so that a whole zone is not mistaken for a difference.
const CONSTANT: usize = 60;
/// Refresh, retry, expire and negative TTL that no test waits for.
pub const LONG_TIMERS: &str = "10800 3600 1209600 3600";

/// The records but for SOA of stage `stage`.
fn records(zone: &str, stage: u32) -> BTreeSet<String> {
    let mut records: BTreeSet<String> = (0..CONSTANT)
        .map(|n| format!("r{n}.{zone} 300 TXT \"one of the records that make the zone larger than its changes\""))
        .collect();
    let constant = ["{z} 3600 NS ns.interop.test.", "mail.{z} 600 MX 10 mx.{z}", "mx.{z} 600 AAAA 2001:db8::25"];
    records.extend(constant.map(|line| line.replace("{z}", zone)));
    records.insert(format!("www.{zone} 300 A 192.0.2.{}", stage + 1));
    records.insert(format!("stage{stage}.deep.{zone} 300 CNAME www.{zone}"));
    records.extend((0..stage % 3).map(|n| format!("many.{zone} 300 TXT \"{n}\"")));
    if stage > 0 {
        records.insert(format!("*.wild.{zone} {} A 192.0.2.77", 100 + stage));
    }
    records
}

/// The zone file of a stage; its serial is one more than the stage.
pub fn text(zone: &str, stage: u32, timers: &str) -> String {
    let soa = format!("{zone} 3600 SOA ns.interop.test. hostmaster.{zone} {} {timers}\n", stage + 1);
    soa + &records(zone, stage).into_iter().map(|line| line + "\n").collect::<String>()
}

/// The nsupdate script that makes stage `stage` from the one before, or from nothing.
pub fn update(zone: &str, stage: u32) -> String {
    let before = stage.checked_sub(1).map(|before| records(zone, before)).unwrap_or_default();
    let after = records(zone, stage);
    let mut script = format!("zone {zone}\n");
    for gone in before.difference(&after) {
        let mut words = gone.splitn(3, ' ');
        let (name, rest) = (words.next().unwrap_or_default(), words.nth(1).unwrap_or_default());
        script += &format!("update delete {name} {rest}\n");
    }
    for new in after.difference(&before) {
        script += &format!("update add {new}\n");
    }
    script
}
