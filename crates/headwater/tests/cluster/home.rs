//! A data directory belongs to one journal.

use crate::Cluster;
use crate::common::{Scratch, headwater};
use crate::node::{self, ZONE};

/// A configuration of a server without a cluster.
fn alone() -> String {
    node::config(&node::journal_zone(ZONE))
}

fn make_key(scratch: &Scratch, name: &str) {
    let made = headwater(&["cluster", "init", name]).current_dir(scratch.path()).output().expect("headwater runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// It would take its own offsets for those of the cluster, and pass over changes.
#[test]
fn a_server_with_zones_of_its_own_does_not_join() {
    let scratch = Scratch::new("cluster-home-alone");
    scratch.write("headwater.yaml", &alone());
    let server = node::start(&scratch);
    assert_eq!(node::add_text(&server, "own", "x"), 0);
    node::stop(server);
    make_key(&scratch, "cluster.key");
    let cluster = "cluster: { brokers: ['127.0.0.1:1'], key_file: cluster.key, node: z, start: stale }\n".to_owned();
    scratch.write("headwater.yaml", &(cluster + &alone()));
    let said = node::refuses_to_start(&scratch);
    assert!(said.contains("a journal of its own") && said.contains("headwater zone export"), "{said}");
    // It is as it was.
    scratch.write("headwater.yaml", &alone());
    let server = node::start(&scratch);
    assert_eq!(server.data(&format!("own.{ZONE}"), dns::RType::TXT), "\"x\"");
    node::stop(server);
}

#[test]
fn a_server_of_a_cluster_goes_on_in_no_other_way() {
    let Some(mut cluster) = Cluster::start("cluster-home", "synced") else { return };
    assert_eq!(node::add_text(&cluster.servers[0], "shared", "x"), 0);
    let mut stopped = cluster.servers.remove(0);
    stopped.process.signal("TERM");
    assert!(stopped.process.wait().success());
    let scratch = &cluster.scratches[0];
    let configured = std::fs::read_to_string(scratch.path().join("headwater.yaml")).expect("the configuration");
    scratch.write("headwater.yaml", &alone());
    let said = node::refuses_to_start(scratch);
    assert!(said.contains("its zones are of a cluster") && said.contains("cluster.brokers is empty"), "{said}");
    assert!(!scratch.path().join("data/journal.db").exists(), "nothing is made");
    make_key(scratch, "other.key");
    let key = configured.split("key_file: ").nth(1).and_then(|rest| rest.split(',').next()).expect("a key");
    scratch.write("headwater.yaml", &configured.replace(key, "other.key"));
    let said = node::refuses_to_start(scratch);
    assert!(said.contains("belongs to another cluster"), "{said}");
    scratch.write("headwater.yaml", &configured);
    cluster.servers.insert(0, node::launch(&cluster.scratches[0]));
    cluster.wait_until_ready();
    cluster.wait_for(0, "shared", "x");
    cluster.stop();
}
