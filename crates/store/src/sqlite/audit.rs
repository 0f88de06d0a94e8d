//! The audit log: appended in the transaction of the act, read in pages, proved as a chain (INV-35).
//! The proof reads raw values: what cannot be read as we write it was altered.

use jiff::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};

use crate::admin::{AuditEntry, NewAudit};
use crate::audit::line::{AuditLine, AuditWalk};
use crate::audit::{AuditFilter, AuditHead, AuditPage};
use crate::chain::{AuditFault, BEGINNING};
use crate::error::ReadError;
use crate::rows;
use crate::select::{LIST_MAX, Merchants};
use crate::sqlite::read::{many, one};
use crate::sqlite::work::Work;
use crate::trouble::Trouble;

type Read<T> = Result<T, ReadError>;

const LAST: &str = "SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1";

const INSERT: &str = "
    INSERT INTO audit (number, at, actor, action, subject, detail, hash)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

const ALL: &str = "
    SELECT number, at, actor, action, subject, detail, hash FROM audit ORDER BY number";

impl Work<'_> {
    /// Adds the next entry to the log. Its number is counted apart, so that a cut tail is seen.
    pub(super) fn append_audit(&mut self, entry: &NewAudit) -> Result<(), Trouble> {
        let last = self.read(LAST, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (last, previous): (i64, [u8; 32]) = last.unwrap_or((0, BEGINNING));
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
        let row = params![
            number,
            line.at,
            entry.actor,
            entry.action,
            entry.subject,
            entry.detail,
            line.hash(&previous),
        ];
        self.execute(INSERT, row)?;
        self.exactly_one("UPDATE meta SET number = ?1 WHERE name = 'audit'", [number])
    }
}

/// The entry as it stands in the file, with its hash; `None`: no value is of the kind we write.
fn stored<'a>(
    row: &'a rusqlite::Row<'_>,
) -> Result<Option<(AuditLine<'a>, [u8; 32])>, rusqlite::Error> {
    let values = (row.get_ref(0)?, row.get_ref(1)?, row.get_ref(6)?);
    let (ValueRef::Integer(number), ValueRef::Integer(at), ValueRef::Blob(hash)) = values else {
        return Ok(None);
    };
    let Ok(hash) = <[u8; 32]>::try_from(hash) else {
        return Ok(None);
    };
    let mut texts: [&[u8]; 4] = [&[]; 4];
    for (text, column) in texts.iter_mut().zip(2..) {
        match row.get_ref(column)? {
            ValueRef::Text(bytes) => *text = bytes,
            _ => return Ok(None),
        }
    }
    Ok(Some((AuditLine { number, at, texts }, hash)))
}

/// Recomputes the chain and compares it with the counter beside it, and with a head that was kept
/// elsewhere, all at one instant.
pub(super) fn verify(
    c: &Connection,
    kept: Option<&AuditHead>,
) -> Read<Result<AuditHead, AuditFault>> {
    let snapshot = c.unchecked_transaction()?;
    let mut walk = AuditWalk::new(kept);
    {
        let mut statement = snapshot.prepare_cached(ALL)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if let Err(fault) = walk.step(stored(row)?) {
                return Ok(Err(fault));
            }
        }
    }
    let sql = "SELECT number FROM meta WHERE name = 'audit'";
    let recorded = one(&snapshot, sql, [], |row| Ok(row.get(0).ok()))?.flatten();
    Ok(walk.end(recorded))
}

const HEAD: &str = "SELECT number, at, actor, action, subject, detail, hash FROM audit
    WHERE number < ?1 AND at >= ?2 AND at < ?3";
const ACTOR: &str = " AND actor = ?4";
const ANY_ACTOR: &str = " AND ?4 IS NULL";
const ACTION: &str = " AND substr(action, 1, length(?5)) = ?5";
const ANY_ACTION: &str = " AND ?5 IS NULL";
/// Few entries are about one subject: its index is the way in.
const SUBJECT: &str = " AND subject = ?6";
const ANY_SUBJECT: &str = " AND ?6 IS NULL";
const MERCHANT: &str = " AND merchant = ?7";
const ALL_MERCHANTS: &str = " AND ?7 IS NULL";
const TAIL: &str = " ORDER BY number DESC LIMIT ?8";

/// One page. Each merchant has its own way through the index, so that nobody's page reads the whole
/// log; all of them at one instant.
pub(super) fn list(c: &Connection, filter: &AuditFilter) -> Read<AuditPage> {
    let mut entries = match &filter.allowed {
        Merchants::All => entries(c, filter, None)?,
        Merchants::Only(names) => {
            let snapshot = c.unchecked_transaction()?;
            let mut found = Vec::new();
            for name in names {
                found.extend(entries(&snapshot, filter, Some(name.as_str()))?);
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
fn entries(c: &Connection, filter: &AuditFilter, merchant: Option<&str>) -> Read<Vec<AuditEntry>> {
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
    let values = params![
        filter.before.unwrap_or(i64::MAX),
        filter.from.map_or(i64::MIN, Timestamp::as_microsecond),
        filter.to.map_or(i64::MAX, Timestamp::as_microsecond),
        filter.actor,
        filter.action,
        filter.subject,
        merchant,
        limit.saturating_add(1),
    ];
    many(c, &sql, values, rows::audit)
}
