//! Bounds of access: how much of everything there can be.

/// Users.
pub const MAX_USERS: usize = 10_000;
/// Roles, built-in ones included.
pub const MAX_ROLES: usize = 1_000;
/// Tokens.
pub const MAX_TOKENS: usize = 50_000;
/// TSIG keys.
pub const MAX_KEYS: usize = 10_000;
/// Grants of a role or a token.
pub const MAX_GRANTS: usize = 64;
/// Roles of a user; entries of each list of a grant.
pub const MAX_LIST: usize = 256;
/// Characters of the name of a user, role or token.
pub const MAX_NAME: usize = 64;
/// Characters of a name for people, and of who made a change.
pub const MAX_TITLE: usize = 256;
/// Characters of why a change was made.
pub const MAX_WHY: usize = 1024;
/// Octets of an event; larger ones are not appended.
pub const MAX_EVENT: usize = 256 * 1024;
/// Octets of a TSIG secret (RFC 8945 6: longer than a digest is no stronger; BIND makes up to 64).
pub const MAX_TSIG_SECRET: usize = 256;
/// Octets of a password. Argon2 takes longer ones, but nobody types them.
pub const MAX_PASSWORD: usize = 256;
/// Characters of a new password (NIST SP 800-63B 5.1.1.1).
pub const MIN_PASSWORD: usize = 8;
/// Password hashes that are computed at the same time (19 MiB each).
pub const MAX_HASHES: usize = 4;
/// Who waits for a password hash; more are turned away.
pub const MAX_WAITING: usize = 64;
/// Sessions of everybody, and of one user; the one used longest ago makes room.
pub const MAX_SESSIONS: usize = 10_000;
/// Sessions of one user.
pub const MAX_USER_SESSIONS: usize = 64;
/// Changes of access that are remembered for those who look.
pub const MAX_PAST: usize = 1_000;
/// Users, and networks, whose failures are remembered.
pub const MAX_FAILING: usize = 10_000;
