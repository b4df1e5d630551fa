//! The authoritative state machine: zone contents, the lookup, the answer to a question, denial of
//! existence, checks. Deterministic: no clock, no socket, no file, no random source.

pub mod additional;
pub mod answer;
pub mod builder;
pub mod change;
pub mod check;
pub mod contents;
mod denial;
pub mod diff;
pub mod draft;
mod fan;
pub mod find;
mod finding;
mod index;
pub mod key;
mod memory;
mod names;
pub mod node;
mod order;
mod page;
pub mod policy;
pub mod publish;
pub mod records;
mod ring;
mod room;
pub mod settings;
pub mod table;
#[cfg(test)]
mod testing;
pub mod update;
mod write;
pub mod xfr;

pub use builder::Builder;
pub use change::{Action, ChangeSet, EventId, NodeId, RrsetChange, ZoneChange};
pub use contents::Contents;
pub use draft::{Edit, Records};
pub use key::{Variant, ZoneKey};
pub use memory::prefetch;
pub use names::Later;
pub use order::{MAX_KEY_LEN, sort_key};
pub use policy::ZonePolicy;
pub use publish::{Published, Reader};
pub use records::{RecordList, RecordListBuilder};
pub use ring::{HashRing, NameRing, Standing};
pub use settings::{DnssecValidation, SerialPolicy, ZoneKind, ZoneSettings};
pub use table::{Zone, ZoneTable};
