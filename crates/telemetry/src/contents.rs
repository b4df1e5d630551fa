//! What a response says, read for people. A message that ends early, as the records of zone transfers do, is read as far
//! as it goes.

use dns::edns::Options;
use dns::header::HEADER_LEN;
use dns::rdata::{text, wire};
use dns::{RType, edns};

/// A name of a message ends within so many labels.
const MAX_LABELS: usize = 128;
/// Bytes of a record between its owner and its data.
const FIXED_LEN: usize = 10;

/// A record where it stands in a message.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Its type.
    pub rtype: RType,
    at: usize,
    len: usize,
}

/// A response, taken apart as far as a log needs it.
#[derive(Debug, Clone, Copy)]
pub struct Contents<'a> {
    message: &'a [u8],
    /// Where the answers begin.
    at: usize,
    answers: u16,
    /// Records of the other sections.
    others: u32,
}

/// An extended error (RFC 8914).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtendedError<'a> {
    /// Its code.
    pub code: u16,
    /// Its text, which may be empty.
    pub text: &'a [u8],
}

impl<'a> Contents<'a> {
    /// What is in `message`; `None`: it has no header, or its questions are malformed.
    pub fn new(message: &'a [u8]) -> Option<Contents<'a>> {
        let count = |i: usize| Some(u16::from_be_bytes(*message.get(i..)?.first_chunk()?));
        let (questions, answers) = (count(4)?, count(6)?);
        let others = u32::from(count(8)?) + u32::from(count(10)?);
        let at = (0..questions).try_fold(HEADER_LEN, |at, _| Some(skip_name(message, at)? + 4))?;
        Some(Contents { message, at, answers, others })
    }

    /// The records of the answer section.
    pub fn answers(self) -> impl Iterator<Item = Place> {
        Records { message: self.message, at: self.at }.take(self.answers.into())
    }

    /// The first extended error of the OPT record.
    pub fn extended_error(self) -> Option<ExtendedError<'a>> {
        let all = Records { message: self.message, at: self.at };
        let opt = all.skip(self.answers.into()).take(self.others as usize).find(|place| place.rtype == RType::OPT)?;
        let options = Options::new(self.message.get(opt.at..opt.at + opt.len)?);
        options.map_while(Result::ok).find_map(|(code, data)| {
            let (info, text) = data.split_first_chunk()?;
            (code == edns::code::EXTENDED_ERROR).then_some(ExtendedError { code: u16::from_be_bytes(*info), text })
        })
    }

    /// Appends the data of a record without compression; `None`: it is malformed.
    pub fn expand(self, place: Place, out: &mut Vec<u8>) -> Option<()> {
        wire::expand_names(place.rtype, self.message, place.at, place.len, out).ok()
    }

    /// Appends the data of a record in presentation form. `scratch` is overwritten.
    pub fn write_data(self, place: Place, scratch: &mut Vec<u8>, out: &mut String) {
        scratch.clear();
        if self.expand(place, scratch).is_some() {
            // Writing to memory cannot fail.
            let _ = text::write(place.rtype, scratch, out);
        }
    }
}

struct Records<'a> {
    message: &'a [u8],
    at: usize,
}

impl Iterator for Records<'_> {
    type Item = Place;

    fn next(&mut self) -> Option<Place> {
        let fixed = skip_name(self.message, self.at)?;
        let &[t0, t1, _, _, _, _, _, _, l0, l1] = self.message.get(fixed..)?.first_chunk::<FIXED_LEN>()?;
        let (at, len) = (fixed + FIXED_LEN, usize::from(u16::from_be_bytes([l0, l1])));
        self.message.get(at..at + len)?;
        self.at = at + len;
        Some(Place { rtype: RType(u16::from_be_bytes([t0, t1])), at, len })
    }
}

/// Where the name at `at` ends.
fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    for _ in 0..MAX_LABELS {
        match *message.get(at)? {
            0 => return Some(at + 1),
            len @ 1..64 => at += 1 + usize::from(len),
            // The rest of the name stands elsewhere (RFC 1035 4.1.4).
            192.. => return Some(at + 2),
            _ => return None,
        }
    }
    None
}
