//! Rows into records, for both engines. What does not parse is corrupt, and named.

use std::str::FromStr;

use jiff::Timestamp;
use secrecy::SecretString;
use tuikuan_domain::approval::ApprovalState;
use tuikuan_domain::outcome::ErrorSource;
use tuikuan_domain::refund::{Attention, AttentionReason, Content, FundsAccount};
use tuikuan_domain::{
    ErrorNote, EventKind, OrderRef, Payment, PendingReason, Refund, Role, Source, Status,
};
use tuikuan_terms::Fen;

use crate::admin::{ApiKey, AuditEntry, Endpoint, NewAudit};
use crate::change::{Exchange, InboxEntry};
use crate::delivery::{Delivery, DeliveryStatus};
use crate::error::ReadError;
use crate::records::{Attempt, InboxRecord, StoredEvent, StoredExchange};
use crate::scope::parse_scope;
use crate::seal::{DataKey, endpoint_secret};

mod row;

pub(crate) use row::{Cell, Row};

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

/// The columns of an event, in the order of [`event`].
macro_rules! event_columns {
    () => {
        "e.position, e.refund_id, r.merchant, e.seq, e.kind, e.status, e.at, e.source, e.detail, \
         e.hash"
    };
}

/// The columns of a notification.
macro_rules! inbox_columns {
    () => {
        "number, dedupe, merchant, generation, headers, body, refund_id, received_at, outcome, \
         told_at, repeats, seq"
    };
}
pub(crate) use {event_columns, inbox_columns, payment_columns, refund_columns};

type Read<T> = Result<T, ReadError>;

/// Takes the columns of a row one after the other.
pub(crate) struct Columns<'r> {
    row: Row<'r>,
    next: usize,
    what: &'static str,
}

impl<'r> Columns<'r> {
    pub(crate) fn of(row: Row<'r>, what: &'static str) -> Self {
        Self { row, next: 0, what }
    }

    pub(crate) fn corrupt(&self) -> ReadError {
        ReadError::Corrupt { what: self.what }
    }

    pub(crate) fn raw<T: Cell>(&mut self) -> Read<T> {
        let value = self.row.get(self.next)?;
        self.next = self.next.saturating_add(1);
        Ok(value)
    }

    pub(crate) fn known<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Read<T> {
        let text: String = self.raw()?;
        parse(&text).ok_or_else(|| self.corrupt())
    }

    pub(crate) fn known_maybe<T>(
        &mut self,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Read<Option<T>> {
        match self.raw::<Option<String>>()? {
            None => Ok(None),
            Some(text) => parse(&text).map(Some).ok_or_else(|| self.corrupt()),
        }
    }

    pub(crate) fn parsed<T: FromStr>(&mut self) -> Read<T> {
        self.known(|text| text.parse().ok())
    }

    pub(crate) fn parsed_maybe<T: FromStr>(&mut self) -> Read<Option<T>> {
        self.known_maybe(|text| text.parse().ok())
    }

    /// A sub-merchant: the empty text stands for none.
    pub(crate) fn parsed_unless_empty<T: FromStr>(&mut self) -> Read<Option<T>> {
        self.known(|text| match text {
            "" => Some(None),
            text => text.parse().ok().map(Some),
        })
    }

    pub(crate) fn fen(&mut self) -> Read<Fen> {
        let fen: i64 = self.raw()?;
        Fen::new(fen).map_err(|_foreign| self.corrupt())
    }

    pub(crate) fn fen_maybe(&mut self) -> Read<Option<Fen>> {
        match self.raw::<Option<i64>>()? {
            None => Ok(None),
            Some(fen) => Fen::new(fen).map(Some).map_err(|_foreign| self.corrupt()),
        }
    }

    pub(crate) fn time(&mut self) -> Read<Timestamp> {
        let at: i64 = self.raw()?;
        Timestamp::from_microsecond(at).map_err(|_foreign| self.corrupt())
    }

    pub(crate) fn time_maybe(&mut self) -> Read<Option<Timestamp>> {
        match self.raw::<Option<i64>>()? {
            None => Ok(None),
            Some(at) => Timestamp::from_microsecond(at)
                .map(Some)
                .map_err(|_foreign| self.corrupt()),
        }
    }
}

pub(crate) fn refund(row: Row<'_>) -> Read<Refund> {
    let mut c = Columns::of(row, "refund");
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
    let mut c = Columns::of(row, "payment");
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

pub(crate) fn event(row: Row<'_>) -> Read<StoredEvent> {
    let mut c = Columns::of(row, "event");
    Ok(StoredEvent {
        position: c.raw()?,
        refund_id: c.parsed()?,
        merchant: c.parsed()?,
        seq: c.raw()?,
        kind: c.known(EventKind::parse)?,
        status: c.known_maybe(Status::parse)?,
        at: c.time()?,
        source: c.known(Source::parse)?,
        detail: c.known(|text| serde_json::from_str(text).ok())?,
        hash: c.raw()?,
    })
}

pub(crate) fn attempt(row: Row<'_>) -> Read<Attempt> {
    let mut c = Columns::of(row, "attempt");
    Ok(Attempt {
        attempt: c.raw()?,
        fence: c.raw()?,
        begun_at: c.time()?,
        ended_at: c.time_maybe()?,
        end: c.raw()?,
    })
}

pub(crate) fn exchange(row: Row<'_>) -> Read<StoredExchange> {
    let mut c = Columns::of(row, "exchange");
    Ok(StoredExchange {
        number: c.raw()?,
        refund_id: c.parsed()?,
        exchange: Exchange {
            kind: c.raw()?,
            attempt: c.raw()?,
            at: c.time()?,
            elapsed_ms: c.raw()?,
            request: c.raw()?,
            reply: c.raw()?,
            status: c.raw()?,
        },
    })
}

pub(crate) fn inbox(row: Row<'_>) -> Read<InboxRecord> {
    let mut c = Columns::of(row, "notification");
    Ok(InboxRecord {
        number: c.raw()?,
        entry: InboxEntry {
            dedupe: c.raw()?,
            merchant: c.parsed()?,
            generation: c.raw()?,
            headers: c.raw::<Option<String>>()?.unwrap_or_default(),
            body: c.raw::<Option<Vec<u8>>>()?.unwrap_or_default(),
            refund_id: c.parsed_maybe()?,
            received_at: c.time()?,
            outcome: c.raw()?,
            told_at: c.time_maybe()?,
        },
        repeats: c.raw()?,
        seq: c.raw()?,
    })
}

pub(crate) fn delivery(row: Row<'_>) -> Read<Delivery> {
    let mut c = Columns::of(row, "delivery");
    Ok(Delivery {
        id: c.parsed()?,
        endpoint_id: c.parsed()?,
        refund_id: c.parsed()?,
        seq: c.raw()?,
        event_type: c.raw()?,
        body: c.raw()?,
        status: c.known(DeliveryStatus::parse)?,
        attempts: c.raw()?,
        last_status: c.raw()?,
        last_error: c.raw()?,
        created_at: c.time()?,
        delivered_at: c.time_maybe()?,
        next_at: c.time_maybe()?,
    })
}

pub(crate) fn endpoint(row: Row<'_>, key: &DataKey) -> Read<Endpoint> {
    let mut c = Columns::of(row, "endpoint");
    let id: String = c.raw()?;
    Ok(Endpoint {
        id: id.parse().map_err(|_foreign| c.corrupt())?,
        merchant: c.parsed()?,
        url: c.raw()?,
        secret: {
            let sealed: Vec<u8> = c.raw()?;
            let plain = key.open(endpoint_secret(&id), &sealed);
            let plain = plain.map_err(|_foreign| c.corrupt())?;
            SecretString::from(String::from_utf8(plain).map_err(|_foreign| c.corrupt())?)
        },
        enabled: c.raw()?,
        disabled_reason: c.raw()?,
        failing_since: c.time_maybe()?,
        created_at: c.time()?,
    })
}

pub(crate) fn api_key(row: Row<'_>) -> Read<ApiKey> {
    let mut c = Columns::of(row, "key");
    Ok(ApiKey {
        id: c.parsed()?,
        name: c.raw()?,
        hash: c.raw()?,
        owner: c.parsed_maybe()?,
        role: c.known(Role::parse)?,
        scope: c.known(parse_scope)?,
        created_at: c.time()?,
        created_by: c.parsed_maybe()?,
        last_used_at: c.time_maybe()?,
        expires_at: c.time_maybe()?,
        revoked_at: c.time_maybe()?,
    })
}

pub(crate) fn audit(row: Row<'_>) -> Read<AuditEntry> {
    let mut c = Columns::of(row, "audit entry");
    Ok(AuditEntry {
        number: c.raw()?,
        entry: NewAudit {
            at: c.time()?,
            actor: c.raw()?,
            action: c.raw()?,
            subject: c.raw()?,
            detail: c.raw()?,
        },
        hash: c.raw()?,
    })
}
