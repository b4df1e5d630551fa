//! HTTPS for the API, as curl and OpenSSL see it: certificates of our own and from files, replaced while they are
//! used, protocols, cookies, other sites' pages, and clients that misbehave.

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use common::{PATIENCE, Process, Scratch, Server, free_port, headwater, until};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};

const PASSWORD: &str = "correct horse battery";

/// Whether the programs that these tests use are there.
fn tools() -> bool {
    let is_there = |name: &str| Command::new(name).arg("--version").output().is_ok();
    let there = is_there("curl") && Command::new("openssl").arg("version").output().is_ok();
    if !there {
        println!("skipped: curl or openssl is missing");
    }
    there
}

/// A server whose API speaks HTTPS on a port of its own.
struct Site {
    server: Server,
    port: u16,
}

impl Site {
    /// `web` are the keys of the section beside `listen`.
    fn start(scratch: &Scratch, web: &str) -> Site {
        let (port, dns) = (free_port(), free_port());
        let config = format!(
            "server: {{ name: ns1.example, bind_address: 127.0.0.1, dns_port: {dns} }}\nresolver: {{ enabled: false }}\n\
             web:\n  listen: [{{ address: '127.0.0.1:{port}', protocol: https }}]\n{web}\n"
        );
        scratch.write("headwater.yaml", &config);
        let mut command = headwater(&["serve", "--config", "headwater.yaml", "--data", "data"]);
        command.env("HEADWATER_ADMIN_PASSWORD", PASSWORD);
        let process = Process::start(&mut command, scratch.path(), &format!("log-{dns}"));
        let mut server = Server::over(process, dns);
        server.process.wait_for("\"ready\"", 1);
        Site { server, port }
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// What curl says to these words, the server's certificate checked against `ca`.
    fn curl(&self, ca: &Path, words: &[&str]) -> Output {
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--include", "--max-time", "20", "--cacert"]).arg(ca);
        command.args(words).output().expect("curl runs")
    }

    /// The response to a request that succeeds, with its head.
    #[track_caller]
    fn get(&self, ca: &Path, words: &[&str], path: &str) -> String {
        let output = self.curl(ca, &[words, &[&self.url(path)]].concat());
        assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&output.stderr), self.server.process.log());
        String::from_utf8(output.stdout).expect("text")
    }

    /// SHA-256 of the certificate that it shows, as OpenSSL prints it.
    fn fingerprint(&self) -> String {
        let script = format!(
            "openssl s_client -connect 127.0.0.1:{} </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256",
            self.port
        );
        let output = Command::new("sh").args(["-c", &script]).output().expect("openssl runs");
        String::from_utf8(output.stdout).expect("text").trim().rsplit('=').next().expect("a fingerprint").to_owned()
    }

    fn log_has(&self, text: &str) -> bool {
        until(PATIENCE, || self.server.process.log().contains(text).then_some(())).is_some()
    }
}

/// An authority whose certificates the tests trust.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new(scratch: &Scratch) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "Test authority");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("key")).expect("authority");
        scratch.write("ca.pem", &issuer.pem());
        Authority { issuer }
    }

    /// Certificate and key for localhost, valid to the end of `year`.
    fn certify(&self, year: i32) -> (String, String) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("names");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 12, 31);
        let key = KeyPair::generate().expect("key");
        let certificate = params.signed_by(&key, &self.issuer).expect("certificate");
        (certificate.pem(), key.serialize_pem())
    }
}

const FILES: &str = "  tls: { certificate: cert.pem, key: key.pem }";

/// Puts a certificate and its key where the server reads them.
fn put(scratch: &Scratch, (certificate, key): &(String, String)) {
    scratch.write("key.pem", key);
    scratch.write("cert.pem", certificate);
}

#[test]
fn a_certificate_of_our_own() {
    if !tools() {
        return;
    }
    let scratch = Scratch::new("https-own");
    let site = Site::start(&scratch, "  tls: { self_signed: true }");
    let fingerprint = site.fingerprint();
    assert_eq!(fingerprint.len(), 95, "{fingerprint}");
    assert!(site.server.process.log().contains(&fingerprint), "{}", site.server.process.log());
    let ca = scratch.path().join("data/web/certificate.pem");
    let mode = fs::metadata(scratch.path().join("data/web/key.pem")).expect("key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for (words, version) in [(["--http1.1", "--tlsv1.2"], "HTTP/1.1 200"), (["--http2", "--tlsv1.3"], "HTTP/2 200")] {
        let answer = site.get(&ca, &words, "/health");
        assert!(answer.starts_with(version), "{answer}");
        assert!(!answer.to_lowercase().contains("strict-transport-security"), "nobody vouches for it: {answer}");
    }
    let old = site.get(&ca, &["--tls-max", "1.2"], "/health");
    assert!(old.starts_with("HTTP/2 200"), "{old}");
    let too_old = site.curl(&ca, &["--tlsv1.0", "--tls-max", "1.1", &site.url("/health")]);
    assert!(!too_old.status.success(), "TLS 1.1");
    let log_in = format!("{{\"user\":\"admin\",\"password\":\"{PASSWORD}\"}}");
    let words = ["--json", &log_in];
    let answer = site.get(&ca, &words, "/api/v1/session").to_lowercase();
    assert!(answer.contains("set-cookie: hw_session=") && answer.contains("; secure"), "{answer}");
    drop(site);
    // It is kept.
    let site = Site::start(&scratch, "  tls: { self_signed: true }");
    assert_eq!(site.fingerprint(), fingerprint);
}

#[test]
fn files_are_served_and_bad_ones_refused() {
    if !tools() {
        return;
    }
    let scratch = Scratch::new("https-files");
    let authority = Authority::new(&scratch);
    let ca = scratch.path().join("ca.pem");
    let good = authority.certify(2050);
    put(&scratch, &good);
    let mut site = Site::start(&scratch, FILES);
    let first = site.fingerprint();
    let answer = site.get(&ca, &["--http2"], "/health");
    assert!(answer.to_lowercase().contains("strict-transport-security: max-age=31536000"), "{answer}");
    // The key of another certificate: noticed by itself, and at a reload, which changes nothing.
    let other = authority.certify(2050);
    scratch.write("key.pem", &other.1);
    assert!(site.log_has("key.pem is not the key of the certificate in"), "{}", site.server.process.log());
    site.server.reload();
    assert!(site.server.process.log().contains("reload failed"), "{}", site.server.process.log());
    assert!(site.server.process.log().contains("web.tls.certificate: "), "{}", site.server.process.log());
    assert_eq!(site.fingerprint(), first);
    // An expired one does not take the place of a good one, however it comes.
    put(&scratch, &authority.certify(2021));
    assert!(site.log_has("stays the one before: the certificate expired"), "{}", site.server.process.log());
    site.server.reload();
    assert_eq!(site.fingerprint(), first);
    // No certificate at all.
    scratch.write("cert.pem", "nothing");
    assert!(site.log_has("cert.pem: no certificate in it"), "{}", site.server.process.log());
    assert!(site.get(&ca, &[], "/health").contains("200"));
    // A good one, by reload.
    put(&scratch, &other);
    site.server.reload();
    assert_ne!(site.fingerprint(), first);
    assert!(site.get(&ca, &[], "/health").contains("200"));
}

#[test]
fn a_certificate_is_replaced_under_load() {
    if !tools() {
        return;
    }
    let scratch = Scratch::new("https-replaced");
    let authority = Authority::new(&scratch);
    put(&scratch, &authority.certify(2050));
    let site = Site::start(&scratch, FILES);
    let (first, ca) = (site.fingerprint(), scratch.path().join("ca.pem"));
    let (done, requests) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for words in [["--http1.1"], ["--http2"]] {
            let (site, ca, done, requests) = (&site, &ca, &done, &requests);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    assert!(site.get(ca, &words, "/health").contains(" 200"));
                    requests.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        put(&scratch, &authority.certify(2051));
        let changed = until(PATIENCE, || (site.fingerprint() != first).then_some(()));
        std::thread::sleep(Duration::from_millis(200));
        done.store(true, Ordering::Relaxed);
        assert!(changed.is_some(), "{}", site.server.process.log());
    });
    println!("{} requests, each over a handshake of its own, none failed", requests.load(Ordering::Relaxed));
    assert!(requests.load(Ordering::Relaxed) > 10);
}

#[test]
fn http_in_the_clear_is_told() {
    if !tools() {
        return;
    }
    let scratch = Scratch::new("https-clear");
    let site = Site::start(&scratch, "  tls: { self_signed: true }");
    let url = format!("http://127.0.0.1:{}/health", site.port);
    let output = Command::new("curl").args(["--silent", "--include", &url]).output().expect("curl runs");
    let answer = String::from_utf8(output.stdout).expect("text");
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json"), "{answer}");
    assert!(answer.contains("this port speaks HTTPS"), "{answer}");
    // What is neither is closed.
    let mut stream = TcpStream::connect(("127.0.0.1", site.port)).expect("connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
    stream.write_all(b"\x16\x03\x01\x00\x05hello").expect("sent");
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(!rest.starts_with(b"HTTP"), "{rest:?}");
    assert!(site.server.process.log().contains("\"ready\""));
}

#[test]
fn slow_handshakes_take_no_place_of_others() {
    if !tools() {
        return;
    }
    let scratch = Scratch::new("https-slow");
    let site = Site::start(&scratch, "  tls: { self_signed: true }");
    let ca = scratch.path().join("data/web/certificate.pem");
    let connect = || {
        let mut stream = TcpStream::connect(("127.0.0.1", site.port)).expect("connection");
        stream.write_all(b"\x16\x03").expect("a beginning");
        stream.set_read_timeout(Some(Duration::from_millis(200))).expect("timeout");
        stream
    };
    let is_closed = |stream: &mut TcpStream| match stream.read(&mut [0]) {
        Ok(length) => length == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    };
    let mut slow: Vec<TcpStream> = (0..30).map(|_| connect()).collect();
    assert!(site.get(&ca, &[], "/health").contains("200"), "there is room beside them");
    slow.extend((0..10).map(|_| connect()));
    std::thread::sleep(Duration::from_millis(300));
    let closed = slow[32..].iter_mut().filter_map(|stream| is_closed(stream).then_some(())).count();
    assert_eq!(closed, 8, "one client has no more than its share");
    let elsewhere = site.get(&ca, &["--interface", "127.0.0.2"], "/health");
    assert!(elsewhere.contains("200"), "others have theirs: {elsewhere}");
    // They do not last.
    let gone = until(Duration::from_secs(20), || is_closed(&mut slow[0]).then_some(()));
    assert!(gone.is_some());
    assert!(site.get(&ca, &[], "/health").contains("200"));
}

#[test]
fn pages_of_other_sites() {
    if !tools() {
        return;
    }
    let scratch = Scratch::new("https-cors");
    let site = Site::start(&scratch, "  tls: { self_signed: true }\n  cors: ['https://dash.example.org']");
    let ca = scratch.path().join("data/web/certificate.pem");
    let ask = |origin: &str, words: &[&str], path: &str| {
        let origin = format!("Origin: {origin}");
        site.get(&ca, &[&["--header", &origin], words].concat(), path).to_lowercase()
    };
    let preflight = ["--request", "OPTIONS", "--header", "Access-Control-Request-Method: PATCH"];
    let answer = ask("https://dash.example.org", &preflight, "/api/v1/zones");
    assert!(answer.starts_with("http/2 204"), "{answer}");
    assert!(answer.contains("access-control-allow-origin: https://dash.example.org\r\n"), "{answer}");
    assert!(answer.contains("access-control-allow-credentials: true"), "{answer}");
    assert!(answer.contains("access-control-allow-headers: authorization, content-type, if-match"), "{answer}");
    let answer = ask("https://dash.example.org", &[], "/health");
    assert!(answer.contains("access-control-allow-origin: https://dash.example.org\r\n"), "{answer}");
    assert!(answer.contains("vary: origin"), "{answer}");
    for other in
        ["https://dash.example.org.evil.example", "http://dash.example.org", "https://dash.example.org:8443", "null"]
    {
        let answer = ask(other, &preflight, "/api/v1/zones");
        assert!(answer.starts_with("http/2 403"), "{other}: {answer}");
        assert!(!answer.contains("access-control-allow-origin"), "{other}: {answer}");
        assert!(!ask(other, &[], "/health").contains("access-control-allow-origin"), "{other}");
    }
}

#[test]
fn serving_in_the_clear_beyond_this_machine_is_said_once() {
    let scratch = Scratch::new("https-warning");
    let config = |port: u16, dns: u16| {
        format!(
            "server: {{ bind_address: 127.0.0.1, dns_port: {dns}, web_port: {port} }}\nresolver: {{ enabled: false }}\n\
             web: {{ bind_address: '0.0.0.0' }}\n"
        )
    };
    let dns = free_port();
    scratch.write("headwater.yaml", &config(free_port(), dns));
    let mut command = headwater(&["serve", "--config", "headwater.yaml", "--data", "data"]);
    let process = Process::start(&mut command, scratch.path(), "log");
    let mut server = Server::over(process, dns);
    server.process.wait_for("\"ready\"", 1);
    scratch.write("headwater.yaml", &config(free_port(), dns));
    server.reload();
    let log = server.process.log();
    assert!(log.contains("changed web.listen"), "{log}");
    assert_eq!(log.matches("beyond this machine without TLS").count(), 1, "{log}");
}
