//! Surveys of a zone's signatures. Each reads the whole zone, so what one look asks again is not looked for again.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use signer::sign::{Stale, stale};
use signer::zone_signer::ZoneSigner;
use zone::Contents;

/// The last survey.
#[derive(Default)]
pub struct Surveys(RefCell<Option<Survey>>);

/// What was found of one version of a zone, for the keys that sign it.
struct Survey {
    signer: Arc<ZoneSigner>,
    contents: Contents,
    found: Rc<Stale>,
}

impl Surveys {
    /// What is to be signed anew; up to `limit` RRsets are named. `now_s` and `limit` are the same each time.
    pub fn survey(&self, signer: &Arc<ZoneSigner>, contents: &Contents, now_s: u64, limit: usize) -> Rc<Stale> {
        let mut last = self.0.borrow_mut();
        let is_known = |last: &&Survey| Arc::ptr_eq(&last.signer, signer) && last.contents.is_same_version(contents);
        if let Some(known) = last.as_ref().filter(is_known) {
            return known.found.clone();
        }
        let found = Rc::new(stale(signer, contents, now_s, limit));
        *last = Some(Survey { signer: signer.clone(), contents: contents.clone(), found: found.clone() });
        found
    }
}
