//! The statements of refunds, payments and history. Static text, bound parameters, explicit columns.

pub(super) const REFUND_BEFORE: &str = "
    SELECT version, history_head, status, payment_id, out_trade_no, refund_id, attention, ended_at,
        total, transaction_id, attention_since, approval, approval_until, pending_reason,
        succeeded_at
    FROM refunds WHERE id = ?1";

pub(super) const REFUND_INSERT: &str = "
    INSERT INTO refunds (
        id, merchant, mch_id, sub_mch_id, out_refund_no, out_trade_no, transaction_id, amount,
        reason, funds_account, goods_detail, not_before, expected_refundable, replaces, metadata,
        origin, payment_id, total, status, pending_reason, refund_id, user_received_account,
        attention, attention_since, error_code, error_message, error_source, error_advice,
        refusal_unconfirmed, contradictions, attempts, waits, created_at, submitted_at,
        last_attempt_at, succeeded_at, ended_at, version, history_head, requested_by, approval,
        approval_until, approved_by, approved_at, approved_content, elsewhere_at, elsewhere_open)
    VALUES (
        ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
        ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37, ?38,
        ?39, ?40, ?41, ?42, ?43, ?44, ?45, ?46, ?47)";

/// For a refund that stays open, or stays ended: the index of open refunds is not touched.
pub(super) const REFUND_UPDATE: &str = "
    UPDATE refunds SET
        status = ?3, pending_reason = ?4, user_received_account = ?5, error_code = ?6,
        error_message = ?7, error_source = ?8, error_advice = ?9, refusal_unconfirmed = ?10,
        contradictions = ?11, attempts = ?12, waits = ?13, submitted_at = ?14,
        last_attempt_at = ?15, succeeded_at = ?16, version = ?18, history_head = ?19,
        elsewhere_at = ?20, elsewhere_open = ?21
    WHERE id = ?1 AND version = ?2 AND ended_at IS ?17";

/// For a refund that ends or opens again. Status and end change together: a constraint ties them.
pub(super) const REFUND_UPDATE_END: &str = "
    UPDATE refunds SET
        status = ?3, pending_reason = ?4, user_received_account = ?5, error_code = ?6,
        error_message = ?7, error_source = ?8, error_advice = ?9, refusal_unconfirmed = ?10,
        contradictions = ?11, attempts = ?12, waits = ?13, submitted_at = ?14,
        last_attempt_at = ?15, succeeded_at = ?16, ended_at = ?17, version = ?18,
        history_head = ?19, elsewhere_at = ?20, elsewhere_open = ?21
    WHERE id = ?1 AND version = ?2";

/// The columns that stand in an index, and others that change as rarely.
pub(super) const REFUND_UPDATE_INDEXED: &str = "
    UPDATE refunds SET
        payment_id = ?2, total = ?3, out_trade_no = ?4, transaction_id = ?5, refund_id = ?6,
        attention = ?7, attention_since = ?8, approval = ?9, approval_until = ?10,
        approved_by = ?11, approved_at = ?12, approved_content = ?13
    WHERE id = ?1";

pub(super) const PAYMENT_TRANSACTION: &str = "
    SELECT transaction_id IS NOT NULL FROM payments WHERE id = ?1";

pub(super) const PAYMENT_INSERT: &str = "
    INSERT INTO payments (
        id, merchant, mch_id, sub_mch_id, out_trade_no, transaction_id, total, paid_at, reserved,
        spent, external, refunds, in_flight, last_submit_id, last_submit_at, created_at, version)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";

pub(super) const PAYMENT_UPDATE: &str = "
    UPDATE payments SET
        total = ?3, paid_at = ?4, reserved = ?5, spent = ?6, external = ?7, refunds = ?8,
        in_flight = ?9, last_submit_id = ?10, last_submit_at = ?11, version = ?12
    WHERE id = ?1 AND version = ?2";

/// As a planted bug would write it: whatever version stands there.
pub(super) const PAYMENT_UPDATE_UNCHECKED: &str = "
    UPDATE payments SET
        total = ?3, paid_at = ?4, reserved = ?5, spent = ?6, external = ?7, refunds = ?8,
        in_flight = ?9, last_submit_id = ?10, last_submit_at = ?11, version = ?12
    WHERE id = ?1 AND ?2 IS NOT NULL";

pub(super) const PAYMENT_UPDATE_TRANSACTION: &str = "
    UPDATE payments SET transaction_id = ?2 WHERE id = ?1";

pub(super) const EVENT_INSERT: &str = "
    INSERT INTO events (refund_id, seq, kind, status, at, source, detail, hash)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

pub(super) const ATTEMPT_INSERT: &str = "
    INSERT INTO attempts (refund_id, attempt, fence, begun_at) VALUES (?1, ?2, ?3, ?4)";

pub(super) const ATTEMPT_END: &str = "
    UPDATE attempts SET ended_at = ?3, outcome = ?4
    WHERE refund_id = ?1 AND attempt = ?2 AND ended_at IS NULL";

pub(super) const INBOX_INSERT: &str = "
    INSERT INTO inbox (
        dedupe, merchant, generation, headers, body, refund_id, received_at, outcome, told_at, seq,
        repeats)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0)
    ON CONFLICT (dedupe) DO NOTHING";

pub(super) const INBOX_REPEAT: &str = "UPDATE inbox SET repeats = repeats + 1 WHERE dedupe = ?1";

pub(super) const EXCHANGE_INSERT: &str = "
    INSERT INTO exchanges (refund_id, kind, attempt, at, elapsed_ms, request, reply, status)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::batch::LINE_UPSERT;
    use crate::sqlite::open;

    /// What SQLite does for a statement.
    fn steps(statement: &str) -> Vec<String> {
        let (connection, _key) = open::writer(":memory:", None).unwrap();
        let mut explained = connection.prepare(&format!("EXPLAIN {statement}")).unwrap();
        let rows = explained.raw_query().mapped(|row| row.get(1));
        rows.collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn no_write_of_a_request_or_a_notification_makes_a_table_of_its_own() {
        for statement in [
            REFUND_INSERT,
            REFUND_UPDATE,
            REFUND_UPDATE_END,
            REFUND_UPDATE_INDEXED,
            PAYMENT_INSERT,
            PAYMENT_UPDATE,
            EVENT_INSERT,
            ATTEMPT_INSERT,
            ATTEMPT_END,
            INBOX_INSERT,
            LINE_UPSERT,
        ] {
            let steps = steps(statement);
            assert!(steps.len() > 10, "{statement}");
            assert!(
                !steps.iter().any(|step| step == "OpenEphemeral"),
                "{statement}"
            );
        }
    }

    #[test]
    fn no_trigger_runs_when_a_refund_is_inserted() {
        assert!(!steps(REFUND_INSERT).iter().any(|step| step == "Program"));
    }
}
