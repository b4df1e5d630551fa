//! Lists of networks: those of the API, which may lock out who changes them, and files that are followed.

use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;

use dns::RType;
use serde_json::{Value, json};

use super::common::{ANSWER_TIMEOUT, SILENCE, Server, free_port, headwater, query, receive};
use super::{House, SETTLED};

const PASSWORD: &str = "correct horse battery";

/// A server whose API is served over HTTP and HTTPS.
struct Site {
    house: House,
    http: u16,
    https: u16,
}

impl Site {
    /// `web` are the keys of the section beside `listen`.
    fn start(name: &str, web: &str) -> Option<Site> {
        if Command::new("curl").arg("--version").output().is_err() {
            println!("skipped: curl is missing");
            return None;
        }
        let (http, https) = (free_port(), free_port());
        let config = format!(
            "server:\n  listen: [{{ address: '127.0.0.1:PORT' }}]\nresolver: {{ enabled: false }}\nweb:\n\
             \x20 listen: [{{ address: '127.0.0.1:{http}' }}, {{ address: '127.0.0.1:{https}', protocol: https }}]\n\
             \x20 tls: {{ self_signed: true }}\n{web}\n"
        );
        let house = House::with(name, &config, &[], &[("HEADWATER_ADMIN_PASSWORD", PASSWORD)]);
        Some(Site { house, http, https })
    }

    /// The statuses that a client gets over HTTP and HTTPS, to requests with these words.
    fn statuses(&self, client: &str, words: &[&str], target: &str) -> [u16; 2] {
        [("http", self.http), ("https", self.https)]
            .map(|(scheme, port)| self.reply(client, words, &format!("{scheme}://127.0.0.1:{port}{target}")).0)
    }

    /// The status that it gets over both.
    #[track_caller]
    fn status(&self, client: &str, words: &[&str], target: &str) -> u16 {
        let [http, https] = self.statuses(client, words, target);
        assert_eq!(http, https, "over HTTP, over HTTPS: {client} {target}");
        http
    }

    /// Status and body.
    fn reply(&self, client: &str, words: &[&str], url: &str) -> (u16, String) {
        let output = Command::new("curl")
            .args([
                "--silent",
                "--insecure",
                "--max-time",
                "20",
                "--interface",
                client,
                "--write-out",
                "\n%{http_code}",
            ])
            .args(words)
            .arg(url)
            .output()
            .expect("curl runs");
        let text = String::from_utf8(output.stdout).expect("text");
        let (body, status) = text.rsplit_once('\n').expect("a status");
        (status.parse().expect("a number"), body.to_owned())
    }

    /// A change of the configuration by the administrator, from a client.
    fn patch(&self, client: &str, parameters: &str, changes: &Value) -> (u16, Value) {
        let (login, changes) = (format!("admin:{PASSWORD}"), changes.to_string());
        let words = ["--user", &login, "--request", "PATCH", "--json", &changes];
        let url = format!("http://127.0.0.1:{}/api/v1/config{parameters}", self.http);
        let (status, body) = self.reply(client, &words, &url);
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }
}

#[test]
fn the_api_is_for_networks_that_may_use_it() {
    let web = "  allowed_networks: [127.0.0.0/8, '!127.0.0.4/30', 127.0.0.5]\n  metrics_allowed: [127.0.0.4]";
    let Some(site) = Site::start("config-web-networks", web) else { return };
    let zones = "/api/v1/zones";
    let login = format!("admin:{PASSWORD}");
    for client in ["127.0.0.1", "127.0.0.5", "127.1.0.1"] {
        assert_eq!(site.status(client, &[], zones), 401, "{client}");
        assert_eq!(site.status(client, &["--user", &login], zones), 200, "{client}");
    }
    for client in ["127.0.0.4", "127.0.0.7"] {
        assert_eq!(site.status(client, &[], zones), 403, "{client}");
        assert_eq!(site.status(client, &["--user", &login], zones), 403, "{client}: before the password is looked at");
        assert_eq!(site.status(client, &["--user", "admin:wrong"], zones), 403, "{client}");
        assert_eq!(site.status(client, &[], "/health/live"), 403, "{client}");
        assert_eq!(site.status(client, &[], "/nothing"), 403, "{client}");
        assert_eq!(site.status(client, &[], "/metrics"), 200, "{client}: metrics have a list of their own");
        assert_eq!(site.status(client, &["--header", "Via: 1.1 proxy"], "/metrics"), 403, "{client}: through a proxy");
    }
    let (_, body) = site.reply("127.0.0.4", &[], &format!("http://127.0.0.1:{}{zones}", site.http));
    assert!(body.contains("web.allowed_networks do not let 127.0.0.4 in"), "{body}");
}

#[test]
fn nobody_locks_out_themselves_unawares() {
    let Some(site) = Site::start("config-lock-out", "  cors: []") else { return };
    let (house, zones) = (&site.house, "/api/v1/zones");
    let before = house.file();
    let only = |client: &str| json!({ "web.allowed_networks": [client] });
    for parameters in ["", "?dry_run=true"] {
        let (status, problem) = site.patch("127.0.0.2", parameters, &only("127.0.0.3"));
        let detail = problem["detail"].as_str().expect("text");
        assert!(status == 409 && detail.contains("would not let 127.0.0.2 in any more"), "{status} {problem}");
        assert_eq!((problem["diff"][0]["path"].as_str(), house.file()), (Some("web.allowed_networks"), before.clone()));
    }
    // Who means it is kept out, until it is taken back.
    let (status, outcome) = site.patch("127.0.0.2", "?lock_out=true&confirm_within_s=3", &only("127.0.0.3"));
    assert_eq!((status, &outcome["confirm_within_s"]), (200, &json!(3)), "{outcome}");
    house.wait_until("locked out", || site.statuses("127.0.0.2", &[], zones) == [403; 2]);
    assert_eq!(site.status("127.0.0.3", &[], zones), 401);
    house.wait_until("back", || site.statuses("127.0.0.2", &[], zones) == [401; 2]);
    assert_eq!(house.file(), before);
    // Who is let in can confirm.
    let (status, outcome) = site.patch("127.0.0.3", "?confirm_within_s=3", &only("127.0.0.3"));
    assert_eq!((status, &outcome["confirm_within_s"]), (200, &json!(3)), "{outcome}");
    let login = format!("admin:{PASSWORD}");
    let url = format!("http://127.0.0.1:{}/api/v1/config/confirm", site.http);
    house.wait_until("in force", || site.statuses("127.0.0.2", &[], zones) == [403; 2]);
    assert_eq!(site.reply("127.0.0.3", &["--user", &login, "--request", "POST"], &url).0, 204);
    std::thread::sleep(std::time::Duration::from_millis(4200));
    assert_eq!(site.status("127.0.0.2", &[], zones), 403);
    // The control socket is not concerned, and may let anybody in again.
    house.call("PATCH", "/config", json!({ "web.allowed_networks": ["192.0.2.1"] })).expect(200);
    house.call("POST", "/config/confirm", json!(null)).expect(204);
    house.wait_until("closed", || site.statuses("127.0.0.3", &[], zones) == [403; 2]);
    house.call("PATCH", "/config", json!({ "web.allowed_networks": null })).expect(200);
    house.call("POST", "/config/confirm", json!(null)).expect(204);
    house.wait_until("open", || site.statuses("127.0.0.3", &[], zones) == [401; 2]);
}

const CONFIG: &str = "\
server:
  listen: [{ address: \"127.0.0.1:PORT\" }]
security: { denied_networks: ['file:lists/denied'] }
resolver: { enabled: false }
";

/// Whether a client with the address 127.0.0.`last` gets answers; `expected` saves time.
fn is_answered(server: &Server, last: u8, expected: bool) -> bool {
    let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, last), 0)).expect("a socket");
    socket.connect(server.address).expect("an address");
    socket.set_read_timeout(Some(if expected { ANSWER_TIMEOUT } else { SILENCE })).expect("a timeout");
    socket.send(&query("x.test", RType::A).to_wire(512)).expect("it is sent");
    receive(&socket, &mut [0; 512]).is_ok()
}

/// A server that follows a file of denied networks, which denies 127.0.0.2.
fn following(name: &str) -> House {
    let scratch = super::Scratch::new(name);
    std::fs::create_dir(scratch.path().join("lists")).expect("a directory");
    scratch.write("denied", "127.0.0.2\n");
    std::fs::rename(scratch.path().join("denied"), scratch.path().join("lists/denied")).expect("a file");
    let port = free_port();
    scratch.write("headwater.yaml", &CONFIG.replace("PORT", &port.to_string()));
    let server = super::launch(&scratch, port, &[], &[]);
    House { scratch, server }
}

impl House {
    /// Replaces the file of denied networks.
    fn deny(&self, text: &str) {
        let path = self.scratch.write("denied", text);
        std::fs::rename(path, self.scratch.path().join("lists/denied")).expect("a file");
    }

    /// State and reason of the health check of the configuration.
    fn health(&self) -> (String, String) {
        let body = self.call("GET", "/health", json!(null)).expect(200).body;
        let checks = body["checks"].as_array().expect("checks");
        let check = checks.iter().find(|check| check["name"] == "configuration").expect("the check");
        let text = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
        (text("state"), text("reason"))
    }

    fn said(&self, text: &str) -> usize {
        self.server.process.log().matches(text).count()
    }
}

#[test]
fn a_file_of_networks_is_followed() {
    let house = following("config-networks-file");
    let server = &house.server;
    assert!(!is_answered(server, 2, false) && is_answered(server, 3, true) && is_answered(server, 1, true));
    assert_eq!(house.health().0, "ok");
    house.deny("127.0.0.2/31 # two\n!127.0.0.2\n");
    house.wait_until("used", || is_answered(server, 2, false));
    assert!(!is_answered(server, 3, false));
    house.wait_until("said", || house.said("denied has other contents: 1 -> 2 networks") == 1);
    // Also where somebody writes into the file itself.
    std::fs::write(house.scratch.path().join("lists/denied"), "127.0.0.4\n").expect("written");
    house.wait_until("used", || !is_answered(server, 4, false));
    assert!(is_answered(server, 3, true));
    let history = house.call("GET", "/config/history", json!(null)).expect(200).body;
    assert_eq!(history["items"].as_array().map(Vec::len), Some(1), "the configuration is the same: {history}");
}

#[test]
fn a_bad_file_of_networks_changes_nothing_until_it_is_good() {
    let house = following("config-networks-bad");
    let server = &house.server;
    let refused = "is not used, nothing changed";
    house.deny("127.0.0.3\n  nonsense\n");
    house.wait_until("refused", || house.said(refused) == 1);
    assert!(house.said("lists/denied:2:3: security.denied_networks[0]: `nonsense` is not an address or prefix") == 1);
    let (state, reason) = house.health();
    assert!(state == "warn" && reason.contains("lists/denied:2:3"), "{state} {reason}");
    std::thread::sleep(SETTLED);
    // A reload does not take it either, and whoever changes something by API hears why not.
    house.server.process.signal("HUP");
    house.wait_until("reloaded in vain", || house.said("reload failed") == 1);
    let problem = house.call("PATCH", "/config", json!({ "server.nsid": "x" })).expect(422).body;
    assert!(problem.to_string().contains("nonsense"), "{problem}");
    assert!(!is_answered(server, 2, false) && is_answered(server, 3, true), "the last good contents hold");
    assert_eq!(house.said(refused), 1, "it is said once");
    // It vanishes.
    std::fs::remove_file(house.scratch.path().join("lists/denied")).expect("removed");
    house.wait_until("refused", || house.said(refused) == 2);
    assert!(house.said("lists/denied cannot be read") >= 1 && !is_answered(server, 2, false));
    // And comes back as it was.
    house.deny("127.0.0.2\n");
    house.wait_until("well again", || house.health().0 == "ok");
    assert!(!is_answered(server, 2, false));
    house.deny("127.0.0.3\n");
    house.wait_until("used", || !is_answered(server, 3, false));
    assert!(is_answered(server, 2, true));
    assert_eq!(house.said(refused), 2);
}

#[test]
fn a_start_needs_good_files_and_the_api_names_none() {
    let house = following("config-networks-start");
    house.scratch.write("secret", "a secret\n");
    let secret = house.scratch.path().join("secret").display().to_string();
    let changes = json!({ "security.denied_networks": [format!("file:{secret}")] });
    for (method, path, body) in
        [("PATCH", "/config", changes.clone()), ("POST", "/config/validate", json!({ "changes": changes }))]
    {
        let problem = house.call(method, path, body).expect(409).body.to_string();
        assert!(problem.contains("names a file") && !problem.contains("a secret"), "{problem}");
    }
    // A file that is named already may stay.
    let changes = json!({ "security.denied_networks": ["file:lists/denied", "127.0.0.9"] });
    house.call("PATCH", "/config", changes).expect(200);
    house.wait_until("used", || !is_answered(&house.server, 9, false) && !is_answered(&house.server, 2, false));
    let zone = json!({ "name": "x.test", "allow_transfer": ["file:secret"] });
    house.call("POST", "/zones", zone).expect(422);
    house.deny("127.0.0.2\nnonsense\n");
    let output = headwater(&["check", "--config", "headwater.yaml"]).current_dir(house.scratch.path()).output();
    let output = output.expect("headwater runs");
    let said = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("lists/denied:2:1: security.denied_networks[0]: `nonsense`"), "{said}");
}
