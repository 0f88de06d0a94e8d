//! People, their sessions, and the links by which they come in. Whoever changes them takes turns with
//! all others (see `meta`), so that two administrators cannot step down at once.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tuikuan_domain::PersonId;

use crate::error::{CommitError, ReadError};
use crate::people::{Invitation, PeopleAct, SESSIONS_MAX, SecondFactor, Session, USERS_MAX, User};
use crate::postgres::Postgres;
use crate::postgres::work::Work;
use crate::rows::people::{invitation, session, session_columns, totp_place, user, user_columns};
use crate::scope::scope_text;
use crate::trouble::Trouble;

type Read<T> = Result<T, ReadError>;

/// Reads.
impl Postgres {
    pub(crate) async fn user(&self, id: &PersonId) -> Read<Option<User>> {
        const SQL: &str = concat!("SELECT ", user_columns!(), " FROM users WHERE id = $1");
        self.one(SQL, values![id.as_str()], |row| user(row, &self.0.key))
            .await
    }

    pub(crate) async fn user_by_name(&self, name: &str) -> Read<Option<User>> {
        const SQL: &str = concat!(
            "SELECT ",
            user_columns!(),
            " FROM users WHERE name_key = $1"
        );
        let key = User::name_key(name);
        self.one(SQL, values![key], |row| user(row, &self.0.key))
            .await
    }

    pub(crate) async fn users(&self) -> Read<Vec<User>> {
        const SQL: &str = concat!(
            "SELECT ",
            user_columns!(),
            " FROM users ORDER BY name_key LIMIT $1"
        );
        let limit = i64::from(USERS_MAX);
        self.many(SQL, values![limit], |row| user(row, &self.0.key))
            .await
    }

    pub(crate) async fn session(&self, hash: &[u8; 32]) -> Read<Option<Session>> {
        const SQL: &str = concat!(
            "SELECT ",
            session_columns!(),
            " FROM sessions WHERE hash = $1"
        );
        self.one(SQL, values![&hash[..]], session).await
    }

    pub(crate) async fn sessions_of(&self, user: &PersonId) -> Read<Vec<Session>> {
        const SQL: &str = concat!(
            "SELECT ",
            session_columns!(),
            " FROM sessions WHERE user_id = $1 ORDER BY created_at DESC, hash LIMIT $2"
        );
        let limit = i64::from(SESSIONS_MAX);
        self.many(SQL, values![user.as_str(), limit], session).await
    }

    pub(crate) async fn invitation(&self, hash: &[u8; 32]) -> Read<Option<Invitation>> {
        let sql = "SELECT hash, purpose, user_id, created_at, expires_at, used_at
                   FROM invitations WHERE hash = $1";
        self.one(sql, values![&hash[..]], invitation).await
    }
}

fn exposed(secret: Option<&SecretString>) -> Option<&str> {
    secret.map(|secret| secret.expose_secret())
}

/// Writes, within one transaction.
impl Work<'_> {
    pub(super) async fn people(&mut self, act: &PeopleAct, at: Timestamp) -> Result<(), Trouble> {
        match act {
            PeopleAct::UserCreated(user) => self.insert_user(user).await,
            PeopleAct::UserUpdated(user) => self.update_user(user).await,
            PeopleAct::SessionOpened(session) => self.insert_session(session).await,
            PeopleAct::SessionClosed(hash) => {
                let sql = "DELETE FROM sessions WHERE hash = $1";
                self.exactly_one(sql, values![&hash[..]]).await
            }
            PeopleAct::SessionsClosed(user) => self.end_sessions(user).await,
            PeopleAct::InvitationMade(invitation) => self.insert_invitation(invitation).await,
            PeopleAct::InvitationAccepted(hash, user) => {
                self.use_invitation(hash, Some(&user.id), at).await?;
                self.update_user(user).await
            }
            PeopleAct::SetUpAccepted(hash, user) => {
                let sql = "SELECT 1 FROM users LIMIT 1";
                if self.read(sql, &[], |_| Ok(())).await?.is_some() {
                    return Err(CommitError::Conflict.into());
                }
                self.use_invitation(hash, None, at).await?;
                self.insert_user(user).await
            }
        }
    }

    /// What a person's row holds that decides whether sessions end with a change.
    async fn proofs(&self, id: &PersonId) -> Result<Option<[Option<String>; 2]>, Trouble> {
        let sql = "SELECT password, totp FROM users WHERE id = $1 FOR UPDATE";
        let found: Option<(Option<String>, Option<Vec<u8>>)> = self
            .read(sql, values![id.as_str()], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .await?;
        Ok(found.map(|(password, totp)| {
            let totp = totp.map(|sealed| {
                // What cannot be opened differs from everything: the sessions end.
                let plain = self.key.open(totp_place(id.as_str()), &sealed);
                String::from_utf8(plain.unwrap_or_default()).unwrap_or_default()
            });
            [password, totp]
        }))
    }

    fn sealed_totp(&self, user: &User) -> Result<Option<Vec<u8>>, Trouble> {
        let Some(secret) = &user.totp else {
            return Ok(None);
        };
        let place = totp_place(user.id.as_str());
        let sealed = self.key.seal(place, secret.expose_secret().as_bytes());
        let failed = |_| CommitError::Unavailable {
            reason: "a secret could not be sealed",
        };
        Ok(Some(sealed.map_err(failed)?))
    }

    async fn insert_user(&mut self, user: &User) -> Result<(), Trouble> {
        let totp = self.sealed_totp(user)?;
        let sql = "INSERT INTO users (id, name, name_key, password, role, scope, totp, totp_used,
                       language, created_at, version)
                   SELECT $1::TEXT, $2::TEXT, $3::TEXT, $4::TEXT, $5::TEXT, $6::TEXT, $7::BYTEA,
                       $8::BIGINT, $9::TEXT, $10::BIGINT, 1
                   WHERE (SELECT count(*) FROM users) < $11";
        let row = values![
            user.id.as_str(),
            user.name,
            User::name_key(&user.name),
            exposed(user.password.as_ref()),
            user.role.as_str(),
            scope_text(&user.scope),
            totp,
            user.totp_used,
            user.language,
            user.created_at.as_microsecond(),
            i64::from(USERS_MAX),
        ];
        match self.execute(sql, row).await? {
            1 => Ok(()),
            _ => Err(CommitError::Overdrawn {
                constraint: "users_max".to_owned(),
            }
            .into()),
        }
    }

    async fn update_user(&mut self, user: &User) -> Result<(), Trouble> {
        let before = self.proofs(&user.id).await?;
        let [password, totp] = before.ok_or(CommitError::Conflict)?;
        let sealed = self.sealed_totp(user)?;
        let sql = "UPDATE users SET name = $3, name_key = $4, password = $5, role = $6, scope = $7,
                       totp = $8, totp_used = $9, language = $10, disabled_at = $11,
                       version = version + 1
                   WHERE id = $1 AND version = $2";
        let row = values![
            user.id.as_str(),
            user.version,
            user.name,
            User::name_key(&user.name),
            exposed(user.password.as_ref()),
            user.role.as_str(),
            scope_text(&user.scope),
            sealed,
            user.totp_used,
            user.language,
            user.disabled_at.map(Timestamp::as_microsecond),
        ];
        self.exactly_one(sql, row).await?;
        let same = password.as_deref() == exposed(user.password.as_ref())
            && totp.as_deref() == exposed(user.totp.as_ref());
        if user.disabled_at.is_some() || !same {
            self.end_sessions(&user.id).await?;
        }
        self.end_links(&user.id).await
    }

    /// A link was made for the person as they were: it does not outlive a change of their rights.
    /// The link of a demonstration sets no password, and stays.
    async fn end_links(&mut self, user: &PersonId) -> Result<(), Trouble> {
        let sql = "DELETE FROM invitations
                   WHERE user_id = $1 AND used_at IS NULL AND purpose <> 'demo'";
        self.execute(sql, values![user.as_str()]).await.map(|_| ())
    }

    async fn end_sessions(&mut self, user: &PersonId) -> Result<(), Trouble> {
        let sql = "DELETE FROM sessions WHERE user_id = $1";
        self.execute(sql, values![user.as_str()]).await.map(|_| ())
    }

    async fn insert_session(&mut self, session: &Session) -> Result<(), Trouble> {
        let begun = session.created_at.as_microsecond();
        let user = session.user.as_str();
        let sql = "DELETE FROM sessions WHERE expires_at <= $1";
        self.execute(sql, values![begun]).await?;
        // The new one comes on top.
        let sql = "DELETE FROM sessions WHERE user_id = $1 AND hash NOT IN (
                       SELECT hash FROM sessions WHERE user_id = $1
                       ORDER BY created_at DESC, hash LIMIT $2)";
        let others = i64::from(SESSIONS_MAX.saturating_sub(1));
        self.execute(sql, values![user, others]).await?;
        let sql = "INSERT INTO sessions (hash, user_id, created_at, seen_at, expires_at,
                       second_factor, csrf, address, agent)
                   SELECT $1::BYTEA, id, $3::BIGINT, $4::BIGINT, $5::BIGINT, $6::TEXT, $7::TEXT,
                       $8::TEXT, $9::TEXT
                   FROM users WHERE id = $2 AND disabled_at IS NULL";
        let row = values![
            &session.hash[..],
            user,
            begun,
            session.seen_at.as_microsecond(),
            session.expires_at.as_microsecond(),
            session.second_factor.as_str(),
            session.csrf,
            session.address,
            session.agent,
        ];
        self.exactly_one(sql, row).await?;
        if session.second_factor == SecondFactor::Pending {
            return Ok(());
        }
        let sql = "UPDATE users SET last_login_at = $2 WHERE id = $1";
        self.exactly_one(sql, values![user, begun]).await
    }

    pub(super) async fn see_session(
        &mut self,
        hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<(), Trouble> {
        let sql = "UPDATE sessions SET seen_at = $2 WHERE hash = $1 AND seen_at < $2";
        self.execute(sql, values![&hash[..], now.as_microsecond()])
            .await
            .map(|_| ())
    }

    async fn insert_invitation(&mut self, invitation: &Invitation) -> Result<(), Trouble> {
        let user = invitation.user.as_ref().map(PersonId::as_str);
        let created = invitation.created_at.as_microsecond();
        let sql = "DELETE FROM invitations
                   WHERE expires_at <= $2
                       OR (user_id IS NOT DISTINCT FROM $1 AND used_at IS NULL)";
        self.execute(sql, values![user, created]).await?;
        let sql = "INSERT INTO invitations (hash, purpose, user_id, created_at, expires_at)
                   VALUES ($1, $2, $3, $4, $5)";
        let row = values![
            &invitation.hash[..],
            invitation.purpose.as_str(),
            user,
            created,
            invitation.expires_at.as_microsecond(),
        ];
        self.execute(sql, row).await.map(|_| ())
    }

    async fn use_invitation(
        &mut self,
        hash: &[u8; 32],
        user: Option<&PersonId>,
        at: Timestamp,
    ) -> Result<(), Trouble> {
        let sql = "UPDATE invitations SET used_at = $2
                   WHERE hash = $1 AND user_id IS NOT DISTINCT FROM $3 AND used_at IS NULL
                       AND expires_at > $2 AND purpose <> 'demo'";
        let user = user.map(PersonId::as_str);
        self.exactly_one(sql, values![&hash[..], at.as_microsecond(), user])
            .await
    }
}
