//! Rows into records, for both engines. What does not parse is corrupt, and named.

use std::str::FromStr;

use jiff::Timestamp;
use secrecy::SecretString;
use tuikuan_domain::{EventKind, Role, Source, Status};
use tuikuan_terms::Fen;

use crate::admin::{ApiKey, AuditEntry, Endpoint, NewAudit};
use crate::change::{Exchange, InboxEntry};
use crate::delivery::{Delivery, DeliveryStatus};
use crate::error::ReadError;
use crate::records::{Attempt, InboxRecord, StoredEvent, StoredExchange};
use crate::scope::parse_scope;
use crate::seal::{DataKey, endpoint_secret};

pub(crate) mod batches;
pub(crate) mod bills;
pub(crate) mod care;
pub(crate) mod lease;
mod list;
pub(crate) mod people;
mod queue;
mod row;
pub(crate) mod rules;
mod situation;

pub(crate) use list::{merchant_name, refund_id, status_count, stuck};
pub(crate) use queue::{job, lane};
pub(crate) use row::{Cell, Row};
pub(crate) use situation::{
    SITUATION_COLUMNS, payment, payment_columns, refund, refund_columns, situation,
};

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
pub(crate) use {event_columns, inbox_columns};

type Read<T> = Result<T, ReadError>;

/// Takes the columns of a row one after the other.
pub(crate) struct Columns<'r> {
    row: Row<'r>,
    next: usize,
    what: &'static str,
}

impl<'r> Columns<'r> {
    pub(crate) const fn of(row: Row<'r>, what: &'static str) -> Self {
        Self::from(0, row, what)
    }

    /// From a column on: of what stands behind something else in one row.
    pub(crate) const fn from(next: usize, row: Row<'r>, what: &'static str) -> Self {
        Self { row, next, what }
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
