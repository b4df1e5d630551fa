//! One client below one registrable name: whether names and answers carry data.

use dns::{NameBuf, RType};

use super::report::{Examples, Finding, Kind, Reason, Subject};
use super::seen::Seen;
use super::sketch::{Distinct, Windowed};
use super::thresholds::Thresholds;
use super::words::{SHORTEST_JUDGED, Words, entropy, ramp};

/// Mean octets in front of the registrable name: from where they add to the score, and where they do in full.
const LENGTH: (f32, f32) = (16.0, 48.0);
/// Mean randomness: the same.
const RANDOMNESS: (f32, f32) = (0.3, 0.8);
/// Share of types that carry data: the same.
const PAYLOAD_SHARE: (f32, f32) = (0.1, 0.6);

#[derive(Debug, Default)]
struct Counts {
    queries: u32,
    payload_queries: u32,
    octets_up: u64,
    octets_down: u64,
    randomness: f32,
    entropy: f32,
    names: Distinct,
}

/// What a client exchanges with a zone by names that can carry data.
#[derive(Debug)]
pub(super) struct Exchange {
    zone: NameBuf,
    window: Windowed<Counts>,
    subject: Subject,
    examples: Examples,
    pub client_key: u64,
}

/// Whether the query could be part of a tunnel at all.
pub(super) fn can_carry(seen: &Seen<'_>, t: &Thresholds) -> bool {
    seen.is_judged() && seen.prefix_labels > 0 && (seen.prefix_octets >= t.tunnel_name_octets || carries(seen.o.qtype))
}

/// Types whose data can be anything. Address types carry little; DS, DNSKEY, SOA, NS and HTTPS are what resolvers and
/// browsers ask for.
fn carries(qtype: RType) -> bool {
    !matches!(
        qtype,
        RType::A
            | RType::AAAA
            | RType::NS
            | RType::SOA
            | RType::PTR
            | RType::DS
            | RType::DNSKEY
            | RType::HTTPS
            | RType::SVCB
    )
}

impl Exchange {
    pub fn new(seen: &Seen<'_>, client_key: u64) -> Exchange {
        Exchange {
            zone: seen.registrable.to_canonical(),
            window: Windowed::default(),
            subject: Subject { client: Some(seen.o.client), device: seen.o.device, ..Subject::default() },
            examples: Examples::default(),
            client_key,
        }
    }

    /// Counts a query that can carry data.
    pub fn count(&mut self, seen: &Seen<'_>, words: &Words, t: &Thresholds) {
        self.window.roll(seen.o.time_ms, t.window_ms);
        let counts = &mut self.window.now;
        counts.queries += 1;
        counts.names.add(seen.name_hash);
        counts.octets_up += seen.prefix_octets as u64;
        if carries(seen.o.qtype) {
            counts.payload_queries += 1;
            counts.octets_down += seen.o.payload_len as u64;
        }
        let (mut weighed, mut octets) = (0.0, 0);
        for label in seen.prefix_label_iter().filter(|label| label.len() >= SHORTEST_JUDGED) {
            weighed += words.randomness(label) * label.len() as f32;
            octets += label.len();
        }
        if octets > 0 {
            counts.randomness += weighed / octets as f32;
        }
        counts.entropy += entropy(seen.prefix_label_iter().flatten().map(u8::to_ascii_lowercase));
        self.examples.offer(counts.queries, seen.o.name);
    }

    /// Whether the numbers are those of a tunnel.
    pub fn judge(&mut self, key: u64, now_ms: u64, t: &Thresholds, found: &mut Vec<Finding>) {
        self.window.roll(now_ms, t.window_ms);
        let (now, before) = (&self.window.now, &self.window.before);
        let queries = (now.queries + before.queries) as f32;
        if queries < t.tunnel_names {
            return;
        }
        let names = now.names.with(&before.names);
        if names < t.tunnel_names || names / queries < t.tunnel_unrepeated_share {
            return;
        }
        let up = (now.octets_up + before.octets_up) as f32;
        let down = (now.octets_down + before.octets_down) as f32;
        let payload = (now.payload_queries + before.payload_queries) as f32 / queries;
        let randomness = (now.randomness + before.randomness) / queries;
        let length = up / queries;
        let score = 0.15 * ramp(names, t.tunnel_names, 5.0 * t.tunnel_names)
            + 0.15 * ramp(up, 0.0, t.tunnel_up_octets)
            + 0.2 * ramp(length, LENGTH.0, LENGTH.1)
            + 0.25 * ramp(randomness, RANDOMNESS.0, RANDOMNESS.1)
            + 0.25 * ramp(payload, PAYLOAD_SHARE.0, PAYLOAD_SHARE.1)
            + 0.1 * ramp(down, 0.0, t.tunnel_down_octets);
        if score < t.report_score {
            return;
        }
        let reasons = vec![
            Reason::DistinctNames(names as u32),
            Reason::MeanNameOctets(length as u32),
            Reason::MeanEntropy((now.entropy + before.entropy) / queries),
            Reason::Randomness(randomness),
            Reason::OctetsUp(up as u64),
            Reason::OctetsDown(down as u64),
            Reason::PayloadTypeShare(payload),
        ];
        let subject = Subject { zone: Some(self.zone.clone()), ..self.subject.clone() };
        let examples = self.examples.names();
        found.push(Finding { kind: Kind::Tunnel, key, subject, score: score.min(1.0), reasons, examples });
    }
}
