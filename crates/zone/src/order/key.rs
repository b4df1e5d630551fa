//! Sort keys: byte strings whose plain order is the canonical order of names.

use dns::name::label_starts;

/// Longest sort key: every octet of the labels escaped.
pub const MAX_KEY_LEN: usize = 512;

/// The sort key of `labels` (uncompressed, left to right, without the apex), written to `out`.
///
/// The labels stand from right to left in lower case, separated by a zero octet; octets 0 and 1 are
/// escaped so that the separator sorts before everything a label can contain.
pub fn sort_key<'o>(labels: &[u8], out: &'o mut [u8; MAX_KEY_LEN]) -> &'o [u8] {
    let mut starts = [0u8; 128];
    let count = label_starts(labels, &mut starts);
    let mut len = 0;
    for (i, &start) in starts[..count].iter().rev().enumerate() {
        if i > 0 {
            out[len] = 0;
            len += 1;
        }
        let start = start as usize;
        for &octet in &labels[start + 1..start + 1 + labels[start] as usize] {
            if octet <= 1 {
                out[len] = 1;
                len += 1;
                out[len] = octet + 2;
            } else {
                out[len] = octet.to_ascii_lowercase();
            }
            len += 1;
        }
    }
    &out[..len]
}

/// Writes the labels (left to right) that `key` was made of to `out`, as far as they fit.
pub fn labels_of<'o>(key: &[u8], out: &'o mut [u8; 256]) -> &'o [u8] {
    let mut end = out.len();
    if key.is_empty() {
        return &out[end..];
    }
    for part in key.split(|&octet| octet == 0) {
        let escapes = part.iter().filter(|&&octet| octet == 1).count();
        let Some(start) = end.checked_sub(1 + part.len() - escapes) else { break };
        out[start] = (part.len() - escapes) as u8;
        let mut octets = part.iter();
        let mut at = start + 1;
        while let Some(&octet) = octets.next() {
            out[at] = if octet == 1 { octets.next().map_or(0, |escaped| escaped.wrapping_sub(2)) } else { octet };
            at += 1;
        }
        end = start;
    }
    &out[end..]
}
