//! What is known about the lines of a file: the payments of their orders, the refunds of their
//! numbers, and what was refunded before. All of it at one instant, and asked for all lines at once:
//! a statement for each line would cost a round trip for each.

use std::collections::HashMap;
use std::sync::Arc;

use tuikuan_domain::batch::{Facts, KnownPayment, KnownRefund, Line};

use crate::batch::{FactsWanted, PastRefund};
use crate::error::ReadError;
use crate::postgres::Postgres;
use crate::postgres::reads::Snapshot;
use crate::rows::Row;
use crate::rows::batches::{self as rows, known_payment_columns, known_refund_columns};
use crate::select::LIST_MAX;

type Read<T> = Result<T, ReadError>;

const REFUNDS: &str = concat!(
    "SELECT ",
    known_refund_columns!(),
    ", out_refund_no FROM refunds WHERE out_refund_no = ANY ($1) AND mch_id = $2"
);

const BY_NUMBER: &str = concat!(
    "SELECT ",
    known_payment_columns!(),
    ", out_trade_no
      FROM payments WHERE out_trade_no = ANY ($1) AND mch_id = $2 AND sub_mch_id = $3"
);

const BY_TRANSACTION: &str = concat!(
    "SELECT ",
    known_payment_columns!(),
    ", transaction_id FROM payments WHERE transaction_id = ANY ($1) AND mch_id = $2"
);

const PAST: &str = "
    SELECT r.id, r.out_refund_no, r.amount, r.created_at, r.payment_id
    FROM unnest($1::TEXT[]) AS p (id)
    CROSS JOIN LATERAL (
        SELECT id, out_refund_no, amount, created_at, payment_id FROM refunds
        WHERE payment_id = p.id AND status NOT IN ('closed', 'rejected', 'cancelled')
        LIMIT $2) AS r";

/// What the database holds about lines, by the number they name.
struct Known {
    refunds: HashMap<String, KnownRefund>,
    by_number: HashMap<String, (String, KnownPayment)>,
    by_transaction: HashMap<String, (String, KnownPayment)>,
    /// By the payment.
    past: HashMap<String, Vec<PastRefund>>,
}

impl Postgres {
    pub(crate) async fn batch_facts(&self, wanted: FactsWanted) -> Read<Vec<(Line, Facts)>> {
        let wanted = Arc::new(wanted);
        let known = self
            .at_one_instant(|seen| {
                let wanted = Arc::clone(&wanted);
                Box::pin(async move { known(seen, &wanted).await })
            })
            .await?;
        let lines = wanted.lines.iter();
        Ok(lines
            .map(|line| (line.clone(), known.of(line, &wanted)))
            .collect())
    }
}

impl Known {
    fn of(&self, line: &Line, wanted: &FactsWanted) -> Facts {
        let mut facts = Facts {
            refund: self.refunds.get(line.out_refund_no.as_str()).cloned(),
            ..Facts::default()
        };
        let Some((id, payment)) = self.payment(line) else {
            return facts;
        };
        facts.payment = Some(payment.clone());
        if let Some(past) = self.past.get(id) {
            wanted.look_back(line, &mut facts, past);
        }
        facts
    }

    fn payment(&self, line: &Line) -> Option<&(String, KnownPayment)> {
        let number = line.order.out_trade_no.as_ref();
        let found = number.and_then(|number| self.by_number.get(number.as_str()));
        let id = line.order.transaction_id.as_ref();
        found.or_else(|| id.and_then(|id| self.by_transaction.get(id.as_str())))
    }
}

async fn known(seen: &Snapshot<'_>, wanted: &FactsWanted) -> Read<Known> {
    let lines = || wanted.lines.iter();
    let mch_id = wanted.mch_id.as_str();
    let sub = wanted.sub_mch_id.as_ref().map_or("", |sub| sub.as_str());
    let numbers: Vec<&str> = lines().map(|line| line.out_refund_no.as_str()).collect();
    let refunds = seen
        .many(REFUNDS, values![numbers, mch_id], |row| {
            Ok((row.get(6)?, rows::known_refund(row)?))
        })
        .await?;
    let orders: Vec<&str> = lines()
        .filter_map(|line| line.order.out_trade_no.as_ref())
        .map(|number| number.as_str())
        .collect();
    let by_number = seen
        .many(BY_NUMBER, values![orders, mch_id, sub], payment_under)
        .await?;
    let transactions: Vec<&str> = lines()
        .filter_map(|line| line.order.transaction_id.as_ref())
        .map(|id| id.as_str())
        .collect();
    let by_transaction = seen
        .many(BY_TRANSACTION, values![transactions, mch_id], payment_under)
        .await?;
    let paid = by_number.iter().chain(&by_transaction);
    let mut refunded: Vec<&str> = paid
        .filter(|(_, (_, payment))| payment.refunds > 0)
        .map(|(_, (id, _))| id.as_str())
        .collect();
    // A payment may be found under both of its numbers.
    refunded.sort_unstable();
    refunded.dedup();
    let past = past(seen, &refunded).await?;
    Ok(Known {
        refunds: refunds.into_iter().collect(),
        by_number: by_number.into_iter().collect(),
        by_transaction: by_transaction.into_iter().collect(),
        past,
    })
}

/// A payment, and the number under which it was looked for.
fn payment_under(row: Row<'_>) -> Read<(String, (String, KnownPayment))> {
    Ok((row.get(6)?, rows::known_payment(row)?))
}

async fn past(seen: &Snapshot<'_>, payments: &[&str]) -> Read<HashMap<String, Vec<PastRefund>>> {
    let mut past: HashMap<String, Vec<PastRefund>> = HashMap::new();
    if payments.is_empty() {
        return Ok(past);
    }
    let values = values![payments, i64::from(LIST_MAX)];
    let found = seen
        .many(PAST, values, |row| {
            Ok((row.get::<String>(4)?, rows::past_refund(row)?))
        })
        .await?;
    for (payment, refund) in found {
        past.entry(payment).or_default().push(refund);
    }
    Ok(past)
}
