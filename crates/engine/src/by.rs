//! Who acts, with what, through which of our doors. Every command and request carries it into the
//! history and the audit log (INV-35).

use tuikuan_domain::{Actor, PersonId, Source};
use tuikuan_store::KeyId;

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// Who: a key that has an owner acts as that person (INV-32).
    pub actor: Actor,
    /// The API key that was shown, if one was.
    pub key: Option<KeyId>,
    /// Through which door: `Console`, `Cli`, `Api` or `Batch`; for the engine's own acts, where the
    /// evidence came from.
    pub source: Source,
}

impl By {
    /// A person who is signed in to the console.
    #[must_use]
    pub const fn person(id: PersonId) -> Self {
        Self {
            actor: Actor::Person(id),
            key: None,
            source: Source::Console,
        }
    }

    /// An API key without an owner.
    #[must_use]
    pub fn key(id: KeyId) -> Self {
        Self {
            actor: Actor::Key(id.as_str().into()),
            key: Some(id),
            source: Source::Api,
        }
    }

    /// An API key that belongs to a person.
    #[must_use]
    pub const fn key_of(id: KeyId, owner: PersonId) -> Self {
        Self {
            actor: Actor::Person(owner),
            key: Some(id),
            source: Source::Api,
        }
    }

    /// Somebody at the machine itself.
    #[must_use]
    pub const fn cli() -> Self {
        Self {
            actor: Actor::Cli,
            key: None,
            source: Source::Cli,
        }
    }

    /// Tuikuan itself: what WeChat says, schedules, rescue.
    #[must_use]
    pub const fn engine(source: Source) -> Self {
        Self {
            actor: Actor::Engine,
            key: None,
            source,
        }
    }

    /// The same through another door.
    #[must_use]
    pub fn through(self, source: Source) -> Self {
        Self { source, ..self }
    }
}
