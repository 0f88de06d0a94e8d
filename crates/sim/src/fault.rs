//! Faults: what goes wrong on purpose (F-1 to F-22). A rule says which calls or notifications it
//! meets and what happens to them; chance comes from the world's seed alone. Used by the control
//! side (PUT /faults), by `demo` and by the simulation.

mod desk;

use serde::{Deserialize, Serialize};

pub use desk::RuleState;
pub(crate) use desk::{Chosen, Desk, Subject};

use crate::books::RefundStatus;

/// One rule: what it meets, what it does, how often.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// What it meets; everything when left out.
    #[serde(rename = "match", default)]
    pub matches: FaultMatch,
    /// What happens.
    pub action: FaultAction,
    /// It happens this often, to the first that match. Without `times` and `rate`: always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// It happens with this probability, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
}

impl FaultRule {
    /// A rule that meets everything, always.
    #[must_use]
    pub fn always(action: FaultAction) -> Self {
        Self {
            matches: FaultMatch::default(),
            action,
            times: None,
            rate: None,
        }
    }

    /// The rule, limited to the first `times` that match.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self {
            times: Some(times),
            ..self
        }
    }

    /// The rule, applied with probability `rate`.
    #[must_use]
    pub fn rate(self, rate: f64) -> Self {
        Self {
            rate: Some(rate),
            ..self
        }
    }

    /// The rule, for these calls or notifications only.
    #[must_use]
    pub fn matching(self, matches: FaultMatch) -> Self {
        Self { matches, ..self }
    }
}

/// What a rule meets. Every member that is given must agree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultMatch {
    /// Kind of call or notification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<Interface>,
    /// Merchant number of the caller or receiver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merchant: Option<String>,
    /// The refund's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_refund_no: Option<String>,
    /// The order's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_trade_no: Option<String>,
    /// Beginning of the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Only the nth that agrees with the rest, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
}

/// Kinds of calls and notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interface {
    /// `/secapi/pay/refund` and `/secapi/pay/refundv2`.
    V2Refund,
    /// `/pay/refundquery` and `/pay/refundqueryv2`.
    V2RefundQuery,
    /// `/pay/orderquery`.
    V2OrderQuery,
    /// `/pay/unifiedorder`.
    V2UnifiedOrder,
    /// `/pay/downloadbill`.
    V2DownloadBill,
    /// `/pay/downloadfundflow`.
    V2DownloadFundFlow,
    /// `POST /v3/refund/domestic/refunds` and the platform form.
    V3Refund,
    /// `GET /v3/refund/domestic/refunds/{out_refund_no}` and the platform form.
    V3RefundQuery,
    /// `POST .../apply-abnormal-refund`.
    V3AbnormalRefund,
    /// `GET /v3/pay/transactions/...`.
    V3OrderQuery,
    /// `POST /v3/pay/transactions/{jsapi,native,app,h5}`.
    V3Prepay,
    /// `GET /v3/certificates`.
    V3Certificates,
    /// `GET /v3/bill/tradebill`.
    V3TradeBill,
    /// `GET /v3/bill/fundflowbill`.
    V3FundFlowBill,
    /// `GET /v3/billdownload/file`.
    V3BillDownload,
    /// A refund result sent to the merchant.
    RefundNotification,
    /// A payment result sent to the merchant.
    PaymentNotification,
}

impl Interface {
    pub(crate) fn is_notification(self) -> bool {
        matches!(self, Self::RefundNotification | Self::PaymentNotification)
    }

    pub(crate) fn is_v3(self) -> bool {
        !self.is_v2() && !self.is_notification()
    }

    pub(crate) fn is_application(self) -> bool {
        matches!(self, Self::V2Refund | Self::V3Refund)
    }

    pub(crate) fn is_v2(self) -> bool {
        matches!(
            self,
            Self::V2Refund
                | Self::V2RefundQuery
                | Self::V2OrderQuery
                | Self::V2UnifiedOrder
                | Self::V2DownloadBill
                | Self::V2DownloadFundFlow
        )
    }
}

fn yes() -> bool {
    true
}

/// What happens. Unit actions are JSON strings, the others objects: `"hang"`, `{"delay":{"ms":50}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultAction {
    /// F-1: the call is processed, the connection breaks before the answer.
    ReplyLostAfterAccept,
    /// F-2: the connection breaks before the call is processed.
    ReplyLostBeforeAccept,
    /// F-3: the answer comes late.
    Delay {
        /// Real milliseconds.
        ms: u64,
    },
    /// F-3: the call is processed, the answer never comes.
    Hang,
    /// F-4: the call is processed, the connection breaks inside the answer.
    CutAtByte {
        /// Bytes of head and body that still arrive.
        n: usize,
    },
    /// F-5, F-6, F-7, F-8: an error code instead of the answer.
    ErrorCode {
        /// The code; `V2_RETURN_CODE_FAIL` is v2's unsigned protocol failure.
        code: String,
        /// v3's HTTP status, when it is not the usual one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        http: Option<u16>,
        /// Whether the call is processed all the same.
        #[serde(default)]
        accepted: bool,
    },
    /// A bare HTTP status instead of the answer.
    HttpStatus {
        /// The status.
        status: u16,
        /// The body; empty when left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
        /// Whether the call is processed all the same.
        #[serde(default)]
        accepted: bool,
    },
    /// F-10: the answer's signature is wrong.
    BadSignature,
    /// F-10: the answer has no signature.
    Unsigned,
    /// F-10: a signed answer about another refund.
    SwappedReply,
    /// F-10: the answer was changed after it was signed.
    AlteredReply,
    /// The answer carries a probe signature (`WECHATPAY/SIGNTEST/`).
    Signtest,
    /// F-11: the second half of the body is missing.
    Truncated,
    /// F-11: the body is compressed although nobody asked for it.
    Gzip,
    /// F-11: an HTML page with status 200.
    Html,
    /// F-11: status 200 without a body.
    Empty,
    /// F-9: queries do not find the refund for a while after acceptance.
    NotFoundFor {
        /// Seconds of the simulator's clock.
        s: i64,
    },
    /// v3: status 202, accepted but not finished.
    #[serde(rename = "http_202")]
    Http202,
    /// F-13: the service is down; nothing is processed.
    Maintenance,
    /// F-12: how the refund ends.
    Outcome(Outcome),
    /// F-20: the refund ends at once, and its notification is sent before the answer to the
    /// application arrives.
    NotificationBeforeReply {
        /// Real milliseconds by which the answer is late.
        #[serde(default = "reply_ms")]
        ms: u64,
    },
    /// F-18: the notification is never sent.
    NotificationDrop,
    /// F-19: the notification is sent several times at once.
    NotificationDuplicate {
        /// Copies in all.
        n: u32,
    },
    /// F-20: the notification is sent late.
    NotificationDelay {
        /// Seconds of the simulator's clock.
        s: i64,
    },
    /// F-20: the notification waits until the next one of the same merchant has been sent.
    NotificationReorder,
    /// F-21: the message was tampered with: v3 under a wrong signature, v2 with blocks of the
    /// ciphertext exchanged. A true one follows when the receiver refuses it.
    NotificationForge {
        /// Whether only the first attempt is forged; otherwise every one.
        #[serde(default = "yes")]
        once: bool,
    },
    /// F-21: the very bytes of the first attempt arrive again, with their old time and signature.
    NotificationReplay {
        /// Seconds of the simulator's clock after the first attempt.
        s: i64,
    },
    /// F-21: a copy is sent to another address as well, that of another merchant for instance.
    NotificationMisdirect {
        /// That address.
        url: String,
    },
    /// F-22: the first attempt carries a probe signature.
    NotificationSigntest,
    /// F-23: the first attempt is unreadable.
    NotificationMalformed,
    /// The message comes in v2's format whatever the interface was.
    NotificationV2Format,
}

fn reply_ms() -> u64 {
    300
}

/// A way a refund can go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The steps, in order, each with its distance to the one before.
    pub steps: Vec<Step>,
}

/// One step of a refund's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Milliseconds of the simulator's clock after the step before.
    pub after_ms: i64,
    /// The status reached.
    pub status: RefundStatus,
}

impl Outcome {
    /// One step.
    #[must_use]
    pub fn ends(status: RefundStatus, after_ms: i64) -> Self {
        Self {
            steps: vec![Step { after_ms, status }],
        }
    }

    /// Abnormal first, refunded later, as after manual handling in the merchant portal.
    #[must_use]
    pub fn abnormal_then_success(after_ms: i64, later_ms: i64) -> Self {
        let step = |after_ms, status| Step { after_ms, status };
        Self {
            steps: vec![
                step(after_ms, RefundStatus::Abnormal),
                step(later_ms, RefundStatus::Success),
            ],
        }
    }
}

/// When in a call's life a rule acts. Of each stage the first rule that meets the call acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The answer and the connection.
    Call,
    /// The further way of a refund that is applied for.
    Life,
    /// The notification.
    Notification,
}

impl FaultAction {
    pub(crate) fn stage(&self) -> Stage {
        match self {
            Self::NotFoundFor { .. } | Self::Outcome(_) | Self::NotificationBeforeReply { .. } => {
                Stage::Life
            }
            Self::NotificationDrop
            | Self::NotificationDuplicate { .. }
            | Self::NotificationDelay { .. }
            | Self::NotificationReorder
            | Self::NotificationForge { .. }
            | Self::NotificationReplay { .. }
            | Self::NotificationMisdirect { .. }
            | Self::NotificationSigntest
            | Self::NotificationMalformed
            | Self::NotificationV2Format => Stage::Notification,
            _ => Stage::Call,
        }
    }

    /// The action's name, as JSON has it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::ReplyLostAfterAccept => "reply_lost_after_accept",
            Self::ReplyLostBeforeAccept => "reply_lost_before_accept",
            Self::Delay { .. } => "delay",
            Self::Hang => "hang",
            Self::CutAtByte { .. } => "cut_at_byte",
            Self::ErrorCode { .. } => "error_code",
            Self::HttpStatus { .. } => "http_status",
            Self::BadSignature => "bad_signature",
            Self::Unsigned => "unsigned",
            Self::SwappedReply => "swapped_reply",
            Self::AlteredReply => "altered_reply",
            Self::Signtest => "signtest",
            Self::Truncated => "truncated",
            Self::Gzip => "gzip",
            Self::Html => "html",
            Self::Empty => "empty",
            Self::NotFoundFor { .. } => "not_found_for",
            Self::Http202 => "http_202",
            Self::Maintenance => "maintenance",
            Self::Outcome(_) => "outcome",
            Self::NotificationBeforeReply { .. } => "notification_before_reply",
            Self::NotificationDrop => "notification_drop",
            Self::NotificationDuplicate { .. } => "notification_duplicate",
            Self::NotificationDelay { .. } => "notification_delay",
            Self::NotificationReorder => "notification_reorder",
            Self::NotificationForge { .. } => "notification_forge",
            Self::NotificationReplay { .. } => "notification_replay",
            Self::NotificationMisdirect { .. } => "notification_misdirect",
            Self::NotificationSigntest => "notification_signtest",
            Self::NotificationMalformed => "notification_malformed",
            Self::NotificationV2Format => "notification_v2_format",
        }
    }
}
