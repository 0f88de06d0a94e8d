//! Who cares for what: compare-and-set on the version, and the lists of what waits for a person.

use jiff::Timestamp;
use rusqlite::{Connection, params};
use tuikuan_domain::{AttentionReason, MerchantName, Refund};

use crate::care::{
    Care, NeededAsked, OPEN_DIFFERENCES_MAX, Sleeping, Subject, UNPLACED, UNPLACED_FOR, Waiting,
};
use crate::error::{CommitError, ReadError};
use crate::rows::care::care;
use crate::rows::{self, refund_columns};
use crate::select::{LIST_MAX, Merchants};
use crate::sqlite::list::merchants_of;
use crate::sqlite::read::{many, one};
use crate::sqlite::work::Work;
use crate::trouble::Trouble;

type Read<T> = Result<T, ReadError>;

/// Refunds that sleep are counted up to here.
const SLEEPING_MAX: i64 = 10_000;

impl Work<'_> {
    /// Writes how somebody cares for something; its version is the stored one and one more.
    pub(super) fn care(&mut self, care: &Care) -> Result<(), Trouble> {
        let row = params![
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
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (subject) DO NOTHING"
        } else {
            "UPDATE care SET reason = ?3, assignee = ?4, snoozed_until = ?5, settled_at = ?6,
                 note = ?7, version = ?8
             WHERE subject = ?1 AND merchant = ?2 AND version = ?8 - 1"
        };
        match self.execute(sql, row)? {
            1 => Ok(()),
            _ => Err(CommitError::Conflict.into()),
        }
    }
}

const CARE: &str = "SELECT subject, merchant, reason, assignee, snoozed_until, settled_at, note,
        version
    FROM care WHERE subject IN (SELECT value FROM json_each(?1))";

/// What is noted about these subjects.
pub(super) fn cares(c: &Connection, subjects: &[Subject]) -> Read<Vec<Care>> {
    let names: Vec<String> = subjects.iter().map(ToString::to_string).collect();
    many(c, CARE, [serde_json::json!(names).to_string()], care)
}

/// How many refunds of a merchant need a person, but not now.
pub(super) fn sleeping(c: &Connection, merchant: &MerchantName, now: Timestamp) -> Read<i64> {
    let sql = "SELECT count(*) FROM (
                   SELECT 1 FROM care k JOIN refunds r ON r.id = substr(k.subject, 8)
                   WHERE k.merchant = ?1 AND k.snoozed_until > ?2 AND r.attention = k.reason
                   LIMIT ?3)";
    let values = params![merchant.as_str(), now.as_microsecond(), SLEEPING_MAX];
    Ok(one(c, sql, values, |row| row.get(0))?.unwrap_or(0))
}

/// Notifications that nobody could place are counted up to here, for each merchant.
const UNPLACED_MAX: i64 = 100;

/// How much waits for a person.
pub(super) fn waiting(c: &Connection, allowed: &Merchants, now: Timestamp) -> Read<Waiting> {
    let mut waiting = Waiting::default();
    for merchant in merchants_of(c, None, allowed)? {
        let sql = "SELECT part, refunds FROM figures
                   WHERE kind = 'need' AND merchant = ?1 AND period = 0 AND refunds > 0";
        let needed = many(c, sql, [merchant.as_str()], |row| {
            Ok((row.get::<String>(0)?, row.get::<i64>(1)?))
        })?;
        let (mut approvals, mut needs) = (0i64, 0i64);
        for (reason, refunds) in needed {
            let sum = match AttentionReason::parse(&reason) {
                Some(AttentionReason::Approval) => &mut approvals,
                _ => &mut needs,
            };
            *sum = sum.saturating_add(refunds);
        }
        let others = unplaced(c, &merchant, now)?.saturating_add(failing(c, &merchant, now)?);
        let asleep = sleeping(c, &merchant, now)?;
        waiting = waiting.with((approvals, needs.saturating_add(others), asleep));
    }
    // These need no refund to be there.
    let names = allowed
        .names()
        .map(|names| serde_json::json!(names).to_string());
    let values = params![names, OPEN_DIFFERENCES_MAX];
    let (batches, differences) =
        one(c, BESIDE, values, |row| Ok((row.get(0)?, row.get(1)?)))?.unwrap_or_default();
    Ok(Waiting {
        batches,
        differences,
        ..waiting
    })
}

/// Batches that wait for a second person, and open differences.
const BESIDE: &str = "
    SELECT (SELECT count(*) FROM batches
            WHERE state = 'awaiting_approval'
              AND (?1 IS NULL OR merchant IN (SELECT value FROM json_each(?1)))),
        (SELECT count(*) FROM (
            SELECT 1 FROM differences INDEXED BY differences_open
            WHERE state = 'open'
              AND (?1 IS NULL OR merchant IN (SELECT value FROM json_each(?1)))
            LIMIT ?2))";

fn unplaced(c: &Connection, merchant: &MerchantName, now: Timestamp) -> Read<i64> {
    let sql = "SELECT count(*) FROM (
                   SELECT 1 FROM inbox INDEXED BY inbox_odd
                   WHERE merchant = ?1 AND received_at >= ?2
                     AND outcome <> 'applied' AND outcome <> 'hint' AND outcome <> 'payment'
                     AND outcome IN (SELECT value FROM json_each(?3))
                     AND NOT EXISTS (SELECT 1 FROM care k
                         WHERE k.subject = 'notification:' || number
                           AND (k.settled_at IS NOT NULL OR k.snoozed_until > ?4))
                   LIMIT ?5)";
    let since = now.checked_sub(UNPLACED_FOR).unwrap_or(Timestamp::MIN);
    let values = params![
        merchant.as_str(),
        since.as_microsecond(),
        serde_json::json!(UNPLACED).to_string(),
        now.as_microsecond(),
        UNPLACED_MAX,
    ];
    Ok(one(c, sql, values, |row| row.get(0))?.unwrap_or(0))
}

/// Endpoints that were switched off because they failed.
fn failing(c: &Connection, merchant: &MerchantName, now: Timestamp) -> Read<i64> {
    let sql = "SELECT count(*) FROM endpoints e
               WHERE e.merchant = ?1 AND e.enabled = 0 AND e.deleted_at IS NULL
                 AND e.failing_since IS NOT NULL
                 AND NOT EXISTS (SELECT 1 FROM care k
                     WHERE k.subject = 'endpoint:' || e.id AND k.snoozed_until > ?2)";
    let values = params![merchant.as_str(), now.as_microsecond()];
    Ok(one(c, sql, values, |row| row.get(0))?.unwrap_or(0))
}

const HEAD: &str = concat!("SELECT ", refund_columns!(), " FROM refunds r");
const NEEDED: &str = " WHERE r.merchant = ?1 AND r.attention = ?2 AND r.attention IS NOT NULL
    AND (r.attention_since, r.id) > (?3, ?4)";
const AWAKE: &str = " AND NOT";
const ASLEEP: &str = " AND";
const SLEEPS: &str = " EXISTS (SELECT 1 FROM care k WHERE k.subject = 'refund:' || r.id
    AND k.reason = r.attention AND k.snoozed_until > ?5)
    ORDER BY r.attention_since, r.id LIMIT ?6";

/// Refunds that need a person for a reason, the longest waiting first.
pub(super) fn needed(c: &Connection, asked: &NeededAsked) -> Read<Vec<Refund>> {
    let sleep = match asked.sleeping {
        Sleeping::Hidden => AWAKE,
        Sleeping::Only => ASLEEP,
    };
    let sql = [HEAD, NEEDED, sleep, SLEEPS].concat();
    let (since, id) = match &asked.after {
        Some((since, id)) => (since.as_microsecond(), id.as_str()),
        None => (i64::MIN, ""),
    };
    let values = params![
        asked.merchant.as_str(),
        asked.reason.as_str(),
        since,
        id,
        asked.now.as_microsecond(),
        asked.limit.clamp(1, LIST_MAX),
    ];
    many(c, &sql, values, rows::refund)
}
