//! The statements of refunds, payments, history and jobs, for many at once. Static text, explicit
//! columns; the rows come as arrays, one for each column. See `sqlite/sql.rs` for the same one by one.

/// Rows that are looked at are locked, so that what is decided holds until the commit. Referring to a
/// locked row stays possible.
pub(super) const JOBS: &str = "
    SELECT step, due_at, fence, leased, claimed_at, hinted, key
    FROM jobs WHERE key = ANY($1) ORDER BY key FOR NO KEY UPDATE";

pub(super) const REFUNDS_BEFORE: &str = "
    SELECT version, history_head, status, payment_id, out_trade_no, refund_id, attention, ended_at,
        total, transaction_id, attention_since, approval, approval_until, pending_reason,
        succeeded_at, id, mch_id, origin
    FROM refunds WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";

pub(super) const PAYMENTS_BEFORE: &str = "
    SELECT version, transaction_id IS NOT NULL, id
    FROM payments WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";

/// Numbers that are taken: known before anything is written, so that nobody loses because of them.
pub(super) const NUMBERS_TAKEN: &str = "
    SELECT r.out_refund_no, r.mch_id FROM unnest($1::TEXT[], $2::TEXT[]) AS m (number, mch_id)
    JOIN refunds r ON r.out_refund_no = m.number AND r.mch_id = m.mch_id";

pub(super) const ORDERS_TAKEN: &str = "
    SELECT p.out_trade_no, p.mch_id, p.sub_mch_id
    FROM unnest($1::TEXT[], $2::TEXT[], $3::TEXT[]) AS m (number, mch_id, sub_mch_id)
    JOIN payments p ON p.out_trade_no = m.number AND p.mch_id = m.mch_id
        AND p.sub_mch_id = m.sub_mch_id";

/// A line that is to become a refund. Its batch is not steered until the commit.
pub(super) const LINES_BEFORE: &str = "
    SELECT l.batch_id, l.line, l.amount, l.state = 'pending' AND b.state = 'running'
    FROM batch_lines l JOIN batches b ON b.id = l.batch_id
    WHERE (l.batch_id, l.line) IN (SELECT * FROM unnest($1::TEXT[], $2::BIGINT[]))
    ORDER BY l.batch_id, l.line FOR NO KEY UPDATE OF l FOR SHARE OF b";

/// The lines that are a refund. After the refund is locked: nobody links another meanwhile.
pub(super) const LINES_OF: &str = "
    SELECT refund_id, batch_id, amount FROM batch_lines WHERE refund_id = ANY($1)";

pub(super) const USAGE_BEFORE: &str = "
    SELECT subject, day, amount, count FROM usage
    WHERE (subject, day) IN (SELECT * FROM unnest($1::TEXT[], $2::TEXT[]))
    ORDER BY subject, day FOR NO KEY UPDATE";

pub(super) const REFUND_INSERT: &str = "
    INSERT INTO refunds (
        id, merchant, mch_id, sub_mch_id, out_refund_no, out_trade_no, transaction_id, amount,
        reason, funds_account, goods_detail, not_before, expected_refundable, replaces, metadata,
        origin, payment_id, total, status, pending_reason, refund_id, user_received_account,
        attention, attention_since, error_code, error_message, error_source, error_advice,
        refusal_unconfirmed, contradictions, attempts, waits, created_at, submitted_at,
        last_attempt_at, succeeded_at, ended_at, version, history_head, requested_by, approval,
        approval_until, approved_by, approved_at, approved_content, elsewhere_at, elsewhere_open)
    SELECT * FROM unnest(
        $1::TEXT[], $2::TEXT[], $3::TEXT[], $4::TEXT[], $5::TEXT[], $6::TEXT[], $7::TEXT[],
        $8::BIGINT[], $9::TEXT[], $10::TEXT[], $11::TEXT[], $12::BIGINT[], $13::BIGINT[],
        $14::TEXT[], $15::TEXT[], $16::TEXT[], $17::TEXT[], $18::BIGINT[], $19::TEXT[],
        $20::TEXT[], $21::TEXT[], $22::TEXT[], $23::TEXT[], $24::BIGINT[], $25::TEXT[],
        $26::TEXT[], $27::TEXT[], $28::TEXT[], $29::BOOLEAN[], $30::TEXT[], $31::BIGINT[],
        $32::BIGINT[], $33::BIGINT[], $34::BIGINT[], $35::BIGINT[], $36::BIGINT[], $37::BIGINT[],
        $38::BIGINT[], $39::BYTEA[], $40::TEXT[], $41::TEXT[], $42::BIGINT[], $43::TEXT[],
        $44::BIGINT[], $45::TEXT[], $46::BIGINT[], $47::BOOLEAN[])";

/// The same for those of which everything else is empty: what a statement costs grows with its columns.
pub(super) const REFUND_INSERT_PLAIN: &str = "
    INSERT INTO refunds (
        id, merchant, mch_id, sub_mch_id, out_refund_no, out_trade_no, transaction_id, amount,
        reason, metadata, origin, payment_id, total, status, pending_reason, created_at, version,
        history_head, requested_by, refusal_unconfirmed, attempts, waits)
    SELECT *, FALSE, 0, 0 FROM unnest(
        $1::TEXT[], $2::TEXT[], $3::TEXT[], $4::TEXT[], $5::TEXT[], $6::TEXT[], $7::TEXT[],
        $8::BIGINT[], $9::TEXT[], $10::TEXT[], $11::TEXT[], $12::TEXT[], $13::BIGINT[],
        $14::TEXT[], $15::TEXT[], $16::BIGINT[], $17::BIGINT[], $18::BYTEA[], $19::TEXT[])";

/// For refunds that stay open, or stay ended: the index of open refunds is not touched.
pub(super) const REFUND_UPDATE: &str = "
    UPDATE refunds r SET
        status = m.status, pending_reason = m.pending_reason,
        user_received_account = m.user_received_account, error_code = m.error_code,
        error_message = m.error_message, error_source = m.error_source,
        error_advice = m.error_advice, refusal_unconfirmed = m.refusal_unconfirmed,
        contradictions = m.contradictions, attempts = m.attempts, waits = m.waits,
        submitted_at = m.submitted_at, last_attempt_at = m.last_attempt_at,
        succeeded_at = m.succeeded_at, version = m.version, history_head = m.history_head,
        elsewhere_at = m.elsewhere_at, elsewhere_open = m.elsewhere_open
    FROM unnest(
        $1::TEXT[], $2::BIGINT[], $3::TEXT[], $4::TEXT[], $5::TEXT[], $6::TEXT[], $7::TEXT[],
        $8::TEXT[], $9::TEXT[], $10::BOOLEAN[], $11::TEXT[], $12::BIGINT[], $13::BIGINT[],
        $14::BIGINT[], $15::BIGINT[], $16::BIGINT[], $17::BIGINT[], $18::BIGINT[], $19::BYTEA[],
        $20::BIGINT[], $21::BOOLEAN[])
        AS m (id, replaced, status, pending_reason, user_received_account, error_code,
            error_message, error_source, error_advice, refusal_unconfirmed, contradictions,
            attempts, waits, submitted_at, last_attempt_at, succeeded_at, ended_at, version,
            history_head, elsewhere_at, elsewhere_open)
    WHERE r.id = m.id AND r.version = m.replaced AND r.ended_at IS NOT DISTINCT FROM m.ended_at";

/// For refunds that end or open again. Status and end change together: a constraint ties them.
pub(super) const REFUND_UPDATE_END: &str = "
    UPDATE refunds r SET
        status = m.status, pending_reason = m.pending_reason,
        user_received_account = m.user_received_account, error_code = m.error_code,
        error_message = m.error_message, error_source = m.error_source,
        error_advice = m.error_advice, refusal_unconfirmed = m.refusal_unconfirmed,
        contradictions = m.contradictions, attempts = m.attempts, waits = m.waits,
        submitted_at = m.submitted_at, last_attempt_at = m.last_attempt_at,
        succeeded_at = m.succeeded_at, ended_at = m.ended_at, version = m.version,
        history_head = m.history_head, elsewhere_at = m.elsewhere_at,
        elsewhere_open = m.elsewhere_open
    FROM unnest(
        $1::TEXT[], $2::BIGINT[], $3::TEXT[], $4::TEXT[], $5::TEXT[], $6::TEXT[], $7::TEXT[],
        $8::TEXT[], $9::TEXT[], $10::BOOLEAN[], $11::TEXT[], $12::BIGINT[], $13::BIGINT[],
        $14::BIGINT[], $15::BIGINT[], $16::BIGINT[], $17::BIGINT[], $18::BIGINT[], $19::BYTEA[],
        $20::BIGINT[], $21::BOOLEAN[])
        AS m (id, replaced, status, pending_reason, user_received_account, error_code,
            error_message, error_source, error_advice, refusal_unconfirmed, contradictions,
            attempts, waits, submitted_at, last_attempt_at, succeeded_at, ended_at, version,
            history_head, elsewhere_at, elsewhere_open)
    WHERE r.id = m.id AND r.version = m.replaced";

/// The columns that stand in an index, and others that change as rarely.
pub(super) const REFUND_UPDATE_INDEXED: &str = "
    UPDATE refunds r SET
        payment_id = m.payment_id, total = m.total, out_trade_no = m.out_trade_no,
        transaction_id = m.transaction_id, refund_id = m.refund_id, attention = m.attention,
        attention_since = m.attention_since, approval = m.approval,
        approval_until = m.approval_until, approved_by = m.approved_by,
        approved_at = m.approved_at, approved_content = m.approved_content
    FROM unnest(
        $1::TEXT[], $2::TEXT[], $3::BIGINT[], $4::TEXT[], $5::TEXT[], $6::TEXT[], $7::TEXT[],
        $8::BIGINT[], $9::TEXT[], $10::BIGINT[], $11::TEXT[], $12::BIGINT[], $13::TEXT[])
        AS m (id, payment_id, total, out_trade_no, transaction_id, refund_id, attention,
            attention_since, approval, approval_until, approved_by, approved_at, approved_content)
    WHERE r.id = m.id";

pub(super) const PAYMENT_INSERT: &str = "
    INSERT INTO payments (
        id, merchant, mch_id, sub_mch_id, out_trade_no, transaction_id, total, paid_at, reserved,
        spent, external, refunds, in_flight, last_submit_id, last_submit_at, created_at, version)
    SELECT * FROM unnest(
        $1::TEXT[], $2::TEXT[], $3::TEXT[], $4::TEXT[], $5::TEXT[], $6::TEXT[], $7::BIGINT[],
        $8::BIGINT[], $9::BIGINT[], $10::BIGINT[], $11::BIGINT[], $12::BIGINT[], $13::TEXT[],
        $14::TEXT[], $15::BIGINT[], $16::BIGINT[], $17::BIGINT[])";

pub(super) const PAYMENT_UPDATE: &str = "
    UPDATE payments p SET
        total = m.total, paid_at = m.paid_at, reserved = m.reserved, spent = m.spent,
        external = m.external, refunds = m.refunds, in_flight = m.in_flight,
        last_submit_id = m.last_submit_id, last_submit_at = m.last_submit_at, version = m.version
    FROM unnest(
        $1::TEXT[], $2::BIGINT[], $3::BIGINT[], $4::BIGINT[], $5::BIGINT[], $6::BIGINT[],
        $7::BIGINT[], $8::BIGINT[], $9::TEXT[], $10::TEXT[], $11::BIGINT[], $12::BIGINT[])
        AS m (id, replaced, total, paid_at, reserved, spent, external, refunds, in_flight,
            last_submit_id, last_submit_at, version)
    WHERE p.id = m.id AND p.version = m.replaced";

/// For payments that were read before this transaction: whoever was faster is seen here.
pub(super) const PAYMENT_UPDATE_AS_READ: &str = "
    UPDATE payments p SET
        total = m.total, paid_at = m.paid_at, reserved = m.reserved, spent = m.spent,
        external = m.external, refunds = m.refunds, in_flight = m.in_flight,
        last_submit_id = m.last_submit_id, last_submit_at = m.last_submit_at, version = m.version
    FROM unnest(
        $1::TEXT[], $2::BIGINT[], $3::BIGINT[], $4::BIGINT[], $5::BIGINT[], $6::BIGINT[],
        $7::BIGINT[], $8::BIGINT[], $9::TEXT[], $10::TEXT[], $11::BIGINT[], $12::BIGINT[],
        $13::TEXT[])
        AS m (id, replaced, total, paid_at, reserved, spent, external, refunds, in_flight,
            last_submit_id, last_submit_at, version, transaction_id)
    WHERE p.id = m.id AND p.version = m.replaced
        AND p.transaction_id IS NOT DISTINCT FROM m.transaction_id";

/// As a planted bug would write it: whatever version stands there.
pub(super) const PAYMENT_UPDATE_UNCHECKED: &str = "
    UPDATE payments p SET
        total = m.total, paid_at = m.paid_at, reserved = m.reserved, spent = m.spent,
        external = m.external, refunds = m.refunds, in_flight = m.in_flight,
        last_submit_id = m.last_submit_id, last_submit_at = m.last_submit_at, version = m.version
    FROM unnest(
        $1::TEXT[], $2::BIGINT[], $3::BIGINT[], $4::BIGINT[], $5::BIGINT[], $6::BIGINT[],
        $7::BIGINT[], $8::BIGINT[], $9::TEXT[], $10::TEXT[], $11::BIGINT[], $12::BIGINT[])
        AS m (id, replaced, total, paid_at, reserved, spent, external, refunds, in_flight,
            last_submit_id, last_submit_at, version)
    WHERE p.id = m.id";

pub(super) const PAYMENT_UPDATE_TRANSACTION: &str = "
    UPDATE payments p SET transaction_id = m.transaction_id
    FROM unnest($1::TEXT[], $2::TEXT[]) AS m (id, transaction_id)
    WHERE p.id = m.id";

/// Takes positions. Its row is locked until the commit ends: as late as possible.
pub(super) const ADVANCE: &str = "
    UPDATE meta SET number = number + $1 WHERE name = 'position' RETURNING number";

/// Right after [`ADVANCE`], in its transaction: the last event gets the position that it returned. Without
/// that row there is no position, and the database refuses it: the COMMIT is on its way already.
pub(super) const EVENT_INSERT: &str = "
    INSERT INTO events (position, refund_id, seq, kind, status, at, source, detail, hash)
    SELECT (SELECT number FROM meta WHERE name = 'position') - $1 + e.ordinality, e.refund_id, e.seq,
        e.kind, e.status, e.at, e.source, e.detail, e.hash
    FROM unnest(
        $2::TEXT[], $3::BIGINT[], $4::TEXT[], $5::TEXT[], $6::BIGINT[], $7::TEXT[], $8::TEXT[],
        $9::BYTEA[])
        WITH ORDINALITY AS e (refund_id, seq, kind, status, at, source, detail, hash, ordinality)";

pub(super) const ATTEMPT_INSERT: &str = "
    INSERT INTO attempts (refund_id, attempt, fence, begun_at)
    SELECT * FROM unnest($1::TEXT[], $2::BIGINT[], $3::BIGINT[], $4::BIGINT[])";

pub(super) const ATTEMPT_END: &str = "
    UPDATE attempts a SET ended_at = m.ended_at, outcome = m.outcome
    FROM unnest($1::TEXT[], $2::BIGINT[], $3::BIGINT[], $4::TEXT[])
        AS m (refund_id, attempt, ended_at, outcome)
    WHERE a.refund_id = m.refund_id AND a.attempt = m.attempt AND a.ended_at IS NULL";

pub(super) const INBOX_INSERT: &str = "
    INSERT INTO inbox (
        dedupe, merchant, generation, headers, body, refund_id, received_at, outcome, told_at, seq,
        repeats)
    SELECT *, 0 FROM unnest(
        $1::BYTEA[], $2::TEXT[], $3::TEXT[], $4::TEXT[], $5::BYTEA[], $6::TEXT[], $7::BIGINT[],
        $8::TEXT[], $9::BIGINT[], $10::BIGINT[])
    ON CONFLICT (dedupe) DO NOTHING RETURNING dedupe";

pub(super) const INBOX_REPEAT: &str = "
    UPDATE inbox SET repeats = repeats + 1 WHERE dedupe = ANY($1)";

pub(super) const EXCHANGE_INSERT: &str = "
    INSERT INTO exchanges (refund_id, kind, attempt, at, elapsed_ms, request, reply, status)
    SELECT * FROM unnest(
        $1::TEXT[], $2::TEXT[], $3::BIGINT[], $4::BIGINT[], $5::BIGINT[], $6::TEXT[], $7::TEXT[],
        $8::BIGINT[])";

pub(super) const DELIVERY_INSERT: &str = "
    INSERT INTO deliveries (
        id, endpoint_id, refund_id, seq, event_type, body, status, attempts, created_at)
    SELECT m.id, m.endpoint_id, m.refund_id, m.seq, m.event_type, m.body, 'pending', 0, m.at
    FROM unnest(
        $1::TEXT[], $2::TEXT[], $3::TEXT[], $4::BIGINT[], $5::TEXT[], $6::TEXT[], $7::BIGINT[])
        AS m (id, endpoint_id, refund_id, seq, event_type, body, at)";

/// A lease that somebody holds ends: the newer plan counts.
pub(super) const JOB_SET: &str = "
    INSERT INTO jobs (key, lane, step, due_at, fence, leased, hinted)
    SELECT m.key, m.lane, m.step, m.due_at, 0, FALSE, FALSE
    FROM unnest($1::TEXT[], $2::TEXT[], $3::TEXT[], $4::BIGINT[]) AS m (key, lane, step, due_at)
    ON CONFLICT (key) DO UPDATE
    SET lane = excluded.lane, step = excluded.step, due_at = excluded.due_at, leased = FALSE,
        hinted = FALSE";

/// What stays of a hint depends on what happens to the job.
pub(super) const JOB_MOVE: &str = "
    UPDATE jobs j SET
        due_at = coalesce(m.due_at, j.due_at), leased = j.leased AND m.held,
        hinted = CASE m.hint WHEN 'set' THEN TRUE WHEN 'keep' THEN j.hinted
            WHEN 'clear' THEN FALSE ELSE j.hinted AND j.step <> 'query' END
    FROM unnest($1::TEXT[], $2::BIGINT[], $3::BOOLEAN[], $4::TEXT[]) AS m (key, due_at, held, hint)
    WHERE j.key = m.key";

pub(super) const JOB_END: &str = "DELETE FROM jobs WHERE key = ANY($1)";

/// Says what the sums are afterwards: a row that was not there could not be locked.
pub(super) const USAGE_ADD: &str = "
    INSERT INTO usage (subject, day, amount, count)
    SELECT * FROM unnest($1::TEXT[], $2::TEXT[], $3::BIGINT[], $4::BIGINT[])
    ON CONFLICT (subject, day) DO UPDATE
    SET amount = usage.amount + excluded.amount, count = usage.count + excluded.count
    RETURNING subject, day, amount, count";

pub(super) const LINE_REQUESTED: &str = "
    UPDATE batch_lines l SET state = 'requested', refund_id = m.refund_id, made = m.made
    FROM unnest($1::TEXT[], $2::BIGINT[], $3::TEXT[], $4::BOOLEAN[])
        AS m (batch_id, line, refund_id, made)
    WHERE l.batch_id = m.batch_id AND l.line = m.line AND l.state = 'pending'";

pub(super) const LINE_REFUSED: &str = "
    UPDATE batch_lines l SET state = 'refused', error_code = m.code, error_message = m.message
    FROM unnest($1::TEXT[], $2::BIGINT[], $3::TEXT[], $4::TEXT[])
        AS m (batch_id, line, code, message)
    WHERE l.batch_id = m.batch_id AND l.line = m.line AND l.state = 'pending'";

/// Leases due jobs, the longest due first; who is at the same rows takes the next ones. Without a time
/// of the caller's the database's clock counts (INV-25).
pub(super) const CLAIM: &str = "
    WITH clock AS MATERIALIZED (
        SELECT coalesce($2::BIGINT, (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT)
            AS now),
    due AS MATERIALIZED (
        SELECT key, due_at, leased FROM jobs
        WHERE lane = $1 AND due_at <= (SELECT now FROM clock)
        ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
    UPDATE jobs j SET
        fence = nextval('fences'), leased = TRUE, claimed_at = clock.now,
        due_at = clock.now + $4, hinted = j.hinted AND j.step <> 'query'
    FROM due, clock WHERE j.key = due.key
    RETURNING j.key, j.step, due.due_at, j.fence, due.leased";
