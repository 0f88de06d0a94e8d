//! The changeable part of a refund as named texts. An event carries the difference of two records
//! in this form, and folding a refund's events gives its record (INV-11).

use jiff::Timestamp;
use tuikuan_terms::Fen;

use crate::event::Event;
use crate::outcome::{ErrorNote, ErrorSource};
use crate::refund::{Attention, AttentionReason, PendingReason, Refund, Status};

type Field = (&'static str, Option<String>);

/// Why a history does not give a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The numbers of the events have a gap.
    #[error("event {found} stands where event {expected} should")]
    Gap {
        /// The number expected.
        expected: i64,
        /// The number found.
        found: i64,
    },
    /// A field is unknown or its text cannot be read.
    #[error("event {seq} has an unreadable field {name}")]
    Field {
        /// The event's number.
        seq: i64,
        /// The field's name.
        name: String,
    },
}

fn text<T: ToString>(value: Option<T>) -> Option<String> {
    value.map(|v| v.to_string())
}

impl Refund {
    fn changeable(&self) -> [Field; 33] {
        let error = self.error.as_ref();
        let given = self.approval.given();
        [
            (
                "out_trade_no",
                text(self.content.order.out_trade_no.as_ref()),
            ),
            (
                "transaction_id",
                text(self.content.order.transaction_id.as_ref()),
            ),
            ("payment_id", text(self.payment_id.as_ref())),
            ("total", text(self.total)),
            ("status", Some(self.status.as_str().to_owned())),
            (
                "pending_reason",
                self.pending_reason.map(|r| r.as_str().to_owned()),
            ),
            ("refund_id", text(self.refund_id.as_ref())),
            ("user_received_account", self.user_received_account.clone()),
            (
                "attention",
                self.attention.map(|a| a.reason.as_str().to_owned()),
            ),
            ("attention_since", text(self.attention.map(|a| a.since))),
            ("error_code", error.map(|e| e.code.clone())),
            ("error_message", error.map(|e| e.message.clone())),
            ("error_source", error.map(|e| e.source.as_str().to_owned())),
            ("error_advice", error.map(|e| e.advice.clone())),
            (
                "refusal_unconfirmed",
                self.refusal_unconfirmed.then(|| "true".to_owned()),
            ),
            ("contradictions", self.contradictions.clone()),
            ("attempts", Some(self.attempts.to_string())),
            ("waits", Some(self.waits.to_string())),
            ("submitted_at", text(self.submitted_at)),
            ("last_attempt_at", text(self.last_attempt_at)),
            ("elsewhere_at", text(self.elsewhere_at)),
            (
                "elsewhere_open",
                self.elsewhere_open.then(|| "true".to_owned()),
            ),
            ("succeeded_at", text(self.succeeded_at)),
            ("ended_at", text(self.ended_at)),
            ("requested_by", text(self.requested_by.as_ref())),
            ("approval", self.approval.name().map(str::to_owned)),
            ("approval_until", text(self.approval.until())),
            ("approved_by", given.map(|given| given.0.to_string())),
            ("approved_at", given.map(|given| given.1.to_string())),
            ("approved_content", given.map(|given| given.2.to_owned())),
            ("amount", None),
            ("out_refund_no", None),
            ("created_at", None),
        ]
    }

    /// The fields in which this record differs from an earlier one.
    pub(crate) fn changes_since(&self, earlier: &Self) -> Vec<Field> {
        let pairs = self.changeable().into_iter().zip(earlier.changeable());
        pairs
            .filter(|(new, old)| new.1 != old.1)
            .map(|(new, _)| new)
            .collect()
    }

    /// All fields of a new record that are not empty, and the request it was made of.
    pub(crate) fn first_fields(&self) -> Vec<Field> {
        let mut fields: Vec<Field> = self
            .changeable()
            .into_iter()
            .filter(|(_, value)| value.is_some())
            .collect();
        fields.push(("amount", text(Some(self.content.amount))));
        fields.push(("out_refund_no", text(Some(&self.out_refund_no))));
        fields.push(("created_at", text(Some(self.created_at))));
        fields
    }

    fn set(&mut self, name: &str, value: Option<&str>) -> Option<()> {
        fn read<T: std::str::FromStr>(value: Option<&str>) -> Option<Option<T>> {
            value
                .map(|v| v.parse().ok())
                .map_or(Some(None), |parsed| parsed.map(Some))
        }
        match name {
            "out_trade_no" => self.content.order.out_trade_no = read(value)?,
            "transaction_id" => self.content.order.transaction_id = read(value)?,
            "payment_id" => self.payment_id = read(value)?,
            "total" => {
                let fen: Option<i64> = read(value)?;
                self.total = fen.map(Fen::new).transpose().ok()?;
            }
            "status" => self.status = Status::parse(value?)?,
            "pending_reason" => {
                self.pending_reason = match value {
                    Some(v) => Some(PendingReason::parse(v)?),
                    None => None,
                };
            }
            "requested_by" => self.requested_by = read(value)?,
            "refund_id" => self.refund_id = read(value)?,
            "user_received_account" => self.user_received_account = value.map(str::to_owned),
            "contradictions" => self.contradictions = value.map(str::to_owned),
            "refusal_unconfirmed" => self.refusal_unconfirmed = value == Some("true"),
            "attempts" => self.attempts = read(value)??,
            "waits" => self.waits = read(value)??,
            "submitted_at" => self.submitted_at = read(value)?,
            "last_attempt_at" => self.last_attempt_at = read(value)?,
            "elsewhere_at" => self.elsewhere_at = read(value)?,
            "elsewhere_open" => self.elsewhere_open = value == Some("true"),
            "succeeded_at" => self.succeeded_at = read(value)?,
            "ended_at" => self.ended_at = read(value)?,
            "amount" => self.content.amount = Fen::new(read(value)??).ok()?,
            "out_refund_no" => self.out_refund_no = read(value)??,
            "created_at" => self.created_at = read(value)??,
            "approval" | "approval_until" | "approved_by" | "approved_at" | "approved_content" => {
                return self.approval.set(name, value);
            }
            _ => return self.set_note(name, value),
        }
        Some(())
    }

    fn set_note(&mut self, name: &str, value: Option<&str>) -> Option<()> {
        let blank = ErrorNote {
            code: String::new(),
            message: String::new(),
            source: ErrorSource::Engine,
            advice: String::new(),
        };
        match (name, value) {
            ("attention" | "attention_since", None) => self.attention = None,
            ("attention", Some(v)) => {
                let reason = AttentionReason::parse(v)?;
                let since = self.attention.map_or(Timestamp::UNIX_EPOCH, |a| a.since);
                self.attention = Some(Attention { reason, since });
            }
            ("attention_since", Some(v)) => {
                let attention = self.attention?;
                self.attention = Some(Attention {
                    since: v.parse().ok()?,
                    ..attention
                });
            }
            ("error_code" | "error_message" | "error_source" | "error_advice", None) => {
                self.error = None;
            }
            ("error_code", Some(v)) => self.error.get_or_insert(blank).code = v.to_owned(),
            ("error_message", Some(v)) => self.error.get_or_insert(blank).message = v.to_owned(),
            ("error_advice", Some(v)) => self.error.get_or_insert(blank).advice = v.to_owned(),
            ("error_source", Some(v)) => {
                self.error.get_or_insert(blank).source = ErrorSource::parse(v)?;
            }
            _ => return name.starts_with("note.").then_some(()),
        }
        Some(())
    }
}

/// Folds a refund's events, oldest first, over `any` record of the same refund (only what never
/// changes is taken from it) and gives the record after the last event.
///
/// # Errors
/// [`ReplayError`] when the numbers have a gap or a field cannot be read.
pub fn replay(any: &Refund, events: &[Event]) -> Result<Refund, ReplayError> {
    let mut record = any.clone();
    for (name, _) in any.changeable() {
        let empty = match name {
            "attempts" | "waits" => Some("0"),
            "status" | "amount" | "out_refund_no" | "created_at" => continue,
            _ => None,
        };
        record.set(name, empty).ok_or(ReplayError::Field {
            seq: 0,
            name: name.to_owned(),
        })?;
    }
    record.version = 0;
    for event in events {
        let expected = record.version.saturating_add(1);
        if event.seq != expected {
            return Err(ReplayError::Gap {
                expected,
                found: event.seq,
            });
        }
        for (name, value) in &event.detail {
            record
                .set(name, value.as_deref())
                .ok_or_else(|| ReplayError::Field {
                    seq: event.seq,
                    name: (*name).to_owned(),
                })?;
        }
        record.version = event.seq;
    }
    Ok(record)
}
