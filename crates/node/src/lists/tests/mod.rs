//! Lists from an HTTPS server and from files, with whatever may go wrong.

mod failures;
mod files;
mod server;

use std::fs;
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use server::{Server, ok, redirect, wait_for_end};
use tempfile::TempDir;

use super::*;

/// Where the server of the test is; the rest of 127/8 stays out of reach.
const SERVER: &str = "127.0.0.5";
/// Nothing takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Short times, so that failures come soon, and long ones where nothing shall come by itself.
fn limits() -> Limits {
    Limits {
        max_bytes: 200_000,
        connect: Duration::from_secs(5),
        head: Duration::from_secs(1),
        whole: Duration::from_secs(5),
        min_bytes_per_s: 1000,
        rate_window: Duration::from_millis(1500),
        first_retry: Duration::from_secs(3600),
        last_retry: Duration::from_secs(3600),
        watch_interval: Duration::from_millis(20),
        report_after: Duration::from_millis(10),
    }
}

fn settings(server: &Server) -> Settings {
    let allowed = vec![format!("{SERVER}/32").parse().expect("a network")];
    Settings { allowed, allow_http: false, authorities: vec![server.authority()], limits: limits() }
}

/// Finds the hosts of the tests.
fn find(host: &str) -> io::Result<Vec<IpAddr>> {
    let address = match host {
        "lists.test" => SERVER,
        "private.test" => "10.1.2.3",
        "metadata.test" => "169.254.169.254",
        "mapped.test" => "::ffff:127.0.0.1",
        _ => return Err(io::Error::other("NXDOMAIN")),
    };
    Ok(vec![address.parse().expect("an address")])
}

/// Lists in a directory, and a server that they come from.
struct Setting {
    lists: Lists,
    reports: Receiver<Vec<String>>,
    directory: TempDir,
    server: Server,
}

fn start(settings: Settings, directory: &TempDir, lookup: Lookup) -> (Lists, Receiver<Vec<String>>) {
    let (sender, reports) = channel();
    let on_change: OnChange = Box::new(move |ids| drop(sender.send(ids.to_vec())));
    (Lists::start(settings, directory.path(), lookup, on_change).expect("lists"), reports)
}

impl Setting {
    fn new() -> Setting {
        Setting::with(|_| {})
    }

    fn with(change: impl Fn(&mut Settings)) -> Setting {
        let (server, directory) = (Server::start(SERVER), tempfile::tempdir().expect("a directory"));
        let mut settings = settings(&server);
        change(&mut settings);
        let (lists, reports) = start(settings, &directory, Arc::new(find));
        Setting { lists, reports, directory, server }
    }

    /// Subscribes to a path of the server for each name.
    fn subscribe(&self, ids: &[&str]) {
        let wanted = ids.iter().map(|id| subscription(id, &self.server.url(&format!("/{id}")))).collect();
        assert!(self.lists.configure(wanted).is_empty());
    }

    /// A setting with the list `ads`, which has come.
    fn with_list(text: &str) -> Setting {
        let setting = Setting::new();
        setting.server.list("/ads", text);
        setting.subscribe(&["ads"]);
        setting.until("ads", |state| state.phase == Phase::Current);
        setting
    }

    fn state(&self, id: &str) -> ListState {
        self.lists.states().into_iter().find(|state| state.id == id).expect("a list")
    }

    /// Waits until a list is so.
    fn until(&self, id: &str, is_so: impl Fn(&ListState) -> bool) -> ListState {
        let start = Instant::now();
        loop {
            let state = self.state(id);
            if is_so(&state) {
                return state;
            }
            assert!(start.elapsed() < PATIENCE, "{state:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Orders a list, and waits until that is done.
    fn attempt(&self, id: &str, force: bool) -> ListState {
        assert!(self.lists.refresh(id, force));
        let is_done = || self.lists.shared.board.lock().get(id).is_some_and(|it| it.ordered.is_none() && !it.fetching);
        let start = Instant::now();
        while !is_done() {
            assert!(start.elapsed() < PATIENCE, "{:?}", self.state(id));
            std::thread::sleep(Duration::from_millis(2));
        }
        self.state(id)
    }

    /// The whole text that is kept of a list.
    fn text(&self, id: &str) -> String {
        let text = self.lists.text(id).expect("a text");
        assert_eq!(text.path(), self.lists.path(id).expect("a path"));
        fs::read_to_string(text.path()).expect("read")
    }

    fn report(&self) -> Vec<String> {
        self.reports.recv_timeout(PATIENCE).expect("a report")
    }
}

fn subscription(id: &str, url: &str) -> Subscription {
    let (source, format) = (Source::Url(url.to_owned()), "auto".to_owned());
    Subscription { id: id.to_owned(), source, origin: Origin::Api, format, refresh_hours: 24, enabled: true }
}

/// A list of so many names.
fn names(count: usize) -> String {
    (1..=count).map(|n| format!("ads-{n}.example\n")).collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).expect("packed");
    encoder.finish().expect("packed")
}

#[test]
fn a_list_comes_over_https_is_kept_and_told_of() {
    let setting = Setting::with_list(&names(5000));
    assert_eq!(setting.report(), ["ads"]);
    let state = setting.state("ads");
    let kept = state.kept.expect("kept");
    assert_eq!((kept.lines, kept.size_bytes as usize), (5000, names(5000).len()));
    assert_eq!((kept.validators.etag.as_deref(), state.format.as_str()), (Some("\"1\""), "auto"));
    assert_eq!(setting.text("ads"), names(5000));
    assert_eq!(setting.lists.line("ads", 4999).expect("read").as_deref(), Some("ads-4999.example"));
    assert_eq!(setting.lists.line("ads", 5001).expect("read"), None);
    let hours = state.next_attempt_ms.expect("planned").saturating_sub(kept.fetched_at_ms) as f64 / 3_600_000.0;
    assert!((21.5..26.5).contains(&hours), "{hours}");
    assert!(!setting.lists.refresh("other", false) && setting.lists.path("other").is_none());
}

#[test]
fn a_list_that_is_packed_or_in_pieces_is_the_same_list() {
    let setting = Setting::with_list(&names(10));
    setting.server.raw("/ads", ok("content-encoding: gzip\r\n", &gzip(&names(20))));
    setting.attempt("ads", false);
    assert_eq!(setting.text("ads"), names(20));
    assert!(setting.server.requests().iter().all(|head| head.contains("accept-encoding: gzip\r\n")));
    // Without a length, what is packed has an end of its own.
    let head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n";
    setting.server.raw("/ads", [&head[..], &gzip(&names(30))].concat());
    setting.attempt("ads", false);
    assert_eq!(setting.text("ads"), names(30));
    let chunks = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\na.exam\r\n4\r\nple\n\r\n0\r\n\r\n";
    setting.server.raw("/ads", chunks);
    setting.attempt("ads", false);
    assert_eq!(setting.text("ads"), "a.example\n");
}

#[test]
fn a_list_that_has_not_changed_is_neither_sent_nor_written() {
    let setting = Setting::with_list(&names(10));
    setting.report();
    let path = setting.lists.path("ads").expect("a path");
    let inode = fs::metadata(&path).expect("a file").ino();
    let before = setting.state("ads").checked_at_ms;
    setting.server.on("/ads", |head, stream| {
        assert!(head.contains("if-none-match: \"1\"\r\n"), "{head}");
        stream.write_all(b"HTTP/1.1 304 Not Modified\r\netag: \"1\"\r\n\r\n")
    });
    std::thread::sleep(Duration::from_millis(2));
    let state = setting.attempt("ads", false);
    assert_eq!((state.phase, setting.server.requests().len()), (Phase::Current, 2));
    assert!(state.checked_at_ms > before);
    assert_eq!(fs::metadata(&path).expect("a file").ino(), inode);
    // Sent again under another tag, it is the same text.
    setting.server.raw("/ads", ok("etag: \"2\"\r\nlast-modified: yesterday\r\n", names(10).as_bytes()));
    let kept = setting.attempt("ads", false).kept.expect("kept");
    assert_eq!(kept.validators.etag.as_deref(), Some("\"2\""));
    assert_eq!(fs::metadata(&path).expect("a file").ino(), inode);
    setting.server.on("/ads", |head, stream| {
        assert!(head.contains("if-modified-since: yesterday\r\n"), "{head}");
        stream.write_all(b"HTTP/1.1 304 Not Modified\r\n\r\n")
    });
    assert_eq!(setting.attempt("ads", false).phase, Phase::Current);
    assert!(setting.reports.try_recv().is_err());
}

#[test]
fn what_was_kept_is_there_at_once_after_a_restart_without_a_network() {
    let setting = Setting::with_list(&names(100));
    let before = setting.state("ads");
    let url = setting.server.url("/ads");
    setting.lists.stop();
    let mut settings = settings(&setting.server);
    settings.limits.first_retry = Duration::from_secs(1000);
    let nowhere: Lookup = Arc::new(|_| Err(io::Error::other("no network")));
    let (lists, reports) = start(settings, &setting.directory, nowhere);
    lists.configure(vec![subscription("ads", &url), subscription("new", &url)]);
    assert_eq!(lists.line("ads", 100).expect("read").as_deref(), Some("ads-100.example"));
    let later = Setting { lists, reports, ..setting };
    let after = later.state("ads");
    assert_eq!((after.phase, &after.kept, after.checked_at_ms), (Phase::Current, &before.kept, before.checked_at_ms));
    let drift = after.next_attempt_ms.expect("planned").abs_diff(before.next_attempt_ms.expect("planned"));
    assert!(drift < 3_600_000 * 5, "{drift}");
    let failed = later.until("new", |state| state.phase == Phase::Failing);
    assert_eq!(failed.failure.expect("failed").problem, "the host cannot be found: lists.test: no network");
    // What was due longer ago would have come first.
    assert_eq!(later.state("ads").failure, None);
    assert_eq!(later.attempt("ads", false).phase, Phase::Failing);
    assert_eq!(later.text("ads"), names(100));
}

#[test]
fn of_two_lists_the_good_one_works_and_the_bad_one_is_tried_again() {
    let setting = Setting::with(|settings| settings.limits.first_retry = Duration::from_millis(50));
    setting.server.list("/good", "a.example\n");
    setting.subscribe(&["bad", "good"]);
    setting.until("good", |state| state.phase == Phase::Current);
    let failing = setting.until("bad", |state| state.failure.as_ref().is_some_and(|failure| failure.count >= 3));
    let failure = failing.failure.expect("failed");
    assert_eq!(failure.problem, "the server answers with status 404: there is no such list");
    assert!(failing.next_attempt_ms.is_some_and(|at| at > failure.at_ms));
    setting.server.list("/bad", "b.example\n");
    setting.until("bad", |state| state.phase == Phase::Current && state.failure.is_none());
    assert_eq!((setting.text("good"), setting.text("bad")), ("a.example\n".into(), "b.example\n".into()));
}

#[test]
fn redirects_are_followed_to_where_they_may_lead() {
    let setting = Setting::with_list("a.example\n");
    for n in 1..=6 {
        setting.server.raw(&format!("/{n}"), redirect(&format!("../{}", n - 1)));
    }
    setting.server.list("/0", "b.example\n");
    setting.server.raw("/ads", redirect("/4"));
    assert_eq!((setting.attempt("ads", false).phase, setting.text("ads")), (Phase::Current, "b.example\n".into()));
    setting.server.raw("/ads", redirect("/5"));
    let failure = setting.attempt("ads", false).failure.expect("failed");
    assert_eq!(failure.problem, "the server redirects more than 5 times");
}

#[test]
fn the_address_that_was_checked_is_the_one_that_is_connected_to() {
    let (server, directory) = (Server::start(SERVER), tempfile::tempdir().expect("a directory"));
    server.list("/ads", "a.example\n");
    // The second answer would lead inside.
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let lookup: Lookup = Arc::new(move |_| match counted.fetch_add(1, Ordering::Relaxed) {
        0 => find("lists.test"),
        _ => find("metadata.test"),
    });
    let (lists, reports) = start(settings(&server), &directory, lookup);
    let setting = Setting { lists, reports, directory, server };
    setting.subscribe(&["ads"]);
    setting.until("ads", |state| state.phase == Phase::Current);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    let failure = setting.attempt("ads", false).failure.expect("refused");
    assert!(failure.problem.contains("no public address"), "{failure:?}");
    assert_eq!((asked.load(Ordering::Relaxed), setting.server.requests().len()), (2, 1));
}

#[test]
fn a_list_that_is_off_is_not_fetched_unless_that_is_ordered() {
    let setting = Setting::new();
    setting.server.list("/ads", "a.example\n");
    let off = Subscription { enabled: false, ..subscription("ads", &setting.server.url("/ads")) };
    setting.lists.configure(vec![off]);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!((setting.state("ads").phase, setting.server.requests().len()), (Phase::Disabled, 0));
    assert_eq!(setting.attempt("ads", false).next_attempt_ms, None);
    assert_eq!((setting.state("ads").phase, setting.text("ads")), (Phase::Disabled, "a.example\n".into()));
}

#[test]
fn another_source_is_fetched_at_once_and_the_old_text_stays_until_then() {
    let setting = Setting::with_list(&names(1000));
    setting.lists.configure(vec![subscription("ads", &setting.server.url("/missing"))]);
    setting.until("ads", |state| state.phase == Phase::Failing);
    assert_eq!(setting.text("ads"), names(1000));
    // It may be smaller: it is another list. It has no validators to be asked by.
    setting.server.list("/other", "b.example\n");
    setting.lists.configure(vec![subscription("ads", &setting.server.url("/other"))]);
    setting.until("ads", |state| state.phase == Phase::Current);
    assert_eq!(setting.text("ads"), "b.example\n");
    assert!(setting.server.requests().iter().all(|head| !head.contains("if-none-match")));
}

#[test]
fn settings_that_change_hold_for_the_next_attempt() {
    let setting = Setting::with_list("a.example\n");
    setting.lists.set_settings(Settings { allowed: Vec::new(), ..settings(&setting.server) });
    assert_eq!(setting.attempt("ads", false).phase, Phase::Failing);
    setting.lists.set_settings(settings(&setting.server));
    assert_eq!(setting.attempt("ads", true).phase, Phase::Current);
}

#[test]
fn stopping_breaks_off_what_is_on_its_way() {
    let setting = Setting::with(|settings| {
        let limits = &mut settings.limits;
        (limits.head, limits.whole, limits.rate_window) = (PATIENCE, PATIENCE, PATIENCE);
    });
    setting.server.on("/ads", |_, stream| wait_for_end(stream));
    setting.subscribe(&["ads"]);
    while setting.server.requests().is_empty() {
        std::thread::sleep(Duration::from_millis(2));
    }
    let start = Instant::now();
    setting.lists.stop();
    assert!(start.elapsed() < PATIENCE / 4, "{:?}", start.elapsed());
    assert_eq!(setting.state("ads").failure, None);
}
