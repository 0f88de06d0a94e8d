//! The list of deliveries to an endpoint, filtered.

use jiff::Timestamp;

use crate::delivery::{Delivery, DeliveryFilter, DeliveryStatus};
use crate::error::ReadError;
use crate::postgres::Postgres;
use crate::postgres::reads::{text, whole};
use crate::rows;
use crate::select::LIST_MAX;

const HEAD: &str = "
    SELECT d.id, d.endpoint_id, d.refund_id, d.seq, d.event_type, d.body, d.status, d.attempts,
        d.last_status, d.last_error, d.created_at, d.delivered_at, j.due_at
    FROM deliveries d LEFT JOIN jobs j ON j.key = 'delivery:' || d.id
    WHERE d.endpoint_id = $1 AND d.id < $2 AND ($3 IS NULL OR d.status = $3)
        AND d.created_at >= $4 AND d.created_at < $5";
/// Few are dead, and they stand in an index of their own, whose condition this repeats; of the others
/// the newest are wanted.
const IS_DEAD: &str = " AND d.status = 'dead'";
const TAIL: &str = " ORDER BY d.id DESC LIMIT $6";

impl Postgres {
    pub(crate) async fn deliveries(
        &self,
        filter: DeliveryFilter,
    ) -> Result<Vec<Delivery>, ReadError> {
        let dead = match filter.status {
            Some(DeliveryStatus::Dead) => IS_DEAD,
            Some(_) | None => "",
        };
        let endpoint = filter.endpoint.as_str();
        // Greater than every id.
        let before = filter.before.as_ref().map_or("~", |id| id.as_str());
        let status = filter.status.map(DeliveryStatus::as_str);
        let from = filter.from.map_or(i64::MIN, Timestamp::as_microsecond);
        let to = filter.to.map_or(i64::MAX, Timestamp::as_microsecond);
        let limit = i64::from(filter.limit.clamp(1, LIST_MAX));
        let values = [
            text(&endpoint),
            text(&before),
            text(&status),
            whole(&from),
            whole(&to),
            whole(&limit),
        ];
        let sql = [HEAD, dead, TAIL].concat();
        self.planned(&sql, &values, rows::delivery).await
    }
}
