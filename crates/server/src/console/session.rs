//! Sessions: rows of the store, found by the hash of a cookie. They end 12 hours after they were
//! last seen, 7 days after they began, and at once when they are revoked. A new one begins at the
//! password and again at the second factor, so that nobody can be handed one beforehand.

use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use tuikuan_store::{SecondFactor, Session, User};

use super::cookie::{self, Cookie, Readable};
use super::fault::Fault;
use super::secret;
use super::visit::Guest;
use crate::app::Shared;

/// The cookie.
const COOKIE: &str = "tuikuan";

/// A session that nobody used for so long has ended.
pub(crate) const IDLE_MAX: SignedDuration = SignedDuration::from_hours(12);

/// No session lives longer.
pub(crate) const LIFE_MAX: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Between password and second factor.
const PENDING_MAX: SignedDuration = SignedDuration::from_mins(15);

/// The use of a session is noted this often, not at each request.
const SEEN_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// A session with the person it belongs to.
#[derive(Debug, Clone)]
pub(crate) struct SignedIn {
    /// The person.
    pub(crate) user: User,
    /// The session.
    pub(crate) session: Session,
}

impl SignedIn {
    /// Whether everything was shown that is asked of the person now: who became an approver since,
    /// signs in again, with a second factor.
    fn is_whole(&self) -> bool {
        match self.session.second_factor {
            SecondFactor::Passed => true,
            SecondFactor::NotAsked => self.user.totp.is_none() && !self.user.role.approves(),
            SecondFactor::Pending => false,
        }
    }
}

/// The person behind the cookie, with the second factor passed where it is demanded.
///
/// # Errors
/// [`Fault::Unavailable`] when the store does not answer.
pub(crate) async fn signed_in(
    app: &Shared,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Option<SignedIn>, Fault> {
    let found = any(app, headers, now).await?;
    let Some(found) = found.filter(SignedIn::is_whole) else {
        return Ok(None);
    };
    if now.duration_since(found.session.seen_at) >= SEEN_EVERY {
        let hash = found.session.hash;
        if let Err(error) = app.engine.people().see_session(hash, now).await {
            tracing::warn!(%error, "the use of a session could not be noted");
        }
    }
    Ok(Some(found))
}

/// The person behind the cookie, whose second factor may still be missing.
///
/// # Errors
/// [`Fault::Unavailable`] when the store does not answer.
pub(crate) async fn any(
    app: &Shared,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Option<SignedIn>, Fault> {
    let Some(hash) = token(app, headers).and_then(secret::hash_of) else {
        return Ok(None);
    };
    let store = app.engine.store();
    let Some(session) = store.session(&hash).await? else {
        return Ok(None);
    };
    if !lives(&session, now) {
        return Ok(None);
    }
    let user = store.user(&session.user).await?;
    let user = user.filter(|user| user.disabled_at.is_none());
    Ok(user.map(|user| SignedIn { user, session }))
}

/// The token in the cookie, as the browser sent it.
pub(crate) fn token<'a>(app: &Shared, headers: &'a HeaderMap) -> Option<&'a str> {
    cookie::proof(headers, COOKIE, app.settings.scheme)
}

/// Whether a session can still be used.
pub(crate) fn lives(session: &Session, now: Timestamp) -> bool {
    now < session.expires_at && now.duration_since(session.seen_at) < IDLE_MAX
}

/// Begins a session in place of the one the browser had, and gives the cookie for it.
///
/// # Errors
/// [`Fault`] of the store.
pub(crate) async fn begin(
    app: &Shared,
    user: &User,
    guest: &Guest,
    passed: SecondFactor,
) -> Result<String, Fault> {
    let token = secret::token()?;
    let hash = secret::hash_of(&token).ok_or(Fault::Internal)?;
    let life = match passed {
        SecondFactor::Passed | SecondFactor::NotAsked => LIFE_MAX,
        SecondFactor::Pending => PENDING_MAX,
    };
    let session = Session {
        hash,
        user: user.id.clone(),
        created_at: guest.now,
        seen_at: guest.now,
        expires_at: tuikuan_domain::after(guest.now, life),
        second_factor: passed,
        csrf: secret::token()?,
        address: guest.address.to_string(),
        agent: guest.agent.clone(),
    };
    app.engine.people().open_session(session).await?;
    Ok(token)
}

/// Ends the session of a request, if it has one.
///
/// # Errors
/// [`Fault`] of the store.
pub(crate) async fn end(app: &Shared, headers: &HeaderMap, guest: &Guest) -> Result<(), Fault> {
    if let Some(found) = any(app, headers, guest.now).await? {
        let by = tuikuan_domain::Actor::Person(found.user.id.clone());
        app.engine
            .people()
            .close_session(&by, &found.session)
            .await?;
    }
    Ok(())
}

/// Puts the cookie of a session on an answer.
pub(crate) fn keep(app: &Shared, headers: &mut HeaderMap, token: &str) {
    let cookie = Cookie {
        name: COOKIE,
        value: token,
        seconds: LIFE_MAX.as_secs(),
        readable: Readable::RequestsOnly,
    };
    cookie.set(headers, app.settings.scheme);
}

/// Removes the cookie.
pub(crate) fn forget(app: &Shared, headers: &mut HeaderMap) {
    let cookie = Cookie {
        name: COOKIE,
        value: "",
        seconds: 0,
        readable: Readable::RequestsOnly,
    };
    cookie.set(headers, app.settings.scheme);
}
