//! What is known about the lines of a file: the payments of their orders, the refunds of their
//! numbers, and what was refunded before. All of it at one instant.

use rusqlite::{Connection, params};
use tuikuan_domain::batch::{Facts, KnownPayment, KnownRefund, Line};
use tuikuan_terms::MchId;

use crate::batch::{FactsWanted, PastRefund};
use crate::error::ReadError;
use crate::rows::batches::{self as rows, known_payment_columns, known_refund_columns};
use crate::select::LIST_MAX;
use crate::sqlite::read::{many, one};

type Read<T> = Result<T, ReadError>;

pub(super) fn facts(c: &Connection, wanted: FactsWanted) -> Read<Vec<(Line, Facts)>> {
    // One state for all of them: a commit in between would show a refund beside sums without it.
    let snapshot = c.unchecked_transaction()?;
    let mut found = Vec::with_capacity(wanted.lines.len());
    for line in &wanted.lines {
        found.push(facts_of(c, line, &wanted)?);
    }
    snapshot.commit()?;
    Ok(wanted.lines.into_iter().zip(found).collect())
}

fn facts_of(c: &Connection, line: &Line, wanted: &FactsWanted) -> Read<Facts> {
    let refund = known_refund(c, line, &wanted.mch_id)?;
    let Some((id, payment)) = known_payment(c, line, wanted)? else {
        return Ok(Facts {
            refund,
            ..Facts::default()
        });
    };
    let mut facts = Facts {
        payment: Some(payment),
        refund,
        ..Facts::default()
    };
    if facts.payment.as_ref().is_some_and(|p| p.refunds > 0) {
        wanted.look_back(line, &mut facts, &past(c, &id)?);
    }
    Ok(facts)
}

fn known_refund(c: &Connection, line: &Line, mch_id: &MchId) -> Read<Option<KnownRefund>> {
    const SQL: &str = concat!(
        "SELECT ",
        known_refund_columns!(),
        " FROM refunds WHERE out_refund_no = ?1 AND mch_id = ?2"
    );
    let key = [line.out_refund_no.as_str(), mch_id.as_str()];
    one(c, SQL, key, rows::known_refund)
}

fn known_payment(
    c: &Connection,
    line: &Line,
    wanted: &FactsWanted,
) -> Read<Option<(String, KnownPayment)>> {
    const BY_NUMBER: &str = concat!(
        "SELECT ",
        known_payment_columns!(),
        " FROM payments WHERE out_trade_no = ?1 AND mch_id = ?2 AND sub_mch_id = ?3"
    );
    const BY_TRANSACTION: &str = concat!(
        "SELECT ",
        known_payment_columns!(),
        " FROM payments WHERE transaction_id = ?1 AND mch_id = ?2"
    );
    let mch_id = wanted.mch_id.as_str();
    if let Some(number) = &line.order.out_trade_no {
        let sub = wanted.sub_mch_id.as_ref().map_or("", |sub| sub.as_str());
        let key = [number.as_str(), mch_id, sub];
        let found = one(c, BY_NUMBER, key, rows::known_payment)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    let Some(id) = &line.order.transaction_id else {
        return Ok(None);
    };
    one(
        c,
        BY_TRANSACTION,
        [id.as_str(), mch_id],
        rows::known_payment,
    )
}

fn past(c: &Connection, payment_id: &str) -> Read<Vec<PastRefund>> {
    let sql = "SELECT id, out_refund_no, amount, created_at FROM refunds
               WHERE payment_id = ?1 AND status NOT IN ('closed', 'rejected', 'cancelled')
               LIMIT ?2";
    many(c, sql, params![payment_id, LIST_MAX], rows::past_refund)
}
