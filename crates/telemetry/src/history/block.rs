//! What a search looks at: the columns of one segment, in memory or read from its file when they are first asked for.

use std::cell::OnceCell;
use std::fs::File;
use std::sync::Arc;

use super::columns::{Columns, DICTS, Dict, NARROWS, Narrow, Texts, WIDES, Wide, read_narrow, read_wide};
use super::segment::{Damaged, Part, Segment};
use super::shape::Shape;

/// The rows of one segment.
pub trait Block {
    /// How many there are.
    fn rows(&self) -> usize;
    /// Combinations of what takes few values.
    fn shapes(&self) -> &[Shape];
    /// A narrow column.
    fn narrow(&self, column: Narrow) -> Result<&[u16], Damaged>;
    /// A wide column.
    fn wide(&self, column: Wide) -> Result<&[u64], Damaged>;
    /// A dictionary.
    fn dict(&self, dict: Dict) -> Result<&Texts, Damaged>;
}

impl Block for Columns {
    fn rows(&self) -> usize {
        self.len()
    }

    fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    fn narrow(&self, column: Narrow) -> Result<&[u16], Damaged> {
        Ok(&self.narrow[column as usize])
    }

    fn wide(&self, column: Wide) -> Result<&[u64], Damaged> {
        Ok(&self.wide[column as usize])
    }

    fn dict(&self, dict: Dict) -> Result<&Texts, Damaged> {
        Ok(&self.dicts[dict as usize])
    }
}

/// A segment on disk of which columns have been read, or will be.
pub struct OnDisk {
    segment: Arc<Segment>,
    file: File,
    narrow: [OnceCell<Vec<u16>>; NARROWS],
    wide: [OnceCell<Vec<u64>>; WIDES],
    dicts: [OnceCell<Texts>; DICTS],
}

impl OnDisk {
    /// Opens the segment's file.
    pub fn open(segment: Arc<Segment>) -> Result<OnDisk, Damaged> {
        let file = segment.open()?;
        Ok(OnDisk { segment, file, narrow: Default::default(), wide: Default::default(), dicts: Default::default() })
    }

    fn part(&self, part: Part) -> Result<Vec<u8>, Damaged> {
        self.segment.read(&self.file, part)
    }
}

/// What is in the cell, or what `make` gives.
fn get_or_read<T>(cell: &OnceCell<T>, make: impl FnOnce() -> Result<T, Damaged>) -> Result<&T, Damaged> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = make()?;
    Ok(cell.get_or_init(|| value))
}

impl Block for OnDisk {
    fn rows(&self) -> usize {
        self.segment.rows()
    }

    fn shapes(&self) -> &[Shape] {
        self.segment.shapes()
    }

    fn narrow(&self, column: Narrow) -> Result<&[u16], Damaged> {
        let read = || read_narrow(&self.part(Part::Narrow(column))?, self.rows()).ok_or(Damaged::Form);
        get_or_read(&self.narrow[column as usize], read).map(Vec::as_slice)
    }

    fn wide(&self, column: Wide) -> Result<&[u64], Damaged> {
        let read = || read_wide(&self.part(Part::Wide(column))?, self.rows()).ok_or(Damaged::Form);
        get_or_read(&self.wide[column as usize], read).map(Vec::as_slice)
    }

    fn dict(&self, dict: Dict) -> Result<&Texts, Damaged> {
        let read = || Texts::read(&self.part(Part::Dict(dict))?).ok_or(Damaged::Form);
        get_or_read(&self.dicts[dict as usize], read)
    }
}
