//! Secrets at rest: AES-256-GCM under a data key that lies in a file beside the database, bound to
//! the place where the ciphertext stands (INV-36). Moving a ciphertext to another row or column, or
//! opening the database with another key, is refused.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::rand;

use crate::error::OpenError;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;

/// The form of the sealed bytes: version, nonce, ciphertext, tag.
const VERSION: u8 = 1;

/// Where a secret stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) table: &'a str,
    pub(crate) id: &'a str,
    pub(crate) field: &'a str,
}

impl Place<'_> {
    fn bound(&self) -> String {
        let Self { table, id, field } = self;
        format!("tuikuan\0{VERSION}\0{table}\0{id}\0{field}")
    }
}

/// Where an endpoint's secret stands.
pub(crate) fn endpoint_secret(id: &str) -> Place<'_> {
    Place {
        table: "endpoints",
        id,
        field: "secret",
    }
}

/// The secret could not be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SealError;

/// The key that seals secrets.
pub(crate) struct DataKey(RandomizedNonceKey);

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(...)")
    }
}

impl DataKey {
    /// A key for a database that lives in memory.
    pub(crate) fn ephemeral() -> Result<Self, SealError> {
        Self::of(&fresh()?)
    }

    /// Reads the key file.
    pub(crate) fn read(path: &Path) -> Result<Self, OpenError> {
        let failed = |source| OpenError::KeyFile {
            path: path.to_owned(),
            source,
        };
        let file = match OpenOptions::new().read(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(OpenError::KeyMissing {
                    path: path.to_owned(),
                });
            }
            Err(error) => return Err(failed(error)),
        };
        let mut bytes = Vec::with_capacity(KEY_BYTES);
        file.take(64).read_to_end(&mut bytes).map_err(failed)?;
        let mismatch = |_| OpenError::KeyMismatch {
            path: path.to_owned(),
        };
        Self::of(&bytes).map_err(mismatch)
    }

    /// Makes the key file, readable by us only, and syncs it. Reads it if somebody was faster.
    pub(crate) fn create(path: &Path) -> Result<Self, OpenError> {
        let failed = |source| OpenError::KeyFile {
            path: path.to_owned(),
            source,
        };
        let key = fresh().map_err(|SealError| failed(std::io::Error::other("no random bytes")))?;
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        match made {
            Ok(mut file) => {
                file.write_all(&key).map_err(failed)?;
                file.sync_all().map_err(failed)?;
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
        }
        Self::read(path)
    }

    fn of(bytes: &[u8]) -> Result<Self, SealError> {
        RandomizedNonceKey::new(&AES_256_GCM, bytes)
            .map(Self)
            .map_err(|_foreign| SealError)
    }

    /// Seals a secret for its place.
    pub(crate) fn seal(&self, place: Place<'_>, secret: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut sealed = secret.to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(place.bound()), &mut sealed)
            .map_err(|_foreign| SealError)?;
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(nonce.as_ref());
        bytes.append(&mut sealed);
        Ok(bytes)
    }

    /// Opens what was sealed for this place.
    pub(crate) fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (version, rest) = sealed.split_first().ok_or(SealError)?;
        let (nonce, text) = rest.split_at_checked(NONCE_BYTES).ok_or(SealError)?;
        if *version != VERSION {
            return Err(SealError);
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_foreign| SealError)?;
        let mut text = text.to_vec();
        let plain = self
            .0
            .open_in_place(nonce, Aad::from(place.bound()), &mut text)
            .map_err(|_foreign| SealError)?;
        Ok(plain.to_vec())
    }
}

fn fresh() -> Result<[u8; KEY_BYTES], SealError> {
    let mut key = [0; KEY_BYTES];
    rand::fill(&mut key).map_err(|_foreign| SealError)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Place<'_> = Place {
        table: "endpoints",
        id: "ep_00000001",
        field: "secret",
    };

    #[test]
    fn a_secret_opens_only_where_it_was_sealed() {
        let key = DataKey::ephemeral().unwrap();
        let sealed = key.seal(HERE, b"whsec_x").unwrap();
        assert_eq!(key.open(HERE, &sealed).unwrap(), b"whsec_x");
        let elsewhere = Place {
            id: "ep_00000002",
            ..HERE
        };
        assert_eq!(key.open(elsewhere, &sealed), Err(SealError));
        let other = DataKey::ephemeral().unwrap();
        assert_eq!(other.open(HERE, &sealed), Err(SealError));
    }

    #[test]
    fn any_altered_byte_is_noticed() {
        let key = DataKey::ephemeral().unwrap();
        let sealed = key.seal(HERE, b"whsec_x").unwrap();
        for place in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[place] ^= 1;
            assert_eq!(key.open(HERE, &altered), Err(SealError), "byte {place}");
        }
        for length in 0..sealed.len() {
            assert_eq!(key.open(HERE, &sealed[..length]), Err(SealError));
        }
    }
}
