//! Answers that say no: RFC 9457 problem details with a stable code, and a pointer to every bad
//! field. One match per family of errors turns it into a code, without a wildcard.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value};
use tuikuan_domain::Refusal;
use tuikuan_engine::EngineError;
use tuikuan_store::ReadError;
use tuikuan_terms::Fen;
use utoipa::ToSchema;

use crate::code::Code;

/// The media type of all refusals.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// What `Retry-After` says when waiting helps.
const RETRY_AFTER_S: &str = "2";

/// A refusal on its way out.
#[derive(Debug)]
pub struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    code: Code,
    detail: String,
    errors: Vec<Fault>,
    facts: Map<String, Value>,
    allow: Option<String>,
}

/// One bad field or parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Fault {
    /// JSON pointer (RFC 6901) to the field of the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Name of the parameter of query string, path or header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// Stable reason: `required`, `unknown`, `duplicate`, `type`, `format` or `range`.
    pub code: &'static str,
    /// The reason in words.
    pub message: String,
}

impl Fault {
    /// A fault of a field of the body.
    pub(crate) fn field(name: &str, code: &'static str, message: impl Into<String>) -> Self {
        let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        Self {
            pointer: Some(pointer),
            parameter: None,
            code,
            message: message.into(),
        }
    }

    /// A fault of a parameter.
    pub(crate) fn parameter(name: &str, code: &'static str, message: impl Into<String>) -> Self {
        let parameter = Some(name.to_owned());
        Self {
            pointer: None,
            parameter,
            code,
            message: message.into(),
        }
    }
}

/// The body of a refusal.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody<'a> {
    /// Where the code is explained.
    #[serde(rename = "type")]
    #[schema(example = "/docs/problems#content_differs")]
    pub kind: String,
    /// The code in a few words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    #[schema(example = "content_differs")]
    pub code: &'static str,
    /// What happened in this case.
    pub detail: &'a str,
    /// Every bad field or parameter, for `invalid_fields` and `invalid_parameters`.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(required = false)]
    pub errors: &'a [Fault],
    /// Facts that belong to the code, such as `fields`, `refundable` or `requested`.
    #[serde(flatten)]
    #[schema(additional_properties, value_type = std::collections::HashMap<String, Value>)]
    pub facts: &'a Map<String, Value>,
}

impl Problem {
    /// A refusal with its code and what happened in this case.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let parts = Parts {
            code,
            detail,
            errors: Vec::new(),
            facts: Map::new(),
            allow: None,
        };
        Self(Box::new(parts))
    }

    /// A refusal of the fields of a body.
    pub(crate) fn fields(errors: Vec<Fault>) -> Self {
        Self::of_faults(Code::INVALID_FIELDS, errors)
    }

    /// A refusal of parameters.
    pub(crate) fn parameters(errors: Vec<Fault>) -> Self {
        Self::of_faults(Code::INVALID_PARAMETERS, errors)
    }

    fn of_faults(code: Code, errors: Vec<Fault>) -> Self {
        let detail = match errors.as_slice() {
            [only] => only.message.clone(),
            many => format!("{} values cannot be used", many.len()),
        };
        let mut problem = Self::new(code, detail);
        problem.0.errors = errors;
        problem
    }

    /// The path exists, but not with this method.
    pub(crate) fn method_not_allowed(allow: String) -> Self {
        let mut problem = Self::new(Code::METHOD_NOT_ALLOWED, format!("this path takes {allow}"));
        problem.0.allow = Some(allow);
        problem
    }

    /// The same with a fact beside.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.facts.insert(name.to_owned(), value.into());
        self
    }

    /// The body as it is sent.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let Parts {
            code,
            detail,
            errors,
            facts,
            ..
        } = self.0.as_ref();
        let body = ProblemBody {
            kind: format!("/docs/problems#{}", code.name),
            title: code.title,
            status: code.status,
            code: code.name,
            detail,
            errors,
            facts,
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.bytes().into_response();
        let fallback = StatusCode::INTERNAL_SERVER_ERROR;
        let status = self.0.code.status;
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(fallback);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if status == 401 {
            let scheme = HeaderValue::from_static("Bearer realm=\"tuikuan\"");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        if status == 503 {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
        }
        if let Some(allow) = self.0.allow.and_then(|a| HeaderValue::try_from(a).ok()) {
            headers.insert(header::ALLOW, allow);
        }
        response
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        EngineError::from(error).into()
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        let detail = error.to_string();
        match error {
            EngineError::UnknownMerchant => Self::new(Code::MERCHANT_NOT_FOUND, detail),
            EngineError::NoIdentity => Self::new(Code::IDENTITY_MISSING, detail),
            EngineError::NoOrder => Self::new(Code::ORDER_MISSING, detail),
            EngineError::Refused(refusal) => refusal.into(),
            EngineError::NotFound => Self::new(Code::NOT_FOUND, detail),
            EngineError::NotAllowed => Self::new(Code::FORBIDDEN, detail),
            EngineError::Conflict | EngineError::LastAdmin => {
                Self::new(Code::CHANGED_MEANWHILE, detail)
            }
            EngineError::PaymentDiffers { fields } => {
                Self::new(Code::PAYMENT_DIFFERS, detail).with("fields", fields)
            }
            EngineError::RulesRefused { .. } => Self::new(Code::RULES_REFUSED, detail),
            EngineError::EndpointRefused { .. } => Self::new(Code::WEBHOOK_REFUSED, detail),
            EngineError::Interrupted => Self::new(Code::TIMEOUT, detail),
            EngineError::NoBill { .. } => Self::new(Code::BILL_NOT_AVAILABLE, detail),
            EngineError::DifferenceSettled => Self::new(Code::DIFFERENCE_SETTLED, detail),
            EngineError::NoteRefused => Self::new(Code::NOTE_UNUSABLE, detail),
            EngineError::StoreFull => Self::new(Code::STORAGE_FULL, detail),
            EngineError::StoreUnavailable(source) => {
                tracing::error!(error = %source, "a request was refused: the store did not answer");
                Self::new(Code::STORAGE_UNAVAILABLE, detail)
            }
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let problem = Self::new(code_of(&refusal), refusal.to_string());
        match refusal {
            Refusal::AmountAboveMaximum { requested, maximum } => problem
                .with("requested", requested.get())
                .with("maximum", maximum.get()),
            Refusal::AmountExceedsRefundable {
                requested,
                refundable,
            } => problem
                .with("requested", requested.get())
                .with("refundable", refundable.get()),
            Refusal::RefundableChanged { expected, actual } => problem
                .with("expected", expected.get())
                .with("refundable", actual.get()),
            Refusal::WindowClosed { paid_at } => problem.with("paid_at", paid_at.to_string()),
            Refusal::ContentDiffers { fields } => problem.with("fields", fields),
            Refusal::ReplacesNotClosed { status } | Refusal::NotIn { status, .. } => {
                problem.with("refund_status", status.as_str())
            }
            Refusal::ApprovalExpired { until } => problem.with("until", until.to_string()),
            Refusal::LimitReached { of, limit, used } => problem
                .with("limit_of", of.as_str())
                .with("limit_amount", limit.amount.map(Fen::get))
                .with("limit_count", limit.count)
                .with("used_amount", used.amount.get())
                .with("used_count", used.count),
            Refusal::NotFound
            | Refusal::AmountZero
            | Refusal::TooManyRefunds
            | Refusal::ReplacesUnknown
            | Refusal::OrderNumbersDisagree
            | Refusal::Contradicted
            | Refusal::AlreadyReplaced { .. }
            | Refusal::SamePerson
            | Refusal::NotAPerson
            | Refusal::ContentChanged
            | Refusal::AlreadySubmitted => problem,
            Refusal::ElsewhereUnderWay { since } => problem.with("since", since.to_string()),
        }
    }
}

const fn code_of(refusal: &Refusal) -> Code {
    match refusal {
        Refusal::NotFound => Code::REFUND_NOT_FOUND,
        Refusal::AmountZero => Code::AMOUNT_ZERO,
        Refusal::AmountAboveMaximum { .. } => Code::AMOUNT_ABOVE_MAXIMUM,
        Refusal::AmountExceedsRefundable { .. } => Code::AMOUNT_EXCEEDS_REFUNDABLE,
        Refusal::RefundableChanged { .. } => Code::REFUNDABLE_CHANGED,
        Refusal::TooManyRefunds => Code::TOO_MANY_REFUNDS,
        Refusal::WindowClosed { .. } => Code::REFUND_WINDOW_CLOSED,
        Refusal::ContentDiffers { .. } => Code::CONTENT_DIFFERS,
        Refusal::ReplacesUnknown => Code::REPLACES_UNKNOWN,
        Refusal::ReplacesNotClosed { .. } => Code::REPLACES_NOT_CLOSED,
        Refusal::OrderNumbersDisagree => Code::ORDER_NUMBERS_DISAGREE,
        Refusal::NotIn { .. } => Code::WRONG_STATUS,
        Refusal::AlreadySubmitted => Code::ALREADY_SUBMITTED,
        Refusal::ElsewhereUnderWay { .. } => Code::ELSEWHERE_UNDER_WAY,
        Refusal::Contradicted => Code::CONTRADICTED,
        Refusal::AlreadyReplaced { .. } => Code::ALREADY_REPLACED,
        Refusal::SamePerson => Code::SAME_PERSON,
        Refusal::NotAPerson => Code::APPROVAL_NEEDS_PERSON,
        Refusal::ContentChanged => Code::CONTENT_CHANGED,
        Refusal::ApprovalExpired { .. } => Code::APPROVAL_EXPIRED,
        Refusal::LimitReached { .. } => Code::LIMIT_REACHED,
    }
}

#[cfg(test)]
mod tests {
    use tuikuan_domain::Status;
    use tuikuan_domain::approval::{DayLimit, LimitOf, Usage};

    use super::*;

    #[test]
    fn a_refusal_keeps_the_code_that_the_domain_gave_it() {
        let fen = Fen::ZERO;
        let refusals = [
            Refusal::NotFound,
            Refusal::AmountZero,
            Refusal::AmountAboveMaximum {
                requested: fen,
                maximum: fen,
            },
            Refusal::AmountExceedsRefundable {
                requested: fen,
                refundable: fen,
            },
            Refusal::RefundableChanged {
                expected: fen,
                actual: fen,
            },
            Refusal::TooManyRefunds,
            Refusal::WindowClosed {
                paid_at: jiff::Timestamp::UNIX_EPOCH,
            },
            Refusal::ContentDiffers {
                fields: vec!["amount"],
            },
            Refusal::ReplacesUnknown,
            Refusal::ReplacesNotClosed {
                status: Status::Queued,
            },
            Refusal::OrderNumbersDisagree,
            Refusal::NotIn {
                status: Status::Queued,
                wanted: "retried",
            },
            Refusal::AlreadySubmitted,
            Refusal::ElsewhereUnderWay {
                since: jiff::Timestamp::UNIX_EPOCH,
            },
            Refusal::Contradicted,
            Refusal::SamePerson,
            Refusal::NotAPerson,
            Refusal::ContentChanged,
            Refusal::ApprovalExpired {
                until: jiff::Timestamp::UNIX_EPOCH,
            },
            Refusal::LimitReached {
                of: LimitOf::Person,
                limit: DayLimit::default(),
                used: Usage::NONE,
            },
        ];
        for refusal in refusals {
            assert_eq!(code_of(&refusal).name, refusal.code());
        }
    }

    #[test]
    fn facts_stand_beside_the_members_of_the_standard() {
        let refusal = Refusal::ContentDiffers {
            fields: vec!["amount", "reason"],
        };
        let body: Value = serde_json::from_slice(&Problem::from(refusal).bytes()).unwrap();
        assert_eq!(body["type"], "/docs/problems#content_differs");
        assert_eq!(body["status"], 409);
        assert_eq!(body["fields"], serde_json::json!(["amount", "reason"]));
        assert!(body.get("errors").is_none());
    }

    #[test]
    fn a_pointer_escapes_what_rfc_6901_escapes() {
        let fault = Fault::field("a/b~c", "unknown", "");
        assert_eq!(fault.pointer.as_deref(), Some("/a~1b~0c"));
    }
}
