//! A database filled by a few statements; twin of `sqlite/filled.rs`. References are not looked up row
//! by row (only a superuser may leave that out): every row that is named is made here.

use tokio_postgres::Client;

use crate::error::OpenError;
use crate::filled::Plan;
use crate::postgres::open;

/// One text of one statement: `$1` and `$2` are the first and the one after the last payment, `$3` the
/// first that is open, `$4` when the first refund was asked for.
const PAYMENTS: &str = "
    INSERT INTO payments (id, merchant, mch_id, sub_mch_id, out_trade_no, total, reserved, spent,
        external, refunds, created_at, version)
    SELECT 'pay_' || lpad(i::TEXT, 24, '0'), $5::TEXT, $6::TEXT, '', 'FILL' || lpad(i::TEXT, 10, '0'), 1000,
        CASE WHEN i >= $3 THEN 40 ELSE 0 END, CASE WHEN i >= $3 THEN 0 ELSE 40 END, 0, 40,
        $4::BIGINT + i * 40000000, 41
    FROM generate_series($1::BIGINT, $2::BIGINT - 1) AS n (i)";

const REFUNDS: &str = "
    INSERT INTO refunds (id, merchant, mch_id, sub_mch_id, out_refund_no, out_trade_no, amount,
        origin, payment_id, total, status, refund_id, refusal_unconfirmed, attempts, waits,
        created_at, submitted_at, last_attempt_at, succeeded_at, ended_at, version, history_head)
    SELECT 'rf_' || lpad(i::TEXT, 24, '0'), $5::TEXT, $6::TEXT, '',
        'F' || upper(lpad(to_hex(i * 2654435761 % 4294967296), 8, '0')),
        'FILL' || lpad((i / 40)::TEXT, 10, '0'), 1, 'api', 'pay_' || lpad((i / 40)::TEXT, 24, '0'), 1000,
        CASE WHEN open THEN 'queued' ELSE 'succeeded' END,
        CASE WHEN NOT open THEN '50300000' || lpad(i::TEXT, 16, '0') END, FALSE,
        CASE WHEN open THEN 0 ELSE 1 END, 0, at, CASE WHEN NOT open THEN at END,
        CASE WHEN NOT open THEN at END, CASE WHEN NOT open THEN at + 60000000 END,
        CASE WHEN NOT open THEN at + 60000000 END, CASE WHEN open THEN 1 ELSE 3 END,
        decode(repeat('00', 32), 'hex')
    FROM (SELECT i, i >= $3::BIGINT * 40 AS open, $4::BIGINT + i * 1000000 AS at
        FROM generate_series($1::BIGINT * 40, $2::BIGINT * 40 - 1) AS n (i)) AS made";

const EVENTS: &str = "
    INSERT INTO events (position, refund_id, seq, kind, status, at, source, detail, hash)
    SELECT i * 3 + seq, 'rf_' || lpad(i::TEXT, 24, '0'), seq, 'refund.' || status, status,
        $4::BIGINT + i * 1000000 + CASE WHEN seq = 3 THEN 60000000 ELSE 0 END, source, '[]',
        decode(repeat('00', 32), 'hex')
    FROM generate_series($1::BIGINT * 40, $2::BIGINT * 40 - 1) AS n (i) CROSS JOIN (VALUES
        (1, 'queued', 'api'), (2, 'submitting', 'engine'), (3, 'succeeded', 'reply'))
        AS line (seq, status, source)
    WHERE seq = 1 OR i < $3::BIGINT * 40";

const ATTEMPTS: &str = "
    INSERT INTO attempts (refund_id, attempt, fence, begun_at, ended_at, outcome)
    SELECT 'rf_' || lpad(i::TEXT, 24, '0'), 1, 0, $4::BIGINT + i * 1000000, $4::BIGINT + i * 1000000, 'accepted'
    FROM generate_series($1::BIGINT * 40, $2::BIGINT * 40 - 1) AS n (i) WHERE i < $3::BIGINT * 40";

const JOBS: &str = "
    INSERT INTO jobs (key, lane, step, due_at, fence, leased, claimed_at, hinted)
    SELECT 'refund:rf_' || lpad(i::TEXT, 24, '0'), 'submit:' || $5::TEXT, 'submit',
        $4::BIGINT + i * 1000000, 0, FALSE, NULL, FALSE
    FROM generate_series($1::BIGINT * 40, $2::BIGINT * 40 - 1) AS n (i) WHERE i >= $3::BIGINT * 40";

/// Kept by the database itself in SQLite.
const POSITION: &str = "UPDATE meta SET number = $1 WHERE name = 'position'";

const COUNTS: &str = "
    INSERT INTO status_counts (merchant, status, refunds)
    SELECT merchant, status, count(*) FROM refunds GROUP BY merchant, status";

const HOURS: &str = "
    INSERT INTO figures (kind, merchant, period, part, refunds, amount)
    SELECT 'hour', merchant, (created_at / 1000000 + 28800) / 3600,
        CASE WHEN status = 'queued' THEN 'under_way' ELSE 'arrived' END, count(*), sum(amount)
    FROM refunds GROUP BY 2, 3, 4";

const HELD: &str = "
    INSERT INTO figures (kind, merchant, period, part, refunds, amount)
    SELECT 'held', merchant, 0, status, count(*), sum(amount) FROM refunds GROUP BY merchant, status";

/// `$1` is the bucket.
const ARRIVALS: &str = "
    INSERT INTO figures (kind, merchant, period, part, refunds, amount)
    SELECT 'arrival', merchant, (succeeded_at / 1000000 + 28800) / 86400, $1::TEXT, count(*), sum(amount)
    FROM refunds WHERE status = 'succeeded' GROUP BY 2, 3";

/// The planner knows nothing of what came all at once, and the first queries must not pay for writing
/// out what was made here.
const SETTLE: &str = "VACUUM (ANALYZE); CHECKPOINT";

pub(crate) async fn fill(url: &str, plan: &Plan) -> Result<(), OpenError> {
    let mut client = open::bare(url).await?;
    client
        .batch_execute("SET statement_timeout = 0; SET session_replication_role = replica")
        .await?;
    for part in plan.parts() {
        fill_part(&mut client, part, plan).await?;
    }
    let position = plan.payments * 120;
    client.execute(POSITION, &[&position]).await?;
    for statement in [COUNTS, HOURS, HELD] {
        client.execute(statement, &[]).await?;
    }
    client.execute(ARRIVALS, &[&plan.bucket]).await?;
    for statement in SETTLE.split("; ") {
        client.batch_execute(statement).await?;
    }
    Ok(())
}

async fn fill_part(
    client: &mut Client,
    (first, next): (i64, i64),
    plan: &Plan,
) -> Result<(), OpenError> {
    let (open, at) = (&plan.open_from, &plan.begun_at);
    let (merchant, mch_id) = (&plan.merchant, &plan.mch_id);
    let work = client.transaction().await?;
    let named: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
        [&first, &next, open, at, merchant, mch_id];
    for statement in [PAYMENTS, REFUNDS] {
        work.execute(statement, &named).await?;
    }
    for statement in [EVENTS, ATTEMPTS] {
        work.execute(statement, values![first, next, open, at])
            .await?;
    }
    work.execute(JOBS, values![first, next, open, at, mch_id])
        .await?;
    work.commit().await?;
    Ok(())
}
