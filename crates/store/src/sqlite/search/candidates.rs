//! Which refunds a number or a range of amounts can mean, while they are few.

use rusqlite::{Connection, params};
use tuikuan_domain::MerchantName;

use crate::error::ReadError;
use crate::search::plan::FEW;
use crate::search::{NumberText, RefundSearch};
use crate::sqlite::read::{many, one};

type Read<T> = Result<T, ReadError>;

/// What is behind a number.
pub(super) enum Candidates {
    /// The ids of these refunds.
    Few(Vec<String>),
    /// More than are picked one by one.
    Many,
}

/// Each finds refunds by one number, in an index.
pub(super) const BY_NUMBER: [&str; 8] = [
    "SELECT id FROM refunds WHERE id = ?1 AND ?2 > ?1 LIMIT ?3",
    "SELECT id FROM refunds WHERE refund_id = ?1 AND refund_id IS NOT NULL AND ?2 > ?1 LIMIT ?3",
    "SELECT id FROM refunds WHERE payment_id = ?1 AND payment_id IS NOT NULL AND ?2 > ?1 LIMIT ?3",
    "SELECT r.id FROM payments p JOIN refunds r ON r.payment_id = p.id
     WHERE p.transaction_id = ?1 AND p.transaction_id IS NOT NULL AND ?2 > ?1 LIMIT ?3",
    "SELECT id FROM refunds
     WHERE transaction_id = ?1 AND transaction_id IS NOT NULL AND payment_id IS NULL AND ?2 > ?1
     LIMIT ?3",
    "SELECT id FROM refunds WHERE out_refund_no >= ?1 AND out_refund_no < ?2 LIMIT ?3",
    "SELECT r.id FROM payments p JOIN refunds r ON r.payment_id = p.id
     WHERE p.out_trade_no >= ?1 AND p.out_trade_no < ?2 LIMIT ?3",
    "SELECT id FROM refunds
     WHERE payment_id IS NULL AND out_trade_no >= ?1 AND out_trade_no < ?2 LIMIT ?3",
];

/// The refunds that a number can mean, of any merchant: who may see them is asked of each.
pub(super) fn by_number(c: &Connection, number: &NumberText) -> Read<Candidates> {
    let mut ids = Vec::new();
    for sql in BY_NUMBER {
        let found = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        let limit = FEW.saturating_sub(found).saturating_add(1);
        let values = params![number.as_str(), number.end(), limit];
        ids.extend(many(c, sql, values, |row| row.get::<String>(0))?);
        if u32::try_from(ids.len()).is_ok_and(|found| found > FEW) {
            return Ok(Candidates::Many);
        }
    }
    Ok(Candidates::Few(ids))
}

/// How many refunds are in a range of amounts, counted up to a limit.
pub(super) const AMOUNTS: &str = "
    SELECT count(*) FROM (
        SELECT 1 FROM refunds INDEXED BY refunds_amount
        WHERE merchant = ?1 AND amount BETWEEN ?2 AND ?3 LIMIT ?4)";

/// Whether a range of amounts was asked for in which few refunds are.
pub(super) fn by_amount(
    c: &Connection,
    search: &RefundSearch,
    merchants: &[MerchantName],
) -> Read<bool> {
    if search.amount_from == search.amount_to {
        return Ok(false);
    }
    let mut left = i64::from(FEW);
    for merchant in merchants {
        let values = params![
            merchant.as_str(),
            search.amount_from.map_or(0, |fen| fen.get()),
            search.amount_to.map_or(i64::MAX, |fen| fen.get()),
            left.saturating_add(1),
        ];
        let there: i64 = one(c, AMOUNTS, values, |row| row.get(0))?.unwrap_or(0);
        left = left.saturating_sub(there);
        if left < 0 {
            return Ok(false);
        }
    }
    Ok(true)
}
