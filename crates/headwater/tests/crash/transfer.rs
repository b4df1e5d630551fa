//! A client of transfers that trusts nobody: AXFR (RFC 5936) and IXFR (RFC 1995), record by record.

use std::net::SocketAddr;

use dns::message::Record;
use dns::rdata::typed::Soa;
use dns::{Message, RType};

use crate::common::query;
use crate::model::Rows;
use crate::updates::Connection;

/// A zone at some moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub serial: u32,
    /// Without the SOA record.
    pub rows: Rows,
}

/// The records of a transfer, as they come.
struct Incoming {
    connection: Connection,
    records: std::vec::IntoIter<Record>,
}

impl Incoming {
    fn ask(server: SocketAddr, query: &Message) -> Result<Incoming, String> {
        let mut connection = Connection::open(server).map_err(|error| error.to_string())?;
        connection.send(&query.to_wire(usize::from(u16::MAX))).map_err(|error| error.to_string())?;
        Ok(Incoming { connection, records: Vec::new().into_iter() })
    }

    fn next(&mut self) -> Result<Record, String> {
        loop {
            if let Some(record) = self.records.next() {
                return Ok(record);
            }
            let octets = self.connection.receive().map_err(|error| format!("the transfer ends: {error}"))?;
            let message = Message::parse(&octets).map_err(|error| format!("{error:?}"))?;
            if message.header.rcode.0 != 0 || message.answers.is_empty() {
                return Err(format!("{} with {} records", message.header.rcode, message.answers.len()));
            }
            self.records = message.answers.into_iter();
        }
    }

    /// The serial of the SOA record that must come next.
    fn soa(&mut self) -> Result<u32, String> {
        let record = self.next()?;
        serial(&record).ok_or_else(|| format!("no SOA record: {record:?}"))
    }

    /// Hands records to `take` up to the next SOA record, and returns its serial.
    fn up_to_soa(&mut self, mut take: impl FnMut(Record) -> Result<(), String>) -> Result<u32, String> {
        loop {
            let record = self.next()?;
            match serial(&record) {
                Some(serial) => return Ok(serial),
                None => take(record)?,
            }
        }
    }
}

fn serial(record: &Record) -> Option<u32> {
    (record.rtype == RType::SOA).then(|| Soa::parse(&record.rdata).expect("an SOA record").serial)
}

fn add(rows: &mut Rows, record: Record) -> Result<(), String> {
    let row = (record.owner.to_string().to_lowercase(), record.rtype.0, record.ttl, record.rdata);
    if rows.insert(row.clone()) { Ok(()) } else { Err(format!("added twice: {row:?}")) }
}

/// The whole zone.
///
/// # Errors
/// A transfer that is none.
pub fn axfr(server: SocketAddr, zone: &str) -> Result<Snapshot, String> {
    let mut incoming = Incoming::ask(server, &query(zone, RType::AXFR))?;
    let (serial, mut rows) = (incoming.soa()?, Rows::new());
    let end = incoming.up_to_soa(|record| add(&mut rows, record))?;
    if end == serial { Ok(Snapshot { serial, rows }) } else { Err(format!("begins with {serial}, ends with {end}")) }
}

/// The zone as it is now, by what the server says has changed since `old`; and whether it came as differences.
///
/// # Errors
/// A transfer that is none; differences that do not fit to what there was.
pub fn ixfr(server: SocketAddr, zone: &str, old: &Snapshot) -> Result<(Snapshot, bool), String> {
    let mut query = query(zone, RType::IXFR);
    let mut soa = vec![0, 0];
    soa.extend_from_slice(&old.serial.to_be_bytes());
    soa.extend_from_slice(&[0; 16]);
    let owner = query.questions[0].name.clone();
    query.authorities.push(Record { owner, rtype: RType::SOA, class: dns::Class::IN, ttl: 0, rdata: soa });
    let mut incoming = Incoming::ask(server, &query)?;
    let new = incoming.soa()?;
    if new == old.serial {
        return Ok((old.clone(), true));
    }
    let first = incoming.next()?;
    let Some(mut from) = serial(&first) else {
        let mut rows = Rows::new();
        add(&mut rows, first)?;
        incoming.up_to_soa(|record| add(&mut rows, record))?;
        return Ok((Snapshot { serial: new, rows }, false));
    };
    let (mut at, mut rows) = (old.serial, old.rows.clone());
    loop {
        if from != at {
            return Err(format!("a difference from {from} where the zone is at {at}"));
        }
        let remove = |record: Record| {
            let row = (record.owner.to_string().to_lowercase(), record.rtype.0, record.ttl, record.rdata);
            if rows.remove(&row) { Ok(()) } else { Err(format!("{row:?} is deleted, but is not there at {at}")) }
        };
        let to = incoming.up_to_soa(remove)?;
        from = incoming.up_to_soa(|record| add(&mut rows, record))?;
        at = to;
        if at == new && from == new {
            return Ok((Snapshot { serial: new, rows }, true));
        }
    }
}
