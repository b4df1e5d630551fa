//! Signed zones of a cluster: one server signs each, another takes over.

use std::fs;
use std::path::PathBuf;

use dns::RType;

use crate::common::until;
use crate::{Cluster, NODES, PATIENCE};

/// The zone that is made at a server.
fn zone(which: usize) -> String {
    format!("signed{which}.example")
}

fn run(cluster: &Cluster, which: usize, args: &[&str]) -> String {
    let (done, said) = cluster.run(which, args);
    assert!(done, "{args:?}: {said}\n{}", cluster.log());
    said
}

/// Waits until all servers that run say that `signer` signs the zone.
fn wait_for_signer(cluster: &Cluster, servers: &[usize], zone: &str, signer: &str) {
    let want = format!("signed by {signer},");
    for &which in servers {
        let mut said = String::new();
        let found = until(PATIENCE, || {
            said = cluster.run(which, &["key", "state", zone]).1;
            (said.contains(&want) && said.contains(": it is signed")).then_some(())
        });
        assert!(found.is_some(), "{zone} at {which}: {said}\n{}", cluster.log());
    }
}

/// Files of private keys of a server.
fn keys(cluster: &Cluster, which: usize) -> Vec<PathBuf> {
    let directory = cluster.scratches[which].path().join("data/keys");
    let files = fs::read_dir(directory).expect("keys").map(|file| file.expect("a file").path());
    files.filter(|file| file.extension().is_some_and(|ending| ending == "private")).collect()
}

#[test]
fn one_server_signs_a_zone_and_another_takes_over() {
    let Some(mut cluster) = Cluster::start("cluster-signing", "synced") else { return };
    for which in 0..3 {
        let made = ["zone", "create", &zone(which), "--ns", "ns1.other.example", "--dnssec", "default"];
        run(&cluster, which, &made);
    }
    for (which, signer) in NODES.into_iter().enumerate() {
        wait_for_signer(&cluster, &[0, 1, 2], &zone(which), signer);
        let files = keys(&cluster, which);
        let is_own = |file: &PathBuf| file.to_string_lossy().contains(&format!("K{}", zone(which)));
        assert!(!files.is_empty() && files.iter().all(is_own), "the keys of others: {files:?}");
        let log = cluster.servers[which].process.log();
        assert!(!log.contains("signing does not go on"), "{log}");
        let keys = |server: usize| cluster.servers[server].data(&zone(which), RType::DNSKEY);
        assert!(keys(0).starts_with("25"), "{}", keys(0));
        assert!(keys(0) == keys(1) && keys(1) == keys(2));
    }
    run(&cluster, 0, &["record", "add", &zone(0), "www", "A", "192.0.2.1"]);
    let (done, said) = cluster.run(1, &["record", "add", &zone(0), "other", "A", "192.0.2.1"]);
    assert!(!done && said.contains("of the cluster has its private keys and signs it"), "{said}");
    // The server is gone for good, and its keys were copied.
    let mut gone = cluster.servers.remove(0);
    gone.process.signal("TERM");
    assert!(gone.process.wait().success());
    for file in keys(&cluster, 0) {
        let name = file.file_name().expect("a name");
        fs::copy(&file, cluster.scratches[1].path().join("data/keys").join(name)).expect("copied");
    }
    let removed = until(PATIENCE, || cluster.run(1, &["node", "remove", "a"]).0.then_some(()));
    assert!(removed.is_some(), "{}", cluster.log());
    wait_for_signer(&cluster, &[1, 2], &zone(0), "b");
    run(&cluster, 1, &["record", "add", &zone(0), "again", "A", "192.0.2.2"]);
    cluster.stop();
}
