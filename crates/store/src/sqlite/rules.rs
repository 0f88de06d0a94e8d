//! Rules, and what is counted against their limits in the transaction that creates a refund
//! (INV-33).

use rusqlite::{Connection, params};
use tuikuan_domain::approval::{Usage, UsageClaim};
use tuikuan_domain::planted::{self, Bug};
use tuikuan_terms::Fen;

use crate::error::{CommitError, ReadError};
use crate::rows::rules::stored;
use crate::rules::{RulesAct, StoredRules, SubjectUsage};
use crate::settings::{self, SettingsSeen, SettingsVersions, VERSIONS};
use crate::sqlite::read::{many, one};
use crate::sqlite::work::Work;
use crate::trouble::{Trouble, UNREADABLE};

type Read<T> = Result<T, ReadError>;

/// Rows of rules: one for each merchant, and one for all.
const RULES_MAX: u32 = 1000;

const USAGE: &str = "SELECT amount, count FROM usage WHERE subject = ?1 AND day = ?2";

const USAGE_ADD: &str = "
    INSERT INTO usage (subject, day, amount, count) VALUES (?1, ?2, ?3, 1)
    ON CONFLICT (subject, day) DO UPDATE SET amount = amount + ?3, count = count + 1";

const RULES_INSERT: &str = "
    INSERT INTO rules (
        merchant, approval_above, approval_person_day, person_day_amount, person_day_count,
        key_day_amount, key_day_count, order_day_amount, order_day_count, reasons, expires_s,
        changed_at, changed_by, version)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";

const RULES_UPDATE: &str = "
    UPDATE rules SET
        approval_above = ?2, approval_person_day = ?3, person_day_amount = ?4,
        person_day_count = ?5, key_day_amount = ?6, key_day_count = ?7, order_day_amount = ?8,
        order_day_count = ?9, reasons = ?10, expires_s = ?11, changed_at = ?12, changed_by = ?13,
        version = ?14
    WHERE merchant = ?1 AND version = ?14 - 1";

impl Work<'_> {
    /// Looks whether everything that a refund claims is free: above a maximum it is a lost race,
    /// and the request is judged again.
    pub(super) fn check_usage(&self, claims: &[UsageClaim]) -> Result<(), Trouble> {
        if planted::is(Bug::LimitReadBefore) {
            return Ok(());
        }
        for claim in claims {
            let row = params![claim.subject, claim.day];
            let used = self.read(USAGE, row, |row| Ok((row.get(0)?, row.get(1)?)))?;
            let (amount, count): (i64, i64) = used.unwrap_or((0, 0));
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

    pub(super) fn add_usage(&mut self, claims: &[UsageClaim]) -> Result<(), Trouble> {
        for claim in claims {
            let row = params![claim.subject, claim.day, claim.amount.get()];
            self.execute(USAGE_ADD, row)?;
        }
        Ok(())
    }

    pub(super) fn rules(&mut self, act: &RulesAct) -> Result<(), Trouble> {
        match act {
            RulesAct::Set(stored) => self.set_rules(stored),
            RulesAct::Removed { merchant, version } => self.exactly_one(
                "DELETE FROM rules WHERE merchant = ?1 AND version = ?2",
                params![merchant.as_str(), version],
            ),
        }
    }

    /// Endpoints and rules are those that the change was decided with. They are read once in a
    /// transaction, and again after an operation that may have changed them.
    pub(super) fn check_settings(&mut self, seen: SettingsSeen) -> Result<(), Trouble> {
        if seen == SettingsSeen::NONE {
            return Ok(());
        }
        let now = match self.settings {
            Some(now) => now,
            None => {
                let found = self.read(VERSIONS, [], |row| {
                    Ok(SettingsVersions {
                        endpoints: row.get(0)?,
                        rules: row.get(1)?,
                    })
                });
                found?.ok_or(UNREADABLE)?
            }
        };
        self.settings = Some(now);
        Ok(seen.check(now)?)
    }

    fn set_rules(&mut self, stored: &StoredRules) -> Result<(), Trouble> {
        let rules = &stored.rules;
        let sql = if stored.version == 1 {
            RULES_INSERT
        } else {
            RULES_UPDATE
        };
        let fen = |fen: Option<Fen>| fen.map(Fen::get);
        self.exactly_one(
            sql,
            params![
                stored.merchant.as_ref().map_or("", |name| name.as_str()),
                fen(rules.approval_above),
                fen(rules.approval_person_day),
                fen(rules.person_day.amount),
                rules.person_day.count,
                fen(rules.key_day.amount),
                rules.key_day.count,
                fen(rules.order_day.amount),
                rules.order_day.count,
                serde_json::json!(rules.reasons).to_string(),
                rules.expires.as_secs(),
                stored.changed_at.as_microsecond(),
                stored.changed_by.as_str(),
                stored.version,
            ],
        )
    }
}

pub(super) fn rules(c: &Connection) -> Read<Vec<StoredRules>> {
    let sql = "SELECT merchant, approval_above, approval_person_day, person_day_amount,
                      person_day_count, key_day_amount, key_day_count, order_day_amount,
                      order_day_count, reasons, expires_s, changed_at, changed_by, version
               FROM rules ORDER BY merchant LIMIT ?1";
    many(c, sql, [RULES_MAX], stored)
}

pub(super) fn settings_versions(c: &Connection) -> Read<SettingsVersions> {
    one(c, VERSIONS, [], settings::versions)?.ok_or(ReadError::Corrupt { what: "meta" })
}

/// What each of some subjects asked on a day; who asked nothing is left out.
pub(super) fn usage(c: &Connection, day: &str, subjects: &[String]) -> Read<Vec<SubjectUsage>> {
    let mut found = Vec::new();
    for subject in subjects {
        found.extend(many(c, USAGE, [subject, day], |row| {
            let corrupt = |_| ReadError::Corrupt { what: "usage" };
            Ok(SubjectUsage {
                subject: subject.clone(),
                usage: Usage {
                    amount: Fen::new(row.get(0)?).map_err(corrupt)?,
                    count: row.get(1)?,
                },
            })
        })?);
    }
    Ok(found)
}
