//! The shapes of webhook endpoints and of the messages to them.

use serde::Serialize;
use tuikuan_store::{Delivery, Endpoint};
use utoipa::ToSchema;

use crate::shape::Time;

/// A webhook endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub struct EndpointBody<'a> {
    /// Its id.
    pub id: &'a str,
    /// Whose refunds it hears of.
    pub merchant: &'a str,
    /// Where messages go.
    pub url: &'a str,
    /// Whether messages are made and sent.
    pub enabled: bool,
    /// Why it is switched off.
    #[schema(required = true)]
    pub disabled_reason: Option<&'a str>,
    /// Since when every try has failed.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    pub failing_since: Option<Time>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Time,
    /// The signing secret (`whsec_...`), only in the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<&'a str>,
}

impl<'a> EndpointBody<'a> {
    pub(crate) fn of(endpoint: &'a Endpoint) -> Self {
        Self {
            id: endpoint.id.as_str(),
            merchant: endpoint.merchant.as_str(),
            url: &endpoint.url,
            enabled: endpoint.enabled,
            disabled_reason: endpoint.disabled_reason.as_deref(),
            failing_since: endpoint.failing_since.map(Time),
            created_at: Time(endpoint.created_at),
            secret: None,
        }
    }
}

/// A message to an endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Delivery)]
pub struct DeliveryBody<'a> {
    /// Its id: the `webhook-id` of every try.
    pub id: &'a str,
    /// The refund it tells of.
    pub refund: &'a str,
    /// The number of the event.
    pub seq: i64,
    /// The type of the event.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// `pending`, `delivered` or `dead`.
    pub status: &'static str,
    /// Tries so far.
    pub attempts: u32,
    /// The receiver's HTTP status at the last try.
    #[schema(required = true)]
    pub last_status: Option<u16>,
    /// What went wrong last.
    #[schema(required = true)]
    pub last_error: Option<&'a str>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Time,
    /// When the receiver took it.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    pub delivered_at: Option<Time>,
    /// When it is tried next.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    pub next_at: Option<Time>,
}

impl<'a> DeliveryBody<'a> {
    pub(crate) fn of(delivery: &'a Delivery) -> Self {
        Self {
            id: delivery.id.as_str(),
            refund: delivery.refund_id.as_str(),
            seq: delivery.seq,
            kind: &delivery.event_type,
            status: delivery.status.as_str(),
            attempts: delivery.attempts,
            last_status: delivery.last_status,
            last_error: delivery.last_error.as_deref(),
            created_at: Time(delivery.created_at),
            delivered_at: delivery.delivered_at.map(Time),
            next_at: delivery.next_at.map(Time),
        }
    }
}
