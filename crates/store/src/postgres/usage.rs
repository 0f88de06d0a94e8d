//! What a group adds to the sums of a day (INV-33): judged on what is stored and on what those before in
//! the group have added, written at once.

use tokio_postgres::Row as Stored;
use tuikuan_domain::approval::UsageClaim;
use tuikuan_domain::planted::{self, Bug};

use crate::error::CommitError;
use crate::postgres::burst::{Column, Statement};
use crate::postgres::commit::{Group, Rows};
use crate::postgres::sql;
use crate::postgres::trouble::CONTENDED;
use crate::rows::Row;
use crate::trouble::Trouble;

/// What is added to a sum of a day, and what the sum has to be then.
pub(super) struct Used {
    pub(super) added: (i64, i64),
    pub(super) after: (i64, i64),
}

impl Group<'_> {
    /// Above a maximum it is a lost race, and the request is judged again.
    pub(super) fn check_usage(&self, claims: &[UsageClaim]) -> Result<(), Trouble> {
        if planted::is(Bug::LimitReadBefore) {
            return Ok(());
        }
        for claim in claims {
            let (amount, count) = self.used(claim);
            let sum = amount.checked_add(claim.amount.get());
            let over_sum = claim
                .amount_max
                .is_some_and(|max| sum.is_none_or(|sum| sum > max.get()));
            let over_count = claim.count_max.is_some_and(|max| count >= i64::from(max));
            if over_sum || over_count {
                return Err(CommitError::Conflict.into());
            }
        }
        Ok(())
    }

    /// What is stored, and what those before in this group have added.
    fn used(&self, claim: &UsageClaim) -> (i64, i64) {
        let key = (claim.subject.clone(), claim.day.clone());
        match self.rows.usage.get(&key) {
            Some(used) => used.after,
            None => self.found.usage.get(&key).copied().unwrap_or_default(),
        }
    }

    pub(super) fn add_usage(&mut self, claims: &[UsageClaim]) {
        for claim in claims {
            let (amount, count) = self.used(claim);
            let key = (claim.subject.clone(), claim.day.clone());
            let used = self.rows.usage.entry(key).or_insert(Used {
                added: (0, 0),
                after: (0, 0),
            });
            let more = claim.amount.get();
            used.added = (
                used.added.0.saturating_add(more),
                used.added.1.saturating_add(1),
            );
            used.after = (amount.saturating_add(more), count.saturating_add(1));
        }
    }
}

pub(super) fn add_usage<'a>(rows: &'a Rows<'_>) -> Statement<'a> {
    let (mut subjects, mut days, mut amounts, mut counts) = (vec![], vec![], vec![], vec![]);
    for ((subject, day), used) in &rows.usage {
        subjects.push(subject.as_str());
        days.push(day.as_str());
        amounts.push(used.added.0);
        counts.push(used.added.1);
    }
    let columns: Vec<Column<'a>> = vec![
        Box::new(subjects),
        Box::new(days),
        Box::new(amounts),
        Box::new(counts),
    ];
    Statement::new(sql::USAGE_ADD, columns)
}

/// The sums came out as they were judged: nobody made the row meanwhile.
pub(super) fn check_used(rows: &Rows<'_>, stored: &[Stored]) -> Result<(), Trouble> {
    if planted::is(Bug::LimitReadBefore) {
        return Ok(());
    }
    for row in stored {
        let row = Row::Postgres(row);
        let key: (String, String) = (row.get(0)?, row.get(1)?);
        let after: (i64, i64) = (row.get(2)?, row.get(3)?);
        if rows.usage.get(&key).is_none_or(|used| used.after != after) {
            return Err(Trouble::All(CONTENDED));
        }
    }
    Ok(())
}
