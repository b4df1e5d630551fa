//! The live stream, the statistics and `headwater top`, over a real server: what is shown, to whom, and that many who
//! look are in nobody's way.

#[path = "../common/mod.rs"]
mod common;
mod crowd;
mod site;

use std::time::Duration;

use common::{PATIENCE, Scratch, headwater, until};
use serde_json::{Value, json};
use site::{Ended, Site, Socket};

/// The code that a stream is closed with.
fn close_code(socket: &mut Socket) -> u16 {
    match until(PATIENCE, || socket.frame().err()) {
        Some(Ended::Closed(code)) => code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn figures_tops_and_rows_come_as_things_happen() {
    let scratch = Scratch::new("live-frames");
    let site = Site::start(&scratch, "");
    let mut socket = site.open("/ws", &[site.bearer()]).expect("open");
    socket.send(&json!({"op": "rows", "filter": "name:www.example", "rate": 40}));
    let mut seen = std::collections::BTreeMap::<String, Value>::new();
    let all = until(PATIENCE, || {
        (0..5).for_each(|_| site.ask(&["www.example.", "mail.example.", "no.example."]));
        let frame = socket.frame().expect("a frame");
        let kind = frame["t"].as_str().expect("a kind").to_owned();
        let tells = match &*kind {
            "stat" => frame["qps"].as_f64() > Some(1.0) && frame["results"]["NXDOMAIN"].as_f64() > Some(0.0),
            "tops" => frame["names"].as_array().is_some_and(|names| names.len() == 3),
            _ => frame["matched"].as_u64() > Some(0),
        };
        if tells {
            seen.insert(kind, frame);
        }
        (seen.len() == 3).then_some(())
    });
    assert!(all.is_some(), "{seen:#?}");
    let (rows, tops, stat) = (&seen["rows"], &seen["tops"], &seen["stat"]);
    let row = &rows["rows"][0];
    assert_eq!((&row["domain"], &row["query_type"]), (&json!("www.example"), &json!("TXT")));
    assert_eq!((&row["response_code"], &row["source"]), (&json!("NOERROR"), &json!("zone")));
    assert!(rows["seen"].as_u64() > rows["matched"].as_u64(), "others were left out: {rows}");
    assert_eq!((&tops["clients"][0]["key"], &tops["types"][0]["key"]), (&json!("127.0.0.1"), &json!("TXT")));
    assert!(stat["sources"]["zone"].as_f64() > Some(0.0) && stat["latency_ms"]["zone"]["p99"].is_number(), "{stat}");
    socket.send(&json!({"op": "rows", "filter": "time:>soon", "rate": 1}));
    let error = until(PATIENCE, || socket.frame().ok().filter(|frame| frame["t"] == "error")).expect("an error");
    assert!(error["offset"].is_number() && error["detail"].is_string(), "{error}");
    let top = site.get("/api/v1/stats/top?minutes=5&limit=1");
    assert_eq!((top["names"].as_array().map(Vec::len), &top["clients"][0]["key"]), (Some(1), &json!("127.0.0.1")));
    let status = site.get("/api/status");
    assert!(status["queries"].as_u64() > Some(10) && status["live"]["viewers"] == 1, "{status}");
}

#[test]
fn a_stream_is_for_those_who_may_see_it() {
    let scratch = Scratch::new("live-rights");
    let site = Site::start(&scratch, "");
    let host = format!("127.0.0.1:{}", site.web);
    let refused = |path: &str, headers: &[(&str, String)]| site.open(path, headers).err();
    assert_eq!(refused("/ws", &[]), Some(401));
    assert_eq!(refused("/ws", &[("authorization", "Bearer hw_no_token".into())]), Some(401));
    let basic = data_encoding::BASE64.encode(format!("admin:{}", site::PASSWORD).as_bytes());
    assert_eq!(refused("/ws", &[("authorization", format!("Basic {basic}"))]), Some(403));
    for words in [&["--verb", "read_logs", "--zone", "example"][..], &["--verb", "read"]] {
        let (other, _) = site.token(words);
        assert_eq!(refused("/ws", &[("authorization", format!("Bearer {other}"))]), Some(403), "{words:?}");
    }
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        assert_eq!(refused("/api/v1/live", &[site.bearer(), ("origin", origin.into())]), Some(403), "{origin}");
    }
    assert_eq!(refused(&format!("/ws?token={}", site.token), &[]), Some(401));
    assert_eq!(refused("/ws?x=1", &[site.bearer()]), Some(400), "nothing belongs into the URL");
    for origin in [format!("http://{host}"), "https://dash.example".to_owned()] {
        site.open("/api/v1/live", &[site.bearer(), ("origin", origin.clone())]).expect(&origin);
    }
    let session = site.log_in();
    site.open("/ws", &[("cookie", session), ("origin", format!("http://{host}"))]).expect("a session");
}

#[test]
fn who_loses_the_right_loses_the_stream() {
    let scratch = Scratch::new("live-withdrawn");
    let site = Site::start(&scratch, "");
    let (token, id) = site.token(&["--verb", "read_logs"]);
    let mut by_token = site.open("/ws", &[("authorization", format!("Bearer {token}"))]).expect("open");
    let session = site.log_in();
    let mut by_session = site.open("/ws", &[("cookie", session.clone())]).expect("open");
    by_token.frame().expect("a frame");
    assert_eq!(site.command(&["token", "revoke", &id]), format!("token {id} is revoked\n"));
    assert_eq!(close_code(&mut by_token), 4401);
    by_session.frame().expect("others go on");
    site.send("DELETE", "/api/v1/session", &[("cookie", session), ("x-headwater", "1".into())], "");
    assert_eq!(close_code(&mut by_session), 4401);
}

#[test]
fn live_updates_can_be_turned_off_at_run_time() {
    let scratch = Scratch::new("live-off");
    let mut site = Site::start(&scratch, "");
    let mut socket = site.open("/ws", &[site.bearer()]).expect("open");
    socket.frame().expect("a frame");
    site.configure("  real_time_updates: false\n");
    assert_eq!(close_code(&mut socket), 1001);
    assert_eq!(site.open("/ws", &[site.bearer()]).err(), Some(503));
    assert!(site.get("/api/v1/stats")["points"].as_u64() > Some(0), "statistics go on");
    site.configure("");
    site.open("/ws", &[site.bearer()]).expect("open again");
}

#[test]
fn odd_messages_are_refused() {
    let scratch = Scratch::new("live-odd");
    let site = Site::start(&scratch, "");
    let open = || site.open("/ws", &[site.bearer()]).expect("open");
    let mut socket = open();
    socket.send(&json!({"op": "dance"}));
    let error = until(PATIENCE, || socket.frame().ok().filter(|frame| frame["t"] == "error")).expect("an error");
    assert!(error["detail"].as_str().is_some_and(|text| text.contains("dance")), "{error}");
    socket.send(&json!({"op": "rows", "rate": 41}));
    let error = until(PATIENCE, || socket.frame().ok().filter(|frame| frame["t"] == "error")).expect("an error");
    assert_eq!(error["detail"], "rate is 0 to 40 rows a second");
    let mut many = open();
    (0..100).for_each(|_| many.send(&json!({"op": "rows", "rate": 0})));
    assert_eq!(close_code(&mut many), 1008);
    let mut large = open();
    large.send(&json!({"op": "rows", "rate": 1, "filter": "x".repeat(100_000)}));
    assert!(until(PATIENCE, || large.frame().err()).is_some(), "too large");
    socket.frame().expect("others go on");
}

#[test]
fn statistics_outlive_a_restart() {
    let scratch = Scratch::new("live-statistics");
    let site = Site::start(&scratch, "");
    let (mut sent, total) = (0u64, |site: &Site| {
        let series = site.get("/api/v1/stats?step=1");
        let column = |key: &str| -> f64 {
            series["results"][key].as_array().into_iter().flatten().filter_map(Value::as_f64).sum()
        };
        (column("NOERROR").round() as u64, column("NXDOMAIN").round() as u64)
    });
    until(Duration::from_millis(2500), || {
        site.ask(&["www.example.", "no.example."]);
        sent += 1;
        None::<()>
    });
    let counted = until(PATIENCE, || Some(total(&site)).filter(|counted| *counted == (sent, sent)));
    assert!(counted.is_some(), "{:?} of {sent}", total(&site));
    let site = site.restart(&scratch);
    assert_eq!(total(&site), (sent, sent), "those of before");
    assert_eq!(site.get("/api/status")["queries"], 0, "since the start");
    let minutes = site.get("/api/v1/stats?step=60");
    assert_eq!(minutes["step_s"], 60);
    assert!(minutes["qps"].as_array().into_iter().flatten().any(|qps| qps.as_f64() > Some(0.0)), "{minutes}");
    assert_eq!(site.status("/api/v1/stats?from=5&to=4"), 400);
    assert_eq!(site.status("/api/v1/stats?step=0"), 400);
}

#[test]
fn top_prints_once_here_and_elsewhere() {
    let scratch = Scratch::new("live-top");
    let site = Site::start(&scratch, "");
    let _viewer = site.open("/ws", &[site.bearer()]).expect("somebody looks, so that tops are counted");
    scratch.write("token", &format!("{}\n", site.token));
    let url = format!("http://127.0.0.1:{}", site.web);
    let here: &[&str] = &["top", "--once", "--data", "data"];
    let elsewhere: &[&str] = &["top", "--once", "--server", &url, "--token-file", "token"];
    for words in [here, elsewhere] {
        let shown = until(PATIENCE, || {
            (0..10).for_each(|_| site.ask(&["www.example."]));
            let output = headwater(words).current_dir(scratch.path()).output().expect("it runs");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
            text.contains("  www.example\n").then_some(text)
        });
        let shown = shown.expect("the name is among the tops");
        for text in ["queries/s ", "hit ratio -\n", "LATENCY", "zone", "  127.0.0.1\n", "  TXT\n"] {
            assert!(shown.contains(text), "{text}:\n{shown}");
        }
    }
    scratch.write("token", "hw_wrong\n");
    let output = headwater(elsewhere).current_dir(scratch.path()).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && text.contains("not right, or no longer valid"), "{text}");
    let nowhere = headwater(&["top", "--once", "--data", "nowhere"]).current_dir(scratch.path()).output();
    let text = String::from_utf8(nowhere.expect("it runs").stderr).expect("text");
    assert!(text.starts_with("headwater: no server answers at nowhere/control.sock"), "{text}");
}
