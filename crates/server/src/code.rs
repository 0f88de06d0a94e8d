//! Every code an answer may carry, once. A code is stable, documented, and never used again for
//! something else. `/docs/problems` and the guide are made from this table.

mod batch;
mod books;
mod people;
mod refunds;

/// A stable code with what it means to whoever receives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The code as it stands in answers.
    pub name: &'static str,
    /// The HTTP status that goes with it.
    pub status: u16,
    /// A few words that never change.
    pub title: &'static str,
    /// What to do about it.
    pub advice: &'static str,
}

const fn code(name: &'static str, status: u16, title: &'static str, advice: &'static str) -> Code {
    Code {
        name,
        status,
        title,
        advice,
    }
}

/// What the transport and the form of a request can get wrong.
impl Code {
    /// No key, or no good one.
    pub const UNAUTHORIZED: Self = code(
        "unauthorized",
        401,
        "A good API key is needed",
        "Send `Authorization: Bearer tk_...` with a key that was created by `tuikuan key create` and not revoked.",
    );
    /// A good key whose role does not reach so far.
    pub const FORBIDDEN: Self = code(
        "forbidden",
        403,
        "The key may not do this",
        "Nothing was done. Use a key with a role that allows it; approving takes a key with an owner who may approve.",
    );
    /// No such path, or nothing that the key may see.
    pub const NOT_FOUND: Self = code(
        "not_found",
        404,
        "There is nothing here",
        "Check the path. What a key does not cover looks as if it did not exist.",
    );
    /// The path exists, not with this method.
    pub const METHOD_NOT_ALLOWED: Self = code(
        "method_not_allowed",
        405,
        "The path has no such method",
        "The header Allow names the methods of the path.",
    );
    /// The body took too long.
    pub const BODY_TIMEOUT: Self = code(
        "body_timeout",
        408,
        "The body did not arrive in time",
        "Nothing was done. Send it again.",
    );
    /// The body ended early.
    pub const BODY_INCOMPLETE: Self = code(
        "body_incomplete",
        400,
        "The body ended before its announced length",
        "Nothing was done. Send the whole body again.",
    );
    /// The body is too large.
    pub const BODY_TOO_LARGE: Self = code(
        "body_too_large",
        413,
        "The body is too large",
        "Nothing was done. The interface takes bodies up to 256 KiB.",
    );
    /// Another content type than JSON.
    pub const UNSUPPORTED_MEDIA_TYPE: Self = code(
        "unsupported_media_type",
        415,
        "The body is not announced as JSON in UTF-8",
        "Send `Content-Type: application/json`; no other charset than UTF-8 is read.",
    );
    /// Not JSON.
    pub const MALFORMED_JSON: Self = code(
        "malformed_json",
        400,
        "The body is not a JSON object in UTF-8",
        "Nothing was done. The detail names the line and column.",
    );
    /// Fields of the body.
    pub const INVALID_FIELDS: Self = code(
        "invalid_fields",
        422,
        "Fields of the body cannot be used",
        "Nothing was done. `errors` names every bad field with a JSON pointer and the reason.",
    );
    /// Parameters of the query string, path or headers.
    pub const INVALID_PARAMETERS: Self = code(
        "invalid_parameters",
        422,
        "Parameters of the request cannot be used",
        "Nothing was done. `errors` names every bad parameter and the reason.",
    );
    /// The request took too long.
    pub const TIMEOUT: Self = code(
        "timeout",
        503,
        "The request was not finished in time",
        "It may have been carried out. Repeat it with the same out_refund_no or Idempotency-Key: that is always safe.",
    );
    /// Too many connections.
    pub const TOO_MANY_CONNECTIONS: Self = code(
        "too_many_connections",
        503,
        "All connections are in use",
        "Try again after Retry-After, with fewer connections at once.",
    );
    /// Too many event streams.
    pub const TOO_MANY_STREAMS: Self = code(
        "too_many_streams",
        503,
        "All event streams are in use",
        "Try again later, or share one stream among your readers.",
    );
    /// A bug of ours.
    pub const INTERNAL: Self = code(
        "internal",
        500,
        "Something went wrong here",
        "It is our mistake and is in the log. Repeating with the same identity is safe.",
    );
}

/// What the engine refuses.
impl Code {
    /// No identity.
    pub const IDENTITY_MISSING: Self = code(
        "identity_missing",
        422,
        "A refund needs an identity",
        "Give out_refund_no or the header Idempotency-Key: without either a lost answer would become a second refund.",
    );
    /// No order.
    pub const ORDER_MISSING: Self = code(
        "order_missing",
        422,
        "The order is not named",
        "Give out_trade_no or transaction_id.",
    );
    /// No such merchant, or not covered by the key.
    pub const MERCHANT_NOT_FOUND: Self = code(
        "merchant_not_found",
        404,
        "There is no such merchant",
        "Use the merchant's short name of the configuration, and a key that covers it.",
    );
    /// No such refund, or not covered by the key.
    pub const REFUND_NOT_FOUND: Self = code(
        "refund_not_found",
        404,
        "There is no such refund",
        "Check the id, and that the key covers the refund's merchant.",
    );
    /// No such payment.
    pub const PAYMENT_NOT_FOUND: Self = code(
        "payment_not_found",
        404,
        "There is no such payment",
        "It was never registered here. Register it, or ask for the refund: WeChat is asked for the order then.",
    );
    /// No such webhook endpoint.
    pub const WEBHOOK_NOT_FOUND: Self = code(
        "webhook_not_found",
        404,
        "There is no such webhook endpoint",
        "Check the id, and that the key covers the endpoint's merchant.",
    );
    /// No such delivery.
    pub const DELIVERY_NOT_FOUND: Self = code(
        "delivery_not_found",
        404,
        "There is no such delivery",
        "List the endpoint's deliveries.",
    );
    /// Zero.
    pub const AMOUNT_ZERO: Self = code(
        "amount_zero",
        422,
        "The amount is zero",
        "A refund is at least 1 fen.",
    );
    /// Above the operator's maximum.
    pub const AMOUNT_ABOVE_MAXIMUM: Self = code(
        "amount_above_maximum",
        422,
        "The amount is above the configured maximum",
        "The operator sets the maximum.",
    );
    /// Above what is left.
    pub const AMOUNT_EXCEEDS_REFUNDABLE: Self = code(
        "amount_exceeds_refundable",
        422,
        "More than is left of the payment",
        "`refundable` says what is left, refunds under way counted as gone.",
    );
    /// `expected_refundable` differs.
    pub const REFUNDABLE_CHANGED: Self = code(
        "refundable_changed",
        409,
        "What is left of the payment has changed",
        "Somebody else may have refunded the same case. Look at the payment, then decide again.",
    );
    /// 50 refunds.
    pub const TOO_MANY_REFUNDS: Self = code(
        "too_many_refunds",
        422,
        "The payment has all the refunds WeChat allows",
        "WeChat takes at most 50 refunds of one payment.",
    );
    /// A year has passed.
    pub const REFUND_WINDOW_CLOSED: Self = code(
        "refund_window_closed",
        422,
        "The payment is too old to be refunded",
        "WeChat refunds for one year. Pay the customer another way.",
    );
    /// Same identity, other content.
    pub const CONTENT_DIFFERS: Self = code(
        "content_differs",
        409,
        "A refund with this identity exists with other content",
        "`fields` names what differs. A different refund needs a different identity.",
    );
    /// Unknown refund to be replaced.
    pub const REPLACES_UNKNOWN: Self = code(
        "replaces_unknown",
        422,
        "The refund to be replaced does not exist",
        "`replaces` takes the id of a refund of the same payment.",
    );
    /// Replaced refund not closed.
    pub const REPLACES_NOT_CLOSED: Self = code(
        "replaces_not_closed",
        409,
        "The refund to be replaced is not closed",
        "Only a refund that WeChat has closed can be replaced; anything else might pay twice.",
    );
    /// Two orders.
    pub const ORDER_NUMBERS_DISAGREE: Self = code(
        "order_numbers_disagree",
        422,
        "The two order numbers name different payments",
        "Give only one of out_trade_no and transaction_id, or two that belong together.",
    );
    /// Wrong status.
    pub const WRONG_STATUS: Self = code(
        "wrong_status",
        409,
        "The refund's status does not allow this",
        "Read the refund; `status` says where it stands.",
    );
    /// Too late to cancel.
    pub const ALREADY_SUBMITTED: Self = code(
        "already_submitted",
        409,
        "The refund was already submitted",
        "It may be with WeChat and cannot be withdrawn any more.",
    );
    /// One replacement at a time.
    pub const ALREADY_REPLACED: Self = code(
        "already_replaced",
        409,
        "The refund is already replaced",
        "Another refund stands in for the one named in `replaces`; look at that one.",
    );
    /// Sending it again could pay twice.
    pub const CONTRADICTED: Self = code(
        "contradicted",
        409,
        "WeChat knows this refund after all",
        "Its record and WeChat contradict each other: settle the conflict instead of sending it again.",
    );
    /// Payment with other facts.
    pub const PAYMENT_DIFFERS: Self = code(
        "payment_differs",
        409,
        "The payment is registered with other facts",
        "`fields` names what differs. What was registered stays.",
    );
    /// Changed by somebody else.
    pub const CHANGED_MEANWHILE: Self = code(
        "changed_meanwhile",
        409,
        "Somebody else has changed it",
        "Nothing was done. Read it again, then decide.",
    );
    /// Endpoint refused.
    pub const WEBHOOK_REFUSED: Self = code(
        "webhook_refused",
        422,
        "The webhook endpoint cannot be used",
        "The detail says why. Endpoints are https and public, unless the operator allows a network.",
    );
    /// Disk full.
    pub const STORAGE_FULL: Self = code(
        "storage_full",
        503,
        "The disk is full",
        "Nothing was written. The operator makes room; then repeat with the same identity.",
    );
    /// Store unavailable.
    pub const STORAGE_UNAVAILABLE: Self = code(
        "storage_unavailable",
        503,
        "The store cannot answer now",
        "Repeat with the same identity after Retry-After: that is always safe.",
    );
}

impl Code {
    /// All codes.
    pub const ALL: [Self; 59] = [
        Self::UNAUTHORIZED,
        Self::FORBIDDEN,
        Self::NOT_FOUND,
        Self::METHOD_NOT_ALLOWED,
        Self::BODY_TIMEOUT,
        Self::BODY_INCOMPLETE,
        Self::BODY_TOO_LARGE,
        Self::UNSUPPORTED_MEDIA_TYPE,
        Self::MALFORMED_JSON,
        Self::INVALID_FIELDS,
        Self::INVALID_PARAMETERS,
        Self::TIMEOUT,
        Self::TOO_MANY_CONNECTIONS,
        Self::TOO_MANY_STREAMS,
        Self::INTERNAL,
        Self::IDENTITY_MISSING,
        Self::ORDER_MISSING,
        Self::MERCHANT_NOT_FOUND,
        Self::REFUND_NOT_FOUND,
        Self::PAYMENT_NOT_FOUND,
        Self::WEBHOOK_NOT_FOUND,
        Self::DELIVERY_NOT_FOUND,
        Self::AMOUNT_ZERO,
        Self::AMOUNT_ABOVE_MAXIMUM,
        Self::AMOUNT_EXCEEDS_REFUNDABLE,
        Self::REFUNDABLE_CHANGED,
        Self::TOO_MANY_REFUNDS,
        Self::REFUND_WINDOW_CLOSED,
        Self::CONTENT_DIFFERS,
        Self::REPLACES_UNKNOWN,
        Self::REPLACES_NOT_CLOSED,
        Self::ORDER_NUMBERS_DISAGREE,
        Self::WRONG_STATUS,
        Self::ALREADY_SUBMITTED,
        Self::CONTRADICTED,
        Self::ALREADY_REPLACED,
        Self::SAME_PERSON,
        Self::APPROVAL_NEEDS_PERSON,
        Self::CONTENT_CHANGED,
        Self::APPROVAL_EXPIRED,
        Self::LIMIT_REACHED,
        Self::RULES_REFUSED,
        Self::ELSEWHERE_UNDER_WAY,
        Self::PAYMENT_DIFFERS,
        Self::CHANGED_MEANWHILE,
        Self::WEBHOOK_REFUSED,
        Self::BATCH_NOT_FOUND,
        Self::BATCH_FILE_FAULTS,
        Self::BATCH_BUSY,
        Self::BATCH_WRONG_STATE,
        Self::BATCH_HAS_FAULTS,
        Self::BATCH_EMPTY,
        Self::BATCH_ALTERED,
        Self::BILL_NOT_AVAILABLE,
        Self::DIFFERENCE_NOT_FOUND,
        Self::DIFFERENCE_SETTLED,
        Self::NOTE_UNUSABLE,
        Self::STORAGE_FULL,
        Self::STORAGE_UNAVAILABLE,
    ];
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_is_listed_once_and_has_a_status_of_an_error() {
        let sources = [
            include_str!("code.rs"),
            include_str!("code/batch.rs"),
            include_str!("code/books.rs"),
            include_str!("code/people.rs"),
            include_str!("code/refunds.rs"),
        ]
        .concat();
        let declared = sources.matches(": Self = code(").count();
        let names: BTreeSet<_> = Code::ALL.iter().map(|c| c.name).collect();
        assert_eq!(names.len(), Code::ALL.len(), "a code is listed twice");
        assert_eq!(
            declared.saturating_sub(1),
            Code::ALL.len(),
            "a code is not listed"
        );
        for code in Code::ALL {
            assert!(
                (400..600).contains(&code.status),
                "{} has status {}",
                code.name,
                code.status
            );
            assert!(
                code.name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b == b'_')
            );
        }
    }
}
