//! Passwords: argon2id, away from the threads that answer, a few at once. A wrong password and an
//! unknown name cost the same work.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use aws_lc_rs::rand;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use super::fault::Fault;

/// The shortest password that is taken, in characters.
pub(crate) const PASSWORD_CHARS_MIN: usize = 10;

/// The longest one, so that hashing stays bounded.
pub(crate) const PASSWORD_CHARS_MAX: usize = 128;

/// Hashed at once; each takes about 19 MiB and tens of milliseconds.
const AT_ONCE_MAX: usize = 2;

/// Waiting for their turn; more are turned away.
const WAITING_MAX: usize = 32;

const SALT_BYTES: usize = 16;

/// What an unknown name's password is compared with: the hash of a random text nobody kept.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$YWJjZGVmZ2hpamtsbW5vcA$DsoUBHJYKSI5qG1LkUsIGLE3S7Nbm7SGHGXcmVBqjgc";

/// A password could not be hashed: no randomness, or no memory.
#[derive(Debug, thiserror::Error)]
#[error("the password could not be hashed")]
pub struct HashError;

/// The argon2id hash of a password, as PHC text. Blocks for tens of milliseconds.
///
/// # Errors
/// [`HashError`].
pub fn password_hash(password: &SecretString) -> Result<SecretString, HashError> {
    let mut salt = [0; SALT_BYTES];
    rand::fill(&mut salt).map_err(|_foreign| HashError)?;
    let hash = Argon2::default()
        .hash_password_with_salt(password.expose_secret().as_bytes(), &salt)
        .map_err(|_foreign| HashError)?;
    Ok(SecretString::from(hash.to_string()))
}

fn fits(password: &SecretString, phc: &str) -> bool {
    let parsed = PasswordHash::new(phc);
    parsed.is_ok_and(|hash| {
        let password = password.expose_secret().as_bytes();
        Argon2::default().verify_password(password, &hash).is_ok()
    })
}

/// Hashes passwords, a few at once.
#[derive(Debug)]
pub(crate) struct Passwords {
    working: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

impl Passwords {
    /// Nothing is at work yet.
    pub(crate) fn new() -> Self {
        Self {
            working: Arc::new(Semaphore::new(AT_ONCE_MAX)),
            admitted: Arc::new(Semaphore::new(WAITING_MAX)),
        }
    }

    /// The hash of a password.
    ///
    /// # Errors
    /// [`Fault::TooMany`] when too many wait, [`Fault::Internal`].
    pub(crate) async fn hash(&self, password: SecretString) -> Result<SecretString, Fault> {
        let hashed = self.work(move || password_hash(&password)).await?;
        hashed.map_err(|error| {
            tracing::error!(%error, "a password could not be set");
            Fault::Internal
        })
    }

    /// Whether a password fits; `None` for somebody who has none, which takes as long.
    ///
    /// # Errors
    /// [`Fault::TooMany`] when too many wait.
    pub(crate) async fn fits(
        &self,
        password: SecretString,
        phc: Option<SecretString>,
    ) -> Result<bool, Fault> {
        self.work(move || match &phc {
            Some(phc) => fits(&password, phc.expose_secret()),
            None => {
                let _same_work = fits(&password, NOBODY);
                false
            }
        })
        .await
    }

    async fn work<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let _admitted = self
            .admitted
            .try_acquire()
            .map_err(|_foreign| Fault::TooMany)?;
        let turn = Arc::clone(&self.working).acquire_owned().await;
        let turn = turn.map_err(|_foreign| Fault::Internal)?;
        let task = move || {
            let done = task();
            drop(turn);
            done
        };
        tokio::task::spawn_blocking(task).await.map_err(|error| {
            tracing::error!(%error, "a password could not be checked");
            Fault::Internal
        })
    }
}

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weak {
    /// Too short or too long.
    Length,
    /// The name itself, or one character again and again.
    Guessable,
}

/// Whether a password may be set for a name: long enough, and not what anybody would guess.
#[must_use]
pub fn password_fits_rules(password: &str, name: &str) -> bool {
    acceptable(password, name).is_ok()
}

/// Whether a password may be set for a name.
pub(crate) fn acceptable(password: &str, name: &str) -> Result<(), Weak> {
    let length = password.chars().count();
    if !(PASSWORD_CHARS_MIN..=PASSWORD_CHARS_MAX).contains(&length) {
        return Err(Weak::Length);
    }
    let same_name = password.to_lowercase().contains(&name.to_lowercase()) && name.len() > 3;
    let mut characters = password.chars();
    let first = characters.next();
    if same_name || characters.all(|c| Some(c) == first) {
        return Err(Weak::Guessable);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobodys_hash_costs_what_a_real_one_costs() {
        let real = password_hash(&SecretString::from("correct horse battery")).unwrap();
        let cost = |phc: &str| phc.split('$').take(4).collect::<Vec<_>>().join("$");
        assert_eq!(cost(real.expose_secret()), cost(NOBODY));
        assert!(
            PasswordHash::new(NOBODY).is_ok(),
            "it must be computed, not refused"
        );
    }

    #[tokio::test]
    async fn only_the_password_itself_fits() {
        let passwords = Passwords::new();
        let text = || SecretString::from("红烧肉 correct horse");
        let phc = passwords.hash(text()).await.unwrap();
        assert!(passwords.fits(text(), Some(phc.clone())).await.unwrap());
        let other = SecretString::from("红烧肉 correct Horse");
        assert!(!passwords.fits(other, Some(phc)).await.unwrap());
        assert!(!passwords.fits(text(), None).await.unwrap());
    }

    #[test]
    fn what_anybody_would_guess_is_not_taken() {
        assert_eq!(acceptable("short", "li"), Err(Weak::Length));
        assert_eq!(acceptable(&"x".repeat(129), "li"), Err(Weak::Length));
        assert_eq!(acceptable("aaaaaaaaaaaa", "li"), Err(Weak::Guessable));
        assert_eq!(
            acceptable("Wang.Fang2026", "wang.fang"),
            Err(Weak::Guessable)
        );
        assert_eq!(acceptable("一二三四五六七八九十", "li"), Ok(()));
    }
}
