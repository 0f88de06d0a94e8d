//! What can go wrong with the store, by who decides differently because of it.

use std::path::PathBuf;
use std::sync::Arc;

/// Why a change was not committed. Nothing of it was written, unless it is said otherwise.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// A version or a unique name was lost to somebody else: load again, decide again.
    #[error("the records changed in the meantime")]
    Conflict,
    /// It was decided with other endpoints or rules than those that are stored: read them anew,
    /// decide again.
    #[error("endpoints or rules changed in the meantime")]
    Outdated,
    /// The lease is no longer ours: stop working on the job (INV-24).
    #[error("the lease of the job was lost")]
    LeaseLost,
    /// A constraint of the database refused the sums or the status: the door decided wrongly on
    /// these records (INV-1, INV-12). Nothing was written.
    #[error("a constraint refused the change: {constraint}")]
    Overdrawn {
        /// The constraint, by name.
        constraint: String,
    },
    /// The disk is full or the database cannot be written; later attempts may succeed.
    #[error("the disk is full or read-only")]
    Full,
    /// The store is busy or its queue is full; try again later.
    #[error("the store cannot take the change now: {reason}")]
    Unavailable {
        /// Why.
        reason: &'static str,
    },
    /// The answer to a COMMIT was lost and the database could not be asked since (INV-42).
    #[error("whether the change was written is not known yet: read before you decide")]
    Unsettled,
    /// The store has stopped for good after an I/O error: the process must end (INV-42). Whether
    /// the change was written is decided by reading after a restart, never by assuming.
    #[error("the store has stopped: {reason}")]
    Stopped {
        /// Why.
        reason: String,
    },
}

/// The end of the store: writes are refused from here on, the process must end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the database cannot be trusted any more: {reason}")]
pub struct Fatal {
    /// What the database said.
    pub reason: String,
}

/// What a database said. Shared by all whom one statement was to answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DatabaseError {
    /// SQLite.
    #[error("SQLite: {0}")]
    Sqlite(Arc<rusqlite::Error>),
    /// PostgreSQL, or the connection to it.
    #[error("PostgreSQL: {}", said(.0))]
    Postgres(Arc<tokio_postgres::Error>),
    /// No connection to PostgreSQL could be had.
    #[error("no connection to PostgreSQL: {reason}")]
    Unreachable {
        /// Why.
        reason: String,
    },
}

/// The server's own words, or what became of the connection.
fn said(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(said) => format!("{} ({})", said.message(), said.code().code()),
        None => {
            let cause = std::error::Error::source(error);
            cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
        }
    }
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }
}

impl From<tokio_postgres::Error> for DatabaseError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(Arc::new(error))
    }
}

/// Why something could not be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// The database did not answer.
    #[error("the database could not be read")]
    Database {
        /// What it said.
        #[source]
        source: DatabaseError,
    },
    /// A row holds what the schema or the domain does not allow.
    #[error("the stored {what} cannot be read")]
    Corrupt {
        /// Which column or record.
        what: &'static str,
    },
    /// The reading task was stopped.
    #[error("the reading task was stopped")]
    Cancelled,
}

impl From<DatabaseError> for ReadError {
    fn from(source: DatabaseError) -> Self {
        Self::Database { source }
    }
}

impl From<tokio_postgres::Error> for ReadError {
    fn from(source: tokio_postgres::Error) -> Self {
        // A value of another kind than the schema has.
        let conversion = std::error::Error::source(&source)
            .is_some_and(|cause| cause.is::<tokio_postgres::types::WrongType>());
        if conversion {
            return Self::Corrupt { what: "column" };
        }
        Self::Database {
            source: source.into(),
        }
    }
}

impl From<rusqlite::Error> for ReadError {
    fn from(source: rusqlite::Error) -> Self {
        match source {
            // A value of another kind than the schema has, or no UTF-8: somebody altered the file.
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..) => Self::Corrupt { what: "column" },
            source => Self::Database {
                source: source.into(),
            },
        }
    }
}

/// Why the store could not be opened. The operator acts.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is not one we know.
    #[error("{url} is not a store: expected sqlite:FILE or postgres://USER@HOST/DATABASE")]
    Url {
        /// The address.
        url: String,
    },
    /// The address of PostgreSQL cannot be used.
    #[error("the address of the store cannot be used: {reason}")]
    Address {
        /// What is wrong with it; never the address itself, which may hold a password.
        reason: String,
    },
    /// The certificates that the database's own is verified against cannot be used.
    #[error("sslrootcert {path} cannot be used: {reason}")]
    Roots {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The database refused.
    #[error("the database could not be opened")]
    Database {
        /// What it said.
        #[source]
        source: DatabaseError,
    },
    /// The schema could not be brought up to date.
    #[error("the schema could not be brought up to date")]
    Migration {
        /// What went wrong.
        #[source]
        source: Box<refinery::Error>,
    },
    /// The database was written by a newer version of Tuikuan (INV-41).
    #[error(
        "the database has schema {found}, this version knows up to {known}: use a newer version"
    )]
    Newer {
        /// The schema found.
        found: i64,
        /// The newest schema known.
        known: i64,
    },
    /// `tuikuan store copy` into this database has not ended (INV-41).
    #[error("the copy into this database has not ended: run `tuikuan store copy` again")]
    HalfCopied,
    /// A durability setting did not take (INV-41).
    #[error("durability is off: {setting} is {found}, expected {expected}")]
    NotDurable {
        /// The setting.
        setting: &'static str,
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
    /// The key file beside the database cannot be used.
    #[error("the key file {path} cannot be used")]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: std::io::Error,
    },
    /// The key file does not hold 32 bytes, or not those this database was written with.
    #[error(
        "the key file {path} does not belong to this database: use the one it was first opened with"
    )]
    KeyMismatch {
        /// The file.
        path: PathBuf,
    },
    /// The database was written with a key whose file is not there.
    #[error(
        "the key file {path} of this database is missing: put back the copy that was kept with the backup; \
         a new one is never made, because the secrets in the database would be lost"
    )]
    KeyMissing {
        /// Where it has to be.
        path: PathBuf,
    },
    /// The writing thread could not be started.
    #[error("the writing thread could not be started")]
    Thread {
        /// What went wrong.
        #[source]
        source: std::io::Error,
    },
}

impl From<rusqlite::Error> for OpenError {
    fn from(source: rusqlite::Error) -> Self {
        Self::Database {
            source: source.into(),
        }
    }
}

impl From<tokio_postgres::Error> for OpenError {
    fn from(source: tokio_postgres::Error) -> Self {
        Self::Database {
            source: source.into(),
        }
    }
}
