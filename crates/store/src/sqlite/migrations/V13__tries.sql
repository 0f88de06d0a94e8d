-- Tries to come in, counted over all nodes: until when what was spent is paid back.
CREATE TABLE tries (
    key   BLOB NOT NULL PRIMARY KEY,
    until INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX tries_until ON tries (until);
