//! How a statement goes the ways into the refunds: each index named outright, so that no statistics
//! lead elsewhere, with the condition that makes it usable.

use rusqlite::types::Value;

use crate::search::RefundSearch;
use crate::search::way::{Key, Way};

/// The way and its condition, behind `FROM refunds r`.
pub(super) const fn condition(way: Way) -> &'static str {
    match way {
        Way::Picked => {
            "WHERE r.id IN (SELECT value FROM json_each(?6))
                   AND (?1 IS NULL OR r.merchant IN (SELECT value FROM json_each(?1)))"
        }
        Way::Amounts => {
            "INDEXED BY refunds_amount
                 WHERE r.merchant = ?1 AND r.amount BETWEEN ?10 AND ?11 AND ?6 IS NULL"
        }
        Way::Amount => "INDEXED BY refunds_amount WHERE r.merchant = ?1 AND r.amount = ?6",
        Way::Error => {
            "INDEXED BY refunds_error
                 WHERE r.merchant = ?1 AND r.error_code IS NOT NULL AND r.error_code = ?6"
        }
        Way::Attention => {
            "INDEXED BY refunds_attention
                 WHERE r.merchant = ?1 AND r.attention IS NOT NULL AND ?6 IS NULL"
        }
        Way::Origin => {
            "INDEXED BY refunds_origin
                 WHERE r.merchant = ?1 AND r.origin <> 'api' AND r.origin = ?6"
        }
        Way::Failed => {
            "INDEXED BY refunds_failed
                 WHERE r.merchant = ?1 AND ?6 IS NULL
                   AND r.ended_at IS NOT NULL AND r.status <> 'succeeded'"
        }
        Way::Open => {
            "INDEXED BY refunds_open
                 WHERE r.merchant = ?1 AND r.ended_at IS NULL AND ?6 IS NULL"
        }
        Way::Created => "INDEXED BY refunds_created WHERE r.merchant = ?1 AND ?6 IS NULL",
    }
}

/// What the index is asked for beside the merchant.
pub(super) fn key(way: Way, search: &RefundSearch) -> Value {
    match way.key(search) {
        Key::None => Value::Null,
        Key::Whole(whole) => Value::Integer(whole),
        Key::Text(text) => Value::Text(text.to_owned()),
    }
}
