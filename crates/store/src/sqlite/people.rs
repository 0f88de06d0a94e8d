//! People, sessions, links: rows into records and back.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use secrecy::{ExposeSecret, SecretString};
use tuikuan_domain::PersonId;

use super::Sqlite;
use super::read::{many, one};
use super::work::Work;
use crate::error::{CommitError, ReadError};
use crate::operation::Operation;
use crate::people::{Invitation, PeopleAct, SESSIONS_MAX, SecondFactor, Session, USERS_MAX, User};
use crate::rows::people::{invitation, session, session_columns, totp_place, user, user_columns};
use crate::scope::scope_text;
use crate::seal::DataKey;
use crate::trouble::Trouble;

type Read<T> = Result<T, ReadError>;

/// Reads.
impl Sqlite {
    pub(crate) async fn user(&self, id: &PersonId) -> Read<Option<User>> {
        const SQL: &str = concat!("SELECT ", user_columns!(), " FROM users WHERE id = ?1");
        self.read(|c| one(c, SQL, [id.as_str()], |row| user(row, &self.0.key)))
    }

    pub(crate) async fn user_by_name(&self, name: &str) -> Read<Option<User>> {
        const SQL: &str = concat!(
            "SELECT ",
            user_columns!(),
            " FROM users WHERE name_key = ?1"
        );
        let key = User::name_key(name);
        self.read(|c| one(c, SQL, [key], |row| user(row, &self.0.key)))
    }

    pub(crate) async fn users(&self) -> Read<Vec<User>> {
        const SQL: &str = concat!(
            "SELECT ",
            user_columns!(),
            " FROM users ORDER BY name_key LIMIT ?1"
        );
        self.read(|c| many(c, SQL, [USERS_MAX], |row| user(row, &self.0.key)))
    }

    pub(crate) async fn session(&self, hash: &[u8; 32]) -> Read<Option<Session>> {
        const SQL: &str = concat!(
            "SELECT ",
            session_columns!(),
            " FROM sessions WHERE hash = ?1"
        );
        self.read(|c| one(c, SQL, [hash], session))
    }

    pub(crate) async fn sessions_of(&self, user: &PersonId) -> Read<Vec<Session>> {
        const SQL: &str = concat!(
            "SELECT ",
            session_columns!(),
            " FROM sessions WHERE user_id = ?1 ORDER BY created_at DESC, hash LIMIT ?2"
        );
        self.read(|c| many(c, SQL, params![user.as_str(), SESSIONS_MAX], session))
    }

    pub(crate) async fn invitation(&self, hash: &[u8; 32]) -> Read<Option<Invitation>> {
        let sql = "SELECT hash, purpose, user_id, created_at, expires_at, used_at
                   FROM invitations WHERE hash = ?1";
        self.read(|c| one(c, sql, [hash], invitation))
    }

    pub(crate) async fn see_session(
        &self,
        hash: [u8; 32],
        now: Timestamp,
    ) -> Result<(), CommitError> {
        self.done(Operation::SeeSession(hash, now)).await
    }
}

/// What a person's row holds that decides whether sessions end with a change.
fn proofs(
    connection: &Connection,
    key: &DataKey,
    id: &PersonId,
) -> Result<Option<[Option<String>; 2]>, Trouble> {
    let sql = "SELECT password, totp FROM users WHERE id = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_row([id.as_str()], |row| {
        Ok((
            row.get::<_, Option<String>>(0)?,
            row.get::<_, Option<Vec<u8>>>(1)?,
        ))
    });
    Ok(found.optional()?.map(|(password, totp)| {
        let totp = totp.map(|sealed| {
            // What cannot be opened differs from everything: the sessions end.
            let plain = key.open(totp_place(id.as_str()), &sealed);
            String::from_utf8(plain.unwrap_or_default()).unwrap_or_default()
        });
        [password, totp]
    }))
}

fn exposed(secret: Option<&SecretString>) -> Option<&str> {
    secret.map(|secret| secret.expose_secret())
}

/// Writes, within one transaction.
impl Work<'_> {
    pub(super) fn people(&mut self, act: &PeopleAct, at: Timestamp) -> Result<(), Trouble> {
        match act {
            PeopleAct::UserCreated(user) => self.insert_user(user),
            PeopleAct::UserUpdated(user) => self.update_user(user),
            PeopleAct::SessionOpened(session) => self.insert_session(session),
            PeopleAct::SessionClosed(hash) => {
                self.exactly_one("DELETE FROM sessions WHERE hash = ?1", [hash])
            }
            PeopleAct::SessionsClosed(user) => self.end_sessions(user),
            PeopleAct::InvitationMade(invitation) => self.insert_invitation(invitation),
            PeopleAct::InvitationAccepted(hash, user) => {
                self.use_invitation(hash, Some(&user.id), at)?;
                self.update_user(user)
            }
            PeopleAct::SetUpAccepted(hash, user) => {
                let sql = "SELECT 1 FROM users LIMIT 1";
                if self.read(sql, [], |_| Ok(()))?.is_some() {
                    return Err(CommitError::Conflict.into());
                }
                self.use_invitation(hash, None, at)?;
                self.insert_user(user)
            }
        }
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

    fn insert_user(&mut self, user: &User) -> Result<(), Trouble> {
        let totp = self.sealed_totp(user)?;
        let sql = "INSERT INTO users (id, name, name_key, password, role, scope, totp, totp_used,
                       language, created_at, version)
                   SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 1
                   WHERE (SELECT count(*) FROM users) < ?11";
        let row = params![
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
            USERS_MAX,
        ];
        match self.execute(sql, row)? {
            1 => Ok(()),
            _ => Err(CommitError::Overdrawn {
                constraint: "users_max".to_owned(),
            }
            .into()),
        }
    }

    fn update_user(&mut self, user: &User) -> Result<(), Trouble> {
        let before = proofs(self.connection, self.key, &user.id)?;
        let [password, totp] = before.ok_or(CommitError::Conflict)?;
        let sealed = self.sealed_totp(user)?;
        let sql = "UPDATE users SET name = ?3, name_key = ?4, password = ?5, role = ?6, scope = ?7,
                       totp = ?8, totp_used = ?9, language = ?10, disabled_at = ?11,
                       version = version + 1
                   WHERE id = ?1 AND version = ?2";
        let row = params![
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
        self.exactly_one(sql, row)?;
        let same = password.as_deref() == exposed(user.password.as_ref())
            && totp.as_deref() == exposed(user.totp.as_ref());
        if user.disabled_at.is_some() || !same {
            self.end_sessions(&user.id)?;
        }
        self.end_links(&user.id)
    }

    /// A link was made for the person as they were: it does not outlive a change of their rights.
    /// The link of a demonstration sets no password, and stays.
    fn end_links(&mut self, user: &PersonId) -> Result<(), Trouble> {
        let sql = "DELETE FROM invitations
                   WHERE user_id = ?1 AND used_at IS NULL AND purpose <> 'demo'";
        self.execute(sql, [user.as_str()]).map(|_| ())
    }

    fn end_sessions(&mut self, user: &PersonId) -> Result<(), Trouble> {
        let sql = "DELETE FROM sessions WHERE user_id = ?1";
        self.execute(sql, [user.as_str()]).map(|_| ())
    }

    fn insert_session(&mut self, session: &Session) -> Result<(), Trouble> {
        let begun = session.created_at.as_microsecond();
        let user = session.user.as_str();
        self.execute("DELETE FROM sessions WHERE expires_at <= ?1", [begun])?;
        // The new one comes on top.
        let sql = "DELETE FROM sessions WHERE user_id = ?1 AND hash NOT IN (
                       SELECT hash FROM sessions WHERE user_id = ?1
                       ORDER BY created_at DESC, hash LIMIT ?2)";
        self.execute(sql, params![user, SESSIONS_MAX.saturating_sub(1)])?;
        let sql = "INSERT INTO sessions (hash, user_id, created_at, seen_at, expires_at,
                       second_factor, csrf, address, agent)
                   SELECT ?1, id, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM users
                   WHERE id = ?2 AND disabled_at IS NULL";
        let row = params![
            session.hash,
            user,
            begun,
            session.seen_at.as_microsecond(),
            session.expires_at.as_microsecond(),
            session.second_factor.as_str(),
            session.csrf,
            session.address,
            session.agent,
        ];
        self.exactly_one(sql, row)?;
        if session.second_factor == SecondFactor::Pending {
            return Ok(());
        }
        let sql = "UPDATE users SET last_login_at = ?2 WHERE id = ?1";
        self.exactly_one(sql, params![user, begun])
    }

    pub(super) fn see_session(&mut self, hash: &[u8; 32], now: Timestamp) -> Result<(), Trouble> {
        let sql = "UPDATE sessions SET seen_at = ?2 WHERE hash = ?1 AND seen_at < ?2";
        self.execute(sql, params![hash, now.as_microsecond()])
            .map(|_| ())
    }

    fn insert_invitation(&mut self, invitation: &Invitation) -> Result<(), Trouble> {
        let user = invitation.user.as_ref().map(PersonId::as_str);
        let created = invitation.created_at.as_microsecond();
        let sql = "DELETE FROM invitations
                   WHERE expires_at <= ?2 OR (user_id IS ?1 AND used_at IS NULL)";
        self.execute(sql, params![user, created])?;
        let sql = "INSERT INTO invitations (hash, purpose, user_id, created_at, expires_at)
                   VALUES (?1, ?2, ?3, ?4, ?5)";
        let row = params![
            invitation.hash,
            invitation.purpose.as_str(),
            user,
            created,
            invitation.expires_at.as_microsecond(),
        ];
        self.execute(sql, row).map(|_| ())
    }

    fn use_invitation(
        &mut self,
        hash: &[u8; 32],
        user: Option<&PersonId>,
        at: Timestamp,
    ) -> Result<(), Trouble> {
        let sql = "UPDATE invitations SET used_at = ?2
                   WHERE hash = ?1 AND user_id IS ?3 AND used_at IS NULL AND expires_at > ?2
                       AND purpose <> 'demo'";
        let user = user.map(PersonId::as_str);
        self.exactly_one(sql, params![hash, at.as_microsecond(), user])
    }
}
