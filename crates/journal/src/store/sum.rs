//! The sum over all that is served from the store: kept while it is written, compared when it is read. Databases do
//! not notice a bit that flips in a record.

use rusqlite::{Connection, Row, params};

use crate::checksum::row_sum;

/// Columns of `rrsets` as [`of_rrset`] takes them.
pub const RRSET_COLUMNS: &str = "owner, type, ttl, data, zone";
const ZONE_COLUMNS: &str = "id, name, settings, has_contents, last_node, last_number, primary_serial";

/// Of a row of the table `rrsets`.
pub fn of_rrset(zone: i64, owner: &[u8], rtype: u16, ttl: u32, data: &[u8]) -> u64 {
    row_sum(&[&zone.to_be_bytes(), owner, &rtype.to_be_bytes(), &ttl.to_be_bytes(), data])
}

/// Of a row with the columns [`RRSET_COLUMNS`].
pub fn of_rrset_row(row: &Row<'_>) -> rusqlite::Result<u64> {
    let (owner, data) = (row.get_ref(0)?.as_blob()?, row.get_ref(3)?.as_blob()?);
    Ok(of_rrset(row.get(4)?, owner, row.get(1)?, row.get(2)?, data))
}

/// Of the position: of which moment the rest is. A new store has none.
pub fn of_position(position: i64) -> u64 {
    if position == 0 { 0 } else { row_sum(&[&position.to_be_bytes()]) }
}

/// Of all rows of `rrsets` of a zone.
pub fn of_zone_rrsets(db: &Connection, zone: i64) -> rusqlite::Result<u64> {
    let mut select = db.prepare_cached(&format!("SELECT {RRSET_COLUMNS} FROM rrsets WHERE zone = ?1"))?;
    add_up(select.query(params![zone])?, of_rrset_row)
}

/// Of a zone's row of the table `zones`, but for its refreshes; 0: there is none.
pub fn of_zone(db: &Connection, lower: &[u8]) -> rusqlite::Result<u64> {
    let mut select = db.prepare_cached(&format!("SELECT {ZONE_COLUMNS} FROM zones WHERE lower = ?1"))?;
    add_up(select.query(params![lower])?, of_zone_row)
}

/// Of all rows of the table `zones`.
pub fn of_zones(db: &Connection) -> rusqlite::Result<u64> {
    let mut select = db.prepare(&format!("SELECT {ZONE_COLUMNS} FROM zones"))?;
    add_up(select.query([])?, of_zone_row)
}

fn of_zone_row(row: &Row<'_>) -> rusqlite::Result<u64> {
    let (id, has_contents): (i64, i64) = (row.get(0)?, row.get(3)?);
    let (name, settings) = (row.get_ref(1)?.as_blob()?, row.get_ref(2)?.as_blob()?);
    let (id, has_contents) = (id.to_be_bytes(), has_contents.to_be_bytes());
    let (node, number): (Option<&[u8]>, Option<i64>) = (row.get_ref(4)?.as_blob_or_null()?, row.get(5)?);
    let (number, primary_serial) = (number.map(i64::to_be_bytes), row.get::<_, Option<u32>>(6)?.map(u32::to_be_bytes));
    // What is not there does not count: a store from before there were these columns has the same sum.
    let mut columns: Vec<&[u8]> = vec![&id, name, settings, &has_contents];
    if let Some((node, number)) = node.zip(number.as_ref()) {
        columns.extend([node, number]);
    }
    columns.extend(primary_serial.as_ref().map(|serial| &serial[..]));
    Ok(row_sum(&columns))
}

fn add_up(mut rows: rusqlite::Rows<'_>, of: fn(&Row<'_>) -> rusqlite::Result<u64>) -> rusqlite::Result<u64> {
    let mut sum = 0u64;
    while let Some(row) = rows.next()? {
        sum = sum.wrapping_add(of(row)?);
    }
    Ok(sum)
}

/// The sum and the position that the store says it has.
pub fn stored(db: &Connection) -> rusqlite::Result<(u64, i64)> {
    db.query_row("SELECT sum, position FROM meta", [], |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?)))
}
