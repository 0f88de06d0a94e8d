//! What PostgreSQL's errors mean for whoever asked. The only place that reads its codes.

use deadpool_postgres::{PoolError, TimeoutType};
use tokio_postgres::error::{DbError, SqlState};

use crate::error::{CommitError, DatabaseError, ReadError};
use crate::trouble::{Trouble, UNREADABLE};

/// The connection was lost, or could not be had.
pub(super) const UNREACHABLE: CommitError = CommitError::Unavailable {
    reason: "the database cannot be reached",
};

/// Somebody else held what we needed, too long or in the other order.
pub(super) const CONTENDED: CommitError = CommitError::Unavailable {
    reason: "the database is busy",
};

impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(said) => classify(said),
            None if error.is_closed() || is_io(&error) => Self::All(UNREACHABLE),
            None => {
                // A value of another kind than the column: our bug, or somebody altered the schema.
                tracing::error!(%error, cause = ?std::error::Error::source(&error), "a row does not fit");
                Self::Refused(UNREADABLE)
            }
        }
    }
}

/// Whether somebody else held what a migration needed; what is behind an error is looked at too.
pub(super) fn held_up(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(found) = cause {
        if let Some(code) = found
            .downcast_ref::<tokio_postgres::Error>()
            .and_then(tokio_postgres::Error::code)
        {
            let held = [
                SqlState::LOCK_NOT_AVAILABLE,
                SqlState::T_R_DEADLOCK_DETECTED,
            ];
            return held.contains(code);
        }
        cause = found.source();
    }
    false
}

/// Whether the connection was lost, so that nobody knows what became of what was sent last.
pub(super) fn uncertain(error: &tokio_postgres::Error) -> bool {
    match error.as_db_error() {
        Some(said) => ENDED.contains(said.code()),
        None => true,
    }
}

/// Whether the database could not be reached.
pub(super) fn unreachable(trouble: &Trouble) -> bool {
    matches!(trouble, Trouble::All(error) if same(error, &UNREACHABLE))
}

/// Whether another try may succeed at once: somebody was in the way, or a connection was lost.
pub(super) fn passing(error: &CommitError) -> bool {
    same(error, &UNREACHABLE) || same(error, &CONTENDED)
}

fn same(error: &CommitError, known: &CommitError) -> bool {
    match (error, known) {
        (CommitError::Unavailable { reason }, CommitError::Unavailable { reason: known }) => {
            reason == known
        }
        _ => false,
    }
}

fn is_io(error: &tokio_postgres::Error) -> bool {
    std::error::Error::source(error).is_some_and(|cause| cause.is::<std::io::Error>())
}

impl From<PoolError> for Trouble {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            // All of them are in use: nothing is wrong with the database.
            PoolError::Timeout(TimeoutType::Wait) => Self::All(CONTENDED),
            _ => Self::All(UNREACHABLE),
        }
    }
}

impl From<ReadError> for Trouble {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Database { .. } | ReadError::Cancelled => Self::All(UNREACHABLE),
            ReadError::Corrupt { .. } => Self::Refused(UNREADABLE),
        }
    }
}

/// Whether the connection was lost under a read. Nothing was written by it, so it may be done again.
pub(super) fn lost(error: &ReadError) -> bool {
    let ReadError::Database {
        source: DatabaseError::Postgres(error),
    } = error
    else {
        return false;
    };
    match error.as_db_error() {
        Some(said) => ENDED.contains(said.code()),
        None => error.is_closed() || is_io(error),
    }
}

/// How a server says that it ends a connection, or cannot have one yet.
const ENDED: [SqlState; 6] = [
    SqlState::ADMIN_SHUTDOWN,
    SqlState::CRASH_SHUTDOWN,
    SqlState::CANNOT_CONNECT_NOW,
    SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    SqlState::IDLE_SESSION_TIMEOUT,
    SqlState::CONNECTION_FAILURE,
];

fn classify(said: &DbError) -> Trouble {
    let state = said.code();
    let constraint = || {
        Trouble::Refused(CommitError::Overdrawn {
            constraint: said.constraint().unwrap_or(said.message()).to_owned(),
        })
    };
    let all = [
        (SqlState::T_R_SERIALIZATION_FAILURE, CONTENDED),
        (SqlState::T_R_DEADLOCK_DETECTED, CONTENDED),
        (SqlState::LOCK_NOT_AVAILABLE, CONTENDED),
        (SqlState::QUERY_CANCELED, CONTENDED),
        (SqlState::DISK_FULL, CommitError::Full),
    ];
    let elsewhere = [
        SqlState::READ_ONLY_SQL_TRANSACTION,
        SqlState::TOO_MANY_CONNECTIONS,
    ];
    if ENDED.contains(state) || elsewhere.contains(state) {
        return Trouble::All(UNREACHABLE);
    }
    if let Some((_, error)) = all.into_iter().find(|(code, _)| code == state) {
        return Trouble::All(error);
    }
    match state {
        &SqlState::UNIQUE_VIOLATION | &SqlState::FOREIGN_KEY_VIOLATION => {
            CommitError::Conflict.into()
        }
        &SqlState::CHECK_VIOLATION | &SqlState::NOT_NULL_VIOLATION => constraint(),
        // PostgreSQL keeps no NUL in a text.
        &SqlState::CHARACTER_NOT_IN_REPERTOIRE | &SqlState::UNTRANSLATABLE_CHARACTER => {
            Trouble::Refused(CommitError::Overdrawn {
                constraint: "text_characters".to_owned(),
            })
        }
        &SqlState::DATA_CORRUPTED | &SqlState::INDEX_CORRUPTED => {
            Trouble::Fatal(format!("{} (code {})", said.message(), state.code()))
        }
        _ => {
            tracing::error!(code = state.code(), error = %said, "PostgreSQL refused a statement");
            Trouble::All(CommitError::Unavailable {
                reason: "the database refused a statement",
            })
        }
    }
}
