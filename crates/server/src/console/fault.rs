//! Why a page cannot be shown, or an act was not done. A handler returns it; the door, which knows
//! the reader and the language, turns it into a page.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use tuikuan_engine::EngineError;
use tuikuan_store::{CommitError, ReadError};

use super::language::Language;
use super::text;
use crate::body::BodyError;

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The role does not allow it.
    Forbidden,
    /// It does not exist, or the person's merchants do not cover it: the same page for both.
    NotFound,
    /// The form does not come from a page of this session.
    Stale,
    /// Not signed in any more.
    SignedOut,
    /// What was sent cannot be used, and the page has no better way to say so.
    Refused,
    /// Too many tries.
    TooMany,
    /// More was sent than is read.
    TooLarge,
    /// No answer in time: it may have been done.
    NotKnown,
    /// The store does not answer.
    Unavailable,
    /// The disk is full.
    Full,
    /// A fault of ours.
    Internal,
    /// A link that was used, has expired or never was.
    LinkDead,
}

impl Fault {
    /// The HTTP status.
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::Forbidden | Self::Stale => StatusCode::FORBIDDEN,
            Self::NotFound | Self::LinkDead => StatusCode::NOT_FOUND,
            Self::SignedOut => StatusCode::UNAUTHORIZED,
            Self::Refused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotKnown | Self::Unavailable | Self::Full => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What its page says.
    pub(crate) const fn words(self, language: Language) -> &'static text::fault::Words {
        let all = text::fault::All::of(language);
        match self {
            Self::Forbidden => &all.forbidden,
            Self::NotFound => &all.not_found,
            Self::Stale => &all.stale,
            Self::SignedOut => &all.signed_out,
            Self::Refused => &all.refused,
            Self::TooMany => &all.too_many,
            Self::TooLarge => &all.too_large,
            Self::NotKnown => &all.not_known,
            Self::Unavailable => &all.unavailable,
            Self::Full => &all.full,
            Self::Internal => &all.internal,
            Self::LinkDead => &all.link_dead,
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Self {
        tracing::error!(%error, "a page could not be made: the store did not answer");
        Self::Unavailable
    }
}

impl From<CommitError> for Fault {
    fn from(error: CommitError) -> Self {
        EngineError::from(error).into()
    }
}

/// A page that has something better to say about a refusal catches it before.
impl From<EngineError> for Fault {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::UnknownMerchant | EngineError::NotFound => Self::NotFound,
            EngineError::NotAllowed => Self::Forbidden,
            EngineError::Conflict | EngineError::LastAdmin => Self::Refused,
            EngineError::StoreFull => Self::Full,
            EngineError::Interrupted => Self::NotKnown,
            EngineError::StoreUnavailable(source) => {
                tracing::error!(error = %source, "an act was not done: the store did not answer");
                Self::Unavailable
            }
            EngineError::NoBill { .. }
            | EngineError::DifferenceSettled
            | EngineError::NoteRefused
            | EngineError::NoIdentity
            | EngineError::NoOrder
            | EngineError::Refused(_)
            | EngineError::PaymentDiffers { .. }
            | EngineError::EndpointRefused { .. }
            | EngineError::RulesRefused { .. } => Self::Refused,
        }
    }
}

impl From<BodyError> for Fault {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge { .. } => Self::TooLarge,
            BodyError::Incomplete | BodyError::Late => Self::Refused,
        }
    }
}

impl From<askama::Error> for Fault {
    fn from(error: askama::Error) -> Self {
        tracing::error!(%error, "a page could not be written");
        Self::Internal
    }
}
