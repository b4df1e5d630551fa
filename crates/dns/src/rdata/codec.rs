//! Text forms of values in record data: hex, base64, base32hex, addresses, times.
//!
//! Pure functions over the characters of one token; the fields that use them are read in
//! [`super::read`] and printed in [`super::print`].

use std::fmt;
use std::net::Ipv6Addr;

use data_encoding::{BASE32_DNSSEC, BASE32HEX_NOPAD, BASE64};

use super::field::Field;
use crate::scan::ScanErrorKind;

/// Decodes hex that may be split anywhere by blanks.
#[derive(Default)]
pub struct HexDecoder {
    high: Option<u8>,
}

impl HexDecoder {
    /// Takes one token; `None` if a character is no hex digit.
    pub fn push(&mut self, mut raw: &[u8], out: &mut Vec<u8>) -> Option<()> {
        if let Some(high) = self.high
            && let [low, rest @ ..] = raw
        {
            out.push(high << 4 | hex_digit(*low)?);
            (self.high, raw) = (None, rest);
        }
        let (pairs, tail) = raw.as_chunks::<2>();
        out.reserve(pairs.len());
        for [high, low] in pairs {
            out.push(hex_digit(*high)? << 4 | hex_digit(*low)?);
        }
        if let [last] = tail {
            self.high = Some(hex_digit(*last)?);
        }
        Some(())
    }

    /// `None` if a digit is left over.
    pub fn finish(self) -> Option<()> {
        self.high.is_none().then_some(())
    }

    /// Whether all that is left over is a `0`.
    pub fn is_at_zero(&self) -> bool {
        self.high == Some(0)
    }
}

/// The value of each hex digit; 16 for what is none.
static HEX_DIGITS: [u8; 256] = {
    let mut values = [16; 256];
    let mut i = 0;
    while i < 16 {
        let digit = b"0123456789abcdef"[i];
        values[digit as usize] = i as u8;
        values[digit.to_ascii_uppercase() as usize] = i as u8;
        i += 1;
    }
    values
};

/// The value of a hex digit.
#[inline]
pub fn hex_digit(byte: u8) -> Option<u8> {
    let value = HEX_DIGITS[byte as usize];
    if value < 16 { Some(value) } else { None }
}

/// Prints octets as upper-case hex digits.
pub fn write_hex(octets: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &octet in octets {
        out.write_char(DIGITS[(octet >> 4) as usize] as char)?;
        out.write_char(DIGITS[(octet & 15) as usize] as char)?;
    }
    Ok(())
}

/// Decodes base64 that may be split anywhere by blanks (RFC 4034 2.2).
#[derive(Default)]
pub struct Base64Decoder {
    carry: [u8; 4],
    carried: usize,
    padded: bool,
}

impl Base64Decoder {
    /// Takes one token; `None` if it cannot continue the text so far.
    pub fn push(&mut self, raw: &[u8], out: &mut Vec<u8>) -> Option<()> {
        if self.padded && !raw.is_empty() {
            return None;
        }
        let mut rest = raw;
        if self.carried > 0 {
            let (head, tail) = rest.split_at(rest.len().min(4 - self.carried));
            self.carry[self.carried..self.carried + head.len()].copy_from_slice(head);
            self.carried += head.len();
            rest = tail;
            if self.carried < 4 {
                return Some(());
            }
            self.carried = 0;
            decode_base64(&self.carry, out)?;
            self.padded = self.carry[3] == b'=';
            if self.padded && !rest.is_empty() {
                return None;
            }
        }
        let (whole, tail) = rest.split_at(rest.len() / 4 * 4);
        self.padded |= whole.last() == Some(&b'=');
        if self.padded && !tail.is_empty() {
            return None;
        }
        self.carry[..tail.len()].copy_from_slice(tail);
        self.carried = tail.len();
        decode_base64(whole, out)
    }

    /// `None` if the last group is not complete.
    pub fn finish(self) -> Option<()> {
        (self.carried == 0).then_some(())
    }

    /// Whether all that is left over is a `0`.
    pub fn is_at_zero(&self) -> bool {
        self.carried == 1 && self.carry[0] == b'0'
    }
}

/// Decodes whole groups of four straight into `out`; padding may stand at the very end only.
fn decode_base64(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let inner = text.len().saturating_sub(4);
    if text[..inner].contains(&b'=') {
        return None;
    }
    let start = out.len();
    out.resize(start + text.len() / 4 * 3, 0);
    let written = BASE64.decode_mut(text, &mut out[start..]).ok()?;
    out.truncate(start + written);
    Some(())
}

/// Appends the octets of an NSAP address: `0x` and hex digits with dots anywhere (RFC 1706 7).
pub fn nsap(raw: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let start = out.len();
    let digits = raw.strip_prefix(b"0x").or_else(|| raw.strip_prefix(b"0X"))?;
    let mut decoder = HexDecoder::default();
    digits.split(|&byte| byte == b'.').try_for_each(|group| decoder.push(group, out))?;
    decoder.finish()?;
    (out.len() > start).then_some(())
}

/// Prints octets as base64.
pub fn write_base64(octets: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    BASE64.encode_write(octets, out)
}

/// Appends what base32hex text stands for, unpadded (RFC 5155 3.3) or padded.
pub fn base32hex(raw: &[u8], out: &mut Vec<u8>) -> Option<()> {
    // Longest text of the 255 octets that a length octet can announce.
    const MAX_LEN: usize = 408;
    if raw.len() > MAX_LEN + 8 {
        return None;
    }
    let digits = raw.iter().position(|&byte| byte == b'=').unwrap_or(raw.len());
    let padding = &raw[digits..];
    if !padding.is_empty()
        && (!raw.len().is_multiple_of(8) || padding.len() > 6 || padding.iter().any(|&byte| byte != b'='))
    {
        return None;
    }
    let text = &raw[..digits];
    let start = out.len();
    out.resize(start + BASE32_DNSSEC.decode_len(text.len()).ok()?, 0);
    BASE32_DNSSEC.decode_mut(text, &mut out[start..]).ok().map(|_| ())
}

/// Prints octets as unpadded base32hex.
pub fn write_base32hex(octets: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    BASE32HEX_NOPAD.encode_write(octets, out)
}

/// An IPv4 address: four decimal numbers without leading zeros.
#[inline]
pub fn ipv4(raw: &[u8]) -> Option<[u8; 4]> {
    let mut octets = [0u8; 4];
    let (mut part, mut digits, mut value) = (0, 0, 0u32);
    for &byte in raw {
        if byte == b'.' {
            if digits == 0 || part == 3 {
                return None;
            }
            octets[part] = value as u8;
            (part, digits, value) = (part + 1, 0, 0);
            continue;
        }
        if !byte.is_ascii_digit() || (digits > 0 && value == 0) {
            return None;
        }
        value = value * 10 + u32::from(byte - b'0');
        digits += 1;
        if value > 255 {
            return None;
        }
    }
    if part != 3 || digits == 0 {
        return None;
    }
    octets[3] = value as u8;
    Some(octets)
}

/// An IPv6 address (RFC 4291 2.2).
pub fn ipv6(raw: &[u8]) -> Option<[u8; 16]> {
    if raw.contains(&b'.') {
        return std::str::from_utf8(raw).ok()?.parse::<Ipv6Addr>().ok().map(|address| address.octets());
    }
    let (mut groups, mut count, mut gap) = ([0u16; 8], 0, None);
    let mut rest = raw;
    if let Some(tail) = raw.strip_prefix(b"::") {
        (rest, gap) = (tail, Some(0));
    }
    while !(rest.is_empty() && gap == Some(count)) {
        let digits = rest.iter().take(5).take_while(|byte| hex_digit(**byte).is_some()).count();
        let (group, tail) = rest.split_at(digits);
        if !(1..=4).contains(&digits) || count == groups.len() {
            return None;
        }
        groups[count] = group.iter().fold(0, |value, &byte| value << 4 | u16::from(HEX_DIGITS[byte as usize]));
        count += 1;
        rest = match tail {
            [] => break,
            [b':', b':', tail @ ..] if gap.is_none() => {
                gap = Some(count);
                tail
            }
            // Something must follow a single colon: the next round finds out.
            [b':', tail @ ..] => tail,
            _ => return None,
        };
    }
    match (gap, groups.len() - count) {
        (None, 0) => {}
        (None, _) | (Some(_), 0) => return None,
        (Some(at), missing) => groups[at..].rotate_right(missing),
    }
    let mut octets = [0; 16];
    for (pair, group) in octets.as_chunks_mut::<2>().0.iter_mut().zip(groups) {
        *pair = group.to_be_bytes();
    }
    Some(octets)
}

/// Appends the octets of hex pairs with hyphens between them, exactly `len` (RFC 7043 3.2).
pub fn eui(raw: &[u8], len: usize, out: &mut Vec<u8>) -> Option<()> {
    if raw.len() != len * 3 - 1 {
        return None;
    }
    for pair in raw.chunks(3) {
        if pair.len() == 3 && pair[2] != b'-' {
            return None;
        }
        out.push(hex_digit(pair[0])? << 4 | hex_digit(pair[1])?);
    }
    Some(())
}

/// Four groups of one to four hex digits with colons between them (RFC 6742 2.1.2).
pub fn locator64(raw: &[u8]) -> Option<[u8; 8]> {
    let mut octets = [0u8; 8];
    let mut groups = raw.split(|&byte| byte == b':');
    for pair in octets.chunks_mut(2) {
        let group = groups.next().filter(|group| (1..=4).contains(&group.len()))?;
        let mut value = 0u16;
        for &byte in group {
            value = value << 4 | u16::from(hex_digit(byte)?);
        }
        pair.copy_from_slice(&value.to_be_bytes());
    }
    groups.next().is_none().then_some(octets)
}

/// A duration in seconds: plain digits, or numbers each followed by a unit, as in `1w2d3h4m5s`.
pub fn duration_s(raw: &[u8]) -> Result<u32, ScanErrorKind> {
    let bad = || ScanErrorKind::Expected(Field::Ttl.expects());
    let (mut total, mut value, mut digits, mut units) = (0u64, 0u64, false, false);
    for &byte in raw {
        if byte.is_ascii_digit() {
            value = value.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
            digits = true;
            continue;
        }
        let unit = match byte.to_ascii_lowercase() {
            b's' => 1,
            b'm' => 60,
            b'h' => 3600,
            b'd' => 86400,
            b'w' => 604_800,
            _ => return Err(bad()),
        };
        if !digits {
            return Err(bad());
        }
        total = total.saturating_add(value.saturating_mul(unit));
        (value, digits, units) = (0, false, true);
    }
    // A number without a unit stands alone.
    if digits == units {
        return Err(bad());
    }
    u32::try_from(total.saturating_add(value)).map_err(|_| ScanErrorKind::OutOfRange(u32::MAX.into()))
}

/// A moment as `YYYYMMDDHHmmSS` or up to ten digits of seconds since 1970, modulo 2^32 (RFC 4034 3.2).
pub fn timestamp(raw: &[u8]) -> Option<u32> {
    if !raw.iter().all(u8::is_ascii_digit) || raw.is_empty() {
        return None;
    }
    let number = |digits: &[u8]| digits.iter().fold(0u64, |value, &digit| value * 10 + u64::from(digit - b'0'));
    if raw.len() <= 10 {
        return u32::try_from(number(raw)).ok();
    }
    if raw.len() != 14 {
        return None;
    }
    let (year, month, day) = (number(&raw[..4]), number(&raw[4..6]), number(&raw[6..8]));
    let (hour, minute, second) = (number(&raw[8..10]), number(&raw[10..12]), number(&raw[12..]));
    let valid = year >= 1970 && (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
    // 60 is a leap second.
    if !valid || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days = days_before_year(year) + day_of_year(year, month) + day - 1;
    Some((days * 86400 + hour * 3600 + minute * 60 + second) as u32)
}

/// Prints a moment as `YYYYMMDDHHmmSS`, understood as 1970 to 2106.
pub fn write_timestamp(moment: u32, out: &mut impl fmt::Write) -> fmt::Result {
    let (days, seconds) = (moment / 86400, moment % 86400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    write!(out, "{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
}

/// Year, month and day of the month, `days` days after the first of January 1970.
pub fn date(days: u32) -> (u64, u64, u64) {
    let mut days = u64::from(days);
    // At most 366 days a year: this is never too late, and less than one year in 500 too early.
    let mut year = 1970 + days / 366;
    while days_before_year(year + 1) <= days {
        year += 1;
    }
    days -= days_before_year(year);
    let mut month = 1;
    while month < 12 && day_of_year(year, month + 1) <= days {
        month += 1;
    }
    (year, month, days - day_of_year(year, month) + 1)
}

/// Days from 1970 to the start of `year`, which is 1970 or later.
fn days_before_year(year: u64) -> u64 {
    let leap_days = |year: u64| year / 4 - year / 100 + year / 400;
    (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969)
}

/// Days from the start of `year` to the first of `month`.
fn day_of_year(year: u64, month: u64) -> u64 {
    const BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let leap_day = u64::from(month > 2 && is_leap_year(year));
    BEFORE.get(month as usize - 1).map_or(0, |days| days + leap_day)
}

fn is_leap_year(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in_month(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap_year(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_over_tokens() {
        let check = |text: &str, want: Option<&[u8]>| {
            let (mut decoder, mut out) = (Base64Decoder::default(), Vec::new());
            let done = text.split(' ').try_for_each(|token| decoder.push(token.as_bytes(), &mut out));
            let got = done.and_then(|()| decoder.finish()).map(|()| &out[..]);
            assert_eq!(got, want, "{text}");
        };
        check("Zm9v YmE=", Some(b"fooba"));
        check("Zm 9vY mE=", Some(b"fooba"));
        check("Z m 9 v", Some(b"foo"));
        check("AA ==", Some(b"\0"));
        check("A A = =", Some(b"\0"));
        check("Zm9v AA= =", Some(b"foo\0"));
        check("AA==", Some(b"\0"));
        for bad in [
            "A",
            "AB",
            "ABC",
            "A===",
            "=",
            "====",
            "AA== AA==",
            "AA == A",
            "AA= = =",
            "= AAA",
            "AA==AA==",
            "A A==AAA=",
            "AB==",
            "Zm9*",
            "Z=9v",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn times() {
        let check = |text: &str, want: Option<u32>| assert_eq!(timestamp(text.as_bytes()), want, "{text}");
        check("19700101000000", Some(0));
        check("20240229235959", Some(1_709_251_199));
        check("21060207062815", Some(u32::MAX));
        check("4294967295", Some(u32::MAX));
        for bad in ["20230229000000", "20241301000000", "19691231235959", "2024022900000", "4294967296", "", "1h"] {
            check(bad, None);
        }
        for moment in [0, 1, 951_782_400, 1_709_251_199, 1_735_689_599, 4_107_542_400, u32::MAX] {
            let mut text = String::new();
            write_timestamp(moment, &mut text).expect("text");
            check(&text, Some(moment));
        }
    }

    #[test]
    fn durations() {
        let check = |text: &str, want| assert_eq!(duration_s(text.as_bytes()), want, "{text}");
        check("0", Ok(0));
        check("4294967295", Ok(u32::MAX));
        check("1w2d3h4m5s", Ok(788_645));
        check("1H1h", Ok(7200));
        check("4294967296", Err(ScanErrorKind::OutOfRange(4_294_967_295)));
        check("99999999999999999999999w", Err(ScanErrorKind::OutOfRange(4_294_967_295)));
        for bad in ["", "h", "1x", "1w2", "1hh", "-1"] {
            check(bad, Err(ScanErrorKind::Expected(Field::Ttl.expects())));
        }
    }

    #[test]
    fn ipv6_as_the_standard_library_has_it() {
        let texts = "|:|::|:::|1|1:|:1|::1|1::|1::1|::1:2:3:4:5:6:7|::1:2:3:4:5:6:7:8|1:2:3:4:5:6:7::|1:2:3:4:5:6:7:8::|\
            1:2:3:4:5:6:7:8|1:2:3:4:5:6:7:8:9|1:2:3:4:5:6:7|1:2:3:4:5:6:7:|:1:2:3:4:5:6:7|1::2::3|::ffff:192.0.2.1|\
            1:2:3:4:5:6:192.0.2.1|::192.0.2|fFfF::0001|00001::|12345::|g::|::%1| ::|::1:|:::1|1:2::3:4:5:6:7|2001:db8::1";
        for text in texts.split('|') {
            let want = text.parse::<Ipv6Addr>().ok().map(|address| address.octets());
            assert_eq!(ipv6(text.as_bytes()), want, "{text}");
        }
    }

    #[test]
    fn small_forms() {
        assert_eq!(ipv4(b"192.0.2.255"), Some([192, 0, 2, 255]));
        for bad in ["", "1.2.3", "1.2.3.4.5", "1.2.3.04", "1.2.3.256", "1..3.4", "1.2.3.", ".1.2.3", "1.2.3.a"] {
            assert_eq!(ipv4(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(locator64(b"14:4fff:FF20:0"), Some([0, 0x14, 0x4f, 0xff, 0xff, 0x20, 0, 0]));
        for bad in ["", "1:2:3", "1:2:3:4:5", "1::2:3", "1:2:3:4:", "1:2:3:12345", "1:2:3:g"] {
            assert_eq!(locator64(bad.as_bytes()), None, "{bad}");
        }
        for bad in
            ["", "0-0-5e-00-53-2a", "00005e00532a", "00-00-5e-00-53-2", "00-00-5e-00-53-2a-00", "00:00:5e:00:53:2a"]
        {
            assert_eq!(eui(bad.as_bytes(), 6, &mut Vec::new()), None, "{bad}");
        }
        for bad in ["0", "000", "w0", "00=", "00=====", "00=====0"] {
            assert_eq!(base32hex(bad.as_bytes(), &mut Vec::new()), None, "{bad}");
        }
        assert_eq!(base32hex(b"00======", &mut Vec::new()), Some(()));
    }
}
