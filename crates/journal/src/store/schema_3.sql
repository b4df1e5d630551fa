-- Zones are known by their keys: `lower`, `name`, `zone_changes.zone` and `gone.lower` hold the name in wire form, which
-- ends with its empty label, and behind it the variant, if there is one. Plain zones keep the keys that they had.

-- The event that changed a zone last: the node, and the number of its event. None: an event of format 1 did.
ALTER TABLE zones ADD COLUMN last_node BLOB;
ALTER TABLE zones ADD COLUMN last_number INTEGER;

-- The last event of each node that counts: an earlier one of that node, or the same one again, does not.
CREATE TABLE writers (
    node BLOB PRIMARY KEY,
    number INTEGER NOT NULL,
    offset INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX writers_by_offset ON writers (offset);
