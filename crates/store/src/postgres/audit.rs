//! The audit log (INV-35): a chain over all nodes. Whoever adds to it holds its counter until the
//! commit, so an entry is always linked to the one before.

use jiff::Timestamp;

use crate::admin::{AuditEntry, NewAudit};
use crate::audit::line::{AuditLine, AuditWalk};
use crate::audit::{AuditFilter, AuditHead, AuditPage};
use crate::chain::{AuditFault, BEGINNING};
use crate::error::ReadError;
use crate::postgres::Postgres;
use crate::postgres::reads::Snapshot;
use crate::postgres::work::Work;
use crate::rows::{self, Row};
use crate::select::{LIST_MAX, Merchants};
use crate::trouble::Trouble;

type Read<T> = Result<T, ReadError>;

/// Entries that one step of a verification looks at.
const WALK_ROWS: i64 = 1000;

const COUNTER: &str = "SELECT number FROM meta WHERE name = 'audit' FOR UPDATE";

const LAST: &str = "SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1";

const INSERT: &str = "
    INSERT INTO audit (number, at, actor, action, subject, detail, hash)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

const AFTER: &str = "
    SELECT number, at, actor, action, subject, detail, hash FROM audit
    WHERE number > $1 ORDER BY number LIMIT $2";

impl Work<'_> {
    /// Adds the next entry to the log. Its number is counted apart, so that a cut tail is seen. To be
    /// done last: the counter is locked from here to the commit.
    pub(super) async fn append_audit(&mut self, entry: &NewAudit) -> Result<(), Trouble> {
        self.read(COUNTER, &[], |_| Ok(())).await?;
        let last: Option<(i64, [u8; 32])> = self
            .read(LAST, &[], |row| Ok((row.get(0)?, row.get(1)?)))
            .await?;
        let (last, previous) = last.unwrap_or((0, BEGINNING));
        let number = last.saturating_add(1);
        let line = AuditLine {
            number,
            at: entry.at.as_microsecond(),
            texts: [
                entry.actor.as_bytes(),
                entry.action.as_bytes(),
                entry.subject.as_bytes(),
                entry.detail.as_bytes(),
            ],
        };
        let row = values![
            number,
            line.at,
            entry.actor,
            entry.action,
            entry.subject,
            entry.detail,
            &line.hash(&previous)[..],
        ];
        self.execute(INSERT, row).await?;
        let sql = "UPDATE meta SET number = $1 WHERE name = 'audit'";
        self.exactly_one(sql, values![number]).await
    }
}

/// Reads.
impl Postgres {
    /// Recomputes the chain and compares it with the counter beside it, and with a head that was kept
    /// elsewhere, all at one instant.
    pub(crate) async fn verify_audit(
        &self,
        kept: Option<AuditHead>,
    ) -> Read<Result<AuditHead, AuditFault>> {
        self.at_one_instant(|seen| Box::pin(async move { verified(seen, kept.as_ref()).await }))
            .await
    }

    pub(crate) async fn audit_after(&self, number: i64, limit: u32) -> Read<Vec<AuditEntry>> {
        let limit = i64::from(limit).min(WALK_ROWS);
        self.many(AFTER, values![number, limit], rows::audit).await
    }

    /// One page. Each merchant has its own way through the index, so that nobody's page reads the
    /// whole log; all of them at one instant.
    pub(crate) async fn list_audit(&self, filter: AuditFilter) -> Read<AuditPage> {
        self.at_one_instant(|seen| {
            let filter = filter.clone();
            Box::pin(async move { page(seen, &filter).await })
        })
        .await
    }
}

async fn verified(
    seen: &Snapshot<'_>,
    kept: Option<&AuditHead>,
) -> Read<Result<AuditHead, AuditFault>> {
    let mut walk = AuditWalk::new(kept);
    // Also an entry that somebody has put before the first one is looked at.
    let mut after = i64::MIN;
    loop {
        let entries = seen
            .many(AFTER, values![after, WALK_ROWS], Stored::of)
            .await?;
        let Some(last) = entries.last() else { break };
        after = last.number;
        for entry in &entries {
            if let Err(fault) = walk.step(entry.line()) {
                return Ok(Err(fault));
            }
        }
    }
    let sql = "SELECT number FROM meta WHERE name = 'audit'";
    let recorded = seen.one(sql, &[], |row| row.get::<i64>(0)).await?;
    Ok(walk.end(recorded))
}

async fn page(seen: &Snapshot<'_>, filter: &AuditFilter) -> Read<AuditPage> {
    let mut entries = match &filter.allowed {
        Merchants::All => entries_of(seen, filter, None).await?,
        Merchants::Only(names) => {
            let mut found = Vec::new();
            for name in names {
                found.extend(entries_of(seen, filter, Some(name.as_str())).await?);
            }
            found.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.number));
            found.dedup_by_key(|entry| entry.number);
            found
        }
    };
    let limit = filter.limit.clamp(1, LIST_MAX);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| more).map(|entry| entry.number);
    Ok(AuditPage { entries, next })
}

/// The newest entries that fit, of one merchant or of all, one more than the page holds.
async fn entries_of(
    seen: &Snapshot<'_>,
    filter: &AuditFilter,
    merchant: Option<&str>,
) -> Read<Vec<AuditEntry>> {
    let limit = filter.limit.clamp(1, LIST_MAX);
    let sql = [
        HEAD,
        filter.actor.as_ref().map_or(ANY_ACTOR, |_| ACTOR),
        filter.action.as_ref().map_or(ANY_ACTION, |_| ACTION),
        filter.subject.as_ref().map_or(ANY_SUBJECT, |_| SUBJECT),
        merchant.map_or(ALL_MERCHANTS, |_| MERCHANT),
        TAIL,
    ]
    .concat();
    let values = values![
        filter.before.unwrap_or(i64::MAX),
        filter.from.map_or(i64::MIN, Timestamp::as_microsecond),
        filter.to.map_or(i64::MAX, Timestamp::as_microsecond),
        filter.actor,
        filter.action,
        filter.subject,
        merchant,
        i64::from(limit.saturating_add(1)),
    ];
    seen.many(&sql, values, rows::audit).await
}

/// An entry as it is stored: also one that somebody has altered beyond what we write.
struct Stored {
    number: i64,
    at: i64,
    texts: [String; 4],
    hash: Vec<u8>,
}

impl Stored {
    fn of(row: Row<'_>) -> Read<Self> {
        Ok(Self {
            number: row.get(0)?,
            at: row.get(1)?,
            texts: [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?],
            hash: row.get(6)?,
        })
    }

    /// `None`: it is not of the kind we write.
    fn line(&self) -> Option<(AuditLine<'_>, [u8; 32])> {
        let [actor, action, subject, detail] = &self.texts;
        let line = AuditLine {
            number: self.number,
            at: self.at,
            texts: [actor, action, subject, detail].map(String::as_bytes),
        };
        Some((line, self.hash.as_slice().try_into().ok()?))
    }
}

const HEAD: &str = "SELECT number, at, actor, action, subject, detail, hash FROM audit
    WHERE number < $1 AND at >= $2 AND at < $3";
const ACTOR: &str = " AND actor = $4";
const ANY_ACTOR: &str = " AND $4::TEXT IS NULL";
const ACTION: &str = " AND substr(action, 1, length($5)) = $5";
const ANY_ACTION: &str = " AND $5::TEXT IS NULL";
/// Few entries are about one subject: its index is the way in.
const SUBJECT: &str = " AND subject = $6";
const ANY_SUBJECT: &str = " AND $6::TEXT IS NULL";
const MERCHANT: &str = " AND merchant = $7";
const ALL_MERCHANTS: &str = " AND $7::TEXT IS NULL";
const TAIL: &str = " ORDER BY number DESC LIMIT $8";
