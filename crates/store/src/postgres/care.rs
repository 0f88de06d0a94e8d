//! Who cares for what: compare-and-set on the version, and the lists of what waits for a person.

use jiff::Timestamp;
use tuikuan_domain::{AttentionReason, MerchantName, Refund};

use crate::care::{
    Care, NeededAsked, OPEN_DIFFERENCES_MAX, Sleeping, Subject, UNPLACED, UNPLACED_FOR, Waiting,
};
use crate::error::{CommitError, ReadError};
use crate::postgres::Postgres;
use crate::postgres::reads::{text, texts, whole};
use crate::postgres::work::Work;
use crate::rows::care::care;
use crate::rows::{self, refund_columns};
use crate::select::{LIST_MAX, Merchants};
use crate::trouble::Trouble;

type Read<T> = Result<T, ReadError>;

/// Refunds that sleep are counted up to here.
const SLEEPING_MAX: i64 = 10_000;

/// Notifications that nobody could place are counted up to here, for each merchant.
const UNPLACED_MAX: i64 = 100;

impl Work<'_> {
    /// Writes how somebody cares for something; its version is the stored one and one more.
    pub(super) async fn care(&mut self, care: &Care) -> Result<(), Trouble> {
        let row = values![
            care.subject.to_string(),
            care.merchant.as_str(),
            care.reason,
            care.assignee.as_ref().map(|id| id.as_str()),
            care.snoozed_until.map(Timestamp::as_microsecond),
            care.settled_at.map(Timestamp::as_microsecond),
            care.note,
            care.version,
        ];
        let sql = if care.version == 1 {
            "INSERT INTO care (subject, merchant, reason, assignee, snoozed_until, settled_at, note,
                 version)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (subject) DO NOTHING"
        } else {
            "UPDATE care SET reason = $3, assignee = $4, snoozed_until = $5, settled_at = $6,
                 note = $7, version = $8
             WHERE subject = $1 AND merchant = $2 AND version = $8::BIGINT - 1"
        };
        match self.execute(sql, row).await? {
            1 => Ok(()),
            _ => Err(CommitError::Conflict.into()),
        }
    }
}

const CARE: &str = "SELECT subject, merchant, reason, assignee, snoozed_until, settled_at, note,
        version
    FROM care WHERE subject = ANY ($1)";

/// For each merchant: approvals, other needs, notifications that nobody could place, endpoints that
/// were switched off because they failed, and how many of the needs sleep.
const WAITING: &str = "
    SELECT needs.approvals, needs.others, unplaced.found + failing.found, sleeping.found
    FROM unnest($1::TEXT[]) AS m (name)
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(refunds) FILTER (WHERE part = $2), 0)::BIGINT AS approvals,
               coalesce(sum(refunds) FILTER (WHERE part <> $2), 0)::BIGINT AS others
        FROM figures
        WHERE kind = 'need' AND merchant = m.name AND period = 0 AND refunds > 0) needs
    CROSS JOIN LATERAL (
        SELECT count(*) AS found FROM (
            SELECT 1 FROM inbox i
            WHERE i.merchant = m.name AND i.received_at >= $3
              AND i.outcome NOT IN ('applied', 'hint', 'payment') AND i.outcome = ANY ($4)
              AND NOT EXISTS (SELECT 1 FROM care k
                  WHERE k.subject = 'notification:' || i.number
                    AND (k.settled_at IS NOT NULL OR k.snoozed_until > $5))
            LIMIT $6) i) unplaced
    CROSS JOIN LATERAL (
        SELECT count(*) AS found FROM endpoints e
        WHERE e.merchant = m.name AND NOT e.enabled AND e.deleted_at IS NULL
          AND e.failing_since IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM care k
              WHERE k.subject = 'endpoint:' || e.id AND k.snoozed_until > $5)) failing
    CROSS JOIN LATERAL (
        SELECT count(*) AS found FROM (
            SELECT 1 FROM care k JOIN refunds r ON r.id = substr(k.subject, 8)
            WHERE k.merchant = m.name AND k.snoozed_until > $5 AND r.attention = k.reason
            LIMIT $7) k) sleeping";

/// Batches that wait for a second person, and open differences. These need no refund to be there.
const BESIDE: &str = "
    SELECT (SELECT count(*) FROM batches
            WHERE state = 'awaiting_approval' AND ($1::TEXT[] IS NULL OR merchant = ANY ($1))),
        (SELECT count(*) FROM (
            SELECT 1 FROM differences
            WHERE state = 'open' AND ($1::TEXT[] IS NULL OR merchant = ANY ($1))
            LIMIT $2) d)";

const HEAD: &str = concat!("SELECT ", refund_columns!(), " FROM refunds r");
const NEEDED: &str = " WHERE r.merchant = $1 AND r.attention = $2
    AND (r.attention_since, r.id) > ($3, $4)";
const AWAKE: &str = " AND NOT";
const ASLEEP: &str = " AND";
const SLEEPS: &str = " EXISTS (SELECT 1 FROM care k WHERE k.subject = 'refund:' || r.id
    AND k.reason = r.attention AND k.snoozed_until > $5)
    ORDER BY r.attention_since, r.id LIMIT $6";

impl Postgres {
    /// What is noted about these subjects.
    pub(crate) async fn cares(&self, subjects: Vec<Subject>) -> Read<Vec<Care>> {
        let names: Vec<String> = subjects.iter().map(ToString::to_string).collect();
        self.many(CARE, &[&names], care).await
    }

    /// How many refunds of a merchant need a person, but not now.
    pub(crate) async fn sleeping(&self, merchant: MerchantName, now: Timestamp) -> Read<i64> {
        let sql = "SELECT count(*) FROM (
                       SELECT 1 FROM care k JOIN refunds r ON r.id = substr(k.subject, 8)
                       WHERE k.merchant = $1 AND k.snoozed_until > $2 AND r.attention = k.reason
                       LIMIT $3) k";
        let (merchant, now) = (merchant.as_str(), now.as_microsecond());
        let values = [text(&merchant), whole(&now), whole(&SLEEPING_MAX)];
        let asleep = self.planned(sql, &values, |row| row.get(0)).await?;
        Ok(asleep.first().copied().unwrap_or(0))
    }

    /// How much waits for a person: one statement for all merchants, and one for what is beside.
    pub(crate) async fn waiting(&self, allowed: Merchants, now: Timestamp) -> Read<Waiting> {
        let merchants = self.merchants_of(None, &allowed).await?;
        let names: Vec<&str> = merchants.iter().map(|name| name.as_str()).collect();
        let approval = AttentionReason::Approval.as_str();
        let since = now.checked_sub(UNPLACED_FOR).unwrap_or(Timestamp::MIN);
        let (since, now) = (since.as_microsecond(), now.as_microsecond());
        let (unplaced, visible) = (UNPLACED.to_vec(), allowed.names());
        let values = [
            texts(&names),
            text(&approval),
            whole(&since),
            texts(&unplaced),
            whole(&now),
            whole(&UNPLACED_MAX),
            whole(&SLEEPING_MAX),
        ];
        let parts = self.planned(WAITING, &values, |row| {
            let (approvals, needs): (i64, i64) = (row.get(0)?, row.get(1)?);
            let (others, asleep): (i64, i64) = (row.get(2)?, row.get(3)?);
            Ok((approvals, needs.saturating_add(others), asleep))
        });
        let waiting = Waiting::default();
        let waiting = parts.await?.into_iter().fold(waiting, Waiting::with);
        let values = [texts(&visible), whole(&OPEN_DIFFERENCES_MAX)];
        let beside = self.planned(BESIDE, &values, |row| Ok((row.get(0)?, row.get(1)?)));
        let (batches, differences) = beside.await?.first().copied().unwrap_or_default();
        Ok(Waiting {
            batches,
            differences,
            ..waiting
        })
    }

    /// Refunds that need a person for a reason, the longest waiting first.
    pub(crate) async fn needed(&self, asked: NeededAsked) -> Read<Vec<Refund>> {
        let sleep = match asked.sleeping {
            Sleeping::Hidden => AWAKE,
            Sleeping::Only => ASLEEP,
        };
        let sql = [HEAD, NEEDED, sleep, SLEEPS].concat();
        let (since, id) = match &asked.after {
            Some((since, id)) => (since.as_microsecond(), id.as_str()),
            None => (i64::MIN, ""),
        };
        let (merchant, reason) = (asked.merchant.as_str(), asked.reason.as_str());
        let (now, limit) = (
            asked.now.as_microsecond(),
            i64::from(asked.limit.clamp(1, LIST_MAX)),
        );
        let values = [
            text(&merchant),
            text(&reason),
            whole(&since),
            text(&id),
            whole(&now),
            whole(&limit),
        ];
        self.planned(&sql, &values, rows::refund).await
    }
}
