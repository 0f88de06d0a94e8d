//! What reconciliation refuses (INV-38).

use super::{Code, code};

impl Code {
    /// No bill of that day.
    pub const BILL_NOT_AVAILABLE: Self = code(
        "bill_not_available",
        422,
        "WeChat has no bill of that day",
        "A day's bill is there from 10:00 in Beijing on the next day, and for three months.",
    );
    /// No such difference.
    pub const DIFFERENCE_NOT_FOUND: Self = code(
        "difference_not_found",
        404,
        "There is no such difference",
        "Check the id. What a key does not cover looks as if it did not exist.",
    );
    /// Settled already.
    pub const DIFFERENCE_SETTLED: Self = code(
        "difference_settled",
        409,
        "The difference is settled already",
        "Nothing was changed. Read it again to see by whom or by what.",
    );
    /// A note that cannot be kept.
    pub const NOTE_UNUSABLE: Self = code(
        "note_unusable",
        422,
        "The note says nothing, or too much",
        "Nothing was done. A note has 1 to 500 characters and says what was done about it.",
    );
}
