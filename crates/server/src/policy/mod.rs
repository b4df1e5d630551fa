//! Who may ask what, and how often.

pub mod cookie;
