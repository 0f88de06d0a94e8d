//! A row of either engine, and the values its columns hold: so that a record is read from its columns
//! in one place, whichever database they came from.

use rusqlite::types::FromSql as SqliteValue;
use tokio_postgres::types::FromSql as PostgresValue;

use crate::error::ReadError;

/// A row.
#[derive(Clone, Copy)]
pub(crate) enum Row<'r> {
    /// Of SQLite.
    Sqlite(&'r rusqlite::Row<'r>),
    /// Of PostgreSQL.
    Postgres(&'r tokio_postgres::Row),
}

impl<'r> Row<'r> {
    /// The value of a column, counted from 0.
    ///
    /// # Errors
    /// [`ReadError::Corrupt`] when it is of another kind.
    pub(crate) fn get<T: Cell>(self, column: usize) -> Result<T, ReadError> {
        match self {
            Self::Sqlite(row) => T::from_sqlite(row, column),
            Self::Postgres(row) => T::from_postgres(row, column),
        }
    }
}

/// A value as both engines store it. PostgreSQL has `BIGINT`, `TEXT COLLATE "C"`, `BYTEA` and
/// `BOOLEAN` columns only.
pub(crate) trait Cell: Sized {
    /// Out of a row of SQLite.
    fn from_sqlite(row: &rusqlite::Row<'_>, column: usize) -> Result<Self, ReadError>;
    /// Out of a row of PostgreSQL.
    fn from_postgres(row: &tokio_postgres::Row, column: usize) -> Result<Self, ReadError>;
}

fn sqlite<T: SqliteValue>(row: &rusqlite::Row<'_>, column: usize) -> Result<T, ReadError> {
    Ok(row.get(column)?)
}

/// What PostgreSQL holds as `S` and we as `T`.
fn postgres<'r, S, T>(row: &'r tokio_postgres::Row, column: usize) -> Result<T, ReadError>
where
    S: PostgresValue<'r>,
    T: TryFrom<S>,
{
    let stored: S = row.try_get(column)?;
    T::try_from(stored).map_err(|_foreign| ReadError::Corrupt { what: "column" })
}

fn postgres_maybe<'r, S, T>(
    row: &'r tokio_postgres::Row,
    column: usize,
) -> Result<Option<T>, ReadError>
where
    S: PostgresValue<'r>,
    T: TryFrom<S>,
{
    let stored: Option<S> = row.try_get(column)?;
    let value = stored.map(T::try_from).transpose();
    value.map_err(|_foreign| ReadError::Corrupt { what: "column" })
}

/// The same kind of value, as it is and where it may be missing.
macro_rules! cell {
    ($($value:ty as $stored:ty),* $(,)?) => {$(
        impl Cell for $value {
            fn from_sqlite(row: &rusqlite::Row<'_>, column: usize) -> Result<Self, ReadError> {
                sqlite(row, column)
            }

            fn from_postgres(row: &tokio_postgres::Row, column: usize) -> Result<Self, ReadError> {
                postgres::<$stored, _>(row, column)
            }
        }

        impl Cell for Option<$value> {
            fn from_sqlite(row: &rusqlite::Row<'_>, column: usize) -> Result<Self, ReadError> {
                sqlite(row, column)
            }

            fn from_postgres(row: &tokio_postgres::Row, column: usize) -> Result<Self, ReadError> {
                postgres_maybe::<$stored, _>(row, column)
            }
        }
    )*};
}

cell! {
    String as String,
    Vec<u8> as Vec<u8>,
    [u8; 32] as &[u8],
    bool as bool,
    i64 as i64,

    u32 as i64,
    u16 as i64,
    u8 as i64,

}
