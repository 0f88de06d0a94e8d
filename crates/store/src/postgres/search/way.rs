//! How a statement goes the ways into the refunds: each condition is that of one index, and the
//! order is the index's too. Nothing else can give both as cheaply, so the planner takes it.

use crate::search::way::Way;

/// The condition of a way, behind `FROM refunds r`; `m` is the merchant that is walked.
pub(super) const fn condition(way: Way) -> &'static str {
    match way {
        Way::Picked => "WHERE r.id = ANY ($6) AND r.merchant = ANY ($1)",
        Way::Amounts => "WHERE r.merchant = m.merchant AND r.amount BETWEEN $10 AND $11",
        Way::Amount => "WHERE r.merchant = m.merchant AND r.amount = $6",
        Way::Error => {
            "WHERE r.merchant = m.merchant AND r.error_code IS NOT NULL AND r.error_code = $6"
        }
        Way::Attention => "WHERE r.merchant = m.merchant AND r.attention IS NOT NULL",
        Way::Origin => "WHERE r.merchant = m.merchant AND r.origin <> 'api' AND r.origin = $6",
        Way::Failed => {
            "WHERE r.merchant = m.merchant
               AND r.status IN ('settled_offline', 'closed', 'rejected', 'cancelled')"
        }
        Way::Open => "WHERE r.merchant = m.merchant AND r.ended_at IS NULL",
        Way::Created => "WHERE r.merchant = m.merchant",
    }
}
