//! Deliveries' ends, endpoints, keys, the audit log, the inbox's outcomes, and pruning.

use jiff::{SignedDuration, Timestamp};
use rusqlite::params;
use secrecy::ExposeSecret;
use tuikuan_domain::Actor;
use tuikuan_domain::approval::day;

use crate::admin::{AdminChange, Administered, ApiKey, Endpoint, NewAudit, Replayed};
use crate::audit::Action;
use crate::delivery::{DeliveryEnd, DeliveryReport, DeliveryStatus};
use crate::error::CommitError;
use crate::ids::{DeliveryId, EndpointId, KeyId};
use crate::job::{JobKey, Lane, Release};
use crate::scope::scope_text;
use crate::seal::endpoint_secret;
use crate::sqlite::work::Work;
use crate::trouble::{Trouble, UNREADABLE};

/// Rows of each kind that one pruning step removes.
const PRUNE_ROWS_MAX: i64 = 500;

/// The use of a key is written at most this often.
const TOUCH_EVERY: SignedDuration = SignedDuration::from_secs(60);

impl Work<'_> {
    pub(super) fn finish_delivery(&mut self, report: &DeliveryReport) -> Result<(), Trouble> {
        self.settings = None;
        self.held(&report.guard)?;
        let JobKey::Delivery(id) = &report.guard.key else {
            return Err(CommitError::Conflict.into());
        };
        let (status, delivered_at) = match report.end {
            DeliveryEnd::Delivered => (DeliveryStatus::Delivered, Some(report.at)),
            DeliveryEnd::Retry { .. } => (DeliveryStatus::Pending, None),
            DeliveryEnd::Dead => (DeliveryStatus::Dead, None),
        };
        let sql = "UPDATE deliveries SET status = ?2, attempts = attempts + 1, last_status = ?3,
                       last_error = ?4, delivered_at = coalesce(?5, delivered_at)
                   WHERE id = ?1";
        let row = params![
            id.as_str(),
            status.as_str(),
            report.http_status,
            report.error,
            delivered_at.map(Timestamp::as_microsecond),
        ];
        if self.execute(sql, row)? != 1 {
            return Err(CommitError::Conflict.into());
        }
        match report.end {
            DeliveryEnd::Retry { due } => self.release(&Release {
                guard: report.guard.clone(),
                due,
                now: report.at,
            })?,
            DeliveryEnd::Delivered | DeliveryEnd::Dead => {
                let key = report.guard.key.to_string();
                self.execute("DELETE FROM jobs WHERE key = ?1", [key])?;
            }
        }
        self.note_health(id, report)
    }

    /// The endpoint hears again, or has failed since then, or is switched off.
    fn note_health(&mut self, id: &DeliveryId, report: &DeliveryReport) -> Result<(), Trouble> {
        let sql = "SELECT endpoint_id FROM deliveries WHERE id = ?1";
        let endpoint: Option<String> = self.read(sql, [id.as_str()], |row| row.get(0))?;
        let endpoint = endpoint.ok_or(CommitError::Conflict)?;
        if report.end == DeliveryEnd::Delivered {
            let sql = "UPDATE endpoints SET failing_since = NULL
                       WHERE id = ?1 AND failing_since IS NOT NULL";
            self.execute(sql, [endpoint])?;
            return Ok(());
        }
        let at = report.at.as_microsecond();
        let sql = "UPDATE endpoints SET failing_since = ?2 WHERE id = ?1 AND failing_since IS NULL";
        self.execute(sql, params![endpoint, at])?;
        let Some(reason) = &report.disable else {
            return Ok(());
        };
        let sql = "UPDATE endpoints SET enabled = 0, disabled_reason = ?2
                   WHERE id = ?1 AND enabled = 1";
        if self.execute(sql, params![endpoint, reason])? == 1 {
            self.append_audit(&NewAudit {
                at: report.at,
                actor: "engine".to_owned(),
                action: "endpoint.disabled".to_owned(),
                subject: endpoint,
                detail: serde_json::json!({ "reason": reason }).to_string(),
            })?;
        }
        Ok(())
    }

    pub(super) fn redeliver(&mut self, id: &DeliveryId, now: Timestamp) -> Result<(), Trouble> {
        let sql = "SELECT d.endpoint_id FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id
                   WHERE d.id = ?1 AND e.deleted_at IS NULL";
        let found: Option<String> = self.read(sql, [id.as_str()], |row| row.get(0))?;
        let endpoint: EndpointId = found
            .ok_or(CommitError::Conflict)?
            .parse()
            .map_err(|_foreign| Trouble::Refused(UNREADABLE))?;
        let sql = "UPDATE deliveries SET status = 'pending', attempts = 0 WHERE id = ?1";
        self.execute(sql, [id.as_str()])?;
        self.set_delivery_job(id, &Lane::Webhook(endpoint), now)
    }

    pub(super) fn administer(&mut self, change: &AdminChange) -> Result<(), Trouble> {
        let at = change.audit.at;
        self.settings = None;
        match &change.act {
            Administered::Noted => {}
            Administered::Rules(act) => self.rules(act)?,
            Administered::KeyCreated(key) => self.insert_key(key)?,
            Administered::KeyRevoked(id) => self.revoke_key(id, at)?,
            Administered::EndpointCreated(endpoint) => self.insert_endpoint(endpoint)?,
            Administered::EndpointUpdated(endpoint) => self.update_endpoint(endpoint)?,
            Administered::EndpointRotated(endpoint) => self.rotate_endpoint(endpoint)?,
            Administered::EndpointDeleted(id) => self.delete_endpoint(id, at)?,
            Administered::People(act) => self.people(act, at)?,
            Administered::Cared(care) => self.care(care)?,
            Administered::Replayed(replayed) => self.replayed(replayed)?,
            Administered::Redelivered(ids) => {
                for id in ids {
                    self.redeliver(id, at)?;
                }
            }
        }
        self.append_audit(&change.audit)
    }

    fn insert_key(&mut self, key: &ApiKey) -> Result<(), Trouble> {
        let sql =
            "INSERT INTO api_keys (id, name, hash, owner, role, scope, created_at, expires_at,
                                   created_by)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let row = params![
            key.id.as_str(),
            key.name,
            key.hash,
            key.owner.as_ref().map(|id| id.as_str()),
            key.role.as_str(),
            scope_text(&key.scope),
            key.created_at.as_microsecond(),
            key.expires_at.map(Timestamp::as_microsecond),
            key.created_by.as_ref().map(ToString::to_string),
        ];
        self.execute(sql, row).map(|_| ())
    }

    fn revoke_key(&mut self, id: &KeyId, at: Timestamp) -> Result<(), Trouble> {
        let sql = "UPDATE api_keys SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL";
        self.exactly_one(sql, params![id.as_str(), at.as_microsecond()])
    }

    /// Notes the use of a key, and logs the first one of each day: a line for every request would
    /// bury the others.
    pub(super) fn touch_key(&mut self, id: &KeyId, now: Timestamp) -> Result<(), Trouble> {
        let sql = "SELECT coalesce(last_used_at, 0) FROM api_keys WHERE id = ?1";
        let last: Option<i64> = self.read(sql, [id.as_str()], |row| row.get(0))?;
        let sql = "UPDATE api_keys SET last_used_at = ?2
                   WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at < ?3)";
        let earlier = now.checked_sub(TOUCH_EVERY).unwrap_or(Timestamp::MIN);
        let row = params![id.as_str(), now.as_microsecond(), earlier.as_microsecond()];
        let noted = self.execute(sql, row)? == 1;
        let last = last.and_then(|last| Timestamp::from_microsecond(last).ok());
        if noted && last.map(day) != Some(day(now)) {
            let (actor, detail) = (Actor::Key(id.as_str().into()), serde_json::json!({}));
            let entry = NewAudit::of(now, &actor, Action::KEY_USED, (id.as_str(), &detail));
            self.append_audit(&entry)?;
        }
        Ok(())
    }

    fn sealed(&self, endpoint: &Endpoint) -> Result<Vec<u8>, Trouble> {
        let secret = endpoint.secret.expose_secret().as_bytes();
        let failed = |_| CommitError::Unavailable {
            reason: "a secret could not be sealed",
        };
        let place = endpoint_secret(endpoint.id.as_str());
        Ok(self.key.seal(place, secret).map_err(failed)?)
    }

    fn insert_endpoint(&mut self, endpoint: &Endpoint) -> Result<(), Trouble> {
        let sql = "INSERT INTO endpoints (id, merchant, url, secret, enabled, created_at)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let sealed = self.sealed(endpoint)?;
        let row = params![
            endpoint.id.as_str(),
            endpoint.merchant.as_str(),
            endpoint.url,
            sealed,
            endpoint.enabled,
            endpoint.created_at.as_microsecond(),
        ];
        self.execute(sql, row).map(|_| ())
    }

    fn update_endpoint(&mut self, endpoint: &Endpoint) -> Result<(), Trouble> {
        let sql = "UPDATE endpoints SET url = ?2, enabled = ?3, disabled_reason = ?4,
                       failing_since = ?5
                   WHERE id = ?1 AND deleted_at IS NULL";
        let row = params![
            endpoint.id.as_str(),
            endpoint.url,
            endpoint.enabled,
            endpoint.disabled_reason,
            endpoint.failing_since.map(Timestamp::as_microsecond),
        ];
        self.exactly_one(sql, row)
    }

    fn rotate_endpoint(&mut self, endpoint: &Endpoint) -> Result<(), Trouble> {
        let sql = "UPDATE endpoints SET secret = ?2 WHERE id = ?1 AND deleted_at IS NULL";
        let sealed = self.sealed(endpoint)?;
        self.exactly_one(sql, params![endpoint.id.as_str(), sealed])
    }

    /// The row stays for its deliveries; the secret goes, and the pending messages with the pruning, in
    /// pieces: nobody waits behind a million of them. Whichever is to be delivered before finds no
    /// endpoint, and ends there.
    fn delete_endpoint(&mut self, id: &EndpointId, at: Timestamp) -> Result<(), Trouble> {
        let sql = "UPDATE endpoints SET deleted_at = ?2, enabled = 0, secret = x''
                   WHERE id = ?1 AND deleted_at IS NULL";
        self.exactly_one(sql, params![id.as_str(), at.as_microsecond()])
    }

    /// Some of the messages that are pending for deleted endpoints. A lease that somebody holds is lost
    /// with its job.
    fn bury(&mut self) -> Result<usize, Trouble> {
        let sql = "SELECT d.id FROM endpoints e
                   JOIN deliveries d ON d.endpoint_id = e.id AND d.status = 'pending'
                   WHERE e.deleted_at IS NOT NULL LIMIT ?1";
        let messages: Vec<String> = {
            let mut statement = self.connection.prepare_cached(sql)?;
            let rows = statement.query_map([PRUNE_ROWS_MAX], |row| row.get(0))?;
            rows.collect::<Result<_, _>>()?
        };
        for id in &messages {
            let sql = "DELETE FROM jobs WHERE key = 'delivery:' || ?1";
            self.execute(sql, [id])?;
            let sql = "UPDATE deliveries SET status = 'dead',
                           last_error = 'the endpoint was deleted'
                       WHERE id = ?1";
            self.execute(sql, [id])?;
        }
        Ok(messages.len())
    }

    fn replayed(&mut self, replayed: &Replayed) -> Result<(), Trouble> {
        let sql = "UPDATE inbox SET outcome = ?2, refund_id = coalesce(?3, refund_id),
                       seq = coalesce(?4, seq)
                   WHERE number = ?1";
        let row = params![
            replayed.number,
            replayed.outcome,
            replayed.refund_id.as_ref().map(|id| id.as_str()),
            replayed.seq,
        ];
        self.exactly_one(sql, row)
    }

    pub(super) fn settle_inbox(&mut self, number: i64, outcome: &str) -> Result<(), Trouble> {
        let sql = "UPDATE inbox SET outcome = ?2 WHERE number = ?1";
        self.exactly_one(sql, params![number, outcome])
    }

    pub(super) fn prune(&mut self, kept_from: Timestamp) -> Result<u64, Trouble> {
        let before = kept_from.as_microsecond();
        let buried = self.bury()?;
        let row = params![before, PRUNE_ROWS_MAX];
        // Rows stand in the order of their time, so looking at the first ones is enough.
        let sql = "DELETE FROM exchanges WHERE number IN (
                       SELECT number FROM (
                           SELECT number, at FROM exchanges ORDER BY number LIMIT ?2)
                       WHERE at < ?1)";
        let exchanges = self.execute(sql, row)?;
        let sql = "UPDATE inbox SET headers = NULL, body = NULL WHERE number IN (
                       SELECT number FROM inbox
                       WHERE body IS NOT NULL AND received_at < ?1 ORDER BY received_at LIMIT ?2)";
        let notifications = self.execute(sql, row)?;
        let sql = "DELETE FROM usage WHERE (subject, day) IN (
                       SELECT subject, day FROM usage WHERE day < ?1 LIMIT ?2)";
        let days = self.execute(sql, params![day(kept_from), PRUNE_ROWS_MAX])?;
        let rows = exchanges
            .saturating_add(notifications)
            .saturating_add(days)
            .saturating_add(buried);
        Ok(u64::try_from(rows).unwrap_or(u64::MAX))
    }

    pub(super) fn exactly_one(
        &mut self,
        sql: &'static str,
        params: impl rusqlite::Params,
    ) -> Result<(), Trouble> {
        match self.execute(sql, params)? {
            1 => Ok(()),
            _ => Err(CommitError::Conflict.into()),
        }
    }
}
