//! Checks of what there is now: listeners, journal, store, zones, backups, certificates.

use dns::NameBuf;
use telemetry::health::Finding;

use super::Certificate;
use crate::cluster::{NodeView, Presence};
use crate::presigned::Validated;
use crate::signing::ZoneSigning;
use crate::sources::Sources;
use crate::zone_info::{ZoneInfo, ZoneState};

/// Changes that the store may lag behind before somebody should look.
const MAX_STORE_LAG: u64 = 10_000;
/// Days after which a backup is old.
const MAX_BACKUP_DAYS: u64 = 8;
/// Days before the end of a certificate from which on it should be renewed.
const CERTIFICATE_DAYS: u64 = 14;
/// Zones that a finding names.
const MAX_NAMES: usize = 5;
/// Zones that are looked at in one turn of the search.
const PAGE: usize = 1000;
const DAY_S: u64 = 86_400;

/// Whether every thread that listens still does.
pub fn listeners(sources: &Sources) -> Finding {
    match sources.workers.failed_listeners() {
        0 => Finding::ok("all listen"),
        failed => Finding::fail(
            format!("{failed} threads have stopped to listen"),
            "the log says why; the next start opens the sockets anew",
        ),
    }
}

/// Whether changes can be made durable.
pub fn journal(sources: &Sources) -> Finding {
    match sources.timings.failure() {
        None => Finding::ok("changes are taken"),
        Some(why) => Finding::fail(
            format!("the last change could not be stored: {why}"),
            match &sources.cluster {
                None => "look after the disk of journal.file; the next change shows whether it is well again",
                Some(_) => "see the check `cluster`; the next change shows whether it is well again",
            },
        ),
    }
}

/// Whether the brokers of the cluster answer, and how old what this server answers is; `None`: there is no cluster.
pub fn cluster(sources: &Sources) -> Option<Finding> {
    let cluster = sources.cluster.as_ref()?;
    let (streams, brokers) = (cluster.status(), cluster.brokers());
    let silent = streams.iter().map(|stream| stream.silent.map_or(u64::MAX, |silent| silent.as_secs())).max();
    let age = match silent {
        None | Some(u64::MAX) => "no broker has answered since the start, so zones are as old as the store".to_owned(),
        Some(seconds) => format!("zones are as they were {seconds} s ago"),
    };
    let foreign: u64 = streams.iter().map(|stream| stream.foreign).sum::<u64>() + cluster.foreign_reports();
    Some(if let Some(lost) = streams.iter().find_map(|stream| stream.lost.as_ref()) {
        Finding::fail(
            lost,
            "bring the topics back that this server has followed; if they are lost, export the zones first (headwater zone export), then start with an \
             empty data_dir and import them",
        )
    } else if let Some(away) = streams.iter().find_map(|stream| stream.away.as_ref()) {
        Finding::fail(
            format!("no broker takes changes ({away}); {age}"),
            format!("look after the brokers of cluster.brokers ({brokers}); answers go on, and changes when they do"),
        )
    } else if cluster.is_left_behind(*sources.handle.position().borrow()) {
        Finding::fail(
            "the changes that this server needs next have been trimmed away; it answers what it has",
            "start it again: it begins with a snapshot then",
        )
    } else if foreign > 0 {
        Finding::warn(
            format!("{foreign} messages were written by no server with this key; they are ignored"),
            "see who may write to the topics, and that all servers have the same cluster.key_file",
        )
    } else {
        Finding::ok(format!("brokers answer ({brokers}); {age}"))
    })
}

/// Whether the servers of the cluster are there, and have the same zones; `None`: there is no cluster.
pub fn nodes(sources: &Sources) -> Option<Finding> {
    let cluster = sources.cluster.as_ref()?;
    let views = cluster.nodes().views();
    let named = |is: &dyn Fn(&NodeView) -> bool| {
        let mut trouble = Trouble::default();
        views.iter().filter(|view| is(view)).for_each(|view| trouble.add(&view.report.node));
        (trouble.count > 0).then(|| trouble.text())
    };
    if cluster.has_twin() {
        let own = cluster.nodes().own();
        return Some(Finding::fail(
            format!("another server is called {own} too, so that receipts of both are worth nothing"),
            "give each server a `cluster.node` of its own",
        ));
    }
    if let Some(names) = named(&|view| view.differs) {
        return Some(Finding::fail(
            format!("servers have other zones than this one at the same position: {names}"),
            "empty data_dir of the server that is wrong (compare `headwater zone list`), and start it anew",
        ));
    }
    if let Some(names) = named(&|view| view.presence == Presence::Absent) {
        return Some(Finding::warn(
            format!("nobody has heard of these servers for a while: {names}"),
            "look after them; `headwater node remove NAME` has those forgotten that will not come back",
        ));
    }
    Some(Finding::ok(format!("{} servers share the zones", views.len())))
}

/// Whether the store follows the journal.
pub fn store(sources: &Sources) -> Finding {
    match sources.handle.store_lag() {
        lag if lag > MAX_STORE_LAG => Finding::warn(
            format!("{lag} changes wait for the store"),
            "look after the disk of data_dir; nothing is lost, the journal has them",
        ),
        lag => Finding::ok(format!("{lag} changes wait for the store")),
    }
}

/// Whether zones answer, and secondaries hear from their primaries.
pub fn zones(sources: &Sources) -> Finding {
    let count = sources.handle.zone_count();
    let (mut empty, mut failing, mut after) = (Trouble::default(), Trouble::default(), None);
    loop {
        let page = sources.handle.zones_after(after.as_deref(), PAGE);
        page.iter().for_each(|zone| look(zone, &mut empty, &mut failing));
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.name.clone()),
            _ => break,
        }
    }
    if empty.count == 0 && failing.count == 0 {
        return Finding::ok(format!("{count} zones"));
    }
    let parts = [
        (&empty, "zones that answer SERVFAIL, as they have no contents or have expired"),
        (&failing, "zones that cannot be refreshed from their primaries"),
    ];
    let parts = parts.iter().filter(|(trouble, _)| trouble.count > 0);
    let reason: Vec<String> = parts.map(|(trouble, what)| format!("{what}: {}", trouble.text())).collect();
    let advice = "`headwater zone show NAME` says why; `headwater check` finds mistakes in zone files";
    // A server that answers for nothing is of no use to a load balancer.
    let is_useless = empty.count == count && sources.lookups.get().is_none();
    if is_useless { Finding::fail(reason.join("; "), advice) } else { Finding::warn(reason.join("; "), advice) }
}

/// Zones or servers with the same trouble.
#[derive(Default)]
struct Trouble {
    count: usize,
    names: Vec<String>,
}

impl Trouble {
    fn add(&mut self, name: &impl ToString) {
        self.count += 1;
        if self.names.len() < MAX_NAMES {
            self.names.push(name.to_string());
        }
    }

    fn text(&self) -> String {
        let more = if self.count > self.names.len() { ", ..." } else { "" };
        format!("{} ({}{more})", self.count, self.names.join(", "))
    }
}

fn look(zone: &ZoneInfo, empty: &mut Trouble, failing: &mut Trouble) {
    if matches!(zone.state, ZoneState::Waiting | ZoneState::Expired) {
        empty.add(&zone.name);
    } else if zone.transfer.as_ref().is_some_and(|transfer| transfer.last_error.is_some()) {
        failing.add(&zone.name);
    }
}

/// Whether zones that are signed here stay signed, and those that others sign are valid. What is wrong with some zones is
/// wrong on each of their servers, and keeps this one from answering for none of the others.
pub fn signing(sources: &Sources, now_s: u64) -> Finding {
    let zones = sources.signing.zones();
    if let Some(finding) = broken_parents(&zones) {
        return finding;
    }
    let urgent = zones.iter().find(|zone| zone.is_urgent);
    let failing = zones.iter().filter_map(|zone| {
        let refusal = zone.refusal.as_ref().map(|refusal| refusal.why.clone());
        zone.error.clone().or(refusal).map(|why| format!("{}: {why}", zone.zone))
    });
    let by_others = sources.handle.presigned().zones();
    let ended = by_others.iter().find(|(_, known)| known.until.is_some_and(|until| until.end_s <= now_s));
    let failing = failing.chain(by_others.iter().filter_map(|(zone, known)| trouble_of(zone, known, now_s)));
    let failing: Vec<String> = failing.take(MAX_NAMES).collect();
    let advice = "`headwater key state ZONE` says more of zones that are signed here, `headwater zone show ZONE` of others; what is \
                  served stays as it is, and nothing invalid is published";
    match (urgent, ended, failing.is_empty()) {
        (Some(zone), ..) => {
            let hours = zone.first_end_s.unwrap_or_default().saturating_sub(now_s) / 3600;
            let name = &zone.zone;
            Finding::alarm(format!("signatures of {name} end in {hours} hours; {}", failing.join("; ")), advice)
        }
        (None, Some(_), _) => {
            Finding::alarm(failing.join("; "), "have those who sign the zone make its signatures anew")
        }
        (None, None, false) => Finding::warn(failing.join("; "), advice),
        (None, None, true) => late_parents(&zones, now_s).unwrap_or_else(|| {
            let (ours, others) = (zones.len(), by_others.len());
            Finding::ok(format!("{ours} zones are signed here, {others} that others sign are validated"))
        }),
    }
}

/// Zones whose parents have DS records that lead to none of their keys.
fn broken_parents(zones: &[ZoneSigning]) -> Option<Finding> {
    let broken = zones.iter().filter_map(|zone| {
        let server = zone.broken_at.as_ref()?;
        Some(format!("resolvers refuse {}: the DS records that {server} has lead to none of its keys", zone.zone))
    });
    let broken: Vec<String> = broken.take(MAX_NAMES).collect();
    let advice = "give the parent the records that `headwater key ds ZONE` prints, and have all others withdrawn";
    (!broken.is_empty()).then(|| Finding::alarm(broken.join("; "), advice))
}

/// Zones whose parents have been waited for for days.
fn late_parents(zones: &[ZoneSigning], now_s: u64) -> Option<Finding> {
    let late = zones.iter().filter_map(|zone| Some(format!("{} {}", zone.zone, zone.late_parent(now_s)?.sentence)));
    let late: Vec<String> = late.take(MAX_NAMES).collect();
    let advice = "have the parent do it: `headwater key ds ZONE` prints the records; `headwater key state ZONE` says what each \
                  of its name servers has";
    (!late.is_empty()).then(|| Finding::warn(late.join("; "), advice))
}

/// What somebody should know of a zone that others sign.
fn trouble_of(zone: &NameBuf, known: &Validated, now_s: u64) -> Option<String> {
    if let Some(refusal) = &known.refusal {
        return Some(format!("{zone}: {}", refusal.why));
    }
    match known.until {
        Some(until) if until.end_s <= now_s && known.has_ended() => {
            return Some(format!("{zone}: a signature has ended, the zone answers SERVFAIL"));
        }
        Some(until) if until.end_s <= now_s => return Some(format!("{zone}: a signature has ended")),
        Some(until) if until.late_s <= now_s => {
            let minutes = (until.end_s - now_s) / 60;
            return Some(format!("{zone}: signatures end in {minutes} minutes, and nobody has made them anew"));
        }
        _ => {}
    }
    known.findings.first().map(|finding| format!("{zone}: {finding}"))
}

/// Whether backups, if there are any, go on.
pub fn backups(sources: &Sources, now_ms: u64) -> Finding {
    match sources.handle.backups().list().as_deref() {
        Err(error) => Finding::warn(format!("backups cannot be listed: {error}"), "look after data_dir/backups"),
        Ok([]) => Finding::ok("none has been made on this server"),
        Ok([latest, ..]) => match now_ms.saturating_sub(latest.created_at_ms) / 1000 / DAY_S {
            days if days > MAX_BACKUP_DAYS => {
                Finding::warn(format!("the latest is {days} days old"), "`headwater backup create` makes one")
            }
            days => Finding::ok(format!("the latest is {days} days old")),
        },
    }
}

/// Whether certificates last.
pub fn certificates(certificates: &[Certificate], now_s: u64) -> Finding {
    let Some(first) = certificates.iter().min_by_key(|certificate| certificate.not_after_s) else {
        return Finding::ok("none is in use");
    };
    let Certificate { name, not_after_s } = first;
    let days = not_after_s.saturating_sub(now_s) / DAY_S;
    if *not_after_s <= now_s {
        Finding::fail(format!("{name} has expired"), "put a new certificate in its place")
    } else if days < CERTIFICATE_DAYS {
        Finding::warn(format!("{name} expires in {days} days"), "renew it")
    } else {
        Finding::ok(format!("{name} expires first, in {days} days"))
    }
}

#[cfg(test)]
mod tests {
    use telemetry::health::State;

    use super::*;

    #[test]
    fn the_certificate_that_ends_first_counts() {
        let now_s: u64 = 1_800_000_000;
        let state = |days: &[i64]| {
            let of = |(n, days): (usize, &i64)| Certificate {
                name: format!("{n}.pem"),
                not_after_s: now_s.saturating_add_signed(days * DAY_S as i64),
            };
            certificates(&days.iter().enumerate().map(of).collect::<Vec<_>>(), now_s).state
        };
        assert_eq!(
            [state(&[]), state(&[14, 100]), state(&[100, 13]), state(&[20, -1]), state(&[0])],
            [State::Ok, State::Ok, State::Warn, State::Fail, State::Fail]
        );
    }

    #[test]
    fn many_zones_are_not_all_named() {
        let trouble = Trouble { count: 7, names: vec!["a.".into(), "b.".into()] };
        assert_eq!(trouble.text(), "7 (a., b., ...)");
    }
}
