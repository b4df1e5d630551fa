//! The query log and the server's own log as a real rsyslog receives them.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::{Process, Scratch, free_port, until};
use crate::tools::{ask_many, is_here, numbers, rows, start, wait_for};

/// Starts rsyslog with inputs on UDP, TCP and a Unix socket, each with a file of its own.
fn rsyslog(scratch: &Scratch, port: u16) -> Process {
    let directory = scratch.path().display();
    let template = "template(name=\"fields\" type=\"string\" \
                    string=\"%hostname%|%app-name%|%msgid%|%syslogfacility-text%|%syslogseverity-text%|%timestamp%|%msg%\\n\")";
    let ruleset = |name: &str| {
        format!(
            "ruleset(name=\"{name}\") {{ action(type=\"omfile\" file=\"{directory}/{name}.txt\" template=\"fields\") }}\n"
        )
    };
    let config = format!(
        "global(workDirectory=\"{directory}\" maxMessageSize=\"64k\")\n{template}\n{}{}{}\
         module(load=\"imudp\")\nmodule(load=\"imtcp\")\nmodule(load=\"imuxsock\" SysSock.Use=\"off\")\n\
         input(type=\"imudp\" address=\"127.0.0.1\" port=\"{port}\" ruleset=\"udp\")\n\
         input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\" ruleset=\"tcp\")\n\
         input(type=\"imuxsock\" socket=\"{directory}/log.sock\" ruleset=\"unix\" UseSpecialParser=\"off\" \
         ParseHostname=\"on\" RateLimit.Interval=\"0\")\n",
        ruleset("udp"),
        ruleset("tcp"),
        ruleset("unix"),
    );
    let file = scratch.write("rsyslog.conf", &config);
    let mut command = Command::new("/usr/sbin/rsyslogd");
    command.args(["-n", "-i", "NONE", "-f"]).arg(file);
    let process = Process::start(&mut command, scratch.path(), "rsyslog-log");
    let is_up = || {
        (scratch.path().join("log.sock").exists() && std::net::TcpStream::connect(("127.0.0.1", port)).is_ok())
            .then_some(())
    };
    until(crate::common::PATIENCE, is_up).unwrap_or_else(|| panic!("rsyslog does not start: {}", process.log()));
    process
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The fields of a line, and its message.
fn fields(line: &str) -> (Vec<&str>, &str) {
    let mut parts: Vec<&str> = line.splitn(7, '|').collect();
    let message = parts.pop().unwrap_or_default();
    (parts, message.trim_start())
}

fn messages(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", fields(line).1)).collect()
}

#[test]
fn rows_and_lines_arrive_over_each_transport() {
    if !is_here("rsyslogd") {
        return;
    }
    let scratch = Scratch::new("log-syslog");
    let port = free_port();
    let _rsyslog = rsyslog(&scratch, port);
    let host = fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
    let targets = [
        ("udp", format!("udp://127.0.0.1:{port}")),
        ("tcp", format!("tcp://127.0.0.1:{port}")),
        ("unix", "unix://log.sock".into()),
    ];
    for (i, (name, address)) in targets.iter().enumerate() {
        let keys = format!(
            "format: json, syslog: '{address}', queries: {{ enabled: true, outputs: [syslog], syslog: '{address}#local3' }}"
        );
        let mut server = start(&scratch, &keys, "");
        ask_many(server.address, i * 100, 100);
        server.process.signal("TERM");
        server.process.wait();
        let file = scratch.path().join(format!("{name}.txt"));
        let text =
            wait_for(|| read(&file), |text| text.matches("|query|").count() >= 100 && text.contains("\"stopped\""));
        let (found, message) = fields(text.lines().find(|line| line.contains("|query|")).expect("a row"));
        assert_eq!(found[..5], [host.trim(), "headwater", "query", "local3", "info"], "{name}: {text}");
        assert!(message.starts_with("{\"timestamp\":\"") && message.ends_with('}'), "{message}");
        let queries: String =
            text.lines().filter(|line| line.contains("|query|")).map(|line| format!("{line}\n")).collect();
        assert_eq!(numbers(&rows(&messages(&queries))), (i * 100..i * 100 + 100).collect::<Vec<_>>(), "{name}");
        let ready = text.lines().find(|line| line.contains("\"message\":\"ready\"")).expect("the own log");
        assert_eq!(fields(ready).0[..5], [host.trim(), "headwater", "log", "daemon", "info"]);
    }
}

#[test]
fn syslog_goes_away_and_comes_back() {
    if !is_here("rsyslogd") {
        return;
    }
    let scratch = Scratch::new("log-syslog-gone");
    let port = free_port();
    let mut rsyslog_process = rsyslog(&scratch, port);
    let keys = format!("queries: {{ enabled: true, outputs: [syslog], syslog: 'tcp://127.0.0.1:{port}' }}");
    let mut server = start(&scratch, &keys, "");
    let file = scratch.path().join("tcp.txt");
    ask_many(server.address, 0, 100);
    wait_for(|| read(&file), |text| text.lines().count() >= 100);
    rsyslog_process.signal("TERM");
    rsyslog_process.wait();
    let begin = std::time::Instant::now();
    ask_many(server.address, 100, 100);
    assert!(begin.elapsed() < crate::common::PATIENCE / 3, "answers do not wait: {:?}", begin.elapsed());
    server.process.wait_for("the query log cannot be written: ", 1);
    let _rsyslog = rsyslog(&scratch, port);
    ask_many(server.address, 200, 100);
    let text = wait_for(|| read(&file), |text| text.lines().count() >= 300);
    assert_eq!(numbers(&rows(&messages(&text))), (0..300).collect::<Vec<_>>(), "what came meanwhile had waited");
    server.process.wait_for("the query log is written again", 1);
    server.process.signal("TERM");
    server.process.wait();
}
