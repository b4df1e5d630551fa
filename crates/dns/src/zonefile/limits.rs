//! The bounds of zone-file reading. Passing one is a problem that names the limit.

/// The largest TTL in seconds (RFC 2181 8).
pub const MAX_TTL: u32 = i32::MAX as u32;

/// Problems that are listed one by one; the rest is only counted.
pub const MAX_PROBLEMS: usize = 1000;

/// How deep `$INCLUDE` may nest; an include cycle ends here.
pub const MAX_INCLUDE_DEPTH: u32 = 10;

/// How many `$INCLUDE`s one zone may follow in all.
pub const MAX_INCLUDES: usize = 10_000;

/// How many records all `$GENERATE`s of one zone may make together.
pub const MAX_GENERATED: u64 = 1_000_000;

/// The largest width in a `${offset,width,base}` of `$GENERATE`: no label or string is longer.
pub const MAX_GENERATE_WIDTH: usize = 255;

/// Octets of a bad field that a message repeats.
pub const MAX_SHOWN_TOKEN: usize = 60;
