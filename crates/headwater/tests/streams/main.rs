//! Topics of others, with a real Kafka broker: records in the format of Stream-DNS end up in answers.

#[path = "../common/mod.rs"]
mod common;
#[path = "../../../journal-kafka/tests/common/mod.rs"]
mod kafka;
#[path = "../crash/model.rs"]
#[allow(dead_code)]
mod model;
#[path = "../crash/node.rs"]
#[allow(dead_code, unused_imports)]
mod node;
#[path = "../crash/updates.rs"]
#[allow(dead_code)]
mod updates;

mod ingest;
mod telling;

use std::collections::BTreeMap;
use std::time::Duration;

use common::{Scratch, Server, headwater, until};
use dns::RType;
use journal_kafka::records::{Record, RecordReader};
use journal_kafka::{Brokers, Security};
use kafka::Broker;
use serde_json::Value;

/// How long anything may take; a broker and other tests share the machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A server and a broker.
struct Site {
    server: Server,
    scratch: Scratch,
    broker: Broker,
    _shared: Scratch,
}

impl Site {
    /// With the topic `records` of so many partitions, and what `config` makes of the address of the broker. `None`: there
    /// is no Kafka.
    fn start(name: &str, partitions: u32, config: impl Fn(&str) -> String) -> Option<Site> {
        let shared = Scratch::new(&format!("{name}-kafka"));
        let broker = Broker::start(shared.path(), env!("CARGO_TARGET_TMPDIR"))?;
        let partitions = partitions.to_string();
        let create = ["--create", "--topic", "records", "--partitions", &partitions];
        broker.tool("org.apache.kafka.tools.TopicCommand", &create, b"");
        let scratch = Scratch::new(name);
        scratch.write("headwater.yaml", &config(&broker.address()));
        let server = node::start(&scratch);
        Some(Site { server, scratch, broker, _shared: shared })
    }

    fn brokers(&self) -> Brokers {
        let (addresses, node) = (vec![self.broker.address()], "test".to_owned());
        Brokers { addresses, node, security: Security::default() }
    }

    /// Ends the server with no chance to do anything, and starts it again.
    fn kill_and_restart(&mut self) {
        self.server.process.kill();
        self.server = node::start(&self.scratch);
    }

    /// Waits until a question gets this data.
    fn wait_for(&self, name: &str, rtype: RType, want: &str) {
        let found = until(PATIENCE, || (self.server.data(name, rtype) == want).then_some(()));
        assert!(found.is_some(), "{name} {rtype}: {}, not {want}\n{}", self.server.data(name, rtype), self.log());
    }

    fn log(&self) -> String {
        self.server.process.log() + &self.broker.log()
    }

    /// What a command for the server prints.
    fn run(&self, args: &[&str]) -> String {
        let args = [args, &["--config", "headwater.yaml", "--data", "data"]].concat();
        let done = headwater(&args).current_dir(self.scratch.path()).output().expect("headwater runs");
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        assert!(done.status.success(), "{args:?}: {}{}", text(&done.stdout), text(&done.stderr));
        text(&done.stdout)
    }

    /// The check of this name, once it says `text`.
    fn wait_for_health(&self, name: &str, text: &str) {
        let mut said = String::new();
        let found = until(PATIENCE, || {
            let health: Value = serde_json::from_str(&self.run(&["health", "--json"])).expect("JSON");
            let checks = health["checks"].as_array().expect("checks").iter();
            said = checks.filter(|check| check["name"] == name).map(Value::to_string).collect();
            said.contains(text).then_some(())
        });
        assert!(found.is_some(), "no `{text}` in {said}");
    }

    /// The messages of a topic, by partition and offset, once they are `enough`.
    fn messages(&self, topic: &str, enough: impl Fn(&[Record]) -> bool) -> Vec<Record> {
        let mut found = Vec::new();
        let mut reader = None;
        let done = until(PATIENCE, || {
            let reader = match &mut reader {
                Some(reader) => reader,
                None => {
                    let opened = RecordReader::open(&self.brokers(), (topic, "test"), &BTreeMap::new());
                    reader.insert(opened.ok()?.0)
                }
            };
            found.extend(reader.take(1000, 1 << 20, Duration::from_millis(100)).expect("messages"));
            enough(&found).then_some(())
        });
        assert!(done.is_some(), "{} messages are not enough\n{}", found.len(), self.log());
        found.sort_by_key(|record| (record.partition, record.offset));
        found
    }
}
