//! Who gave an answer, or why a query was refused.

use dns::header::Rcode;

/// Who gave an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A zone of ours, or several.
    Zone,
    /// The cache.
    Cache,
    /// The cache or the resolver, with data that has expired, because nobody gave newer in time (RFC 8767).
    Stale,
    /// The resolver.
    Resolver,
    /// The control plane: updates, notifications, transfers.
    ControlPlane,
    /// The server by itself: about itself, or because it does not know what is asked for.
    Server,
    /// A rule or list of the operator.
    Policy,
    /// Nobody: the query was refused.
    Refused(Refusal),
}

/// Why a query was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is malformed.
    Malformed,
    /// Its name is in no zone of ours, and nobody asked to have it resolved.
    NotAuthoritative,
    /// The zone's `allow_query` does not have the client.
    Zone,
    /// The client may not have names resolved.
    Recursion,
    /// Its signature is wrong or too short.
    Signature,
    /// We do not have the key of its signature.
    Key,
    /// The time of its signature is not now.
    Time,
    /// The control plane has too much to do.
    ControlBusy,
    /// Too many questions wait for the resolver.
    ResolverBusy,
    /// There are too many transfers.
    TransfersBusy,
    /// The client asks more than its rate allows.
    Rate,
    /// Too many such responses went to the client's network.
    ResponseRate,
    /// Too many questions of the client need others to be asked.
    ClientMisses,
    /// Too many questions for names of one zone need others to be asked, and have no answer.
    ZoneMisses,
}

impl Refusal {
    /// All of them, in the order of their numbers.
    pub const ALL: [Refusal; 14] = [
        Refusal::Malformed,
        Refusal::NotAuthoritative,
        Refusal::Zone,
        Refusal::Recursion,
        Refusal::Signature,
        Refusal::Key,
        Refusal::Time,
        Refusal::ControlBusy,
        Refusal::ResolverBusy,
        Refusal::TransfersBusy,
        Refusal::Rate,
        Refusal::ResponseRate,
        Refusal::ClientMisses,
        Refusal::ZoneMisses,
    ];
}

/// Who gave an answer, as counters and metrics tell answers apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceGroup {
    /// A zone of ours, also by transfer or update.
    Zone,
    /// The cache.
    Cache,
    /// The resolver.
    Resolved,
    /// Data that has expired.
    Stale,
    /// A rule or list of the operator.
    Blocked,
    /// The server by itself.
    Local,
    /// Policy: the client may not ask this, here.
    Refused,
    /// Nobody could: the query is malformed or not supported, or the answer could not be found out.
    Error,
}

impl SourceGroup {
    /// All of them, in the order of their numbers.
    pub const ALL: [SourceGroup; 8] = [
        SourceGroup::Zone,
        SourceGroup::Cache,
        SourceGroup::Resolved,
        SourceGroup::Stale,
        SourceGroup::Blocked,
        SourceGroup::Local,
        SourceGroup::Refused,
        SourceGroup::Error,
    ];

    /// Its name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            SourceGroup::Zone => "zone",
            SourceGroup::Cache => "cache",
            SourceGroup::Resolved => "resolved",
            SourceGroup::Stale => "stale",
            SourceGroup::Blocked => "blocked",
            SourceGroup::Local => "local",
            SourceGroup::Refused => "refused",
            SourceGroup::Error => "error",
        }
    }

    /// The group of an answer. What policy answers is blocked, whatever the RCODE. Else the RCODE comes first: SERVFAIL, FORMERR, NOTIMP and BADVERS are errors and REFUSED and
    /// NOTAUTH are refusals, whoever gives them; SERVFAIL from the cache is an error too. Then it is who gave the answer.
    /// Queries that got no answer for want of room are errors.
    #[inline(always)]
    pub fn of(source: Source, rcode: Rcode) -> SourceGroup {
        match rcode {
            _ if source == Source::Policy => return SourceGroup::Blocked,
            Rcode::NOERROR | Rcode::NXDOMAIN => {}
            Rcode::SERVFAIL | Rcode::FORMERR | Rcode::NOTIMP | Rcode::BADVERS => return SourceGroup::Error,
            Rcode::REFUSED | Rcode::NOTAUTH => return SourceGroup::Refused,
            _ => {}
        }
        match source {
            Source::Zone | Source::ControlPlane => SourceGroup::Zone,
            Source::Cache => SourceGroup::Cache,
            Source::Stale => SourceGroup::Stale,
            Source::Resolver => SourceGroup::Resolved,
            Source::Server => SourceGroup::Local,
            Source::Policy => SourceGroup::Blocked,
            Source::Refused(_) => SourceGroup::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_of_source_and_rcode() {
        let cases = [
            (Source::Zone, Rcode::NXDOMAIN, "zone"),
            (Source::Zone, Rcode::SERVFAIL, "error"),
            (Source::ControlPlane, Rcode::YXDOMAIN, "zone"),
            (Source::ControlPlane, Rcode::NOTAUTH, "refused"),
            (Source::Cache, Rcode::NOERROR, "cache"),
            (Source::Cache, Rcode::SERVFAIL, "error"),
            (Source::Stale, Rcode::NOERROR, "stale"),
            (Source::Resolver, Rcode::NOERROR, "resolved"),
            (Source::Server, Rcode::NOERROR, "local"),
            (Source::Server, Rcode::BADVERS, "error"),
            (Source::Refused(Refusal::Malformed), Rcode::FORMERR, "error"),
            (Source::Refused(Refusal::ResolverBusy), Rcode::SERVFAIL, "error"),
            (Source::Refused(Refusal::Zone), Rcode::REFUSED, "refused"),
        ];
        for (source, rcode, name) in cases {
            assert_eq!(SourceGroup::of(source, rcode).as_str(), name, "{source:?} {rcode}");
        }
        assert!(SourceGroup::ALL.iter().enumerate().all(|(number, &group)| group as usize == number));
    }
}
