//! Blocks of clients for a while, as shared settings: made by API or by the server itself, and gone by themselves. The
//! data plane takes them over with the other limits (`policy/limits.rs`).

use dns::network;
use ipnet::IpNet;
use journal::shared::{Author, Body, Change, Collection, MAX_CHANGES, SettingsError, SettingsState, SharedSettings};

use crate::policy::BlockDocument;

/// Blocks that hold at a time, whoever made them; one more is refused.
pub const MAX_BLOCKS: usize = 10_000;
/// Blocks that have ended, and go with one change.
const MAX_SWEPT: usize = MAX_CHANGES / 2;

/// A block that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimedBlock {
    /// Its number.
    pub id: u64,
    /// Whose questions get no answers.
    pub network: IpNet,
    /// Why.
    pub reason: String,
    /// When it ends, in milliseconds since 1970.
    pub until_ms: u64,
    /// Who made it.
    pub who: String,
    /// When, in milliseconds since 1970.
    pub since_ms: u64,
}

/// Why a block is not made.
#[derive(Debug, thiserror::Error)]
pub enum NotBlocked {
    /// There are as many as there may be.
    #[error("there are too many blocks: end one first")]
    TooMany,
    /// The client is blocked already, for as long.
    #[error("it is blocked already")]
    Already,
    /// It could not be kept.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

/// A block to be made.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Whose questions get no answers.
    pub network: IpNet,
    /// When it ends, in milliseconds since 1970.
    pub until_ms: u64,
    /// Blocks of the same author that may hold at a time.
    pub max_own: usize,
}

/// The blocks that hold at `now_ms`, by number.
pub fn list(state: &SettingsState, now_ms: u64) -> Vec<TimedBlock> {
    let read = state.documents(Collection::Blocks).filter_map(|(id, document)| {
        let block = document.body.read::<BlockDocument>().ok()?;
        Some(TimedBlock {
            id: id.parse().ok()?,
            network: network::parse(&block.network)?,
            reason: block.reason,
            until_ms: block.until_ms,
            who: document.set_by.clone(),
            since_ms: document.set_at_ms,
        })
    });
    let mut blocks: Vec<TimedBlock> = read.filter(|block| now_ms < block.until_ms).collect();
    blocks.sort_by_key(|block| block.id);
    blocks
}

/// Makes a block on behalf of `author`, whose `why` is its reason, and removes what has ended. It is durable then.
///
/// # Errors
/// [`NotBlocked`]. A network that another block holds for as long is blocked already.
pub fn add(shared: &SharedSettings, author: &Author, wanted: &Wanted) -> Result<TimedBlock, NotBlocked> {
    let mut id = 0;
    shared.submit(author, |state| {
        let holding = list(state, author.at_ms);
        let covers = |block: &TimedBlock| block.network.contains(&wanted.network) && block.until_ms >= wanted.until_ms;
        if holding.iter().any(covers) {
            return Err(NotBlocked::Already);
        }
        let own = holding.iter().filter(|block| block.who == author.who).count();
        if holding.len() >= MAX_BLOCKS || own >= wanted.max_own {
            return Err(NotBlocked::TooMany);
        }
        id = state.free_number(Collection::Blocks);
        let document = BlockDocument {
            network: wanted.network.to_string(),
            reason: author.why.clone(),
            until_ms: wanted.until_ms,
        };
        let body = Body::new(&document).map_err(SettingsError::from)?;
        let mut changes = vec![state.put(Collection::Blocks, &id.to_string(), body)];
        changes.extend(ended(state, author.at_ms));
        Ok(changes)
    })?;
    let Wanted { network, until_ms, .. } = *wanted;
    let (who, reason) = (author.who.clone(), author.why.clone());
    Ok(TimedBlock { id, network, reason, until_ms, who, since_ms: author.at_ms })
}

/// Ends a block; whether there was one of this number.
///
/// # Errors
/// It could not be kept.
pub fn remove(shared: &SharedSettings, author: &Author, id: u64) -> Result<bool, SettingsError> {
    remove_document(shared, author, Collection::Blocks, id)
}

/// Deletes the document of this number; whether there was one.
///
/// # Errors
/// It could not be kept.
pub(crate) fn remove_document(
    shared: &SharedSettings,
    author: &Author,
    collection: Collection,
    id: u64,
) -> Result<bool, SettingsError> {
    let id = id.to_string();
    if shared.state().get(collection, &id).is_none() {
        return Ok(false);
    }
    shared.submit(author, |state| Ok::<_, SettingsError>(vec![state.delete(collection, &id)]))?;
    Ok(true)
}

/// What deletes blocks that have ended.
fn ended(state: &SettingsState, now_ms: u64) -> Vec<Change> {
    let over = state.documents(Collection::Blocks).filter(|(_, document)| {
        let block = document.body.read::<BlockDocument>();
        block.is_ok_and(|block| block.until_ms <= now_ms)
    });
    over.take(MAX_SWEPT).map(|(id, _)| state.delete(Collection::Blocks, id)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use journal::MemoryJournal;

    use super::*;

    fn shared() -> SharedSettings {
        SharedSettings::open(Arc::new(MemoryJournal::default())).expect("shared settings")
    }

    fn wanted(text: &str, until_ms: u64) -> Wanted {
        Wanted { network: network::parse(text).expect("a network"), until_ms, max_own: 2 }
    }

    fn by(who: &str, at_ms: u64) -> Author {
        Author::new(who, "it asks too much", at_ms)
    }

    #[test]
    fn a_block_holds_until_its_end_and_goes_with_the_next_one() {
        let shared = shared();
        let first = add(&shared, &by("user:a", 1_000), &wanted("192.0.2.7", 5_000)).expect("a block");
        assert_eq!((first.network.to_string().as_str(), first.reason.as_str()), ("192.0.2.7/32", "it asks too much"));
        assert_eq!(list(&shared.state(), 4_999), [first]);
        assert!(list(&shared.state(), 5_000).is_empty());
        add(&shared, &by("user:a", 6_000), &wanted("2001:db8::/48", 9_000)).expect("a block");
        assert_eq!(shared.state().count(Collection::Blocks), 1, "the first is swept");
    }

    #[test]
    fn what_is_blocked_for_as_long_is_not_blocked_again() {
        let shared = shared();
        add(&shared, &by("user:a", 0), &wanted("192.0.2.0/24", 5_000)).expect("a block");
        let again = add(&shared, &by("user:b", 0), &wanted("192.0.2.7", 5_000));
        assert!(matches!(again, Err(NotBlocked::Already)), "{again:?}");
        add(&shared, &by("user:b", 0), &wanted("192.0.2.7", 5_001)).expect("a longer one");
    }

    #[test]
    fn an_author_has_no_more_blocks_at_a_time_than_wanted() {
        let shared = shared();
        for octet in 1..=2 {
            add(&shared, &by("x", 0), &wanted(&format!("192.0.2.{octet}"), 5_000)).expect("a block");
        }
        let third = add(&shared, &by("x", 0), &wanted("192.0.2.3", 5_000));
        assert!(matches!(third, Err(NotBlocked::TooMany)), "{third:?}");
        add(&shared, &by("y", 0), &wanted("192.0.2.3", 5_000)).expect("another author");
        add(&shared, &by("x", 5_000), &wanted("192.0.2.4", 9_000)).expect("the others have ended");
    }

    #[test]
    fn a_block_can_be_ended_once() {
        let shared = shared();
        let block = add(&shared, &by("x", 0), &wanted("192.0.2.1", 5_000)).expect("a block");
        assert!(remove(&shared, &by("x", 1), block.id).expect("kept"));
        assert!(!remove(&shared, &by("x", 2), block.id).expect("kept"));
        assert!(list(&shared.state(), 1).is_empty());
    }
}
