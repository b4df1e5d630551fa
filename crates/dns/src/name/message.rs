//! Names in messages, with compression pointers (RFC 1035 4.1.4).

use super::{MAX_LABELS, MAX_NAME_LEN, NameError};

/// Most compression pointers that one name may take: one before each label.
pub const MAX_POINTERS: usize = MAX_LABELS;

/// Appends the name at `at` of a message, pointers followed; returns the offset behind it.
pub fn expand(message: &[u8], at: usize, out: &mut Vec<u8>) -> Result<usize, NameError> {
    let start = out.len();
    let (mut pos, mut end, mut limit, mut hops) = (at, None, at, 0);
    loop {
        let len = *message.get(pos).ok_or(NameError::Truncated)? as usize;
        match len & 0xc0 {
            0 => {
                let label = message.get(pos..pos + 1 + len).ok_or(NameError::Truncated)?;
                out.extend_from_slice(label);
                if out.len() - start > MAX_NAME_LEN {
                    return Err(NameError::TooLong);
                }
                pos += 1 + len;
                if len == 0 {
                    return Ok(end.unwrap_or(pos));
                }
            }
            0xc0 => {
                let low = *message.get(pos + 1).ok_or(NameError::Truncated)? as usize;
                end = end.or(Some(pos + 2));
                let target = (len & 0x3f) << 8 | low;
                // Each pointer goes before the one it follows, so no loop is possible; the number of
                // hops is bounded as well, or a long message could make each of its names expensive.
                hops += 1;
                if target >= limit || hops > MAX_POINTERS {
                    return Err(NameError::BadPointer);
                }
                (pos, limit) = (target, target);
            }
            _ => return Err(NameError::BadLabelType),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::NameBuf;
    use super::*;

    #[test]
    fn pointers_only_go_backwards() {
        let example: NameBuf = "example.".parse().expect("test name");
        let message = b"\x03www\x07example\x00\xc0\x04\xc0\x0d\xc0\x13";
        assert_eq!(NameBuf::from_message(message, 13).expect("pointer").0, example);
        assert_eq!(NameBuf::from_message(message, 15).expect("two hops").0, example);
        assert_eq!(NameBuf::from_message(message, 17).expect_err("loop"), NameError::BadPointer);
        assert_eq!(NameBuf::from_message(b"\xc0\x00", 0).expect_err("self"), NameError::BadPointer);
    }
}
