//! The shapes of bodies, as the OpenAPI document describes them and scripts rely on them: snake
//! case, amounts in fen, times RFC 3339. Names are never changed, only added to.

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

mod batch;
mod event;
mod payment;
mod reconciliation;
mod refund;
mod webhook;

pub use batch::{BatchBody, BatchCountBody, BatchErrorBody, BatchLineBody};
pub use event::{Detail, EventBody};
pub use payment::PaymentBody;
pub use reconciliation::{BillBody, CountBody, DifferenceBody, ReconciliationBody, fee};
pub use refund::{AttentionBody, ErrorBody, Next, RefundBody};
pub use webhook::{DeliveryBody, EndpointBody};

/// The only currency of these merchants.
pub(crate) const CURRENCY: &str = "CNY";

/// A time as RFC 3339 text in UTC.
#[derive(Debug, Clone, Copy)]
pub struct Time(pub Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// What is on the page.
    pub data: Vec<T>,
    /// Where the next page begins, for the parameter `cursor`; null on the last page.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
}
