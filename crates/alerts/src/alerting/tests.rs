//! A webhook that is down and comes back, and a restart meanwhile: each notice arrives once.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::time::Instant;

use super::*;
use crate::deliver::Way;
use crate::fixture::{self, Noted};
use crate::rule::Severity;
use crate::secret::Secret;
use crate::state::Phase;
use crate::webhook::Webhook;

const PATIENCE: Duration = Duration::from_secs(60);

/// Takes webhooks; gives back their bodies.
fn receiver(listener: TcpListener) -> Arc<Mutex<Vec<String>>> {
    let bodies: Arc<Mutex<Vec<String>>> = Arc::default();
    let taken = bodies.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().expect("a descriptor"));
            let (mut head, mut out) = (String::new(), stream);
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).is_ok_and(|read| read > 0) {}
            let length =
                head.to_lowercase().split("content-length: ").nth(1).and_then(|it| it.lines().next()?.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            reader.read_exact(&mut body).expect("the body");
            lock(&taken).push(String::from_utf8_lossy(&body).into_owned());
            let _ = out.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
        }
    });
    bodies
}

fn settings(port: u16) -> Settings {
    let condition = "check journal".parse().expect("a condition");
    let rule = Rule {
        name: "journal".to_owned(),
        condition,
        for_s: 0,
        severity: Severity::Critical,
        summary: String::new(),
        recipients: Vec::new(),
    };
    let webhook = Webhook {
        url: format!("http://127.0.0.1:{port}/"),
        secret: Secret::default(),
        template: "{status} {detail}".to_owned(),
        content_type: "text/plain".to_owned(),
        allowed: vec!["127.0.0.0/8".parse().expect("a prefix")],
    };
    let (name, way) = ("hook".to_owned(), Way::Webhook(webhook));
    let recipient = Recipient { name, way, after_s: 0, min_severity: Severity::Info };
    Settings { rules: vec![rule], recipients: vec![recipient], mail: MailSettings::default() }
}

fn failing() -> Observed {
    let check = Check { name: "journal".to_owned(), is_passed: false, reason: "disk full".to_owned() };
    Observed { samples: Vec::new(), checks: vec![check] }
}

fn until(what: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !what() {
        assert!(Instant::now() < end, "in vain");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_notice_arrives_once_after_outage_and_restart() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("alerts.json");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let first =
        Alerting::start(file.clone(), settings(address.port()), Arc::<Noted>::default(), failing).expect("a thread");
    until(|| first.state().outbox.front().is_some_and(|notice| notice.attempts == 1));
    first.stop();
    let bodies = receiver(TcpListener::bind(address).expect("the port"));
    let second =
        Alerting::start(file.clone(), settings(address.port()), Arc::<Noted>::default(), failing).expect("a thread");
    until(|| !lock(&bodies).is_empty());
    until(|| second.state().outbox.is_empty());
    second.stop();
    let third = Alerting::start(file, settings(address.port()), Arc::<Noted>::default(), failing).expect("a thread");
    thread::sleep(3 * TICK);
    assert_eq!(third.test(Some("hook")), [("hook".to_owned(), Ok(()))]);
    third.stop();
    assert_eq!(*lock(&bodies), ["firing disk full", "test "]);
}

#[test]
fn a_damaged_file_is_set_aside() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("alerts.json");
    fs::write(&file, "{").expect("written");
    assert_eq!(read(&file), State::default());
    assert!(!file.exists() && directory.path().join("alerts.damaged").exists());
    write(&file, &State { next_id: 7, ..State::default() }).expect("written");
    assert_eq!(read(&file).next_id, 7);
}

#[test]
fn what_was_decided_before_is_handed_over_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("alerts.json");
    let (rule, labels, who, why) = ("journal".to_owned(), String::new(), "anna".to_owned(), "known".to_owned());
    let silence = Silence { id: 7, rule, labels, until_ms: u64::MAX, who, why };
    let by = Acknowledgement { who: "bert".to_owned(), at_ms: 5 };
    // It has held until just now, whenever that is.
    let held_ms = u64::MAX / 2;
    let alert = Alert { rule: "journal".to_owned(), held_ms, acknowledged: Some(by), ..fixture::alert(Phase::Firing) };
    write(&file, &State { silences: vec![silence.clone()], alerts: vec![alert], next_id: 9, ..State::default() })
        .expect("written");
    let noted = Arc::new(Noted::default());
    noted.refuse(true);
    let start = || Alerting::start(file.clone(), Settings::default(), noted.clone(), failing).expect("a thread");
    let first = start();
    first.stop();
    assert_eq!((first.state().silences, noted.decided()), (vec![silence.clone()], Decided::default()));
    assert!(first.silence(&silence).is_err(), "nothing can be kept");
    noted.refuse(false);
    let second = start();
    second.stop();
    assert_eq!((noted.decided().silences, noted.decided().acknowledged.len()), (vec![silence.clone()], 1));
    assert!(second.state().alerts[0].acknowledged.is_some());
    // Somebody ends it elsewhere: the file does not bring it back.
    noted.unsilence(7, "carl", 0).expect("ended");
    let third = start();
    third.stop();
    assert_eq!((third.state().silences, noted.decided().silences), (Vec::new(), Vec::new()));
}

#[test]
fn what_is_decided_holds_at_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let noted = Arc::new(Noted::default());
    let file = directory.path().join("alerts.json");
    let alerting = Alerting::start(file, settings(1), noted.clone(), failing).expect("a thread");
    until(|| alerting.state().alerts.iter().any(|alert| alert.phase == Phase::Firing));
    let id = alerting.state().alerts[0].id;
    assert_eq!(alerting.acknowledge(id + 1, "anna"), Ok(false));
    assert_eq!(alerting.acknowledge(id, "anna"), Ok(true));
    assert_eq!(alerting.state().alerts[0].acknowledged.as_ref().map(|by| &*by.who), Some("anna"));
    let (rule, labels, who, why) = ("journal".to_owned(), String::new(), "anna".to_owned(), String::new());
    let silence = Silence { id: 0, rule, labels, until_ms: u64::MAX, who, why };
    let number = alerting.silence(&silence).expect("kept").expect("not too many");
    assert_eq!(alerting.state().silences, [Silence { id: number, ..silence }]);
    assert_eq!(alerting.unsilence(number, "bert"), Ok(true));
    assert_eq!(alerting.unsilence(number, "bert"), Ok(false));
    assert!(alerting.state().silences.is_empty());
    noted.refuse(true);
    assert!(alerting.acknowledge(id, "bert").is_err());
    alerting.stop();
}
