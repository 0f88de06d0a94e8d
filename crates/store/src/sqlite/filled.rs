//! A database filled by a few statements; twin of `postgres/filled.rs`. It is made without waiting for
//! the disk, and written out as a whole before anybody opens it.

use rusqlite::{Connection, params};

use crate::error::OpenError;
use crate::filled::Plan;
use crate::sqlite::open;

/// `?1` and `?2` are the first and the one after the last payment, `?3` the first that is open, `?4`
/// when the first refund was asked for.
const PAYMENTS: &str = "
    WITH RECURSIVE n (i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2)
    INSERT INTO payments (id, merchant, mch_id, sub_mch_id, out_trade_no, total, reserved, spent,
        external, refunds, created_at, version)
    SELECT printf('pay_%024d', i), ?5, ?6, '', printf('FILL%010d', i), 1000,
        iif(i >= ?3, 40, 0), iif(i >= ?3, 0, 40), 0, 40, ?4 + i * 40000000, 41
    FROM n";

const REFUNDS: &str = "
    WITH RECURSIVE n (i) AS (SELECT ?1 * 40 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2 * 40)
    INSERT INTO refunds (id, merchant, mch_id, sub_mch_id, out_refund_no, out_trade_no, amount,
        origin, payment_id, total, status, refund_id, refusal_unconfirmed, attempts, waits,
        created_at, submitted_at, last_attempt_at, succeeded_at, ended_at, version, history_head)
    SELECT printf('rf_%024d', i), ?5, ?6, '', printf('F%08X', i * 2654435761 % 4294967296),
        printf('FILL%010d', i / 40), 1, 'api', printf('pay_%024d', i / 40), 1000,
        iif(i >= ?3 * 40, 'queued', 'succeeded'),
        iif(i >= ?3 * 40, NULL, printf('50300000%016d', i)), 0, iif(i >= ?3 * 40, 0, 1), 0,
        ?4 + i * 1000000, iif(i >= ?3 * 40, NULL, ?4 + i * 1000000),
        iif(i >= ?3 * 40, NULL, ?4 + i * 1000000),
        iif(i >= ?3 * 40, NULL, ?4 + i * 1000000 + 60000000),
        iif(i >= ?3 * 40, NULL, ?4 + i * 1000000 + 60000000), iif(i >= ?3 * 40, 1, 3),
        zeroblob(32)
    FROM n";

const EVENTS: &str = "
    WITH RECURSIVE n (i) AS (SELECT ?1 * 40 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2 * 40),
        line (seq, status, source) AS (VALUES (1, 'queued', 'api'), (2, 'submitting', 'engine'),
            (3, 'succeeded', 'reply'))
    INSERT INTO events (position, refund_id, seq, kind, status, at, source, detail, hash)
    SELECT i * 3 + seq, printf('rf_%024d', i), seq, 'refund.' || status, status,
        ?4 + i * 1000000 + iif(seq = 3, 60000000, 0), source, '[]', zeroblob(32)
    FROM n CROSS JOIN line WHERE seq = 1 OR i < ?3 * 40";

const ATTEMPTS: &str = "
    WITH RECURSIVE n (i) AS (SELECT ?1 * 40 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2 * 40)
    INSERT INTO attempts (refund_id, attempt, fence, begun_at, ended_at, outcome)
    SELECT printf('rf_%024d', i), 1, 0, ?4 + i * 1000000, ?4 + i * 1000000, 'accepted'
    FROM n WHERE i < ?3 * 40";

const JOBS: &str = "
    WITH RECURSIVE n (i) AS (SELECT ?1 * 40 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2 * 40)
    INSERT INTO jobs (key, lane, step, due_at, fence, leased, claimed_at, hinted)
    SELECT printf('refund:rf_%024d', i), 'submit:' || ?6, 'submit', ?4 + i * 1000000, 0, 0, NULL, 0
    FROM n WHERE i >= ?3 * 40";

const COUNTS: &str = "
    INSERT INTO status_counts (merchant, status, refunds)
    SELECT merchant, status, count(*) FROM refunds GROUP BY merchant, status";

const HOURS: &str = "
    INSERT INTO figures (kind, merchant, period, part, refunds, amount)
    SELECT 'hour', merchant, (created_at / 1000000 + 28800) / 3600,
        iif(status = 'queued', 'under_way', 'arrived'), count(*), sum(amount)
    FROM refunds GROUP BY 2, 3, 4";

const HELD: &str = "
    INSERT INTO figures (kind, merchant, period, part, refunds, amount)
    SELECT 'held', merchant, 0, status, count(*), sum(amount) FROM refunds GROUP BY 2, 4";

/// `?1` is the bucket.
const ARRIVALS: &str = "
    INSERT INTO figures (kind, merchant, period, part, refunds, amount)
    SELECT 'arrival', merchant, (succeeded_at / 1000000 + 28800) / 86400, ?1, count(*), sum(amount)
    FROM refunds WHERE status = 'succeeded' GROUP BY 2, 3";

pub(crate) fn fill(file: &str, plan: &Plan) -> Result<(), OpenError> {
    let (connection, _key) = open::writer(file, None)?;
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF")?;
    for part in plan.parts() {
        let transaction = connection.unchecked_transaction()?;
        fill_part(&transaction, part, plan)?;
        transaction.commit()?;
    }
    let transaction = connection.unchecked_transaction()?;
    for statement in [COUNTS, HOURS, HELD] {
        transaction.execute(statement, [])?;
    }
    transaction.execute(ARRIVALS, [&plan.bucket])?;
    transaction.commit()?;
    connection.execute_batch("PRAGMA synchronous = FULL")?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

fn fill_part(
    connection: &Connection,
    (first, next): (i64, i64),
    plan: &Plan,
) -> Result<(), OpenError> {
    for statement in [PAYMENTS, REFUNDS, EVENTS, ATTEMPTS, JOBS] {
        let mut prepared = connection.prepare_cached(statement)?;
        let all = params![
            first,
            next,
            plan.open_from,
            plan.begun_at,
            plan.merchant,
            plan.mch_id
        ];
        for (at, value) in all.iter().enumerate().take(prepared.parameter_count()) {
            prepared.raw_bind_parameter(at + 1, value)?;
        }
        prepared.raw_execute()?;
    }
    Ok(())
}
