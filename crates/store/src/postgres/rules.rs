//! Rules, and what was asked on a day (INV-33).

use tuikuan_domain::approval::Usage;
use tuikuan_terms::Fen;

use crate::error::ReadError;
use crate::postgres::Postgres;
use crate::postgres::work::Work;
use crate::rows::rules::stored;
use crate::rules::{RulesAct, StoredRules, SubjectUsage};
use crate::settings::{self, SettingsSeen, SettingsVersions, VERSIONS};
use crate::trouble::{Trouble, UNREADABLE};

type Read<T> = Result<T, ReadError>;

/// Rows of rules: one for each merchant, and one for all.
const RULES_MAX: i64 = 1000;

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
    /// Endpoints and rules are those that an act was decided with. Rules change in a turn too, so none
    /// changes before the act is durable.
    pub(super) async fn check_settings(&self, seen: SettingsSeen) -> Result<(), Trouble> {
        if seen == SettingsSeen::NONE {
            return Ok(());
        }
        let now = self.read(VERSIONS, &[], settings::versions).await?;
        Ok(seen.check(now.ok_or(UNREADABLE)?)?)
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

    pub(crate) async fn settings_versions(&self) -> Read<SettingsVersions> {
        let found = self.one(VERSIONS, values![], settings::versions).await?;
        found.ok_or(ReadError::Corrupt { what: "meta" })
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
