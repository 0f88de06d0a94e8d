//! The lines of batches that a group's changes are: what becomes of each, judged and written.

use tuikuan_domain::batch::Outcome;
use tuikuan_domain::{RefundId, Status};

use crate::batch::{LineEnd, LineMark};
use crate::change::Change;
use crate::error::CommitError;
use crate::postgres::burst::{Statement, column};
use crate::postgres::commit::{Group, Rows};
use crate::postgres::sql;
use crate::trouble::Trouble;

/// A line of a batch and what becomes of it.
pub(super) struct Marked<'o> {
    pub(super) mark: &'o LineMark,
    pub(super) refund: &'o str,
    pub(super) made: bool,
    pub(super) refusal: (&'static str, &'o str),
}

impl<'o> Group<'o> {
    /// What becomes of the line of a batch, if it still may, and its amount.
    pub(super) fn line_outcome(&self, change: &Change) -> Result<Option<(Outcome, i64)>, Trouble> {
        let Some(mark) = &change.line else {
            return Ok(None);
        };
        let key = (mark.batch.to_string(), i64::from(mark.line));
        let line = self.found.lines.get(&key).filter(|line| line.pending);
        let line = line.ok_or(CommitError::Conflict)?;
        let outcome = match &mark.end {
            LineEnd::Requested(refund) | LineEnd::Found(refund) => {
                let status = self.status_of(refund, change);
                Outcome::Refund(status.ok_or(CommitError::Conflict)?)
            }
            LineEnd::Refused { .. } => Outcome::Refused,
        };
        Ok(Some((outcome, line.amount)))
    }

    /// Where a refund stands after the change.
    fn status_of(&self, refund: &RefundId, change: &Change) -> Option<Status> {
        let own = change.refund.as_ref().map(|changed| &changed.record);
        match own.filter(|record| record.id == *refund) {
            Some(record) => Some(record.status),
            None => self.before(refund).map(|before| before.standing.status),
        }
    }

    pub(super) fn write_line(&mut self, mark: &'o LineMark, outcome: Outcome, amount: i64) {
        let batch = mark.batch.as_str();
        self.tally
            .lines(batch, (Outcome::Pending, outcome), (1, amount));
        let marked = |refund, made, refusal| Marked {
            mark,
            refund,
            made,
            refusal,
        };
        match &mark.end {
            LineEnd::Requested(refund) => {
                let row = marked(refund.as_str(), true, ("", ""));
                self.rows.requested.push(row);
            }
            LineEnd::Found(refund) => {
                let row = marked(refund.as_str(), false, ("", ""));
                self.rows.requested.push(row);
            }
            LineEnd::Refused { code, message } => {
                let row = marked("", false, (*code, message));
                self.rows.refused.push(row);
            }
        }
    }
}

pub(super) fn push<'a>(all: &mut Vec<Statement<'a>>, rows: &'a Rows<'_>) {
    if !rows.requested.is_empty() {
        let lines = &rows.requested;
        let columns = vec![
            column(lines, |row| row.mark.batch.as_str()),
            column(lines, |row| i64::from(row.mark.line)),
            column(lines, |row| row.refund),
            column(lines, |row| row.made),
        ];
        all.push(Statement::new(sql::LINE_REQUESTED, columns).touching(lines.len()));
    }
    if !rows.refused.is_empty() {
        let lines = &rows.refused;
        let columns = vec![
            column(lines, |row| row.mark.batch.as_str()),
            column(lines, |row| i64::from(row.mark.line)),
            column(lines, |row| row.refusal.0),
            column(lines, |row| row.refusal.1),
        ];
        all.push(Statement::new(sql::LINE_REFUSED, columns).touching(lines.len()));
    }
}
