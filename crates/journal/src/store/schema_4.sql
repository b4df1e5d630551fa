-- The primary's serial of a zone's version, where the zone goes on with serials of its own: a secondary that is signed here.
ALTER TABLE zones ADD COLUMN primary_serial INTEGER;
