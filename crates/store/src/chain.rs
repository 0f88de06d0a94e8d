//! Hash chains: each line carries SHA-256 over the line before and its own canonical bytes, so that
//! an altered, missing or moved line is found (INV-29, INV-35).

use aws_lc_rs::digest::{Context, SHA256};
use tuikuan_domain::RefundId;

mod history;

pub(crate) use history::History;

/// The hash before the first line.
pub(crate) const BEGINNING: [u8; 32] = [0; 32];

/// Why a refund's history is not the one we wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryFault {
    /// There is no such refund.
    #[error("there is no refund {refund_id}")]
    NoRefund {
        /// The id.
        refund_id: RefundId,
    },
    /// A number is missing or out of place.
    #[error("event {expected} is missing, {found} stands in its place")]
    Gap {
        /// The number expected.
        expected: i64,
        /// The number found.
        found: i64,
    },
    /// An event was altered, or one before it.
    #[error("event {seq} was altered")]
    Altered {
        /// Its number.
        seq: i64,
    },
    /// The last events are missing: the record stands at a later version.
    #[error("the history ends at event {last}, the record stands at version {version}")]
    Cut {
        /// The last event.
        last: i64,
        /// The version of the record.
        version: i64,
    },
    /// Folding the events does not give the record.
    #[error("folding the events does not give the record")]
    RecordDiffers,
}

/// Why the audit log is not the one we wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditFault {
    /// A number is missing or out of place.
    #[error("entry {expected} of the audit log is missing")]
    Gap {
        /// The number expected.
        expected: i64,
    },
    /// An entry was altered, or one before it.
    #[error("entry {number} of the audit log was altered")]
    Altered {
        /// Its number.
        number: i64,
    },
    /// The counter beside the log does not count it.
    #[error("the audit log has {last} entries, its counter was altered")]
    Counter {
        /// The last entry.
        last: i64,
        /// What the counter says; `None`: nothing that can be read.
        recorded: Option<i64>,
    },
    /// An entry is not the one that was seen when the log was exported.
    #[error(
        "entry {number} is not the one of the exported log: it or one before it was written anew"
    )]
    HeadDiffers {
        /// Its number.
        number: i64,
    },
    /// The last entries are missing.
    #[error("the audit log ends at entry {last}, {recorded} were written")]
    Cut {
        /// The last entry.
        last: i64,
        /// How many were written.
        recorded: i64,
    },
}

/// The canonical bytes of a line, hashed as they come: each field with its length before it, so
/// that no two lines have the same bytes.
pub(crate) struct Link(Context);

impl Link {
    pub(crate) fn after(previous: &[u8; 32]) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(previous);
        Self(context)
    }

    pub(crate) fn number(mut self, number: i64) -> Self {
        self.0.update(&number.to_be_bytes());
        self
    }

    pub(crate) fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.0.update(&length.to_be_bytes());
        self.0.update(bytes);
        self
    }

    pub(crate) fn close(self) -> [u8; 32] {
        let digest = self.0.finish();
        let mut hash = [0; 32];
        for (to, from) in hash.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_a_byte_between_fields_changes_the_hash() {
        let one = Link::after(&BEGINNING).text("ab").text("c").close();
        let other = Link::after(&BEGINNING).text("a").text("bc").close();
        assert_ne!(one, other);
    }

    #[test]
    fn the_line_before_is_part_of_the_hash() {
        let one = Link::after(&BEGINNING).text("a").close();
        assert_ne!(one, Link::after(&one).text("a").close());
    }
}
