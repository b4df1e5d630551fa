//! Locations on the earth (RFC 1876).

use std::fmt;

use super::field::Field;
use super::read::Fields;
use super::wire::RdataError;
use crate::scan::{ScanError, Token};

/// Octets of the data.
const LEN: usize = 16;
/// Latitude and longitude 0 (RFC 1876 2).
const EQUATOR: u32 = 1 << 31;
/// Thousandths of a second of arc in a degree.
const DEGREE: u64 = 3_600_000;
/// Centimetres below the WGS 84 spheroid at which altitudes begin.
const ALTITUDE_BASE_CM: i64 = 10_000_000;
/// Largest size and precision: nine times ten to the ninth centimetres.
const MAX_SIZE_CM: u64 = 9_000_000_000;
/// Size, horizontal and vertical precision where text leaves them out: 1 m, 10 km, 10 m (RFC 1876 3).
const DEFAULT_SIZES: [u8; 3] = [0x12, 0x16, 0x13];

/// Octets of the location at the start of `rest`; those of another version go to the end (RFC 1876 2: nothing is
/// known of their form).
pub(super) fn end(rest: &[u8]) -> Result<usize, RdataError> {
    match rest {
        [] => Err(RdataError::Truncated),
        [0, ..] if rest.len() < LEN => Err(RdataError::Truncated),
        [0, ..] => Ok(LEN),
        _ => Ok(rest.len()),
    }
}

/// Whether `rest` is a location of the known version and within range.
pub(super) fn check(rest: &[u8]) -> Result<(), RdataError> {
    if rest.first().is_some_and(|&version| version != 0) {
        return Err(RdataError::Invalid("an unknown version of location"));
    }
    let (&[_, s0, s1, s2, ..], _) = rest.split_first_chunk::<LEN>().ok_or(RdataError::Truncated)?;
    let within = |at: usize, degrees: u64| u64::from(number(rest, at).abs_diff(EQUATOR)) <= degrees * DEGREE;
    // Mantissa and exponent are decimal digits; a mantissa of 0 has one spelling.
    let is_size = |size: u8| size == 0 || ((1..=9).contains(&(size >> 4)) && size & 15 <= 9);
    if ![s0, s1, s2].into_iter().all(is_size) || !within(4, 90) || !within(8, 180) {
        return Err(RdataError::Invalid("a location out of range"));
    }
    Ok(())
}

fn number(rest: &[u8], at: usize) -> u32 {
    rest.get(at..at + 4).map_or(0, |octets| octets.iter().fold(0, |value, &octet| value << 8 | u32::from(octet)))
}

/// Appends the location in the next fields: `d [m [s]] N|S d [m [s]] E|W alt[m] [size[m] [hp[m] [vp[m]]]]`.
pub(super) fn scan(fields: &mut Fields<'_, '_>, out: &mut Vec<u8>) -> Result<(), ScanError> {
    let latitude = angle(fields, 90, [b"N", b"S"])?;
    let longitude = angle(fields, 180, [b"E", b"W"])?;
    let token = fields.require("an altitude")?;
    let altitude =
        altitude(token).ok_or_else(|| ScanError::expected("an altitude from -100000m to 42849672.95m", token))?;
    let mut sizes = DEFAULT_SIZES;
    for size in &mut sizes {
        let Some(token) = fields.next()? else { break };
        *size = self::size(token).ok_or_else(|| ScanError::expected("a size of up to 90000000m", token))?;
    }
    out.push(0);
    out.extend_from_slice(&sizes);
    for number in [latitude, longitude, altitude] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    Ok(())
}

/// Degrees, minutes, seconds and a hemisphere.
fn angle(fields: &mut Fields<'_, '_>, max: u64, hemispheres: [&[u8]; 2]) -> Result<u32, ScanError> {
    let what = Field::Loc.expects();
    let first = fields.require(what)?;
    let mut total = first.number(max)? * DEGREE;
    for (part, unit) in [60_000, 1000, 0].into_iter().enumerate() {
        let token = fields.require(what)?;
        let is = |hemisphere: &[u8]| !token.quoted && token.raw == hemisphere;
        let (positive, negative) = (is(hemispheres[0]), is(hemispheres[1]));
        if positive || negative {
            let offset = u32::try_from(total).ok().filter(|_| total <= max * DEGREE);
            let offset = offset.ok_or_else(|| ScanError::expected("an angle within range", first))?;
            return Ok(if positive { EQUATOR + offset } else { EQUATOR - offset });
        }
        total += match part {
            0 => token.number(59)? * unit,
            1 => fixed(token.raw, 3)
                .filter(|&thousandths| thousandths < 60 * unit && !token.quoted)
                .ok_or_else(|| ScanError::expected("seconds of arc below 60", token))?,
            _ => return Err(ScanError::expected("a hemisphere", token)),
        };
    }
    Err(ScanError::expected("a hemisphere", first))
}

/// A decimal number with at most `places` places, times ten to that power; `None` if it is none.
fn fixed(raw: &[u8], places: usize) -> Option<u64> {
    let point = raw.iter().position(|&byte| byte == b'.');
    let (whole, fraction) = point.map_or((raw, &[][..]), |at| (&raw[..at], &raw[at + 1..]));
    if whole.len() + fraction.len() == 0 || whole.len() > 10 || fraction.len() > places {
        return None;
    }
    let padding = std::iter::repeat_n(&b'0', places - fraction.len());
    whole
        .iter()
        .chain(fraction)
        .chain(padding)
        .try_fold(0u64, |value, &digit| digit.is_ascii_digit().then(|| value * 10 + u64::from(digit - b'0')))
}

/// Metres with an optional `m` behind them, in centimetres.
fn centimetres(raw: &[u8]) -> Option<u64> {
    fixed(raw.strip_suffix(b"m").unwrap_or(raw), 2)
}

fn altitude(token: Token<'_>) -> Option<u32> {
    let (sign, raw) = match token.raw {
        [b'-', rest @ ..] => (-1, rest),
        raw => (1, raw),
    };
    let altitude = sign * i64::try_from(centimetres(raw)?).ok()?;
    u32::try_from(altitude + ALTITUDE_BASE_CM).ok().filter(|_| !token.quoted)
}

/// Mantissa and exponent of a size, rounded down.
fn size(token: Token<'_>) -> Option<u8> {
    let mut mantissa = centimetres(token.raw).filter(|&size| size <= MAX_SIZE_CM && !token.quoted)?;
    let mut exponent = 0;
    while mantissa > 9 {
        mantissa /= 10;
        exponent += 1;
    }
    Some((mantissa as u8) << 4 | exponent)
}

/// Prints a valid location.
pub(super) fn write(octets: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    write_angle(number(octets, 4), ["N", "S"], out)?;
    write_angle(number(octets, 8), ["E", "W"], out)?;
    let altitude = i64::from(number(octets, 12)) - ALTITUDE_BASE_CM;
    let sign = if altitude < 0 { "-" } else { "" };
    write!(out, "{sign}{}.{:02}m", altitude.unsigned_abs() / 100, altitude.unsigned_abs() % 100)?;
    for &size in octets.iter().skip(1).take(3) {
        let cm = u64::from(size >> 4) * 10u64.pow(u32::from(size & 15));
        match size & 15 {
            0 | 1 => write!(out, " {}.{:02}m", cm / 100, cm % 100)?,
            _ => write!(out, " {}m", cm / 100)?,
        }
    }
    Ok(())
}

fn write_angle(value: u32, hemispheres: [&str; 2], out: &mut impl fmt::Write) -> fmt::Result {
    let thousandths = value.abs_diff(EQUATOR);
    let (degrees, minutes, seconds) = (thousandths / 3_600_000, thousandths / 60_000 % 60, thousandths % 60_000);
    let hemisphere = hemispheres[usize::from(value < EQUATOR)];
    write!(out, "{degrees} {minutes} {}.{:03} {hemisphere} ", seconds / 1000, seconds % 1000)
}
