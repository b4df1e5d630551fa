//! A server that runs out of file descriptors. Alone in its process, whose limit it lowers.

mod tcp_support;

use std::fs::File;
use std::io::{Read, Seek};
use std::time::Duration;

use dns::RType;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server::limits::TcpLimits;
use tcp_support::{Client, SMALL, Server, await_count, check_answer, query};

/// Connections that the server can accept at once, at least.
const ROOM: u64 = 5;

/// Ticks of processor time, 10 ms each, that this process has used; `stat` is its /proc/self/stat.
fn ticks(stat: &mut File) -> u64 {
    let mut text = String::new();
    stat.rewind().and_then(|()| stat.read_to_string(&mut text)).expect("proc");
    let fields: Vec<&str> = text.rsplit(") ").next().expect("fields").split(' ').collect();
    fields[11..13].iter().map(|field| field.parse::<u64>().expect("a number")).sum()
}

#[test]
fn without_descriptors_connections_wait() {
    let mut server = Server::bind(TcpLimits { evict: Duration::from_secs(3600), ..TcpLimits::default() });
    let mut clients: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| client.send(&query(1, SMALL, RType::A)));
    let mut stat = File::open("/proc/self/stat").expect("proc");
    let open = std::fs::read_dir("/proc/self/fd").expect("proc").count() as u64 - 1;
    let maximum = getrlimit(Resource::Nofile).maximum;
    // One more for the poller.
    setrlimit(Resource::Nofile, Rlimit { current: Some(open + 1 + ROOM), maximum }).expect("a lower limit");
    server.run();
    await_count(&server.exit.stats.tcp_accepted, ROOM);
    let before = ticks(&mut stat);
    std::thread::sleep(Duration::from_secs(1));
    assert!(server.exit.stats.tcp_accept_paused.get() > 0);
    assert!(ticks(&mut stat) - before < 30, "it does not spin");
    assert!(server.exit.stats.tcp_accepted.get() < clients.len() as u64, "the limit holds");
    // Each that goes makes room for others.
    for mut client in clients {
        check_answer(&client.receive().expect("an answer"), 1, 1);
    }
    assert_eq!(server.exit.stats.tcp_refused.get(), 0);
    server.stop();
}
