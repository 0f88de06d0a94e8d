//! Tokens: 256 random bits, shown once, kept as SHA-256 (INV-36).

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::fault::Fault;

/// The random part of a token.
const TOKEN_BYTES: usize = 32;

/// A token as it stands in a cookie or a link: 43 letters, digits, `-` and `_`.
///
/// # Errors
/// [`Fault::Internal`] when the machine has no randomness to give.
pub(crate) fn token() -> Result<String, Fault> {
    let mut bytes = [0; TOKEN_BYTES];
    rand::fill(&mut bytes).map_err(|_foreign| {
        tracing::error!("the machine gives no random bytes");
        Fault::Internal
    })?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Under which hash a token is kept; `None` for a text that is no token of ours.
pub(crate) fn hash_of(token: &str) -> Option<[u8; 32]> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (token.len() == 43 && token.bytes().all(plain)).then(|| sha256(token.as_bytes()))
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    for (to, from) in hash.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
        *to = *from;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_only_tokens_are_looked_up() {
        let (one, two) = (token().unwrap(), token().unwrap());
        assert_ne!(one, two);
        assert!(hash_of(&one).is_some());
        assert_eq!(hash_of("short"), None);
        assert_eq!(hash_of(&one.replace(&one[..1], "é")), None);
    }
}
