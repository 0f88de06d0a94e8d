//! How a statement goes the ways into the refunds: each condition is that of one index, and the
//! order is the index's too. Nothing else gives both as cheaply, so the planner takes it. Where few rows
//! are known to be, which no statistics know, `OFFSET` is a fence: they are found first, and what else
//! is asked is compared behind it.

use crate::search::way::Way;

/// Where the rows of a way are; `m` is the merchant that is walked.
pub(super) const fn source(way: Way) -> &'static str {
    match way {
        Way::Picked => {
            "unnest($6::TEXT[]) AS k (id)
             CROSS JOIN LATERAL (SELECT * FROM refunds WHERE id = k.id OFFSET 0) r
             WHERE r.merchant = ANY ($1)"
        }
        Way::Amounts => {
            "(SELECT * FROM refunds
              WHERE merchant = m.merchant AND amount BETWEEN $10 AND $11 OFFSET 0) r
             WHERE TRUE"
        }
        Way::Amount => "refunds r WHERE r.merchant = m.merchant AND r.amount = $6",
        Way::Error => {
            "refunds r
             WHERE r.merchant = m.merchant AND r.error_code IS NOT NULL AND r.error_code = $6"
        }
        Way::Attention => "refunds r WHERE r.merchant = m.merchant AND r.attention IS NOT NULL",
        Way::Origin => {
            "refunds r WHERE r.merchant = m.merchant AND r.origin <> 'api' AND r.origin = $6"
        }
        Way::Failed => {
            "refunds r
             WHERE r.merchant = m.merchant
               AND r.status IN ('settled_offline', 'closed', 'rejected', 'cancelled')"
        }
        Way::Open => "refunds r WHERE r.merchant = m.merchant AND r.ended_at IS NULL",
        Way::Created => "refunds r WHERE r.merchant = m.merchant",
    }
}
