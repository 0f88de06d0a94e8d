//! What belongs to one refund or one order.

use tuikuan_domain::{Payment, RefundId};

use crate::delivery::Delivery;
use crate::error::ReadError;
use crate::postgres::Postgres;
use crate::records::InboxRecord;
use crate::rows::{self, inbox_columns, payment_columns};
use crate::search::NumberText;
use crate::select::{LIST_MAX, Merchants};

type Read<T> = Result<T, ReadError>;

pub(super) const DELIVERIES: &str = "
    SELECT d.id, d.endpoint_id, d.refund_id, d.seq, d.event_type, d.body, d.status, d.attempts,
        d.last_status, d.last_error, d.created_at, d.delivered_at, j.due_at
    FROM deliveries d LEFT JOIN jobs j ON j.key = 'delivery:' || d.id
    WHERE d.refund_id = $1 ORDER BY d.id LIMIT $2";

pub(super) const NOTIFICATIONS: &str = concat!(
    "SELECT ",
    inbox_columns!(),
    " FROM inbox WHERE refund_id = $1 ORDER BY number LIMIT $2"
);

/// Each part finds payments by one number, in an index.
pub(super) const UNDER: &str = concat!(
    "(SELECT ",
    payment_columns!(),
    " FROM payments p WHERE p.out_trade_no = $1 LIMIT $2) UNION ALL (SELECT ",
    payment_columns!(),
    " FROM payments p WHERE p.transaction_id = $1 LIMIT $2) UNION ALL (SELECT ",
    payment_columns!(),
    " FROM payments p WHERE p.id = $1 LIMIT $2)"
);

impl Postgres {
    pub(crate) async fn deliveries_of(&self, refund: &RefundId) -> Read<Vec<Delivery>> {
        let limit = i64::from(LIST_MAX);
        self.many(DELIVERIES, &[&refund.as_str(), &limit], rows::delivery)
            .await
    }

    pub(crate) async fn notifications_of(&self, refund: &RefundId) -> Read<Vec<InboxRecord>> {
        let limit = i64::from(LIST_MAX);
        self.many(NOTIFICATIONS, &[&refund.as_str(), &limit], rows::inbox)
            .await
    }

    pub(crate) async fn payments_under(
        &self,
        number: &NumberText,
        allowed: &Merchants,
    ) -> Read<Vec<Payment>> {
        let limit = i64::from(LIST_MAX);
        let payments = self
            .many(UNDER, &[&number.as_str(), &limit], rows::payment)
            .await?;
        let mut found: Vec<Payment> = Vec::new();
        for payment in payments {
            let known = found.iter().any(|other| other.id == payment.id);
            if allowed.allows(&payment.merchant) && !known {
                found.push(payment);
            }
        }
        Ok(found)
    }
}
