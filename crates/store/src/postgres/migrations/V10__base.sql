-- The promises of the domain, once more as constraints. Money in fen, times in microseconds UTC,
-- '' where a merchant has no sub-merchant (NULLs would not be unique).
--
-- The schema as a whole, as it stands beside SQLite's tenth: from here on both go on with the same
-- numbers. Texts are compared byte by byte, as in SQLite, whatever the database's own collation: keys
-- and cursors are ordered by them.

CREATE TABLE meta (
    name   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL DEFAULT 0,
    data   BYTEA
) WITH (
    fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE payments (
    id             TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    merchant       TEXT COLLATE "C" NOT NULL,
    mch_id         TEXT COLLATE "C" NOT NULL,
    sub_mch_id     TEXT COLLATE "C" NOT NULL,
    out_trade_no   TEXT COLLATE "C" NOT NULL,
    transaction_id TEXT COLLATE "C",
    total          BIGINT NOT NULL,
    paid_at        BIGINT,
    reserved       BIGINT NOT NULL,
    spent          BIGINT NOT NULL,
    external       BIGINT NOT NULL,
    refunds        BIGINT NOT NULL,
    in_flight      TEXT COLLATE "C",
    last_submit_id TEXT COLLATE "C",
    last_submit_at BIGINT,
    created_at     BIGINT NOT NULL,
    version        BIGINT NOT NULL,
    -- INV-1
    CONSTRAINT payment_sums CHECK ( total >= 0 AND reserved >= 0 AND spent >= 0 AND external >=
        0 AND reserved + spent + external <= total),
    -- INV-9
    CONSTRAINT payment_refunds CHECK (refunds BETWEEN 0 AND 50),
    CONSTRAINT payment_last_submit CHECK ((last_submit_id IS NULL) = (last_submit_at IS NULL)),
    CONSTRAINT payment_version CHECK (version >= 1)
) WITH (fillfactor = 80);

CREATE TABLE refunds (
    id                    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    merchant              TEXT COLLATE "C" NOT NULL,
    mch_id                TEXT COLLATE "C" NOT NULL,
    sub_mch_id            TEXT COLLATE "C" NOT NULL,
    out_refund_no         TEXT COLLATE "C" NOT NULL,
    out_trade_no          TEXT COLLATE "C",
    transaction_id        TEXT COLLATE "C",
    amount                BIGINT NOT NULL,
    reason                TEXT COLLATE "C",
    funds_account         TEXT COLLATE "C",
    goods_detail          TEXT COLLATE "C",
    not_before            BIGINT,
    expected_refundable   BIGINT,
    replaces              TEXT COLLATE "C",
    metadata              TEXT COLLATE "C",
    origin                TEXT COLLATE "C" NOT NULL,
    payment_id            TEXT COLLATE "C" REFERENCES payments (id),
    total                 BIGINT,
    status                TEXT COLLATE "C" NOT NULL,
    pending_reason        TEXT COLLATE "C",
    refund_id             TEXT COLLATE "C",
    user_received_account TEXT COLLATE "C",
    attention             TEXT COLLATE "C",
    attention_since       BIGINT,
    error_code            TEXT COLLATE "C",
    error_message         TEXT COLLATE "C",
    error_source          TEXT COLLATE "C",
    error_advice          TEXT COLLATE "C",
    refusal_unconfirmed   BOOLEAN NOT NULL,
    contradictions        TEXT COLLATE "C",
    attempts              BIGINT NOT NULL,
    waits                 BIGINT NOT NULL,
    created_at            BIGINT NOT NULL,
    submitted_at          BIGINT,
    last_attempt_at       BIGINT,
    succeeded_at          BIGINT,
    ended_at              BIGINT,
    version               BIGINT NOT NULL,
    -- Hash of the last event: a cut tail of the history is seen against it.
    history_head          BYTEA NOT NULL,
    requested_by          TEXT COLLATE "C",
    approval              TEXT COLLATE "C",
    approval_until        BIGINT,
    approved_by           TEXT COLLATE "C",
    approved_at           BIGINT,
    approved_content      TEXT COLLATE "C",
    elsewhere_at          BIGINT,
    elsewhere_open        BOOLEAN NOT NULL DEFAULT FALSE,
    CONSTRAINT refund_approval CHECK (approval IS NULL OR approval IN ('required', 'given')),
    CONSTRAINT refund_elsewhere CHECK (NOT elsewhere_open OR elsewhere_at IS NOT NULL),
    CONSTRAINT refund_status CHECK (status IN ( 'awaiting_approval', 'queued', 'submitting',
        'unknown', 'processing', 'abnormal', 'succeeded', 'settled_offline', 'closed',
        'rejected', 'cancelled')),
    -- INV-7. A refund that its payment cannot hold ends as rejected and keeps what was asked.
    CONSTRAINT refund_amount CHECK ( amount >= 1 AND (total IS NULL OR amount <= total OR status
        = 'rejected')),
    CONSTRAINT refund_end CHECK ((ended_at IS NULL) = (status IN ( 'awaiting_approval',
        'queued', 'submitting', 'unknown', 'processing', 'abnormal'))),
    CONSTRAINT refund_attention CHECK ((attention IS NULL) = (attention_since IS NULL)),
    CONSTRAINT refund_version CHECK (version >= 1)
) WITH (fillfactor = 80);

CREATE TABLE events (
    position  BIGINT NOT NULL PRIMARY KEY,
    refund_id TEXT COLLATE "C" NOT NULL REFERENCES refunds (id),
    seq       BIGINT NOT NULL,
    kind      TEXT COLLATE "C" NOT NULL,
    status    TEXT COLLATE "C",
    at        BIGINT NOT NULL,
    source    TEXT COLLATE "C" NOT NULL,
    detail    TEXT COLLATE "C" NOT NULL,
    hash      BYTEA NOT NULL,
    CONSTRAINT event_seq CHECK (seq >= 1)
);

CREATE TABLE attempts (
    refund_id TEXT COLLATE "C" NOT NULL REFERENCES refunds (id),
    attempt   BIGINT NOT NULL,
    fence     BIGINT NOT NULL,
    begun_at  BIGINT NOT NULL,
    ended_at  BIGINT,
    outcome   TEXT COLLATE "C",
    PRIMARY KEY (refund_id, attempt),
    CONSTRAINT attempt_number CHECK (attempt >= 1),
    CONSTRAINT attempt_end CHECK ((ended_at IS NULL) = (outcome IS NULL))
);

CREATE TABLE jobs (
    key        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    lane       TEXT COLLATE "C" NOT NULL,
    step       TEXT COLLATE "C" NOT NULL,
    due_at     BIGINT NOT NULL,
    fence      BIGINT NOT NULL,
    leased     BOOLEAN NOT NULL,
    claimed_at BIGINT,
    hinted     BOOLEAN NOT NULL
) WITH (
    fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE endpoints (
    id              TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    merchant        TEXT COLLATE "C" NOT NULL,
    url             TEXT COLLATE "C" NOT NULL,
    secret          BYTEA NOT NULL,
    enabled         BOOLEAN NOT NULL,
    disabled_reason TEXT COLLATE "C",
    failing_since   BIGINT,
    created_at      BIGINT NOT NULL,
    deleted_at      BIGINT
);

CREATE TABLE deliveries (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    endpoint_id  TEXT COLLATE "C" NOT NULL REFERENCES endpoints (id),
    refund_id    TEXT COLLATE "C" NOT NULL REFERENCES refunds (id),
    seq          BIGINT NOT NULL,
    event_type   TEXT COLLATE "C" NOT NULL,
    body         TEXT COLLATE "C" NOT NULL,
    status       TEXT COLLATE "C" NOT NULL,
    attempts     BIGINT NOT NULL,
    last_status  BIGINT,
    last_error   TEXT COLLATE "C",
    created_at   BIGINT NOT NULL,
    delivered_at BIGINT,
    CONSTRAINT delivery_status CHECK (status IN ('pending', 'delivered', 'dead'))
) WITH (fillfactor = 80);

CREATE TABLE inbox (
    number      BIGINT NOT NULL GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    dedupe      BYTEA NOT NULL,
    merchant    TEXT COLLATE "C" NOT NULL,
    generation  TEXT COLLATE "C" NOT NULL,
    headers     TEXT COLLATE "C",
    body        BYTEA,
    refund_id   TEXT COLLATE "C",
    received_at BIGINT NOT NULL,
    outcome     TEXT COLLATE "C" NOT NULL,
    repeats     BIGINT NOT NULL,
    told_at     BIGINT,
    seq         BIGINT
);

CREATE TABLE exchanges (
    number     BIGINT NOT NULL GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    refund_id  TEXT COLLATE "C" NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL,
    attempt    BIGINT,
    at         BIGINT NOT NULL,
    elapsed_ms BIGINT NOT NULL,
    request    TEXT COLLATE "C" NOT NULL,
    reply      TEXT COLLATE "C",
    status     BIGINT
);

CREATE TABLE users (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name          TEXT COLLATE "C" NOT NULL,
    -- The name in small letters: what is unique, and what is looked up.
    name_key      TEXT COLLATE "C" NOT NULL,
    -- argon2id as PHC text; none before the first link was used.
    password      TEXT COLLATE "C",
    role          TEXT COLLATE "C" NOT NULL,
    scope         TEXT COLLATE "C" NOT NULL,
    -- The secret of the second factor, sealed (INV-36), and the last time step that was used.
    totp          BYTEA,
    totp_used     BIGINT NOT NULL,
    language      TEXT COLLATE "C",
    created_at    BIGINT NOT NULL,
    last_login_at BIGINT,
    disabled_at   BIGINT,
    version       BIGINT NOT NULL,
    CONSTRAINT user_name CHECK (name <> '' AND name_key <> ''),
    CONSTRAINT user_role CHECK (role IN ('viewer', 'operator', 'approver', 'admin')),
    CONSTRAINT user_version CHECK (version >= 1)
);

CREATE TABLE api_keys (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name         TEXT COLLATE "C" NOT NULL,
    hash         BYTEA NOT NULL,
    scope        TEXT COLLATE "C" NOT NULL,
    created_at   BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at   BIGINT,
    owner        TEXT COLLATE "C" REFERENCES users (id),
    role         TEXT COLLATE "C" NOT NULL DEFAULT 'operator',
    expires_at   BIGINT,
    created_by   TEXT COLLATE "C",
    CONSTRAINT api_key_role CHECK (role IN ('viewer', 'operator', 'approver', 'admin'))
);

CREATE TABLE status_counts (
    merchant TEXT COLLATE "C" NOT NULL,
    status   TEXT COLLATE "C" NOT NULL,
    refunds  BIGINT NOT NULL,
    PRIMARY KEY (merchant, status),
    CONSTRAINT status_count CHECK (refunds >= 0)
) WITH (
    fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE audit (
    number   BIGINT NOT NULL PRIMARY KEY,
    at       BIGINT NOT NULL,
    actor    TEXT COLLATE "C" NOT NULL,
    action   TEXT COLLATE "C" NOT NULL,
    subject  TEXT COLLATE "C" NOT NULL,
    detail   TEXT COLLATE "C" NOT NULL,
    hash     BYTEA NOT NULL,
    merchant TEXT COLLATE "C" GENERATED ALWAYS AS (detail::jsonb ->> 'merchant') STORED
);

CREATE TABLE sessions (
    hash          BYTEA NOT NULL PRIMARY KEY,
    user_id       TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    created_at    BIGINT NOT NULL,
    seen_at       BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    second_factor TEXT COLLATE "C" NOT NULL,
    csrf          TEXT COLLATE "C" NOT NULL,
    address       TEXT COLLATE "C" NOT NULL,
    agent         TEXT COLLATE "C" NOT NULL,
    CONSTRAINT session_second_factor CHECK ( second_factor IN ('pending', 'not_asked',
        'passed'))
);

CREATE TABLE invitations (
    hash       BYTEA NOT NULL PRIMARY KEY,
    purpose    TEXT COLLATE "C" NOT NULL,
    user_id    TEXT COLLATE "C" REFERENCES users (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT,
    CONSTRAINT invitation_purpose CHECK (purpose IN ('set_up', 'invite', 'reset', 'demo')),
    CONSTRAINT invitation_user CHECK ((user_id IS NULL) = (purpose = 'set_up'))
);

CREATE TABLE rules (
    merchant            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    approval_above      BIGINT,
    approval_person_day BIGINT,
    person_day_amount   BIGINT,
    person_day_count    BIGINT,
    key_day_amount      BIGINT,
    key_day_count       BIGINT,
    order_day_amount    BIGINT,
    order_day_count     BIGINT,
    -- A JSON array of texts.
    reasons             TEXT COLLATE "C" NOT NULL,
    expires_s           BIGINT NOT NULL,
    changed_at          BIGINT NOT NULL,
    changed_by          TEXT COLLATE "C" NOT NULL,
    version             BIGINT NOT NULL,
    CONSTRAINT rules_expires CHECK (expires_s >= 1),
    CONSTRAINT rules_version CHECK (version >= 1)
);

CREATE TABLE usage (
    subject TEXT COLLATE "C" NOT NULL,
    day     TEXT COLLATE "C" NOT NULL,
    amount  BIGINT NOT NULL,
    count   BIGINT NOT NULL,
    PRIMARY KEY (subject, day),
    CONSTRAINT usage_sums CHECK (amount >= 0 AND count >= 1)
) WITH (fillfactor = 80);

CREATE TABLE figures (
    kind     TEXT COLLATE "C" NOT NULL,
    merchant TEXT COLLATE "C" NOT NULL,
    -- Hours or days of Beijing since 1970; 0 where the kind has none.
    period   BIGINT NOT NULL,
    part     TEXT COLLATE "C" NOT NULL,
    refunds  BIGINT NOT NULL,
    amount   BIGINT NOT NULL,
    PRIMARY KEY (kind, merchant, period, part),
    CONSTRAINT figure_count CHECK (refunds >= 0 AND amount >= 0)
) WITH (
    fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE care (
    subject       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    merchant      TEXT COLLATE "C" NOT NULL,
    reason        TEXT COLLATE "C" NOT NULL,
    assignee      TEXT COLLATE "C",
    snoozed_until BIGINT,
    settled_at    BIGINT,
    note          TEXT COLLATE "C",
    version       BIGINT NOT NULL,
    CONSTRAINT care_version CHECK (version >= 1)
);

CREATE TABLE bill_days (
    merchant      TEXT COLLATE "C" NOT NULL,
    day           TEXT COLLATE "C" NOT NULL,
    kind          TEXT COLLATE "C" NOT NULL,
    state         TEXT COLLATE "C" NOT NULL,
    tries         BIGINT NOT NULL,
    error         TEXT COLLATE "C",
    wanted_at     BIGINT NOT NULL,
    -- Known only because a person looked at that day: it does not tell from when on bills are wanted.
    by_hand       BOOLEAN NOT NULL DEFAULT FALSE,
    tried_at      BIGINT,
    fetched_at    BIGINT,
    run           BIGINT NOT NULL,
    hash          TEXT COLLATE "C",
    lines         BIGINT NOT NULL,
    matched       BIGINT NOT NULL,
    payments      BIGINT NOT NULL,
    payments_fen  BIGINT NOT NULL,
    refunds       BIGINT NOT NULL,
    refunds_fen   BIGINT NOT NULL,
    -- Thousandths of a fen: bills print fees with five decimals of a yuan.
    fees          BIGINT NOT NULL,
    fees_returned BIGINT NOT NULL,
    PRIMARY KEY (merchant, day, kind),
    CONSTRAINT bill_kind CHECK (kind IN ('refunds', 'trades')),
    CONSTRAINT bill_state CHECK (state IN ('wanted', 'fetched', 'empty', 'missing', 'failed')),
    CONSTRAINT bill_day CHECK (length(day) = 10),
    CONSTRAINT bill_fetched CHECK (state NOT IN ('fetched', 'empty') OR fetched_at IS NOT NULL)
);

CREATE TABLE differences (
    id               TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    merchant         TEXT COLLATE "C" NOT NULL,
    mch_id           TEXT COLLATE "C" NOT NULL,
    day              TEXT COLLATE "C" NOT NULL,
    out_refund_no    TEXT COLLATE "C" NOT NULL,
    -- 0, or for a number that stands twice in one bill: which repetition.
    repetition       BIGINT NOT NULL,
    class            TEXT COLLATE "C" NOT NULL,
    state            TEXT COLLATE "C" NOT NULL,
    repair           TEXT COLLATE "C" NOT NULL,
    healing          TEXT COLLATE "C",
    note             TEXT COLLATE "C",
    settled_by       TEXT COLLATE "C",
    found_at         BIGINT NOT NULL,
    settled_at       BIGINT,
    run              BIGINT NOT NULL,
    refund_id        TEXT COLLATE "C" REFERENCES refunds (id),
    our_amount       BIGINT,
    our_status       TEXT COLLATE "C",
    bill_amount      BIGINT,
    bill_state       TEXT COLLATE "C",
    wechat_refund_id TEXT COLLATE "C",
    transaction_id   TEXT COLLATE "C",
    out_trade_no     TEXT COLLATE "C",
    accepted_at      BIGINT,
    CONSTRAINT difference_class CHECK (class IN ( 'ours_only', 'wechat_only', 'amount_differs',
        'status_differs', 'late_by_a_day')),
    CONSTRAINT difference_state CHECK (state IN ('open', 'healed', 'resolved')),
    CONSTRAINT difference_settled CHECK ( (state = 'open') = (settled_at IS NULL) AND (state =
        'healed') = (healing IS NOT NULL) AND (state = 'resolved') = (note IS NOT NULL AND
        settled_by IS NOT NULL)),
    CONSTRAINT difference_sides CHECK (refund_id IS NOT NULL OR bill_amount IS NOT NULL)
);

CREATE TABLE batches (
    id               TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    merchant         TEXT COLLATE "C" NOT NULL,
    mch_id           TEXT COLLATE "C" NOT NULL,
    name             TEXT COLLATE "C",
    content          BYTEA NOT NULL,
    state            TEXT COLLATE "C" NOT NULL,
    lines            BIGINT NOT NULL,
    new_lines        BIGINT NOT NULL,
    new_amount       BIGINT NOT NULL,
    existing_lines   BIGINT NOT NULL,
    faulty_lines     BIGINT NOT NULL,
    faulty_amount    BIGINT NOT NULL,
    warned_lines     BIGINT NOT NULL,
    unknown_payments BIGINT NOT NULL,
    of_one_order     BIGINT NOT NULL,
    created_by       TEXT COLLATE "C" NOT NULL,
    created_at       BIGINT NOT NULL,
    checked_at       BIGINT,
    requested_by     TEXT COLLATE "C",
    requested_at     BIGINT,
    requested_key    TEXT COLLATE "C",
    approval_until   BIGINT,
    approved_by      TEXT COLLATE "C",
    approved_at      BIGINT,
    ended_at         BIGINT,
    -- The first line that may still be pending.
    next_line        BIGINT NOT NULL,
    version          BIGINT NOT NULL,
    CONSTRAINT batch_state CHECK (state IN ( 'draft', 'checked', 'awaiting_approval', 'running',
        'paused', 'cancelled', 'rejected', 'finished')),
    CONSTRAINT batch_end CHECK ( (ended_at IS NULL) = (state NOT IN ('cancelled', 'rejected',
        'finished'))),
    -- INV-32: nobody agrees to what he asked for.
    CONSTRAINT batch_second CHECK (approved_by IS NULL OR approved_by <> requested_by),
    CONSTRAINT batch_marks CHECK ( (requested_by IS NULL) = (requested_at IS NULL) AND
        (requested_key IS NULL OR requested_by IS NOT NULL) AND (approved_by IS NULL) =
        (approved_at IS NULL)),
    CONSTRAINT batch_version CHECK (version >= 1)
);

CREATE TABLE batch_lines (
    batch_id       TEXT COLLATE "C" NOT NULL REFERENCES batches (id),
    line           BIGINT NOT NULL,
    out_trade_no   TEXT COLLATE "C",
    transaction_id TEXT COLLATE "C",
    amount         BIGINT NOT NULL,
    out_refund_no  TEXT COLLATE "C" NOT NULL,
    number_given   BOOLEAN NOT NULL,
    reason         TEXT COLLATE "C",
    -- What the dry run found.
    fault          TEXT COLLATE "C",
    warnings       TEXT COLLATE "C",
    detail         TEXT COLLATE "C",
    -- What became of it.
    state          TEXT COLLATE "C" NOT NULL,
    refund_id      TEXT COLLATE "C",
    -- Whether this line made its refund, or found it.
    made           BOOLEAN NOT NULL DEFAULT FALSE,
    error_code     TEXT COLLATE "C",
    error_message  TEXT COLLATE "C",
    PRIMARY KEY (batch_id, line),
    CONSTRAINT batch_line_state CHECK (state IN ('pending', 'requested', 'refused')),
    CONSTRAINT batch_line_refund CHECK ((refund_id IS NULL) = (state <> 'requested')),
    CONSTRAINT batch_line_made CHECK (NOT made OR refund_id IS NOT NULL),
    CONSTRAINT batch_line_amount CHECK (amount >= 1)
);

CREATE TABLE batch_counts (
    batch_id TEXT COLLATE "C" NOT NULL REFERENCES batches (id),
    outcome  TEXT COLLATE "C" NOT NULL,
    lines    BIGINT NOT NULL,
    amount   BIGINT NOT NULL,
    PRIMARY KEY (batch_id, outcome),
    CONSTRAINT batch_count CHECK (lines >= 0 AND amount >= 0)
);

-- A write leaves its token here, in its own transaction: when the answer to a COMMIT is lost, whoever
-- can still write the token knows that the first one never will (INV-42).
CREATE TABLE writes (
    token BYTEA  NOT NULL PRIMARY KEY,
    at    BIGINT NOT NULL
);

CREATE INDEX writes_at ON writes (at);

-- What is permitted to whom, over all nodes (INV-26): one row for each merchant number and kind of call,
-- with the grants that still count. Their node says when they no longer do; no clock of ours is asked.
CREATE TABLE quotas (
    mch_id  TEXT COLLATE "C" NOT NULL,
    kind    TEXT COLLATE "C" NOT NULL,
    -- Grants so far. Those that count: which they are, how many permits each has, and for how many
    -- microseconds after its node asked these may be used.
    last    BIGINT NOT NULL DEFAULT 0,
    numbers BIGINT[] NOT NULL DEFAULT '{}',
    permits BIGINT[] NOT NULL DEFAULT '{}',
    valid   BIGINT[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (mch_id, kind),
    CONSTRAINT quota_kind CHECK (kind IN ('errors', 'queries', 'submits')),
    CONSTRAINT quota_grants CHECK (cardinality(numbers) = cardinality(permits)
        AND cardinality(numbers) = cardinality(valid))
) WITH (fillfactor = 50);

-- One sequence for all jobs: a fence never comes again, even for a job that came again (INV-24).
CREATE SEQUENCE fences AS BIGINT;

-- 'audit': entries so far. 'position': the last position of an event; its row is locked until the
-- commit, so that events become visible in the order of their positions. 'turn': whoever does an act of
-- administration holds it. 'compatible': the oldest schema whose programs may still use this one.
INSERT INTO meta (name, number) VALUES ('audit', 0), ('position', 0), ('turn', 0), ('compatible', 10);

CREATE UNIQUE INDEX payments_trade_no ON payments (out_trade_no, mch_id, sub_mch_id);
CREATE UNIQUE INDEX payments_transaction ON payments (transaction_id, mch_id)
    WHERE transaction_id IS NOT NULL;
CREATE UNIQUE INDEX refunds_number ON refunds (out_refund_no, mch_id);
CREATE INDEX refunds_payment ON refunds (payment_id) WHERE payment_id IS NOT NULL;
CREATE INDEX refunds_wechat ON refunds (refund_id, mch_id) WHERE refund_id IS NOT NULL;
CREATE INDEX refunds_order_unknown ON refunds (out_trade_no) WHERE payment_id IS NULL;
CREATE INDEX refunds_created ON refunds (merchant, created_at, id);
CREATE INDEX refunds_open ON refunds (merchant, created_at, id) WHERE ended_at IS NULL;
CREATE INDEX refunds_attention ON refunds (merchant, created_at, id) WHERE attention IS NOT NULL;
CREATE INDEX refunds_failed ON refunds (merchant, created_at, id)
    WHERE status IN ('settled_offline', 'closed', 'rejected', 'cancelled');
CREATE UNIQUE INDEX events_refund ON events (refund_id, seq);
CREATE INDEX jobs_due ON jobs (lane, due_at);
CREATE INDEX deliveries_endpoint ON deliveries (endpoint_id, id);
CREATE INDEX deliveries_pending ON deliveries (endpoint_id) WHERE status = 'pending';
CREATE UNIQUE INDEX inbox_dedupe ON inbox (dedupe);
CREATE INDEX inbox_raw ON inbox (received_at) WHERE body IS NOT NULL;
CREATE INDEX exchanges_refund ON exchanges (refund_id, number);
CREATE UNIQUE INDEX api_keys_hash ON api_keys (hash);
CREATE UNIQUE INDEX users_name ON users (name_key);
CREATE INDEX sessions_user ON sessions (user_id, created_at);
CREATE INDEX sessions_end ON sessions (expires_at);
CREATE INDEX invitations_user ON invitations (user_id);
CREATE INDEX audit_actor ON audit (actor, number);
CREATE INDEX audit_subject ON audit (subject, number);
CREATE INDEX inbox_merchant ON inbox (merchant, received_at, number);
CREATE INDEX inbox_odd ON inbox (merchant, received_at, number)
    WHERE outcome NOT IN ('applied', 'hint', 'payment');
CREATE INDEX refunds_needed ON refunds (merchant, attention, attention_since, id)
    WHERE attention IS NOT NULL;
CREATE INDEX care_snoozed ON care (merchant, snoozed_until) WHERE snoozed_until IS NOT NULL;
CREATE INDEX deliveries_dead ON deliveries (endpoint_id, id) WHERE status = 'dead';
CREATE INDEX refunds_amount ON refunds (merchant, amount, created_at, id);
CREATE INDEX refunds_origin ON refunds (merchant, origin, created_at, id) WHERE origin <> 'api';
CREATE INDEX refunds_error ON refunds (merchant, error_code, created_at, id)
    WHERE error_code IS NOT NULL;
CREATE INDEX refunds_transaction_unknown ON refunds (transaction_id)
    WHERE payment_id IS NULL AND transaction_id IS NOT NULL;
CREATE INDEX deliveries_refund ON deliveries (refund_id, id);
CREATE INDEX inbox_refund ON inbox (refund_id, number) WHERE refund_id IS NOT NULL;
CREATE UNIQUE INDEX differences_number
    ON differences (out_refund_no, merchant, day, repetition);
CREATE INDEX differences_day ON differences (merchant, day, class, state, id);
CREATE INDEX differences_open ON differences (merchant, day) WHERE state = 'open';
CREATE INDEX differences_refund ON differences (refund_id) WHERE refund_id IS NOT NULL;
CREATE INDEX refunds_sent_late ON refunds (merchant, last_attempt_at)
    WHERE last_attempt_at > created_at + 3600000000;
CREATE UNIQUE INDEX batches_content ON batches (content)
    WHERE state NOT IN ('cancelled', 'rejected');
CREATE INDEX batches_created ON batches (merchant, created_at, id);
CREATE INDEX batch_lines_refund ON batch_lines (refund_id) WHERE refund_id IS NOT NULL;
CREATE INDEX batch_lines_fault ON batch_lines (batch_id, line)
    WHERE fault IS NOT NULL OR error_code IS NOT NULL;
CREATE INDEX usage_day ON usage (day);
CREATE INDEX audit_merchant ON audit (merchant, number);

-- What must never happen says its name, as constraints do.
CREATE FUNCTION tuikuan_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'check_violation', CONSTRAINT = TG_ARGV[0], MESSAGE = TG_ARGV[0];
END $$;

CREATE TRIGGER payments_identity
BEFORE UPDATE OF id, merchant, mch_id, sub_mch_id, out_trade_no ON payments
FOR EACH ROW EXECUTE FUNCTION tuikuan_refuse('payment_identity');

CREATE TRIGGER payments_kept BEFORE DELETE ON payments
FOR EACH ROW EXECUTE FUNCTION tuikuan_refuse('payment_kept');

-- INV-12
CREATE TRIGGER refunds_absorbing BEFORE UPDATE OF status ON refunds FOR EACH ROW
WHEN (OLD.status = 'succeeded' AND NEW.status <> 'succeeded')
EXECUTE FUNCTION tuikuan_refuse('refund_absorbing');

-- INV-2
CREATE TRIGGER refunds_identity
BEFORE UPDATE OF id, merchant, mch_id, sub_mch_id, out_refund_no, amount, created_at ON refunds
FOR EACH ROW EXECUTE FUNCTION tuikuan_refuse('refund_identity');

CREATE TRIGGER refunds_kept BEFORE DELETE ON refunds
FOR EACH ROW EXECUTE FUNCTION tuikuan_refuse('refund_kept');

CREATE TRIGGER refunds_requester BEFORE UPDATE OF requested_by ON refunds FOR EACH ROW
WHEN (OLD.requested_by IS DISTINCT FROM NEW.requested_by)
EXECUTE FUNCTION tuikuan_refuse('refund_requester');

-- INV-32: nothing is sent that waits for a second person, and nobody is their own.
CREATE TRIGGER refunds_approved BEFORE UPDATE OF status ON refunds FOR EACH ROW
WHEN (NEW.status = 'submitting' AND NEW.approval = 'required')
EXECUTE FUNCTION tuikuan_refuse('refund_approved');

CREATE TRIGGER refunds_second_person BEFORE UPDATE OF approved_by ON refunds FOR EACH ROW
WHEN (NEW.approved_by = NEW.requested_by)
EXECUTE FUNCTION tuikuan_refuse('refund_second_person');

CREATE TRIGGER refunds_born_approved BEFORE INSERT ON refunds FOR EACH ROW
WHEN (NEW.approved_by = NEW.requested_by)
EXECUTE FUNCTION tuikuan_refuse('refund_second_person');

-- The history, append-only (INV-11, INV-29).
CREATE TRIGGER events_unaltered BEFORE UPDATE ON events
FOR EACH ROW EXECUTE FUNCTION tuikuan_refuse('event_unaltered');

CREATE TRIGGER events_kept BEFORE DELETE ON events
FOR EACH ROW EXECUTE FUNCTION tuikuan_refuse('event_kept');

CREATE TRIGGER attempts_kept BEFORE DELETE ON attempts
FOR EACH ROW EXECUTE FUNCTION tuikuan_refuse('attempt_kept');

-- INV-30: the body is the same at each try.
CREATE TRIGGER deliveries_unaltered
BEFORE UPDATE OF id, endpoint_id, refund_id, seq, event_type, body ON deliveries
FOR EACH ROW EXECUTE FUNCTION tuikuan_refuse('delivery_unaltered');

CREATE TRIGGER audit_unaltered BEFORE UPDATE ON audit
FOR EACH ROW EXECUTE FUNCTION tuikuan_refuse('audit_unaltered');

CREATE TRIGGER audit_kept BEFORE DELETE ON audit
FOR EACH ROW EXECUTE FUNCTION tuikuan_refuse('audit_kept');

CREATE TRIGGER users_identity BEFORE UPDATE OF id, created_at ON users
FOR EACH ROW EXECUTE FUNCTION tuikuan_refuse('user_identity');

CREATE TRIGGER users_kept BEFORE DELETE ON users
FOR EACH ROW EXECUTE FUNCTION tuikuan_refuse('user_kept');

-- INV-34: whoever manages all people stays, as long as nobody else does. Writers of users take turns
-- (see meta), so that two cannot step down at once.
CREATE FUNCTION tuikuan_last_admin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM users
        WHERE id <> OLD.id AND role = 'admin' AND scope = '*' AND disabled_at IS NULL
            AND password IS NOT NULL)
    THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation', CONSTRAINT = 'last_admin', MESSAGE = 'last_admin';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER users_last_admin BEFORE UPDATE OF role, scope, disabled_at ON users FOR EACH ROW
WHEN (OLD.role = 'admin' AND OLD.scope = '*' AND OLD.disabled_at IS NULL
    AND OLD.password IS NOT NULL
    AND (NEW.role <> 'admin' OR NEW.scope <> '*' OR NEW.disabled_at IS NOT NULL))
EXECUTE FUNCTION tuikuan_last_admin();

-- A code of the second factor is good once.
CREATE TRIGGER users_code_once BEFORE UPDATE OF totp_used ON users FOR EACH ROW
WHEN (NEW.totp_used < OLD.totp_used)
EXECUTE FUNCTION tuikuan_refuse('code_once');

CREATE TRIGGER api_keys_rights
BEFORE UPDATE OF id, hash, scope, owner, role, created_at, created_by ON api_keys
FOR EACH ROW EXECUTE FUNCTION tuikuan_refuse('api_key_rights');

-- INV-33: only grows.
CREATE TRIGGER usage_grows BEFORE UPDATE ON usage FOR EACH ROW
WHEN (NEW.amount < OLD.amount OR NEW.count <= OLD.count)
EXECUTE FUNCTION tuikuan_refuse('usage_grows');

CREATE TRIGGER differences_identity
BEFORE UPDATE OF id, merchant, mch_id, day, out_refund_no, repetition ON differences
FOR EACH ROW EXECUTE FUNCTION tuikuan_refuse('difference_identity');

CREATE TRIGGER differences_kept BEFORE DELETE ON differences
FOR EACH ROW EXECUTE FUNCTION tuikuan_refuse('difference_kept');

CREATE TRIGGER batches_identity
BEFORE UPDATE OF id, merchant, mch_id, content, created_by, created_at ON batches
FOR EACH ROW EXECUTE FUNCTION tuikuan_refuse('batch_identity');

CREATE TRIGGER batches_kept BEFORE DELETE ON batches
FOR EACH ROW EXECUTE FUNCTION tuikuan_refuse('batch_kept');

-- What was agreed to is what is refunded.
CREATE TRIGGER batch_lines_identity
BEFORE UPDATE OF batch_id, line, out_trade_no, transaction_id, amount, out_refund_no, reason
ON batch_lines
FOR EACH ROW EXECUTE FUNCTION tuikuan_refuse('batch_line_identity');

CREATE TRIGGER batch_lines_kept BEFORE DELETE ON batch_lines
FOR EACH ROW EXECUTE FUNCTION tuikuan_refuse('batch_line_kept');
