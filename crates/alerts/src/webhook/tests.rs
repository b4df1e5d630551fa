//! Webhooks to a server that the test plays.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

use super::*;
use crate::fixture::{self, notice};
use crate::state::Phase;

/// Answers one request with `answer`; gives back head and body.
fn server(answer: &'static str) -> (String, JoinHandle<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut reader = BufReader::new(stream.try_clone().expect("a descriptor"));
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            reader.read_line(&mut head).expect("a line");
        }
        let length =
            head.to_lowercase().split("content-length: ").nth(1).and_then(|it| it.lines().next()?.parse().ok());
        let mut body = vec![0; length.expect("a length")];
        reader.read_exact(&mut body).expect("the body");
        stream.write_all(answer.as_bytes()).expect("written");
        (head, String::from_utf8(body).expect("text"))
    });
    (url, thread)
}

fn alert(phase: Phase) -> Alert {
    let (summary, detail) = ("no \"space\" is left {id}".to_owned(), "0 bytes".to_owned());
    Alert { summary, value: Some(1.5), detail, ..fixture::alert(phase) }
}

fn webhook(url: String) -> Webhook {
    let (secret, template, content_type) = (Secret::from("s"), String::new(), "application/json".to_owned());
    Webhook { url, secret, template, content_type, allowed: vec!["127.0.0.0/8".parse().expect("a prefix")] }
}

fn send(webhook: &Webhook, notice: &Notice) -> Result<(), Undelivered> {
    WebhookSender::new(webhook.allowed.clone()).send(webhook, notice, 1_700_000_000_000)
}

#[test]
fn it_is_json_and_signed() {
    let (url, thread) = server("HTTP/1.1 204 No Content\r\n\r\n");
    send(&webhook(url), &notice(vec![alert(Phase::Firing)])).expect("taken");
    let (head, body) = thread.join().expect("no panic");
    let signature = signature("s", "1700000000", &body);
    assert!(signature.starts_with("sha256=") && signature.len() == 71);
    assert!(head.contains(&signature) && head.contains("x-headwater-notice: n-1"), "{head}");
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((&body["status"], &body["alerts"][0]["rule"]), (&json!("firing"), &json!("disk")));
}

#[test]
fn a_template_is_filled_once_and_stays_json() {
    let (url, thread) = server("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let template = "{\"text\":\"{severity} {summary} {nothing} {value}\"}".to_owned();
    send(&Webhook { template, ..webhook(url) }, &notice(vec![alert(Phase::Firing)])).expect("taken");
    let (_, body) = thread.join().expect("no panic");
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(body["text"], json!("critical no \"space\" is left {id} {nothing} 1.5"));
}

#[test]
fn redirects_are_not_followed_and_bodies_not_told() {
    let (url, thread) =
        server("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 6\r\n\r\nsecret");
    let error = send(&webhook(url), &notice(Vec::new())).expect_err("not taken");
    assert_eq!(error, Undelivered::for_good("status 302"));
    thread.join().expect("no panic");
    let (url, thread) = server("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n");
    assert!(send(&webhook(url), &notice(Vec::new())).is_err_and(|error| error.may_try_again));
    thread.join().expect("no panic");
}

#[test]
fn this_machine_is_reached_only_if_permitted() {
    for url in
        ["http://127.0.0.1:9/", "http://localhost:9/", "http://[::1]:9/", "http://169.254.1.1:9/", "http://0.0.0.0:9/"]
    {
        let denied = Webhook { allowed: Vec::new(), ..webhook(url.to_owned()) };
        let error = send(&denied, &notice(Vec::new())).expect_err(url);
        assert!(error.problem.contains("allow_internal"), "{url}: {error}");
    }
}
