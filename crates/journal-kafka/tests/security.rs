//! The journal in Kafka over TLS, as a user or with a certificate, over a real broker; and what is said when it does not work.

mod common;
#[path = "../../journal/tests/common/conformance.rs"]
mod conformance;

use std::path::Path;
use std::time::{Duration, Instant};

use common::Broker;
use common::certificates::Certificates;
use journal::{Journal, Stream};
use journal_kafka::{ClusterKey, KafkaJournal, Mechanism, Sasl, Security, Settings, Tls};

/// How long a broker may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A broker, and what its clients have.
struct Secured {
    broker: Broker,
    certificates: Certificates,
    key: ClusterKey,
}

impl Secured {
    /// `None`: there is no Kafka.
    fn start(directory: &Path) -> Option<Secured> {
        let certificates = Certificates::make(&directory.join("certificates"));
        let (kafka, files) = (directory.join("kafka"), certificates.directory());
        let broker = Broker::start_secured(&kafka, env!("CARGO_TARGET_TMPDIR"), files)?;
        let key = ClusterKey::make(&directory.join("cluster.key")).expect("a key");
        Some(Secured { broker, certificates, key })
    }

    /// TLS that trusts this authority.
    fn tls(&self, authority: &str) -> Option<Tls> {
        Some(Tls { ca_file: Some(self.certificates.path(authority)), certificate: None })
    }

    /// The same with the certificate of a client.
    fn mutual(&self) -> Option<Tls> {
        let certificate = Some((self.certificates.path("client.pem"), self.certificates.path("client.key")));
        self.tls("ca.pem").map(|tls| Tls { certificate, ..tls })
    }

    fn settings(&self, address: String, prefix: &str, tls: Option<Tls>, sasl: Option<Sasl>) -> Settings {
        Settings {
            brokers: vec![address],
            security: Security { tls, sasl },
            topic_prefix: prefix.to_owned(),
            key: self.key.clone(),
            node: "test".to_owned(),
        }
    }
}

fn user(mechanism: Mechanism, password: &str) -> Option<Sasl> {
    Some(Sasl { mechanism, user: "node".to_owned(), password: password.to_owned() })
}

fn open(settings: &Settings) -> KafkaJournal {
    let journal = KafkaJournal::open(settings, Stream::Zones, 0, || {}).expect("opens");
    journal.wait_until_found(PATIENCE).expect("a broker answers");
    journal
}

/// One broker serves all: it takes seconds to start.
#[test]
fn secured_connections() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(secured) = Secured::start(directory.path()) else { return };
    each_way_leads_to_the_same_journal(&secured);
    what_does_not_fit_is_said(&secured);
    files_that_do_not_fit_are_named(&secured, directory.path());
    let number = std::cell::Cell::new(0);
    conformance::conformance(&|check| {
        number.set(number.get() + 1);
        let (prefix, sasl) = (format!("conformance{}", number.get()), user(Mechanism::ScramSha512, "node-secret"));
        let settings = secured.settings(secured.broker.sasl_address(), &prefix, secured.tls("ca.pem"), sasl);
        check(&|| Box::new(open(&settings)));
    });
}

fn each_way_leads_to_the_same_journal(secured: &Secured) {
    let ways = [
        (secured.broker.address(), None, None),
        (secured.broker.mutual_address(), secured.mutual(), None),
        (secured.broker.sasl_address(), secured.tls("ca.pem"), user(Mechanism::Plain, "node-secret")),
        (secured.broker.sasl_address(), secured.tls("ca.pem"), user(Mechanism::ScramSha256, "node-secret")),
        (secured.broker.sasl_address(), secured.tls("ca.pem"), user(Mechanism::ScramSha512, "node-secret")),
    ];
    let count = ways.len();
    for (at, (address, tls, sasl)) in ways.into_iter().enumerate() {
        let journal = open(&secured.settings(address, "ways", tls, sasl));
        journal.append(&[&[at as u8]]).expect("appended");
        let bodies: Vec<_> = journal.read(1, usize::MAX).expect("read").into_iter().map(|entry| entry.body).collect();
        assert_eq!(bodies, (0..=at as u8).map(|body| vec![body]).collect::<Vec<_>>(), "of {count}");
    }
}

fn what_does_not_fit_is_said(secured: &Secured) {
    let (plain, mutual, sasl) =
        (secured.broker.address(), secured.broker.mutual_address(), secured.broker.sasl_address());
    let by_name = mutual.replace("127.0.0.1", "localhost");
    let scram = || user(Mechanism::ScramSha256, "node-secret");
    let mut untrusted = secured.mutual().expect("TLS");
    untrusted.ca_file = Some(secured.certificates.path("other.pem"));
    let cases = [
        (&mutual, Some(untrusted), None, "its certificate is from no authority that is trusted here"),
        (&by_name, secured.mutual(), None, "its certificate is for another name"),
        (&mutual, secured.tls("ca.pem"), None, "it refuses the certificate of this server, or wants one"),
        (&sasl, secured.tls("ca.pem"), user(Mechanism::Plain, "wrong-secret"), "it refuses the user or the password"),
        (
            &sasl,
            secured.tls("ca.pem"),
            user(Mechanism::ScramSha512, "wrong-secret"),
            "it refuses the user or the password",
        ),
        (&mutual, secured.mutual(), scram(), "it takes no user at this port"),
        (&plain, secured.mutual(), None, "it does not speak TLS at this port"),
        (&mutual, None, None, "if brokers want TLS or a user, see cluster.tls and cluster.sasl"),
        (&sasl, secured.tls("ca.pem"), None, "if brokers want TLS or a user, see cluster.tls and cluster.sasl"),
    ];
    for (address, tls, sasl, want) in cases {
        let settings = secured.settings(address.clone(), "refused", tls, sasl);
        let journal = KafkaJournal::open(&settings, Stream::Zones, 0, || {}).expect("opens");
        let end = Instant::now() + PATIENCE;
        let said = loop {
            let error = journal.wait_until_found(Duration::from_millis(100)).expect_err("refused").to_string();
            if error.contains(want) || Instant::now() > end {
                break error;
            }
        };
        assert!(said.contains(want) && !said.contains("secret"), "{settings:?}: `{said}`, not `{want}`");
        assert!(journal.status().away.is_some_and(|away| away.contains(want)), "{:?}", journal.status());
        assert!(!format!("{settings:?}").contains("secret"), "{settings:?}");
    }
}

fn files_that_do_not_fit_are_named(secured: &Secured, directory: &Path) {
    let file = |name: &str| secured.certificates.path(name);
    let empty = directory.join("empty.pem");
    std::fs::write(&empty, "").expect("written");
    let cases = [
        (file("client.key"), file("client.pem"), file("client.key"), "cluster.tls.ca_file has no certificate"),
        (file("ca.pem"), empty.clone(), file("client.key"), "cluster.tls.certificate_file has no certificate"),
        (file("ca.pem"), file("client.pem"), empty, "cluster.tls.key_file has no private key"),
        (file("ca.pem"), file("other.pem"), file("client.key"), "cluster.tls.key_file does not have the key of"),
    ];
    for (ca, certificate, key, want) in cases {
        let tls = Tls { ca_file: Some(ca), certificate: Some((certificate, key)) };
        let settings = secured.settings(secured.broker.mutual_address(), "files", Some(tls), None);
        let error = KafkaJournal::open(&settings, Stream::Zones, 0, || {}).err().expect("refused").to_string();
        assert!(error.contains(want), "{error}, not {want}");
    }
}
