//! The list of deliveries to an endpoint, filtered.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use crate::delivery::{Delivery, DeliveryFilter, DeliveryStatus};
use crate::error::ReadError;
use crate::rows;
use crate::select::LIST_MAX;
use crate::sqlite::read::many;

const HEAD: &str = "
    SELECT d.id, d.endpoint_id, d.refund_id, d.seq, d.event_type, d.body, d.status, d.attempts,
        d.last_status, d.last_error, d.created_at, d.delivered_at, j.due_at
    FROM deliveries d";
/// Few are dead, and they stand in an index of their own; of the others the newest are wanted.
const DEAD: &str = " INDEXED BY deliveries_dead";
const ANY: &str = " INDEXED BY deliveries_endpoint";
const RANGE: &str = " LEFT JOIN jobs j ON j.key = 'delivery:' || d.id
    WHERE d.endpoint_id = ?1 AND d.id < ?2 AND (?3 IS NULL OR d.status = ?3)
        AND d.created_at >= ?4 AND d.created_at < ?5";
const IS_DEAD: &str = " AND d.status = 'dead'";
const TAIL: &str = " ORDER BY d.id DESC LIMIT ?6";

pub(super) fn deliveries(
    c: &Connection,
    filter: &DeliveryFilter,
) -> Result<Vec<Delivery>, ReadError> {
    let dead = filter.status == Some(DeliveryStatus::Dead);
    let sql = match dead {
        true => [HEAD, DEAD, RANGE, IS_DEAD, TAIL].concat(),
        false => [HEAD, ANY, RANGE, TAIL].concat(),
    };
    let values = params![
        filter.endpoint.as_str(),
        // Greater than every id.
        filter.before.as_ref().map_or("~", |id| id.as_str()),
        filter.status.map(DeliveryStatus::as_str),
        filter.from.map_or(i64::MIN, Timestamp::as_microsecond),
        filter.to.map_or(i64::MAX, Timestamp::as_microsecond),
        filter.limit.clamp(1, LIST_MAX),
    ];
    many(c, &sql, values, rows::delivery)
}
