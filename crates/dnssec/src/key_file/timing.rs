//! The times in private key files: what BIND's tools plan for a key.

use dns::rdata::{date, text};

/// When something is done with a key, in seconds since 1970 (until 2105). `None`: the file does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timing {
    /// The key was generated.
    pub created_s: Option<u32>,
    /// The DNSKEY record enters the zone.
    pub publish_s: Option<u32>,
    /// The key begins to sign.
    pub activate_s: Option<u32>,
    /// The key gets the revoke flag (RFC 5011 2.1).
    pub revoke_s: Option<u32>,
    /// The key ceases to sign.
    pub inactive_s: Option<u32>,
    /// The DNSKEY record leaves the zone.
    pub delete_s: Option<u32>,
    /// The DS record enters the parent zone.
    pub ds_publish_s: Option<u32>,
    /// CDS and CDNSKEY records enter the zone (RFC 7344).
    pub sync_publish_s: Option<u32>,
    /// CDS and CDNSKEY records leave the zone.
    pub sync_delete_s: Option<u32>,
}

/// What a time must look like.
pub(super) const FORM: &str = "a time as YYYYMMDDHHMMSS, from 1970 to 2105";

impl Timing {
    /// The times by the names of their lines, in the order in which they are written.
    pub(super) fn fields(&mut self) -> [(&'static str, &mut Option<u32>); 9] {
        [
            ("Created", &mut self.created_s),
            ("Publish", &mut self.publish_s),
            ("Activate", &mut self.activate_s),
            ("Revoke", &mut self.revoke_s),
            ("Inactive", &mut self.inactive_s),
            ("Delete", &mut self.delete_s),
            ("DSPublish", &mut self.ds_publish_s),
            ("SyncPublish", &mut self.sync_publish_s),
            ("SyncDelete", &mut self.sync_delete_s),
        ]
    }
}

/// Reads a time; `None` if it does not have the [`FORM`].
pub(super) fn parse(value: &str) -> Option<u32> {
    /// The last year that is over before 32 bits of seconds are.
    const LAST_YEAR: &str = "2105";
    // Numbers of seconds, which records may have, have fewer digits.
    if value.len() != 14 || value.get(..4)? > LAST_YEAR {
        return None;
    }
    text::timestamp(value.as_bytes())
}

/// A time as [`parse`] reads it.
pub(super) fn to_text(moment_s: u32) -> String {
    let (days, rest) = (moment_s / 86400, moment_s % 86400);
    let (year, month, day) = date(days);
    format!("{year:04}{month:02}{day:02}{:02}{:02}{:02}", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds as `date -u -d DAY +%s` gives them.
    #[test]
    fn times() {
        let check = |text: &str, want: Option<u32>| {
            assert_eq!(parse(text), want, "{text}");
            want.inspect(|moment| assert_eq!(to_text(*moment), text));
        };
        check("19700101000000", Some(0));
        check("20240229123456", Some(1_709_210_096));
        check("21051231235959", Some(4_291_747_199));
        check("21060101000000", None);
        check("20230229000000", None);
        check("19691231235959", None);
        check("20240101", None);
        check("1709210096", None);
        check("2024010100000x", None);
        check("ä240101000000", None);
        check("", None);
    }
}
