//! Record data: one table defines every type, short functions over its fields do the rest.
//!
//! Record data is always uncompressed wire bytes (`&[u8]`), whatever the type. [`table`] says what a
//! type consists of ([`field`] names the kinds of fields); [`wire`], [`text`] and [`json`] interpret
//! it; [`typed`] has readers for the few types that the server itself understands.

mod a6;
mod apl;
pub mod bitmap;
mod bits;
pub(crate) mod codec;
pub mod field;
mod gateway;
mod hip;
pub mod json;
mod loc;
pub mod mnemonics;
mod print;
mod read;
pub mod rules;
mod svcb;
pub mod table;
pub mod text;
pub mod typed;
pub mod wire;

pub use codec::date;
pub use wire::RdataError;
