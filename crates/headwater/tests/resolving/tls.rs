//! A server asked over TLS that does not prove who it is: the operator and the client are told why.

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

use dns::edns::{EdnsOption, ede};
use dns::{Edns, Message, RType, Rcode};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::common::{Scratch, Server, free_port, headwater};
use crate::data::name;

/// Listens with a certificate for `host`, and answers nothing; the authority of the certificate as a file's text.
fn listen(host: &str) -> (SocketAddr, String) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec![host.to_owned()]).expect("a name");
    let certificate = params.signed_by(&key, &issuer).expect("a certificate").der().clone();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.expect("versions").with_no_client_auth();
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let config = Arc::new(builder.with_single_cert(vec![certificate], key.into()).expect("a pair"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(config.clone()).expect("a connection");
            // Until the client has seen the certificate and leaves.
            let _ = StreamOwned::new(connection, stream).read_to_end(&mut Vec::new());
        }
    });
    (address, issuer.pem())
}

/// RCODE, INFO-CODE and EXTRA-TEXT (RFC 8914) for a name.
fn why(server: &Server, owner: &str) -> (Rcode, u16, String) {
    let query = Message::query(7, name(owner), RType::A);
    let answer = server.ask(&Message { edns: Some(Edns::default()), ..query });
    let options = answer.edns.map(|edns| edns.options).unwrap_or_default();
    let error = options.into_iter().find_map(|option| match option {
        EdnsOption::ExtendedError { info, text } => Some((info, text)),
        _ => None,
    });
    let (code, text) = error.expect("an extended error");
    (answer.header.rcode, code, text)
}

#[test]
fn a_wrong_certificate_is_said() {
    let (upstream, authority) = listen("other.example");
    for (number, (authorities, host, expected)) in [
        ("", "", "its certificate is from an authority that is not trusted"),
        ("resolver: { tls_ca_file: authority }\n", "", "its certificate is for another name or address"),
        ("resolver: { tls_ca_file: authority }\n", "#dns.example", "its certificate is for another name or address"),
    ]
    .into_iter()
    .enumerate()
    {
        let scratch = Scratch::new(&format!("resolving-tls-{number}"));
        scratch.write("authority", &authority);
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        scratch.write(
            "headwater.yaml",
            &format!(
                "server:\n  workers: 1\n  listen: [{{ address: \"{address}\", protocols: [udp, tcp] }}]\n\
                 upstream_servers: ['tls://{upstream}{host}']\n{authorities}\
                 cache: {{ persist: false }}\nweb: {{ enabled: false }}\n"
            ),
        );
        let mut server = Server::launch(&scratch, &["--config", "headwater.yaml"], address);
        server.process.wait_for("\"ready\"", 1);
        for owner in ["www.example.", "mail.example."] {
            let (rcode, code, text) = why(&server, owner);
            assert_eq!((rcode, code), (Rcode::SERVFAIL, ede::NO_REACHABLE_AUTHORITY), "{text}");
            assert!(text.contains(&upstream.to_string()) && text.contains(expected), "{text}");
        }
        let log = server.process.log();
        let lines: Vec<&str> = log.lines().filter(|line| line.contains("a forwarder does not answer")).collect();
        // Once, not for every question.
        let [line] = lines[..] else { panic!("{lines:#?} in\n{log}") };
        for part in ["\"WARN\"", &upstream.to_string(), "\"tls\"", expected] {
            assert!(line.contains(part), "no {part}: {line}");
        }
        let explain =
            headwater(&["explain", "ftp.example", "A", "--data", "data"]).current_dir(scratch.path()).output();
        let explained = String::from_utf8(explain.expect("headwater runs").stdout).expect("text");
        assert!(explained.contains(expected), "{explained}");
    }
}
