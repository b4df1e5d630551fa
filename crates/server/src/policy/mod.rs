//! Who may ask what, and how often.

pub mod acl;
pub mod cookie;
pub mod pattern;
