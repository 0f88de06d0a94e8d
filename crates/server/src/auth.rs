//! Who asks: API keys, and what each may see and do (INV-34). A key is 256 random bits, so its
//! SHA-256 is all that is kept and all that is looked up; the comparison is in constant time
//! (INV-36). A key with an owner acts as its owner, with the lesser of both rights.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use http::{HeaderMap, header};
use jiff::Timestamp;
use subtle::ConstantTimeEq;
use tuikuan_domain::{MerchantName, PersonId, Role};
use tuikuan_engine::By;
use tuikuan_store::{ApiKey, KeyId, Merchants, Scope, Store, User};

use crate::code::Code;
use crate::policy::Permission;
use crate::problem::Problem;

/// What every key begins with.
const KEY_PREFIX: &str = "tk_";

/// The longest text that is looked at as a key.
const KEY_BYTES_MAX: usize = 128;

/// Good keys remembered at once.
const CACHED_KEYS_MAX: usize = 1024;

/// Somebody who showed a good key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// Which key.
    pub(crate) key: KeyId,
    /// What the key is looked up by.
    hash: [u8; 32],
    /// As whom it acts.
    pub(crate) owner: Option<PersonId>,
    /// What it may do: no more than its owner.
    pub(crate) role: Role,
    /// What it may see and act for: no more than its owner.
    pub(crate) merchants: Merchants,
    /// Whether it agrees to things in its owner's name.
    agrees: Agrees,
}

/// Whether a key agrees to things in its owner's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Agrees {
    Yes,
    Never,
}

impl Caller {
    /// What a key may do now, with the owner it has.
    fn of(key: ApiKey, owner: Option<&User>) -> Self {
        let agrees = if key.agrees() {
            Agrees::Yes
        } else {
            Agrees::Never
        };
        let role = owner.map_or(key.role, |owner| key.role.min(owner.role));
        let merchants = match (key.scope, owner.map(|owner| &owner.scope)) {
            (Scope::All, None | Some(Scope::All)) => Merchants::All,
            (Scope::All, Some(Scope::Only(names))) => Merchants::Only(names.clone()),
            (Scope::Only(names), None | Some(Scope::All)) => Merchants::Only(names),
            (Scope::Only(mut names), Some(Scope::Only(theirs))) => {
                names.retain(|name| theirs.contains(name));
                Merchants::Only(names)
            }
        };
        Self {
            key: key.id,
            hash: key.hash,
            owner: key.owner,
            role,
            merchants,
            agrees,
        }
    }

    /// Who acts.
    pub(crate) fn by(&self) -> By {
        match &self.owner {
            Some(owner) => By::key_of(self.key.clone(), owner.clone()),
            None => By::key(self.key.clone()),
        }
    }

    /// Whether the key may do something. Nobody stands behind a key without an owner, and behind one
    /// that another person made stands perhaps that one: they never agree to anything (INV-32).
    pub(crate) fn may(&self, permission: Permission) -> bool {
        let person = self.agrees == Agrees::Yes || permission != Permission::Approve;
        person && permission.is_held_for(self.role, &self.merchants)
    }

    /// Whether the caller may see and act for a merchant.
    pub(crate) fn covers(&self, merchant: &MerchantName) -> bool {
        self.merchants.allows(merchant)
    }
}

struct Known {
    caller: Arc<Caller>,
    until: Instant,
}

/// The keys of the store, and those found good a moment ago.
pub(crate) struct Keys {
    good: RwLock<HashMap<[u8; 32], Known>>,
    used: Mutex<BTreeMap<String, (KeyId, Timestamp)>>,
    remembered: Duration,
}

impl Keys {
    /// Keys that are remembered for so long once found good.
    pub(crate) fn new(remembered: Duration) -> Self {
        Self {
            good: RwLock::default(),
            used: Mutex::default(),
            remembered,
        }
    }

    /// The caller behind the header `Authorization`, if it may do what it asks for. To agree to
    /// something, the key and its owner are read anew; otherwise they may be a moment old.
    ///
    /// # Errors
    /// [`Code::UNAUTHORIZED`] without a good key, the same for every bad one; [`Code::FORBIDDEN`] for
    /// one whose rights do not reach so far.
    pub(crate) async fn caller(
        &self,
        headers: &HeaderMap,
        (store, now): (&Store, Timestamp),
        asked: Permission,
    ) -> Result<Arc<Caller>, Problem> {
        let token = bearer(headers).ok_or_else(no_key)?;
        let hash = sha256(token);
        let remembered = match asked {
            Permission::Approve => None,
            Permission::View
            | Permission::Operate
            | Permission::Administer
            | Permission::Govern => self.remembered(&hash),
        };
        let caller = match remembered {
            Some(caller) => caller,
            None => self.read(hash, store, now).await?,
        };
        if caller.may(asked) {
            return Ok(caller);
        }
        let detail = "the key's role does not allow this";
        Err(Problem::new(Code::FORBIDDEN, detail))
    }

    /// Whether somebody who was let in a while ago would be let in now and would see the same. The
    /// answer may be a moment old, as for every request.
    pub(crate) async fn still_welcome(
        &self,
        caller: &Caller,
        (store, now): (&Store, Timestamp),
        asked: Permission,
    ) -> bool {
        let read = match self.remembered(&caller.hash) {
            Some(known) => Ok(known),
            None => self.read(caller.hash, store, now).await,
        };
        read.is_ok_and(|found| found.may(asked) && found.merchants == caller.merchants)
    }

    async fn read(
        &self,
        hash: [u8; 32],
        store: &Store,
        now: Timestamp,
    ) -> Result<Arc<Caller>, Problem> {
        let stored = store
            .api_key_by_hash(&hash)
            .await?
            .ok_or_else(unauthorized)?;
        let same: bool = stored.hash.ct_eq(&hash).into();
        let expired = stored.expires_at.is_some_and(|end| end <= now);
        if !same || expired || stored.revoked_at.is_some() {
            return Err(unauthorized());
        }
        let owner = match &stored.owner {
            Some(id) => {
                let owner = store.user(id).await?;
                let owner = owner.filter(|owner| owner.disabled_at.is_none());
                Some(owner.ok_or_else(unauthorized)?)
            }
            None => None,
        };
        let caller = Arc::new(Caller::of(stored, owner.as_ref()));
        self.remember(hash, &caller, now);
        Ok(caller)
    }

    fn remembered(&self, hash: &[u8; 32]) -> Option<Arc<Caller>> {
        let good = self.good.read().unwrap_or_else(PoisonError::into_inner);
        let known = good
            .get(hash)
            .filter(|known| known.until > Instant::now())?;
        Some(Arc::clone(&known.caller))
    }

    fn remember(&self, hash: [u8; 32], caller: &Arc<Caller>, now: Timestamp) {
        let begun = Instant::now();
        let mut good = self.good.write().unwrap_or_else(PoisonError::into_inner);
        if good.len() >= CACHED_KEYS_MAX {
            good.retain(|_, known| known.until > begun);
        }
        if good.len() < CACHED_KEYS_MAX {
            let until = begun.checked_add(self.remembered).unwrap_or(begun);
            good.insert(
                hash,
                Known {
                    caller: Arc::clone(caller),
                    until,
                },
            );
        }
        drop(good);
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.insert(caller.key.to_string(), (caller.key.clone(), now));
    }

    /// The keys used since the last call, for a lazy note in the store: not one write per request.
    pub(crate) fn take_used(&self) -> Vec<(KeyId, Timestamp)> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *used).into_values().collect()
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    let plausible = scheme.eq_ignore_ascii_case("bearer")
        && token.starts_with(KEY_PREFIX)
        && token.len() <= KEY_BYTES_MAX;
    plausible.then_some(token)
}

fn sha256(token: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    let computed = digest(&SHA256, token.as_bytes());
    for (to, from) in hash.iter_mut().zip(computed.as_ref()) {
        *to = *from;
    }
    hash
}

/// The same for every key that is no good, whatever is wrong with it.
fn unauthorized() -> Problem {
    let detail = "this API key is unknown, revoked or past its last day";
    Problem::new(Code::UNAUTHORIZED, detail)
}

fn no_key() -> Problem {
    let detail = "no API key was sent: the header is `Authorization: Bearer tk_...`";
    Problem::new(Code::UNAUTHORIZED, detail)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn token(value: &'static str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
        bearer(&headers).map(str::to_owned)
    }

    #[test]
    fn only_a_bearer_token_of_ours_is_looked_up() {
        assert_eq!(token("Bearer tk_abc").as_deref(), Some("tk_abc"));
        assert_eq!(token("bearer tk_abc").as_deref(), Some("tk_abc"));
        assert_eq!(token("Basic tk_abc"), None);
        assert_eq!(token("Bearer abc"), None);
        assert_eq!(token("tk_abc"), None);
    }

    #[test]
    fn the_hash_is_sha_256() {
        assert_eq!(sha256("abc").first_chunk(), Some(&[0xba, 0x78, 0x16, 0xbf]));
    }
}
