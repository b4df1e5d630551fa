//! What the checks say about a version of a zone, in the log.

/// Findings of a version of a zone that are logged one by one; the API has more.
const LOGGED_FINDINGS: usize = 20;

/// Logs what the checks say about a version of a zone that is served all the same.
pub fn log<F: std::fmt::Display>(zone: &dns::Name, findings: &[F]) {
    for finding in findings.iter().take(LOGGED_FINDINGS) {
        tracing::warn!(%zone, "{finding}");
    }
    if let Some(more @ 1..) = findings.len().checked_sub(LOGGED_FINDINGS) {
        tracing::warn!(%zone, findings = findings.len(), "{more} more findings: see `headwater zone show {zone}`");
    }
}
