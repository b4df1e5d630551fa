//! A notice as an HTTP request: JSON, or a text of the operator's, signed with HMAC-SHA256. Redirects are not followed and
//! what the server says is not shown; addresses of this machine and its link are reached only if the operator allows it.

use std::time::Duration;

use ipnet::IpNet;
use serde_json::{Value, json};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, config::Config};

use crate::outgoing::{self, Guarded, Reach};
use crate::rule::Severity;
use crate::secret::Secret;
use crate::state::{Alert, Notice};
use crate::undelivered::Undelivered;
use crate::wording::{status, text};

/// How long a webhook may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Largest head of a response, in bytes.
const MAX_HEAD_BYTES: usize = 16 << 10;

/// Where a webhook goes, and what it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// `https://…` or `http://…`.
    pub url: String,
    /// Signs the body; empty: it is not signed.
    pub secret: Secret,
    /// The body, with `{status}`, `{severity}`, `{rule}`, `{labels}`, `{summary}`, `{value}`, `{detail}`, `{id}` and
    /// `{text}` in it, of the first alert; empty: JSON with all of them.
    pub template: String,
    /// The media type of the body.
    pub content_type: String,
    /// Addresses of this machine or its link that may be reached.
    pub allowed: Vec<IpNet>,
}

/// A request.
#[derive(Debug, Clone, Copy)]
pub struct Post<'a> {
    /// Where it goes.
    pub url: &'a str,
    /// Signs the body; empty: it is not signed.
    pub secret: &'a Secret,
    /// The media type of the body.
    pub content_type: &'a str,
    /// A header that tells this request from others, so that one that comes again is known.
    pub id: (&'static str, &'a str),
    /// The body.
    pub body: &'a str,
}

/// Where a request goes, and what signs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// `https://…` or `http://…`.
    pub url: String,
    /// Signs the body; empty: it is not signed.
    pub secret: Secret,
    /// Addresses of this machine or its link that may be reached.
    pub allowed: Vec<IpNet>,
}

/// Sends webhooks.
#[derive(Debug)]
pub struct WebhookSender {
    agent: Agent,
}

impl WebhookSender {
    /// A sender that trusts the system's certificate authorities, and may reach `allowed` besides what is public.
    pub fn new(allowed: Vec<IpNet>) -> WebhookSender {
        let config = Config::builder()
            .tls_config(outgoing::tls(&[]))
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .max_response_header_size(MAX_HEAD_BYTES)
            .max_idle_connections(0)
            .timeout_global(Some(TIMEOUT))
            .user_agent(concat!("headwater/", env!("CARGO_PKG_VERSION")))
            .build();
        let why = "the target is this machine or its link; `alerts.allow_internal` permits it";
        let resolver = Guarded::new(DefaultResolver::default(), Reach::Outside, allowed, why);
        WebhookSender { agent: Agent::with_parts(config, DefaultConnector::default(), resolver) }
    }

    /// Sends a notice.
    ///
    /// # Errors
    /// Why it was not taken; only the status of the answer is told.
    pub fn send(&self, webhook: &Webhook, notice: &Notice, now_ms: u64) -> Result<(), Undelivered> {
        let post = Post {
            url: &webhook.url,
            secret: &webhook.secret,
            content_type: &webhook.content_type,
            id: ("x-headwater-notice", &notice.id),
            body: &body(webhook, notice),
        };
        self.post(&post, now_ms)
    }

    /// Sends a request, which is signed if there is a secret.
    ///
    /// # Errors
    /// As [`WebhookSender::send`].
    pub fn post(&self, post: &Post<'_>, now_ms: u64) -> Result<(), Undelivered> {
        let seconds = (now_ms / 1000).to_string();
        let mut request = self.agent.post(post.url).header("content-type", post.content_type);
        request = request.header(post.id.0, post.id.1).header("x-headwater-timestamp", &seconds);
        if !post.secret.is_empty() {
            request = request.header("x-headwater-signature", signature(post.secret.text(), &seconds, post.body));
        }
        let response = request.send(post.body).map_err(|error| Undelivered::for_now(error.to_string()))?;
        match response.status().as_u16() {
            200..=299 => Ok(()),
            status @ (408 | 425 | 429 | 500..=599) => Err(Undelivered::for_now(format!("status {status}"))),
            status => Err(Undelivered::for_good(format!("status {status}"))),
        }
    }
}

/// `sha256=` and the HMAC of the time, a full stop and the body, so that an old request cannot be sent again unseen.
pub fn signature(secret: &str, seconds: &str, body: &str) -> String {
    let signed = [seconds.as_bytes(), b".", body.as_bytes()].concat();
    let digest = dnssec::digest::hmac_sha256(secret.as_bytes(), &signed);
    format!("sha256={}", data_encoding::HEXLOWER.encode(&digest))
}

/// The body of a notice.
fn body(webhook: &Webhook, notice: &Notice) -> String {
    if webhook.template.is_empty() {
        return json_of(notice).to_string();
    }
    let first = notice.alerts.first();
    let is_json = webhook.content_type.contains("json");
    let fields = [
        ("{status}", status(notice).to_owned()),
        ("{severity}", first.map_or(Severity::Info, |alert| alert.severity).as_str().to_owned()),
        ("{rule}", first.map_or("test", |alert| &alert.rule).to_owned()),
        ("{labels}", first.map(|alert| alert.labels.clone()).unwrap_or_default()),
        ("{summary}", first.map_or("a test", |alert| &alert.summary).to_owned()),
        ("{value}", first.and_then(|alert| alert.value).map(|value| value.to_string()).unwrap_or_default()),
        ("{detail}", first.map(|alert| alert.detail.clone()).unwrap_or_default()),
        ("{id}", notice.id.clone()),
        ("{text}", text(notice)),
    ];
    fill(&webhook.template, &fields, is_json)
}

/// Puts each field where it is named; what a field says is not looked through again.
fn fill(template: &str, fields: &[(&str, String)], is_json: bool) -> String {
    let (mut out, mut rest) = (String::new(), template);
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        rest = &rest[open..];
        match fields.iter().find(|(name, _)| rest.starts_with(name)) {
            Some((name, value)) => {
                let quoted = Value::String(value.clone()).to_string();
                out.push_str(if is_json { quoted.trim_matches('"') } else { value });
                rest = &rest[name.len()..];
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

fn json_of(notice: &Notice) -> Value {
    let alert = |alert: &Alert| {
        json!({
            "id": alert.id,
            "rule": alert.rule,
            "labels": alert.labels,
            "severity": alert.severity,
            "status": alert.phase,
            "summary": alert.summary,
            "detail": alert.detail,
            "value": alert.value,
            "since_ms": alert.since_ms,
            "fired_ms": alert.fired_ms,
            "resolved_ms": alert.resolved_ms,
        })
    };
    json!({
        "id": notice.id,
        "status": status(notice),
        "time_ms": notice.at_ms,
        "alerts": notice.alerts.iter().map(alert).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests;
