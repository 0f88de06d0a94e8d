//! Which refunds a number or a range of amounts can mean, while they are few.

use tuikuan_domain::MerchantName;

use super::names;
use crate::error::ReadError;
use crate::postgres::Postgres;
use crate::postgres::reads::{text, texts, whole};
use crate::search::plan::FEW;
use crate::search::{NumberText, RefundSearch};

type Read<T> = Result<T, ReadError>;

/// What is behind a number.
pub(super) enum Candidates {
    /// The ids of these refunds.
    Few(Vec<String>),
    /// More than are picked one by one.
    Many,
}

/// Each part finds refunds by one number, in an index.
pub(super) const BY_NUMBER: &str = "
    (SELECT id FROM refunds WHERE id = $1 LIMIT $3)
    UNION ALL
    (SELECT id FROM refunds WHERE refund_id = $1 LIMIT $3)
    UNION ALL
    (SELECT id FROM refunds WHERE payment_id = $1 LIMIT $3)
    UNION ALL
    (SELECT r.id FROM payments p JOIN refunds r ON r.payment_id = p.id
     WHERE p.transaction_id = $1 LIMIT $3)
    UNION ALL
    (SELECT id FROM refunds WHERE transaction_id = $1 AND payment_id IS NULL LIMIT $3)
    UNION ALL
    (SELECT id FROM refunds WHERE out_refund_no >= $1 AND out_refund_no < $2 LIMIT $3)
    UNION ALL
    (SELECT r.id FROM payments p JOIN refunds r ON r.payment_id = p.id
     WHERE p.out_trade_no >= $1 AND p.out_trade_no < $2 LIMIT $3)
    UNION ALL
    (SELECT id FROM refunds
     WHERE payment_id IS NULL AND out_trade_no >= $1 AND out_trade_no < $2 LIMIT $3)";

/// How many refunds are in a range of amounts, counted up to a limit.
pub(super) const AMOUNTS: &str = "
    SELECT count(*) FROM (
        SELECT 1 FROM unnest($1::TEXT[]) AS m (merchant) CROSS JOIN LATERAL (
            SELECT 1 FROM refunds r
            WHERE r.merchant = m.merchant AND r.amount BETWEEN $2 AND $3 LIMIT $4) r
        LIMIT $4) found";

impl Postgres {
    /// The refunds that a number can mean, of any merchant: who may see them is asked of each.
    pub(super) async fn by_number(&self, number: &NumberText) -> Read<Candidates> {
        let (begin, end) = (number.as_str(), number.end());
        let limit = i64::from(FEW).saturating_add(1);
        let values = [text(&begin), text(&end), whole(&limit)];
        let ids = self.planned(BY_NUMBER, &values, |row| row.get::<String>(0));
        let mut ids = ids.await?;
        if u32::try_from(ids.len()).is_ok_and(|found| found > FEW) {
            return Ok(Candidates::Many);
        }
        // One may have it in two places.
        ids.sort_unstable();
        ids.dedup();
        Ok(Candidates::Few(ids))
    }

    /// Whether a range of amounts was asked for in which few refunds are.
    pub(super) async fn by_amount(
        &self,
        search: &RefundSearch,
        merchants: &[MerchantName],
    ) -> Read<bool> {
        if search.amount_from == search.amount_to {
            return Ok(false);
        }
        let names = names(merchants);
        let least = search.amount_from.map_or(0, |fen| fen.get());
        let most = search.amount_to.map_or(i64::MAX, |fen| fen.get());
        let limit = i64::from(FEW).saturating_add(1);
        let values = [texts(&names), whole(&least), whole(&most), whole(&limit)];
        let there = self.planned(AMOUNTS, &values, |row| row.get::<i64>(0));
        Ok(there.await?.iter().sum::<i64>() <= i64::from(FEW))
    }
}
