//! Endpoints, API keys and the audit log. Each act of administration is written together with its
//! entry in the log (INV-35).

use jiff::Timestamp;
use secrecy::SecretString;
use tuikuan_domain::{Actor, MerchantName, PersonId, RefundId, Role};

use crate::care::Care;
use crate::ids::{DeliveryId, EndpointId, KeyId};
use crate::people::PeopleAct;
use crate::rules::RulesAct;

/// Which merchants a key or a person may see and act for (INV-34).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    All,
    /// These only.
    Only(Vec<MerchantName>),
}

/// An API key, without the key: only its SHA-256 is kept (INV-36).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: KeyId,
    /// Its name, for people.
    pub name: String,
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    /// Whose it is: it acts as that person (INV-32). None for a system's own key.
    pub owner: Option<PersonId>,
    /// What it may do, at most: with an owner, no more than the owner's present role.
    pub role: Role,
    /// What it may see and act for.
    pub scope: Scope,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom; `None`: it is older than the note of it.
    pub created_by: Option<Actor>,
    /// When it was used last, to about a minute.
    pub last_used_at: Option<Timestamp>,
    /// Until when it is good.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    /// Whether it may agree to something in its owner's name: its owner made it, or somebody at the
    /// machine itself did. Whoever made it for another could act as two (INV-32).
    #[must_use]
    pub fn agrees(&self) -> bool {
        let Some(owner) = &self.owner else {
            return false;
        };
        match &self.created_by {
            Some(Actor::Person(maker)) => maker == owner,
            Some(Actor::Cli) => true,
            Some(Actor::Key(_) | Actor::Engine) | None => false,
        }
    }
}

/// A webhook endpoint. Its secret is sealed at rest (INV-36).
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// Whose refunds it hears of.
    pub merchant: MerchantName,
    /// Where messages go.
    pub url: String,
    /// The signing secret, as shown to the receiver (`whsec_...`).
    pub secret: SecretString,
    /// Whether messages are made and sent.
    pub enabled: bool,
    /// Why it is switched off.
    pub disabled_reason: Option<String>,
    /// Since when every try has failed.
    pub failing_since: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// An entry for the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAudit {
    /// When.
    pub at: Timestamp,
    /// Who: a key id, `cli`, `engine` ...
    pub actor: String,
    /// What: `key.created`, `endpoint.updated`, `config.loaded` ...
    pub action: String,
    /// To what, by id.
    pub subject: String,
    /// More, as JSON text, without secrets.
    pub detail: String,
}

/// A stored entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// 1, 2, 3 ... without gaps.
    pub number: i64,
    /// What it says.
    pub entry: NewAudit,
    /// SHA-256 over the entry before and this one.
    pub hash: [u8; 32],
}

/// An act of administration with its entry in the log.
#[derive(Debug, Clone)]
pub struct AdminChange {
    /// What is done.
    pub act: Administered,
    /// What the log says of it.
    pub audit: NewAudit,
}

/// What is done.
#[derive(Debug, Clone)]
pub enum Administered {
    /// Nothing but the entry.
    Noted,
    /// Rules are set or removed.
    Rules(Box<RulesAct>),
    /// A new key.
    KeyCreated(ApiKey),
    /// A key is no longer good.
    KeyRevoked(KeyId),
    /// A new endpoint.
    EndpointCreated(Endpoint),
    /// An endpoint with new url or state; id, merchant, secret and creation stay.
    EndpointUpdated(Endpoint),
    /// An endpoint with a new secret; everything else stays.
    EndpointRotated(Endpoint),
    /// An endpoint is gone; what was pending for it is dead.
    EndpointDeleted(EndpointId),
    /// Something about people.
    People(Box<PeopleAct>),
    /// Somebody cares for something that needs a person.
    Cared(Care),
    /// A notification was taken in once more.
    Replayed(Replayed),
    /// Messages are sent again from their first try.
    Redelivered(Vec<DeliveryId>),
}

/// What came of taking a notification in once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// Its number.
    pub number: i64,
    /// What it came to this time.
    pub outcome: String,
    /// The refund it is about, where that is known now.
    pub refund_id: Option<RefundId>,
    /// The line of history it caused, if it caused one.
    pub seq: Option<i64>,
}
