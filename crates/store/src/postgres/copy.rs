//! An empty database as a target. What has arrived stands in `meta`, in the transaction of the rows
//! themselves; while the row `copy` says that it has not ended, nobody opens this database.

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use crate::copy::{CopyError, Kind, Marks, TABLES, Table, Value};
use crate::postgres::open;

/// Columns and key of a table; what is computed is not copied.
const COLUMNS: &str =
    "SELECT a.attname, a.atttypid::BIGINT, array_position(i.indkey::SMALLINT[], a.attnum)::BIGINT
    FROM pg_attribute a JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
    WHERE a.attrelid = $1::TEXT::regclass AND a.attnum > 0 AND NOT a.attisdropped
        AND a.attgenerated = '' ORDER BY a.attnum";

/// Where the row of a copy stands: 0 while it is under way, 1 when it has ended.
const STATE: &str = "SELECT number, data FROM meta WHERE name = 'copy'";

const BEGIN: &str = "INSERT INTO meta (name, number, data) VALUES ('copy', 0, $1)";

const REACHED: &str = "SELECT number, data FROM meta WHERE name = 'copy:' || $1";

const REACH: &str = "INSERT INTO meta (name, number, data) VALUES ('copy:' || $1, $2, $3)
    ON CONFLICT (name) DO UPDATE SET number = excluded.number, data = excluded.data";

const KEY_CHECK: &str = "INSERT INTO meta (name, data) VALUES ('key_check', $1)";

/// The counters as the source had them. Fences begin above all that were ever given (INV-24), and
/// numbers that the database itself gives above those that are there.
const POSITION: &str = "UPDATE meta SET number = $1 WHERE name = 'position'";

const AUDIT: &str = "UPDATE meta SET number = $1 WHERE name = 'audit'";

const SEQUENCES: &str = "SELECT setval('fences', $1::BIGINT + 1),
    setval(pg_get_serial_sequence('inbox', 'number'), (SELECT coalesce(max(number), 0) + 1 FROM inbox)),
    setval(pg_get_serial_sequence('exchanges', 'number'), (SELECT coalesce(max(number), 0) + 1 FROM exchanges))";

const END: &str = "UPDATE meta SET number = 1 WHERE name = 'copy'";

/// Rows that refer to nothing, of those whose foreign keys are gone (V12): nothing else would ever see
/// them here.
const ORPHANS: [(&str, &str); 4] = [
    (
        "refunds",
        "SELECT count(*) FROM refunds o WHERE o.payment_id IS NOT NULL
            AND NOT EXISTS (SELECT FROM payments p WHERE p.id = o.payment_id)",
    ),
    (
        "events",
        "SELECT count(*) FROM events o
            WHERE NOT EXISTS (SELECT FROM refunds r WHERE r.id = o.refund_id)",
    ),
    (
        "attempts",
        "SELECT count(*) FROM attempts o
            WHERE NOT EXISTS (SELECT FROM refunds r WHERE r.id = o.refund_id)",
    ),
    (
        "deliveries",
        "SELECT count(*) FROM deliveries o
            WHERE NOT EXISTS (SELECT FROM refunds r WHERE r.id = o.refund_id)",
    ),
];

/// A database that is being filled.
pub(crate) struct Target(Client);

impl Target {
    /// Connects, proves that commits are durable, and makes the schema.
    pub(crate) async fn open(url: &str) -> Result<Self, CopyError> {
        let opened = open::bare(url).await;
        let client = opened.map_err(|source| CopyError::Target { source })?;
        // Large tables take longer than anything a service asks, and the source is read in between.
        let patient = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0";
        client.batch_execute(patient).await?;
        Ok(Self(client))
    }

    /// Begins a copy, or goes on with one from the same source.
    pub(crate) async fn begin(&mut self, marks: &Marks) -> Result<(), CopyError> {
        let found = self.0.query_opt(STATE, &[]).await?;
        let Some(found) = found else {
            self.empty().await?;
            self.0.execute(BEGIN, &[&marks.fingerprint()]).await?;
            return Ok(());
        };
        if found.try_get::<_, i64>(0)? != 0 {
            return Err(CopyError::Ended);
        }
        match found.try_get::<_, Option<Vec<u8>>>(1)? == Some(marks.fingerprint()) {
            true => Ok(()),
            false => Err(CopyError::OtherSource),
        }
    }

    async fn empty(&self) -> Result<(), CopyError> {
        let used = "SELECT 1 FROM meta WHERE name = 'key_check'";
        if self.0.query_opt(used, &[]).await?.is_some() {
            return Err(CopyError::NotEmpty { table: "meta" });
        }
        for table in TABLES {
            let sql = format!("SELECT 1 FROM {table} LIMIT 1");
            if self.0.query_opt(&sql, &[]).await?.is_some() {
                return Err(CopyError::NotEmpty { table });
            }
        }
        Ok(())
    }

    /// All tables, as they are here.
    pub(crate) async fn tables(&self) -> Result<Vec<Table>, CopyError> {
        let mut tables = Vec::with_capacity(TABLES.len());
        for name in TABLES {
            let rows = self.0.query(COLUMNS, &[&name]).await?;
            let (mut columns, mut key) = (Vec::with_capacity(rows.len()), Vec::new());
            for (place, row) in rows.iter().enumerate() {
                let kind = kind(row.try_get(1)?).ok_or(CopyError::Schema { table: name })?;
                columns.push((row.try_get(0)?, kind));
                if let Some(rank) = row.try_get::<_, Option<i64>>(2)? {
                    key.push((rank, place));
                }
            }
            key.sort_unstable();
            tables.push(Table {
                name,
                columns,
                key: key.into_iter().map(|(_rank, place)| place).collect(),
            });
        }
        Ok(tables)
    }

    /// The key of the last row of a table that has arrived, and how many have.
    pub(crate) async fn reached(
        &self,
        table: &Table,
    ) -> Result<(Option<Vec<Value>>, u64), CopyError> {
        let Some(row) = self.0.query_opt(REACHED, &[&table.name]).await? else {
            return Ok((None, 0));
        };
        let key = row.try_get::<_, Option<Vec<u8>>>(1)?.unwrap_or_default();
        let key = read_key(&key).ok_or(CopyError::OtherSource)?;
        Ok((Some(key), row.try_get::<_, i64>(0)?.unsigned_abs()))
    }

    /// Writes rows, and that they have arrived.
    pub(crate) async fn write(
        &mut self,
        table: &Table,
        rows: &[Vec<Value>],
        (key, reached): (&[Value], u64),
    ) -> Result<(), CopyError> {
        let columns = columns(table, rows);
        let values: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|c| c.as_ref()).collect();
        let places = table.columns.iter().zip(1..);
        let places = places.map(|((_, kind), n)| format!("${n}::{}[]", kind.as_sql()));
        let places: Vec<String> = places.collect();
        let (name, names) = (table.name, table.names());
        let sql = format!(
            "INSERT INTO {name} ({names}) SELECT * FROM unnest({})",
            places.join(", ")
        );
        let transaction = self.0.transaction().await?;
        transaction.execute(&sql, &values).await?;
        let reached = i64::try_from(reached).unwrap_or(i64::MAX);
        let key = written_key(key)?;
        transaction.execute(REACH, &[&name, &reached, &key]).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The rows after a key.
    pub(crate) async fn piece(
        &self,
        table: &Table,
        after: Option<&[Value]>,
        limit: usize,
    ) -> Result<Vec<Vec<Value>>, CopyError> {
        let (name, names, key) = (table.name, table.names(), table.key_names());
        let places: Vec<String> = (1..=table.key.len()).map(|n| format!("${n}")).collect();
        let from = match after {
            Some(_) => format!("WHERE ({key}) > ({})", places.join(", ")),
            None => String::new(),
        };
        let sql = format!("SELECT {names} FROM {name} {from} ORDER BY {key} LIMIT {limit}");
        let after: Vec<_> = after.unwrap_or_default().iter().map(bound).collect();
        let rows = self.0.query(&sql, &after).await?;
        rows.iter().map(|row| values(table, row)).collect()
    }

    /// Everything is there and belongs to something: counters, numbers, the key, and the end of the copy.
    pub(crate) async fn end(&mut self, marks: &Marks) -> Result<(), CopyError> {
        let transaction = self.0.transaction().await?;
        for (table, sql) in ORPHANS {
            let orphans: i64 = transaction.query_one(sql, &[]).await?.try_get(0)?;
            if orphans != 0 {
                let rows = orphans.unsigned_abs();
                return Err(CopyError::Orphans { table, rows });
            }
        }
        for (sql, number) in [(POSITION, marks.position), (AUDIT, marks.audit)] {
            if transaction.execute(sql, &[&number]).await? != 1 {
                return Err(CopyError::Schema { table: "meta" });
            }
        }
        transaction.query_one(SEQUENCES, &[&marks.fence]).await?;
        transaction.execute(KEY_CHECK, &[&marks.key_check]).await?;
        transaction.execute(END, &[]).await?;
        let gone = "DELETE FROM meta WHERE name LIKE 'copy:%'";
        transaction.execute(gone, &[]).await?;
        transaction.batch_execute("ANALYZE").await?;
        transaction.commit().await?;
        Ok(())
    }
}

impl Kind {
    fn as_sql(self) -> &'static str {
        match self {
            Self::Number => "BIGINT",
            Self::Truth => "BOOLEAN",
            Self::Text => "TEXT",
            Self::Bytes => "BYTEA",
        }
    }
}

/// The key of the last row, as it is remembered.
fn written_key(key: &[Value]) -> Result<Vec<u8>, CopyError> {
    serde_json::to_vec(key).map_err(|_unwritable| CopyError::OtherSource)
}

fn read_key(bytes: &[u8]) -> Option<Vec<Value>> {
    serde_json::from_slice(bytes).ok()
}

fn kind(type_id: i64) -> Option<Kind> {
    let known = [
        (Type::INT8, Kind::Number),
        (Type::BOOL, Kind::Truth),
        (Type::TEXT, Kind::Text),
        (Type::BYTEA, Kind::Bytes),
    ];
    let mut known = known.into_iter();
    known
        .find(|(kind, _)| i64::from(kind.oid()) == type_id)
        .map(|(_, kind)| kind)
}

/// One array for each column.
fn columns(table: &Table, rows: &[Vec<Value>]) -> Vec<Box<dyn ToSql + Sync>> {
    let kinds = table.columns.iter().enumerate();
    kinds
        .map(|(place, (_, kind))| {
            let values = rows
                .iter()
                .map(move |row| row.get(place).unwrap_or(&Value::Null));
            let column: Box<dyn ToSql + Sync> = match kind {
                Kind::Number => Box::new(values.map(Value::number).collect::<Vec<_>>()),
                Kind::Truth => {
                    let truths = values.map(|value| value.number().map(|number| number != 0));
                    Box::new(truths.collect::<Vec<_>>())
                }
                Kind::Text => Box::new(values.map(Value::text).collect::<Vec<_>>()),
                Kind::Bytes => Box::new(values.map(Value::bytes).collect::<Vec<_>>()),
            };
            column
        })
        .collect()
}

impl Value {
    fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Null | Self::Text(_) | Self::Bytes(_) => None,
        }
    }

    fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Null | Self::Number(_) | Self::Bytes(_) => None,
        }
    }

    fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Bytes(bytes) => Some(bytes.clone()),
            Self::Null | Self::Number(_) | Self::Text(_) => None,
        }
    }
}

/// A value as a parameter. A key holds no NULL.
fn bound(value: &Value) -> &(dyn ToSql + Sync) {
    match value {
        Value::Null => &None::<i64>,
        Value::Number(number) => number,
        Value::Text(text) => text,
        Value::Bytes(bytes) => bytes,
    }
}

fn values(table: &Table, row: &Row) -> Result<Vec<Value>, CopyError> {
    let columns = table.columns.iter().enumerate();
    let values = columns.map(|(place, (_, kind))| {
        Ok(match kind {
            Kind::Number => row.try_get::<_, Option<i64>>(place)?.map(Value::Number),
            Kind::Truth => {
                let truth = row.try_get::<_, Option<bool>>(place)?;
                truth.map(|truth| Value::Number(truth.into()))
            }
            Kind::Text => row.try_get::<_, Option<String>>(place)?.map(Value::Text),
            Kind::Bytes => row.try_get::<_, Option<Vec<u8>>>(place)?.map(Value::Bytes),
        }
        .unwrap_or(Value::Null))
    });
    values.collect()
}
