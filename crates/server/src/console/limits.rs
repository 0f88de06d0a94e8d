//! How often somebody may try to come in. A stranger who uses up the tries of a name cannot lock its
//! owner out: a browser from which they signed in before has tries of its own, and from each place a
//! few tries of a password are always left. A code of six digits can be guessed from many places:
//! its tries are counted for the person, wherever they come from. Nothing is locked for good.

use std::net::IpAddr;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use secrecy::ExposeSecret;
use tuikuan_store::{Session, User};

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

/// The limits.
pub(crate) struct Limits {
    addresses: Tries<IpAddr>,
    names: Tries<[u8; 32]>,
    names_from: Tries<([u8; 32], IpAddr)>,
    known: Tries<[u8; 32]>,
    codes: Tries<[u8; 32]>,
    codes_known: Tries<[u8; 32]>,
    codes_of_session: Tries<[u8; 32]>,
    present: Tries<[u8; 32]>,
}

impl Limits {
    /// Nobody has tried yet.
    pub(crate) fn new() -> Self {
        Self {
            addresses: Tries::new(ADDRESS_TRIES, MINUTE),
            names: Tries::new(NAME_TRIES, MINUTE),
            names_from: Tries::new(NAME_AND_ADDRESS_TRIES, MINUTE),
            known: Tries::new(KNOWN_TRIES, HOUR),
            codes: Tries::new(CODES, DAY),
            codes_known: Tries::new(CODES, DAY),
            codes_of_session: Tries::new(SESSION_CODES, DAY),
            present: Tries::new(PRESENT_TRIES, DAY),
        }
    }

    /// One more try from an address.
    ///
    /// # Errors
    /// [`Fault::TooMany`].
    pub(crate) fn address(&self, address: IpAddr) -> Result<(), Fault> {
        allowed(self.addresses.spend(&place(address)))
    }

    /// One more try of a name, known or not, from a place.
    ///
    /// # Errors
    /// [`Fault::TooMany`].
    pub(crate) fn name(&self, name: &str, address: IpAddr) -> Result<(), Fault> {
        self.address(address)?;
        let name = sha256(User::name_key(name).as_bytes());
        let tried = self.names.spend(&name);
        allowed(tried.or_else(|UsedUp| self.names_from.spend(&(name, place(address)))))
    }

    /// One more try of somebody's password from a browser that is known. When those are used up, the
    /// browser is one like all others.
    ///
    /// # Errors
    /// [`Fault::TooMany`].
    pub(crate) fn known(&self, user: &User, address: IpAddr) -> Result<(), Fault> {
        allowed(self.known.spend(&id(user))).or_else(|_| self.name(&user.name, address))
    }

    /// One more code for a person.
    ///
    /// # Errors
    /// [`Fault::TooMany`].
    pub(crate) fn code(&self, user: &User, from: Whence) -> Result<(), Fault> {
        match from {
            Whence::KnownBrowser => allowed(self.codes_known.spend(&id(user))),
            Whence::Place(address) => {
                self.address(address)?;
                allowed(self.codes.spend(&id(user)))
            }
        }
    }

    /// One more code for one right password; whether there may be another one.
    ///
    /// # Errors
    /// [`Fault::TooMany`].
    pub(crate) fn code_of(&self, session: &Session) -> Result<Left, Fault> {
        let tried = self.codes_of_session.spend(&session.hash);
        tried.map_err(|UsedUp| Fault::TooMany)
    }

    /// One more try of the present password of who is signed in.
    ///
    /// # Errors
    /// [`Fault::TooMany`].
    pub(crate) fn present(&self, session: &Session) -> Result<(), Fault> {
        allowed(self.present.spend(&session.hash))
    }
}

fn id(user: &User) -> [u8; 32] {
    sha256(user.id.as_str().as_bytes())
}

fn allowed(tried: Result<Left, UsedUp>) -> Result<(), Fault> {
    tried.map(|_| ()).map_err(|UsedUp| Fault::TooMany)
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
    use super::*;

    #[test]
    fn a_network_of_one_customer_counts_as_one_address() {
        let limits = Limits::new();
        for last in 0..ADDRESS_TRIES {
            let address = format!("2001:db8::{last:x}").parse().unwrap();
            assert_eq!(limits.address(address), Ok(()));
        }
        let other_host = "2001:db8:0:1::1".parse().unwrap();
        assert_eq!(limits.address(other_host), Err(Fault::TooMany));
        let other_network = "2001:db8:1::1".parse().unwrap();
        assert_eq!(limits.address(other_network), Ok(()));
    }

    #[test]
    fn a_stranger_who_uses_up_the_tries_of_a_name_does_not_lock_its_owner_out() {
        let limits = Limits::new();
        let stranger: IpAddr = "198.51.100.7".parse().unwrap();
        while limits.name("li", stranger).is_ok() {}
        assert_eq!(limits.name("li", stranger), Err(Fault::TooMany));
        let owner = "203.0.113.9".parse().unwrap();
        assert_eq!(limits.name("li", owner), Ok(()));
        assert_eq!(limits.name("wang", stranger), Ok(()));
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
            created_at: jiff::Timestamp::UNIX_EPOCH,
            last_login_at: None,
            disabled_at: None,
            version: 1,
        }
    }

    #[test]
    fn codes_are_counted_for_the_person_wherever_they_come_from() {
        let limits = Limits::new();
        for n in 0..CODES {
            let stranger = Whence::Place(format!("198.51.{n}.7").parse().unwrap());
            assert_eq!(limits.code(&user(), stranger), Ok(()));
        }
        let another = Whence::Place("203.0.113.9".parse().unwrap());
        assert_eq!(limits.code(&user(), another), Err(Fault::TooMany));
        assert_eq!(
            limits.code(&user(), Whence::KnownBrowser),
            Ok(()),
            "the owner"
        );
    }

    #[test]
    fn a_known_browser_has_tries_of_its_own_but_not_without_end() {
        let limits = Limits::new();
        let address = "203.0.113.9".parse().unwrap();
        let most = KNOWN_TRIES + NAME_TRIES + NAME_AND_ADDRESS_TRIES;
        for _ in 0..most {
            assert_eq!(limits.known(&user(), address), Ok(()));
        }
        assert_eq!(limits.known(&user(), address), Err(Fault::TooMany));
    }

    #[test]
    fn a_name_counts_the_same_in_capitals() {
        let limits = Limits::new();
        let address = "203.0.113.9".parse().unwrap();
        for _ in 0..NAME_TRIES + NAME_AND_ADDRESS_TRIES {
            assert_eq!(limits.name("Li", address), Ok(()));
        }
        assert_eq!(limits.name(" lI ", address), Err(Fault::TooMany));
        assert_eq!(limits.name("wang", address), Ok(()));
    }
}
