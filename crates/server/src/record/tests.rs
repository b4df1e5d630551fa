//! What is put into rings comes out of them as it was.

use super::*;
use crate::source::Refusal;

const QUERY: [u8; 21] = [7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, b'w', b'w', b'w', 0, 0, 28, 0, 1];

fn response() -> ResponseRecord<'static> {
    ResponseRecord {
        time_us: 1_700_000_000_123_456,
        elapsed_us: 41,
        client: "192.0.2.1:5300".parse().expect("an address"),
        transport: Transport::Udp,
        source: Source::Zone,
        rcode: Rcode::NXDOMAIN,
        security: None,
        apex_labels: Some(2),
        upstream: None,
        policy: None,
        query_len: 21,
        response_len: 100,
        query: &[],
        response: &QUERY,
    }
}

fn taken(all: &Recorders) -> Batch {
    let mut batch = Batch::default();
    all.drain(&mut batch);
    batch
}

#[test]
fn records_come_out_as_they_went_in() {
    let all = Arc::new(Recorders::default());
    let recorder = Recorder::new(all.clone());
    let six = "[2001:db8::1]:53".parse().expect("an address");
    let sources = [Source::Zone, Source::Cache, Source::Stale, Source::Resolver, Source::ControlPlane, Source::Server];
    let sources = sources.into_iter().chain(Refusal::ALL.map(Source::Refused));
    let mut expected: Vec<Record<'_>> = Vec::new();
    for (i, source) in sources.enumerate() {
        let (security, rcode) = (Some(Security::Secure), Rcode(4095));
        let transport = if i % 2 == 0 { Transport::Udp } else { Transport::Tcp };
        let (query, response_bytes) = (&QUERY[..i], &QUERY[i..]);
        let odd = ResponseRecord { security, rcode, transport, client: six, upstream: Some(six), query, ..response() };
        let odd =
            ResponseRecord { source, response: response_bytes, apex_labels: None, elapsed_us: 4_000_000_000, ..odd };
        expected.push(Record::Response(ResponseRecord { source, ..response() }));
        expected.push(Record::Response(odd));
    }
    expected.push(Record::Exchange(ExchangeRecord {
        time_us: 1,
        elapsed_us: 2,
        server: six,
        transport: Transport::Tcp,
        is_forwarder: true,
        query: &QUERY,
        response: &[],
    }));
    expected.iter().for_each(|record| recorder.record(record));
    let batch = taken(&all);
    assert_eq!(batch.records().collect::<Vec<_>>(), expected);
    assert!(taken(&all).is_empty(), "they are given out once");
}

#[test]
fn what_a_thread_wrote_before_it_ended_is_read() {
    let all = Arc::new(Recorders::default());
    let recorder = Recorder::new(all.clone());
    recorder.record(&Record::Response(response()));
    recorder.record_shared(&Record::Response(response()));
    drop(recorder);
    assert_eq!(taken(&all).records().count(), 2);
    assert_eq!(lock(&all.rings).list.len(), 0, "its ring is forgotten");
}

#[test]
fn what_finds_no_room_is_counted_to_the_row() {
    let all = Arc::new(Recorders::default());
    let recorder = Recorder::new(all.clone());
    let many = 20_000;
    (0..many).for_each(|_| recorder.record(&Record::Response(response())));
    let records = taken(&all).records().count() as u64;
    assert!(records > 1000 && records + all.dropped() == many, "{records} and {}", all.dropped());
    drop(recorder);
    assert!(taken(&all).is_empty() && records + all.dropped() == many, "also when the thread is gone");
}

#[test]
fn only_what_is_wanted_is_recorded() {
    let all = Arc::new(Recorders::default());
    let recorder = Recorder::new(all.clone());
    assert_eq!(recorder.wanted(), Wanted::default());
    let wanted = Wanted { responses: true, queries: false, exchanges: true, sparing: true };
    all.want(wanted);
    assert_eq!(recorder.wanted(), wanted);
}
