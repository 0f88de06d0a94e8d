-- Batches: files of refunds, each checked, agreed to and fed as a whole. Money in fen, times in
-- microseconds UTC.

CREATE TABLE batches (
    id               TEXT NOT NULL PRIMARY KEY,
    merchant         TEXT NOT NULL,
    mch_id           TEXT NOT NULL,
    name             TEXT,
    content          BLOB NOT NULL,
    state            TEXT NOT NULL,
    lines            INTEGER NOT NULL,
    new_lines        INTEGER NOT NULL,
    new_amount       INTEGER NOT NULL,
    existing_lines   INTEGER NOT NULL,
    faulty_lines     INTEGER NOT NULL,
    faulty_amount    INTEGER NOT NULL,
    warned_lines     INTEGER NOT NULL,
    unknown_payments INTEGER NOT NULL,
    of_one_order     INTEGER NOT NULL,
    created_by       TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    checked_at       INTEGER,
    requested_by     TEXT,
    requested_at     INTEGER,
    requested_key    TEXT,
    approval_until   INTEGER,
    approved_by      TEXT,
    approved_at      INTEGER,
    ended_at         INTEGER,
    -- The first line that may still be pending.
    next_line        INTEGER NOT NULL,
    version          INTEGER NOT NULL,
    CONSTRAINT batch_state CHECK (state IN (
        'draft', 'checked', 'awaiting_approval', 'running', 'paused', 'cancelled', 'rejected',
        'finished')),
    CONSTRAINT batch_end CHECK (
        (ended_at IS NULL) = (state NOT IN ('cancelled', 'rejected', 'finished'))),
    -- INV-32: nobody agrees to what he asked for.
    CONSTRAINT batch_second CHECK (approved_by IS NULL OR approved_by <> requested_by),
    CONSTRAINT batch_marks CHECK (
        (requested_by IS NULL) = (requested_at IS NULL)
        AND (requested_key IS NULL OR requested_by IS NOT NULL)
        AND (approved_by IS NULL) = (approved_at IS NULL)),
    CONSTRAINT batch_version CHECK (version >= 1)
) STRICT;

-- The same file again is the same batch, until it was withdrawn.
CREATE UNIQUE INDEX batches_content ON batches (content)
    WHERE state NOT IN ('cancelled', 'rejected');
CREATE INDEX batches_created ON batches (merchant, created_at, id);

CREATE TRIGGER batches_identity
BEFORE UPDATE OF id, merchant, mch_id, content, created_by, created_at ON batches
BEGIN SELECT RAISE(ABORT, 'batch_identity'); END;

CREATE TRIGGER batches_kept BEFORE DELETE ON batches
BEGIN SELECT RAISE(ABORT, 'batch_kept'); END;

CREATE TABLE batch_lines (
    batch_id       TEXT NOT NULL REFERENCES batches (id),
    line           INTEGER NOT NULL,
    out_trade_no   TEXT,
    transaction_id TEXT,
    amount         INTEGER NOT NULL,
    out_refund_no  TEXT NOT NULL,
    number_given   INTEGER NOT NULL,
    reason         TEXT,
    -- What the dry run found.
    fault          TEXT,
    warnings       TEXT,
    detail         TEXT,
    -- What became of it.
    state          TEXT NOT NULL,
    refund_id      TEXT,
    -- Whether this line made its refund, or found it.
    made           INTEGER NOT NULL DEFAULT 0,
    error_code     TEXT,
    error_message  TEXT,
    PRIMARY KEY (batch_id, line),
    CONSTRAINT batch_line_state CHECK (state IN ('pending', 'requested', 'refused')),
    CONSTRAINT batch_line_refund CHECK ((refund_id IS NULL) = (state <> 'requested')),
    CONSTRAINT batch_line_made CHECK (made = 0 OR (made = 1 AND refund_id IS NOT NULL)),
    CONSTRAINT batch_line_amount CHECK (amount >= 1)
) STRICT, WITHOUT ROWID;

-- A refund knows its batches.
CREATE INDEX batch_lines_refund ON batch_lines (refund_id) WHERE refund_id IS NOT NULL;
CREATE INDEX batch_lines_fault ON batch_lines (batch_id, line)
    WHERE fault IS NOT NULL OR error_code IS NOT NULL;

-- What was agreed to is what is refunded.
CREATE TRIGGER batch_lines_identity
BEFORE UPDATE OF batch_id, line, out_trade_no, transaction_id, amount, out_refund_no, reason
ON batch_lines
BEGIN SELECT RAISE(ABORT, 'batch_line_identity'); END;

CREATE TRIGGER batch_lines_kept BEFORE DELETE ON batch_lines
BEGIN SELECT RAISE(ABORT, 'batch_line_kept'); END;

-- How many lines stand where; kept by the writer in the transaction of each change.
CREATE TABLE batch_counts (
    batch_id TEXT NOT NULL REFERENCES batches (id),
    outcome  TEXT NOT NULL,
    lines    INTEGER NOT NULL,
    amount   INTEGER NOT NULL,
    PRIMARY KEY (batch_id, outcome),
    CONSTRAINT batch_count CHECK (lines >= 0 AND amount >= 0)
) STRICT, WITHOUT ROWID;
