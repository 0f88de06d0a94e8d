//! The audit log (INV-35): a chain over all nodes. Whoever adds to it holds its counter until the
//! commit, so an entry is always linked to the one before.

use jiff::Timestamp;

use crate::admin::{AuditEntry, NewAudit};
use crate::audit::line::{AuditLine, AuditWalk};
use crate::audit::{AuditFilter, AuditHead, AuditPage};
use crate::chain::{AuditFault, BEGINNING};
use crate::error::ReadError;
use crate::postgres::Postgres;
use crate::postgres::work::Work;
use crate::rows;
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
    /// elsewhere. The entries are read piece by piece; one that is added meanwhile is taken along, and
    /// the counter is read last.
    pub(crate) async fn verify_audit(
        &self,
        kept: Option<AuditHead>,
    ) -> Read<Result<AuditHead, AuditFault>> {
        let mut walk = AuditWalk::new(kept.as_ref());
        loop {
            // The counter first: entries up to there are then visible to the statement behind it.
            let sql = "SELECT number FROM meta WHERE name = 'audit'";
            let recorded = self.one(sql, &[], |row| row.get::<i64>(0)).await?;
            let mut after = walk.head.number;
            loop {
                let entries = self
                    .many(AFTER, values![after, WALK_ROWS], rows::audit)
                    .await?;
                let Some(last) = entries.last() else { break };
                after = last.number;
                for entry in &entries {
                    if let Err(fault) = walk.step(Some(stored(entry))) {
                        return Ok(Err(fault));
                    }
                }
            }
            // Somebody has added entries since the counter was read: look at it again.
            if recorded.is_some_and(|recorded| recorded < walk.head.number) {
                let again = self.one(sql, &[], |row| row.get::<i64>(0)).await?;
                if again != recorded {
                    continue;
                }
            }
            return Ok(walk.end(recorded));
        }
    }

    pub(crate) async fn audit_after(&self, number: i64, limit: u32) -> Read<Vec<AuditEntry>> {
        let limit = i64::from(limit).min(WALK_ROWS);
        self.many(AFTER, values![number, limit], rows::audit).await
    }

    /// One page. Each merchant has its own way through the index, so that nobody's page reads the
    /// whole log. Entries are only ever added, and at the end: pieces of two instants fit together.
    pub(crate) async fn list_audit(&self, filter: AuditFilter) -> Read<AuditPage> {
        let mut entries = match &filter.allowed {
            Merchants::All => self.audit_entries(&filter, None).await?,
            Merchants::Only(names) => {
                let mut found = Vec::new();
                for name in names {
                    found.extend(self.audit_entries(&filter, Some(name.as_str())).await?);
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
    async fn audit_entries(
        &self,
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
        self.many(&sql, values, rows::audit).await
    }
}

/// The entry as it is stored, with its hash.
fn stored(stored: &AuditEntry) -> (AuditLine<'_>, [u8; 32]) {
    let entry = &stored.entry;
    let line = AuditLine {
        number: stored.number,
        at: entry.at.as_microsecond(),
        texts: [
            entry.actor.as_bytes(),
            entry.action.as_bytes(),
            entry.subject.as_bytes(),
            entry.detail.as_bytes(),
        ],
    };
    (line, stored.hash)
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
