//! The rows of a segment as columns: numbers, and numbers of entries in the segment's dictionaries.

use hashbrown::HashTable;
use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use super::bytes::{Reader, push_varint, unzigzag, zigzag};
use super::entry::Entry;
use super::shape::Shape;

/// The most rows of a segment: numbers of entries have 16 bits.
pub const MAX_ROWS: usize = 1 << 16;
/// The most bytes of an entry of a dictionary: a decision of five texts.
const MAX_TEXT_LEN: usize = 2048;

/// A column of 16 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Narrow {
    /// The shape.
    Shape,
    /// The name.
    Name,
    /// The client.
    Client,
    /// The upstream.
    Upstream,
    /// The data.
    Data,
    /// The decision.
    Decision,
    /// Bytes of the query.
    QueryLen,
    /// Bytes of the response.
    ResponseLen,
}

/// How many narrow columns there are.
pub const NARROWS: usize = 8;

/// A column of larger numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wide {
    /// When the query came, in microseconds since 1970.
    Time,
    /// The row's number.
    Sequence,
    /// Microseconds that the answer took.
    Elapsed,
}

/// How many wide columns there are.
pub const WIDES: usize = 3;

/// A dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dict {
    /// Names, with the labels of the apex.
    Names,
    /// Clients.
    Clients,
    /// Upstreams.
    Upstreams,
    /// Data of answers.
    Data,
    /// What policy said.
    Decisions,
}

/// How many dictionaries there are.
pub const DICTS: usize = 5;

/// Octet strings, each with a number.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    ends: Vec<u32>,
    octets: Vec<u8>,
}

impl Texts {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The string with this number; empty if there is none.
    pub fn get(&self, number: u16) -> &[u8] {
        let number = usize::from(number);
        let start = number.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| *end as usize);
        let end = self.ends.get(number).map_or(start, |end| *end as usize);
        self.octets.get(start..end).unwrap_or_default()
    }

    /// All of them, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|number| self.get(number as u16))
    }

    fn push(&mut self, text: &[u8]) {
        self.octets.extend_from_slice(text);
        self.ends.push(self.octets.len() as u32);
    }

    fn clear(&mut self) {
        self.ends.clear();
        self.octets.clear();
    }

    /// Appends their form in files.
    pub fn write(&self, out: &mut Vec<u8>) {
        push_varint(out, self.len() as u64);
        self.iter().for_each(|text| push_varint(out, text.len() as u64));
        out.extend_from_slice(&self.octets);
    }

    /// Reads their form in files.
    pub fn read(octets: &[u8]) -> Option<Texts> {
        let mut reader = Reader::new(octets);
        let count = reader.varint().filter(|count| *count <= MAX_ROWS as u64)?;
        let mut end = 0u32;
        let ends = (0..count).map(|_| {
            let len = reader.varint().filter(|len| *len <= MAX_TEXT_LEN as u64)?;
            end += len as u32;
            Some(end)
        });
        let ends: Vec<u32> = ends.collect::<Option<_>>()?;
        (reader.rest().len() == end as usize).then(|| Texts { ends, octets: reader.rest().to_vec() })
    }
}

/// The rows of a segment in memory.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    /// Combinations of what takes few values.
    pub shapes: Vec<Shape>,
    /// The columns of 16 bits.
    pub narrow: [Vec<u16>; NARROWS],
    /// The other columns.
    pub wide: [Vec<u64>; WIDES],
    /// The dictionaries.
    pub dicts: [Texts; DICTS],
}

impl Columns {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.wide[Wide::Time as usize].len()
    }
}

/// Columns that grow.
#[derive(Debug, Default)]
pub struct Builder {
    columns: Columns,
    shape_numbers: HashTable<u16>,
    numbers: [HashTable<u16>; DICTS],
    hasher: RandomState,
    times_us: Option<(u64, u64)>,
}

impl Builder {
    /// What has been pushed.
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The earliest and the latest time of the rows.
    pub fn times_us(&self) -> Option<(u64, u64)> {
        self.times_us
    }

    /// Whether there is no room for another row.
    pub fn is_full(&self) -> bool {
        self.columns.len() >= MAX_ROWS
    }

    /// Appends a row, if it is one and there is room.
    pub fn push(&mut self, entry: &Entry) {
        let Some(shape) = entry.shape.filter(|_| !self.is_full()) else { return };
        let id = crate::RequestId::from_bits(entry.id);
        let time_us = id.time_us();
        let (first, last) = self.times_us.unwrap_or((time_us, time_us));
        self.times_us = Some((first.min(time_us), last.max(time_us)));
        let numbers = [
            self.shape_number(shape),
            self.number(Dict::Names, &entry.name),
            self.number(Dict::Clients, &entry.client),
            self.number(Dict::Upstreams, &entry.upstream),
            self.number(Dict::Data, &entry.data),
            self.number(Dict::Decisions, &entry.decision),
            entry.query_len,
            entry.response_len,
        ];
        self.columns.narrow.iter_mut().zip(numbers).for_each(|(column, number)| column.push(number));
        let numbers = [time_us, id.sequence().into(), entry.elapsed_us.into()];
        self.columns.wide.iter_mut().zip(numbers).for_each(|(column, number)| column.push(number));
    }

    /// There are at most as many shapes and entries as rows, so that numbers have 16 bits.
    fn shape_number(&mut self, shape: Shape) -> u16 {
        let (hasher, shapes) = (&self.hasher, &mut self.columns.shapes);
        let hash = hasher.hash_one(shape);
        if let Some(number) = self.shape_numbers.find(hash, |number| shapes[usize::from(*number)] == shape) {
            return *number;
        }
        let number = shapes.len() as u16;
        shapes.push(shape);
        self.shape_numbers.insert_unique(hash, number, |number| hasher.hash_one(shapes[usize::from(*number)]));
        number
    }

    fn number(&mut self, dict: Dict, text: &[u8]) -> u16 {
        let (hasher, texts) = (&self.hasher, &mut self.columns.dicts[dict as usize]);
        let numbers = &mut self.numbers[dict as usize];
        let hash = hasher.hash_one(text);
        if let Some(number) = numbers.find(hash, |number| texts.get(*number) == text) {
            return *number;
        }
        let number = texts.len() as u16;
        texts.push(text);
        numbers.insert_unique(hash, number, |number| hasher.hash_one(texts.get(*number)));
        number
    }

    /// Forgets all rows; keeps the memory.
    pub fn clear(&mut self) {
        self.columns.shapes.clear();
        self.columns.narrow.iter_mut().for_each(Vec::clear);
        self.columns.wide.iter_mut().for_each(Vec::clear);
        self.columns.dicts.iter_mut().for_each(Texts::clear);
        self.shape_numbers.clear();
        self.numbers.iter_mut().for_each(HashTable::clear);
        self.times_us = None;
    }
}

/// Appends a narrow column's form in files: low octets, then high ones, which compress better apart.
pub fn write_narrow(column: &[u16], out: &mut Vec<u8>) {
    out.extend(column.iter().map(|number| *number as u8));
    out.extend(column.iter().map(|number| (number >> 8) as u8));
}

/// Reads a narrow column of so many rows.
pub fn read_narrow(octets: &[u8], rows: usize) -> Option<Vec<u16>> {
    let (low, high) = octets.split_at_checked(rows).filter(|(low, high)| low.len() == high.len())?;
    Some(low.iter().zip(high).map(|(low, high)| u16::from_le_bytes([*low, *high])).collect())
}

/// Appends a wide column's form in files: differences from row to row.
pub fn write_wide(column: &[u64], out: &mut Vec<u8>) {
    let mut before = 0u64;
    for &number in column {
        push_varint(out, zigzag(number.wrapping_sub(before) as i64));
        before = number;
    }
}

/// Reads a wide column of so many rows.
pub fn read_wide(octets: &[u8], rows: usize) -> Option<Vec<u64>> {
    let (mut reader, mut number) = (Reader::new(octets), 0u64);
    let column = (0..rows).map(|_| {
        number = number.wrapping_add(unzigzag(reader.varint()?) as u64);
        Some(number)
    });
    let column = column.collect::<Option<_>>()?;
    reader.rest().is_empty().then_some(column)
}
