//! Whether a zone can be changed here, and why not. The committer, the API and dynamic updates ask here; nothing else
//! decides it.

use std::fmt;

use zone::ZoneKind;

/// Where a zone is maintained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaintainedIn {
    /// In the journal: everything about it can be changed.
    Journal,
    /// Its records are in the journal, its settings in the configuration.
    Configuration,
    /// Its records are in a zone file, its settings in the configuration.
    File,
    /// The same, and it is signed here: with its signatures it stands in the journal.
    SignedFile,
}

/// What a request changes of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Its records, on behalf of whoever maintains them here.
    Records,
    /// Its records, as its primary sends them.
    Transfer,
    /// Its records, as its zone file has them.
    File,
    /// Its signatures, and the records that belong to them.
    Signatures,
    /// How it is served, or whether there is such a zone.
    Settings,
}

/// Why a zone cannot be changed here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadOnly {
    /// Its records are in a zone file.
    File,
    /// Its settings are in the configuration.
    Configuration,
    /// Its primary changes its records.
    Secondary,
    /// It is a secondary that has not been transferred yet.
    Empty,
    /// It is a variant: a later version, which knows views, made it.
    Variant,
}

impl fmt::Display for ReadOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ReadOnly::File => {
                "its records come from a zone file; remove the zone from the configuration, then `headwater zone import` \
                 brings it into the journal"
            }
            ReadOnly::Configuration => "the configuration says how it is served",
            ReadOnly::Secondary => "it is a secondary zone; its primary changes it",
            ReadOnly::Empty => "it is a secondary zone without records yet",
            ReadOnly::Variant => "it is a variant of the zone, and this server has no views",
        })
    }
}

/// Why this part of a zone cannot be changed; `None`: it can.
pub fn reason(maintained_in: MaintainedIn, kind: ZoneKind, part: Part) -> Option<ReadOnly> {
    match (maintained_in, part) {
        (MaintainedIn::File, _) => Some(ReadOnly::File),
        (MaintainedIn::SignedFile, Part::Records | Part::Transfer) => Some(ReadOnly::File),
        (MaintainedIn::Configuration | MaintainedIn::SignedFile, Part::Settings) => Some(ReadOnly::Configuration),
        (_, Part::Records | Part::File) if kind == ZoneKind::Secondary => Some(ReadOnly::Secondary),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_change_what() {
        use Part::{Records, Settings, Transfer};
        let (primary, secondary) = (ZoneKind::Primary, ZoneKind::Secondary);
        for part in [Records, Transfer, Settings] {
            assert_eq!(reason(MaintainedIn::File, primary, part), Some(ReadOnly::File));
            assert_eq!(reason(MaintainedIn::Journal, primary, part), None);
        }
        assert_eq!(reason(MaintainedIn::Configuration, primary, Records), None);
        assert_eq!(reason(MaintainedIn::Configuration, primary, Settings), Some(ReadOnly::Configuration));
        assert_eq!(reason(MaintainedIn::Journal, secondary, Records), Some(ReadOnly::Secondary));
        assert_eq!(reason(MaintainedIn::Configuration, secondary, Transfer), None);
        assert_eq!(reason(MaintainedIn::Journal, secondary, Settings), None);
        assert_eq!(reason(MaintainedIn::Configuration, secondary, Part::Signatures), None, "signed on the way through");
        let signed_file = |part| reason(MaintainedIn::SignedFile, primary, part);
        assert_eq!(signed_file(Records), Some(ReadOnly::File));
        assert_eq!(signed_file(Settings), Some(ReadOnly::Configuration));
        assert_eq!((signed_file(Part::File), signed_file(Part::Signatures)), (None, None));
    }
}
