//! Lists and configurations that change while clients ask.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use dns::{Message, RType};

use crate::common::{ANSWER_TIMEOUT, PATIENCE, receive, until};
use crate::site::{CLIENT, OUTSIDE, Site, question};

const POLICY: &str = "blocking:
  action: nxdomain
  lists: [{ name: changing, file: changing.txt, format: domains }]
  rules: ['||sentinel.com^']
";

/// Asks one question after the other until `stop` is set; how many were asked, and how many got no answer, or a wrong one.
fn ask_on(server: std::net::SocketAddr, stop: &AtomicBool) -> (u32, Vec<String>) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(server).expect("an address");
    socket.set_read_timeout(Some(ANSWER_TIMEOUT)).expect("a timeout");
    let (mut asked, mut bad, mut buffer) = (0, Vec::new(), [0; 1500]);
    let names = [("always.com", "NXDOMAIN"), ("outside.com", OUTSIDE)];
    while !stop.load(Ordering::Relaxed) {
        let (name, wanted) = names[asked as usize % names.len()];
        let mut query = question(name, RType::A);
        query.header.id = asked as u16;
        socket.send(&query.to_wire(512)).expect("it is sent");
        asked += 1;
        let said = match receive(&socket, &mut buffer) {
            Ok(len) => crate::site::said(Message::parse(&buffer[..len]).ok().as_ref()),
            Err(error) => error.to_string(),
        };
        if said != wanted {
            bad.push(format!("{name}: {said}"));
        }
    }
    (asked, bad)
}

#[test]
fn a_list_that_changes_is_taken_over_and_no_query_is_lost() {
    let mut text = "always.com\nold.com\n".to_owned();
    (0..20_000).for_each(|n| text += &format!("n{n}.filler.com\n"));
    let site = Site::start("changing", POLICY, &[("changing.txt", &text)], "");
    site.wait("always.com", RType::A, "NXDOMAIN");
    site.wait("old.com", RType::A, "NXDOMAIN");
    let stop = AtomicBool::new(false);
    let (asked, bad) = thread::scope(|scope| {
        let asking = scope.spawn(|| ask_on(site.server.address, &stop));
        for round in 0..2 {
            let next = text.replace("old.com", &format!("new{round}.com"));
            site.scratch.write("changing.txt", &next);
            site.wait(&format!("new{round}.com"), RType::A, "NXDOMAIN");
        }
        site.wait("old.com", RType::A, OUTSIDE);
        site.wait("new0.com", RType::A, OUTSIDE);
        stop.store(true, Ordering::Relaxed);
        asking.join().expect("it ends")
    });
    println!("{asked} questions meanwhile");
    assert!(asked > 100 && bad.is_empty(), "of {asked}: {bad:?}");
}

#[test]
fn a_broken_list_leaves_the_last_good_text_in_force_and_the_log_says_why() {
    let text = "listed.com\nother.com\n";
    let mut site = Site::start("broken", POLICY, &[("changing.txt", text)], "");
    site.wait("listed.com", RType::A, "NXDOMAIN");
    site.scratch.write("changing.txt", "<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>\n");
    site.server.process.wait_for("a list cannot be taken; what is kept of it stays", 1);
    let log = site.server.process.log();
    let line = log.lines().find(|line| line.contains("a list cannot be taken")).expect("a line");
    assert!(line.contains("changing") && line.to_ascii_lowercase().contains("html"), "{line}");
    for _ in 0..2 {
        assert_eq!(site.says(CLIENT, "listed.com", RType::A), "NXDOMAIN");
        assert_eq!(site.says(CLIENT, "outside.com", RType::A), OUTSIDE);
    }
    site.scratch.write("changing.txt", &text.replace("other.com", "newer.com"));
    site.wait("newer.com", RType::A, "NXDOMAIN");
    site.wait("other.com", RType::A, OUTSIDE);
}

#[test]
fn a_kept_text_holds_after_a_restart_without_the_file() {
    let mut site = Site::start("kept", POLICY, &[("changing.txt", "listed.com\n")], "");
    site.wait("listed.com", RType::A, "NXDOMAIN");
    site.server.process.signal("TERM");
    site.server.process.wait();
    std::fs::remove_file(site.scratch.path().join("changing.txt")).expect("it is gone");
    let address = site.server.address;
    site.server = crate::common::Server::launch(&site.scratch, &["--config", "headwater.yaml"], address);
    site.server.process.wait_for("\"ready\"", 1);
    site.wait("listed.com", RType::A, "NXDOMAIN");
}

#[test]
fn a_bad_configuration_changes_nothing_and_a_good_one_everything() {
    let mut site = Site::start("reload", POLICY, &[("changing.txt", "listed.com\n")], "");
    site.wait("listed.com", RType::A, "NXDOMAIN");
    site.wait("sentinel.com", RType::A, "NXDOMAIN");
    for bad in [
        POLICY.replace("action: nxdomain", "action: nonsense"),
        POLICY.replace("format: domains", "format: poem"),
        POLICY.replace("format: domains", "groups: [nobody]"),
        POLICY.replace("file: changing.txt", "url: 'ftp://lists.example/list'"),
        format!("{POLICY}groups: [{{ name: a, schedule: 'never' }}]\n"),
    ] {
        site.configure(&bad);
        site.server.reload();
        assert_eq!(site.says(CLIENT, "listed.com", RType::A), "NXDOMAIN", "{bad}");
        assert_eq!(site.says(CLIENT, "sentinel.com", RType::A), "NXDOMAIN", "{bad}");
        assert_eq!(site.says(CLIENT, "outside.com", RType::A), OUTSIDE, "{bad}");
    }
    assert_eq!(site.server.process.log().matches("reload failed").count(), 5, "{}", site.server.process.log());
    site.configure(&POLICY.replace("nxdomain", "nodata").replace("||sentinel.com^", "||outside.com^"));
    site.server.reload();
    site.wait("listed.com", RType::A, "NOERROR");
    site.wait("outside.com", RType::A, "NOERROR");
    site.wait("sentinel.com", RType::A, OUTSIDE);
    site.configure("blocking: { enabled: false }\n");
    site.server.reload();
    site.wait("outside.com", RType::A, OUTSIDE);
    let quiet = until(PATIENCE, || (site.says(CLIENT, "listed.com", RType::A) == OUTSIDE).then_some(()));
    assert!(quiet.is_some());
    thread::sleep(Duration::from_millis(200));
    assert_eq!(site.says(CLIENT, "listed.com", RType::A), OUTSIDE);
}
