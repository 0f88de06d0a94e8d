//! What belongs to one refund or one order.

use rusqlite::{Connection, params};
use tuikuan_domain::{Payment, RefundId};

use super::Sqlite;
use super::read::many;
use crate::delivery::Delivery;
use crate::error::ReadError;
use crate::records::InboxRecord;
use crate::rows::{self, inbox_columns, payment_columns};
use crate::search::NumberText;
use crate::select::{LIST_MAX, Merchants};

type Read<T> = Result<T, ReadError>;

const DELIVERIES: &str = "
    SELECT d.id, d.endpoint_id, d.refund_id, d.seq, d.event_type, d.body, d.status, d.attempts,
        d.last_status, d.last_error, d.created_at, d.delivered_at, j.due_at
    FROM deliveries d LEFT JOIN jobs j ON j.key = 'delivery:' || d.id
    WHERE d.refund_id = ?1 ORDER BY d.id LIMIT ?2";

const NOTIFICATIONS: &str = concat!(
    "SELECT ",
    inbox_columns!(),
    " FROM inbox WHERE refund_id = ?1 AND refund_id IS NOT NULL ORDER BY number LIMIT ?2"
);

/// All statements here, for the test of their plans.
#[cfg(test)]
pub(super) const STATEMENTS: [&str; 5] = [DELIVERIES, NOTIFICATIONS, UNDER[0], UNDER[1], UNDER[2]];

fn deliveries_of(c: &Connection, refund: &RefundId) -> Read<Vec<Delivery>> {
    many(
        c,
        DELIVERIES,
        params![refund.as_str(), LIST_MAX],
        rows::delivery,
    )
}

fn notifications_of(c: &Connection, refund: &RefundId) -> Read<Vec<InboxRecord>> {
    many(
        c,
        NOTIFICATIONS,
        params![refund.as_str(), LIST_MAX],
        rows::inbox,
    )
}

/// Each finds payments by one number, in an index.
const UNDER: [&str; 3] = [
    concat!(
        "SELECT ",
        payment_columns!(),
        " FROM payments p WHERE p.out_trade_no = ?1 LIMIT ?2"
    ),
    concat!(
        "SELECT ",
        payment_columns!(),
        " FROM payments p WHERE p.transaction_id = ?1 AND p.transaction_id IS NOT NULL LIMIT ?2"
    ),
    concat!(
        "SELECT ",
        payment_columns!(),
        " FROM payments p WHERE p.id = ?1 LIMIT ?2"
    ),
];

fn payments_under(c: &Connection, number: &NumberText, allowed: &Merchants) -> Read<Vec<Payment>> {
    let mut found: Vec<Payment> = Vec::new();
    for sql in UNDER {
        let payments = many(c, sql, params![number.as_str(), LIST_MAX], rows::payment)?;
        for payment in payments {
            let known = found.iter().any(|other| other.id == payment.id);
            if allowed.allows(&payment.merchant) && !known {
                found.push(payment);
            }
        }
    }
    Ok(found)
}

impl Sqlite {
    pub(crate) async fn deliveries_of(&self, refund: &RefundId) -> Read<Vec<Delivery>> {
        let refund = refund.clone();
        self.read_aside(move |c| deliveries_of(c, &refund)).await
    }

    pub(crate) async fn notifications_of(&self, refund: &RefundId) -> Read<Vec<InboxRecord>> {
        let refund = refund.clone();
        self.read_aside(move |c| notifications_of(c, &refund)).await
    }

    pub(crate) async fn payments_under(
        &self,
        number: &NumberText,
        allowed: &Merchants,
    ) -> Read<Vec<Payment>> {
        let (number, allowed) = (number.clone(), allowed.clone());
        self.read_aside(move |c| payments_under(c, &number, &allowed))
            .await
    }
}
