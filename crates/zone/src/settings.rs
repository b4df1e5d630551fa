//! How a zone of the journal is served: part of its history, in the words of the configuration.

/// Where a zone's records come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum ZoneKind {
    /// Changes are made here.
    #[default]
    Primary,
    /// Changes come by transfer from the primaries.
    Secondary,
}

/// How the next serial is found (RFC 1912 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum SerialPolicy {
    /// One more.
    #[default]
    Increment,
    /// YYYYMMDDnn of today, or one more.
    Date,
    /// Seconds since 1970, or one more.
    UnixTime,
}

/// How a zone is served. The lists hold entries as the configuration writes them; whoever makes them
/// has checked them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ZoneSettings {
    /// Primary or secondary.
    pub kind: ZoneKind,
    /// How the next serial is found.
    pub serial_policy: SerialPolicy,
    /// Of a secondary: `address[:port] [key:NAME]`.
    pub primaries: Vec<String>,
    /// Who may ask; empty: everybody.
    pub allow_query: Vec<String>,
    /// Who may transfer.
    pub allow_transfer: Vec<String>,
    /// Who may send updates, and of what.
    pub allow_update: Vec<String>,
    /// Who may send NOTIFY; empty: the primaries.
    pub allow_notify: Vec<String>,
    /// Whom to tell of changes: `address[:port] [key:NAME]`.
    pub notify: Vec<String>,
}
