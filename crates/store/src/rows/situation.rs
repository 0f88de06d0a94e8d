//! Refunds and payments, each from a row of its own or both from one.

use tuikuan_domain::approval::ApprovalState;
use tuikuan_domain::outcome::ErrorSource;
use tuikuan_domain::refund::{Attention, AttentionReason, Content, FundsAccount};
use tuikuan_domain::{ErrorNote, OrderRef, Payment, PendingReason, Refund, Source, Status};

use super::{Columns, Row};
use crate::error::ReadError;
use crate::records::Situation;

type Read<T> = Result<T, ReadError>;

/// The columns of a refund, in the order of [`refund`].
macro_rules! refund_columns {
    () => {
        "r.id, r.merchant, r.mch_id, r.sub_mch_id, r.out_refund_no, r.out_trade_no, \
         r.transaction_id, r.amount, r.reason, r.funds_account, r.goods_detail, r.not_before, \
         r.expected_refundable, r.replaces, r.metadata, r.origin, r.payment_id, r.total, r.status, \
         r.pending_reason, r.refund_id, r.user_received_account, r.attention, r.attention_since, \
         r.error_code, r.error_message, r.error_source, r.error_advice, r.refusal_unconfirmed, \
         r.contradictions, r.attempts, r.waits, r.created_at, r.submitted_at, r.last_attempt_at, \
         r.succeeded_at, r.ended_at, r.version, r.requested_by, r.approval, r.approval_until, \
         r.approved_by, r.approved_at, r.approved_content, r.elsewhere_at, r.elsewhere_open"
    };
}

/// The columns of a payment, in the order of [`payment`].
macro_rules! payment_columns {
    () => {
        "p.id, p.merchant, p.mch_id, p.sub_mch_id, p.out_trade_no, p.transaction_id, p.total, \
         p.paid_at, p.reserved, p.spent, p.external, p.refunds, p.in_flight, p.last_submit_id, \
         p.last_submit_at, p.created_at, p.version"
    };
}

pub(crate) use {payment_columns, refund_columns};

/// So many columns has a payment: in a situation, the refund's begin behind them.
const PAYMENT_COLUMNS: usize = names(payment_columns!());

/// So many columns has a situation.
pub(crate) const SITUATION_COLUMNS: usize = PAYMENT_COLUMNS + names(refund_columns!());

const fn names(list: &str) -> usize {
    let mut rest = list.as_bytes();
    let mut found = 1;
    while let [first, behind @ ..] = rest {
        if *first == b',' {
            found += 1;
        }
        rest = behind;
    }
    found
}

/// A row with the columns of a payment and then those of a refund, either of which may be missing.
pub(crate) fn situation(row: Row<'_>) -> Read<Situation> {
    let there = |column| Ok::<_, ReadError>(row.get::<Option<String>>(column)?.is_some());
    let payment = match there(0)? {
        true => Some(payment_of(Columns::of(row, "payment"))?),
        false => None,
    };
    let refund = match there(PAYMENT_COLUMNS)? {
        true => Some(refund_of(Columns::from(PAYMENT_COLUMNS, row, "refund"))?),
        false => None,
    };
    Ok(Situation { refund, payment })
}

pub(crate) fn refund(row: Row<'_>) -> Read<Refund> {
    refund_of(Columns::of(row, "refund"))
}

fn refund_of(mut c: Columns<'_>) -> Read<Refund> {
    Ok(Refund {
        id: c.parsed()?,
        merchant: c.parsed()?,
        mch_id: c.parsed()?,
        sub_mch_id: c.parsed_unless_empty()?,
        out_refund_no: c.parsed()?,
        content: content(&mut c)?,
        origin: c.known(Source::parse)?,
        payment_id: c.parsed_maybe()?,
        total: c.fen_maybe()?,
        status: c.known(Status::parse)?,
        pending_reason: c.known_maybe(PendingReason::parse)?,
        refund_id: c.parsed_maybe()?,
        user_received_account: c.raw()?,
        attention: attention(&mut c)?,
        error: error_note(&mut c)?,
        refusal_unconfirmed: c.raw()?,
        contradictions: c.raw()?,
        attempts: c.raw()?,
        waits: c.raw()?,
        created_at: c.time()?,
        submitted_at: c.time_maybe()?,
        last_attempt_at: c.time_maybe()?,
        succeeded_at: c.time_maybe()?,
        ended_at: c.time_maybe()?,
        version: c.raw()?,
        requested_by: c.parsed_maybe()?,
        approval: approval(&mut c)?,
        elsewhere_at: c.time_maybe()?,
        elsewhere_open: c.raw()?,
    })
}

fn approval(c: &mut Columns<'_>) -> Read<ApprovalState> {
    let name: Option<String> = c.raw()?;
    let until = c.time_maybe()?;
    let (by, at, content) = (c.parsed_maybe()?, c.time_maybe()?, c.raw()?);
    match (name.as_deref(), until, by.zip(at).zip(content)) {
        (None, None, None) => Ok(ApprovalState::NotRequired),
        (Some("required"), Some(until), None) => Ok(ApprovalState::Required { until }),
        (Some("given"), None, Some(((by, at), content))) => {
            Ok(ApprovalState::Given { by, at, content })
        }
        _ => Err(c.corrupt()),
    }
}

fn content(c: &mut Columns<'_>) -> Read<Content> {
    Ok(Content {
        order: OrderRef {
            out_trade_no: c.parsed_maybe()?,
            transaction_id: c.parsed_maybe()?,
        },
        amount: c.fen()?,
        reason: c.parsed_maybe()?,
        funds_account: c.known_maybe(FundsAccount::parse)?,
        goods_detail: c.raw()?,
        not_before: c.time_maybe()?,
        expected_refundable: c.fen_maybe()?,
        replaces: c.parsed_maybe()?,
        metadata: c.raw()?,
    })
}

fn attention(c: &mut Columns<'_>) -> Read<Option<Attention>> {
    let reason = c.known_maybe(AttentionReason::parse)?;
    let since = c.time_maybe()?;
    Ok(reason
        .zip(since)
        .map(|(reason, since)| Attention { reason, since }))
}

fn error_note(c: &mut Columns<'_>) -> Read<Option<ErrorNote>> {
    let code: Option<String> = c.raw()?;
    let message: Option<String> = c.raw()?;
    let source = c.known_maybe(ErrorSource::parse)?;
    let advice: Option<String> = c.raw()?;
    let Some(code) = code else { return Ok(None) };
    Ok(Some(ErrorNote {
        code,
        message: message.unwrap_or_default(),
        source: source.ok_or_else(|| c.corrupt())?,
        advice: advice.unwrap_or_default(),
    }))
}

pub(crate) fn payment(row: Row<'_>) -> Read<Payment> {
    payment_of(Columns::of(row, "payment"))
}

fn payment_of(mut c: Columns<'_>) -> Read<Payment> {
    Ok(Payment {
        id: c.parsed()?,
        merchant: c.parsed()?,
        mch_id: c.parsed()?,
        sub_mch_id: c.parsed_unless_empty()?,
        out_trade_no: c.parsed()?,
        transaction_id: c.parsed_maybe()?,
        total: c.fen()?,
        paid_at: c.time_maybe()?,
        reserved: c.fen()?,
        spent: c.fen()?,
        external: c.fen()?,
        refunds: c.raw()?,
        in_flight: c.parsed_maybe()?,
        last_submit: {
            let id = c.parsed_maybe()?;
            id.zip(c.time_maybe()?)
        },
        created_at: c.time()?,
        version: c.raw()?,
    })
}
