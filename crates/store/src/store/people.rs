//! What can be read about people, their sessions and their links.

use jiff::Timestamp;
use tuikuan_domain::PersonId;

use super::Store;
use crate::error::{CommitError, ReadError};
use crate::people::{Invitation, Session, User};

impl Store {
    /// A person.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn user(&self, id: &PersonId) -> Result<Option<User>, ReadError> {
        on!(self, s => s.user(id).await)
    }

    /// A person by name; capitals make no difference.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn user_by_name(&self, name: &str) -> Result<Option<User>, ReadError> {
        on!(self, s => s.user_by_name(name).await)
    }

    /// All people by name, disabled ones too; at most [`crate::USERS_MAX`].
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn users(&self) -> Result<Vec<User>, ReadError> {
        on!(self, s => s.users().await)
    }

    /// The session with this SHA-256 of its token, ended or not.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn session(&self, hash: &[u8; 32]) -> Result<Option<Session>, ReadError> {
        on!(self, s => s.session(hash).await)
    }

    /// The sessions of a person, newest first; at most [`crate::SESSIONS_MAX`].
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn sessions_of(&self, user: &PersonId) -> Result<Vec<Session>, ReadError> {
        on!(self, s => s.sessions_of(user).await)
    }

    /// The link with this SHA-256 of its token, good or not.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn invitation(&self, hash: &[u8; 32]) -> Result<Option<Invitation>, ReadError> {
        on!(self, s => s.invitation(hash).await)
    }

    /// Notes that a session was used. One that has ended stays ended.
    ///
    /// # Errors
    /// [`CommitError`].
    pub async fn see_session(&self, hash: [u8; 32], now: Timestamp) -> Result<(), CommitError> {
        on!(self, s => s.see_session(hash, now).await)
    }
}
