//! What is thought of a change before it is made: which findings refuse it, and whether it is one at all.

use dns::RType;
use dns::rdata::typed::Soa;
use zone::check::{Finding, Severity, Source};
use zone::{Contents, RrsetChange};

use super::request::CommitError;

/// Errors refuse, unless they were there before, in the zone's `old` findings: a zone is not locked by its past. What
/// does not refuse is passed on.
pub fn judge(
    findings: Vec<Finding>,
    source: Source,
    old: &[Finding],
    warnings: &mut Vec<Finding>,
) -> Result<(), CommitError> {
    let refuses = |finding: &Finding| finding.severity(source) == Severity::Error && !old.contains(finding);
    let (errors, others): (Vec<_>, Vec<_>) = findings.into_iter().partition(refuses);
    if !errors.is_empty() {
        return Err(CommitError::Invalid(errors));
    }
    warnings.extend(others);
    Ok(())
}

/// Whether all that a change does is to bring back an earlier serial: a zone that is signed here goes on above the serial
/// of its file.
pub fn is_old_serial(contents: &Contents, change: &RrsetChange) -> bool {
    let (Some(before), Some(after)) = (&change.before, &change.after) else { return false };
    if change.rtype != RType::SOA || *change.owner != *contents.origin() || before.ttl != after.ttl {
        return false;
    }
    let [was, brought] = [before, after].map(|records| records.data.first().and_then(|data| Soa::parse(data)));
    let (Some(was), Some(brought)) = (was, brought) else { return false };
    !dns::serial::is_later(brought.serial, was.serial) && Soa { serial: was.serial, ..brought } == was
}

#[cfg(test)]
mod tests {
    use dns::Name;
    use zone::check::Rule;

    use super::*;

    fn finding(rule: Rule, message: &str) -> Finding {
        Finding { rule, owner: Name::root().to_owned(), rtype: None, host: None, message: message.to_owned() }
    }

    /// What is made is exact, what others made is served, and a zone is not locked by its past.
    #[test]
    fn what_refuses_a_change() {
        let check = |rule, source, old: &[Finding], want| {
            let mut warnings = Vec::new();
            let judged = judge(vec![finding(rule, "x")], source, old, &mut warnings);
            assert_eq!(judged.is_ok(), want, "{rule:?} {source:?}");
            assert_eq!(warnings.len(), usize::from(want), "{rule:?} {source:?}");
        };
        check(Rule::NameServer, Source::Made, &[], true);
        check(Rule::OneCname, Source::Made, &[], false);
        check(Rule::OneCname, Source::Transferred, &[], true);
        check(Rule::OneSoa, Source::Transferred, &[], false);
        check(Rule::OneCname, Source::Made, &[finding(Rule::OneCname, "x")], true);
        check(Rule::OneCname, Source::Made, &[finding(Rule::OneCname, "y")], false);
    }
}
