//! A row of the history of queries as JSON and as CSV. The keys are those of the query log.

use serde::Serialize;
use telemetry::history::{StoredRow, name_text};
use telemetry::{names, time};
use utoipa::ToSchema;

/// A query, and the answer that it got.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct QueryOut {
    /// When it came.
    pub timestamp: String,
    /// What it is called: a UUID.
    pub request_id: String,
    /// Who asked.
    pub client_ip: String,
    /// The type that was asked for; null: the response does not say.
    pub query_type: Option<String>,
    /// The name that was asked for, in lower case.
    pub domain: Option<String>,
    /// The RCODE.
    pub response_code: String,
    /// Milliseconds until the response left.
    pub response_time_ms: f64,
    /// Whether the answer came from the cache.
    pub cache_hit: bool,
    /// The server that was asked for it.
    pub upstream_server: Option<String>,
    /// The data of the answers, as much of it as is in the first 64 octets.
    pub response_data: Vec<String>,
    /// How the query came: `udp` or `tcp`.
    pub transport: &'static str,
    /// Who gave the answer: `zone`, `cache`, `stale`, `resolved`, `control`, `local` or `refused`.
    pub source: &'static str,
    /// Why the query was refused.
    pub refusal: Option<&'static str>,
    /// The zone of this server that the name is in.
    pub zone: Option<String>,
    /// What validation said: `secure`, `insecure`, `bogus` or `indeterminate`; null: nothing was validated.
    pub dnssec: Option<&'static str>,
    /// Octets of the query; 0: not known.
    pub query_size: u16,
    /// Octets of the response.
    pub response_size: u16,
    /// What policy did.
    pub action: Option<String>,
    /// The policy that said so.
    pub policy: Option<String>,
    /// The client's group.
    pub group: Option<String>,
    /// The list that has the name.
    pub list: Option<String>,
    /// The rule that matched.
    pub rule: Option<String>,
}

/// The first line of CSV.
pub const CSV_HEADER: &str = "timestamp,request_id,client_ip,query_type,domain,response_code,response_time_ms,cache_hit,\
    upstream_server,response_data,transport,source,refusal,zone,dnssec,query_size,response_size,action,policy,group,list,\
    rule\r\n";

/// A moment, in microseconds since 1970, as text (RFC 3339).
pub fn moment(time_us: u64) -> String {
    let mut out = Vec::new();
    time::push_rfc3339(&mut out, time_us);
    String::from_utf8(out).unwrap_or_default()
}

impl From<StoredRow> for QueryOut {
    fn from(row: StoredRow) -> QueryOut {
        let decision = row.decision;
        QueryOut {
            timestamp: moment(row.id.time_us()),
            request_id: row.id.to_string(),
            client_ip: row.client.to_string(),
            query_type: row.question.as_ref().map(|(_, rtype, _)| rtype.to_string()),
            domain: row.question.as_ref().map(|(name, ..)| name_text(name)),
            response_code: row.rcode.to_string(),
            response_time_ms: row.elapsed_us as f64 / 1000.0,
            cache_hit: names::cache_hit(row.source) == Some(true),
            upstream_server: row.upstream.map(|server| match server.port() {
                53 => server.ip().to_string(),
                _ => server.to_string(),
            }),
            response_data: row.data,
            transport: names::transport(row.transport),
            source: names::source(row.source),
            refusal: names::refusal(row.source),
            zone: row.zone.as_deref().map(name_text),
            dnssec: row.security.map(|security| security.as_str()),
            query_size: row.query_len,
            response_size: row.response_len,
            action: decision.action,
            policy: decision.policy,
            group: decision.group,
            list: decision.list,
            rule: decision.rule,
        }
    }
}

impl QueryOut {
    /// Appends it as a line of CSV (RFC 4180), in the order of [`CSV_HEADER`].
    pub fn push_csv(&self, out: &mut String) {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let word = |word: Option<&'static str>| word.unwrap_or_default().to_owned();
        let fields = [
            self.timestamp.clone(),
            self.request_id.clone(),
            self.client_ip.clone(),
            text(&self.query_type),
            text(&self.domain),
            self.response_code.clone(),
            self.response_time_ms.to_string(),
            self.cache_hit.to_string(),
            text(&self.upstream_server),
            self.response_data.join("; "),
            self.transport.to_owned(),
            self.source.to_owned(),
            word(self.refusal),
            text(&self.zone),
            word(self.dnssec),
            self.query_size.to_string(),
            self.response_size.to_string(),
            text(&self.action),
            text(&self.policy),
            text(&self.group),
            text(&self.list),
            text(&self.rule),
        ];
        for (i, field) in fields.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            push_field(field, out);
        }
        out.push_str("\r\n");
    }
}

fn push_field(field: &str, out: &mut String) {
    if !field.contains([',', '"', '\r', '\n']) {
        return out.push_str(field);
    }
    out.push('"');
    out.push_str(&field.replace('"', "\"\""));
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_csv_are_quoted_where_they_must_be() {
        let check = |field: &str, want: &str| {
            let mut out = String::new();
            push_field(field, &mut out);
            assert_eq!(out, want);
        };
        check("www.example.org", "www.example.org");
        check("a,b", "\"a,b\"");
        check("\"v=spf1\"", "\"\"\"v=spf1\"\"\"");
    }

    #[test]
    fn csv_has_the_keys_of_json() {
        let row = QueryOut {
            timestamp: moment(1_700_000_000_123_456),
            request_id: String::new(),
            client_ip: String::new(),
            query_type: None,
            domain: None,
            response_code: String::new(),
            response_time_ms: 0.25,
            cache_hit: false,
            upstream_server: None,
            response_data: Vec::new(),
            transport: "udp",
            source: "zone",
            refusal: None,
            zone: None,
            dnssec: None,
            query_size: 0,
            response_size: 1,
            action: None,
            policy: None,
            group: None,
            list: None,
            rule: None,
        };
        let json = serde_json::to_value(&row).expect("JSON");
        let keys: Vec<&str> = json.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(format!("{}\r\n", keys.join(",")), CSV_HEADER);
        let mut line = String::new();
        row.push_csv(&mut line);
        assert_eq!(line, "2023-11-14T22:13:20.123Z,,,,,,0.25,false,,,udp,zone,,,,0,1,,,,,\r\n");
    }
}
