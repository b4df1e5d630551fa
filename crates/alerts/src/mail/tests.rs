//! Mail to a real SMTP server, aiosmtpd, which prints what it gets.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::*;
use crate::fixture;
use crate::state::{Alert, Phase};

struct SmtpServer {
    child: Child,
    port: u16,
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts aiosmtpd with more arguments; `None`: there is none here.
fn server(arguments: &[&str]) -> Option<SmtpServer> {
    let has = Command::new("python3").args(["-c", "import aiosmtpd"]).stderr(Stdio::null()).status();
    if !has.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no aiosmtpd");
        return None;
    }
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port").port();
    let mut command = Command::new("python3");
    command.args(["-u", "-m", "aiosmtpd", "-n", "-l", &format!("127.0.0.1:{port}")]).args(arguments);
    command.args(["-c", "aiosmtpd.handlers.Debugging", "stdout"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let server = SmtpServer { child, port };
    let up = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    assert!(up, "aiosmtpd does not answer");
    Some(server)
}

fn settings(port: u16, tls: MailTls) -> MailSettings {
    let text = str::to_owned;
    let (server, from, server_name) = (text("localhost"), text("dns@example.org"), text("ns1.example.org."));
    MailSettings { server, port, tls, from, server_name, ..MailSettings::default() }
}

fn notice() -> Notice {
    let (rule, labels) = ("zone_expires".to_owned(), "zone=\"example.org.\"".to_owned());
    let (summary, value) = ("it expires".to_owned(), Some(3600.0));
    fixture::notice(vec![Alert { rule, labels, summary, value, ..fixture::alert(Phase::Firing) }])
}

#[test]
fn a_real_server_takes_it() {
    let Some(mut server) = server(&[]) else { return };
    let settings = settings(server.port, MailTls::None);
    MailSender::new(&settings).and_then(|it| it.send("ops@example.net", &notice())).expect("taken");
    let mut text = String::new();
    let mut reader = BufReader::new(server.child.stdout.take().expect("its output"));
    while !text.contains("END MESSAGE") {
        assert!(reader.read_line(&mut text).expect("a line") > 0, "{text}");
    }
    for part in [
        "Subject: [ns1.example.org.] firing: critical zone_expires",
        "Message-ID: <n-1@ns1.example.org>",
        "critical: zone_expires: it expires (zone=\"example.org.\"), value 3600",
    ] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
}

#[test]
fn no_mail_goes_in_the_clear_if_tls_is_wanted() {
    let Some(server) = server(&[]) else { return };
    let settings = settings(server.port, MailTls::Starttls);
    let error =
        MailSender::new(&settings).and_then(|it| it.send("ops@example.net", &notice())).expect_err("no STARTTLS");
    assert!(error.problem.to_lowercase().contains("starttls"), "{error}");
}

#[test]
fn what_cannot_work_is_said() {
    let none = MailSettings::default();
    assert!(MailSender::new(&none).is_err_and(|error| error.problem.contains("alerts.smtp.server")));
    let settings = settings(1, MailTls::None);
    let sender = MailSender::new(&settings).expect("a sender");
    assert!(!sender.send("no address", &notice()).expect_err("no address").may_try_again);
    let error = sender.send("ops@example.net", &notice()).expect_err("nobody listens");
    assert!(error.may_try_again && error.problem.to_lowercase().contains("refused"), "{error}");
}
