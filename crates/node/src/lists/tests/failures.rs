//! Everything that may go wrong between a server and the disk: the last good list stays, and the state says why.

use super::server::{Shown, Stream};
use super::*;

/// What the list is before something goes wrong.
fn good() -> String {
    names(1000)
}

/// Tries the list `ads`, which has to fail because of `why`.
fn fails(setting: &Setting, why: &str) {
    let before = setting.state("ads").failure.map_or(0, |failure| failure.count);
    let state = setting.attempt("ads", false);
    let failure = state.failure.expect(why);
    assert!(failure.problem.contains(why), "{why}: {}", failure.problem);
    assert_eq!((state.phase, failure.count), (Phase::Failing, before + 1), "{why}");
    assert_eq!((setting.text("ads"), state.kept.expect("kept").lines), (good(), 1000), "{why}");
    assert_eq!(setting.lists.line("ads", 1000).expect("read").as_deref(), Some("ads-1000.example"));
    // Nothing but the text and what is known of it is left on the disk.
    let files = fs::read_dir(setting.directory.path().join("lists")).expect("a directory").count();
    assert_eq!(files, 2, "{why}");
}

/// The list comes again, and all is well.
fn recovers(setting: &Setting) {
    setting.server.list("/ads", &good());
    let state = setting.attempt("ads", false);
    assert_eq!((state.phase, state.failure), (Phase::Current, None));
}

#[test]
fn answers_that_are_no_list() {
    let setting = Setting::with_list(&good());
    let page = "<!DOCTYPE html><html><body>Log in to the network</body></html>";
    let short = "ads.example\n";
    let cases: Vec<(Vec<u8>, &str)> = vec![
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".into(), "status 404: there is no such list"),
        ("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n".into(), "status 500: it has a problem of its own"),
        ("HTTP/1.1 204 No Content\r\n\r\n".into(), "status 204"),
        ("HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n".into(), "a redirect that leads nowhere"),
        ("SSH-2.0-OpenSSH\r\n\r\n".into(), "breaks the protocol"),
        (Vec::new(), "no connection"),
        (ok("content-type: text/html\r\n", page.as_bytes()), "this is a web page (HTML), not a list"),
        (ok("content-type: text/plain\r\n", page.as_bytes()), "this is a web page (HTML), not a list"),
        (ok("", b"{\"error\": \"quota\"}"), "it is JSON"),
        (ok("", b"\x7fELF\0\0\0"), "bytes that no text has"),
        (ok("", b""), "shrank from 15893 to 0 bytes"),
        (ok("", short.as_bytes()), "shrank from 15893 to 12 bytes"),
        (ok("content-encoding: br\r\n", short.as_bytes()), "packed with something else than gzip"),
        (ok("content-encoding: gzip\r\n", short.as_bytes()), "said to be packed with gzip"),
        (ok("content-encoding: gzip\r\n", &gzip(&good())[..500]), "the list is cut off"),
        (ok("", &gzip(&"x".repeat(5_000_000))), "larger than 200000 bytes"),
        (ok("", "x\n".repeat(150_000).as_bytes()), "larger than 200000 bytes"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 17000\r\n\r\na.example\n".into(), "the list is cut off"),
        ("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\na.example\n".into(), "does not say where the list ends"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfff\r\na.example\n".into(), "the list is cut off"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\na.example\n\r\n".into(), "the list is cut off"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\na.example\n".into(), "breaks the protocol"),
    ];
    for (answer, why) in cases {
        setting.server.raw("/ads", answer);
        fails(&setting, why);
    }
    recovers(&setting);
}

#[test]
fn answers_that_take_too_long() {
    let setting = Setting::with_list(&good());
    setting.server.on("/ads", |_, stream| wait_for_end(stream));
    fails(&setting, "takes too long: no answer in time");
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    setting.server.on("/ads", move |_, stream| {
        stream.write_all(head.as_bytes())?;
        wait_for_end(stream)
    });
    fails(&setting, "takes too long: nothing comes any more");
    setting.server.on("/ads", move |_, stream| pieces(stream, head, b"4\r\na.b\n\r\n", Duration::from_millis(50)));
    fails(&setting, "too slow: less than 1000 bytes a second");
    let piece = [b"200\r\n".as_slice(), &[b'x'; 512], b"\r\n"].concat();
    setting.server.on("/ads", move |_, stream| pieces(stream, head, &piece, Duration::from_millis(50)));
    fails(&setting, "takes too long: the list is not complete in time");
    let piece = [b"ff00\r\n".as_slice(), &[b'x'; 0xff00], b"\r\n"].concat();
    setting.server.on("/ads", move |_, stream| pieces(stream, head, &piece, Duration::ZERO));
    fails(&setting, "larger than 200000 bytes");
    recovers(&setting);
}

/// Sends a piece again and again until the client goes away.
fn pieces(stream: &mut Stream, head: &str, piece: &[u8], pause: Duration) -> io::Result<()> {
    stream.write_all(head.as_bytes())?;
    loop {
        stream.write_all(piece)?;
        std::thread::sleep(pause);
    }
}

#[test]
fn certificates_that_are_not_accepted() {
    let setting = Setting::with_list(&good());
    for (shown, why) in [
        (Shown::Expired, "certificate is not accepted: it has expired"),
        (Shown::OtherName, "certificate is not accepted: it is for another name"),
        (Shown::OtherAuthority, "certificate is not accepted: nobody who is trusted has issued it"),
    ] {
        setting.server.show(shown);
        fails(&setting, why);
    }
    setting.server.show(Shown::Good);
    recovers(&setting);
}

#[test]
fn redirects_and_names_that_lead_inside() {
    let setting = Setting::with_list(&good());
    let port = setting.server.address.port();
    for inside in ["127.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "0x7f.1", "2130706433", "10.0.0.1"] {
        setting.server.raw("/ads", redirect(&format!("https://{inside}:{port}/latest")));
        fails(&setting, "no public address");
    }
    for name in ["private.test", "metadata.test", "mapped.test"] {
        setting.server.raw("/ads", redirect(&format!("https://{name}:{port}/ads")));
        fails(&setting, "no public address");
    }
    setting.server.raw("/ads", redirect("https://nowhere.test/"));
    fails(&setting, "the host cannot be found: nowhere.test: NXDOMAIN");
    setting.server.raw("/ads", redirect("file:///etc/passwd"));
    fails(&setting, "`file` is not a scheme");
    setting.server.raw("/ads", redirect(&setting.server.url("/ads").replace("https", "http")));
    fails(&setting, "http is not permitted");
    assert!(setting.server.requests().iter().all(|head| head.starts_with("GET /ads ")));
    recovers(&setting);
}

#[test]
fn a_server_that_is_gone() {
    let mut setting = Setting::with_list(&good());
    // Another takes its place, so that its port does not answer.
    setting.server = Server::start(SERVER);
    fails(&setting, "no connection");
}

#[test]
fn a_disk_that_is_full() {
    let setting = Setting::with_list(&good());
    let path = setting.lists.path("ads").expect("a path");
    let stem = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.split('.').next());
    let new = path.with_file_name(format!("{}.new", stem.expect("a name")));
    std::os::unix::fs::symlink("/dev/full", new).expect("a link");
    setting.server.list("/ads", &names(2000));
    fails(&setting, "the disk is full: the list cannot be kept");
    setting.attempt("ads", false);
    assert_eq!(setting.text("ads"), names(2000));
}

#[test]
fn a_data_directory_that_takes_nothing() {
    let (server, directory) = (Server::start(SERVER), tempfile::tempdir().expect("a directory"));
    server.list("/ads", &good());
    // In the place of the directory is something else, which stops even the superuser.
    fs::write(directory.path().join("lists"), "").expect("written");
    let (lists, reports) = start(settings(&server), &directory, Arc::new(find));
    let setting = Setting { lists, reports, directory, server };
    setting.subscribe(&["ads"]);
    let state = setting.until("ads", |state| state.phase == Phase::Failing);
    let problem = state.failure.expect("failed").problem;
    assert!(problem.contains("the list cannot be kept") || problem.contains("damaged"), "{problem}");
    fs::remove_file(setting.directory.path().join("lists")).expect("removed");
    assert_eq!((setting.attempt("ads", false).phase, setting.text("ads")), (Phase::Current, good()));
}

#[test]
fn a_list_that_shrank_is_taken_when_that_is_forced() {
    let setting = Setting::with_list(&good());
    setting.server.list("/ads", "a.example\n");
    fails(&setting, "a forced refresh takes it");
    assert_eq!(setting.attempt("ads", true).failure, None);
    assert_eq!(setting.text("ads"), "a.example\n");
    // A small list may become smaller, but not nothing.
    setting.server.list("/ads", "");
    assert_eq!(setting.attempt("ads", false).phase, Phase::Failing);
    assert_eq!(setting.text("ads"), "a.example\n");
}

#[test]
fn a_server_that_asks_for_a_pause_gets_it() {
    let setting = Setting::with_list(&good());
    setting.server.raw("/ads", "HTTP/1.1 429 No\r\nretry-after: 7200\r\ncontent-length: 0\r\n\r\n");
    let state = setting.attempt("ads", false);
    let failure = state.failure.expect("failed");
    assert!(failure.problem.contains("we asked too often"));
    let pause = state.next_attempt_ms.expect("planned").saturating_sub(failure.at_ms);
    assert!((7_190_000..7_210_000).contains(&pause), "{pause}");
}

#[test]
fn a_text_that_was_damaged_on_the_disk_is_fetched_again() {
    let setting = Setting::with_list(&good());
    let (path, url) = (setting.lists.path("ads").expect("a path"), setting.server.url("/ads"));
    setting.lists.stop();
    fs::write(&path, "evil.example\n").expect("written");
    let (lists, reports) = start(settings(&setting.server), &setting.directory, Arc::new(find));
    lists.configure(vec![subscription("ads", &url)]);
    let later = Setting { lists, reports, ..setting };
    later.until("ads", |state| state.phase == Phase::Current);
    assert_eq!((later.text("ads"), later.report()), (good(), vec!["ads".to_owned()]));
    assert!(later.server.requests().iter().all(|head| !head.contains("if-none-match")));
}
