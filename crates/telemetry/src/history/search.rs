//! Searching: from the newest row back, a slice of the work at a time.

use super::block::Block;
use super::columns::{Dict, Narrow, Wide};
use super::cursor::{Cursor, Progress};
use super::entry::{self, StoredDecision, StoredRow};
use super::plan::Wanted;
use super::segment::Damaged;
use super::store::Store;
use crate::filter::folded_suffix;
use crate::request_id::RequestId;

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// The rows, the latest first.
    pub rows: Vec<StoredRow>,
    /// How far it came.
    pub progress: Progress,
}

impl Store {
    /// The rows that are wanted, the latest first, before `after`; at most `limit`. When `stop` says so it ends with what
    /// it has, but not before it has looked at one segment.
    ///
    /// Rows are in the order in which answers left, within an answer in the order of time.
    pub fn search(&self, wanted: &Wanted<'_>, after: Option<Cursor>, limit: usize, stop: &dyn Fn() -> bool) -> Found {
        let mut found = Found::default();
        let progress = self.scan(wanted, after, stop, &mut |block, plan, range| {
            let room = limit - found.rows.len();
            let mut picked = Vec::new();
            let mut end = 0;
            for row in range.rev().filter(|row| plan.accepts(*row)) {
                picked.push(row);
                if picked.len() == room {
                    end = row;
                    break;
                }
            }
            for row in &picked {
                found.rows.extend(stored_row(block, *row)?);
            }
            Ok((picked.len() == room).then_some(end))
        });
        found.progress = progress;
        found.rows.sort_by_key(|row| std::cmp::Reverse(row.id));
        found
    }

    /// The row with this identifier.
    pub fn find(&self, id: RequestId) -> Option<StoredRow> {
        let filter = crate::Filter::of_id(id);
        let time_us = id.time_us();
        let wanted = Wanted { filter: &filter, from_us: time_us, to_us: time_us };
        self.search(&wanted, None, 1, &|| false).rows.pop()
    }
}

/// A row of a segment; `None`: its numbers are out of range.
fn stored_row(block: &dyn Block, row: usize) -> Result<Option<StoredRow>, Damaged> {
    let narrow = |column| Ok::<_, Damaged>(block.narrow(column)?.get(row).copied().unwrap_or_default());
    let wide = |column| Ok::<_, Damaged>(block.wide(column)?.get(row).copied().unwrap_or_default());
    let Some(shape) = block.shapes().get(usize::from(narrow(Narrow::Shape)?)) else { return Ok(None) };
    let Some(client) = entry::address(block.dict(Dict::Clients)?.get(narrow(Narrow::Client)?)) else { return Ok(None) };
    let name = entry::name(block.dict(Dict::Names)?.get(narrow(Narrow::Name)?));
    let question = name.and_then(|(_, name)| Some((entry::unfold(name)?, shape.rtype()?, shape.class()?)));
    let apex = name.and_then(|(apex, name)| folded_suffix(name, apex?));
    Ok(Some(StoredRow {
        id: RequestId::new(wide(Wide::Time)?, shape.instance, wide(Wide::Sequence)?),
        elapsed_us: wide(Wide::Elapsed)?,
        client,
        transport: shape.transport(),
        source: shape.source(),
        rcode: shape.rcode(),
        security: shape.security(),
        question,
        zone: apex.and_then(entry::unfold),
        upstream: entry::upstream(block.dict(Dict::Upstreams)?.get(narrow(Narrow::Upstream)?)),
        query_len: narrow(Narrow::QueryLen)?,
        response_len: narrow(Narrow::ResponseLen)?,
        data: super::data::texts(block.dict(Dict::Data)?.get(narrow(Narrow::Data)?)),
        decision: StoredDecision::read(block.dict(Dict::Decisions)?.get(narrow(Narrow::Decision)?)),
    }))
}
