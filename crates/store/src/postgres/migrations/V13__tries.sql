-- Tries to come in, counted over all nodes: until when what was spent is paid back.
CREATE TABLE tries (
    key   BYTEA NOT NULL PRIMARY KEY,
    until BIGINT NOT NULL
);

CREATE INDEX tries_until ON tries (until);
