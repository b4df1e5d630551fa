//! The journals of this crate do what every journal must do.

#[path = "common/conformance.rs"]
mod conformance;

use conformance::conformance;
use journal::{MemoryJournal, SqliteJournal, Stream};

#[test]
fn in_memory() {
    conformance(&|check| {
        let journal = MemoryJournal::default();
        check(&|| Box::new(journal.clone()));
    });
}

#[test]
fn sqlite() {
    for stream in [Stream::Zones, Stream::Access, Stream::Settings] {
        conformance(&|check| {
            let dir = tempfile::tempdir().expect("directory");
            let path = dir.path().join("journal.db");
            check(&|| Box::new(SqliteJournal::open(&path, stream, || {}).expect("opens")));
        });
    }
}
