//! Counting rows: how often what was asked by whom with which result, and what comes most often.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::net::IpAddr;

use dns::{NameBuf, RType, Rcode};
use server::answered::Source;

use super::block::Block;
use super::columns::{Dict, Narrow, Texts, Wide};
use super::cursor::{Cursor, Progress};
use super::entry;
use super::plan::Wanted;
use super::segment::Damaged;
use super::shape::{Shape, source_number};
use super::store::Store;
use crate::names;

/// So many different things are counted; further ones are counted together.
pub const MAX_COUNTED: usize = 100_000;
/// So many types of a group are told.
const MAX_TYPES: usize = 16;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Names.
    Name,
    /// Clients.
    Client,
    /// Types.
    Type,
    /// RCODEs.
    Code,
    /// Upstreams.
    Upstream,
    /// Sources.
    Source,
    /// Zones.
    Zone,
}

/// The subjects, with their names in the API.
pub const SUBJECTS: [(Subject, &str); 7] = [
    (Subject::Name, "name"),
    (Subject::Client, "client"),
    (Subject::Type, "type"),
    (Subject::Code, "code"),
    (Subject::Upstream, "upstream"),
    (Subject::Source, "source"),
    (Subject::Zone, "zone"),
];

/// What comes most often.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Top {
    /// The values, as filters have them, and how many rows have them; the most frequent first.
    pub values: Vec<(String, u64)>,
    /// Rows that were counted.
    pub rows: u64,
    /// How many of these rows have a value that is not counted: there were too many different ones.
    pub others: u64,
    /// How far it came.
    pub progress: Progress,
}

/// Rows that have name, client and result in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What was asked; `None`: unknown.
    pub name: Option<NameBuf>,
    /// Who asked.
    pub client: Option<IpAddr>,
    /// The RCODE.
    pub rcode: Rcode,
    /// Who gave the answer.
    pub source: Source,
    /// The types that were asked for, at most 16.
    pub types: Vec<RType>,
    /// How many rows.
    pub count: u64,
    /// The time of the latest one, in microseconds since 1970.
    pub last_us: u64,
}

/// Rows in groups.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Groups {
    /// The largest groups, by the sum of those with the same name or client, the largest first.
    pub groups: Vec<Group>,
    /// Rows that were counted.
    pub rows: u64,
    /// How many of these rows are of a group that is not counted: there were too many different ones.
    pub others: u64,
    /// How far it came.
    pub progress: Progress,
}

impl Store {
    /// Counts the values of the wanted rows before `after`, and gives the `limit` most frequent ones that begin with
    /// `prefix`. When `stop` says so it ends with what it has; counts of further calls are to be added.
    pub fn top(
        &self,
        wanted: &Wanted<'_>,
        subject: Subject,
        prefix: &str,
        (after, limit): (Option<Cursor>, usize),
        stop: &dyn Fn() -> bool,
    ) -> Top {
        let mut counts: HashMap<Vec<u8>, u64> = HashMap::new();
        let mut top = Top::default();
        top.progress = self.scan(wanted, after, stop, &mut |block, plan, range| {
            let values = Values::new(block, subject)?;
            let mut numbers = vec![0u64; values.len()];
            for row in range.filter(|row| plan.accepts(*row)) {
                if let Some(count) = values.number(row).and_then(|number| numbers.get_mut(number)) {
                    *count += 1;
                }
                top.rows += 1;
            }
            for (number, count) in numbers.into_iter().enumerate().filter(|(_, count)| *count > 0) {
                let Some(key) = values.key(number) else { continue };
                let is_full = counts.len() >= MAX_COUNTED;
                match counts.entry(key) {
                    Slot::Occupied(mut slot) => *slot.get_mut() += count,
                    Slot::Vacant(_) if is_full => top.others += count,
                    Slot::Vacant(slot) => drop(slot.insert(count)),
                }
            }
            Ok(None)
        });
        let prefix = prefix.to_lowercase();
        let mut values: Vec<(String, u64)> = (counts.into_iter())
            .filter_map(|(key, count)| Some((subject.text(&key)?, count)))
            .filter(|(text, _)| prefix.is_empty() || text.to_lowercase().starts_with(&prefix))
            .collect();
        values.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        values.truncate(limit);
        top.values = values;
        top
    }

    /// Groups the wanted rows before `after` by name, client and result. Groups with the same name, or client if
    /// `by_client`, stand together; the `limit` largest of these are given.
    pub fn groups(
        &self,
        wanted: &Wanted<'_>,
        by_client: bool,
        (after, limit): (Option<Cursor>, usize),
        stop: &dyn Fn() -> bool,
    ) -> Groups {
        let mut counts: HashMap<GroupKey, GroupCount> = HashMap::new();
        let mut groups = Groups::default();
        groups.progress = self.scan(wanted, after, stop, &mut |block, plan, range| {
            let here = group_block(block, range.filter(|row| plan.accepts(*row)))?;
            for (key, found) in here {
                groups.rows += found.count;
                let is_full = counts.len() >= MAX_COUNTED;
                match counts.entry(key) {
                    Slot::Occupied(mut slot) => slot.get_mut().add(&found),
                    Slot::Vacant(_) if is_full => groups.others += found.count,
                    Slot::Vacant(slot) => drop(slot.insert(found)),
                }
            }
            Ok(None)
        });
        groups.groups = largest(counts, by_client, limit);
        groups
    }
}

/// The groups whose names or clients have most rows, those of one name or client together.
fn largest(counts: HashMap<GroupKey, GroupCount>, by_client: bool, limit: usize) -> Vec<Group> {
    let mut sums: HashMap<Vec<u8>, u64> = HashMap::new();
    for (key, found) in &counts {
        *sums.entry(key.side(by_client).to_vec()).or_default() += found.count;
    }
    let mut order: Vec<(u64, Vec<u8>)> = sums.into_iter().map(|(side, sum)| (sum, side)).collect();
    order.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    order.truncate(limit);
    let ranks: HashMap<Vec<u8>, usize> = order.into_iter().enumerate().map(|(rank, (_, side))| (side, rank)).collect();
    let mut ranked: Vec<(usize, Group)> = (counts.into_iter())
        .filter_map(|(key, found)| Some((*ranks.get(key.side(by_client))?, key.group(found))))
        .collect();
    ranked.sort_by(|(rank_a, a), (rank_b, b)| {
        rank_a.cmp(rank_b).then(b.count.cmp(&a.count)).then(b.last_us.cmp(&a.last_us))
    });
    ranked.into_iter().map(|(_, group)| group).collect()
}

/// The values of a segment's rows, each with a number.
struct Values<'b> {
    subject: Subject,
    column: &'b [u16],
    texts: Option<&'b Texts>,
    shapes: &'b [Shape],
}

impl<'b> Values<'b> {
    fn new(block: &'b dyn Block, subject: Subject) -> Result<Values<'b>, Damaged> {
        let (dict, column) = match subject {
            Subject::Name | Subject::Zone => (Some(Dict::Names), Narrow::Name),
            Subject::Client => (Some(Dict::Clients), Narrow::Client),
            Subject::Upstream => (Some(Dict::Upstreams), Narrow::Upstream),
            Subject::Type | Subject::Code | Subject::Source => (None, Narrow::Shape),
        };
        let texts = dict.map(|dict| block.dict(dict)).transpose()?;
        Ok(Values { subject, column: block.narrow(column)?, texts, shapes: block.shapes() })
    }

    fn len(&self) -> usize {
        self.texts.map_or(self.shapes.len(), Texts::len)
    }

    fn number(&self, row: usize) -> Option<usize> {
        self.column.get(row).map(|number| usize::from(*number))
    }

    /// What stands for the value in all segments.
    fn key(&self, number: usize) -> Option<Vec<u8>> {
        let text = self.texts.map(|texts| texts.get(number as u16));
        match self.subject {
            Subject::Name => Some(entry::name(text?)?.1.to_vec()),
            Subject::Zone => {
                let (apex, name) = entry::name(text?)?;
                Some(crate::filter::folded_suffix(name, apex?)?.to_vec())
            }
            Subject::Client => text.map(<[u8]>::to_vec),
            Subject::Upstream => text.and_then(|text| text.get(2..)).map(<[u8]>::to_vec),
            Subject::Type => Some(self.shapes.get(number)?.rtype()?.0.to_le_bytes().to_vec()),
            Subject::Code => Some(self.shapes.get(number)?.rcode.to_le_bytes().to_vec()),
            Subject::Source => Some(vec![source_number(self.shapes.get(number)?.source())]),
        }
    }
}

impl Subject {
    /// What stands for the value in filters.
    fn text(self, key: &[u8]) -> Option<String> {
        let number = || key.first_chunk().map(|octets| u16::from_le_bytes(*octets));
        match self {
            Subject::Name | Subject::Zone => {
                Some(name_text(&entry::unfold(key)?).replace(',', "\\,").replace('*', "\\*"))
            }
            Subject::Client | Subject::Upstream => entry::address(key).map(|address| address.to_string()),
            Subject::Type => number().map(|number| RType(number).to_string()),
            Subject::Code => number().map(|number| Rcode(number).to_string()),
            Subject::Source => {
                let shape = |source| Shape { question: None, rcode: 0, source, transport: 0, security: 0, instance: 0 };
                let source = shape(*key.first()?).source();
                Some(names::refusal(source).unwrap_or_else(|| names::source(source)).to_owned())
            }
        }
    }
}

/// A name without the dot at its end, unless it is the root.
pub fn name_text(name: &dns::Name) -> String {
    let mut text = name.to_string();
    if !name.is_root() {
        text.pop();
    }
    text
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct GroupKey {
    name: Vec<u8>,
    client: Vec<u8>,
    rcode: u16,
    source: u8,
}

#[derive(Debug, Clone, Default)]
struct GroupCount {
    count: u64,
    last_us: u64,
    types: Vec<u16>,
}

impl GroupKey {
    fn side(&self, by_client: bool) -> &[u8] {
        if by_client { &self.client } else { &self.name }
    }

    fn group(self, found: GroupCount) -> Group {
        let shape = Shape { question: None, rcode: 0, source: self.source, transport: 0, security: 0, instance: 0 };
        Group {
            name: entry::unfold(&self.name),
            client: entry::address(&self.client),
            rcode: Rcode(self.rcode),
            source: shape.source(),
            types: found.types.into_iter().map(RType).collect(),
            count: found.count,
            last_us: found.last_us,
        }
    }
}

impl GroupCount {
    fn add(&mut self, other: &GroupCount) {
        self.count += other.count;
        self.last_us = self.last_us.max(other.last_us);
        other.types.iter().for_each(|rtype| self.add_type(*rtype));
    }

    fn add_type(&mut self, rtype: u16) {
        if self.types.len() < MAX_TYPES && !self.types.contains(&rtype) {
            self.types.push(rtype);
        }
    }
}

/// The groups of one segment.
fn group_block(block: &dyn Block, rows: impl Iterator<Item = usize>) -> Result<Vec<(GroupKey, GroupCount)>, Damaged> {
    let (shapes, times) = (block.shapes(), block.wide(Wide::Time)?);
    let (shape_numbers, names, clients) =
        (block.narrow(Narrow::Shape)?, block.narrow(Narrow::Name)?, block.narrow(Narrow::Client)?);
    let at = |column: &[u16], row: usize| column.get(row).copied().unwrap_or_default();
    let mut counts: HashMap<(u16, u16, u16, u8), GroupCount> = HashMap::new();
    for row in rows {
        let Some(shape) = shapes.get(usize::from(at(shape_numbers, row))) else { continue };
        let count = counts.entry((at(names, row), at(clients, row), shape.rcode, shape.source)).or_default();
        count.count += 1;
        count.last_us = count.last_us.max(times.get(row).copied().unwrap_or_default());
        if let Some(rtype) = shape.rtype() {
            count.add_type(rtype.0);
        }
    }
    let (names, clients) = (block.dict(Dict::Names)?, block.dict(Dict::Clients)?);
    let keyed = counts.into_iter().map(|((name, client, rcode, source), count)| {
        let name = entry::name(names.get(name)).map(|(_, name)| name.to_vec()).unwrap_or_default();
        (GroupKey { name, client: clients.get(client).to_vec(), rcode, source }, count)
    });
    Ok(keyed.collect())
}
