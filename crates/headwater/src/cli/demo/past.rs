//! What the server would have seen before it ran: rows of the history of queries, and of the same answers the statistics,
//! the clients that were seen, and how often each list blocked.

use std::collections::HashMap;
use std::iter::Peekable;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::Context;
use dns::{Class, RType, Rcode};
use node::list_hits::ListHits;
use node::seen_clients;
use policy::ListId;
use policy::devices::seen::Seen;
use server::answered::{Source, SourceGroup};
use server::clock::unix_seconds;
use server::record::ResponseRecord;
use server::stats::{BOUNDS_US, Totals};
use server::transport::Transport;
use telemetry::history::{Limits, Writer};
use telemetry::{Decision, RequestId, Row, names, statistics};

use super::answers::{self, Answer};
use super::blocking::{self, Decided};
use super::model::DEVICES;
use super::names::{Fate, Names};
use super::random::Random;
use super::traffic::{Asked, Traffic};
use super::zones::Zone;

const SECOND_US: u64 = 1_000_000;
const HOUR_S: u64 = 3600;
/// The longest response over UDP, in octets.
const MAX_RESPONSE_LEN: usize = 1232;
/// Octets of a query besides its name: header, type, class, OPT record.
const QUERY_LEN: usize = 12 + 4 + 11;
/// Ports that devices ask from.
const FIRST_PORT: u16 = 32_768;
const PORTS: usize = 28_000;
/// What the server says of answers that it does not validate.
const UNVALIDATED: &str = "indeterminate";
/// A process has a number of its own in the identifiers of its queries; this one did not run.
const INSTANCE: u32 = 1;
/// What the history may keep, as a configuration that says nothing about it has it.
const LIMITS: Limits = Limits { max_rows: 10_000_000, max_days: 30, max_bytes: 1 << 30 };

/// How much past there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Made {
    /// Queries.
    pub queries: u64,
    /// Of these, blocked by lists and rules.
    pub blocked: u64,
}

/// Who answers a question, which decides with the name and type what is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum By {
    Zone,
    Internet,
    Null,
    Denial,
}

/// An answer as it left.
#[derive(Debug)]
struct Written {
    message: Vec<u8>,
    rcode: Rcode,
    ttl: u32,
    apex_labels: Option<u8>,
}

/// A query that was answered.
struct Answered {
    asked: Asked,
    written: Rc<Written>,
    source: Source,
    elapsed_us: u64,
    port: u16,
    decided: Option<Decided>,
}

/// Makes the past.
struct Past {
    names: Arc<Names>,
    zones: [Zone; 3],
    random: Random,
    internet: SocketAddr,
    answers: HashMap<(usize, RType, By), Rc<Written>>,
    /// Until when the cache has something, in microseconds since 1970.
    cache: HashMap<(usize, RType), u64>,
    seen: Seen,
    /// How often each list blocked, by name.
    hits: Vec<(&'static str, u64)>,
    made: Made,
}

/// Writes to the data directory what `traffic` asked until now. It ends with the first query that is still to come.
///
/// # Errors
/// What the file system says.
pub fn write(
    data_dir: &Path,
    names: Arc<Names>,
    traffic: &mut Peekable<Traffic>,
    internet: SocketAddr,
    seed: u64,
) -> anyhow::Result<Made> {
    let mut past = Past {
        names,
        zones: Zone::all(),
        random: Random::new(seed ^ 0x9a57),
        internet,
        answers: HashMap::new(),
        cache: HashMap::new(),
        seen: Seen::default(),
        hits: Vec::new(),
        made: Made::default(),
    };
    let mut writer = Writer::open(&data_dir.join("history"), LIMITS).context("the history of queries")?;
    let mut statistics = statistics::Past::default();
    let hits = ListHits::new(data_dir);
    let Some(first) = traffic.peek() else { return Ok(past.made) };
    let mut second_s = first.at_us / SECOND_US;
    // Time goes on while this is made; it is caught up with.
    while second_s < unix_seconds() {
        let mut answered = Vec::new();
        while let Some(asked) = traffic.next_if(|asked| asked.at_us < (second_s + 1) * SECOND_US) {
            answered.push(past.answer(asked)?);
        }
        writer.push(answered.iter().map(|answered| past.row(answered)));
        statistics.add(second_s, &past.count(&answered));
        past.made.queries += answered.len() as u64;
        second_s += 1;
        if second_s.is_multiple_of(HOUR_S) {
            past.note_hits(&hits, second_s);
        }
    }
    writer.flush();
    past.note_hits(&hits, second_s.saturating_sub(1));
    hits.write().context("how often lists blocked")?;
    statistics.write(&data_dir.join("statistics")).context("statistics")?;
    let clients: Vec<_> = past.seen.all().collect();
    seen_clients::write_past(data_dir, &clients).context("clients that were seen")?;
    let lost = writer.store().counts().lost;
    anyhow::ensure!(lost == 0, "the disk does not take the history of queries: {lost} rows are lost");
    Ok(past.made)
}

impl Past {
    /// What became of a question.
    fn answer(&mut self, asked: Asked) -> anyhow::Result<Answered> {
        let names = self.names.clone();
        let site = &names.sites[asked.site];
        let group = DEVICES[asked.device].group;
        let decided = match site.fate {
            Fate::Ours => None,
            _ => blocking::decide(&site.text, group, asked.at_us / SECOND_US),
        };
        let key = (asked.site, asked.rtype);
        let is_cached = self.cache.get(&key).is_some_and(|until_us| *until_us > asked.at_us);
        let blocked = decided.as_ref().filter(|decided| !decided.allowed);
        let (by, source) = match (site.fate, blocked) {
            (Fate::Ours, _) => (By::Zone, Source::Zone),
            (_, Some(Decided { denies: true, .. })) => (By::Denial, Source::Policy),
            (_, Some(_)) => (By::Null, Source::Policy),
            _ if is_cached => (By::Internet, Source::Cache),
            _ => (By::Internet, Source::Resolver),
        };
        let elapsed_us = match source {
            Source::Resolver => answers::delay_us(&names, &site.name, &mut self.random),
            _ => (14.0 * self.random.factor(0.6)) as u64,
        };
        let written = self.written(asked, by)?;
        if source == Source::Resolver && written.rcode != Rcode::SERVFAIL {
            self.cache.insert(key, asked.at_us + elapsed_us + u64::from(written.ttl) * SECOND_US);
        }
        if source == Source::Policy {
            self.made.blocked += 1;
        }
        let client = IpAddr::from(DEVICES[asked.device].address);
        self.seen.observe(client, (asked.at_us / 1000) as i64, source == Source::Policy);
        if let Some(decided) = blocked {
            self.hit(decided.list);
        }
        let port = FIRST_PORT + self.random.below(PORTS) as u16;
        Ok(Answered { asked, written, source, elapsed_us, port, decided })
    }

    /// The answer as octets; those that were made are kept.
    fn written(&mut self, asked: Asked, by: By) -> anyhow::Result<Rc<Written>> {
        let key = (asked.site, asked.rtype, by);
        if let Some(written) = self.answers.get(&key) {
            return Ok(written.clone());
        }
        let site = &self.names.sites[asked.site];
        let zone = self.zones.iter().find(|zone| by == By::Zone && zone.has(&site.text));
        let answer: Answer = match (by, zone) {
            (By::Zone, Some(zone)) => zone.answer(&site.text, asked.rtype)?,
            (By::Zone | By::Internet, _) => answers::of_internet(&self.names, &site.name, asked.rtype)?,
            (By::Null | By::Denial, _) => answers::blocked(&site.name, asked.rtype, by == By::Denial)?,
        };
        let message = answer.message(0, site.name.clone(), asked.rtype, by == By::Zone).to_wire(MAX_RESPONSE_LEN);
        let apex_labels = zone.map(|zone| zone.name.split('.').count() as u8);
        let written = Rc::new(Written { message, rcode: answer.rcode, ttl: answer.ttl(), apex_labels });
        self.answers.insert(key, written.clone());
        Ok(written)
    }

    /// The row of the history.
    fn row<'a>(&'a self, answered: &'a Answered) -> Row<'a> {
        let Answered { asked, written, source, elapsed_us, port, decided } = answered;
        let (site, device) = (&self.names.sites[asked.site], &DEVICES[asked.device]);
        let is_found = matches!(source, Source::Cache | Source::Resolver);
        let mut decision = Decision { group: device.group.as_str(), ..Decision::default() };
        if let Some(decided) = decided {
            decision.action = if decided.allowed { "allowed" } else { "blocked" };
            (decision.policy, decision.list, decision.rule) = (decided.policy, decided.list, decided.rule.as_str());
        }
        let word = names::SECURITIES.iter().find(|(_, word)| is_found && *word == UNVALIDATED);
        let record = ResponseRecord {
            time_us: asked.at_us,
            elapsed_us: *elapsed_us,
            client: SocketAddr::from((device.address, *port)),
            transport: Transport::Udp,
            source: *source,
            rcode: written.rcode,
            security: word.and_then(|(security, _)| *security),
            apex_labels: written.apex_labels,
            upstream: (*source == Source::Resolver).then_some(self.internet),
            policy: None,
            query_len: (QUERY_LEN + site.name.len()) as u16,
            response_len: written.message.len() as u16,
            query: &[],
            response: &written.message,
        };
        let id = RequestId::new(asked.at_us, INSTANCE, asked.number);
        Row { id, question: Some((&*site.name, asked.rtype, Class::IN)), record, decision }
    }

    /// What the data plane would have counted of these answers.
    fn count(&self, all: &[Answered]) -> statistics::Counts {
        let mut totals = Totals::default();
        for Answered { asked, written, source, elapsed_us, .. } in all {
            let group = SourceGroup::of(*source, written.rcode) as usize;
            totals.answers[usize::from(written.rcode.0)][group] += 1;
            totals.questions[Transport::Udp as usize][usize::from(asked.rtype.0)] += 1;
            let times = &mut totals.times[group];
            times.sum_us += elapsed_us;
            times.classes[BOUNDS_US.partition_point(|bound_us| bound_us < elapsed_us)] += 1;
        }
        statistics::Counts::of(&totals, 0)
    }

    fn hit(&mut self, list: &'static str) {
        match self.hits.iter_mut().find(|(name, _)| *name == list) {
            Some((_, count)) => *count += 1,
            None => self.hits.push((list, 1)),
        }
    }

    /// Has the counts of lists looked at, as the server does now and then.
    fn note_hits(&self, hits: &ListHits, at_s: u64) {
        let counters =
            (0..).zip(&self.hits).map(|(number, (name, count))| (ListId(number), (*name).to_owned(), *count));
        // What came within the hour that is over belongs to it.
        hits.look(counters, at_s.saturating_sub(1) * 1000);
    }
}

#[cfg(test)]
mod tests {
    use server::clock::unix_us;
    use telemetry::Filter;
    use telemetry::history::{Store, Wanted};
    use telemetry::statistics::{Asked as Range, Statistics};

    use super::*;

    fn count(store: &Store, filter: &str) -> u64 {
        let filter = Filter::parse(filter).expect("a filter");
        let wanted = Wanted { filter: &filter, from_us: 0, to_us: u64::MAX };
        let (mut after, mut count) = (None, 0);
        loop {
            let found = store.search(&wanted, after, 1000, &|| false);
            count += found.rows.len() as u64;
            after = found.progress.next;
            if after.is_none() {
                return count;
            }
        }
    }

    #[test]
    fn history_and_statistics_say_the_same() {
        let directory = tempfile::tempdir().expect("a directory");
        let names = Arc::new(Names::new().expect("names"));
        let from_us = unix_us() - 3 * HOUR_S * SECOND_US;
        let mut traffic = Traffic::new(names.clone(), 1, 6.0, from_us).peekable();
        let internet = SocketAddr::from(([127, 0, 0, 1], 5399));
        let made = write(directory.path(), names, &mut traffic, internet, 1).expect("a past");
        let next = traffic.peek().expect("what comes").at_us;
        assert!(next / SECOND_US + 2 >= unix_seconds(), "it goes on from now");
        assert!(made.queries > 1000 && made.blocked > 0 && made.blocked < made.queries, "{made:?}");
        let writer = Writer::open(&directory.path().join("history"), LIMITS).expect("the history");
        let store = writer.store();
        assert_eq!(store.counts().rows, made.queries);
        assert_eq!(count(store, "source:blocked"), made.blocked);
        let of_sources: u64 =
            ["zone", "cache", "resolved", "blocked"].map(|it| count(store, &format!("source:{it}"))).iter().sum();
        assert_eq!(of_sources, made.queries);
        assert!(count(store, "source:cache") > 0 && count(store, "code:NXDOMAIN") > 0);
        let statistics = Statistics::start(&directory.path().join("statistics"), statistics::Counts::default, |_| ());
        let statistics = statistics.expect("a thread");
        let now_s = unix_seconds();
        let series = statistics.series(&Range { from_s: now_s - 4 * HOUR_S, to_s: now_s + 60, step_s: Some(60) });
        statistics.stop();
        let shown: f64 = series.qps.iter().flatten().sum::<f64>() * 60.0;
        // Rates are rounded to tenths, and the minute under way is not over.
        assert!((shown / made.queries as f64 - 1.0).abs() < 0.05, "{shown} of {}", made.queries);
    }
}
