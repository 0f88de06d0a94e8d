//! Who wants something: a person, an API key without an owner, the command line of the machine, or
//! Tuikuan itself. A key that has an owner acts as that person (INV-32).

use std::fmt;
use std::str::FromStr;

use crate::ids::{OwnIdError, PersonId};

/// What a person may do. The order is that of the rights: each includes those before it, but see
/// [`Role::approves`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Looks.
    Viewer,
    /// Also asks for refunds and acts on them.
    Operator,
    /// Also agrees to what others ask.
    Approver,
    /// Also manages people, keys, endpoints and rules.
    Admin,
}

impl Role {
    /// All roles, the least first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Operator, Self::Approver, Self::Admin];

    /// The role as text, stable.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Approver => "approver",
            Self::Admin => "admin",
        }
    }

    /// Reads what [`Role::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// Whether the role may agree to a refund of somebody else; such people sign in with a second
    /// factor.
    #[must_use]
    pub const fn approves(self) -> bool {
        matches!(self, Self::Approver | Self::Admin)
    }
}

/// Who wants something.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Actor {
    /// A person, signed in or through a key of theirs.
    Person(PersonId),
    /// An API key without an owner, by its id (`key_...`).
    Key(Box<str>),
    /// Somebody at the machine itself.
    Cli,
    /// Tuikuan.
    Engine,
}

impl Actor {
    /// The actor as text, stable: `usr_...`, `key_...`, `cli` or `engine`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Person(id) => id.as_str(),
            Self::Key(id) => id,
            Self::Cli => "cli",
            Self::Engine => "engine",
        }
    }
}

impl FromStr for Actor {
    type Err = OwnIdError;
    fn from_str(text: &str) -> Result<Self, OwnIdError> {
        match text {
            "cli" => Ok(Self::Cli),
            "engine" => Ok(Self::Engine),
            key if key.starts_with("key_") && key.len() <= 64 => Ok(Self::Key(key.into())),
            person => person.parse().map(Self::Person),
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_roles_and_actors_reads_back() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        for text in ["usr_0000000000000001", "key_12345678", "cli", "engine"] {
            assert_eq!(text.parse::<Actor>().unwrap().as_str(), text);
        }
        assert!("somebody".parse::<Actor>().is_err());
    }

    #[test]
    fn each_role_has_the_rights_of_those_before_it() {
        assert!(Role::ALL.is_sorted());
        assert!(!Role::Operator.approves() && Role::Approver.approves() && Role::Admin.approves());
    }
}
