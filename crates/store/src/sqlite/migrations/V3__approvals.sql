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
