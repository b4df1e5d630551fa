//! Rows to write, made from a seed, and a directory for the history.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use dns::{Class, Name, NameBuf, RType, Rcode};
use resolver::Security;
use server::answered::{Refusal, Source};
use server::record::ResponseRecord;
use server::transport::Transport;
use telemetry::history::{Limits, Writer};
use telemetry::{Decision, RequestId, Row};

/// The time of the first row, in microseconds since 1970.
pub const START_US: u64 = 1_900_000_000_000_000;

/// A directory that is removed when this is dropped.
pub struct Directory(pub PathBuf);

impl Directory {
    pub fn new(name: &str) -> Directory {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("headwater-history-{name}-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        Directory(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Its files with this extension, in their order.
    pub fn files(&self, extension: &str) -> Vec<PathBuf> {
        let files = std::fs::read_dir(&self.0).expect("a directory").map(|entry| entry.expect("an entry").path());
        let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
        files.sort();
        files
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Limits that let everything stay, with `rows` rows a segment.
pub fn roomy(rows: u64) -> Limits {
    Limits { max_rows: rows * 16, max_days: 3650, max_bytes: 1 << 30 }
}

/// A row that owns what it consists of.
#[derive(Debug, Clone)]
pub struct Made {
    pub id: RequestId,
    pub name: Option<NameBuf>,
    pub rtype: RType,
    pub response: Vec<u8>,
    pub elapsed_us: u64,
    pub client: SocketAddr,
    pub transport: Transport,
    pub source: Source,
    pub rcode: Rcode,
    pub security: Option<Security>,
    pub apex_labels: Option<u8>,
    pub upstream: Option<SocketAddr>,
    pub list: Option<&'static str>,
}

impl Made {
    pub fn row(&self) -> Row<'_> {
        Row {
            id: self.id,
            question: self.name.as_deref().map(|name: &Name| (name, self.rtype, Class::IN)),
            record: ResponseRecord {
                time_us: self.id.time_us(),
                elapsed_us: self.elapsed_us,
                client: self.client,
                transport: self.transport,
                source: self.source,
                rcode: self.rcode,
                security: self.security,
                apex_labels: self.apex_labels,
                upstream: self.upstream,
                policy: None,
                query_len: 40,
                response_len: self.response.len() as u16,
                query: &[],
                response: &self.response,
            },
            decision: self.decision(),
        }
    }

    pub fn decision(&self) -> Decision<'_> {
        match self.list {
            Some(list) => Decision { action: "blocked", list, rule: "||example.net^", ..Decision::default() },
            None => Decision::default(),
        }
    }
}

/// Numbers that look random and are the same each time.
pub struct Seed(pub u64);

impl Seed {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize].clone()
    }
}

/// The response to a question: an address behind it, if there is room for one.
fn response(name: Option<&Name>, rtype: RType, address: [u8; 4]) -> Vec<u8> {
    let mut out = vec![0, 7, 0x84, 0, 0, u8::from(name.is_some()), 0, u8::from(name.is_some()), 0, 0, 0, 0];
    let Some(name) = name else { return out };
    out.extend_from_slice(name.as_wire());
    out.extend_from_slice(&[(rtype.0 >> 8) as u8, rtype.0 as u8, 0, 1]);
    out.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 0, 0, 4]);
    out.extend_from_slice(&address);
    out
}

/// So many rows, one each 10 ms.
pub fn rows(seed: u64, count: u64) -> Vec<Made> {
    let mut seed = Seed(seed);
    let names: Vec<NameBuf> =
        ["www.example.org.", "MAIL.example.org.", "a\\.b.example.net.", ".", "sp\\032ace.x.", "ads.example.net."]
            .iter()
            .map(|text| text.parse().expect("a name"))
            .collect();
    let clients: [IpAddr; 4] = ["192.0.2.7", "192.0.2.130", "2001:db8::7", "::ffff:198.51.100.1"]
        .map(|text| text.parse().expect("an address"));
    let sources = [
        Source::Zone,
        Source::Cache,
        Source::Stale,
        Source::Resolver,
        Source::Refused(Refusal::Recursion),
        Source::Refused(Refusal::Malformed),
    ];
    (0..count)
        .map(|number| {
            let source = seed.pick(&sources);
            let name = (source != Source::Refused(Refusal::Malformed)).then(|| seed.pick(&names));
            let rtype = seed.pick(&[RType::A, RType::AAAA, RType::MX, RType(65_280)]);
            let address = [192, 0, 2, seed.below(250) as u8];
            let labels = name.as_ref().map_or(0, |name| name.label_count() as u64);
            Made {
                id: RequestId::new(START_US + number * 10_000, 77, number),
                response: response(name.as_deref(), rtype, address),
                elapsed_us: seed.below(400_000),
                client: (seed.pick(&clients), 5300).into(),
                transport: seed.pick(&[Transport::Udp, Transport::Tcp]),
                source,
                rcode: seed.pick(&[Rcode::NOERROR, Rcode::NOERROR, Rcode::NXDOMAIN, Rcode::SERVFAIL]),
                security: seed.pick(&[None, Some(Security::Secure), Some(Security::Bogus)]),
                apex_labels: (source == Source::Zone).then(|| seed.below(labels + 1) as u8),
                upstream: (source == Source::Resolver)
                    .then(|| seed.pick(&["9.9.9.9:53", "[2001:db8::53]:5353"]).parse().expect("an address")),
                list: (seed.below(10) == 0).then_some("Ads"),
                name,
                rtype,
            }
        })
        .collect()
}

/// Writes rows, a few at once.
pub fn write(writer: &mut Writer, rows: &[Made]) {
    for few in rows.chunks(7) {
        writer.push(few.iter().map(Made::row));
    }
}
