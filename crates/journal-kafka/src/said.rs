//! What librdkafka says of brokers and certificates, in words that say what to look at.

/// Signs in what is said of a broker, and what they mean; the first one counts.
const OF_BROKERS: [(&str, &str); 14] = [
    ("Hostname mismatch", NAME),
    ("IP address mismatch", NAME),
    ("certificate has expired", "its certificate has expired"),
    ("certificate is not yet valid", "its certificate is not valid yet; see the clocks of both"),
    ("CERTIFICATE_VERIFY_FAILED", "its certificate is from no authority that is trusted here (cluster.tls.ca_file)"),
    ("connecting to a PLAINTEXT broker", "it does not speak TLS at this port (cluster.tls)"),
    ("WRONG_VERSION_NUMBER", "it does not speak TLS at this port (cluster.tls)"),
    ("CERTIFICATE: SSL alert", CLIENT_CERTIFICATE),
    ("CERTIFICATE_REQUIRED: SSL alert", CLIENT_CERTIFICATE),
    ("UNKNOWN_CA: SSL alert", CLIENT_CERTIFICATE),
    ("SASL authentication error", "it refuses the user or the password (cluster.sasl)"),
    ("Unsupported SASL mechanism", "it does not take this mechanism (cluster.sasl.mechanism)"),
    ("not valid in current SASL state", "it takes no user at this port (cluster.sasl)"),
    ("in state SSL_HANDSHAKE", "it does not speak TLS at this port (cluster.tls)"),
];
const NAME: &str = "its certificate is for another name than the one it is reached by";
const CLIENT_CERTIFICATE: &str =
    "it refuses the certificate of this server, or wants one (cluster.tls.certificate_file and key_file)";

/// Signs in what is said when a client cannot be started, and what they mean; the first one counts.
const OF_FILES: [(&str, &str); 4] = [
    ("KEY_VALUES_MISMATCH", "cluster.tls.key_file does not have the key of cluster.tls.certificate_file"),
    ("ssl.ca.location", "cluster.tls.ca_file has no certificate in PEM"),
    ("ssl.certificate.location", "cluster.tls.certificate_file has no certificate in PEM"),
    ("ssl.key.location", "cluster.tls.key_file has no private key in PEM that is not encrypted"),
];

/// Why a broker is of no use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// `HOST:PORT: why`.
    pub why: String,
    /// It says what to look at.
    pub is_understood: bool,
}

/// Why a broker is of no use, from `PROTOCOL://HOST:PORT/ID: why (after 2ms in state STATE)`, as librdkafka says it.
pub fn of_broker(said: &str) -> Trouble {
    let meaning = meaning(&OF_BROKERS, said);
    let plain = said.rsplit_once(" (after ").map_or(said, |(before, _)| before);
    let why = match plain.split_once("://").and_then(|(_, rest)| rest.split_once(": ")) {
        Some((address, why)) => {
            let broker = address.split('/').next().unwrap_or(address);
            format!("{broker}: {}", meaning.unwrap_or(why))
        }
        None => meaning.unwrap_or(plain).to_owned(),
    };
    Trouble { why, is_understood: meaning.is_some() }
}

/// Why no client can be started.
pub fn of_files(said: &str) -> String {
    meaning(&OF_FILES, said).unwrap_or(said).to_owned()
}

fn meaning(signs: &[(&str, &'static str)], said: &str) -> Option<&'static str> {
    signs.iter().find(|(sign, _)| said.contains(sign)).map(|(_, meaning)| *meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Said by librdkafka 2.12.1 with AWS-LC, of Kafka 4.4.
    #[test]
    fn what_is_said_of_brokers() {
        let cases = [
            (
                "SSL handshake failed: error:1000007d:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED: unable to get \
                 local issuer certificate",
                "its certificate is from no authority that is trusted here (cluster.tls.ca_file)",
            ),
            (
                "SSL handshake failed: error:1000007d:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED: Hostname mismatch",
                NAME,
            ),
            (
                "Receive failed: error:10000412:SSL routines:OPENSSL_internal:SSLV3_ALERT_BAD_CERTIFICATE: SSL alert number 42",
                CLIENT_CERTIFICATE,
            ),
            (
                "SSL handshake failed: Disconnected: connection closed by peer: connecting to a PLAINTEXT broker listener?",
                "it does not speak TLS at this port (cluster.tls)",
            ),
            (
                "SASL authentication error: Authentication failed: Invalid username or password",
                "it refuses the user or the password (cluster.sasl)",
            ),
            (
                "SASL PLAIN mechanism handshake failed: Broker: Request not valid in current SASL state: broker's supported \
                 mechanisms: ",
                "it takes no user at this port (cluster.sasl)",
            ),
        ];
        for (said, want) in cases {
            let whole = format!("sasl_ssl://a.example:9093/bootstrap: {said} (after 2ms in state SSL_HANDSHAKE)");
            let want = Trouble { why: format!("a.example:9093: {want}"), is_understood: true };
            assert_eq!(of_broker(&whole), want, "{said}");
        }
        let whole = "ssl://[::1]:1/2: Connect to ipv6#[::1]:1 failed: Connection refused (after 0ms in state CONNECT)";
        let why = "[::1]:1: Connect to ipv6#[::1]:1 failed: Connection refused".to_owned();
        assert_eq!(of_broker(whole), Trouble { why, is_understood: false });
        assert_eq!(of_broker("3/3 brokers are down").why, "3/3 brokers are down");
    }
}
