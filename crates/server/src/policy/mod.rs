//! What policy does on the path of a query: cookies, answers of rules, limits.

pub mod cookie;
pub(crate) mod judge;
pub mod limits;
pub(crate) mod ruled;
