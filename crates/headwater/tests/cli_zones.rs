//! The commands that reach the zones, with the real binary: through the running server, and without one.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use common::ran::Ran;
use common::{Scratch, Server, free_port, headwater};
use dns::RType;

/// Runs `headwater` in `scratch` with `input` and these variables.
fn run_with(scratch: &Scratch, words: &[&str], input: &str, variables: &[(&str, &str)]) -> Ran {
    let mut command = headwater(words);
    command
        .current_dir(scratch.path())
        .env("PATH", "/usr/bin:/bin")
        .env("HEADWATER_WEB__ENABLED", "false")
        .env("TMPDIR", scratch.path());
    command.envs(variables.iter().copied());
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("headwater runs");
    // A command that reads nothing may have ended.
    let _ = child.stdin.take().expect("standard input").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    Ran::of(&output)
}

fn run(scratch: &Scratch, words: &[&str]) -> Ran {
    run_with(scratch, &[words, &["--data", "data"]].concat(), "", &[])
}

fn zone(serial: u32, lines: &str) -> String {
    format!("$TTL 3600\n@ SOA ns1 hostmaster {serial} 7200 900 1209600 300\n@ NS ns1\nns1 A 192.0.2.1\n{lines}")
}

/// A scratch directory with a zone file.
fn scratch(name: &str) -> Scratch {
    let scratch = Scratch::new(name);
    scratch.write("example.org.zone", &zone(10, "WWW A 192.0.2.80\n"));
    scratch
}

#[test]
fn offline_import_then_serve() {
    let scratch = scratch("cli-offline");
    assert!(run(&scratch, &["zone", "list"]).fails().contains("no server answers at data/control.sock"));
    let said = run(&scratch, &["zone", "import", "example.org", "example.org.zone"]).ok();
    assert_eq!(said, "example.org.: create, serial - -> 10, change 1\n");
    // Every bad line, with its place, also in what is included.
    scratch.write("part", "x A 1.2.3\n");
    scratch.write("bad.zone", &zone(11, "a A 300.1.1.1\n$INCLUDE part\nb MX ten mail\nc A 192.0.2.3\n"));
    let errors = run(&scratch, &["zone", "import", "example.org", "bad.zone"]).fails();
    let places: Vec<String> =
        errors.lines().map(|line| line.split(": ").next().unwrap_or_default().to_owned()).collect();
    let want = ["bad.zone:5:5", "part:1:5", "bad.zone:7:6"];
    assert!(want.iter().all(|place| places.iter().any(|p| p == place)) && places.len() == 3, "{errors}");
    // The printed form is that of `zone print`.
    let exported = run(&scratch, &["zone", "export", "example.org"]).ok();
    let printed = run_with(&scratch, &["zone", "print", "example.org", "example.org.zone"], "", &[]).ok();
    assert_eq!(exported, printed);
    // A serial that is not later is raised, unless it is forced.
    scratch.write("old.zone", &zone(5, "www A 192.0.2.81\n"));
    let old = |more: &[&str]| run(&scratch, &[&["zone", "import", "example.org", "old.zone"], more].concat());
    let dry = old(&["--dry-run"]).ok();
    assert!(
        dry.contains("would edit, serial 10 -> 11\n") && dry.contains("+www.example.org.\t3600\tIN\tA\t192.0.2.81\n"),
        "{dry}"
    );
    let raised = old(&[]);
    assert!(raised.err.contains("not later than the zone's: 11 instead"), "{}", raised.err);
    assert!(raised.ok().contains("serial 10 -> 11"));
    assert!(old(&["--force-serial"]).ok().contains("serial 11 -> 5"));
    let server = Server::start(&scratch, &[]);
    assert_eq!(server.data("www.example.org", RType::A), "192.0.2.81");
    assert!(server.data("example.org", RType::SOA).contains(" 5 7200 "));
    // What a server has, nobody else opens.
    let mode = std::fs::metadata(scratch.path().join("data/control.sock")).expect("socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let second = run(&scratch, &["serve", "--listen", &format!("127.0.0.1:{}", free_port())]).fails();
    assert!(second.contains("in use by another server"), "{second}");
}

/// One missing address must not take a zone out of service, nor what others answer from such a zone.
#[test]
fn what_every_server_serves_is_served() {
    let scratch = scratch("cli-odd");
    let odd = "cust NS ns1.cust\nalias NS al\nal CNAME ns1\nd DNAME other.test.\nx.d A 192.0.2.9\n\
               @ NS child\nchild NS ns.other.net.\nwww.example.net. A 192.0.2.7\nwww A 192.0.2.80\n";
    scratch.write("odd.zone", &zone(1, odd));
    let warnings = [
        "odd.zone:5: warning: cust.example.org. NS: ns1.cust.example.org. has no address in the zone",
        "odd.zone:6: warning: alias.example.org. NS: al.example.org. is an alias",
        "odd.zone:9: warning: x.d.example.org.: data below a DNAME is never answered",
        "odd.zone:12: warning: www.example.net. A: is not in the zone example.org., and left out",
    ];
    let check = |words: &[&str]| run_with(&scratch, &[words, &["example.org", "odd.zone"]].concat(), "", &[]);
    let report = check(&["zone", "check"]).ok();
    assert!(warnings.iter().all(|line| report.contains(line)) && report.lines().count() == 5, "{report}");
    let strict = check(&["zone", "check", "--strict"]);
    assert_eq!((strict.code, strict.out.lines().count()), (1, 4), "{}", strict.out);
    let source = ["--zone", "example.org=odd.zone"];
    assert!(run(&scratch, &[&["check"], &source[..]].concat()).ok().contains(warnings[0]));
    let strict = run(&scratch, &[&["check", "--strict"], &source[..]].concat());
    assert!(strict.code == 1 && strict.out.contains("has no address in the zone"), "{}", strict.out);

    let server = Server::start(&scratch, &source);
    assert_eq!(server.data("www.example.org", RType::A), "192.0.2.80");
    let referral = server.ask(&common::query("a.cust.example.org", RType::A));
    assert!(referral.answers.is_empty() && !referral.authorities.is_empty() && !referral.header.aa, "{referral:?}");
    let list = run(&scratch, &["zone", "list"]).ok();
    assert!(list.lines().last().is_some_and(|line| line.split_whitespace().rev().take(2).eq(["4", "file"])), "{list}");
    let shown = run(&scratch, &["zone", "show", "example.org"]).ok();
    let line = "  warning: cust.example.org. NS: ns1.cust.example.org. has no address in the zone\n";
    assert!(shown.contains(line) && shown.matches("  warning: ").count() == 4, "{shown}");
    let stats = run(&scratch, &["stats"]).ok();
    assert!(stats.contains("\nfindings 4\nzones_with_findings 1\n"), "{stats}");
    let log = server.process.log();
    assert_eq!(log.matches("has no address in the zone").count(), 1, "{log}");
    // By the API too.
    let imported = run(&scratch, &["zone", "import", "other.example", "odd.zone"]);
    assert!(imported.err.contains("is not in the zone other.example."), "{}", imported.err);
    assert!(imported.ok().contains("create, serial - -> 1"));
    let mut json: Vec<serde_json::Value> = Vec::new();
    for line in run(&scratch, &["zone", "list", "--json"]).ok().lines() {
        json.push(serde_json::from_str(line).expect("JSON"));
    }
    let found = &json.iter().find(|zone| zone["name"] == "other.example.").expect("the zone")["findings"];
    let cust =
        found["list"].as_array().expect("a list").iter().find(|finding| finding["name"] == "cust.other.example.");
    assert_eq!(cust.expect("the finding")["type"], "NS", "{found}");
}

#[test]
fn zones_of_a_running_server() {
    let scratch = scratch("cli-zones");
    let mut server = Server::start(&scratch, &[]);
    let zone = |words: &[&str]| run(&scratch, &[&["zone"], words].concat());
    assert!(
        zone(&["create", "example.org", "--ns", "ns.example.net"]).ok().starts_with("example.org.: created, serial 1")
    );
    assert_eq!(zone(&["create", "example.org"]).fails(), "headwater: there is a zone example.org. already\n");
    assert_eq!(server.data("example.org", RType::NS), "ns.example.net.");
    assert!(zone(&["import", "example.org", "example.org.zone"]).ok().contains("serial 1 -> 10, change 2"));
    assert_eq!(server.data("www.example.org", RType::A), "192.0.2.80", "visible when it is acknowledged");
    let list = zone(&["list"]).ok();
    assert!(list.lines().count() == 2 && list.contains("example.org.  10"), "{list}");
    let json: serde_json::Value = serde_json::from_str(&zone(&["list", "--json"]).ok()).expect("JSON");
    assert_eq!((&json["name"], &json["records"]), (&"example.org.".into(), &4.into()));
    // History, comparison, and back again.
    let history = zone(&["history", "example.org"]).ok();
    assert!(
        history.contains("1 -> 10") && history.contains("import of example.org.zone") && history.contains("local"),
        "{history}"
    );
    assert_eq!(zone(&["history", "example.org", "--limit", "1", "--json"]).ok().lines().count(), 1);
    let diff = zone(&["diff", "example.org", "1", "10"]).ok();
    assert!(diff.contains("-example.org.\t3600\tIN\tNS\tns.example.net.\n") && diff.contains("\n+"), "{diff}");
    assert!(zone(&["diff", "example.org", "3", "10"]).fails().contains("no serial 3"));
    assert!(zone(&["revert", "2", "--dry-run"]).ok().contains("would "));
    assert!(zone(&["revert", "2"]).ok().contains("serial 10 -> 11"));
    assert_eq!(server.data("example.org", RType::NS), "ns.example.net.");
    assert!(zone(&["revert", "77"]).fails().contains("there is no change 77"));
    // A zone larger than what strangers may send.
    let many: String = (0..5000).map(|n| format!("host{n} TXT \"some text of host {n}\"\n")).collect();
    scratch.write("large.zone", &self::zone(1, &many));
    assert!(zone(&["import", "large.example", "large.zone"]).ok().contains("create, serial - -> 1"));
    assert_eq!(server.data("host4999.large.example", RType::TXT), "\"some text of host 4999\"");
    zone(&["delete", "large.example"]).ok();
    // Transfers on demand.
    assert!(zone(&["notify", "example.org"]).ok().contains("0 servers are told"));
    assert!(zone(&["refresh", "example.org"]).fails().contains("is no secondary"));
    assert!(zone(&["create", "second.example", "--primary", "127.0.0.1:1"]).ok().contains("waiting"));
    assert!(zone(&["refresh", "second.example"]).ok().contains("one of 1 primaries"));
    // Removed, and brought back.
    let deleted = zone(&["delete", "example.org", "--why", "moved"]).ok();
    assert_eq!(server.data("example.org", RType::NS), "REFUSED");
    let change = deleted.rsplit("revert ").next().and_then(|rest| rest.split('`').next()).expect("a number");
    zone(&["revert", change]).ok();
    assert_eq!(server.data("example.org", RType::NS), "ns.example.net.");
    assert!(zone(&["delete", "missing.example"]).fails().contains("missing.example."));
    assert!(run(&scratch, &["stats"]).ok().starts_with("zones 2\n"));
    server.process.signal("TERM");
    assert!(server.process.wait().success());
    assert!(!scratch.path().join("data/control.sock").exists());
    // The same without the server.
    assert!(zone(&["list"]).ok().contains("example.org."));
    assert!(zone(&["notify", "example.org"]).fails().contains("no server answers"));
}

#[test]
fn records_are_set_added_and_deleted() {
    let scratch = scratch("cli-record");
    let server = Server::start(&scratch, &[]);
    let made = run(&scratch, &["zone", "create", "example.org"]).ok();
    let next = made.lines().nth(1).expect("a second line says what comes next");
    let next: Vec<&str> = next.split(' ').collect();
    assert_eq!(&next[..3], ["next:", "headwater", "record"], "{made}");
    run(&scratch, &next[2..]).ok();
    assert_eq!(server.data("www.example.org", RType::A), "192.0.2.1", "the next step works as it is written");
    let record = |words: &[&str]| run(&scratch, &[&["record"], words].concat());
    let dry = record(&["set", "example.org", "www", "A", "192.0.2.2", "192.0.2.3", "--ttl", "60", "--dry-run"]).ok();
    assert!(dry.contains("+www.example.org.\t60\tIN\tA\t192.0.2.3\n") && dry.contains("would edit"), "{dry}");
    assert_eq!(server.data("www.example.org", RType::A), "192.0.2.1");
    record(&["set", "example.org", "www", "A", "192.0.2.2", "192.0.2.3", "--ttl", "60", "--why", "moved"]).ok();
    record(&["add", "example.org", "www.example.org.", "A", "192.0.2.4"]).ok();
    assert_eq!(server.data("www.example.org", RType::A), "192.0.2.2 192.0.2.3 192.0.2.4");
    let ttls = server.ask(&common::query("www.example.org", RType::A)).answers.iter().map(|r| r.ttl).max();
    assert_eq!(ttls, Some(60), "the TTL of what is there");
    record(&["delete", "example.org", "www", "A", "192.0.2.2", "192.0.2.4"]).ok();
    assert_eq!(server.data("www.example.org", RType::A), "192.0.2.3");
    record(&["delete", "example.org", "www", "A"]).ok();
    assert_eq!(server.data("www.example.org", RType::A), "NXDOMAIN");
    // One record in several words, and text as it is.
    record(&["set", "example.org", "@", "MX", "10", "mail.example.net."]).ok();
    assert_eq!(server.data("example.org", RType::MX), "10 mail.example.net.");
    record(&["set", "example.org", "@", "TXT", "v=DMARC1; p=none"]).ok();
    assert_eq!(server.data("example.org", RType::TXT), "\"v=DMARC1; p=none\"");
    assert!(run(&scratch, &["zone", "history", "example.org"]).ok().contains("moved"));
    // What is wrong is said, value by value, and changes nothing.
    let wrong = record(&["add", "example.org", "www", "A", "192.0.2.5", "300.1.1.1"]).fails();
    assert!(
        wrong.contains("`300.1.1.1`: ")
            && !wrong.contains("add/")
            && server.data("www.example.org", RType::A) == "NXDOMAIN",
        "{wrong}"
    );
    assert!(record(&["delete", "example.org", "www", "A"]).fails().contains("no A records at www.example.org."));
    assert!(record(&["add", "example.net", "www", "A", "192.0.2.5"]).fails().contains("example.net."));
    let unknown = run(&scratch, &["record", "add", "example.org", "www", "AAAAA", "::1"]);
    assert!(unknown.code == 2 && unknown.err.contains("`AAAAA` is not a record type"), "{}", unknown.err);
    // The same without a server.
    drop(server);
    record(&["add", "example.org", "www", "AAAA", "2001:db8::1"]).ok();
    assert!(run(&scratch, &["zone", "export", "example.org"]).ok().contains("2001:db8::1"));
}

#[test]
fn editing_commits_the_difference() {
    let scratch = scratch("cli-edit");
    let server = Server::start(&scratch, &[]);
    run(&scratch, &["zone", "import", "example.org", "example.org.zone"]).ok();
    let edit = |editor: &str, more: &[&str], input: &str| {
        let words = [&["zone", "edit", "example.org", "--data", "data"], more].concat();
        run_with(&scratch, &words, input, &[("EDITOR", editor)])
    };
    let address = || server.data("www.example.org", RType::A);
    let to = |last: u8| format!("sed -i s/192.0.2.8[0-9]*/192.0.2.{last}/");
    assert_eq!(edit("true", &[], "").ok(), "nothing to change\n");
    let said = edit(&to(81), &[], "y\n").ok();
    assert!(
        said.contains("-WWW.example.org.\t3600\tIN\tA\t192.0.2.80\n") && said.contains("\tA\t192.0.2.81\n"),
        "{said}"
    );
    assert!(said.ends_with("example.org.: edit, serial 10 -> 11, change 2\n"), "{said}");
    assert_eq!(address(), "192.0.2.81");
    // Only what was changed is in the change.
    let diff = run(&scratch, &["zone", "diff", "example.org", "10", "11"]).ok();
    assert_eq!(diff.lines().count(), 4, "{diff}");
    // No, or nobody there: nothing happens, and the text is kept.
    let kept = edit(&to(82), &[], "n\n").fails();
    let path = kept.rsplit("the edited text is in ").next().expect("a path").trim();
    assert!(std::fs::read_to_string(path).expect("kept").contains("192.0.2.82"), "{kept}");
    assert_eq!(std::fs::metadata(path).expect("kept").permissions().mode() & 0o777, 0o600);
    assert!(edit(&to(82), &[], "").fails().contains("not committed"));
    assert_eq!(address(), "192.0.2.81");
    // A fault is shown with its line, and can be put right without losing the rest.
    let twice = "f() { if grep -q bad \"$1\"; then sed -i s/bad/192.0.2.83/ \"$1\"; else sed -i s/192.0.2.81/bad/ \"$1\"; fi; }; f";
    let mended = edit(twice, &["--yes"], "y\n");
    assert!(mended.err.contains("example.org.zone:4:"), "{}", mended.err);
    mended.ok();
    assert_eq!(address(), "192.0.2.83");
    // What the zone cannot be is found before it is committed.
    let nameless = edit("sed -i '/\\tNS\\t/d'", &["--yes"], "n\n").fails();
    assert!(nameless.contains("NS"), "{nameless}");
    // Somebody else was faster.
    scratch.write("faster.zone", &zone(50, "www A 192.0.2.84\n"));
    let binary = headwater(&[]).get_program().to_string_lossy().into_owned();
    let data = scratch.path().join("data");
    let faster = scratch.path().join("faster.zone");
    let race = format!(
        "f() {{ '{binary}' zone import example.org '{}' --data '{}' >&2; sed -i s/192.0.2.83/192.0.2.85/ \"$1\"; }}; f",
        faster.display(),
        data.display()
    );
    let lost = edit(&race, &["--yes"], "").fails();
    assert!(
        lost.contains("has changed in the meantime (its serial is 50)") && lost.contains("the edited text"),
        "{lost}"
    );
    assert_eq!(address(), "192.0.2.84");
    assert!(edit("false", &[], "").fails().contains("editor `false`"));
}

#[test]
fn backups_are_made_during_writes_and_restored_offline() {
    let scratch = scratch("cli-backup");
    let mut server = Server::start(&scratch, &[]);
    run(&scratch, &["zone", "import", "example.org", "example.org.zone"]).ok();
    let made = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for serial in 11..21 {
                scratch.write("next.zone", &zone(serial, &format!("n{serial} A 192.0.2.{serial}\n")));
                run(&scratch, &["zone", "import", "example.org", "next.zone"]).ok();
            }
        });
        let made = run(&scratch, &["backup", "create"]).ok();
        run(&scratch, &["backup", "create", "copy"]).ok();
        writer.join().expect("writer");
        made
    });
    run(&scratch, &["backup", "create", "last"]).ok();
    assert!(run(&scratch, &["backup", "create", "last"]).fails().contains("exists already"));
    let before = run(&scratch, &["zone", "export", "example.org"]).ok();
    let first = made.split(": made").next().expect("a path");
    for backup in [first, "copy", "last"] {
        assert!(run_with(&scratch, &["backup", "verify", backup], "", &[]).ok().contains("sound"), "{backup}");
    }
    let restore = |more: &[&str]| run(&scratch, &[&["backup", "restore", "last"], more].concat());
    assert!(restore(&["--force"]).fails().contains("in use by a running server"));
    run(&scratch, &["zone", "delete", "example.org"]).ok();
    server.process.signal("TERM");
    server.process.wait();
    assert!(restore(&[]).fails().contains("--force replaces"));
    assert!(restore(&["--force"]).ok().contains("restored"));
    assert_eq!(run(&scratch, &["zone", "export", "example.org"]).ok(), before);
    let server = Server::start(&scratch, &[]);
    assert_eq!(server.data("n20.example.org", RType::A), "192.0.2.20");
    // One octet is enough.
    let journal = scratch.path().join("last/journal.db");
    let mut octets = std::fs::read(&journal).expect("backup");
    let middle = octets.len() / 2;
    octets[middle] ^= 1;
    std::fs::write(&journal, octets).expect("backup");
    assert!(run_with(&scratch, &["backup", "verify", "last"], "", &[]).fails().contains("journal.db"));
}

/// A request to the HTTP API with a token; the status and the body.
fn http(port: u16, token: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the API listens");
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\n");
    write!(stream, "{head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("a response");
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{text}"));
    (status, text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

/// A zone file that changes without a later serial is a finding of its zone until the serial goes up.
#[test]
fn a_serial_that_stays_is_a_finding() {
    let scratch = scratch("cli-serial");
    let (port, dns) = (free_port(), free_port());
    let listen = format!("listen: [{{ address: \"127.0.0.1:{dns}\", protocols: [udp, tcp] }}]");
    scratch.write(
        "headwater.yaml",
        &format!("server:\n  {listen}\n  web_port: {port}\nzones: [{{ name: example.org, file: example.org.zone }}]\n"),
    );
    scratch.write("example.org.zone", &zone(5, "www A 192.0.2.80\n"));
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], dns));
    let mut server = Server::launch(&scratch, &["--config", "headwater.yaml"], address);
    server.process.wait_for("\"ready\"", 1);
    let token = run(&scratch, &["token", "create", "reader", "--verb", "read"]).ok();
    let mut findings = |serial: u32, lines: &str| {
        scratch.write("example.org.zone", &zone(serial, lines));
        server.reload();
        let (status, body) = http(port, token.trim(), "GET", "/api/v1/zones/example.org", "");
        assert_eq!(status, 200, "{body}");
        let zone: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        let list = zone["findings"]["list"].as_array().expect("a list").clone();
        assert_eq!(zone["findings"]["count"], list.len(), "{zone}");
        list
    };
    assert_eq!(findings(5, "www A 192.0.2.80\n").len(), 0);
    let same = findings(5, "www A 192.0.2.81\n");
    assert_eq!((same.len(), &same[0]["name"], &same[0]["type"]), (1, &"example.org.".into(), &"SOA".into()));
    let said = same[0]["detail"].as_str().expect("a message");
    assert!(said.contains("the serial 5 is the same as before"), "{said}");
    let lower = findings(4, "www A 192.0.2.82\n");
    assert!(lower.len() == 1 && lower[0]["detail"].as_str().is_some_and(|it| it.contains("back from 5")), "{lower:?}");
    assert_eq!(findings(6, "www A 192.0.2.82\n").len(), 0);
}

#[test]
fn users_tokens_and_keys() {
    let scratch = scratch("cli-access");
    let port = free_port();
    let dns = free_port();
    scratch.write(
        "headwater.yaml",
        &format!("server:\n  listen: [{{ address: \"127.0.0.1:{dns}\", protocols: [udp, tcp] }}]\n  web_port: {port}\nweb:\n  bind_address: 127.0.0.1\n"),
    );
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], dns));
    let mut server = Server::launch(&scratch, &["--config", "headwater.yaml"], address);
    server.process.wait_for("\"ready\"", 1);
    run(&scratch, &["zone", "import", "example.org", "example.org.zone"]).ok();
    // Tokens: what they allow, and that they end.
    let token =
        run(&scratch, &["token", "create", "reader", "--verb", "read", "--zone", "example.org", "--expires", "1d"])
            .ok();
    let get = |token: &str| http(port, token.trim(), "GET", "/api/v1/zones/example.org", "").0;
    let put = |token: &str, owner: &str, rtype: &str, data: &str| {
        let path = format!("/api/v1/zones/example.org/rrsets/{owner}/{rtype}");
        http(port, token.trim(), "PUT", &path, &format!("{{\"records\": [\"{data}\"]}}")).0
    };
    assert_eq!((get(&token), put(&token, "x", "A", "192.0.2.9")), (200, 403));
    let acme = run(&scratch, &["token", "acme", "www.example.org"]).ok();
    assert_eq!(put(&acme, "_acme-challenge.www", "TXT", "proof"), 200);
    assert_eq!(server.data("_acme-challenge.www.example.org", RType::TXT), "\"proof\"");
    assert_eq!(put(&acme, "_acme-challenge.www", "A", "192.0.2.9"), 403);
    assert_eq!(put(&acme, "www", "TXT", "proof"), 403);
    let list = run(&scratch, &["token", "list"]).ok();
    assert!(list.contains("reader") && list.contains("update TXT at _acme-challenge.www.example.org"), "{list}");
    let line = list.lines().find(|line| line.contains("reader")).expect("listed");
    let id = line.split(' ').next().expect("an identifier");
    run(&scratch, &["token", "revoke", id]).ok();
    assert_eq!(get(&token), 401);
    assert!(run(&scratch, &["token", "revoke", id]).fails().contains("no token"));
    assert!(run(&scratch, &["token", "create", "x", "--verb", "read", "--owner", "nobody"]).fails().contains("nobody"));
    // Users.
    let with = |words: &[&str], input: &str| run_with(&scratch, &[words, &["--data", "data"]].concat(), input, &[]);
    let user =
        with(&["user", "create", "anna", "--role", "editor", "--display-name", "Anna"], "correct horse battery\n");
    assert_eq!(user.ok(), "user anna is made, roles: editor\n");
    assert!(with(&["user", "create", "bob"], "short\n").fails().starts_with("headwater: password: "));
    assert!(with(&["user", "create", "bob"], "").fails().contains("no password on standard input"));
    with(&["user", "passwd", "anna"], "another horse battery\n").ok();
    let users = run(&scratch, &["user", "list"]).ok();
    assert!(users.contains("anna") && users.contains("admin") && users.lines().count() == 3, "{users}");
    run(&scratch, &["user", "delete", "anna"]).ok();
    assert!(run(&scratch, &["user", "delete", "admin"]).fails().contains("admin"));
    // Keys.
    let key = run(&scratch, &["key", "tsig", "create", "transfer"]).ok();
    assert!(
        key.starts_with("hmac-sha256:transfer.:") && key.trim().len() == "hmac-sha256:transfer.:".len() + 44,
        "{key}"
    );
    scratch.write("secret", "c2VjcmV0IHRoYXQgaXMgbG9uZyBlbm91Z2ghISEhISE=\n");
    let given =
        run(&scratch, &["key", "tsig", "create", "given", "--algorithm", "hmac-sha512", "--secret-file", "secret"])
            .ok();
    assert_eq!(given, "hmac-sha512:given.:c2VjcmV0IHRoYXQgaXMgbG9uZyBlbm91Z2ghISEhISE=\n");
    let keys = run(&scratch, &["key", "tsig", "list"]).ok();
    assert!(keys.contains("given.") && keys.contains("transfer.") && !keys.contains("c2Vj"), "{keys}");
    run(&scratch, &["key", "tsig", "delete", "given"]).ok();
    assert!(run(&scratch, &["key", "tsig", "delete", "given"]).fails().contains("given"));
}
