-- One row: the last change that is in here, when the youngest change was made that history has forgotten, and the
-- sum over what is served (sum.rs).
CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    position INTEGER NOT NULL,
    forgotten_ms INTEGER NOT NULL,
    sum INTEGER NOT NULL
);
INSERT INTO meta VALUES (1, 0, 0, 0);

-- The zones. `lower` is the apex in lower-case wire form, `name` as it was given. The last two columns are
-- those of a secondary: when a primary last confirmed the contents, and until when they may be served.
CREATE TABLE zones (
    id INTEGER PRIMARY KEY,
    lower BLOB NOT NULL UNIQUE,
    name BLOB NOT NULL,
    settings BLOB NOT NULL,
    has_contents INTEGER NOT NULL,
    checked_at_s INTEGER,
    expires_at_s INTEGER
);

-- The records of one owner and type. `owner` sorts canonically; `data` is described in row.rs.
CREATE TABLE rrsets (
    zone INTEGER NOT NULL,
    owner BLOB NOT NULL,
    type INTEGER NOT NULL,
    ttl INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (zone, owner, type)
) WITHOUT ROWID;

-- The accepted changes: where each one's events begin and end, and when it was made.
CREATE TABLE changes (
    offset INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    at_ms INTEGER NOT NULL
);

-- What each change did to each of its zones; they are known by name, so that history outlives them.
CREATE TABLE zone_changes (
    zone BLOB NOT NULL,
    offset INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    from_serial INTEGER,
    to_serial INTEGER,
    PRIMARY KEY (zone, offset)
) WITHOUT ROWID;
CREATE INDEX zone_changes_by_offset ON zone_changes (offset);
