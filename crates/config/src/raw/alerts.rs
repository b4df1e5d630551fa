//! The keys of alerts.

use crate::section::{choice, section};
use crate::value::{At, Int, SecretText};

section! {
    /// Who is told when something is wrong.
    Alerts at "alerts" {
        /// Watch what is wrong in most installations: rules that `headwater config reference` does not list, but `GET /api/v1/alerts/rules`
        /// does. A rule of the same name takes the place of one of them.
        built_in: bool = true,
        /// What is watched besides.
        rules: Vec<At<AlertRule>> = Vec::new(),
        /// Who is told.
        recipients: Vec<At<AlertRecipient>> = Vec::new(),
        /// The server that takes mails.
        smtp: Smtp = Smtp::default(),
        /// Addresses and prefixes of this machine and its links that webhooks may go to; others of them are not reached.
        allow_internal: Vec<At<String>> = Vec::new(),
    }
}

section! {
    /// Something that is watched.
    AlertRule at "alerts.rules[]" {
        /// Its name, one among the rules.
        name: String = String::new(),
        /// `METRIC{label="value"} < 5`, `rate(METRIC) > 0` (a second), or `check NAME` (a health check that is not passed).
        when: String = String::new(),
        /// How long it must hold before anybody is told.
        for_seconds: Int<0, 604_800> = Int(60),
        /// How bad it is.
        severity: AlertSeverity = AlertSeverity::Warning,
        /// What people are told; empty: `when`.
        summary: String = String::new(),
        /// Names of recipients; empty: all.
        recipients: Vec<At<String>> = Vec::new(),
    }
}

choice! {
    /// How bad something is.
    AlertSeverity {
        /// Worth knowing.
        Info = "info",
        /// To be looked at in working hours.
        Warning = "warning",
        /// To be looked at now.
        Critical = "critical",
    }
}

section! {
    /// Somebody who is told, by `url` or `mail`.
    AlertRecipient at "alerts.recipients[]" {
        /// Its name, one among the recipients.
        name: String = String::new(),
        /// Where a POST request goes.
        url: String = String::new(),
        /// Signs requests: the header `X-Headwater-Signature` is `sha256=` and the HMAC of `X-Headwater-Timestamp`, a full stop and the body.
        secret: SecretText = SecretText::default(),
        /// Body of requests with `{status}`, `{severity}`, `{rule}`, `{labels}`, `{summary}`, `{value}`, `{detail}`, `{id}` and `{text}` in
        /// it; empty: JSON with all of it.
        template: String = String::new(),
        /// Media type of the body.
        content_type: String = "application/json".into(),
        /// Address that a mail goes to.
        mail: String = String::new(),
        /// Told only of what nobody has acknowledged for so long; 0: of everything, at once.
        after_minutes: Int<0, 10_080> = Int(0),
        /// Told of what is so bad at least.
        min_severity: AlertSeverity = AlertSeverity::Info,
    }
}

section! {
    /// The server that takes mails.
    Smtp at "alerts.smtp" {
        /// Host name or address; empty: there is none.
        server: String = String::new(),
        /// Port; 0: 587 with `starttls`, 465 with `implicit`, 25 with `none`.
        port: Int<0, 65535> = Int(0),
        /// How the connection is protected.
        tls: SmtpTls = SmtpTls::Starttls,
        /// PEM file of certificate authorities instead of the system's; empty: the system's.
        ca_file: String = String::new(),
        /// Log-in name; empty: no log-in.
        user: String = String::new(),
        /// Password.
        password: SecretText = SecretText::default(),
        /// The address that mails come from; empty: `headwater@` and `server.name`.
        from: String = String::new(),
    }
}

choice! {
    /// How a connection to a mail server is protected.
    SmtpTls {
        /// By STARTTLS (RFC 3207); without it no mail is sent.
        Starttls = "starttls",
        /// By TLS from the first byte on (RFC 8314 3.3).
        Implicit = "implicit",
        /// Not at all.
        None = "none",
    }
}
