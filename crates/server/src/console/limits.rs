//! How often somebody may try to come in. A stranger who uses up the tries of a name cannot lock its
//! owner out: a browser from which they signed in before has tries of its own, and from each place a
//! few tries of a password are always left. A code of six digits can be guessed from many places:
//! its tries are counted for the person, wherever they come from. Nothing is locked for good.
//!
//! They are counted in the store, for all nodes together. What this process alone knows to be too much
//! never gets there, so that a flood of tries is no flood of writes.

use std::net::IpAddr;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use tuikuan_store::{Session, Store, Tried, Try, User};

use super::cookie::{self, Cookie, Readable};
use super::fault::Fault;
use super::secret::sha256;
use super::tries::{Left, Tries, UsedUp};
use crate::app::Shared;

const MINUTE: Duration = Duration::from_secs(60);

const HOUR: Duration = Duration::from_secs(3600);

const DAY: Duration = Duration::from_secs(86_400);

/// Tries from one place: so many at once, and as many again in a minute.
const ADDRESS_TRIES: u32 = 30;

/// Tries of a name in a minute, likewise, from everywhere together.
const NAME_TRIES: u32 = 10;

/// When those are used up, tries of a name from one place, in a minute.
const NAME_AND_ADDRESS_TRIES: u32 = 3;

/// Tries of a person's password in an hour from browsers that are known.
const KNOWN_TRIES: u32 = 30;

/// Codes for one right password.
const SESSION_CODES: u32 = 5;

/// Codes for a person in a day, from browsers that are known, and again from all others: so no more
/// than twice as many within any 24 hours. Three of a million codes are right at any time.
const CODES: u32 = 25;

/// Tries of the present password within one session, in a day.
const PRESENT_TRIES: u32 = 25;

/// The cookie of a browser in which somebody has signed in.
const DEVICE_COOKIE: &str = "tuikuan_device";

const DEVICE_SECONDS: i64 = 180 * 86_400;

/// Where a try comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whence {
    /// A browser from which the person signed in before.
    KnownBrowser,
    /// Somewhere else.
    Place(IpAddr),
}

/// One kind of tries.
struct Limit {
    kind: &'static str,
    most: u32,
    period: Duration,
    /// Those of this process.
    here: Tries<[u8; 32]>,
}

impl Limit {
    fn new(kind: &'static str, most: u32, period: Duration) -> Self {
        Self {
            kind,
            most,
            period,
            here: Tries::new(most, period),
        }
    }

    async fn spend(&self, store: &Store, what: &str) -> Result<Left, Fault> {
        let key = sha256(format!("{}\0{what}", self.kind).as_bytes());
        self.here.spend(&key).map_err(|UsedUp| Fault::TooMany)?;
        let one = Try {
            key,
            most: self.most,
            period: SignedDuration::try_from(self.period).unwrap_or(SignedDuration::MAX),
            now: Timestamp::now(),
        };
        match store.attempt(one).await? {
            Tried::Allowed => Ok(Left::Some),
            Tried::Last => Ok(Left::Nothing),
            Tried::UsedUp => Err(Fault::TooMany),
        }
    }
}

/// The limits.
pub(crate) struct Limits {
    addresses: Limit,
    names: Limit,
    names_from: Limit,
    known: Limit,
    codes: Limit,
    codes_known: Limit,
    codes_of_session: Limit,
    present: Limit,
}

impl Limits {
    /// This process has seen nobody yet.
    pub(crate) fn new() -> Self {
        Self {
            addresses: Limit::new("address", ADDRESS_TRIES, MINUTE),
            names: Limit::new("name", NAME_TRIES, MINUTE),
            names_from: Limit::new("name from", NAME_AND_ADDRESS_TRIES, MINUTE),
            known: Limit::new("known", KNOWN_TRIES, HOUR),
            codes: Limit::new("code", CODES, DAY),
            codes_known: Limit::new("code known", CODES, DAY),
            codes_of_session: Limit::new("code of", SESSION_CODES, DAY),
            present: Limit::new("present", PRESENT_TRIES, DAY),
        }
    }

    /// One more try from an address.
    ///
    /// # Errors
    /// [`Fault::TooMany`], or the store's.
    pub(crate) async fn address(&self, store: &Store, address: IpAddr) -> Result<(), Fault> {
        let place = place(address).to_string();
        self.addresses.spend(store, &place).await.map(|_| ())
    }

    /// One more try of a name, known or not, from a place.
    ///
    /// # Errors
    /// [`Fault::TooMany`], or the store's.
    pub(crate) async fn name(
        &self,
        store: &Store,
        name: &str,
        address: IpAddr,
    ) -> Result<(), Fault> {
        self.address(store, address).await?;
        let name = User::name_key(name);
        match self.names.spend(store, &name).await {
            Err(Fault::TooMany) => {
                let from = format!("{}\0{name}", place(address));
                self.names_from.spend(store, &from).await.map(|_| ())
            }
            tried => tried.map(|_| ()),
        }
    }

    /// One more try of somebody's password from a browser that is known. When those are used up, the
    /// browser is one like all others.
    ///
    /// # Errors
    /// [`Fault::TooMany`], or the store's.
    pub(crate) async fn known(
        &self,
        store: &Store,
        user: &User,
        address: IpAddr,
    ) -> Result<(), Fault> {
        match self.known.spend(store, user.id.as_str()).await {
            Err(Fault::TooMany) => self.name(store, &user.name, address).await,
            tried => tried.map(|_| ()),
        }
    }

    /// One more code for a person.
    ///
    /// # Errors
    /// [`Fault::TooMany`], or the store's.
    pub(crate) async fn code(&self, store: &Store, user: &User, from: Whence) -> Result<(), Fault> {
        let id = user.id.as_str();
        let tried = match from {
            Whence::KnownBrowser => self.codes_known.spend(store, id).await,
            Whence::Place(address) => {
                self.address(store, address).await?;
                self.codes.spend(store, id).await
            }
        };
        tried.map(|_| ())
    }

    /// One more code for one right password; whether there may be another one.
    ///
    /// # Errors
    /// [`Fault::TooMany`], or the store's.
    pub(crate) async fn code_of(&self, store: &Store, session: &Session) -> Result<Left, Fault> {
        let session = URL_SAFE_NO_PAD.encode(session.hash);
        self.codes_of_session.spend(store, &session).await
    }

    /// One more try of the present password of who is signed in.
    ///
    /// # Errors
    /// [`Fault::TooMany`], or the store's.
    pub(crate) async fn present(&self, store: &Store, session: &Session) -> Result<(), Fault> {
        let session = URL_SAFE_NO_PAD.encode(session.hash);
        self.present.spend(store, &session).await.map(|_| ())
    }
}

/// What counts as one place: of IPv6 a whole /48, which one customer may have with all its
/// addresses.
fn place(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        v4 @ IpAddr::V4(_) => v4,
        IpAddr::V6(v6) => {
            let network = u128::from(v6) & (u128::MAX << 80);
            IpAddr::V6(network.into())
        }
    }
}

/// The proof that a browser is known: bound to the person and the present password, so that a new
/// password makes every browser unknown. There is no other key to keep.
fn device_tag(user: &User) -> Option<String> {
    let password = user.password.as_ref()?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, password.expose_secret().as_bytes());
    let text = format!("tuikuan known browser {}", user.id);
    Some(URL_SAFE_NO_PAD.encode(hmac::sign(&key, text.as_bytes())))
}

/// Whether somebody has signed in from this browser before.
fn is_known(app: &Shared, headers: &HeaderMap, user: &User) -> bool {
    use subtle::ConstantTimeEq as _;
    let shown = cookie::proof(headers, DEVICE_COOKIE, app.settings.scheme);
    match (shown, device_tag(user)) {
        (Some(shown), Some(tag)) => shown.as_bytes().ct_eq(tag.as_bytes()).into(),
        _ => false,
    }
}

/// Where a try of somebody comes from.
pub(crate) fn from(app: &Shared, headers: &HeaderMap, user: &User, address: IpAddr) -> Whence {
    if is_known(app, headers, user) {
        Whence::KnownBrowser
    } else {
        Whence::Place(address)
    }
}

/// Makes the browser known.
pub(crate) fn remember(app: &Shared, headers: &mut HeaderMap, user: &User) {
    if let Some(tag) = device_tag(user) {
        let cookie = Cookie {
            name: DEVICE_COOKIE,
            value: &tag,
            seconds: DEVICE_SECONDS,
            readable: Readable::RequestsOnly,
        };
        cookie.set(headers, app.settings.scheme);
    }
}

#[cfg(test)]
mod tests {
    use tuikuan_store::Options;

    use super::*;

    async fn store() -> Store {
        let options = Options::inline();
        Store::open("sqlite::memory:", &options).await.unwrap()
    }

    #[tokio::test]
    async fn a_network_of_one_customer_counts_as_one_address() {
        let (limits, store) = (Limits::new(), store().await);
        for last in 0..ADDRESS_TRIES {
            let address = format!("2001:db8::{last:x}").parse().unwrap();
            assert_eq!(limits.address(&store, address).await, Ok(()));
        }
        let other_host = "2001:db8:0:1::1".parse().unwrap();
        let tried = limits.address(&store, other_host).await;
        assert_eq!(tried, Err(Fault::TooMany));
        let other_network = "2001:db8:1::1".parse().unwrap();
        assert_eq!(limits.address(&store, other_network).await, Ok(()));
    }

    #[tokio::test]
    async fn a_stranger_who_uses_up_the_tries_of_a_name_does_not_lock_its_owner_out() {
        let (limits, store) = (Limits::new(), store().await);
        let stranger: IpAddr = "198.51.100.7".parse().unwrap();
        while limits.name(&store, "li", stranger).await.is_ok() {}
        let tried = limits.name(&store, "li", stranger).await;
        assert_eq!(tried, Err(Fault::TooMany));
        let owner = "203.0.113.9".parse().unwrap();
        assert_eq!(limits.name(&store, "li", owner).await, Ok(()));
        assert_eq!(limits.name(&store, "wang", stranger).await, Ok(()));
    }

    fn user() -> User {
        User {
            id: "usr_0000000000000001".parse().unwrap(),
            name: "li".to_owned(),
            password: None,
            role: tuikuan_domain::Role::Admin,
            scope: tuikuan_store::Scope::All,
            totp: None,
            totp_used: 0,
            language: None,
            created_at: Timestamp::UNIX_EPOCH,
            last_login_at: None,
            disabled_at: None,
            version: 1,
        }
    }

    #[tokio::test]
    async fn codes_are_counted_for_the_person_wherever_they_come_from() {
        let (limits, store) = (Limits::new(), store().await);
        for n in 0..CODES {
            let stranger = Whence::Place(format!("198.51.{n}.7").parse().unwrap());
            assert_eq!(limits.code(&store, &user(), stranger).await, Ok(()));
        }
        let another = Whence::Place("203.0.113.9".parse().unwrap());
        let tried = limits.code(&store, &user(), another).await;
        assert_eq!(tried, Err(Fault::TooMany));
        let owner = limits.code(&store, &user(), Whence::KnownBrowser).await;
        assert_eq!(owner, Ok(()), "the owner");
    }

    #[tokio::test]
    async fn a_known_browser_has_tries_of_its_own_but_not_without_end() {
        let (limits, store) = (Limits::new(), store().await);
        let address = "203.0.113.9".parse().unwrap();
        let most = KNOWN_TRIES + NAME_TRIES + NAME_AND_ADDRESS_TRIES;
        for _ in 0..most {
            assert_eq!(limits.known(&store, &user(), address).await, Ok(()));
        }
        let tried = limits.known(&store, &user(), address).await;
        assert_eq!(tried, Err(Fault::TooMany));
    }

    #[tokio::test]
    async fn a_name_counts_the_same_in_capitals() {
        let (limits, store) = (Limits::new(), store().await);
        let address = "203.0.113.9".parse().unwrap();
        for _ in 0..NAME_TRIES + NAME_AND_ADDRESS_TRIES {
            assert_eq!(limits.name(&store, "Li", address).await, Ok(()));
        }
        let tried = limits.name(&store, " lI ", address).await;
        assert_eq!(tried, Err(Fault::TooMany));
        assert_eq!(limits.name(&store, "wang", address).await, Ok(()));
    }

    #[tokio::test]
    async fn nodes_count_together_and_a_restart_forgets_nothing() {
        let store = store().await;
        let address = "203.0.113.9".parse().unwrap();
        for _ in 0..NAME_TRIES + NAME_AND_ADDRESS_TRIES {
            let node = Limits::new();
            assert_eq!(node.name(&store, "li", address).await, Ok(()));
        }
        let node = Limits::new();
        let tried = node.name(&store, "li", address).await;
        assert_eq!(tried, Err(Fault::TooMany));
    }
}
