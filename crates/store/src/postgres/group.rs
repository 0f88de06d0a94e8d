//! A group of operations in one transaction and one durable COMMIT: one burst looks and locks, one
//! writes, and the last one moves what everybody shares and commits. Nobody is answered before (INV-14).

use std::collections::{HashMap, HashSet};

use tokio_postgres::Row as Stored;

use crate::change::Inbox;
use crate::error::CommitError;
use crate::operation::{Answer, Operation};
use crate::postgres::burst::{Column, Statement, column, kept};
use crate::postgres::commit::{Group, Judged, Rows};
use crate::postgres::counts;
use crate::postgres::jobs::write_jobs;
use crate::postgres::look::Wanted;
use crate::postgres::records;
use crate::postgres::session::Session;
use crate::postgres::settle::{LEAVE, Settler, Token, Tries};
use crate::postgres::trouble::{CONTENDED, passing};
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
        let mut session = Session::new(&self.writers).await?;
        let found = Wanted::of(operations).look(&mut session).await?;
        let mut group = Group::new(found, self.forwarded_us);
        let mut answers = group.judge(operations)?;
        if group.rows.are_none() {
            session.roll_back().await?;
            return Ok((answers, Effects::default()));
        }
        let stored = write(&session, &group.rows).await?;
        group.know_inbox(&stored, &mut answers);
        let position = self.finish(session, &mut group).await?;
        group.know_positions(&position, &mut answers)?;
        Ok((answers, group.tally.effects))
    }

    /// The last burst. Says the positions of the events, in their order.
    async fn finish(&self, session: Session, group: &mut Group<'_>) -> Result<Vec<i64>, Trouble> {
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
        last.extend(counts::write(&mut group.tally, group.at));
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

/// The burst that writes. Says which notifications are new.
async fn write(session: &Session, rows: &Rows<'_>) -> Result<HashSet<Vec<u8>>, Trouble> {
    let mut all = Vec::new();
    push_records(&mut all, rows);
    push_rest(&mut all, rows);
    let mut inbox: Vec<_> = rows.inbox.iter().collect();
    // Two groups with the same ones wait for each other in one order.
    inbox.sort_by_key(|(_, entry, _)| entry.dedupe);
    let stored = all.len();
    if !inbox.is_empty() {
        all.push(insert_inbox(&inbox));
    }
    let used = all.len();
    if !rows.usage.is_empty() {
        all.push(add_usage(rows));
    }
    let answers = session.send(&all).await?;
    if !rows.usage.is_empty() {
        check_used(
            rows,
            answers.get(used).map(Vec::as_slice).unwrap_or_default(),
        )?;
    }
    let mut new = HashSet::new();
    if !inbox.is_empty() {
        for row in answers.get(stored).into_iter().flatten() {
            new.insert(Row::Postgres(row).get::<Vec<u8>>(0)?);
        }
    }
    Ok(new)
}

fn push_records<'a>(all: &mut Vec<Statement<'a>>, rows: &'a Rows<'_>) {
    if !rows.payments_new.is_empty() {
        all.push(records::insert_payments(&rows.payments_new));
    }
    if !rows.refunds_new.is_empty() {
        all.push(records::insert_refunds(&rows.refunds_new));
    }
    if !rows.refunds.is_empty() {
        all.push(records::update_refunds(&rows.refunds));
    }
    if !rows.refunds_ending.is_empty() {
        all.push(records::end_refunds(&rows.refunds_ending));
    }
    if !rows.indexed.is_empty() {
        all.push(records::update_indexed(&rows.indexed));
    }
    if !rows.payments.is_empty() {
        all.push(records::update_payments(&rows.payments));
    }
    if !rows.transactions.is_empty() {
        all.push(records::update_transactions(&rows.transactions));
    }
}

fn push_rest<'a>(all: &mut Vec<Statement<'a>>, rows: &'a Rows<'_>) {
    if !rows.begun.is_empty() {
        let begun = &rows.begun;
        let columns = vec![
            column(begun, |row| row.0.as_str()),
            column(begun, |row| row.1),
            column(begun, |row| row.2),
            column(begun, |row| row.3),
        ];
        all.push(Statement::new(sql::ATTEMPT_INSERT, columns).touching(begun.len()));
    }
    if !rows.ended.is_empty() {
        let ended = &rows.ended;
        let columns = vec![
            column(ended, |row| row.0.as_str()),
            column(ended, |row| row.1),
            column(ended, |row| row.2),
            column(ended, |row| row.3),
        ];
        let statement = Statement::new(sql::ATTEMPT_END, columns);
        all.push(
            statement
                .touching(ended.len())
                .promised("attempt_without_begin"),
        );
    }
    all.extend(write_jobs(&rows.jobs));
    if !rows.deliveries.is_empty() {
        all.push(insert_deliveries(rows));
    }
    if !rows.exchanges.is_empty() {
        all.push(insert_exchanges(rows));
    }
    push_lines(all, rows);
}

fn push_lines<'a>(all: &mut Vec<Statement<'a>>, rows: &'a Rows<'_>) {
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

fn insert_deliveries<'a>(rows: &'a Rows<'_>) -> Statement<'a> {
    let deliveries = &rows.deliveries;
    let columns = vec![
        column(deliveries, |row| row.0.id.as_str()),
        column(deliveries, |row| row.0.endpoint_id.as_str()),
        column(deliveries, |row| row.0.refund_id.as_str()),
        column(deliveries, |row| row.0.seq),
        column(deliveries, |row| row.0.event_type.as_str()),
        column(deliveries, |row| row.0.body.as_str()),
        column(deliveries, |row| row.1.as_microsecond()),
    ];
    Statement::new(sql::DELIVERY_INSERT, columns)
}

fn insert_exchanges<'a>(rows: &'a Rows<'_>) -> Statement<'a> {
    let exchanges = &rows.exchanges;
    let columns = vec![
        column(exchanges, |row| row.0.as_str()),
        column(exchanges, |row| row.1.kind.as_str()),
        column(exchanges, |row| row.1.attempt.map(i64::from)),
        column(exchanges, |row| row.1.at.as_microsecond()),
        column(exchanges, |row| row.1.elapsed_ms),
        column(exchanges, |row| kept(&row.1.request)),
        column(exchanges, |row| row.1.reply.as_deref().map(kept)),
        column(exchanges, |row| row.1.status.map(i64::from)),
    ];
    Statement::new(sql::EXCHANGE_INSERT, columns)
}

type Entry<'e> = &'e (usize, &'e crate::change::InboxEntry, Option<i64>);

fn insert_inbox<'a>(inbox: &[Entry<'a>]) -> Statement<'a> {
    let mut columns: Vec<Column<'a>> = Vec::new();
    let entries: Vec<&'a crate::change::InboxEntry> = inbox.iter().map(|row| row.1).collect();
    let texts = |value: fn(&'a crate::change::InboxEntry) -> &'a str| -> Column<'a> {
        Box::new(
            entries
                .iter()
                .map(|entry| value(entry))
                .collect::<Vec<&'a str>>(),
        )
    };
    let bytes = |value: fn(&'a crate::change::InboxEntry) -> &'a [u8]| -> Column<'a> {
        Box::new(
            entries
                .iter()
                .map(|entry| value(entry))
                .collect::<Vec<&'a [u8]>>(),
        )
    };
    columns.push(bytes(|entry| &entry.dedupe));
    columns.push(texts(|entry| entry.merchant.as_str()));
    columns.push(texts(|entry| &entry.generation));
    let headers = entries.iter().map(|entry| kept(&entry.headers));
    columns.push(Box::new(headers.collect::<Vec<_>>()));
    columns.push(bytes(|entry| &entry.body));
    let refunds = entries
        .iter()
        .map(|entry| entry.refund_id.as_ref().map(|id| id.as_str()));
    columns.push(Box::new(refunds.collect::<Vec<Option<&'a str>>>()));
    let received = entries
        .iter()
        .map(|entry| entry.received_at.as_microsecond());
    columns.push(Box::new(received.collect::<Vec<i64>>()));
    columns.push(texts(|entry| &entry.outcome));
    let told = entries
        .iter()
        .map(|entry| entry.told_at.map(jiff::Timestamp::as_microsecond));
    columns.push(Box::new(told.collect::<Vec<Option<i64>>>()));
    let caused: Vec<Option<i64>> = inbox.iter().map(|row| row.2).collect();
    columns.push(Box::new(caused));
    Statement::new(sql::INBOX_INSERT, columns)
}

fn add_usage<'a>(rows: &'a Rows<'_>) -> Statement<'a> {
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
fn check_used(rows: &Rows<'_>, stored: &[Stored]) -> Result<(), Trouble> {
    use tuikuan_domain::planted::{self, Bug};
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

fn insert_events<'a>(count: i64, events: &'a [(usize, crate::line::Line<'a>)]) -> Statement<'a> {
    let columns = vec![
        Box::new(count) as Column<'a>,
        column(events, |(_, line)| line.event.refund_id.as_str()),
        column(events, |(_, line)| line.event.seq),
        column(events, |(_, line)| line.event.kind.type_name()),
        column(events, |(_, line)| {
            line.event.status.map(tuikuan_domain::Status::as_str)
        }),
        column(events, |(_, line)| line.event.at.as_microsecond()),
        column(events, |(_, line)| line.event.source.as_str()),
        column(events, |(_, line)| line.detail.as_str()),
        column(events, |(_, line)| line.hash.as_slice()),
    ];
    Statement::new(sql::EVENT_INSERT, columns)
}

impl Rows<'_> {
    fn are_none(&self) -> bool {
        self.payments_new.is_empty()
            && self.payments.is_empty()
            && self.refunds_new.is_empty()
            && self.refunds.is_empty()
            && self.refunds_ending.is_empty()
            && self.begun.is_empty()
            && self.ended.is_empty()
            && self.jobs.is_empty()
            && self.exchanges.is_empty()
            && self.inbox.is_empty()
            && self.usage.is_empty()
            && self.requested.is_empty()
            && self.refused.is_empty()
            && self.audit.is_empty()
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

    fn know_positions(&mut self, positions: &[i64], answers: &mut [Judged]) -> Result<(), Trouble> {
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
