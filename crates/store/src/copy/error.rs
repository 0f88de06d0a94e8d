//! Why a move to PostgreSQL did not come about: the operator acts on each.

use crate::error::{DatabaseError, OpenError, ReadError};

/// Why a copy did not come about.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The source could not be opened, or cannot be copied.
    #[error("the source cannot be used")]
    Source {
        /// Why.
        #[source]
        source: OpenError,
    },
    /// The target could not be opened.
    #[error("the target cannot be used")]
    Target {
        /// Why.
        #[source]
        source: OpenError,
    },
    /// The target holds rows that no copy brought there.
    #[error("the target has data of its own (in {table}): name an empty database")]
    NotEmpty {
        /// Where.
        table: &'static str,
    },
    /// A copy to the target has ended already; services may have written since.
    #[error("the copy to this target has ended already")]
    Ended,
    /// A copy to the target was begun from something else, or the source was used since.
    #[error(
        "a copy to this target was begun from another source, or the source was used since: \
         begin again with an empty database"
    )]
    OtherSource,
    /// The two sides do not have the same columns.
    #[error(
        "the table {table} is not the same on both sides: use the version that made the source"
    )]
    Schema {
        /// Which table.
        table: &'static str,
    },
    /// A row is not the same on both sides.
    #[error("a row of {table} is not the same on both sides (after {rows} that are): begin again")]
    Differs {
        /// In which table.
        table: &'static str,
        /// Rows before it, which are the same.
        rows: u64,
    },
    /// Rows of the source belong to a payment or a refund that does not exist.
    #[error(
        "rows of {table} belong to nothing that exists ({rows} of them): the source was altered, \
         copy a whole one to an empty database"
    )]
    Orphans {
        /// In which table.
        table: &'static str,
        /// How many.
        rows: u64,
    },
    /// One side could not be read or written.
    #[error("the copy was cut off; run it again, it goes on")]
    Database {
        /// What the database said.
        #[source]
        source: DatabaseError,
    },
}

impl From<tokio_postgres::Error> for CopyError {
    fn from(source: tokio_postgres::Error) -> Self {
        Self::Database {
            source: source.into(),
        }
    }
}

impl From<rusqlite::Error> for CopyError {
    fn from(source: rusqlite::Error) -> Self {
        Self::Database {
            source: source.into(),
        }
    }
}

impl From<ReadError> for CopyError {
    fn from(error: ReadError) -> Self {
        let source = match error {
            ReadError::Database { source } => source,
            ReadError::Corrupt { what } => DatabaseError::Unreachable {
                reason: format!("the stored {what} cannot be read"),
            },
            ReadError::Cancelled => DatabaseError::Unreachable {
                reason: "the reading task was stopped".to_owned(),
            },
        };
        Self::Database { source }
    }
}
