//! How often somebody may try to come in. A stranger who uses up the tries of a name cannot lock its
//! owner out: whoever signed in from a browser before is not held up there, and from each address a
//! few tries of a name are always left. Nothing is ever locked for good.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use governor::clock::DefaultClock;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use http::HeaderMap;
use secrecy::ExposeSecret;
use tuikuan_store::User;

use super::cookie::{self, Cookie, Readable};
use super::fault::Fault;
use super::secret::sha256;
use crate::app::Shared;

/// Tries of an address: so many at once, then this many a minute.
const ADDRESS_TRIES: NonZeroU32 = NonZeroU32::new(30).expect("not zero");

/// Tries of a name, likewise, from everywhere together.
const NAME_TRIES: NonZeroU32 = NonZeroU32::new(10).expect("not zero");

/// When those are used up, tries of a name from one address, a minute.
const NAME_AND_ADDRESS_TRIES: NonZeroU32 = NonZeroU32::new(3).expect("not zero");

/// Tries of a person's second factor or present password: so many at once, then this many an hour.
/// Three of a million codes are right at any time.
const PROOF_TRIES: NonZeroU32 = NonZeroU32::new(10).expect("not zero");

/// When those are used up, such tries from one address, an hour.
const PROOF_AND_ADDRESS_TRIES: NonZeroU32 = NonZeroU32::new(5).expect("not zero");

/// Beyond so many remembered keys, those at rest are forgotten (INV-28).
const REMEMBERED_MAX: usize = 10_000;

/// The cookie of a browser in which somebody has signed in.
const DEVICE_COOKIE: &str = "tuikuan_device";

const DEVICE_SECONDS: i64 = 180 * 86_400;

type Keyed<K> = RateLimiter<K, HashMapStateStore<K>, DefaultClock>;

/// The limits.
pub(crate) struct Limits {
    addresses: Keyed<IpAddr>,
    names: Keyed<[u8; 32]>,
    names_from: Keyed<([u8; 32], IpAddr)>,
    proofs: Keyed<[u8; 32]>,
    proofs_from: Keyed<([u8; 32], IpAddr)>,
}

impl Limits {
    /// Nobody has tried yet.
    pub(crate) fn new() -> Self {
        Self {
            addresses: RateLimiter::hashmap(Quota::per_minute(ADDRESS_TRIES)),
            names: RateLimiter::hashmap(Quota::per_minute(NAME_TRIES)),
            names_from: RateLimiter::hashmap(Quota::per_minute(NAME_AND_ADDRESS_TRIES)),
            proofs: RateLimiter::hashmap(Quota::per_hour(PROOF_TRIES)),
            proofs_from: RateLimiter::hashmap(Quota::per_hour(PROOF_AND_ADDRESS_TRIES)),
        }
    }

    /// One more try from an address.
    ///
    /// # Errors
    /// [`Fault::TooMany`].
    pub(crate) fn address(&self, address: IpAddr) -> Result<(), Fault> {
        spend(&self.addresses, &place(address))
    }

    /// One more try of a name, known or not.
    ///
    /// # Errors
    /// [`Fault::TooMany`].
    pub(crate) fn name(&self, name: &str, address: IpAddr) -> Result<(), Fault> {
        let name = sha256(User::name_key(name).as_bytes());
        spend(&self.names, &name).or_else(|_| spend(&self.names_from, &(name, place(address))))
    }

    /// One more try of somebody's second factor or present password.
    ///
    /// # Errors
    /// [`Fault::TooMany`].
    pub(crate) fn proof(&self, user: &User, address: IpAddr) -> Result<(), Fault> {
        let user = sha256(user.id.as_str().as_bytes());
        spend(&self.proofs, &user).or_else(|_| spend(&self.proofs_from, &(user, place(address))))
    }
}

/// What counts as one place: of IPv6 a whole /64, whose holder has all its addresses.
fn place(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let network = u128::from(v6) & (u128::MAX << 64);
            IpAddr::V6(network.into())
        }
    }
}

fn spend<K: Hash + Eq + Clone>(limiter: &Keyed<K>, key: &K) -> Result<(), Fault> {
    if limiter.len() > REMEMBERED_MAX {
        limiter.retain_recent();
    }
    limiter.check_key(key).map_err(|_foreign| Fault::TooMany)
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
pub(crate) fn is_known(app: &Shared, headers: &HeaderMap, user: &User) -> bool {
    use subtle::ConstantTimeEq as _;
    let shown = cookie::proof(headers, DEVICE_COOKIE, app.settings.scheme);
    match (shown, device_tag(user)) {
        (Some(shown), Some(tag)) => shown.as_bytes().ct_eq(tag.as_bytes()).into(),
        _ => false,
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
        for last in 0..ADDRESS_TRIES.get() {
            let address = format!("2001:db8::{last:x}").parse().unwrap();
            assert_eq!(limits.address(address), Ok(()));
        }
        let other_host = "2001:db8::ffff:1".parse().unwrap();
        assert_eq!(limits.address(other_host), Err(Fault::TooMany));
        let other_network = "2001:db8:0:1::1".parse().unwrap();
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

    #[test]
    fn a_name_counts_the_same_in_capitals() {
        let limits = Limits::new();
        let address = "203.0.113.9".parse().unwrap();
        for _ in 0..NAME_TRIES.get() + NAME_AND_ADDRESS_TRIES.get() {
            assert_eq!(limits.name("Li", address), Ok(()));
        }
        assert_eq!(limits.name(" lI ", address), Err(Fault::TooMany));
        assert_eq!(limits.name("wang", address), Ok(()));
    }
}
