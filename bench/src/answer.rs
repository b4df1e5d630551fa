//! How long the answer to a query takes, without sockets.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dns::{NameBuf, NameHasher};
use node::loader;
use server::answered::Exit;
use server::query::{Packet, Worker};
use server::settings::Settings;
use server::transport::Transport;
use zone::{Published, Zone, ZoneTable};

/// Octets of a packet's buffer, as the UDP listener has them.
const BUFFER: usize = 4096;

/// Answers every query of the file `rounds` times and prints the mean.
pub fn run(
    zones: &[(NameBuf, PathBuf)],
    queries: &Path,
    dnssec: bool,
    batch: usize,
    rounds: usize,
) -> anyhow::Result<()> {
    let hasher = NameHasher::new(1);
    let mut loaded = Vec::new();
    for (name, file) in zones {
        let contents = loader::load(name, file, hasher).map_err(|r| anyhow::anyhow!("{:?}", r.problems))?.contents;
        loaded.push(Arc::new(Zone { name: name.clone(), contents: Some(contents), policy: None }));
    }
    let zones = Published::new(ZoneTable::new(hasher, loaded));
    let mut worker = Worker::new(zones, Published::new(Settings::default()), Arc::new(Exit::default()));
    let queries = crate::queries::read(queries, dnssec)?;
    let mut buffers = vec![vec![0u8; BUFFER]; batch];
    let client = (std::net::Ipv4Addr::LOCALHOST, 5300).into();
    let mut best = f64::INFINITY;
    let (mut octets, mut copy_ns) = (0, 0.0);
    for round in 0..=rounds {
        let begin = crate::cpu_ns();
        for chunk in queries.chunks(batch) {
            let packets = buffers.iter_mut().zip(chunk).map(|(buf, query)| {
                buf[..query.len()].copy_from_slice(query);
                Packet::new(buf, query.len(), client)
            });
            let mut packets: Vec<Packet<'_>> = packets.collect();
            // The first round only touches the queries, to know what that costs.
            if round > 0 {
                worker.answer_batch(&mut packets, Transport::Udp, 0);
                octets += packets.iter().filter_map(Packet::response).map(<[u8]>::len).sum::<usize>();
            }
        }
        let ns = (crate::cpu_ns() - begin) as f64 / queries.len() as f64;
        if round == 0 { copy_ns = ns } else { best = best.min(ns - copy_ns) }
    }
    let octets = octets / queries.len() / rounds;
    println!("{best:.0} ns per answer (best of {rounds} rounds, batches of {batch}), {octets} octets each");
    Ok(())
}
