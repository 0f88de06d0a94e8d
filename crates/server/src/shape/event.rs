//! The shape of a line of history.

use serde::{Serialize, Serializer};
use tuikuan_store::StoredEvent;
use utoipa::ToSchema;

use crate::shape::Time;

/// One line of a refund's history.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventBody<'a> {
    /// 1, 2, 3 ... for each refund, without gaps.
    pub seq: i64,
    /// What kind of line.
    #[serde(rename = "type")]
    #[schema(example = "refund.processing")]
    pub kind: &'static str,
    /// The status after it; null when it changed none.
    #[schema(required = true)]
    pub status: Option<&'static str>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Time,
    /// Where it came from: `api`, `console`, `cli`, `batch`, `reply`, `query`, `notification`,
    /// `bill` or `engine`.
    pub source: &'static str,
    /// The fields that changed with their new text, and notes (`note.` ...).
    #[schema(value_type = std::collections::HashMap<String, Option<String>>)]
    pub detail: Detail<'a>,
    /// The refund.
    #[schema(value_type = String)]
    pub refund: &'a str,
    /// Its merchant.
    pub merchant: &'a str,
    /// Its place among all events; the id in the event stream.
    pub position: i64,
}

impl<'a> EventBody<'a> {
    pub(crate) fn of(event: &'a StoredEvent) -> Self {
        Self {
            seq: event.seq,
            kind: event.kind.type_name(),
            status: event.status.map(|status| status.as_str()),
            at: Time(event.at),
            source: event.source.as_str(),
            detail: Detail(&event.detail),
            refund: event.refund_id.as_str(),
            merchant: event.merchant.as_str(),
            position: event.position,
        }
    }
}

/// The detail of an event, as one object.
#[derive(Debug)]
pub struct Detail<'a>(&'a [(String, Option<String>)]);

impl Serialize for Detail<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.0
                .iter()
                .map(|(name, value)| (name, Text { name, value })),
        )
    }
}

/// A value of a detail: amounts and counts are integers, all else is text.
struct Text<'a> {
    name: &'a str,
    value: &'a Option<String>,
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let counted = matches!(
            self.name,
            "amount" | "total" | "attempts" | "waits" | "note.reported_amount"
        );
        match self
            .value
            .as_deref()
            .filter(|_| counted)
            .and_then(|text| text.parse::<i64>().ok())
        {
            Some(number) => serializer.serialize_i64(number),
            None => self.value.serialize(serializer),
        }
    }
}
