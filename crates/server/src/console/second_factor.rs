//! The second factor: six digits from an app (TOTP, RFC 6238: SHA-1, 30 s), one step of skew, and
//! each step accepted once. Approvers and administrators cannot do without.

use aws_lc_rs::hmac;
use jiff::Timestamp;
use qrcodegen::{QrCode, QrCodeEcc};
use totp_rs::{Algorithm, Builder, Secret, Totp};

use super::fault::Fault;

/// Bytes of a secret, as RFC 4226 recommends.
const SECRET_BYTES: usize = 20;

/// The issuer in the app.
const ISSUER: &str = "Tuikuan";

/// The secret a session is offered for enrolment. It follows from the session's token, which is
/// known to the browser only: nothing has to be kept between the page and its answer. Once one is in
/// use, `used` (the last step accepted) has changed, and another is offered.
pub(crate) fn offered(token: &str, used: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, token.as_bytes());
    let text = format!("tuikuan second factor {used}");
    let tag = hmac::sign(&key, text.as_bytes());
    let bytes: Box<[u8]> = tag.as_ref().iter().copied().take(SECRET_BYTES).collect();
    Secret::new(bytes).to_base32()
}

fn totp(secret: &str, name: &str) -> Result<Totp, Fault> {
    let secret = Secret::try_from_base32(secret).map_err(|_foreign| {
        tracing::error!("a stored second factor cannot be read");
        Fault::Internal
    })?;
    Ok(Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_skew(1)
        .with_step_duration(30)
        .with_secret(secret)
        .with_account_name(name.replace(':', "-"))
        .with_issuer(Some(ISSUER))
        .build_noncompliant())
}

/// The time step a code belongs to, if it is right and later than every step used before.
///
/// # Errors
/// [`Fault::Internal`] when the secret cannot be read.
pub(crate) fn step_of(
    code: &str,
    secret: &str,
    used: i64,
    now: Timestamp,
) -> Result<Option<i64>, Fault> {
    let digits: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    if digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(None);
    }
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    let step = totp(secret, "")?.check(&digits, seconds);
    let step = step.and_then(|step| i64::try_from(step).ok());
    Ok(step.filter(|step| *step > used))
}

/// The picture an app reads: the side length in modules, and the path of the dark ones.
///
/// # Errors
/// [`Fault::Internal`] when the secret cannot be read.
pub(crate) fn picture(secret: &str, name: &str) -> Result<(i32, String), Fault> {
    let url = totp(secret, name)?
        .to_url()
        .map_err(|_foreign| Fault::Internal)?;
    let code = QrCode::encode_text(&url, QrCodeEcc::Medium).map_err(|_foreign| Fault::Internal)?;
    let size = code.size();
    let mut path = String::new();
    for y in 0..size {
        for x in 0..size {
            if code.get_module(x, y) {
                path.push_str(&format!("M{x} {y}h1v1h-1z"));
            }
        }
    }
    Ok((size, path))
}

/// The secret in groups of four, for those who type it.
pub(crate) fn grouped(secret: &str) -> String {
    let mut grouped = String::new();
    for (place, letter) in secret.chars().enumerate() {
        if place > 0 && place % 4 == 0 {
            grouped.push(' ');
        }
        grouped.push(letter);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B: the SHA-1 secret, with the last six of its eight digits.
    const RFC: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_codes_of_the_standard_are_right() {
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
        ] {
            let step = step_of(code, RFC, 0, at(second)).unwrap();
            assert_eq!(step, Some(second / 30), "{second}");
        }
    }

    #[test]
    fn a_code_is_good_once_and_for_one_step_of_skew() {
        let step = 1_234_567_890 / 30;
        assert_eq!(
            step_of("005 924", RFC, step - 1, at(1_234_567_890)).unwrap(),
            Some(step)
        );
        assert_eq!(
            step_of("005924", RFC, step, at(1_234_567_890)).unwrap(),
            None
        );
        assert_eq!(
            step_of("005924", RFC, 0, at(1_234_567_920)).unwrap(),
            Some(step)
        );
        assert_eq!(step_of("005924", RFC, 0, at(1_234_567_980)).unwrap(), None);
        for wrong in ["", "005925", "5924", "0059240", "００５９２４"] {
            assert_eq!(
                step_of(wrong, RFC, 0, at(1_234_567_890)).unwrap(),
                None,
                "{wrong}"
            );
        }
    }

    #[test]
    fn each_session_is_offered_its_own_secret() {
        assert_ne!(offered("a", 0), offered("b", 0));
        assert_ne!(offered("a", 0), offered("a", 1));
        assert_eq!(offered("a", 0).len(), 32);
        assert_eq!(grouped("ABCDEFGHI"), "ABCD EFGH I");
        let (size, path) = picture(&offered("a", 0), "王芳 <b>").unwrap();
        assert!(size >= 21 && path.starts_with("M0 0h1v1h-1z"));
    }
}
