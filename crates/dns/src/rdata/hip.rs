//! The head of HIP data (RFC 8005 5): lengths and algorithm come first, then the host identity tag
//! and the public key. In text the algorithm stands alone and the lengths follow from the rest.

use super::codec::{Base64Decoder, HexDecoder};
use super::wire::RdataError;

/// Octets before the host identity tag.
const HEAD_LEN: usize = 4;

/// The head, its lengths still 0.
pub(super) fn head(algorithm: u8) -> [u8; HEAD_LEN] {
    [0, algorithm, 0, 0]
}

/// Appends the host identity tag and sets its length in the head at `start`.
pub(super) fn scan_tag(raw: &[u8], out: &mut Vec<u8>, start: usize) -> Option<()> {
    let at = out.len();
    let mut decoder = HexDecoder::default();
    decoder.push(raw, out)?;
    decoder.finish()?;
    let length = u8::try_from(out.len() - at).ok().filter(|&length| length > 0)?;
    *out.get_mut(start)? = length;
    Some(())
}

/// Appends the public key and sets its length in the head at `start`.
pub(super) fn scan_key(raw: &[u8], out: &mut Vec<u8>, start: usize) -> Option<()> {
    let at = out.len();
    let mut decoder = Base64Decoder::default();
    decoder.push(raw, out)?;
    decoder.finish()?;
    let length = u16::try_from(out.len() - at).ok().filter(|&length| length > 0)?;
    out.get_mut(start + 2..start + HEAD_LEN)?.copy_from_slice(&length.to_be_bytes());
    Some(())
}

/// Where the head ends.
pub(super) fn head_end(rdata: &[u8]) -> Result<usize, RdataError> {
    if rdata.len() < HEAD_LEN { Err(RdataError::Truncated) } else { Ok(HEAD_LEN) }
}

/// Where the host identity tag ends.
pub(super) fn tag_end(rdata: &[u8], at: usize) -> Result<usize, RdataError> {
    part_end(rdata, at, rdata.first().map_or(0, |&length| length.into()))
}

/// Where the public key ends.
pub(super) fn key_end(rdata: &[u8], at: usize) -> Result<usize, RdataError> {
    part_end(rdata, at, rdata.get(2..HEAD_LEN).map_or(0, |b| usize::from(b[0]) << 8 | usize::from(b[1])))
}

fn part_end(rdata: &[u8], at: usize, len: usize) -> Result<usize, RdataError> {
    match at + len {
        // Text has no form for an empty part.
        _ if len == 0 => Err(RdataError::Invalid("an empty part of host identity data")),
        end if end > rdata.len() => Err(RdataError::Truncated),
        end => Ok(end),
    }
}
