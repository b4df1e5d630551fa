//! The history of queries: rows a second in, bytes a row, and how long searches take; beside it the same rows in an SQLite
//! table.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Instant;

use dns::{Class, NameBuf, RType, Rcode};
use rusqlite::{Connection, params};
use server::answered::Source;
use server::record::ResponseRecord;
use server::transport::Transport;
use telemetry::history::{Cursor, Limits, Progress, Store, Subject, Wanted, Writer};
use telemetry::{Decision, Filter, RequestId, Row};

use crate::cpu_ns;

/// Rows that come in a second: what is written at once.
const A_SECOND: u64 = 20_000;
/// Rows that the collector hands on at once.
const A_TURN: u64 = 200;
const START_US: u64 = 1_900_000_000_000_000;
const CLIENTS: u64 = 2000;
/// Milliseconds of a slice of a search.
const SLICE_MS: u128 = 300;

/// Queries as a resolver of many clients has them: few names come often, many seldom.
struct Made {
    names: Vec<(NameBuf, Vec<u8>)>,
    state: u64,
}

struct Query {
    number: u64,
    name: usize,
    client: SocketAddr,
    source: Source,
    elapsed_us: u64,
}

impl Made {
    fn new(names: usize) -> anyhow::Result<Made> {
        let named = (0..names).map(|i| {
            let scrambled = (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let name: NameBuf = format!("{:08x}.host{}.example{}.net.", scrambled >> 32, i % 97, i % 4099).parse()?;
            let mut response = vec![0, 7, 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0];
            response.extend_from_slice(name.as_wire());
            response.extend_from_slice(&[0, 1, 0, 1, 0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 0, 0, 4]);
            response.extend_from_slice(&(scrambled as u32).to_be_bytes());
            Ok((name, response))
        });
        Ok(Made { names: named.collect::<anyhow::Result<_>>()?, state: 1 })
    }

    fn below(&mut self, end: u64) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % end
    }

    fn query(&mut self, number: u64) -> Query {
        // The product of two even numbers is small far more often than large.
        let names = self.names.len() as u64;
        let (a, b) = (self.below(names), self.below(names));
        let name = (a * b / names) as usize;
        let client = IpAddr::from(Ipv4Addr::from(0x0a00_0000 + self.below(CLIENTS) as u32));
        let is_hit = self.below(100) < 85;
        let elapsed_us = if is_hit { 20 + self.below(200) } else { 3000 + self.below(60_000) };
        let source = if is_hit { Source::Cache } else { Source::Resolver };
        Query { number, name, client: (client, 40_000).into(), source, elapsed_us }
    }

    fn row(&self, query: &Query) -> Row<'_> {
        let (name, response) = &self.names[query.name];
        let time_us = START_US + query.number * 1_000_000 / A_SECOND;
        Row {
            id: RequestId::new(time_us, 7, query.number),
            question: Some((name, RType::A, Class::IN)),
            record: ResponseRecord {
                time_us,
                elapsed_us: query.elapsed_us,
                client: query.client,
                transport: Transport::Udp,
                source: query.source,
                rcode: if query.name.is_multiple_of(11) { Rcode::NXDOMAIN } else { Rcode::NOERROR },
                security: None,
                apex_labels: None,
                upstream: (query.source == Source::Resolver).then(|| (Ipv4Addr::new(9, 9, 9, 9), 53).into()),
                policy: None,
                query_len: name.len() as u16 + 16,
                response_len: response.len() as u16,
                query: &[],
                response,
            },
            decision: Decision::default(),
        }
    }
}

/// Prints the figures for so many rows with so many names, in a directory that is empty.
pub fn run(directory: &Path, rows: u64, names: usize, with_sqlite: bool) -> anyhow::Result<()> {
    let mut made = Made::new(names)?;
    let limits = Limits { max_rows: rows * 2, max_days: 3650, max_bytes: u64::MAX };
    let mut writer = Writer::open(&directory.join("history"), limits)?;
    let cost = fill(&mut writer, &mut made, rows);
    let counts = writer.store().counts();
    println!("rows: {}, lost {}, segments {}", counts.rows, counts.lost, counts.segments);
    println!("in: {cost}; {:.1} bytes a row on disk", counts.size_bytes as f64 / counts.rows as f64);
    searches(writer.store())?;
    if with_sqlite { sqlite(&directory.join("history.db"), &mut made, rows) } else { Ok(()) }
}

/// What rows cost to write.
struct Cost {
    rows: u64,
    cpu_ns: u64,
    seconds: f64,
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ns = self.cpu_ns as f64 / self.rows as f64;
        let core = ns * A_SECOND as f64 / 1e7;
        let rate = self.rows as f64 / self.seconds;
        write!(
            f,
            "{rate:.0} rows/s, {ns:.0} ns of processor a row, which is {core:.1} % of a core at {A_SECOND} rows/s"
        )
    }
}

/// Writes rows as the collector gives them, and has them flushed as if a second had passed after each 20,000. Making the
/// rows is not counted.
fn fill(writer: &mut Writer, made: &mut Made, rows: u64) -> Cost {
    let (start, mut cpu) = (Instant::now(), 0);
    for turn in 0..rows / A_TURN {
        let queries: Vec<Query> = (0..A_TURN).map(|i| made.query(turn * A_TURN + i)).collect();
        let before = cpu_ns();
        writer.push(queries.iter().map(|query| made.row(query)));
        if turn % (A_SECOND / A_TURN) == 0 {
            writer.flush();
        }
        cpu += cpu_ns() - before;
    }
    writer.flush();
    Cost { rows, cpu_ns: cpu, seconds: start.elapsed().as_secs_f64() }
}

fn searches(store: &Store) -> anyhow::Result<()> {
    let filters = [
        "nothing-has-this",
        "name:*.nothing.example",
        "client:192.0.2.1",
        "code:REFUSED",
        "time:>10s",
        "time:>62ms -cache:hit host7.example1",
        "",
    ];
    for text in filters {
        let filter = Filter::parse(text)?;
        let wanted = Wanted { filter: &filter, from_us: 0, to_us: u64::MAX };
        let search = |after, stop: &dyn Fn() -> bool| {
            let found = store.search(&wanted, after, 100, stop);
            (found.rows.len(), found.progress)
        };
        measure(&format!("search {text:?}"), text.is_empty(), search);
    }
    let everything = Filter::default();
    let wanted = Wanted { filter: &everything, from_us: 0, to_us: u64::MAX };
    let top = |after, stop: &dyn Fn() -> bool| {
        let top = store.top(&wanted, Subject::Name, "", (after, 100), stop);
        (top.values.len(), top.progress)
    };
    measure("top names", false, top);
    let groups = |after, stop: &dyn Fn() -> bool| {
        let groups = store.groups(&wanted, false, (after, 100), stop);
        (groups.groups.len(), groups.progress)
    };
    measure("groups", false, groups);
    Ok(())
}

/// The time of the first slice, and of all; of a search that finds more than it may give, of the first alone.
fn measure(what: &str, only_first: bool, search: impl Fn(Option<Cursor>, &dyn Fn() -> bool) -> (usize, Progress)) {
    let start = Instant::now();
    let (mut after, mut found, mut slices, mut longest) = (None, 0, 0, 0);
    loop {
        let slice = Instant::now();
        let (rows, progress) = search(after, &|| slice.elapsed().as_millis() >= SLICE_MS);
        (found, slices, longest) = (found + rows, slices + 1, longest.max(slice.elapsed().as_millis()));
        after = progress.next;
        if after.is_none() || only_first {
            break;
        }
    }
    let all = start.elapsed().as_millis();
    println!("{what}: {found} found in {all} ms, {slices} slices, the longest {longest} ms");
}

/// The same rows in a table, committed once a second, with an index of the time.
fn sqlite(path: &Path, made: &mut Made, rows: u64) -> anyhow::Result<()> {
    let mut db = Connection::open(path)?;
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
         CREATE TABLE rows (id INTEGER PRIMARY KEY, time INTEGER, elapsed INTEGER, client BLOB, name TEXT, type INTEGER,
            code INTEGER, source INTEGER, upstream BLOB, query_len INTEGER, response_len INTEGER, data BLOB);
         CREATE INDEX by_time ON rows (time);",
    )?;
    let (start, mut cpu) = (Instant::now(), 0);
    for second in 0..rows / A_SECOND {
        let queries: Vec<Query> = (0..A_SECOND).map(|i| made.query(second * A_SECOND + i)).collect();
        let before = cpu_ns();
        let transaction = db.transaction()?;
        let mut insert = transaction.prepare_cached("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
        for query in &queries {
            let row = made.row(query);
            let record = &row.record;
            let IpAddr::V4(client) = record.client.ip() else { continue };
            insert.execute(params![
                query.number as i64,
                record.time_us as i64,
                record.elapsed_us as i64,
                client.octets(),
                made.names[query.name].0.to_string(),
                1,
                record.rcode.0,
                matches!(record.source, Source::Cache),
                record.upstream.map(|_| [9u8; 6]),
                record.query_len,
                record.response_len,
                &record.response[record.response.len() - 4..],
            ])?;
        }
        drop(insert);
        transaction.commit()?;
        cpu += cpu_ns() - before;
    }
    let cost = Cost { rows, cpu_ns: cpu, seconds: start.elapsed().as_secs_f64() };
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    println!("SQLite: {cost}; {:.1} bytes a row", std::fs::metadata(path)?.len() as f64 / rows as f64);
    let start = Instant::now();
    let found: i64 =
        db.query_row("SELECT count(*) FROM rows WHERE name LIKE '%nothing-has-this%'", [], |row| row.get(0))?;
    println!("SQLite: {found} found in {} ms", start.elapsed().as_millis());
    Ok(())
}
