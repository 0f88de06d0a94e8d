//! People who sign in, their sessions, and the links by which they come in. What proves somebody is
//! kept as a hash, or sealed (INV-36).

use jiff::Timestamp;
use secrecy::SecretString;
use tuikuan_domain::{PersonId, Role};

use crate::admin::Scope;

/// People that are kept at most; nobody is ever removed (INV-28).
pub const USERS_MAX: u32 = 1000;

/// Sessions of one person that are kept; the oldest go.
pub const SESSIONS_MAX: u32 = 20;

/// A person who may sign in.
#[derive(Debug, Clone)]
pub struct User {
    /// The id, for life.
    pub id: PersonId,
    /// The name; capitals make no difference.
    pub name: String,
    /// The argon2id hash of the password, as PHC text; none before it was chosen.
    pub password: Option<SecretString>,
    /// What the person may do.
    pub role: Role,
    /// For which merchants.
    pub scope: Scope,
    /// The secret of the second factor, base32. Sealed at rest.
    pub totp: Option<SecretString>,
    /// The last time step whose code was used: each is good once.
    pub totp_used: i64,
    /// The language of the console, as the console writes it.
    pub language: Option<String>,
    /// When the person was added.
    pub created_at: Timestamp,
    /// When the person signed in last.
    pub last_login_at: Option<Timestamp>,
    /// Since when the person may not sign in.
    pub disabled_at: Option<Timestamp>,
    /// 1, 2, 3 ...: a change names the version it replaces.
    pub version: i64,
}

impl User {
    /// What a name is compared by.
    #[must_use]
    pub fn name_key(name: &str) -> String {
        name.trim().to_lowercase()
    }
}

/// Whether a second factor stands behind a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondFactor {
    /// It is still to be shown.
    Pending,
    /// The person has none and needed none when the session began.
    NotAsked,
    /// It was shown.
    Passed,
}

impl SecondFactor {
    /// As stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::NotAsked => "not_asked",
            Self::Passed => "passed",
        }
    }

    /// Reads what [`SecondFactor::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::NotAsked, Self::Passed]
            .into_iter()
            .find(|known| known.as_str() == text)
    }
}

/// A session, without its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// Whose it is.
    pub user: PersonId,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was used last, to about a minute.
    pub seen_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// Whether the second factor was shown.
    pub second_factor: SecondFactor,
    /// What every form of the session carries.
    pub csrf: String,
    /// From where it began.
    pub address: String,
    /// With what browser.
    pub agent: String,
}

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The first administrator.
    SetUp,
    /// Somebody new chooses a password.
    Invite,
    /// Somebody chooses another password.
    Reset,
    /// The visitor of a demonstration is signed in; such a link can be used again.
    Demo,
}

impl Purpose {
    /// All purposes.
    pub const ALL: [Self; 4] = [Self::SetUp, Self::Invite, Self::Reset, Self::Demo];

    /// As stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SetUp => "set_up",
            Self::Invite => "invite",
            Self::Reset => "reset",
            Self::Demo => "demo",
        }
    }

    /// Reads what [`Purpose::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }
}

/// A link by which somebody comes in, without its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// What it is for.
    pub purpose: Purpose,
    /// For whom; nobody yet for the first administrator.
    pub user: Option<PersonId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// When it was used.
    pub used_at: Option<Timestamp>,
}

/// What is done about people. Each is written with its entry in the audit log.
#[derive(Debug, Clone)]
pub enum PeopleAct {
    /// Somebody new.
    UserCreated(User),
    /// Somebody changed: `version` is the one that is replaced. Who is disabled, or gets another
    /// password or second factor, is signed out everywhere.
    UserUpdated(User),
    /// A session began.
    SessionOpened(Session),
    /// A session ended.
    SessionClosed([u8; 32]),
    /// Every session of somebody ended.
    SessionsClosed(PersonId),
    /// A link; earlier ones for the same person are no longer good.
    InvitationMade(Invitation),
    /// A link was used, and the person changed with it.
    InvitationAccepted([u8; 32], User),
    /// The first link was used, and the first person is there with it.
    SetUpAccepted([u8; 32], User),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_words_read_back() {
        for purpose in Purpose::ALL {
            assert_eq!(Purpose::parse(purpose.as_str()), Some(purpose));
        }
        for state in ["pending", "not_asked", "passed"] {
            assert_eq!(SecondFactor::parse(state).unwrap().as_str(), state);
        }
    }

    #[test]
    fn capitals_make_no_difference_in_a_name() {
        assert_eq!(User::name_key(" Wang Fang "), User::name_key("wang fang"));
        assert_ne!(User::name_key("王芳"), User::name_key("王方"));
    }
}
