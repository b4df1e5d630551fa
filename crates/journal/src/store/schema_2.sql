-- The last serials of zones that went, under their names in lower-case wire form, and the changes that made them go: a
-- zone that is made again goes on above its serial, however long ago that was. History may have forgotten the change.
CREATE TABLE gone (
    lower BLOB PRIMARY KEY,
    serial INTEGER NOT NULL,
    offset INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX gone_by_offset ON gone (offset);
INSERT INTO gone (lower, serial, offset)
    SELECT zone, from_serial, max(offset) FROM zone_changes WHERE kind = 5 AND from_serial IS NOT NULL GROUP BY zone;
