//! The retry schedules, and what is remembered of each attempt.

use serde::{Deserialize, Serialize};

use crate::books::Api;

/// The schedule of the current pages, in seconds between attempts.
const CURRENT_S: [i64; 15] = [
    15, 15, 30, 180, 600, 1_200, 1_800, 1_800, 1_800, 3_600, 10_800, 10_800, 10_800, 21_600, 21_600,
];
/// The schedule of 2018.
const OLD_S: [i64; 9] = [15, 15, 30, 180, 1_800, 1_800, 1_800, 1_800, 3_600];
/// Which retry schedule is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// 15 retries over 24 hours.
    Current,
    /// 9 retries over 3 hours, as in 2018.
    Old,
}

impl Schedule {
    /// Seconds until the next attempt after that many; `None` when it was the last.
    pub(super) fn after(self, attempts: usize) -> Option<i64> {
        let seconds: &[i64] = match self {
            Self::Current => &CURRENT_S,
            Self::Old => &OLD_S,
        };
        seconds.get(attempts.checked_sub(1)?).copied()
    }
}

/// What came back from one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Nothing yet.
    Pending,
    /// An HTTP answer.
    Answered {
        /// Status.
        status: u16,
        /// The beginning of the body.
        body: String,
        /// Whether WeChat takes it for a success.
        accepted: bool,
    },
    /// No answer within the deadline, or no connection.
    Failed {
        /// Why.
        reason: String,
    },
}

/// One attempt, as GET /notifications shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotificationRecord {
    /// Number of the attempt.
    pub id: u64,
    /// Number of the notification; its attempts share it.
    pub notification: usize,
    /// `refund` or `payment`.
    pub kind: &'static str,
    /// Status told.
    pub status: &'static str,
    /// Merchant number.
    pub mch_id: String,
    /// The order's number.
    pub out_trade_no: String,
    /// The refund's number, for refunds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_refund_no: Option<String>,
    /// Format of the message.
    pub format: Api,
    /// Receiver.
    pub url: String,
    /// Which attempt, counted from 1.
    pub attempt: usize,
    /// When it was sent, unix milliseconds of the simulator's clock.
    pub at_ms: i64,
    /// What was done to the message on purpose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
    /// What came back.
    pub delivery: Delivery,
}

/// Whether a v2 receiver said that it has the message.
pub(super) fn says_success(body: &[u8]) -> bool {
    tuikuan_wechat::v2::Fields::parse(body)
        .is_ok_and(|fields| fields.get("return_code") == Some("SUCCESS"))
}
