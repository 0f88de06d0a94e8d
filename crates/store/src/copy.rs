//! The move from a file to PostgreSQL: every table in pieces by its key, then a comparison of all rows,
//! and only then a database that a service may open. It may be cut off anywhere and run again; it
//! goes on after the last piece that is durable. The source is not changed, but for its schema.

use std::fmt::Write;

use aws_lc_rs::digest;

use crate::postgres::copy::Target;
use crate::sqlite::copy::Source;
use crate::store::Store;

mod error;

pub use error::CopyError;

/// Rows that are copied in one durable piece.
const PIECE: usize = 5_000;

/// All tables, in an order in which what is referred to comes first. `meta` is made anew. Tries of
/// passwords begin at none, and so does what only PostgreSQL has: quotas and tokens of writes.
pub(crate) const TABLES: [&str; 24] = [
    "payments",
    "refunds",
    "events",
    "attempts",
    "jobs",
    "endpoints",
    "deliveries",
    "inbox",
    "exchanges",
    "users",
    "api_keys",
    "status_counts",
    "audit",
    "sessions",
    "invitations",
    "rules",
    "usage",
    "figures",
    "care",
    "bill_days",
    "differences",
    "batches",
    "batch_lines",
    "batch_counts",
];

/// A value as both engines have it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Value {
    Null,
    /// Numbers, and what is true or false.
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Number,
    Truth,
    Text,
    Bytes,
}

/// A table as it is copied: its columns, and which of them are its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: Vec<(String, Kind)>,
    /// Places in `columns`, in the order of the key.
    pub(crate) key: Vec<usize>,
}

impl Table {
    pub(crate) fn key_of(&self, row: &[Value]) -> Vec<Value> {
        let key = self.key.iter().filter_map(|place| row.get(*place));
        key.cloned().collect()
    }

    /// The columns' names, as a list.
    pub(crate) fn names(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
        names.join(", ")
    }

    /// The key's names, as a list.
    pub(crate) fn key_names(&self) -> String {
        let names = self.key.iter().filter_map(|place| self.columns.get(*place));
        let names: Vec<&str> = names.map(|(name, _)| name.as_str()).collect();
        names.join(", ")
    }
}

/// What makes this source the one that a copy was begun from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) key_check: Vec<u8>,
    /// The last event's position.
    pub(crate) position: i64,
    pub(crate) audit: i64,
    pub(crate) fence: i64,
}

impl Marks {
    /// As the target remembers it.
    pub(crate) fn fingerprint(&self) -> Vec<u8> {
        let mut sum = digest::Context::new(&digest::SHA256);
        sum.update(&self.key_check);
        for number in [self.position, self.audit, self.fence] {
            sum.update(&number.to_be_bytes());
        }
        sum.finish().as_ref().to_vec()
    }
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyStep {
    /// Rows are written.
    Copying,
    /// Rows of both sides are compared.
    Comparing,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyProgress {
    /// What is being done.
    pub step: CopyStep,
    /// In which table.
    pub table: &'static str,
    /// Rows of all tables that are done.
    pub done: u64,
    /// Rows of all tables.
    pub all: u64,
}

/// A table that is the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedTable {
    /// Which.
    pub table: &'static str,
    /// How many rows it has.
    pub rows: u64,
    /// SHA-256 over all rows in the order of their keys, in hexadecimal digits: the same value on both
    /// sides.
    pub checksum: String,
}

impl Store {
    /// Copies a store `sqlite:FILE`, which nobody uses, to an empty PostgreSQL, or goes on with it, and
    /// compares both. Until it has ended the target is refused by [`Store::open`]. The source's key
    /// file is the target's too.
    ///
    /// # Errors
    /// [`CopyError`]; the operator acts.
    pub async fn copy(
        from: &str,
        to: &str,
        mut seen: impl FnMut(CopyProgress),
    ) -> Result<Vec<CopiedTable>, CopyError> {
        let source = Source::open(from)?;
        let marks = source.marks()?;
        let mut target = Target::open(to).await?;
        target.begin(&marks).await?;
        let tables = target.tables().await?;
        let (mut source, mut all) = (source, 0_u64);
        for table in &tables {
            source.check(table)?;
            all = all.saturating_add(source.count(table)?);
        }
        let mut copied = Vec::with_capacity(tables.len());
        let mut progress = CopyProgress {
            step: CopyStep::Copying,
            table: "",
            done: 0,
            all,
        };
        for table in &tables {
            progress.table = table.name;
            (source, progress.done) = bring(source, &mut target, table, |rows| {
                seen(CopyProgress {
                    done: progress.done.saturating_add(rows),
                    ..progress
                });
            })
            .await
            .map(|(source, rows)| (source, progress.done.saturating_add(rows)))?;
        }
        progress = CopyProgress {
            step: CopyStep::Comparing,
            done: 0,
            ..progress
        };
        for table in &tables {
            progress.table = table.name;
            let same;
            (source, same) = compare(source, &target, table, |rows| {
                seen(CopyProgress {
                    done: progress.done.saturating_add(rows),
                    ..progress
                });
            })
            .await?;
            progress.done = progress.done.saturating_add(same.rows);
            copied.push(same);
        }
        target.end(&marks).await?;
        Ok(copied)
    }
}

/// Copies what is missing of a table; how many rows it has then.
async fn bring(
    mut source: Source,
    target: &mut Target,
    table: &Table,
    mut seen: impl FnMut(u64),
) -> Result<(Source, u64), CopyError> {
    let (mut after, mut rows) = target.reached(table).await?;
    loop {
        let piece;
        (source, piece) = source.piece(table, after.clone(), PIECE).await?;
        let Some(last) = piece.last() else {
            return Ok((source, rows));
        };
        let key = table.key_of(last);
        rows = rows.saturating_add(count(&piece));
        target.write(table, &piece, (&key, rows)).await?;
        after = Some(key);
        seen(rows);
    }
}

/// Reads both sides in the order of the key.
async fn compare(
    mut source: Source,
    target: &Target,
    table: &Table,
    mut seen: impl FnMut(u64),
) -> Result<(Source, CopiedTable), CopyError> {
    let (mut after, mut rows) = (None, 0_u64);
    let mut sum = digest::Context::new(&digest::SHA256);
    loop {
        let theirs = target.piece(table, after.as_deref(), PIECE).await?;
        let ours;
        (source, ours) = source.piece(table, after, PIECE).await?;
        if let Some(same) = differ(&ours, &theirs) {
            let rows = rows.saturating_add(same);
            return Err(CopyError::Differs {
                table: table.name,
                rows,
            });
        }
        for row in &ours {
            row.iter().for_each(|value| add(&mut sum, value));
        }
        rows = rows.saturating_add(count(&ours));
        let Some(last) = ours.last() else {
            let checksum = hex(sum.finish().as_ref());
            return Ok((
                source,
                CopiedTable {
                    table: table.name,
                    rows,
                    checksum,
                },
            ));
        };
        after = Some(table.key_of(last));
        seen(rows);
    }
}

/// After how many rows two pieces differ, if they do.
fn differ(ours: &[Vec<Value>], theirs: &[Vec<Value>]) -> Option<u64> {
    let same = ours
        .iter()
        .zip(theirs)
        .take_while(|(one, other)| one == other);
    let same = same.count();
    (same < ours.len().max(theirs.len())).then(|| u64::try_from(same).unwrap_or(u64::MAX))
}

fn count(piece: &[Vec<Value>]) -> u64 {
    u64::try_from(piece.len()).unwrap_or(u64::MAX)
}

/// Each value says what it is and how long, so that no two rows look alike.
fn add(sum: &mut digest::Context, value: &Value) {
    let (kind, bytes): (u8, &[u8]) = match value {
        Value::Null => (0, &[]),
        Value::Number(number) => {
            sum.update(&[1]);
            sum.update(&number.to_be_bytes());
            return;
        }
        Value::Text(text) => (2, text.as_bytes()),
        Value::Bytes(bytes) => (3, bytes),
    };
    sum.update(&[kind]);
    sum.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
    sum.update(bytes);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text does not fail.
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}
