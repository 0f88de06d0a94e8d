-- Bills and what they show. A bill itself is not kept: its hash, its counts and its sums are.

-- One row for each bill that is wanted or was processed. Days are texts, 2026-11-20, in Beijing.
CREATE TABLE bill_days (
    merchant            TEXT NOT NULL,
    day                 TEXT NOT NULL,
    kind                TEXT NOT NULL,
    state               TEXT NOT NULL,
    tries               INTEGER NOT NULL,
    error               TEXT,
    wanted_at           INTEGER NOT NULL,
    -- Known only because a person looked at that day: it does not tell from when on bills are wanted.
    by_hand             INTEGER NOT NULL DEFAULT 0,
    tried_at            INTEGER,
    fetched_at          INTEGER,
    run                 INTEGER NOT NULL,
    hash                TEXT,
    lines               INTEGER NOT NULL,
    matched             INTEGER NOT NULL,
    payments            INTEGER NOT NULL,
    payments_fen        INTEGER NOT NULL,
    refunds             INTEGER NOT NULL,
    refunds_fen         INTEGER NOT NULL,
    -- Thousandths of a fen: bills print fees with five decimals of a yuan.
    fees                INTEGER NOT NULL,
    fees_returned       INTEGER NOT NULL,
    PRIMARY KEY (merchant, day, kind),
    CONSTRAINT bill_kind CHECK (kind IN ('refunds', 'trades')),
    CONSTRAINT bill_state CHECK (state IN ('wanted', 'fetched', 'empty', 'missing', 'failed')),
    CONSTRAINT bill_day CHECK (length(day) = 10),
    CONSTRAINT bill_fetched CHECK (state NOT IN ('fetched', 'empty') OR fetched_at IS NOT NULL)
) STRICT, WITHOUT ROWID;

-- INV-38: at most one difference for each line and each refund of a day.
CREATE TABLE differences (
    id               TEXT NOT NULL PRIMARY KEY,
    merchant         TEXT NOT NULL,
    mch_id           TEXT NOT NULL,
    day              TEXT NOT NULL,
    out_refund_no    TEXT NOT NULL,
    -- 0, or for a number that stands twice in one bill: which repetition.
    repetition       INTEGER NOT NULL,
    class            TEXT NOT NULL,
    state            TEXT NOT NULL,
    repair           TEXT NOT NULL,
    healing          TEXT,
    note             TEXT,
    settled_by       TEXT,
    found_at         INTEGER NOT NULL,
    settled_at       INTEGER,
    run              INTEGER NOT NULL,
    refund_id        TEXT REFERENCES refunds (id),
    our_amount       INTEGER,
    our_status       TEXT,
    bill_amount      INTEGER,
    bill_state       TEXT,
    wechat_refund_id TEXT,
    transaction_id   TEXT,
    out_trade_no     TEXT,
    accepted_at      INTEGER,
    CONSTRAINT difference_class CHECK (class IN (
        'ours_only', 'wechat_only', 'amount_differs', 'status_differs', 'late_by_a_day')),
    CONSTRAINT difference_state CHECK (state IN ('open', 'healed', 'resolved')),
    CONSTRAINT difference_settled CHECK (
        (state = 'open') = (settled_at IS NULL)
        AND (state = 'healed') = (healing IS NOT NULL)
        AND (state = 'resolved') = (note IS NOT NULL AND settled_by IS NOT NULL)),
    CONSTRAINT difference_sides CHECK (refund_id IS NOT NULL OR bill_amount IS NOT NULL)
) STRICT;

CREATE UNIQUE INDEX differences_number
    ON differences (out_refund_no, merchant, day, repetition);
CREATE INDEX differences_day ON differences (merchant, day, class, state, id);
CREATE INDEX differences_open ON differences (merchant, day) WHERE state = 'open';
CREATE INDEX differences_refund ON differences (refund_id) WHERE refund_id IS NOT NULL;

CREATE TRIGGER differences_identity
BEFORE UPDATE OF id, merchant, mch_id, day, out_refund_no, repetition ON differences
BEGIN SELECT RAISE(ABORT, 'difference_identity'); END;

CREATE TRIGGER differences_kept BEFORE DELETE ON differences
BEGIN SELECT RAISE(ABORT, 'difference_kept'); END;

-- Most refunds are sent within the hour, and are found by when they were made; these few are not.
CREATE INDEX refunds_sent_late ON refunds (merchant, last_attempt_at)
    WHERE last_attempt_at > created_at + 3600000000;
