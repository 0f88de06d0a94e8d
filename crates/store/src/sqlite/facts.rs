//! What is known about the lines of a file: the payments of their orders, the refunds of their
//! numbers, and what was refunded before. All of it at one instant.

use rusqlite::{Connection, params};
use tuikuan_domain::batch::{Facts, KnownPayment, KnownRefund, Line};
use tuikuan_domain::{OrderRef, RefundId, Status};
use tuikuan_terms::MchId;

use super::batches::{corrupt, fen, parsed, parsed_maybe, time, time_maybe};
use crate::batch::FactsWanted;
use crate::error::ReadError;
use crate::rows::Row;
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
        look_back(c, (line, &id), wanted, &mut facts)?;
    }
    Ok(facts)
}

fn known_refund(c: &Connection, line: &Line, mch_id: &MchId) -> Read<Option<KnownRefund>> {
    let sql = "SELECT id, status, amount, out_trade_no, transaction_id, reason FROM refunds
               WHERE out_refund_no = ?1 AND mch_id = ?2";
    let key = [line.out_refund_no.as_str(), mch_id.as_str()];
    one(c, sql, key, |row| {
        let status: String = row.get(1)?;
        Ok(KnownRefund {
            id: parsed(&row.get::<String>(0)?)?,
            status: Status::parse(&status).ok_or_else(corrupt)?,
            amount: fen(row.get(2)?)?,
            order: OrderRef {
                out_trade_no: parsed_maybe(row, 3)?,
                transaction_id: parsed_maybe(row, 4)?,
            },
            reason: row.get(5)?,
        })
    })
}

fn known_payment(
    c: &Connection,
    line: &Line,
    wanted: &FactsWanted,
) -> Read<Option<(String, KnownPayment)>> {
    let mch_id = wanted.mch_id.as_str();
    if let Some(number) = &line.order.out_trade_no {
        let sql = "SELECT id, out_trade_no, transaction_id, total - reserved - spent - external,
                       refunds, paid_at
                   FROM payments
                   WHERE out_trade_no = ?1 AND mch_id = ?2 AND sub_mch_id = ?3";
        let sub = wanted.sub_mch_id.as_ref().map_or("", |sub| sub.as_str());
        let found = one(c, sql, [number.as_str(), mch_id, sub], payment)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    let Some(id) = &line.order.transaction_id else {
        return Ok(None);
    };
    let sql = "SELECT id, out_trade_no, transaction_id, total - reserved - spent - external,
                   refunds, paid_at
               FROM payments WHERE transaction_id = ?1 AND mch_id = ?2";
    one(c, sql, [id.as_str(), mch_id], payment)
}

fn payment(row: Row<'_>) -> Read<(String, KnownPayment)> {
    let known = KnownPayment {
        out_trade_no: parsed(&row.get::<String>(1)?)?,
        transaction_id: parsed_maybe(row, 2)?,
        refundable: fen(row.get(3)?)?,
        refunds: row.get(4)?,
        paid_at: time_maybe(row.get(5)?)?,
    };
    Ok((row.get(0)?, known))
}

/// The order has refunds: whether one is this line's under the order's other number, and whether one
/// is of the same amount and recent.
fn look_back(
    c: &Connection,
    (line, payment_id): (&Line, &str),
    wanted: &FactsWanted,
    facts: &mut Facts,
) -> Read<()> {
    let other = other_number(line, wanted, facts.payment.as_ref());
    let sql = "SELECT id, out_refund_no, amount, created_at FROM refunds
               WHERE payment_id = ?1 AND status NOT IN ('closed', 'rejected', 'cancelled')
               LIMIT ?2";
    let past = many(c, sql, params![payment_id, LIST_MAX], |row| {
        let id: RefundId = parsed(&row.get::<String>(0)?)?;
        let (number, amount): (String, i64) = (row.get(1)?, row.get(2)?);
        Ok((id, number, amount, time(row.get(3)?)?))
    })?;
    for (id, number, amount, at) in past {
        if other.as_deref() == Some(number.as_str()) {
            facts.other = Some(id.clone());
        }
        if amount == line.amount.get() && at >= wanted.since {
            facts.same_amount = Some(id);
        }
    }
    Ok(())
}

fn other_number(
    line: &Line,
    wanted: &FactsWanted,
    payment: Option<&KnownPayment>,
) -> Option<String> {
    let payment = payment?;
    let order = line.other_order(&payment.out_trade_no, payment.transaction_id.as_ref())?;
    let number = (wanted.number_of)(&wanted.mch_id, wanted.sub_mch_id.as_ref(), &order);
    Some(number.as_str().to_owned())
}
