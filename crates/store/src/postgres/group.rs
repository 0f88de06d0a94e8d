//! A group of operations in one transaction and one durable COMMIT: one burst looks and locks, one
//! writes, and the last one moves what everybody shares and commits. New refunds are written without a
//! look, in two; who reports a delivery comes alone, statement by statement; and an entry of the audit log
//! waits for the answers before it. Nobody is answered before the COMMIT (INV-14).

use std::collections::{HashMap, HashSet};

use crate::change::Inbox;
use crate::error::CommitError;
use crate::operation::{Answer, Operation};
use crate::postgres::burst::Statement;
use crate::postgres::commit::{Group, Judged};
use crate::postgres::counts;
use crate::postgres::look::Wanted;
use crate::postgres::session::Session;
use crate::postgres::sets::{insert_events, write};
use crate::postgres::settle::{LEAVE, Settler, Token, Tries};
use crate::postgres::trouble::passing;
use crate::postgres::work::Work;
use crate::postgres::{Answered, Shared, sql};
use crate::rows::Row;
use crate::signals::Effects;
use crate::trouble::{Trouble, UNREADABLE};

/// Positions of events by refund and number.
const POSITIONS: &str = "
    SELECT e.refund_id, e.seq, e.position FROM unnest($1::TEXT[], $2::BIGINT[]) AS m (refund_id, seq)
    JOIN events e ON e.refund_id = m.refund_id AND e.seq = m.seq";

impl Shared {
    /// Executes operations of which no two concern the same thing; an answer for each.
    pub(super) async fn execute(&self, operations: &[Operation]) -> Vec<Answered> {
        let mut answers = Vec::with_capacity(operations.len());
        let mut parts = vec![operations];
        while let Some(part) = parts.pop() {
            match self.part(part).await {
                Ok(answered) => answers.extend(answered),
                // Somebody lost after all were written: with halves it is soon alone.
                Err(trouble) if part.len() > 1 && of_one(&trouble) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                Err(Trouble::Refused(error) | Trouble::All(error)) => {
                    answers.extend(part.iter().map(|_| Err(error.clone())));
                }
                Err(Trouble::Fatal(_)) => {
                    answers.extend(part.iter().map(|_| Err(self.signals.stopped())));
                }
            }
        }
        answers
    }

    async fn part(&self, operations: &[Operation]) -> Result<Vec<Judged>, Trouble> {
        let mut tries = Tries::new();
        loop {
            if self.signals.fatal.borrow().is_some() {
                return Err(Trouble::All(self.signals.stopped()));
            }
            let tried = match operations {
                [operation @ Operation::FinishDelivery(_)] => Box::pin(self.alone(operation)).await,
                _ => Box::pin(self.group(operations)).await,
            };
            match tried {
                Ok((answers, effects)) => {
                    self.tell(effects);
                    return Ok(answers);
                }
                Err(trouble) if of_one(&trouble) => return Err(trouble),
                Err(trouble) => tries.again(trouble, self).await.map_err(Trouble::All)?,
            }
        }
    }

    /// What is written one statement after the other.
    async fn alone(&self, operation: &Operation) -> Result<(Vec<Judged>, Effects), Trouble> {
        let session = Session::begin(&self.writers).await?;
        let mut work = Work::new(session.client(), &self.key, self.forwarded_us);
        if let Operation::FinishDelivery(report) = operation {
            work.finish_delivery(report).await?;
        }
        let effects = work.tally.effects;
        let token = Token::draw()?;
        token.leave(session.client()).await?;
        session.commit(&self.settler(), &token).await?;
        Ok((vec![Ok(Answer::Done)], effects))
    }

    async fn group(&self, operations: &[Operation]) -> Result<(Vec<Judged>, Effects), Trouble> {
        if let Some(done) = self.fresh(operations).await? {
            return Ok(done);
        }
        let mut session = Session::new(&self.writers).await?;
        let found = Wanted::of(operations).look(&mut session).await?;
        let mut group = Group::new(found, self.forwarded_us);
        let mut answers = group.judge(operations)?;
        if group.rows.are_none() {
            session.roll_back().await?;
            return Ok((answers, Effects::default()));
        }
        group.rows.in_order();
        let stored = write(&session, &group.rows).await?;
        group.know_inbox(&stored, &mut answers);
        let position = self.finish(session, &mut group).await?;
        group.know_positions(&position, &mut answers)?;
        Ok((answers, group.tally.effects))
    }

    /// The last burst. Says the positions of the events, in their order.
    pub(super) async fn finish(
        &self,
        session: Session,
        group: &mut Group<'_>,
    ) -> Result<Vec<i64>, Trouble> {
        let token = Token::draw()?;
        let repeats = std::mem::take(&mut group.repeats);
        let mut last = vec![Statement::new(LEAVE, vec![Box::new(token.bytes())])];
        if !repeats.is_empty() {
            let hashes: Vec<&[u8]> = repeats.iter().map(Vec::as_slice).collect();
            last.push(Statement::new(sql::INBOX_REPEAT, vec![Box::new(hashes)]));
        }
        let advance = last.len();
        let events = &group.rows.events;
        let count = i64::try_from(events.len()).unwrap_or(i64::MAX);
        if count > 0 {
            last.push(Statement::new(sql::ADVANCE, vec![Box::new(count)]));
            last.push(insert_events(count, events));
        }
        let moved = counts::write(&mut group.tally, group.at);
        if count == 0 && !moved.is_empty() {
            last.push(Statement::new(counts::HOLD, Vec::new()));
        }
        last.extend(moved);
        let settler = self.settler();
        let answered = if group.rows.audit.is_empty() {
            session.finish(&last, &settler, &token).await?
        } else {
            let rows = session.send(&last).await?;
            let mut work = Work::new(session.client(), &self.key, self.forwarded_us);
            for entry in &group.rows.audit {
                work.append_audit(entry).await?;
            }
            session.commit(&settler, &token).await?;
            Some(rows)
        };
        if count == 0 {
            return Ok(Vec::new());
        }
        match answered {
            Some(rows) => {
                let row = rows.get(advance).and_then(|rows| rows.first());
                let end: i64 = Row::Postgres(row.ok_or(UNREADABLE)?).get(0)?;
                Ok((0..count).map(|place| end - count + place + 1).collect())
            }
            None => self.positions(group).await,
        }
    }

    /// Reads what a lost answer would have said.
    async fn positions(&self, group: &Group<'_>) -> Result<Vec<i64>, Trouble> {
        let events = &group.rows.events;
        let refunds: Vec<&str> = events
            .iter()
            .map(|(_, line)| line.event.refund_id.as_str())
            .collect();
        let numbers: Vec<i64> = events.iter().map(|(_, line)| line.event.seq).collect();
        let lost = || Trouble::All(CommitError::Unsettled);
        let client = self.pool.get().await.map_err(|_lost| lost())?;
        let rows = client.query(POSITIONS, values![refunds, numbers]).await;
        let mut found = HashMap::new();
        for row in &rows.map_err(|_lost| lost())? {
            let row = Row::Postgres(row);
            let (refund, seq): (String, i64) = (row.get(0)?, row.get(1)?);
            found.insert((refund, seq), row.get::<i64>(2)?);
        }
        let place = |refund: &str, seq| found.get(&(refund.to_owned(), seq)).copied();
        let positions = refunds.iter().zip(&numbers);
        positions
            .map(|(refund, seq)| place(refund, *seq).ok_or_else(lost))
            .collect()
    }

    pub(super) fn settler(&self) -> Settler<'_> {
        // Not the readers': whoever settles does not wait behind a page.
        Settler {
            pool: &self.writers,
        }
    }
}

/// Whether it may be the fault of one operation, so that the others can be committed without it.
fn of_one(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Refused(_) => true,
        Trouble::All(error @ CommitError::Unavailable { .. }) => !passing(error),
        Trouble::All(_) | Trouble::Fatal(_) => false,
    }
}

impl Group<'_> {
    /// Which notifications were stored; the others are repeats.
    fn know_inbox(&mut self, stored: &HashSet<Vec<u8>>, answers: &mut [Judged]) {
        for (place, entry, _) in &self.rows.inbox {
            if !stored.contains(entry.dedupe.as_slice()) {
                self.repeats.push(entry.dedupe.to_vec());
                continue;
            }
            self.tally.notification(entry);
            if let Some(Ok(Answer::Committed(committed))) = answers.get_mut(*place) {
                committed.inbox = Inbox::Stored;
            }
        }
    }

    pub(super) fn know_positions(
        &mut self,
        positions: &[i64],
        answers: &mut [Judged],
    ) -> Result<(), Trouble> {
        for ((place, _), position) in self.rows.events.iter().zip(positions) {
            match answers.get_mut(*place) {
                Some(Ok(Answer::Committed(committed))) => committed.position = Some(*position),
                _ => return Err(Trouble::Refused(UNREADABLE)),
            }
            self.tally.effects.position = Some(*position);
        }
        Ok(())
    }
}
