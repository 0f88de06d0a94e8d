//! What SQLite's errors mean for whoever asked. The only place that reads its codes.

use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::error::CommitError;
use crate::trouble::{Trouble, UNREADABLE};

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        (&error).into()
    }
}

impl From<&rusqlite::Error> for Trouble {
    fn from(error: &rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::SqliteFailure(failure, message) => {
                classify(*failure, message.as_deref().unwrap_or_default())
            }
            // A column of another type than the schema gives it.
            _ => Self::Refused(UNREADABLE),
        }
    }
}

fn classify(failure: ffi::Error, message: &str) -> Trouble {
    let busy = || {
        Trouble::All(CommitError::Unavailable {
            reason: "the database is busy",
        })
    };
    if failure.extended_code == ffi::SQLITE_IOERR_SHMSIZE {
        // The index of the log could not grow: how SQLite meets a full disk there.
        return Trouble::All(CommitError::Full);
    }
    match failure.code {
        ErrorCode::ConstraintViolation => Trouble::Refused(constraint(failure, message)),
        ErrorCode::DiskFull | ErrorCode::ReadOnly => Trouble::All(CommitError::Full),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => busy(),
        ErrorCode::OutOfMemory => Trouble::All(CommitError::Unavailable {
            reason: "the database is out of memory",
        }),
        ErrorCode::CannotOpen => Trouble::All(CommitError::Unavailable {
            reason: "a file of the database could not be opened",
        }),
        ErrorCode::TooBig => Trouble::Refused(CommitError::Unavailable {
            reason: "a text is too large for the database",
        }),
        _ => Trouble::Fatal(format!("{message} (code {})", failure.extended_code)),
    }
}

fn constraint(failure: ffi::Error, message: &str) -> CommitError {
    match failure.extended_code {
        ffi::SQLITE_CONSTRAINT_UNIQUE
        | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
        | ffi::SQLITE_CONSTRAINT_ROWID
        | ffi::SQLITE_CONSTRAINT_FOREIGNKEY => CommitError::Conflict,
        _ => CommitError::Overdrawn {
            constraint: message
                .strip_prefix("CHECK constraint failed: ")
                .unwrap_or(message)
                .to_owned(),
        },
    }
}
