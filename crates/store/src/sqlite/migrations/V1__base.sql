-- The promises of the domain, once more as constraints. Money in fen, times in microseconds UTC,
-- '' where a merchant has no sub-merchant (NULLs would not be unique).

-- Counters and marks of the database itself.
CREATE TABLE meta (
    name   TEXT NOT NULL PRIMARY KEY,
    number INTEGER NOT NULL DEFAULT 0,
    data   BLOB
) STRICT, WITHOUT ROWID;

INSERT INTO meta (name, number) VALUES ('fence', 0), ('audit', 0);

CREATE TABLE payments (
    id               TEXT NOT NULL PRIMARY KEY,
    merchant         TEXT NOT NULL,
    mch_id           TEXT NOT NULL,
    sub_mch_id       TEXT NOT NULL,
    out_trade_no     TEXT NOT NULL,
    transaction_id   TEXT,
    total            INTEGER NOT NULL,
    paid_at          INTEGER,
    reserved         INTEGER NOT NULL,
    spent            INTEGER NOT NULL,
    external         INTEGER NOT NULL,
    refunds          INTEGER NOT NULL,
    in_flight        TEXT,
    last_submit_id   TEXT,
    last_submit_at   INTEGER,
    created_at       INTEGER NOT NULL,
    version          INTEGER NOT NULL,
    -- INV-1
    CONSTRAINT payment_sums CHECK (
        total >= 0 AND reserved >= 0 AND spent >= 0 AND external >= 0
        AND reserved + spent + external <= total),
    -- INV-9
    CONSTRAINT payment_refunds CHECK (refunds BETWEEN 0 AND 50),
    CONSTRAINT payment_last_submit CHECK ((last_submit_id IS NULL) = (last_submit_at IS NULL)),
    CONSTRAINT payment_version CHECK (version >= 1)
) STRICT;

CREATE UNIQUE INDEX payments_trade_no ON payments (out_trade_no, mch_id, sub_mch_id);
CREATE UNIQUE INDEX payments_transaction ON payments (transaction_id, mch_id)
    WHERE transaction_id IS NOT NULL;

CREATE TRIGGER payments_identity
BEFORE UPDATE OF id, merchant, mch_id, sub_mch_id, out_trade_no ON payments
BEGIN SELECT RAISE(ABORT, 'payment_identity'); END;

CREATE TRIGGER payments_kept BEFORE DELETE ON payments
BEGIN SELECT RAISE(ABORT, 'payment_kept'); END;

CREATE TABLE refunds (
    id                    TEXT NOT NULL PRIMARY KEY,
    merchant              TEXT NOT NULL,
    mch_id                TEXT NOT NULL,
    sub_mch_id            TEXT NOT NULL,
    out_refund_no         TEXT NOT NULL,
    out_trade_no          TEXT,
    transaction_id        TEXT,
    amount                INTEGER NOT NULL,
    reason                TEXT,
    funds_account         TEXT,
    goods_detail          TEXT,
    not_before            INTEGER,
    expected_refundable   INTEGER,
    replaces              TEXT,
    metadata              TEXT,
    origin                TEXT NOT NULL,
    payment_id            TEXT REFERENCES payments (id),
    total                 INTEGER,
    status                TEXT NOT NULL,
    pending_reason        TEXT,
    refund_id             TEXT,
    user_received_account TEXT,
    attention             TEXT,
    attention_since       INTEGER,
    error_code            TEXT,
    error_message         TEXT,
    error_source          TEXT,
    error_advice          TEXT,
    refusal_unconfirmed   INTEGER NOT NULL,
    contradictions        TEXT,
    attempts              INTEGER NOT NULL,
    waits                 INTEGER NOT NULL,
    created_at            INTEGER NOT NULL,
    submitted_at          INTEGER,
    last_attempt_at       INTEGER,
    succeeded_at          INTEGER,
    ended_at              INTEGER,
    version               INTEGER NOT NULL,
    -- Hash of the last event: a cut tail of the history is seen against it.
    history_head          BLOB NOT NULL,
    CONSTRAINT refund_status CHECK (status IN (
        'awaiting_approval', 'queued', 'submitting', 'unknown', 'processing', 'abnormal',
        'succeeded', 'settled_offline', 'closed', 'rejected', 'cancelled')),
    -- INV-7. A refund that its payment cannot hold ends as rejected and keeps what was asked.
    CONSTRAINT refund_amount CHECK (
        amount >= 1 AND (total IS NULL OR amount <= total OR status = 'rejected')),
    CONSTRAINT refund_end CHECK ((ended_at IS NULL) = (status IN (
        'awaiting_approval', 'queued', 'submitting', 'unknown', 'processing', 'abnormal'))),
    CONSTRAINT refund_attention CHECK ((attention IS NULL) = (attention_since IS NULL)),
    CONSTRAINT refund_version CHECK (version >= 1)
) STRICT;

-- INV-2, INV-15
CREATE UNIQUE INDEX refunds_number ON refunds (out_refund_no, mch_id);
CREATE INDEX refunds_payment ON refunds (payment_id) WHERE payment_id IS NOT NULL;
CREATE INDEX refunds_wechat ON refunds (refund_id, mch_id) WHERE refund_id IS NOT NULL;
CREATE INDEX refunds_order_unknown ON refunds (out_trade_no) WHERE payment_id IS NULL;
CREATE INDEX refunds_created ON refunds (merchant, created_at, id);
CREATE INDEX refunds_open ON refunds (merchant, created_at, id) WHERE ended_at IS NULL;
CREATE INDEX refunds_attention ON refunds (merchant, created_at, id) WHERE attention IS NOT NULL;
CREATE INDEX refunds_failed ON refunds (merchant, created_at, id)
    WHERE status IN ('settled_offline', 'closed', 'rejected', 'cancelled');

-- INV-12
CREATE TRIGGER refunds_absorbing BEFORE UPDATE OF status ON refunds
WHEN OLD.status = 'succeeded' AND NEW.status <> 'succeeded'
BEGIN SELECT RAISE(ABORT, 'refund_absorbing'); END;

-- INV-2
CREATE TRIGGER refunds_identity
BEFORE UPDATE OF id, merchant, mch_id, sub_mch_id, out_refund_no, amount, created_at ON refunds
BEGIN SELECT RAISE(ABORT, 'refund_identity'); END;

CREATE TRIGGER refunds_kept BEFORE DELETE ON refunds
BEGIN SELECT RAISE(ABORT, 'refund_kept'); END;

-- The history, append-only (INV-11, INV-29).
CREATE TABLE events (
    position  INTEGER NOT NULL PRIMARY KEY,
    refund_id TEXT NOT NULL REFERENCES refunds (id),
    seq       INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    status    TEXT,
    at        INTEGER NOT NULL,
    source    TEXT NOT NULL,
    detail    TEXT NOT NULL,
    hash      BLOB NOT NULL,
    CONSTRAINT event_seq CHECK (seq >= 1)
) STRICT;

CREATE UNIQUE INDEX events_refund ON events (refund_id, seq);

CREATE TRIGGER events_unaltered BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'event_unaltered'); END;

CREATE TRIGGER events_kept BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'event_kept'); END;

-- INV-4
CREATE TABLE attempts (
    refund_id TEXT NOT NULL REFERENCES refunds (id),
    attempt   INTEGER NOT NULL,
    fence     INTEGER NOT NULL,
    begun_at  INTEGER NOT NULL,
    ended_at  INTEGER,
    outcome   TEXT,
    PRIMARY KEY (refund_id, attempt),
    CONSTRAINT attempt_number CHECK (attempt >= 1),
    CONSTRAINT attempt_end CHECK ((ended_at IS NULL) = (outcome IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TRIGGER attempts_kept BEFORE DELETE ON attempts
BEGIN SELECT RAISE(ABORT, 'attempt_kept'); END;

-- One job for each refund and each delivery that is not done. An expired lease is simply due.
CREATE TABLE jobs (
    key        TEXT NOT NULL PRIMARY KEY,
    lane       TEXT NOT NULL,
    step       TEXT NOT NULL,
    due_at     INTEGER NOT NULL,
    fence      INTEGER NOT NULL,
    leased     INTEGER NOT NULL,
    claimed_at INTEGER,
    hinted     INTEGER NOT NULL,
    CONSTRAINT job_lease CHECK (leased IN (0, 1) AND hinted IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX jobs_due ON jobs (lane, due_at);

CREATE TABLE endpoints (
    id              TEXT NOT NULL PRIMARY KEY,
    merchant        TEXT NOT NULL,
    url             TEXT NOT NULL,
    secret          BLOB NOT NULL,
    enabled         INTEGER NOT NULL,
    disabled_reason TEXT,
    failing_since   INTEGER,
    created_at      INTEGER NOT NULL,
    deleted_at      INTEGER,
    CONSTRAINT endpoint_enabled CHECK (enabled IN (0, 1))
) STRICT;

CREATE TABLE deliveries (
    id           TEXT NOT NULL PRIMARY KEY,
    endpoint_id  TEXT NOT NULL REFERENCES endpoints (id),
    refund_id    TEXT NOT NULL REFERENCES refunds (id),
    seq          INTEGER NOT NULL,
    event_type   TEXT NOT NULL,
    body         TEXT NOT NULL,
    status       TEXT NOT NULL,
    attempts     INTEGER NOT NULL,
    last_status  INTEGER,
    last_error   TEXT,
    created_at   INTEGER NOT NULL,
    delivered_at INTEGER,
    CONSTRAINT delivery_status CHECK (status IN ('pending', 'delivered', 'dead'))
) STRICT;

CREATE INDEX deliveries_endpoint ON deliveries (endpoint_id, id);
CREATE INDEX deliveries_pending ON deliveries (endpoint_id) WHERE status = 'pending';

-- INV-30: the body is the same at each try.
CREATE TRIGGER deliveries_unaltered
BEFORE UPDATE OF id, endpoint_id, refund_id, seq, event_type, body ON deliveries
BEGIN SELECT RAISE(ABORT, 'delivery_unaltered'); END;

-- Authentic notifications, once each (INV-19, INV-20).
CREATE TABLE inbox (
    number      INTEGER NOT NULL PRIMARY KEY,
    dedupe      BLOB NOT NULL,
    merchant    TEXT NOT NULL,
    generation  TEXT NOT NULL,
    headers     TEXT,
    body        BLOB,
    refund_id   TEXT,
    received_at INTEGER NOT NULL,
    outcome     TEXT NOT NULL,
    repeats     INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX inbox_dedupe ON inbox (dedupe);
CREATE INDEX inbox_raw ON inbox (received_at) WHERE body IS NOT NULL;

-- Conversations with WeChat, redacted, pruned by age.
CREATE TABLE exchanges (
    number     INTEGER NOT NULL PRIMARY KEY,
    refund_id  TEXT NOT NULL,
    kind       TEXT NOT NULL,
    attempt    INTEGER,
    at         INTEGER NOT NULL,
    elapsed_ms INTEGER NOT NULL,
    request    TEXT NOT NULL,
    reply      TEXT,
    status     INTEGER
) STRICT;

CREATE INDEX exchanges_refund ON exchanges (refund_id, number);

CREATE TABLE api_keys (
    id           TEXT NOT NULL PRIMARY KEY,
    name         TEXT NOT NULL,
    hash         BLOB NOT NULL,
    scope        TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    revoked_at   INTEGER
) STRICT;

CREATE UNIQUE INDEX api_keys_hash ON api_keys (hash);

-- How many refunds stand where; kept by the writer in the transaction of each change.
CREATE TABLE status_counts (
    merchant TEXT NOT NULL,
    status   TEXT NOT NULL,
    refunds  INTEGER NOT NULL,
    PRIMARY KEY (merchant, status),
    CONSTRAINT status_count CHECK (refunds >= 0)
) STRICT, WITHOUT ROWID;

-- INV-35
CREATE TABLE audit (
    number  INTEGER NOT NULL PRIMARY KEY,
    at      INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail  TEXT NOT NULL,
    hash    BLOB NOT NULL
) STRICT;

CREATE TRIGGER audit_unaltered BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'audit_unaltered'); END;

CREATE TRIGGER audit_kept BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'audit_kept'); END;
