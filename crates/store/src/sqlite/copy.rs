//! The file as a source: read at one instant, by key.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params_from_iter};

use crate::copy::{CopyError, Kind, Marks, Table, Value};
use crate::error::{OpenError, ReadError};
use crate::sqlite::open;

/// A file whose rows are read.
pub(crate) struct Source(Connection);

impl Source {
    /// Opens `sqlite:FILE`, brings its schema up to date, and looks at it from now on.
    pub(crate) fn open(url: &str) -> Result<Self, CopyError> {
        let file = url
            .strip_prefix("sqlite:")
            .filter(|file| std::path::Path::new(file).is_file());
        let Some(file) = file else {
            let source = OpenError::Url {
                url: url.to_owned(),
            };
            return Err(CopyError::Source { source });
        };
        let opened = open::writer(file, None).and_then(|_brought_up_to_date| open::reader(file));
        let connection = opened.map_err(|source| CopyError::Source { source })?;
        connection.execute_batch("BEGIN")?;
        Ok(Self(connection))
    }

    pub(crate) fn marks(&self) -> Result<Marks, CopyError> {
        let number = |sql: &str| self.0.query_row(sql, [], |row| row.get(0));
        let check = "SELECT data FROM meta WHERE name = 'key_check'";
        Ok(Marks {
            key_check: self.0.query_row(check, [], |row| row.get(0))?,
            position: number("SELECT coalesce(max(position), 0) FROM events")?,
            audit: number("SELECT number FROM meta WHERE name = 'audit'")?,
            fence: number("SELECT number FROM meta WHERE name = 'fence'")?,
        })
    }

    /// The columns of a table must be those that are copied.
    pub(crate) fn check(&self, table: &Table) -> Result<(), CopyError> {
        let sql = "SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0 ORDER BY name";
        let mut statement = self.0.prepare(sql)?;
        let found = statement.query_map([table.name], |row| row.get(0))?;
        let found: Vec<String> = found.collect::<Result<_, _>>()?;
        let mut wanted: Vec<&String> = table.columns.iter().map(|(name, _)| name).collect();
        wanted.sort();
        match found.iter().collect::<Vec<_>>() == wanted {
            true => Ok(()),
            false => Err(CopyError::Schema { table: table.name }),
        }
    }

    pub(crate) fn count(&self, table: &Table) -> Result<u64, CopyError> {
        let sql = format!("SELECT count(*) FROM {}", table.name);
        let count: i64 = self.0.query_row(&sql, [], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// The rows after a key, on a thread where blocking is allowed.
    pub(crate) async fn piece(
        self,
        table: &Table,
        after: Option<Vec<Value>>,
        limit: usize,
    ) -> Result<(Self, Vec<Vec<Value>>), CopyError> {
        let table = table.clone();
        let read = tokio::task::spawn_blocking(move || {
            let piece = self.rows(&table, after.as_deref(), limit);
            piece.map(|piece| (self, piece))
        });
        read.await.map_err(|_stopped| ReadError::Cancelled)?
    }

    fn rows(
        &self,
        table: &Table,
        after: Option<&[Value]>,
        limit: usize,
    ) -> Result<Vec<Vec<Value>>, CopyError> {
        let (names, key) = (table.names(), table.key_names());
        let places: Vec<String> = (1..=table.key.len()).map(|n| format!("?{n}")).collect();
        let from = match after {
            Some(_) => format!("WHERE ({key}) > ({})", places.join(", ")),
            None => String::new(),
        };
        let name = table.name;
        let sql = format!("SELECT {names} FROM {name} {from} ORDER BY {key} LIMIT {limit}");
        let mut statement = self.0.prepare_cached(&sql)?;
        let values = after.unwrap_or_default().iter().map(bound);
        let mut rows = statement.query(params_from_iter(values))?;
        let mut piece = Vec::new();
        while let Some(row) = rows.next()? {
            let values = table.columns.iter().enumerate();
            let values = values.map(|(place, (_, kind))| value(row.get_ref(place)?, *kind));
            piece.push(values.collect::<Result<_, CopyError>>()?);
        }
        Ok(piece)
    }
}

fn bound(value: &Value) -> rusqlite::types::Value {
    match value {
        Value::Null => rusqlite::types::Value::Null,
        Value::Number(number) => rusqlite::types::Value::Integer(*number),
        Value::Text(text) => rusqlite::types::Value::Text(text.clone()),
        Value::Bytes(bytes) => rusqlite::types::Value::Blob(bytes.clone()),
    }
}

fn value(found: ValueRef<'_>, kind: Kind) -> Result<Value, CopyError> {
    let odd = || CopyError::from(ReadError::Corrupt { what: "column" });
    match (found, kind) {
        (ValueRef::Null, _) => Ok(Value::Null),
        (ValueRef::Integer(number), Kind::Number | Kind::Truth) => Ok(Value::Number(number)),
        (ValueRef::Text(bytes), Kind::Text) => {
            let text = std::str::from_utf8(bytes).map_err(|_not_utf8| odd())?;
            // Conversations of older versions may hold what a text of PostgreSQL cannot.
            Ok(Value::Text(text.replace('\0', "\u{fffd}")))
        }
        (ValueRef::Blob(bytes), Kind::Bytes) => Ok(Value::Bytes(bytes.to_vec())),
        _ => Err(odd()),
    }
}
