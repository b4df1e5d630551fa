use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dns::Rcode;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use super::testing::{RowText, rows};
use super::*;
use crate::statistics::{Counts, Figures};

const NAMES: [&str; 3] = ["www.test.", "mail.test.", "ads.example."];

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime")
}

/// What has come for a viewer until now.
fn frames(viewer: &Viewer) -> (Vec<Bytes>, Option<End>) {
    runtime().block_on(async {
        let mut frames = Vec::new();
        loop {
            match tokio::time::timeout(Duration::ZERO, viewer.next()).await {
                Ok(Next::Frame(frame)) => frames.push(frame),
                Ok(Next::End(end)) => return (frames, Some(end)),
                Err(_) => return (frames, None),
            }
        }
    })
}

fn json(frame: &Bytes) -> Value {
    serde_json::from_slice(frame).expect("JSON")
}

/// A turn of the collector with `n` answers, at the time of the next frame.
fn turn(hub: &Hub, n: usize) {
    std::thread::sleep(FRAME_INTERVAL);
    hub.read(&rows((0..n).map(|n| RowText { name: NAMES[n % 3], ..RowText::default() })));
}

fn second(hub: &Hub) {
    hub.send_figures(&Figures::of(&Counts::default(), 1.0));
}

#[test]
fn rows_are_filtered_sampled_and_shared() {
    let hub = Arc::new(Hub::new(1));
    let join = |filter: &str, rate| {
        let viewer = hub.join("anna").expect("a place");
        viewer.show_rows(filter, rate).expect("shown");
        viewer
    };
    let [all, also_all, fewer, test, none] =
        [join("", 40), join(" ", 40), join("", 7), join("name:*.test", 40), join("code:SERVFAIL", 40)];
    turn(&hub, 3000);
    let frame = |viewer: &Viewer| {
        let (frames, end) = frames(viewer);
        assert_eq!((frames.len(), end), (1, None));
        frames[0].clone()
    };
    let of_all = frame(&all);
    assert_eq!(of_all.as_ptr(), frame(&also_all).as_ptr(), "the same filter, the same octets");
    let count = |frame: &Value| ["seen", "matched", "sampled", "lost"].map(|key| frame[key].as_u64().expect("number"));
    let [of_all, of_fewer, of_test] = [of_all, frame(&fewer), frame(&test)].map(|frame| json(&frame));
    assert_eq!((count(&of_all), of_all["t"].as_str()), ([3000, 3000, 10, 0], Some("rows")));
    assert_eq!(count(&of_fewer), [3000, 3000, 2, 0], "7 a second in frames of 250 ms");
    assert_eq!(count(&of_test), [3000, 2000, 10, 0]);
    assert_eq!(count(&json(&frame(&none))), [3000, 0, 0, 0]);
    let rows = of_test["rows"].as_array().expect("rows");
    assert!(rows.iter().all(|row| row["domain"].as_str().is_some_and(|name| name.ends_with(".test"))), "{rows:?}");
    assert!(rows.is_sorted_by_key(|row| row["request_id"].as_str().expect("text").to_owned()), "oldest first");
}

#[test]
fn a_row_has_the_keys_of_the_query_log() {
    let hub = Arc::new(Hub::new(1));
    let viewer = hub.join("anna").expect("a place");
    viewer.show_rows("code:NXDOMAIN", 1).expect("shown");
    std::thread::sleep(FRAME_INTERVAL);
    let row = RowText { client: "::ffff:192.0.2.7", rcode: Rcode::NXDOMAIN, elapsed_us: 1250, ..RowText::default() };
    hub.read(&rows([row, RowText::default()]));
    let expected = serde_json::json!({
        "timestamp": "2023-11-14T22:13:20.000Z", "request_id": "018bcfe5-6800-7000-8000-000700000000",
        "client_ip": "192.0.2.7", "query_type": "A", "domain": "www.test", "response_code": "NXDOMAIN",
        "response_time_ms": 1.25, "cache_hit": true, "upstream_server": null,
        "transport": "udp", "source": "cache", "dnssec": "none",
        "action": null, "group": null, "list": null, "rule": null,
    });
    let mut got = json(&frames(&viewer).0[0])["rows"][0].clone();
    got["request_id"] = expected["request_id"].clone();
    assert_eq!(got, expected);
}

#[test]
fn rows_stop_at_the_source() {
    let hub = Arc::new(Hub::new(1));
    let viewer = hub.join("anna").expect("a place");
    turn(&hub, 10);
    assert_eq!(frames(&viewer).0.len(), 0, "nothing before it is asked for");
    viewer.show_rows("", 4).expect("shown");
    turn(&hub, 10);
    viewer.show_rows("", 0).expect("stopped");
    turn(&hub, 10);
    assert_eq!(frames(&viewer).0.len(), 0, "what waited is gone, too");
    assert_eq!(viewer.show_rows("", MAX_RATE + 1), Err(ShowError::Rate));
    let error = viewer.show_rows("time:>soon", 4).expect_err("no filter");
    assert!(matches!(error, ShowError::Filter(_)), "{error}");
}

#[test]
fn one_who_stalls_is_let_go_and_nobody_else_notices() {
    let hub = Arc::new(Hub::new(1));
    let stalled = hub.join("anna").expect("a place");
    stalled.show_rows("", 40).expect("shown");
    let other = hub.join("anna").expect("a place");
    let mut got = 0;
    for _ in 0..9 {
        second(&hub);
        let (frames, end) = frames(&other);
        assert_eq!(end, None);
        got += frames.iter().filter(|frame| json(frame)["t"] == "stat").count();
    }
    assert_eq!(got, 9);
    assert_eq!(frames(&stalled), (Vec::new(), Some(End::TooSlow)));
    drop(stalled);
    assert_eq!(hub.counts(), HubCounts { viewers: 1, lost_frames: 0, too_slow: 1 });
}

#[test]
fn places_and_filters_are_bounded_and_come_back() {
    let hub = Arc::new(Hub::new(1));
    let mut viewers: Vec<Viewer> = (0..MAX_VIEWERS_PER_USER).map(|_| hub.join("anna").expect("a place")).collect();
    assert_eq!(hub.join("anna").err(), Some(JoinError::FullForUser));
    viewers.extend((0..MAX_VIEWERS - MAX_VIEWERS_PER_USER).map(|_| hub.join("bert").expect("a place")));
    assert_eq!(hub.join("carl").err(), Some(JoinError::Full));
    for (n, viewer) in viewers.iter().enumerate().take(MAX_FILTERS) {
        viewer.show_rows(&format!("name:{n}.test"), 4).expect("shown");
    }
    assert_eq!(viewers[MAX_FILTERS].show_rows("name:more.test", 4), Err(ShowError::Full));
    viewers[MAX_FILTERS].show_rows("name:0.test", 4).expect("one that is in use");
    viewers.truncate(1);
    viewers[0].show_rows("name:more.test", 4).expect("there is room again");
    hub.join("carl").expect("a place");
    hub.set_on(false);
    assert_eq!(frames(&viewers[0]).1, Some(End::TurnedOff));
    assert_eq!(hub.join("anna").err(), Some(JoinError::Off));
    hub.set_on(true);
    hub.join("anna").expect("a place");
}

#[test]
fn who_joins_sees_figures_and_tops_at_once() {
    let hub = Arc::new(Hub::new(1));
    turn(&hub, 30);
    second(&hub);
    let viewer = hub.join("anna").expect("a place");
    let (frames, _) = frames(&viewer);
    let [stat, tops] = &frames[..] else { panic!("two frames: {frames:?}") };
    let (stat, tops) = (json(stat), json(tops));
    assert_eq!((&stat["t"], &tops["t"]), (&"stat".into(), &"tops".into()));
    assert_eq!((&tops["names"][0]["count"], &tops["counted"]), (&10.into(), &30.into()));
    assert_eq!((&stat["qps"], &tops["clients"][0]["key"]), (&0.0.into(), &"192.0.2.1".into()));
}

#[test]
fn answers_are_recorded_while_somebody_looks() {
    let recorders = Arc::new(server::record::Recorders::default());
    let collector = crate::Collector::start(recorders.clone()).expect("a thread");
    let hub = Arc::new(Hub::new(1));
    let subscription = read(&hub, &collector).expect("a thread");
    assert!(!recorders.wanted().responses, "nobody looks");
    let viewer = hub.join("anna").expect("a place");
    assert!(recorders.wanted().responses);
    drop((viewer, subscription));
    assert!(!recorders.wanted().responses);
    collector.stop();
}
