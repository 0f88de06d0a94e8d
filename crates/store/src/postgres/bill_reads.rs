//! Reading bills and differences.

use jiff::civil::Date;
use tuikuan_domain::reconcile::{Class, DifferenceState};
use tuikuan_domain::{DifferenceId, MerchantName, RefundId};

use crate::bill::{
    Bill, BillDay, Difference, DifferenceCount, DifferenceFilter, DifferencePage, OpenDay,
    SENT_STEP, Sent, SentCursor, SentWalk, SentWay,
};
use crate::error::ReadError;
use crate::job::PARKED;
use crate::postgres::Postgres;
use crate::rows::Columns;
use crate::rows::bills::{
    bill_columns, bill_row, count, difference_columns, difference_count, difference_row, open_day,
    sent_row,
};
use crate::select::{LIST_MAX, Merchants};

type Read<T> = Result<T, ReadError>;

const PAGE: &str = concat!(
    "SELECT ",
    difference_columns!(),
    " FROM differences d
      WHERE d.merchant = $1 AND d.day = $2 AND d.id > $3
        AND ($4::TEXT IS NULL OR d.class = $4) AND ($5::TEXT IS NULL OR d.state = $5)
      ORDER BY d.id LIMIT $6"
);

const SENT_PROMPT: &str = "
    SELECT r.created_at, r.id, r.out_refund_no, r.amount, r.status, r.last_attempt_at
    FROM refunds r
    WHERE r.merchant = $1 AND (r.created_at, r.id) > ($2, $3) AND r.created_at < $5
      AND r.last_attempt_at >= $4 AND r.last_attempt_at < $5
      AND r.last_attempt_at <= r.created_at + 3600000000
      AND r.refund_id IS NOT NULL AND r.origin NOT IN ('notification', 'bill')
    ORDER BY r.created_at, r.id LIMIT $6";

const SENT_LATE: &str = "
    SELECT r.last_attempt_at, r.id, r.out_refund_no, r.amount, r.status, r.last_attempt_at
    FROM refunds r
    WHERE r.merchant = $1 AND r.last_attempt_at >= $2 AND r.last_attempt_at < $5
      AND (r.last_attempt_at > $2 OR r.id > $3)
      AND r.last_attempt_at >= $4
      AND r.last_attempt_at > r.created_at + 3600000000
      AND r.refund_id IS NOT NULL AND r.origin NOT IN ('notification', 'bill')
    ORDER BY r.last_attempt_at, r.id LIMIT $6";

/// Bills.
impl Postgres {
    pub(crate) async fn bill_day(&self, bill: Bill) -> Read<Option<BillDay>> {
        const SQL: &str = concat!(
            "SELECT ",
            bill_columns!(),
            "$4) FROM bill_days b WHERE b.merchant = $1 AND b.day = $2 AND b.kind = $3"
        );
        let key = values![
            bill.merchant.as_str(),
            bill.day.to_string(),
            bill.kind.as_str(),
            PARKED
        ];
        self.one(SQL, key, bill_row).await
    }

    pub(crate) async fn bill_days(
        &self,
        allowed: Merchants,
        merchant: MerchantName,
        (from, to): (Date, Date),
    ) -> Read<Vec<BillDay>> {
        const SQL: &str = concat!(
            "SELECT ",
            bill_columns!(),
            "$4) FROM bill_days b WHERE b.merchant = $1 AND b.day BETWEEN $2 AND $3 \
             ORDER BY b.day, b.kind LIMIT $5"
        );
        if !allowed.allows(&merchant) {
            return Ok(Vec::new());
        }
        let range = values![
            merchant.as_str(),
            from.to_string(),
            to.to_string(),
            PARKED,
            i64::from(LIST_MAX)
        ];
        self.many(SQL, range, bill_row).await
    }

    pub(crate) async fn first_bill_day(&self, merchant: MerchantName) -> Read<Option<Date>> {
        let sql = "SELECT day FROM bill_days WHERE merchant = $1 AND NOT by_hand
                   ORDER BY day LIMIT 1";
        self.one(sql, values![merchant.as_str()], |row| {
            Columns::of(row, "bill").parsed()
        })
        .await
    }

    pub(crate) async fn refunds_sent(
        &self,
        merchant: MerchantName,
        day: Date,
        after: SentCursor,
    ) -> Read<Sent> {
        let walk = SentWalk::of(day, after);
        let sql = match walk.way {
            SentWay::Prompt => SENT_PROMPT,
            SentWay::Late => SENT_LATE,
        };
        let values = values![
            merchant.as_str(),
            walk.at,
            walk.id,
            walk.begin,
            walk.end,
            i64::from(SENT_STEP)
        ];
        Ok(walk.step(self.many(sql, values, sent_row).await?))
    }
}

/// Differences.
impl Postgres {
    pub(crate) async fn differences(&self, filter: DifferenceFilter) -> Read<DifferencePage> {
        if !filter.allowed.allows(&filter.merchant) {
            return Ok(DifferencePage {
                items: Vec::new(),
                next: None,
            });
        }
        let limit = filter.limit.clamp(1, LIST_MAX);
        let values = values![
            filter.merchant.as_str(),
            filter.day.to_string(),
            filter.after.as_ref().map_or("", DifferenceId::as_str),
            filter.class.map(Class::as_str),
            filter.state.map(DifferenceState::as_str),
            i64::from(limit.saturating_add(1)),
        ];
        let found = self.many(PAGE, values, difference_row).await?;
        Ok(DifferencePage::of(found, limit))
    }

    pub(crate) async fn difference(
        &self,
        allowed: Merchants,
        id: DifferenceId,
    ) -> Read<Option<Difference>> {
        const SQL: &str = concat!(
            "SELECT ",
            difference_columns!(),
            " FROM differences d WHERE d.id = $1"
        );
        let found = self.one(SQL, values![id.as_str()], difference_row).await?;
        Ok(found.filter(|difference| allowed.allows(&difference.merchant)))
    }

    pub(crate) async fn difference_counts(
        &self,
        allowed: Merchants,
        merchant: MerchantName,
        (from, to): (Date, Date),
    ) -> Read<Vec<DifferenceCount>> {
        if !allowed.allows(&merchant) {
            return Ok(Vec::new());
        }
        let sql = "SELECT day, class, state, count(*) FROM differences
                   WHERE merchant = $1 AND day BETWEEN $2 AND $3
                   GROUP BY day, class, state ORDER BY day, class, state";
        let range = values![merchant.as_str(), from.to_string(), to.to_string()];
        self.many(sql, range, difference_count).await
    }

    pub(crate) async fn differences_open(&self, allowed: Merchants) -> Read<u64> {
        let sql = "SELECT count(*) FROM differences
                   WHERE state = 'open' AND ($1::TEXT[] IS NULL OR merchant = ANY ($1))";
        let names = allowed.names();
        let found = self
            .one(sql, values![names], |row| row.get::<i64>(0))
            .await?;
        Ok(count(found.unwrap_or(0)))
    }

    pub(crate) async fn open_days(&self, merchant: MerchantName) -> Read<Vec<OpenDay>> {
        let sql = "SELECT day, count(*), min(found_at) FROM differences
                   WHERE merchant = $1 AND state = 'open'
                   GROUP BY day ORDER BY day LIMIT $2";
        let values = values![merchant.as_str(), i64::from(LIST_MAX)];
        self.many(sql, values, |row| open_day(row, &merchant)).await
    }

    pub(crate) async fn shown_elsewhere(&self, refund: RefundId, day: Date) -> Read<bool> {
        let sql = "SELECT 1 FROM differences
                   WHERE refund_id = $1 AND day <> $2 AND class = 'late_by_a_day'
                     AND state = 'healed' AND bill_amount IS NOT NULL
                   LIMIT 1";
        let row = values![refund.as_str(), day.to_string()];
        Ok(self.one(sql, row, |_| Ok(())).await?.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bill::PROMPT_US;

    #[test]
    fn the_index_and_the_walk_agree_on_what_is_prompt() {
        let migration = include_str!("migrations/V10__base.sql");
        for sql in [migration, SENT_PROMPT, SENT_LATE] {
            assert!(sql.contains(&format!("created_at + {PROMPT_US}")));
        }
    }
}
