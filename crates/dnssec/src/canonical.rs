//! The bytes that an RRSIG signs (RFC 4034 3.1.8.1). Used by verification and by signing.

use std::ops::Range;

use dns::rdata::wire::canonical;
use dns::{Class, Name, RType};

/// An RRset. Its data is uncompressed and in any order.
#[derive(Debug, Clone, Copy)]
pub struct Rrset<'a> {
    /// The owner.
    pub owner: &'a Name,
    /// The class.
    pub class: Class,
    /// The type.
    pub rtype: RType,
    /// The TTL in seconds: verification takes it as received, signing makes it the original TTL.
    pub ttl: u32,
    /// The data of each record.
    pub rdatas: &'a [&'a [u8]],
}

/// Buffers that one verification or signature leaves for the next, to save allocations.
#[derive(Debug, Default)]
pub struct Scratch {
    signed: Vec<u8>,
    rdata: Vec<u8>,
    ranges: Vec<Range<usize>>,
}

/// Bytes of RRSIG data before the signer's name.
pub(crate) const RRSIG_HEAD_LEN: usize = 18;

/// The number of labels of an owner as RRSIG counts them: without the root and without a leading `*` (RFC 4034 3.1.3).
pub fn rrsig_labels(owner: &Name) -> usize {
    owner.label_count() - usize::from(owner.is_wildcard())
}

/// The last `labels` labels of `name`; `None` if it has fewer.
pub fn suffix(name: &Name, labels: usize) -> Option<&Name> {
    let skip = name.label_count().checked_sub(labels)?;
    name.ancestors().nth(skip)
}

/// The bytes to sign. `head` is the RRSIG's data before the signer's name. If its labels field is less than the owner's
/// number of labels, the owner comes from a wildcard at that depth. `None` if the owner has fewer labels than the field
/// says, or if a record is longer than record data can be.
pub(crate) fn signed_data<'a>(
    set: &Rrset<'_>,
    head: &[u8; RRSIG_HEAD_LEN],
    signer: &Name,
    scratch: &'a mut Scratch,
) -> Option<&'a [u8]> {
    let labels = usize::from(head[3]);
    let Scratch { signed, rdata, ranges } = scratch;
    sort_rdata(set, rdata, ranges);
    signed.clear();
    signed.extend_from_slice(head);
    push_lower(signer.as_wire(), signed);
    // RFC 4035 5.3.2: the signature covers the wildcard that the owner was expanded from.
    let (star, name) = match rrsig_labels(set.owner).checked_sub(labels)? {
        0 => (&b""[..], set.owner),
        _ => (&b"\x01*"[..], suffix(set.owner, labels)?),
    };
    let original_ttl = u32::from_be_bytes(*head[4..].first_chunk()?);
    push_records(set, (star, name), original_ttl, (rdata, ranges), signed)?;
    Some(signed)
}

/// Appends the records of a set, whose data [`sort_rdata`] has written, in canonical form (RFC 4034 6.2). Their owner is in
/// two parts. `None` if a record is longer than record data can be.
fn push_records(
    set: &Rrset<'_>,
    (star, name): (&[u8], &Name),
    ttl: u32,
    (rdata, ranges): (&[u8], &[Range<usize>]),
    out: &mut Vec<u8>,
) -> Option<()> {
    for range in ranges {
        let data = &rdata[range.clone()];
        out.extend_from_slice(star);
        push_lower(name.as_wire(), out);
        out.extend_from_slice(&set.rtype.0.to_be_bytes());
        out.extend_from_slice(&set.class.0.to_be_bytes());
        out.extend_from_slice(&ttl.to_be_bytes());
        out.extend_from_slice(&u16::try_from(data.len()).ok()?.to_be_bytes());
        out.extend_from_slice(data);
    }
    Some(())
}

/// The records of a set in canonical form and order (RFC 4034 6.2, 6.3); `None` if one is longer than record data can be.
pub(crate) fn canonical_records<'a>(set: &Rrset<'_>, scratch: &'a mut Scratch) -> Option<&'a [u8]> {
    let Scratch { signed, rdata, ranges } = scratch;
    sort_rdata(set, rdata, ranges);
    signed.clear();
    push_records(set, (&[], set.owner), set.ttl, (rdata, ranges), signed)?;
    Some(signed)
}

/// Writes the canonical data of the set's records, in canonical order, without duplicates (RFC 4034 6.2, 6.3).
fn sort_rdata(set: &Rrset<'_>, rdata: &mut Vec<u8>, ranges: &mut Vec<Range<usize>>) {
    rdata.clear();
    ranges.clear();
    for data in set.rdatas {
        let start = rdata.len();
        canonical(set.rtype, data, rdata);
        ranges.push(start..rdata.len());
    }
    ranges.sort_unstable_by(|a, b| rdata[a.clone()].cmp(&rdata[b.clone()]));
    ranges.dedup_by(|a, b| rdata[a.clone()] == rdata[b.clone()]);
}

/// Appends a name in lower case. Its length octets stay the same: they are below 64, and letters are not.
pub(crate) fn push_lower(wire: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(wire);
    out[start..].make_ascii_lowercase();
}

#[cfg(test)]
mod tests {
    use dns::NameBuf;

    use super::*;

    #[test]
    fn order_case_and_duplicates() {
        let owner: NameBuf = "a.B.Example.".parse().expect("name");
        let rdatas: [&[u8]; 4] = [b"\0\x02\x01Z\0", b"\0\x01\x01b\0", b"\0\x02\x01z\0", b"\0\x01\x01B\x01a\0"];
        let set = Rrset { owner: &owner, class: Class::IN, rtype: RType::MX, ttl: 7, rdatas: &rdatas };
        let head = *b"\0\x0f\x0d\x01\0\0\0\x09EEEEIIIITT";
        let mut scratch = Scratch::default();
        let signer: NameBuf = "EXAMPLE.".parse().expect("name");
        let got = signed_data(&set, &head, &signer, &mut scratch).expect("octets");
        let record = |data: &[u8]| [b"\x01*\x07example\0\0\x0f\0\x01\0\0\0\x09\0", data].concat();
        let want = [
            &head[..],
            b"\x07example\0",
            &record(b"\x05\0\x01\x01b\0"),
            &record(b"\x07\0\x01\x01b\x01a\0"),
            &record(b"\x05\0\x02\x01z\0"),
        ];
        assert_eq!(got, want.concat());
    }

    #[test]
    fn labels_of_owners() {
        let check = |text: &str, want| {
            let name: NameBuf = text.parse().expect("name");
            assert_eq!(rrsig_labels(&name), want, "{text}");
        };
        check(".", 0);
        check("*.", 0);
        check("*.example.", 1);
        check("a.*.example.", 3);
        check("a.example.", 2);
    }
}
