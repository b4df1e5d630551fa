//! A segment on disk: a file that is written once, whole, and then only read or deleted.
//!
//! It begins with `MAGIC`, the length of the header and its checksum. The header has the segment's number, the number of
//! rows, the earliest and the latest time, the shapes, and of each part (columns and dictionaries, in one order) its
//! length in the file, its length when it is not compressed, and its checksum. The parts follow, compressed. Numbers have
//! the little end first.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::bytes::Reader;
use super::columns::{Columns, DICTS, Dict, MAX_ROWS, NARROWS, Narrow, WIDES, Wide, write_narrow, write_wide};
use super::shape::{SHAPE_LEN, Shape};

const MAGIC: &[u8; 8] = b"HWHIST01";
/// Magic, length and checksum.
const START_LEN: usize = 16;
const PARTS: usize = NARROWS + WIDES + DICTS;
const PART_LEN: usize = 12;
/// Number, rows, times, count of shapes.
const FIXED_LEN: usize = 36;
const MAX_HEADER_LEN: usize = FIXED_LEN + MAX_ROWS * SHAPE_LEN + PARTS * PART_LEN;
/// The most bytes of a part when it is not compressed: a dictionary of the longest entries.
const MAX_PART_LEN: usize = MAX_ROWS * 2048;
/// The first level: the others take more time than they save space.
const COMPRESSION_LEVEL: i32 = 1;
/// Owner only: the rows are what people looked up.
const FILE_MODE: u32 = 0o600;

/// What is wrong with a segment's file.
#[derive(Debug, thiserror::Error)]
pub enum Damaged {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A checksum is not that of the octets.
    #[error("a checksum is wrong")]
    Checksum,
    /// Lengths or numbers in it do not fit together.
    #[error("it is cut off, or its lengths do not fit together")]
    Form,
}

/// A part of a segment's file.
#[derive(Debug, Clone, Copy)]
pub enum Part {
    /// A narrow column.
    Narrow(Narrow),
    /// A wide column.
    Wide(Wide),
    /// A dictionary.
    Dict(Dict),
}

impl Part {
    fn number(self) -> usize {
        match self {
            Part::Narrow(column) => column as usize,
            Part::Wide(column) => NARROWS + column as usize,
            Part::Dict(dict) => NARROWS + WIDES + dict as usize,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Place {
    offset: u64,
    len: usize,
    raw_len: usize,
    checksum: u32,
}

/// A segment on disk: what its header says.
#[derive(Debug)]
pub struct Segment {
    path: PathBuf,
    number: u64,
    rows: usize,
    times_us: (u64, u64),
    shapes: Vec<Shape>,
    places: Vec<Place>,
    size_bytes: u64,
}

impl Segment {
    /// Writes the rows to a file named `path`, and makes sure that it stays. Either all of it is there, or nothing.
    pub fn write(path: &Path, number: u64, columns: &Columns, times_us: (u64, u64)) -> Result<Segment, Damaged> {
        let octets = encode(number, columns, times_us)?;
        let beside = path.with_extension("new");
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(FILE_MODE).open(&beside)?;
        let written = file.write_all(&octets).and_then(|()| file.sync_data()).and_then(|()| fs::rename(&beside, path));
        if let Err(error) = written {
            // What is there of it takes room that is missing.
            let _ = fs::remove_file(&beside);
            return Err(error.into());
        }
        sync_directory(path)?;
        Segment::read_header(path)
    }

    /// Reads the header of the segment in the file `path`.
    pub fn read_header(path: &Path) -> Result<Segment, Damaged> {
        let mut file = File::open(path)?;
        let size_bytes = file.metadata()?.len();
        let mut start = [0; START_LEN];
        file.read_exact(&mut start).map_err(cut_off)?;
        let mut reader = Reader::new(&start);
        if reader.take(MAGIC.len()) != Some(MAGIC) {
            return Err(Damaged::Form);
        }
        let (len, checksum) = reader.u32().zip(reader.u32()).ok_or(Damaged::Form)?;
        let len = Some(len as usize).filter(|len| *len <= MAX_HEADER_LEN).ok_or(Damaged::Form)?;
        let mut header = vec![0; len];
        file.read_exact(&mut header).map_err(cut_off)?;
        if crc32fast::hash(&header) != checksum {
            return Err(Damaged::Checksum);
        }
        let segment = decode_header(path, &header, size_bytes).ok_or(Damaged::Form)?;
        let end = segment.places.iter().map(|place| place.offset + place.len as u64).max();
        if end == Some(size_bytes) { Ok(segment) } else { Err(Damaged::Form) }
    }

    /// Its number; later ones are larger.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The earliest and the latest time of its rows.
    pub fn times_us(&self) -> (u64, u64) {
        self.times_us
    }

    /// Its shapes.
    pub fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    /// Bytes of its file.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Opens its file.
    pub fn open(&self) -> Result<File, Damaged> {
        Ok(File::open(&self.path)?)
    }

    /// A part of it, not compressed.
    pub fn read(&self, file: &File, part: Part) -> Result<Vec<u8>, Damaged> {
        let place = self.places.get(part.number()).ok_or(Damaged::Form)?;
        let mut stored = vec![0; place.len];
        file.read_exact_at(&mut stored, place.offset).map_err(cut_off)?;
        if crc32fast::hash(&stored) != place.checksum {
            return Err(Damaged::Checksum);
        }
        let raw = zstd::bulk::decompress(&stored, place.raw_len).map_err(|_| Damaged::Form)?;
        if raw.len() == place.raw_len { Ok(raw) } else { Err(Damaged::Form) }
    }
}

fn cut_off(error: io::Error) -> Damaged {
    if error.kind() == io::ErrorKind::UnexpectedEof { Damaged::Form } else { Damaged::Io(error) }
}

/// Makes sure that a new name in a directory stays.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

fn encode(number: u64, columns: &Columns, times_us: (u64, u64)) -> io::Result<Vec<u8>> {
    let mut header = Vec::new();
    [number, columns.len() as u64, times_us.0, times_us.1].iter().for_each(|n| header.extend(n.to_le_bytes()));
    header.extend((columns.shapes.len() as u32).to_le_bytes());
    columns.shapes.iter().for_each(|shape| shape.write(&mut header));
    let (mut parts, mut raw) = (Vec::new(), Vec::new());
    let mut compressor = zstd::bulk::Compressor::new(COMPRESSION_LEVEL)?;
    let mut add = |raw: &mut Vec<u8>| -> io::Result<()> {
        let stored = compressor.compress(raw)?;
        [stored.len() as u32, raw.len() as u32, crc32fast::hash(&stored)]
            .iter()
            .for_each(|n| header.extend(n.to_le_bytes()));
        parts.extend_from_slice(&stored);
        raw.clear();
        Ok(())
    };
    for column in &columns.narrow {
        write_narrow(column, &mut raw);
        add(&mut raw)?;
    }
    for column in &columns.wide {
        write_wide(column, &mut raw);
        add(&mut raw)?;
    }
    for dict in &columns.dicts {
        dict.write(&mut raw);
        add(&mut raw)?;
    }
    let mut out = MAGIC.to_vec();
    out.extend((header.len() as u32).to_le_bytes());
    out.extend(crc32fast::hash(&header).to_le_bytes());
    out.extend_from_slice(&header);
    out.extend_from_slice(&parts);
    Ok(out)
}

fn decode_header(path: &Path, header: &[u8], size_bytes: u64) -> Option<Segment> {
    let mut reader = Reader::new(header);
    let number = reader.u64()?;
    let rows = usize::try_from(reader.u64()?).ok().filter(|rows| (1..=MAX_ROWS).contains(rows))?;
    let times_us = (reader.u64()?, reader.u64()?);
    let count = reader.u32().filter(|count| *count as usize <= MAX_ROWS)?;
    let shapes = (0..count).map(|_| Shape::read(&mut reader)).collect::<Option<_>>()?;
    let mut offset = (START_LEN + header.len()) as u64;
    let places = (0..PARTS).map(|_| {
        let (len, raw_len) = (reader.u32()? as usize, reader.u32()? as usize);
        let place = Place { offset, len, raw_len, checksum: reader.u32()? };
        offset += len as u64;
        (len as u64 <= size_bytes && raw_len <= MAX_PART_LEN).then_some(place)
    });
    let places = places.collect::<Option<_>>()?;
    reader.rest().is_empty().then(|| Segment {
        path: path.to_owned(),
        number,
        rows,
        times_us,
        shapes,
        places,
        size_bytes,
    })
}
