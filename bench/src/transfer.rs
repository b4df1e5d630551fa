//! What a zone transfer costs without sockets: making its messages, and reading them.

use std::hint::black_box;

use anyhow::bail;
use dns::{NameBuf, NameHasher, RType};
use zone::xfr::{Asked, Incoming, Limits, Outgoing, Progress, query};
use zone::{Builder, Contents};

/// How often each way is measured.
const ROUNDS: usize = 5;

/// Prints the figures for a zone of `names` names, with an A record each and others at some.
pub fn run(names: usize) -> anyhow::Result<()> {
    let origin: NameBuf = "example.".parse()?;
    let contents = contents(&origin, names)?;
    let records = contents.record_count() as f64;
    for _ in 0..ROUNDS {
        let Some(asked) = Asked::read(&query(1, &origin, None).to_wire(512)) else { bail!("the query is malformed") };
        let (mut outgoing, mut message) = (Outgoing::axfr(contents.clone(), asked), Vec::with_capacity(1 << 16));
        let (mut messages, mut octets) = (0, 0);
        let begin = crate::cpu_ns();
        while outgoing.next(&mut message) {
            (messages, octets) = (messages + 1, octets + message.len());
            black_box(&message);
            message.clear();
        }
        let ns = (crate::cpu_ns() - begin) as f64;
        println!(
            "out: {:.2}M records/s, {:.0} ns a record; {messages} messages, {:.1} octets a record",
            records / ns * 1000.0,
            ns / records,
            octets as f64 / records
        );
    }
    for _ in 0..ROUNDS {
        let ns = receive(&contents, &origin)?;
        println!("in: {:.2}M records/s, {:.0} ns a record", records / ns * 1000.0, ns / records);
    }
    Ok(())
}

/// Nanoseconds to read a transfer into a list.
fn receive(contents: &Contents, origin: &NameBuf) -> anyhow::Result<f64> {
    let Some(asked) = Asked::read(&query(1, origin, None).to_wire(512)) else { bail!("the query is malformed") };
    let mut outgoing = Outgoing::axfr(contents.clone(), asked);
    let mut incoming = Incoming::new(origin.clone(), RType::AXFR, None, 1, Limits::default());
    let (mut message, mut ns) = (Vec::new(), 0);
    while outgoing.next(&mut message) {
        let begin = crate::cpu_ns();
        let progress = incoming.message(&message)?;
        ns += crate::cpu_ns() - begin;
        message.clear();
        if let Progress::Full(list) = progress {
            if list.len() != contents.record_count() {
                bail!("{} records came", list.len());
            }
            return Ok(ns as f64);
        }
    }
    bail!("the transfer does not end")
}

fn contents(origin: &NameBuf, names: usize) -> anyhow::Result<Contents> {
    let mut builder = Builder::new(origin, NameHasher::new(1));
    builder.add(origin, RType::SOA, 1, &[&b"\x02ns\x07example\0\0"[..], &[0; 20]].concat())?;
    for i in 0..names {
        let owner: NameBuf = format!("n{i:07}.example.").parse()?;
        builder.add(&owner, RType::A, 300, &(i as u32).to_be_bytes())?;
        match i % 10 {
            0 => builder.add(&owner, RType::MX, 300, b"\x00\x0a\x04mail\x07example\0")?,
            1 => builder.add(&owner, RType::TXT, 300, b"\x0bhello world")?,
            2 => builder.add(&owner, RType::AAAA, 300, &(i as u128).to_be_bytes())?,
            _ => {}
        }
    }
    Ok(builder.finish().0)
}
