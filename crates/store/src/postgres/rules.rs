//! Rules, and what was asked on a day (INV-33).

use tuikuan_domain::approval::{Usage, UsageClaim};
use tuikuan_domain::planted::{self, Bug};
use tuikuan_terms::Fen;

use crate::error::{CommitError, ReadError};
use crate::postgres::Postgres;
use crate::postgres::work::Work;
use crate::rows::rules::stored;
use crate::rules::{RulesAct, StoredRules, SubjectUsage};
use crate::trouble::Trouble;

type Read<T> = Result<T, ReadError>;

/// Rows of rules: one for each merchant, and one for all.
const RULES_MAX: i64 = 1000;

/// SQLite has no use for this: its writer is alone. A row that is not there yet cannot be locked, and
/// two nodes would both find nothing used; so the name of the row is locked until the commit. Sorted,
/// so that two requests do not wait for each other crosswise.
const USAGE_LOCK: &str = "
    SELECT pg_advisory_xact_lock(hashtextextended(name, 0))
    FROM (SELECT DISTINCT name FROM unnest($1::TEXT[]) name ORDER BY name) sorted";

const USAGE: &str = "SELECT amount, count FROM usage WHERE subject = $1 AND day = $2";

const USAGE_ADD: &str = "
    INSERT INTO usage (subject, day, amount, count) VALUES ($1, $2, $3, 1)
    ON CONFLICT (subject, day) DO UPDATE SET amount = usage.amount + $3, count = usage.count + 1";

const RULES_INSERT: &str = "
    INSERT INTO rules (
        merchant, approval_above, approval_person_day, person_day_amount, person_day_count,
        key_day_amount, key_day_count, order_day_amount, order_day_count, reasons, expires_s,
        changed_at, changed_by, version)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";

const RULES_UPDATE: &str = "
    UPDATE rules SET
        approval_above = $2, approval_person_day = $3, person_day_amount = $4,
        person_day_count = $5, key_day_amount = $6, key_day_count = $7, order_day_amount = $8,
        order_day_count = $9, reasons = $10, expires_s = $11, changed_at = $12, changed_by = $13,
        version = $14
    WHERE merchant = $1 AND version = $14::BIGINT - 1";

impl Work<'_> {
    /// Looks whether everything that a refund claims is free: above a maximum it is a lost race,
    /// and the request is judged again.
    pub(super) async fn check_usage(&self, claims: &[UsageClaim]) -> Result<(), Trouble> {
        if planted::is(Bug::LimitReadBefore) || claims.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = claims
            .iter()
            .map(|claim| format!("{} {}", claim.subject, claim.day))
            .collect();
        self.list(USAGE_LOCK, values![names], |_| Ok(())).await?;
        for claim in claims {
            let used: Option<(i64, i64)> = self
                .read(USAGE, values![claim.subject, claim.day], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .await?;
            let (amount, count) = used.unwrap_or((0, 0));
            let sum = amount.checked_add(claim.amount.get());
            let over_sum = claim
                .amount_max
                .is_some_and(|max| sum.is_none_or(|sum| sum > max.get()));
            let over_count = claim.count_max.is_some_and(|max| count >= i64::from(max));
            if over_sum || over_count {
                return Err(CommitError::Conflict.into());
            }
        }
        Ok(())
    }

    pub(super) async fn add_usage(&mut self, claims: &[UsageClaim]) -> Result<(), Trouble> {
        for claim in claims {
            let row = values![claim.subject, claim.day, claim.amount.get()];
            self.execute(USAGE_ADD, row).await?;
        }
        Ok(())
    }

    pub(super) async fn rules(&mut self, act: &RulesAct) -> Result<(), Trouble> {
        match act {
            RulesAct::Set(stored) => self.set_rules(stored).await,
            RulesAct::Removed { merchant, version } => {
                let sql = "DELETE FROM rules WHERE merchant = $1 AND version = $2";
                self.exactly_one(sql, values![merchant.as_str(), *version])
                    .await
            }
        }
    }

    async fn set_rules(&mut self, stored: &StoredRules) -> Result<(), Trouble> {
        let rules = &stored.rules;
        let sql = if stored.version == 1 {
            RULES_INSERT
        } else {
            RULES_UPDATE
        };
        let fen = |fen: Option<Fen>| fen.map(Fen::get);
        let row = values![
            stored.merchant.as_ref().map_or("", |name| name.as_str()),
            fen(rules.approval_above),
            fen(rules.approval_person_day),
            fen(rules.person_day.amount),
            rules.person_day.count.map(i64::from),
            fen(rules.key_day.amount),
            rules.key_day.count.map(i64::from),
            fen(rules.order_day.amount),
            rules.order_day.count.map(i64::from),
            serde_json::json!(rules.reasons).to_string(),
            rules.expires.as_secs(),
            stored.changed_at.as_microsecond(),
            stored.changed_by.as_str(),
            stored.version,
        ];
        self.exactly_one(sql, row).await
    }
}

/// Reads.
impl Postgres {
    pub(crate) async fn rules(&self) -> Read<Vec<StoredRules>> {
        let sql = "SELECT merchant, approval_above, approval_person_day, person_day_amount,
                          person_day_count, key_day_amount, key_day_count, order_day_amount,
                          order_day_count, reasons, expires_s, changed_at, changed_by, version
                   FROM rules ORDER BY merchant LIMIT $1";
        self.many(sql, values![RULES_MAX], stored).await
    }

    /// What each of some subjects asked on a day; who asked nothing is left out.
    pub(crate) async fn usage(&self, day: &str, subjects: &[String]) -> Read<Vec<SubjectUsage>> {
        let sql = "SELECT subject, amount, count FROM usage WHERE day = $1 AND subject = ANY($2)";
        self.many(sql, values![day, subjects], |row| {
            let corrupt = |_| ReadError::Corrupt { what: "usage" };
            Ok(SubjectUsage {
                subject: row.get(0)?,
                usage: Usage {
                    amount: Fen::new(row.get(1)?).map_err(corrupt)?,
                    count: row.get(2)?,
                },
            })
        })
        .await
    }
}
