//! Record data: one table defines every type, short functions over its fields do the rest.
//!
//! Record data is always uncompressed wire bytes (`&[u8]`), whatever the type.

pub mod table;
pub mod text;
