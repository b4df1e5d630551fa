//! Three servers that share their zones through a real Kafka broker: what is changed at one is answered by all, nothing
//! that was acknowledged is lost when servers and the broker are killed, and answers go on while the broker is away.

#[path = "../common/mod.rs"]
mod common;
mod home;
#[path = "../../../journal-kafka/tests/common/mod.rs"]
mod kafka;
mod measure;
#[path = "../crash/model.rs"]
#[allow(dead_code)]
mod model;
#[path = "../crash/node.rs"]
#[allow(dead_code, unused_imports)]
mod node;
mod placement;
mod security;
mod signing;
#[path = "../crash/transfer.rs"]
#[allow(dead_code)]
mod transfer;
#[path = "../crash/updates.rs"]
#[allow(dead_code)]
mod updates;

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{Random, Scratch, Server, headwater, until};
use dns::RType;
use kafka::Broker;
use model::{Op, Rows};
use node::ZONE;
use transfer::axfr;
use updates::Connection;

/// How long anything may take; three servers, a broker and other tests share the machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// What the servers are called.
const NODES: [&str; 3] = ["a", "b", "c"];
/// Where they stand.
const REGIONS: [&str; 3] = ["eu", "eu", "us"];
/// Rounds of the test that kills.
const ROUNDS: u64 = 4;
/// Longest part of a round.
const MAX_LOAD_MS: u64 = 500;

/// Servers of one cluster.
struct Cluster {
    servers: Vec<Server>,
    scratches: Vec<Scratch>,
    broker: Broker,
    _shared: Scratch,
}

impl Cluster {
    /// `None`: there is no Kafka.
    fn start(name: &str, start: &str) -> Option<Cluster> {
        let shared = Scratch::new(&format!("{name}-kafka"));
        let broker = Broker::start(shared.path(), env!("CARGO_TARGET_TMPDIR"))?;
        let key = shared.path().join("cluster.key");
        let made = headwater(&["cluster", "init"]).arg(&key).output().expect("headwater runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let scratches: Vec<Scratch> = NODES.map(|which| Scratch::new(&format!("{name}-{which}"))).into();
        for (scratch, (which, region)) in scratches.iter().zip(NODES.into_iter().zip(REGIONS)) {
            let cluster = format!(
                "cluster: {{ brokers: ['{}'], topic_prefix: {name}, key_file: {}, start: {start}, snapshot_changes: 1000, node: {which}, \
                 labels: {{ region: {region} }} }}\n",
                broker.address(),
                key.display(),
            );
            scratch.write("headwater.yaml", &(cluster + &node::config(&node::journal_zone(ZONE))));
        }
        // At once: all make the topics and the zone.
        let servers = scratches.iter().map(node::launch).collect();
        let mut cluster = Cluster { servers, scratches, broker, _shared: shared };
        cluster.wait_until_ready();
        Some(cluster)
    }

    fn wait_until_ready(&mut self) {
        for server in &mut self.servers {
            let ready = until(PATIENCE, || server.process.log().contains("\"ready\"").then_some(()));
            assert!(ready.is_some(), "{}", server.process.log());
        }
    }

    fn restart(&mut self, which: usize) {
        self.servers[which] = node::launch(&self.scratches[which]);
        self.wait_until_ready();
    }

    fn log(&self) -> String {
        self.servers.iter().map(|server| server.process.log()).collect::<String>() + &self.broker.log()
    }

    /// Runs a command for one of the servers; whether it succeeded, and what it says.
    fn run(&self, which: usize, args: &[&str]) -> (bool, String) {
        let args = [args, &["--config", "headwater.yaml", "--data", "data"]].concat();
        let done = headwater(&args).current_dir(self.scratches[which].path()).output().expect("headwater runs");
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        (done.status.success(), text(&done.stdout) + &text(&done.stderr))
    }

    /// Waits until a server answers with this text.
    fn wait_for(&self, which: usize, label: &str, text: &str) {
        let (name, want) = (format!("{label}.{ZONE}"), format!("\"{text}\""));
        let ask = || self.servers[which].data(&name, RType::TXT);
        let found = until(PATIENCE, || (ask() == want).then_some(()));
        assert!(found.is_some(), "server {which}: {name}: {}, not {want}\n{}", ask(), self.log());
    }

    /// The records that all servers have, once they agree.
    fn agreed(&self) -> Rows {
        let mut last = Vec::new();
        let found = until(PATIENCE, || {
            let got: Vec<_> = self.servers.iter().map(|server| axfr(server.address, ZONE)).collect();
            if let [Ok(a), Ok(b), Ok(c)] = &got[..]
                && a == b
                && b == c
            {
                return Some(a.rows.clone());
            }
            last = got.into_iter().map(|got| got.map(|zone| (zone.serial, zone.rows.len()))).collect();
            None
        });
        found.unwrap_or_else(|| panic!("the servers differ: {last:?}\n{}", self.log()))
    }

    /// Waits until the check of the cluster, or the lack of one that fails, has `text`.
    fn wait_for_health(&self, which: usize, text: &str) {
        let mut said = String::new();
        let found = until(PATIENCE, || {
            said = self.run(which, &["health", "--json"]).1;
            said.contains(text).then_some(())
        });
        assert!(found.is_some(), "no `{text}` in {said}\n{}", self.log());
    }

    fn stop(self) {
        self.servers.into_iter().for_each(|server| drop(node::stop(server)));
    }
}

#[test]
fn all_answer_what_one_changed() {
    let Some(mut cluster) = Cluster::start("cluster-shared", "synced") else { return };
    for round in 0..9 {
        let (label, text) = (format!("n{round}"), format!("round {round}"));
        assert_eq!(node::add_text(&cluster.servers[round % 3], &label, &text), 0, "{}", cluster.log());
        (0..3).for_each(|which| cluster.wait_for(which, &label, &text));
    }
    // What came while it was away is there after a start, and what comes then.
    cluster.servers[1].process.kill();
    assert_eq!(node::add_text(&cluster.servers[0], "away", "x"), 0);
    cluster.restart(1);
    cluster.wait_for(1, "away", "x");
    assert_eq!(node::add_text(&cluster.servers[2], "later", "y"), 0);
    cluster.wait_for(1, "later", "y");
    // Users and keys too; secrets that one sealed are opened by the others.
    let (done, said) = cluster.run(0, &["key", "tsig", "create", "one."]);
    assert!(done, "{said}\n{}", cluster.log());
    let listed = until(PATIENCE, || cluster.run(2, &["key", "tsig", "list"]).1.contains("one.").then_some(()));
    assert!(listed.is_some(), "{}", cluster.run(2, &["key", "tsig", "list"]).1);
    assert!(!cluster.log().contains("cannot be opened"), "{}", cluster.log());
    // What nobody with the key wrote changes nothing, and is told.
    let topic = ["--topic", "cluster-shared.changes"];
    cluster.broker.tool("org.apache.kafka.tools.ConsoleProducer", &topic, b"a message of somebody else\n");
    (0..3).for_each(|which| cluster.wait_for_health(which, "written by no server with this key"));
    assert_eq!(node::add_text(&cluster.servers[0], "after", "z"), 0);
    (0..3).for_each(|which| cluster.wait_for(which, "after", "z"));
    cluster.agreed();
    let (done, said) = cluster.run(0, &["backup", "create"]);
    assert!(!done && said.contains("is in Kafka"), "{said}");
    cluster.stop();
}

/// Sends updates one after the other, each with a name of its own, until `over`; returns the names that were sent, and
/// those of them that were acknowledged.
fn add_names(address: SocketAddr, prefix: &str, over: &AtomicBool) -> (Vec<String>, Vec<String>) {
    let (mut sent, mut acknowledged) = (Vec::new(), Vec::new());
    while !over.load(Ordering::Relaxed) {
        let name = format!("{prefix}-{}.{ZONE}", sent.len());
        let add = Op::Add(name.clone(), RType::A, vec![192, 0, 2, 1]);
        sent.push(name.clone());
        match Connection::open(address).and_then(|mut connection| connection.update(ZONE, &[add])) {
            Ok(0) => acknowledged.push(name),
            // Refused, or nobody is there: it may be there or not.
            _ => thread::sleep(Duration::from_millis(5)),
        }
    }
    (sent, acknowledged)
}

#[test]
fn kills_under_load_lose_nothing() {
    let Some(mut cluster) = Cluster::start("cluster-kills", "stale") else { return };
    let seed = getrandom::u64().expect("random");
    println!("seed {seed}");
    let (mut sent, mut acknowledged) = (BTreeSet::new(), BTreeSet::new());
    for round in 0..ROUNDS {
        let mut random = Random(seed.wrapping_add(round << 32));
        let (killed, kills_broker) = (random.below(4), round % 2 == 1);
        let addresses: Vec<_> = cluster.servers.iter().map(|server| server.address).collect();
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let clients: Vec<_> = (0..2 * addresses.len())
                .map(|client| {
                    let (address, over) = (addresses[client % addresses.len()], &over);
                    scope.spawn(move || add_names(address, &format!("r{round}c{client}"), over))
                })
                .collect();
            thread::sleep(Duration::from_millis(MAX_LOAD_MS + random.below(MAX_LOAD_MS as usize) as u64));
            if let Some(server) = cluster.servers.get_mut(killed) {
                server.process.kill();
            }
            if kills_broker {
                cluster.broker.kill();
            }
            thread::sleep(Duration::from_millis(random.below(MAX_LOAD_MS as usize) as u64));
            over.store(true, Ordering::Relaxed);
            for client in clients {
                let (names, good) = client.join().expect("no panic");
                sent.extend(names);
                acknowledged.extend(good);
            }
        });
        if kills_broker {
            cluster.broker.restart();
        }
        if killed < 3 {
            cluster.restart(killed);
        }
        // All have what came before this one, once they have it.
        let marker = format!("marker{round}");
        let made = until(PATIENCE, || (node::add_text(&cluster.servers[0], &marker, "x") == 0).then_some(()));
        assert!(made.is_some(), "seed {seed}, round {round}: nothing can be changed\n{}", cluster.log());
        (0..3).for_each(|which| cluster.wait_for(which, &marker, "x"));
        let rows = cluster.agreed();
        let found: BTreeSet<&String> = rows.iter().filter(|row| row.1 == RType::A.0).map(|row| &row.0).collect();
        let lost: Vec<&String> = acknowledged.iter().filter(|name| !found.contains(name)).collect();
        let invented: Vec<&&String> = found.iter().filter(|name| !sent.contains(**name)).collect();
        assert!(lost.is_empty(), "seed {seed}, round {round}: {lost:?} are lost\n{}", cluster.log());
        assert!(invented.is_empty(), "seed {seed}, round {round}: nobody sent {invented:?}\n{}", cluster.log());
    }
    println!("{ROUNDS} rounds, {} of {} updates acknowledged", acknowledged.len(), sent.len());
    assert!(acknowledged.len() as u64 > ROUNDS, "nothing happened");
    cluster.stop();
}

#[test]
fn answers_go_on_while_the_broker_is_away() {
    let Some(mut cluster) = Cluster::start("cluster-away", "stale") else { return };
    assert_eq!(node::add_text(&cluster.servers[0], "before", "x"), 0);
    (0..3).for_each(|which| cluster.wait_for(which, "before", "x"));
    cluster.broker.kill();
    cluster.wait_for_health(1, "no broker takes changes");
    let begin = Instant::now();
    let (done, said) = cluster.run(1, &["record", "add", ZONE, "refused", "TXT", "text"]);
    assert!(!done && said.contains("cannot be written"), "{said}");
    assert!(begin.elapsed() < Duration::from_secs(5), "at once");
    (0..3).for_each(|which| cluster.wait_for(which, "before", "x"));
    // A server that has started before starts with what it has.
    cluster.servers[2].process.kill();
    cluster.restart(2);
    cluster.wait_for(2, "before", "x");
    cluster.wait_for_health(2, "no broker has answered since the start");
    cluster.broker.restart();
    let added = until(PATIENCE, || (node::add_text(&cluster.servers[1], "after", "y") == 0).then_some(()));
    assert!(added.is_some(), "{}", cluster.log());
    (0..3).for_each(|which| cluster.wait_for(which, "after", "y"));
    (0..3).for_each(|which| cluster.wait_for_health(which, "brokers answer"));
    let rows = cluster.agreed();
    assert!(!rows.iter().any(|row| row.0.contains("refused")), "{rows:?}");
    cluster.stop();
}

/// What the first server says of the servers: name, state, whether it is drained, how far it is behind.
fn nodes(cluster: &Cluster) -> Vec<(String, String, bool, u64)> {
    let (done, said) = cluster.run(0, &["node", "list", "--json"]);
    assert!(done, "{said}\n{}", cluster.log());
    let row = |line: &str| {
        let node: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let text = |key: &str| node[key].as_str().unwrap_or_default().to_owned();
        (text("name"), text("state"), node["drained"] == true, node["lag"].as_u64().unwrap_or(0))
    };
    said.lines().map(row).collect()
}

#[test]
fn a_writer_waits_for_receipts_and_hears_who_lacks_the_change() {
    let Some(mut cluster) = Cluster::start("cluster-receipts", "stale") else { return };
    let wait_until = |cluster: &Cluster, state: &str| {
        let found = until(PATIENCE, || Some(nodes(cluster)).filter(|nodes| nodes.len() == 3 && nodes[2].1 == state));
        assert!(found.is_some(), "{:?}\n{}", nodes(cluster), cluster.log());
    };
    wait_until(&cluster, "serving");
    let add = |cluster: &Cluster, name: &str, wait: &[&str]| {
        cluster.run(0, &[&["record", "add", ZONE, name, "TXT", "x"], wait].concat())
    };
    for round in 0..20 {
        let name = format!("all{round}");
        let (done, said) = add(&cluster, &name, &["--wait", "all", "--timeout-ms", "60000"]);
        assert!(
            done && NODES.iter().all(|node| said.contains(&format!("\nserved by {node}\n"))),
            "{said}\n{}",
            cluster.log()
        );
        // No receipt is false: all answer with it, at once.
        let name = format!("{name}.{ZONE}");
        (0..3).for_each(|which| assert_eq!(cluster.servers[which].data(&name, RType::TXT), "\"x\"", "{which}"));
    }
    cluster.servers[2].process.kill();
    let (done, said) = add(&cluster, "two", &["--wait", "all", "--timeout-ms", "300"]);
    assert!(!done && said.contains("served by b\nnot served by c: ") && said.contains("the change is made"), "{said}");
    let (done, said) = add(&cluster, "quorum", &["--wait", "quorum", "--timeout-ms", "60000"]);
    assert!(done && said.contains("served by b\nnot served by c: "), "{said}");
    wait_until(&cluster, "absent");
    cluster.wait_for_health(0, "nobody has heard of these servers for a while: 1 (c)");
    let (done, said) = cluster.run(1, &["node", "drain", "c"]);
    assert!(done, "{said}");
    let drained = until(PATIENCE, || nodes(&cluster)[2].2.then_some(()));
    assert!(drained.is_some(), "{:?}", nodes(&cluster));
    let begin = Instant::now();
    let (done, said) = add(&cluster, "drained", &["--wait", "all", "--timeout-ms", "60000"]);
    assert!(done && said.contains("not served by c: nobody has heard of it"), "{said}");
    assert!(begin.elapsed() < PATIENCE / 2, "it does not wait for a server that is drained");
    // A server that comes back has what it missed, and says so.
    cluster.restart(2);
    let (done, said) = cluster.run(1, &["node", "undrain", "c"]);
    assert!(done, "{said}");
    wait_until(&cluster, "serving");
    let caught_up = until(PATIENCE, || nodes(&cluster).iter().all(|node| node.3 == 0).then_some(()));
    assert!(caught_up.is_some(), "{:?}", nodes(&cluster));
    let (done, said) = cluster.run(0, &["node", "remove", "c"]);
    assert!(!done && said.contains("stop it first"), "{said}");
    let mut last = cluster.servers.remove(2);
    last.process.signal("TERM");
    assert!(last.process.wait().success());
    wait_until(&cluster, "stopped");
    let (done, said) = cluster.run(0, &["node", "remove", "c"]);
    assert!(done, "{said}");
    assert_eq!(nodes(&cluster).len(), 2);
    let (done, said) = add(&cluster, "removed", &["--wait", "all", "--timeout-ms", "60000"]);
    assert!(done && !said.contains("not served"), "{said}");
    cluster.stop();
}

#[test]
fn a_new_server_begins_with_a_snapshot_where_the_journal_was_trimmed() {
    let Some(mut cluster) = Cluster::start("cluster-snapshot", "synced") else { return };
    let mut connection = Connection::open(cluster.servers[1].address).expect("a connection");
    for at in 0..1_100 {
        let add = Op::Add(format!("n{at}.{ZONE}"), RType::A, vec![192, 0, 2, 1]);
        assert_eq!(connection.update(ZONE, &[add]).expect("an answer"), 0);
    }
    let position = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        let is_made = line["message"].as_str()?.starts_with("made a snapshot");
        line["position"].as_u64().filter(|_| is_made)
    };
    let made = until(PATIENCE, || cluster.servers[0].process.log().lines().find_map(position));
    let made = made.unwrap_or_else(|| panic!("no snapshot:\n{}", cluster.log()));
    let last = cluster.servers[2].process.log();
    assert!(!last.contains("made a snapshot"), "one makes it for all: {last}");
    // What the snapshot has may go; what comes behind it stays.
    assert_eq!(node::add_text(&cluster.servers[0], "behind", "x"), 0);
    let partition = format!(r#"{{"topic": "cluster-snapshot.changes", "partition": 0, "offset": {made}}}"#);
    let trim = format!(r#"{{"version": 1, "partitions": [{partition}]}}"#);
    let file = cluster.scratches[0].write("trim.json", &trim);
    let file = file.to_str().expect("a path");
    cluster.broker.tool("org.apache.kafka.tools.DeleteRecordsCommand", &["--offset-json-file", file], b"");
    cluster.servers[2].process.kill();
    fs::remove_dir_all(cluster.scratches[2].path().join("data")).expect("emptied");
    cluster.restart(2);
    assert!(cluster.servers[2].process.log().contains("begins with a snapshot"), "{}", cluster.log());
    cluster.wait_for(2, "behind", "x");
    let rows = cluster.agreed();
    assert!(rows.len() > 1_100, "{}", rows.len());
    assert_eq!(node::add_text(&cluster.servers[2], "written", "y"), 0);
    (0..3).for_each(|which| cluster.wait_for(which, "written", "y"));
    cluster.agreed();
    cluster.stop();
}

/// A broker that lost the topics is not taken for the one that had them.
#[test]
fn a_topic_that_was_replaced_is_refused() {
    let Some(mut cluster) = Cluster::start("cluster-replaced", "synced") else { return };
    (0..3).for_each(|n| assert_eq!(node::add_text(&cluster.servers[0], &format!("n{n}"), "x"), 0));
    cluster.agreed();
    // The store must have it; it follows within moments.
    let mut stopped = cluster.servers.remove(0);
    stopped.process.signal("TERM");
    assert!(stopped.process.wait().success());
    cluster.broker.tool(
        "org.apache.kafka.tools.TopicCommand",
        &["--delete", "--topic", "cluster-replaced.changes"],
        b"",
    );
    let said = node::refuses_to_start(&cluster.scratches[0]);
    assert!(said.contains("the journal was lost or replaced"), "{said}");
    fs::remove_dir_all(cluster.scratches[0].path().join("data")).expect("emptied");
    cluster.stop();
}
