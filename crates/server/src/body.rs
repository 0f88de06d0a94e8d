//! Reading bodies: a size limit, a deadline, and a typed answer for each way to get it wrong.
//! Nothing is parsed here, and the bytes stay as they came: signatures cover them.

use std::time::Duration;

use axum::body::{Body, Bytes};
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::code::Code;
use crate::problem::Problem;

/// The largest body of the interface.
pub(crate) const API_BYTES_MAX: usize = 256 * 1024;

/// The largest body of a notification (INV-22).
pub(crate) const NOTIFICATION_BYTES_MAX: usize = 64 * 1024;

/// Why a body could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    /// Larger than allowed.
    #[error("the body is larger than {bytes_max} bytes")]
    TooLarge { bytes_max: usize },
    /// It ended before its announced length, or its framing is broken.
    #[error("the body ended early")]
    Incomplete,
    /// It took too long.
    #[error("the body did not arrive in time")]
    Late,
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let code = match error {
            BodyError::TooLarge { .. } => Code::BODY_TOO_LARGE,
            BodyError::Incomplete => Code::BODY_INCOMPLETE,
            BodyError::Late => Code::BODY_TIMEOUT,
        };
        Self::new(code, error.to_string())
    }
}

/// The whole body, or why it cannot be had.
pub(crate) async fn read(
    body: Body,
    bytes_max: usize,
    deadline: Duration,
) -> Result<Bytes, BodyError> {
    let whole = Limited::new(body, bytes_max).collect();
    match tokio::time::timeout(deadline, whole).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge { bytes_max }),
        Ok(Err(_)) => Err(BodyError::Incomplete),
        Err(_) => Err(BodyError::Late),
    }
}

/// Whether a body is announced as JSON in UTF-8.
///
/// # Errors
/// [`Code::UNSUPPORTED_MEDIA_TYPE`] otherwise.
pub(crate) fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let found = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let Some(found) = found else {
        return Err(Problem::new(
            Code::UNSUPPORTED_MEDIA_TYPE,
            "no Content-Type was given",
        ));
    };
    let mut parts = found.split(';').map(str::trim);
    let json = parts
        .next()
        .is_some_and(|media| media.eq_ignore_ascii_case("application/json"));
    let utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        Some(_) | None => true,
    });
    if json && utf8 && !headers.contains_key(header::CONTENT_ENCODING) {
        return Ok(());
    }
    Err(Problem::new(
        Code::UNSUPPORTED_MEDIA_TYPE,
        "the body must be application/json in UTF-8, not compressed",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(value: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static(value));
        require_json(&headers).is_ok()
    }

    #[test]
    fn only_json_in_utf8_is_read() {
        assert!(accepted("application/json"));
        assert!(accepted("Application/JSON; charset=\"UTF-8\""));
        assert!(!accepted("application/json; charset=gbk"));
        assert!(!accepted("text/plain"));
        assert!(!accepted("application/jsonp"));
        assert!(require_json(&HeaderMap::new()).is_err());
    }

    #[tokio::test]
    async fn a_body_of_exactly_the_limit_passes_and_one_byte_more_does_not() {
        let wait = Duration::from_secs(1);
        assert!(read(Body::from(vec![0; 10]), 10, wait).await.is_ok());
        let more = read(Body::from(vec![0; 11]), 10, wait).await;
        assert_eq!(more, Err(BodyError::TooLarge { bytes_max: 10 }));
    }
}
