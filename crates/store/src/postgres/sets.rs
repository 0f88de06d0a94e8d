//! The rows of a group as statements of sets, kind by kind, and the burst that writes them.

use std::collections::HashSet;

use crate::change::InboxEntry;
use crate::line::Line;
use crate::postgres::burst::{Column, Statement, column, kept};
use crate::postgres::commit::Rows;
use crate::postgres::jobs::write_jobs;
use crate::postgres::session::Session;
use crate::postgres::usage::{add_usage, check_used};
use crate::postgres::{lines, records, sql};
use crate::rows::Row;
use crate::trouble::Trouble;

/// The burst that writes. Says which notifications are new.
pub(super) async fn write(session: &Session, rows: &Rows<'_>) -> Result<HashSet<Vec<u8>>, Trouble> {
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

/// A group of new refunds: the money first, which is where others are met.
pub(super) fn fresh<'a>(rows: &'a Rows<'_>) -> Vec<Statement<'a>> {
    let mut all = vec![records::update_payments_as_read(&rows.payments)];
    push_refunds(&mut all, rows);
    push_rest(&mut all, rows);
    all
}

fn push_records<'a>(all: &mut Vec<Statement<'a>>, rows: &'a Rows<'_>) {
    if !rows.payments_new.is_empty() {
        all.push(records::insert_payments(&rows.payments_new));
    }
    push_refunds(all, rows);
    if !rows.payments.is_empty() {
        all.push(records::update_payments(&rows.payments));
    }
    if !rows.transactions.is_empty() {
        all.push(records::update_transactions(&rows.transactions));
    }
}

fn push_refunds<'a>(all: &mut Vec<Statement<'a>>, rows: &'a Rows<'_>) {
    if !rows.refunds_plain.is_empty() {
        all.push(records::insert_plain_refunds(&rows.refunds_plain));
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
    lines::push(all, rows);
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

type Entry<'e> = &'e (usize, &'e InboxEntry, Option<i64>);

fn insert_inbox<'a>(inbox: &[Entry<'a>]) -> Statement<'a> {
    let mut columns: Vec<Column<'a>> = Vec::new();
    let entries: Vec<&'a InboxEntry> = inbox.iter().map(|row| row.1).collect();
    let texts = |value: fn(&'a InboxEntry) -> &'a str| -> Column<'a> {
        Box::new(
            entries
                .iter()
                .map(|entry| value(entry))
                .collect::<Vec<&'a str>>(),
        )
    };
    let bytes = |value: fn(&'a InboxEntry) -> &'a [u8]| -> Column<'a> {
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

pub(super) fn insert_events<'a>(count: i64, events: &'a [(usize, Line<'a>)]) -> Statement<'a> {
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
    /// Groups that meet at the same rows meet in one order.
    pub(super) fn in_order(&mut self) {
        for refunds in [&mut self.refunds_plain, &mut self.refunds_new] {
            refunds.sort_by_key(|new| (&new.refund.out_refund_no, &new.refund.mch_id));
        }
        self.payments.sort_by_key(|changed| &changed.payment.id);
    }

    /// Whether nothing is written.
    pub(super) fn are_none(&self) -> bool {
        self.payments_new.is_empty()
            && self.payments.is_empty()
            && self.refunds_new.is_empty()
            && self.refunds_plain.is_empty()
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
