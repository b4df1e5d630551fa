//! Alerts by the minute, with a clock that the test moves.

use super::*;
use crate::decisions::Acknowledged;
use crate::state::{Acknowledgement, Silence};

fn rule(name: &str, condition: &str, for_s: u64) -> Rule {
    let condition = condition.parse().expect("a condition");
    let (severity, summary) = (Severity::Warning, "it is so".to_owned());
    Rule { name: name.to_owned(), condition, for_s, severity, summary, recipients: Vec::new() }
}

fn addressee(name: &str, after_ms: u64) -> Addressee {
    Addressee { name: name.to_owned(), after_ms, min_severity: Severity::Info }
}

fn sample(zone: &str, value: f64) -> Sample {
    Sample { metric: "m".to_owned(), labels: vec![("zone".to_owned(), zone.to_owned())], value }
}

fn engine(addressees: Vec<Addressee>) -> Engine {
    let mut engine = Engine::new(State::default());
    engine.configure(vec![rule("high", "m > 5", 60)], addressees);
    engine
}

/// What is told, as `recipient: rule labels phase …`, and delivered.
fn told(engine: &mut Engine, now_ms: u64) -> Vec<String> {
    let due: Vec<Notice> = engine.due(now_ms).into_iter().cloned().collect();
    let show = |notice: &Notice| {
        let alerts: Vec<String> =
            notice.alerts.iter().map(|alert| format!("{} {} {:?}", alert.rule, alert.labels, alert.phase)).collect();
        format!("{}: {}", notice.recipient, alerts.join(", "))
    };
    due.iter().for_each(|notice| engine.delivered(&notice.id, Ok(()), now_ms));
    due.iter().map(show).collect()
}

/// Runs from second to second, and gives everything that is told with the second that it is told at.
fn run(engine: &mut Engine, seconds: std::ops::Range<u64>, samples: impl Fn(u64) -> Vec<Sample>) -> Vec<(u64, String)> {
    let mut all = Vec::new();
    for second in seconds {
        engine.observe(second * 1000, &samples(second), &[]);
        all.extend(told(engine, second * 1000).into_iter().map(|text| (second, text)));
    }
    all
}

#[test]
fn an_alert_fires_after_its_time_once_and_resolves_once() {
    let mut engine = engine(vec![addressee("ops", 0)]);
    let value = |second: u64| if (100..400).contains(&second) { 9.0 } else { 1.0 };
    let told = run(&mut engine, 0..600, |second| vec![sample("a", value(second))]);
    let (firing, resolved) = ("ops: high zone=\"a\" Firing", "ops: high zone=\"a\" Resolved");
    assert_eq!(told, [(170, firing.to_owned()), (439, resolved.to_owned())]);
    assert!(engine.state().alerts.is_empty() && engine.state().history.len() == 1);
}

#[test]
fn what_is_short_is_no_alert_and_what_flaps_is_one() {
    let mut engine = engine(vec![addressee("ops", 0)]);
    let told = run(&mut engine, 0..200, |second| vec![sample("a", if second % 50 < 40 { 9.0 } else { 1.0 })]);
    assert_eq!(told, [], "never a minute");
    assert!(engine.state().history.is_empty());
    let told = run(&mut engine, 1000..1500, |second| {
        vec![sample("a", if second > 1100 && second % 20 == 0 { 1.0 } else { 9.0 })]
    });
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn alerts_that_begin_together_are_told_together() {
    let mut engine = engine(vec![addressee("ops", 0)]);
    let told =
        run(&mut engine, 0..100, |second| vec![sample("a", 9.0), sample("b", if second >= 5 { 9.0 } else { 0.0 })]);
    assert_eq!(told, [(70, "ops: high zone=\"a\" Firing, high zone=\"b\" Firing".to_owned())]);
}

#[test]
fn who_comes_later_is_told_unless_somebody_looks_after_it() {
    for acknowledged in [false, true] {
        let mut engine = engine(vec![addressee("first", 0), addressee("second", 300_000)]);
        let mut told = run(&mut engine, 0..100, |_| vec![sample("a", 9.0)]);
        let id = engine.state().alerts[0].id;
        let alert = engine.open_alert(id).expect("an alert").clone();
        let by = Acknowledgement { who: "anna".to_owned(), at_ms: 100_000 };
        let other = Acknowledged { since_ms: alert.since_ms + 1, ..Acknowledged::new(&alert, by.clone()) };
        let of_this = acknowledged.then(|| Acknowledged::new(&alert, by));
        engine.decide(Decided { acknowledged: of_this.into_iter().chain([other]).collect(), ..Decided::default() });
        assert!(engine.open_alert(id + 1).is_none());
        told.extend(run(&mut engine, 100..600, |_| vec![sample("a", 9.0)]));
        told.extend(run(&mut engine, 600..700, |_| vec![sample("a", 0.0)]));
        let names: Vec<&str> = told.iter().map(|(_, text)| text.split(':').next().unwrap_or_default()).collect();
        let expected: &[&str] =
            if acknowledged { &["first", "first"] } else { &["first", "second", "first", "second"] };
        assert_eq!(names, expected, "{told:?}");
    }
}

#[test]
fn silence_holds_back_and_ends() {
    let mut engine = engine(vec![addressee("ops", 0)]);
    let (rule, labels, who, why) = ("high".to_owned(), "zone=\"a\"".to_owned(), "anna".to_owned(), String::new());
    let silence = Silence { id: 0, rule, labels, until_ms: 300_000, who, why };
    engine.decide(Decided { silences: vec![silence], ..Decided::default() });
    let told = run(&mut engine, 0..400, |_| vec![sample("a", 9.0)]);
    assert_eq!(told, [(300, "ops: high zone=\"a\" Firing".to_owned())]);
    assert!(engine.state().silences.is_empty());
}

#[test]
fn what_cannot_be_delivered_is_tried_again_in_order_and_after_a_restart() {
    let mut engine = engine(vec![addressee("ops", 0)]);
    for second in 0..90 {
        engine.observe(second * 1000, &[sample("a", 9.0)], &[]);
    }
    let first = engine.due(90_000)[0].id.clone();
    engine.delivered(&first, Err(("connection refused".to_owned(), true)), 90_000);
    for second in 90..300 {
        engine.observe(second * 1000, &[sample("a", 0.0)], &[]);
    }
    assert!(engine.due(100_000).is_empty(), "not at once");
    let text = serde_json::to_string(engine.state()).expect("JSON");
    let mut again = Engine::new(serde_json::from_str(&text).expect("the state"));
    again.configure(vec![rule("high", "m > 5", 60)], vec![addressee("ops", 0)]);
    let due = again.due(300_000);
    assert_eq!((due.len(), &due[0].id, due[0].attempts), (1, &first, 1));
    assert_eq!(told(&mut again, 300_000), ["ops: high zone=\"a\" Firing"]);
    assert_eq!(told(&mut again, 300_000), ["ops: high zone=\"a\" Resolved"]);
    assert_eq!(told(&mut again, 400_000), Vec::<String>::new());
    again.observe(400_000, &[], &[]);
    assert_eq!((again.state().history.len(), again.state().outbox.len()), (1, 0));
}

#[test]
fn what_is_of_no_use_or_a_day_old_is_given_up() {
    let mut engine = engine(vec![addressee("ops", 0)]);
    let id = engine.write("ops", Vec::new(), 0);
    engine.delivered(&id, Err(("404".to_owned(), false)), 0);
    let id = engine.write("ops", Vec::new(), 0);
    engine.delivered(&id, Err(("down".to_owned(), true)), GIVE_UP_MS);
    assert_eq!((engine.state().outbox.len(), engine.state().given_up), (0, 2));
}

#[test]
fn rates_and_checks_are_watched() {
    let mut engine = Engine::new(State::default());
    engine.configure(
        vec![rule("drops", "rate(m) > 0", 0), rule("journal", "check journal", 0)],
        vec![addressee("ops", 0)],
    );
    let check = |is_passed| Check { name: "journal".to_owned(), is_passed, reason: "disk full".to_owned() };
    engine.observe(0, &[sample("a", 7.0)], &[check(true)]);
    assert!(engine.state().alerts.is_empty(), "no rate yet");
    engine.observe(10_000, &[sample("a", 7.0)], &[check(true)]);
    assert!(engine.state().alerts.is_empty(), "nothing gained");
    engine.observe(20_000, &[sample("a", 57.0)], &[check(false)]);
    let alerts = &engine.state().alerts;
    assert_eq!((alerts.len(), alerts[0].value, alerts[1].detail.as_str()), (2, Some(5.0), "disk full"));
}

#[test]
fn there_is_room_for_so_many_and_no_more() {
    let mut engine = engine(vec![addressee("ops", 0)]);
    let samples: Vec<Sample> = (0..2 * MAX_ALERTS).map(|n| sample(&n.to_string(), 9.0)).collect();
    for second in 0..80 {
        engine.observe(second * 1000, &samples, &[]);
    }
    assert_eq!(engine.state().alerts.len(), MAX_ALERTS);
    assert_eq!(engine.state().outbox.len(), MAX_ALERTS / MAX_ALERTS_OF_NOTICE);
}

#[test]
fn an_alert_ends_though_whoever_was_told_is_gone() {
    let mut engine = engine(vec![addressee("ops", 0)]);
    assert_eq!(run(&mut engine, 0..100, |_| vec![sample("a", 9.0)]).len(), 1);
    engine.configure(vec![rule("high", "m > 5", 60)], vec![addressee("others", 0)]);
    let told = run(&mut engine, 100..200, |second| vec![sample("a", if second < 130 { 9.0 } else { 0.0 })]);
    assert_eq!(told.len(), 2, "the others hear of it, and of its end: {told:?}");
    assert!(engine.state().alerts.is_empty() && engine.state().history.len() == 1);
}
