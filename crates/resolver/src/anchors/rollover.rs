//! Following a zone's changes of keys (RFC 5011).
