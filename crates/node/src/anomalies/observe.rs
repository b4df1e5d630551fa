//! Rows of answers as the detector sees them.

use policy::Did;
use policy::anomaly::{Answer, Observation};
use server::answered::{Refusal, Source};
use telemetry::Row;

/// What the detector is told of a row whose answer section is `answer`; `None`: nothing, as it is no query for a name of
/// the Internet, or the control plane answered it.
pub(super) fn observation<'a>(row: &Row<'a>, answer: &'a Answer, device: Option<u32>) -> Option<Observation<'a>> {
    let (name, qtype, class) = row.question?;
    let record = &row.record;
    if class != dns::Class::IN || matches!(record.source, Source::ControlPlane) {
        return None;
    }
    Some(Observation {
        time_ms: record.time_us / 1000,
        client: record.client.ip().to_canonical(),
        device,
        name,
        qtype,
        rcode: record.rcode,
        blocked: is_blocked(row),
        payload_len: answer.payload_len,
        addresses: answer.addresses(),
        min_ttl: answer.min_ttl,
        from_cache: matches!(record.source, Source::Cache | Source::Stale),
        zone_of_ours: record.apex_labels.is_some(),
    })
}

/// Whether the answer says nothing of the name: a rule gave it, or the client was refused.
fn is_blocked(row: &Row<'_>) -> bool {
    let by_rule = row.record.policy.is_some_and(|mark| matches!(mark.did, Did::Blocked | Did::Rewritten));
    // A resolver that has too much to do is what floods of random names lead to: these count as failures.
    let refused = matches!(row.record.source, Source::Refused(refusal) if refusal != Refusal::ResolverBusy);
    by_rule || refused || matches!(row.record.source, Source::Policy)
}

#[cfg(test)]
mod tests {
    use dns::{Class, NameBuf, RType, Rcode};
    use policy::{ListId, Mark, RuleRef};
    use server::record::ResponseRecord;
    use server::transport::Transport;
    use telemetry::{Decision, RequestId};

    use super::*;

    const TIME_US: u64 = 1_900_000_000_123_456;

    fn record(source: Source) -> ResponseRecord<'static> {
        ResponseRecord {
            time_us: TIME_US,
            elapsed_us: 5,
            client: ("::ffff:192.0.2.7".parse::<std::net::IpAddr>().expect("address"), 5300).into(),
            transport: Transport::Udp,
            source,
            rcode: Rcode::NXDOMAIN,
            security: None,
            apex_labels: None,
            upstream: None,
            policy: None,
            query_len: 30,
            response_len: 30,
            query: &[],
            response: &[],
        }
    }

    fn row<'a>(name: &'a NameBuf, class: Class, record: ResponseRecord<'a>) -> Row<'a> {
        let id = RequestId::new(TIME_US, 1, 1);
        Row { id, question: Some((name, RType::A, class)), record, decision: Decision::default() }
    }

    fn name() -> NameBuf {
        "www.example.org".parse().expect("a name")
    }

    #[test]
    fn a_row_is_seen_with_client_time_and_answer() {
        let mut response = vec![0, 7, 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0];
        response.extend_from_slice(name().as_wire());
        response.extend_from_slice(&[0, 1, 0, 1, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 10, 0, 0, 1]);
        let (name, answer) = (name(), Answer::read(&response));
        let row = row(&name, Class::IN, record(Source::Resolver));
        let seen = observation(&row, &answer, Some(3)).expect("an observation");
        assert_eq!((seen.time_ms, seen.client.to_string().as_str()), (TIME_US / 1000, "192.0.2.7"));
        assert_eq!((seen.device, seen.rcode, seen.qtype), (Some(3), Rcode::NXDOMAIN, RType::A));
        assert_eq!((seen.addresses.len(), seen.min_ttl), (1, 30));
        assert!(!seen.blocked && !seen.from_cache && !seen.zone_of_ours);
    }

    #[test]
    fn who_answered_decides_what_a_row_tells() {
        let (name, answer) = (name(), Answer::read(&[]));
        let seen = |record: ResponseRecord<'_>| {
            let row = row(&name, Class::IN, record);
            observation(&row, &answer, None).map(|seen| (seen.blocked, seen.from_cache, seen.zone_of_ours))
        };
        assert_eq!(seen(record(Source::Cache)), Some((false, true, false)));
        assert_eq!(seen(record(Source::Stale)), Some((false, true, false)));
        assert_eq!(seen(record(Source::Policy)), Some((true, false, false)));
        assert_eq!(seen(record(Source::Refused(Refusal::Rate))), Some((true, false, false)));
        assert_eq!(seen(record(Source::Refused(Refusal::ResolverBusy))), Some((false, false, false)));
        assert_eq!(seen(record(Source::ControlPlane)), None);
        let ours = ResponseRecord { apex_labels: Some(2), ..record(Source::Zone) };
        assert_eq!(seen(ours), Some((false, false, true)));
        for (did, blocked) in [(Did::Allowed, false), (Did::Blocked, true), (Did::Rewritten, true), (Did::Tried, false)]
        {
            let policy = Some(Mark { did, rule: RuleRef { list: ListId(1), line: 1 }, group: 0 });
            assert_eq!(
                seen(ResponseRecord { policy, ..record(Source::Cache) }),
                Some((blocked, true, false)),
                "{did:?}"
            );
        }
    }

    #[test]
    fn what_is_no_question_of_the_internet_is_not_seen() {
        let (name, answer) = (name(), Answer::read(&[]));
        let mut row = row(&name, Class(3), record(Source::Server));
        assert!(observation(&row, &answer, None).is_none());
        row.question = None;
        assert!(observation(&row, &answer, None).is_none());
    }
}
