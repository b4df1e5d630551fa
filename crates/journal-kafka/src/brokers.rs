//! Where brokers are, and how librdkafka is told what we want of them. Streams of the journal and topics of others share it.

use std::time::Duration;

use rdkafka::ClientConfig;

use crate::security::Security;

/// Brokers, and who this is to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brokers {
    /// `HOST:PORT` of brokers: at least one of those that answer leads to all others.
    pub addresses: Vec<String>,
    /// What this node is called there.
    pub node: String,
    /// How connections are protected, and who this server is there.
    pub security: Security,
}

impl Brokers {
    /// What all clients have in common.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", self.addresses.join(","))
            .set("client.id", format!("headwater-{}", self.node))
            // A broker that comes back is found within a second; librdkafka has each client wait a little differently.
            .set("reconnect.backoff.ms", "100")
            .set("reconnect.backoff.max.ms", "1000")
            .set("socket.keepalive.enable", "true")
            .set("socket.timeout.ms", "10000")
            .set("log.connection.close", "false");
        self.security.configure(&mut config);
        config
    }

    /// One writer: each event once, in its order, on all replicas that are in sync.
    pub fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", "0")
            .set("retry.backoff.ms", "50")
            // Shorter than the wait for it, so that the client itself gives up, and sends nothing later.
            .set("message.timeout.ms", "4500")
            .set("request.timeout.ms", "4000")
            .set("queue.buffering.max.kbytes", "65536");
        config
    }

    /// A reader that remembers its place itself; the group is a name that librdkafka asks for, nothing is kept for it.
    pub fn consumer(&self, group: &str, wait: Duration) -> ClientConfig {
        let mut config = self.client();
        config
            .set("group.id", format!("{group}.{}", self.node))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("enable.partition.eof", "true")
            .set("isolation.level", "read_uncommitted")
            .set("fetch.wait.max.ms", wait.as_millis().to_string())
            .set("fetch.error.backoff.ms", "100")
            .set("fetch.queue.backoff.ms", "10")
            .set("queued.max.messages.kbytes", "16384");
        config
    }
}
