//! The sockets of the web interface, their certificates, and the sites whose pages may use it.

use std::path::Path;

use config::{CertificateSource, Config, LoadOptions};

/// The configuration in `text`, or its problems as `line:column: what`, warnings last.
fn load(name: &str, text: &str) -> (Option<Config>, Vec<String>) {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("web-{name}-{}.yaml", std::process::id()));
    std::fs::write(&file, text).expect("written");
    let options = LoadOptions { config: Some(file.clone()), ..LoadOptions::default() };
    let loaded = Config::load_with(options, std::iter::empty());
    std::fs::remove_file(&file).expect("removed");
    let shown = |problems: Vec<config::Problem>| {
        problems.iter().map(|problem| format!("{}:{}: {}", problem.line, problem.column, problem.what())).collect()
    };
    match loaded {
        Ok((config, warnings)) => (Some(config), shown(warnings)),
        Err(problems) => (None, shown(problems)),
    }
}

#[test]
fn sockets_and_their_protocols() {
    let text = "web:\n  tls: { self_signed: true }\n  cors: ['https://dash.example.org']\n  listen:\n\
                \x20   - { address: '127.0.0.1:8080' }\n    - { address: '[::1]:8443', protocol: https }\n";
    let (config, problems) = load("listen", text);
    assert_eq!(problems, Vec::<String>::new());
    let web = config.expect("good").web;
    let sockets: Vec<String> = web.listen.iter().map(ToString::to_string).collect();
    assert_eq!(sockets, ["127.0.0.1:8080", "https://[::1]:8443 self-signed"]);
    assert!(!web.any_port, "somebody chose them");
    assert_eq!(web.cors, ["https://dash.example.org"]);
}

#[test]
fn a_certificate_alone_makes_the_web_port_speak_https() {
    let (config, problems) = load("alone", "web: { tls: { self_signed: true } }\n");
    assert_eq!(problems, Vec::<String>::new());
    let web = config.expect("good").web;
    assert_eq!(web.listen.len(), 2);
    assert!(web.listen.iter().all(|socket| socket.certificate == Some(CertificateSource::SelfSigned)));
    let (config, _) = load("none", "server: { web_port: 8081 }\n");
    assert!(config.expect("good").web.listen.iter().all(|socket| socket.certificate.is_none()));
}

#[test]
fn mistakes_come_with_their_place() {
    let text = "server: { web_port: 8080 }\nweb:\n  tls: { certificate: /nowhere/c.pem, key: '' }\n  listen:\n\
                \x20   - { address: '127.0.0.1:8443', protocol: https }\n\
                \x20   - { address: '127.0.0.1:8443', certificate: c.pem, key: k.pem }\n\
                \x20   - { protocol: htps }\n  cors: ['*']\n";
    let (_, problems) = load("mistakes", text);
    let has = |what: &str| assert!(problems.iter().any(|problem| problem.contains(what)), "{what} in {problems:#?}");
    has("3:23: web.tls.key: missing beside `certificate`");
    has("6:18: web.listen[1].address: 127.0.0.1:8443 is given twice, first at line 5");
    has("web.listen[1].protocol: a certificate is for `protocol: https`; this one is `http`");
    has("expected one of http, https");
    has("web.listen[2].address: missing");
    has("web.cors[0]: `*`: no wildcard");
    let (_, problems) = load("missing", "web: { tls: { certificate: /nowhere/c.pem, key: /nowhere/k.pem } }\n");
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert!(problems[0].contains("web.tls.certificate: /nowhere/c.pem: No such file"), "{problems:#?}");
    let (_, problems) = load("bare", "web: { listen: [{ address: '127.0.0.1:8443', protocol: https }] }\n");
    assert!(problems[0].contains("https needs a certificate"), "{problems:#?}");
    let (_, problems) = load("both", "web: { tls: { certificate: a, key: b, self_signed: true } }\n");
    assert!(problems.iter().any(|problem| problem.contains("either `certificate` and `key`")), "{problems:#?}");
}

#[test]
fn what_has_no_effect_is_a_warning() {
    let text =
        "server: { web_port: 8080 }\nweb:\n  tls: { self_signed: true }\n  listen: [{ address: '127.0.0.1:8081' }]\n";
    let (config, problems) = load("effect", text);
    assert!(config.is_some());
    assert!(problems[0].contains("server.web_port: has no effect beside web.listen"), "{problems:#?}");
    assert!(problems[1].contains("web.tls: has no effect"), "{problems:#?}");
}
