//! Sessions, and links by which somebody comes in.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::json;
use tuikuan_domain::{Actor, PersonId};
use tuikuan_store::{Administered, Invitation, PeopleAct, Purpose, SecondFactor, Session, User};

use super::{Line, NewUser, People, rights_json};
use crate::error::EngineError;

/// A link by which somebody comes in is good for so long.
pub const INVITATION_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// The link of a demonstration is good as long as the demonstration, whose clock may run fast.
const DEMO_LIFE: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);

/// SHA-256, under which tokens are kept.
fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    for (to, from) in hash.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
        *to = *from;
    }
    hash
}

/// Sessions.
impl People<'_> {
    /// Begins a session.
    ///
    /// # Errors
    /// [`EngineError::Conflict`] when the person was disabled meanwhile.
    pub async fn open_session(&self, session: Session) -> Result<(), EngineError> {
        let by = Actor::Person(session.user.clone());
        let line = Line {
            by: &by,
            action: match session.second_factor {
                SecondFactor::Pending => "user.password_accepted",
                SecondFactor::NotAsked | SecondFactor::Passed => "user.signed_in",
            },
            subject: by.as_str(),
            detail: json!({ "address": session.address, "browser": session.agent }),
        };
        self.write(PeopleAct::SessionOpened(session), line).await
    }

    /// Notes that a session was used; no act, so the log says nothing of it.
    ///
    /// # Errors
    /// The store's.
    pub async fn see_session(&self, hash: [u8; 32], now: Timestamp) -> Result<(), EngineError> {
        Ok(self.store.see_session(hash, now).await?)
    }

    /// Ends a session. One that has ended already is no fault.
    ///
    /// # Errors
    /// The store's.
    pub async fn close_session(&self, by: &Actor, session: &Session) -> Result<(), EngineError> {
        let line = Line {
            by,
            action: "session.ended",
            subject: session.user.as_str(),
            detail: json!({ "address": session.address, "browser": session.agent }),
        };
        let done = self.write(PeopleAct::SessionClosed(session.hash), line);
        match done.await {
            Err(EngineError::Conflict) => Ok(()),
            done => done,
        }
    }

    /// Ends every session of somebody.
    ///
    /// # Errors
    /// The store's.
    pub async fn close_sessions(&self, by: &Actor, user: &PersonId) -> Result<(), EngineError> {
        let line = Line {
            by,
            action: "sessions.ended",
            subject: user.as_str(),
            detail: json!({}),
        };
        self.write(PeopleAct::SessionsClosed(user.clone()), line)
            .await
    }

    /// Notes that somebody tried to come in as this person, or as nobody we know, and could not prove it. `what` was wrong:
    /// `password`, `second_factor` or `present_password`.
    ///
    /// # Errors
    /// The store's.
    pub async fn note_failed_sign_in(
        &self,
        user: Option<&PersonId>,
        what: &str,
        address: &str,
    ) -> Result<(), EngineError> {
        let line = Line {
            by: &Actor::Engine,
            action: "user.sign_in_failed",
            subject: user.map_or("nobody", PersonId::as_str),
            detail: json!({ "wrong": what, "address": address }),
        };
        self.administer(Administered::Noted, line).await
    }
}

/// Links.
impl People<'_> {
    /// Makes a link's token, good for [`INVITATION_LIFE`] and once; earlier links for the same person
    /// are no longer good. Without a person it is for the first administrator.
    ///
    /// # Errors
    /// [`EngineError::NotAllowed`], [`EngineError::NotFound`].
    pub async fn invite(
        &self,
        by: &Actor,
        user: Option<&PersonId>,
        purpose: Purpose,
    ) -> Result<SecretString, EngineError> {
        if let Some(id) = user {
            let user = self.store.user(id).await?.ok_or(EngineError::NotFound)?;
            self.may_manage(by, &user.scope).await?;
        }
        let mut random = self.ids.random().into_bytes().to_vec();
        random.extend_from_slice(self.ids.random().as_bytes());
        let token = URL_SAFE_NO_PAD.encode(&random);
        let life = match purpose {
            Purpose::SetUp | Purpose::Invite | Purpose::Reset => INVITATION_LIFE,
            Purpose::Demo => DEMO_LIFE,
        };
        let invitation = Invitation {
            hash: sha256(token.as_bytes()),
            purpose,
            user: user.cloned(),
            created_at: self.now,
            expires_at: tuikuan_domain::after(self.now, life),
            used_at: None,
        };
        let line = Line {
            by,
            action: "invitation.made",
            subject: user.map_or("first_admin", PersonId::as_str),
            detail: json!({ "purpose": purpose.as_str() }),
        };
        self.write(PeopleAct::InvitationMade(invitation), line)
            .await?;
        Ok(SecretString::from(token))
    }

    /// Uses a link: its person gets a password in the same transaction, and is given back.
    ///
    /// # Errors
    /// [`EngineError::Conflict`] when the link is no longer good or the person has changed.
    pub async fn accept_invitation(
        &self,
        hash: [u8; 32],
        user: &User,
        password: SecretString,
    ) -> Result<User, EngineError> {
        let changed = User {
            password: Some(password),
            ..user.clone()
        };
        let by = Actor::Person(user.id.clone());
        let line = Line {
            by: &by,
            action: "invitation.accepted",
            subject: by.as_str(),
            detail: json!({}),
        };
        let act = PeopleAct::InvitationAccepted(hash, changed.clone());
        self.write(act, line).await?;
        let version = changed.version.saturating_add(1);
        Ok(User { version, ..changed })
    }

    /// Uses the first link: the first person is there with it, and is given back.
    ///
    /// # Errors
    /// [`EngineError::Conflict`] when the link is no longer good, or somebody is there already.
    pub async fn accept_set_up(&self, hash: [u8; 32], first: NewUser) -> Result<User, EngineError> {
        let user = self.born(first);
        let by = Actor::Person(user.id.clone());
        let line = Line {
            by: &by,
            action: "user.set_up",
            subject: by.as_str(),
            detail: rights_json(&user),
        };
        let act = PeopleAct::SetUpAccepted(hash, user.clone());
        self.write(act, line).await?;
        Ok(user)
    }
}
