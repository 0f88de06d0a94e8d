//! Reading bills and differences.

use jiff::civil::Date;
use rusqlite::{Connection, params};
use tuikuan_domain::reconcile::{Class, DifferenceState};
use tuikuan_domain::{DifferenceId, MerchantName, RefundId};

use crate::bill::{
    Bill, BillDay, Difference, DifferenceCount, DifferenceFilter, DifferencePage, OpenDay,
    SENT_STEP, Sent, SentCursor, SentWalk, SentWay,
};
use crate::error::ReadError;
use crate::job::PARKED;
use crate::rows::Columns;
use crate::rows::bills::{
    bill_columns, bill_row, count, difference_columns, difference_count, difference_row, open_day,
    sent_row,
};
use crate::select::{LIST_MAX, Merchants};
use crate::sqlite::Sqlite;
use crate::sqlite::read::{many, one};

type Read<T> = Result<T, ReadError>;

impl Sqlite {
    pub(crate) async fn bill_day(&self, bill: Bill) -> Read<Option<BillDay>> {
        const SQL: &str = concat!(
            "SELECT ",
            bill_columns!(),
            "?4) FROM bill_days b WHERE b.merchant = ?1 AND b.day = ?2 AND b.kind = ?3"
        );
        self.read_aside(move |c| {
            let key = params![
                bill.merchant.as_str(),
                bill.day.to_string(),
                bill.kind.as_str(),
                PARKED
            ];
            one(c, SQL, key, bill_row)
        })
        .await
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
            "?4) FROM bill_days b WHERE b.merchant = ?1 AND b.day BETWEEN ?2 AND ?3 \
             ORDER BY b.day, b.kind LIMIT ?5"
        );
        if !allowed.allows(&merchant) {
            return Ok(Vec::new());
        }
        self.read_aside(move |c| {
            let range = params![
                merchant.as_str(),
                from.to_string(),
                to.to_string(),
                PARKED,
                LIST_MAX
            ];
            many(c, SQL, range, bill_row)
        })
        .await
    }

    pub(crate) async fn first_bill_day(&self, merchant: MerchantName) -> Read<Option<Date>> {
        self.read_aside(move |c| {
            let sql = "SELECT day FROM bill_days WHERE merchant = ?1 AND by_hand = 0
                       ORDER BY day LIMIT 1";
            one(c, sql, [merchant.as_str()], |row| {
                Columns::of(row, "bill").parsed()
            })
        })
        .await
    }

    pub(crate) async fn differences(&self, filter: DifferenceFilter) -> Read<DifferencePage> {
        if !filter.allowed.allows(&filter.merchant) {
            return Ok(DifferencePage {
                items: Vec::new(),
                next: None,
            });
        }
        self.read_aside(move |c| page(c, &filter)).await
    }

    pub(crate) async fn difference(
        &self,
        allowed: Merchants,
        id: DifferenceId,
    ) -> Read<Option<Difference>> {
        const SQL: &str = concat!(
            "SELECT ",
            difference_columns!(),
            " FROM differences d WHERE d.id = ?1"
        );
        let found = self
            .read_aside(move |c| one(c, SQL, [id.as_str()], difference_row))
            .await?;
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
        self.read_aside(move |c| {
            let sql = "SELECT day, class, state, count(*) FROM differences
                       WHERE merchant = ?1 AND day BETWEEN ?2 AND ?3
                       GROUP BY day, class, state";
            let range = params![merchant.as_str(), from.to_string(), to.to_string()];
            many(c, sql, range, difference_count)
        })
        .await
    }

    pub(crate) async fn differences_open(&self, allowed: Merchants) -> Read<u64> {
        self.read_aside(move |c| {
            let sql = "SELECT count(*) FROM differences INDEXED BY differences_open
                       WHERE state = 'open'
                         AND (?1 IS NULL OR merchant IN (SELECT value FROM json_each(?1)))";
            let names = match &allowed {
                Merchants::All => None,
                Merchants::Only(names) => {
                    let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
                    Some(serde_json::json!(names).to_string())
                }
            };
            let found = one(c, sql, params![names], |row| row.get::<i64>(0))?;
            Ok(count(found.unwrap_or(0)))
        })
        .await
    }

    pub(crate) async fn open_days(&self, merchant: MerchantName) -> Read<Vec<OpenDay>> {
        self.read_aside(move |c| {
            let sql = "SELECT day, count(*), min(found_at)
                       FROM differences INDEXED BY differences_open
                       WHERE merchant = ?1 AND state = 'open'
                       GROUP BY day ORDER BY day LIMIT ?2";
            let values = params![merchant.as_str(), LIST_MAX];
            many(c, sql, values, |row| open_day(row, &merchant))
        })
        .await
    }

    pub(crate) async fn shown_elsewhere(&self, refund: RefundId, day: Date) -> Read<bool> {
        self.read_aside(move |c| {
            let sql = "SELECT 1 FROM differences
                       WHERE refund_id = ?1 AND day <> ?2 AND class = 'late_by_a_day'
                         AND state = 'healed' AND bill_amount IS NOT NULL
                       LIMIT 1";
            let row = params![refund.as_str(), day.to_string()];
            Ok(one(c, sql, row, |_| Ok(()))?.is_some())
        })
        .await
    }

    pub(crate) async fn refunds_sent(
        &self,
        merchant: MerchantName,
        day: Date,
        after: SentCursor,
    ) -> Read<Sent> {
        self.read_aside(move |c| sent(c, &merchant, &SentWalk::of(day, after)))
            .await
    }
}

fn page(c: &Connection, filter: &DifferenceFilter) -> Read<DifferencePage> {
    const SQL: &str = concat!(
        "SELECT ",
        difference_columns!(),
        " FROM differences d
          WHERE d.merchant = ?1 AND d.day = ?2 AND d.id > ?3
            AND (?4 IS NULL OR d.class = ?4) AND (?5 IS NULL OR d.state = ?5)
          ORDER BY d.id LIMIT ?6"
    );
    let limit = filter.limit.clamp(1, LIST_MAX);
    let values = params![
        filter.merchant.as_str(),
        filter.day.to_string(),
        filter.after.as_ref().map_or("", DifferenceId::as_str),
        filter.class.map(Class::as_str),
        filter.state.map(DifferenceState::as_str),
        limit.saturating_add(1),
    ];
    Ok(DifferencePage::of(
        many(c, SQL, values, difference_row)?,
        limit,
    ))
}

/// What a walk gives of a refund, with its place.
const SENT_PROMPT: &str = "
    SELECT r.created_at, r.id, r.out_refund_no, r.amount, r.status, r.last_attempt_at
    FROM refunds r INDEXED BY refunds_created
    WHERE r.merchant = ?1 AND (r.created_at, r.id) > (?2, ?3) AND r.created_at < ?5
      AND r.last_attempt_at >= ?4 AND r.last_attempt_at < ?5
      AND r.last_attempt_at <= r.created_at + 3600000000
      AND r.refund_id IS NOT NULL AND r.origin NOT IN ('notification', 'bill')
    ORDER BY r.created_at, r.id LIMIT ?6";
const SENT_LATE: &str = "
    SELECT r.last_attempt_at, r.id, r.out_refund_no, r.amount, r.status, r.last_attempt_at
    FROM refunds r INDEXED BY refunds_sent_late
    WHERE r.merchant = ?1 AND r.last_attempt_at >= ?2 AND r.last_attempt_at < ?5
      AND (r.last_attempt_at > ?2 OR r.id > ?3)
      AND r.last_attempt_at >= ?4
      AND r.last_attempt_at > r.created_at + 3600000000
      AND r.refund_id IS NOT NULL AND r.origin NOT IN ('notification', 'bill')
    ORDER BY r.last_attempt_at, r.id LIMIT ?6";

fn sent(c: &Connection, merchant: &MerchantName, walk: &SentWalk) -> Read<Sent> {
    let sql = match walk.way {
        SentWay::Prompt => SENT_PROMPT,
        SentWay::Late => SENT_LATE,
    };
    let values = params![
        merchant.as_str(),
        walk.at,
        walk.id,
        walk.begin,
        walk.end,
        SENT_STEP
    ];
    Ok(walk.step(many(c, sql, values, sent_row)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bill::PROMPT_US;

    #[test]
    fn the_index_and_the_walk_agree_on_what_is_prompt() {
        let migration = include_str!("migrations/V6__reconciliation.sql");
        for sql in [migration, SENT_PROMPT, SENT_LATE] {
            assert!(sql.contains(&format!("created_at + {PROMPT_US}")));
        }
    }
}
