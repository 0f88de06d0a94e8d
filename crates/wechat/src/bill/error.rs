//! Why a file is not the bill it should be, with the line and what to do about it.

use super::BillKind;
use super::read::{COLUMNS_MAX, FIELD_BYTES_MAX, LINE_BYTES_MAX, ROWS_MAX};
use super::unpack::{Sha1, UNPACKED_BYTES_MAX};

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Longer than a bill's line can be.
    #[error("it has more than {LINE_BYTES_MAX} bytes")]
    TooLong,
    /// Not UTF-8.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// It does not begin with a backtick and is not the summary's header.
    #[error("its values are not marked with backticks")]
    NoBacktick,
    /// A value longer than any of a bill.
    #[error("a value has more than {FIELD_BYTES_MAX} bytes")]
    FieldTooLong,
    /// More or fewer values than columns.
    #[error("it has {found} values, the header names {expected}")]
    Width {
        /// Values found.
        found: usize,
        /// Columns of the header.
        expected: usize,
    },
    /// A payment in a bill of refunds, or a refund in a bill of payments.
    #[error("it does not belong in this kind of bill")]
    WrongKind,
    /// It stands behind the summary.
    #[error("it stands behind the summary")]
    AfterSummary,
}

/// Why a bill cannot be used. Nothing that was read of it before counts.
#[derive(Debug, thiserror::Error)]
pub enum BillError {
    /// No byte in it: a missing bill, not an empty day (INV-38).
    #[error("the file is empty")]
    Empty,
    /// XML or HTML: an answer with an error where a bill was expected.
    #[error("the file is an error message, not a bill")]
    NotABill,
    /// The header lacks a column that the kind of bill must have.
    #[error("the column {column} of a bill {} is missing", kind.as_str())]
    MissingColumn {
        /// Its name.
        column: &'static str,
        /// The kind that was expected.
        kind: BillKind,
    },
    /// A column stands twice.
    #[error("the column {column} stands twice")]
    DuplicateColumn {
        /// Its name.
        column: &'static str,
    },
    /// A header with more columns than a bill has.
    #[error("the header has {found} columns, allowed are {COLUMNS_MAX}")]
    TooManyColumns {
        /// Columns found.
        found: usize,
    },
    /// A line is not one of a bill.
    #[error("line {line} is damaged: {damage}")]
    Line {
        /// Its number, from 1.
        line: u64,
        /// What is wrong with it.
        damage: Damage,
    },
    /// A value is not what its column holds.
    #[error("line {line}: the value of {column} cannot be read")]
    Value {
        /// The line's number, from 1.
        line: u64,
        /// The column.
        column: &'static str,
    },
    /// The file ends before its summary does.
    #[error("the file is cut short after line {line}")]
    CutShort {
        /// The last line there is.
        line: u64,
    },
    /// The summary does not agree with the rows.
    #[error("line {line}: {column} is stated as {stated}, the rows add up to {counted}")]
    SumDiffers {
        /// The summary's line.
        line: u64,
        /// Which sum.
        column: &'static str,
        /// What the summary says.
        stated: String,
        /// What the rows say.
        counted: String,
    },
    /// A sum beyond all money.
    #[error("line {line}: the sum of {column} is too large")]
    SumTooLarge {
        /// The line's number, from 1.
        line: u64,
        /// The column.
        column: &'static str,
    },
    /// More than [`ROWS_MAX`] rows.
    #[error("the bill has more than {ROWS_MAX} rows")]
    TooManyRows,
    /// More than [`UNPACKED_BYTES_MAX`] bytes when unpacked.
    #[error("the bill has more than {UNPACKED_BYTES_MAX} bytes")]
    TooLarge,
    /// The file is not the one WeChat named.
    #[error("the file's SHA-1 is {found}, WeChat named {expected}")]
    HashDiffers {
        /// What WeChat named.
        expected: Sha1,
        /// What the file gives.
        found: Sha1,
    },
    /// The gzip data is damaged.
    #[error("the gzip data is damaged")]
    Packed {
        /// What the decoder says; none when bytes follow behind its end.
        #[source]
        source: Option<std::io::Error>,
    },
    /// The file could not be read.
    #[error("the file could not be read")]
    Read {
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The bill was read on after an error.
    #[error("the bill was given up at an earlier error")]
    GivenUp,
    /// Rows of another kind were given to print.
    #[error("a row of another kind of bill cannot be printed here")]
    OtherKind,
}

impl BillError {
    /// What to do about it, for people.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::Empty
            | Self::CutShort { .. }
            | Self::HashDiffers { .. }
            | Self::Packed { .. }
            | Self::SumDiffers { .. }
            | Self::Line { .. } => {
                "fetch the bill again; if it was edited, take WeChat's original file"
            }
            Self::NotABill => "read the message in the file and ask WeChat for the bill again",
            Self::MissingColumn { .. } => "check that the file is a bill of the kind asked for",
            Self::DuplicateColumn { .. } | Self::TooManyColumns { .. } | Self::Value { .. } => {
                "fetch the bill again; if the new file is the same, WeChat's format has changed: \
                 report it with the line"
            }
            Self::SumTooLarge { .. } | Self::TooManyRows | Self::TooLarge => {
                "check that the file is a bill; no merchant's day is so large"
            }
            Self::Read { .. } => "check the disk or the connection and try again",
            Self::GivenUp | Self::OtherKind => "report this: it is a fault of the program",
        }
    }

    /// What an error of the reader underneath means here.
    pub(super) fn from_io(error: std::io::Error, line: u64) -> Self {
        use std::io::ErrorKind;
        match error.downcast::<Self>() {
            Ok(error) => error,
            Err(source) => match source.kind() {
                ErrorKind::UnexpectedEof => Self::CutShort { line },
                ErrorKind::InvalidInput | ErrorKind::InvalidData => Self::Packed {
                    source: Some(source),
                },
                _ => Self::Read { source },
            },
        }
    }
}
