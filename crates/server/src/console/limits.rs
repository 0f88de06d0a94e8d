//! How often somebody may try to come in: per address, and per name. Whoever signed in from a
//! browser before passes the limit of the name, so that a stranger cannot lock the owner out.

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

/// Tries of a name, likewise, and of a person's second factor.
const NAME_TRIES: NonZeroU32 = NonZeroU32::new(10).expect("not zero");

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
    codes: Keyed<[u8; 32]>,
}

impl Limits {
    /// Nobody has tried yet.
    pub(crate) fn new() -> Self {
        Self {
            addresses: RateLimiter::hashmap(Quota::per_minute(ADDRESS_TRIES)),
            names: RateLimiter::hashmap(Quota::per_minute(NAME_TRIES)),
            codes: RateLimiter::hashmap(Quota::per_minute(NAME_TRIES)),
        }
    }

    /// One more try from an address.
    ///
    /// # Errors
    /// [`Fault::TooMany`].
    pub(crate) fn address(&self, address: IpAddr) -> Result<(), Fault> {
        // A whole /64 is one customer: its holder has all its addresses.
        let place = match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(v6) => {
                let network = u128::from(v6) & (u128::MAX << 64);
                IpAddr::V6(network.into())
            }
        };
        spend(&self.addresses, &place)
    }

    /// One more try of a name, known or not.
    ///
    /// # Errors
    /// [`Fault::TooMany`].
    pub(crate) fn name(&self, name: &str) -> Result<(), Fault> {
        spend(&self.names, &sha256(name.trim().to_lowercase().as_bytes()))
    }

    /// One more try of somebody's second factor or present password.
    ///
    /// # Errors
    /// [`Fault::TooMany`].
    pub(crate) fn proof(&self, user: &User) -> Result<(), Fault> {
        spend(&self.codes, &sha256(user.id.as_str().as_bytes()))
    }
}

fn spend<K: Hash + Eq + Clone>(limiter: &Keyed<K>, key: &K) -> Result<(), Fault> {
    if limiter.len() > REMEMBERED_MAX {
        limiter.retain_recent();
    }
    limiter.check_key(key).map_err(|_| Fault::TooMany)
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
    fn a_name_counts_the_same_in_capitals() {
        let limits = Limits::new();
        for _ in 0..NAME_TRIES.get() {
            assert_eq!(limits.name("Li"), Ok(()));
        }
        assert_eq!(limits.name(" lI "), Err(Fault::TooMany));
        assert_eq!(limits.name("wang"), Ok(()));
    }
}
