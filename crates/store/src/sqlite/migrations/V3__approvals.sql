-- Who asked for a refund, and where it stands with the second person (INV-32). Refunds that are older
-- needed none and do not say who asked.
ALTER TABLE refunds ADD COLUMN requested_by TEXT;
ALTER TABLE refunds ADD COLUMN approval TEXT
    CONSTRAINT refund_approval CHECK (approval IS NULL OR approval IN ('required', 'given'));
ALTER TABLE refunds ADD COLUMN approval_until INTEGER;
ALTER TABLE refunds ADD COLUMN approved_by TEXT;
ALTER TABLE refunds ADD COLUMN approved_at INTEGER;
ALTER TABLE refunds ADD COLUMN approved_content TEXT;

CREATE TRIGGER refunds_requester BEFORE UPDATE OF requested_by ON refunds
WHEN OLD.requested_by IS NOT NEW.requested_by
BEGIN SELECT RAISE(ABORT, 'refund_requester'); END;

-- INV-32: nothing is sent that waits for a second person, and nobody is their own.
CREATE TRIGGER refunds_approved BEFORE UPDATE OF status ON refunds
WHEN NEW.status = 'submitting' AND NEW.approval = 'required'
BEGIN SELECT RAISE(ABORT, 'refund_approved'); END;

CREATE TRIGGER refunds_second_person BEFORE UPDATE OF approved_by ON refunds
WHEN NEW.approved_by = NEW.requested_by
BEGIN SELECT RAISE(ABORT, 'refund_second_person'); END;

CREATE TRIGGER refunds_born_approved BEFORE INSERT ON refunds
WHEN NEW.approved_by = NEW.requested_by
BEGIN SELECT RAISE(ABORT, 'refund_second_person'); END;

-- The rules of one merchant, or of all that have none of their own (''). NULL: no such rule.
CREATE TABLE rules (
    merchant            TEXT NOT NULL PRIMARY KEY,
    approval_above      INTEGER,
    approval_person_day INTEGER,
    person_day_amount   INTEGER,
    person_day_count    INTEGER,
    key_day_amount      INTEGER,
    key_day_count       INTEGER,
    order_day_amount    INTEGER,
    order_day_count     INTEGER,
    -- A JSON array of texts.
    reasons             TEXT NOT NULL,
    expires_s           INTEGER NOT NULL,
    changed_at          INTEGER NOT NULL,
    changed_by          TEXT NOT NULL,
    version             INTEGER NOT NULL,
    CONSTRAINT rules_expires CHECK (expires_s >= 1),
    CONSTRAINT rules_version CHECK (version >= 1)
) STRICT, WITHOUT ROWID;

-- INV-33: what a person, a key, an order asked on a Shanghai day. Only grows.
CREATE TABLE usage (
    subject TEXT NOT NULL,
    day     TEXT NOT NULL,
    amount  INTEGER NOT NULL,
    count   INTEGER NOT NULL,
    PRIMARY KEY (subject, day),
    CONSTRAINT usage_sums CHECK (amount >= 0 AND count >= 1)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER usage_grows BEFORE UPDATE ON usage
WHEN NEW.amount < OLD.amount OR NEW.count <= OLD.count
BEGIN SELECT RAISE(ABORT, 'usage_grows'); END;

-- The audit log as people read it: by who, by what, by merchant.
ALTER TABLE audit ADD COLUMN merchant TEXT GENERATED ALWAYS AS (
    CASE WHEN json_valid(detail) THEN json_extract(detail, '$.merchant') END) VIRTUAL;
CREATE INDEX audit_actor ON audit (actor, number);
CREATE INDEX audit_subject ON audit (subject, number);
