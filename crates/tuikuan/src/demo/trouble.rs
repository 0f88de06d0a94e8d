//! The troubles of the demo: what each one is in words, and which faults the simulator is told to
//! commit for it.

use tuikuan_sim::{FaultAction, FaultMatch, FaultRule, Interface, Outcome, RefundStatus};

use super::plan::Scene;

/// What a refund of the demo has to live through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    None,
    Partial,
    Splits,
    LostAfter,
    LostBefore,
    SystemErrorTaken,
    SystemErrorNotTaken,
    UnknownCode,
    TooOften,
    NotEnough,
    ParamError,
    AccountClosed,
    Hang,
    Slow,
    Cut,
    BadSignature,
    Unsigned,
    Altered,
    Swapped,
    Truncated,
    Gzip,
    Html,
    Empty,
    Http202,
    Maintenance,
    BadGateway,
    NotFoundYet,
    AbnormalByHand,
    AbnormalThenSuccess,
    Closed,
    NoticeDropped,
    NoticeDuplicated,
    NoticeLate,
    NoticeReordered,
    NoticeForged,
    NoticeProbe,
    NoticeMalformed,
    NoticeFirst,
    DoubleClick,
    OverAsk,
    Portal,
    Coupon,
    Scheduled,
    Cancelled,
    NoSuchOrder,
}

impl Trouble {
    /// All of them.
    pub(crate) const ALL: [Self; 45] = [
        Self::None,
        Self::Partial,
        Self::Splits,
        Self::LostAfter,
        Self::LostBefore,
        Self::SystemErrorTaken,
        Self::SystemErrorNotTaken,
        Self::UnknownCode,
        Self::TooOften,
        Self::NotEnough,
        Self::ParamError,
        Self::AccountClosed,
        Self::Hang,
        Self::Slow,
        Self::Cut,
        Self::BadSignature,
        Self::Unsigned,
        Self::Altered,
        Self::Swapped,
        Self::Truncated,
        Self::Gzip,
        Self::Html,
        Self::Empty,
        Self::Http202,
        Self::Maintenance,
        Self::BadGateway,
        Self::NotFoundYet,
        Self::AbnormalByHand,
        Self::AbnormalThenSuccess,
        Self::Closed,
        Self::NoticeDropped,
        Self::NoticeDuplicated,
        Self::NoticeLate,
        Self::NoticeReordered,
        Self::NoticeForged,
        Self::NoticeProbe,
        Self::NoticeMalformed,
        Self::NoticeFirst,
        Self::DoubleClick,
        Self::OverAsk,
        Self::Portal,
        Self::Coupon,
        Self::Scheduled,
        Self::Cancelled,
        Self::NoSuchOrder,
    ];

    /// How many refunds a scene with it asks for.
    pub(crate) fn refunds(self) -> usize {
        match self {
            Self::Splits => 3,
            Self::Closed => 2,
            _ => 1,
        }
    }

    /// In words, as the continuation of "asked for ¥1.00".
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::None => "an ordinary refund",
            Self::Partial => "a part of the order",
            Self::Splits => "three parts of one order, a minute apart",
            Self::LostAfter => "WeChat will take it and the reply be lost",
            Self::LostBefore => "the request will be lost",
            Self::SystemErrorTaken => "SYSTEMERROR, though WeChat took it",
            Self::SystemErrorNotTaken => "SYSTEMERROR, WeChat did not take it",
            Self::UnknownCode => "an error code that nobody knows",
            Self::TooOften => "FREQUENCY_LIMITED 频率限制",
            Self::NotEnough => "the merchant's account is empty 余额不足",
            Self::ParamError => "PARAM_ERROR, then retried by a person",
            Self::AccountClosed => "USER_ACCOUNT_ABNORMAL: refused for good",
            Self::Hang => "WeChat will take it and never answer",
            Self::Slow => "a slow answer",
            Self::Cut => "the answer will break off",
            Self::BadSignature => "a badly signed answer",
            Self::Unsigned => "an answer without signature",
            Self::Altered => "an answer changed on its way",
            Self::Swapped => "an answer about another refund",
            Self::Truncated => "half an answer",
            Self::Gzip => "an answer compressed unasked",
            Self::Html => "an HTML page for an answer",
            Self::Empty => "an empty answer",
            Self::Http202 => "HTTP 202, not finished",
            Self::Maintenance => "WeChat is down 系统维护",
            Self::BadGateway => "502 Bad Gateway, though WeChat took it",
            Self::NotFoundYet => "reply lost, and queries find nothing at first",
            Self::AbnormalByHand => "the bank will refuse 退款异常; settled by hand",
            Self::AbnormalThenSuccess => "the bank refuses, then it succeeds",
            Self::Closed => "WeChat will close it 退款关闭; replaced by a new one",
            Self::NoticeDropped => "the notification will be lost for ever",
            Self::NoticeDuplicated => "the notification comes many times",
            Self::NoticeLate => "the notification comes late",
            Self::NoticeReordered => "notifications out of order",
            Self::NoticeForged => "a forged notification first",
            Self::NoticeProbe => "a probe signature (SIGNTEST) first",
            Self::NoticeMalformed => "an unreadable notification first",
            Self::NoticeFirst => "the notification before the reply",
            Self::DoubleClick => "clicked five times at once",
            Self::OverAsk => "and more than is left asked beside",
            Self::Portal => "most of it was refunded in the portal already",
            Self::Coupon => "an order paid with coupons",
            Self::Scheduled => "not before a later time",
            Self::Cancelled => "scheduled, then cancelled",
            Self::NoSuchOrder => "of an order that does not exist",
        }
    }
}

/// Whether a merchant of the demo speaks the older interface.
pub(crate) fn is_v2(merchant: &str) -> bool {
    matches!(merchant, "classic" | "agency")
}

/// The faults for a refund of a scene.
pub(crate) fn faults(scene: &Scene, out_refund_no: &str) -> Vec<FaultRule> {
    let Some((meets, action, times)) = fault(scene) else {
        return Vec::new();
    };
    let apply = if is_v2(scene.merchant) {
        Interface::V2Refund
    } else {
        Interface::V3Refund
    };
    let rule = |api, action, times| {
        FaultRule::always(action).times(times).matching(FaultMatch {
            api: Some(api),
            out_refund_no: Some(out_refund_no.to_owned()),
            ..FaultMatch::default()
        })
    };
    let api = match meets {
        Meets::Apply => apply,
        Meets::Notice => Interface::RefundNotification,
    };
    let mut rules = vec![rule(api, action, times)];
    if scene.trouble == Trouble::NotFoundYet {
        rules.push(rule(apply, FaultAction::ReplyLostAfterAccept, 1));
    }
    rules
}

/// Which side of a refund's life a fault meets.
#[derive(Debug, Clone, Copy)]
enum Meets {
    Apply,
    Notice,
}

fn fault(scene: &Scene) -> Option<(Meets, FaultAction, u64)> {
    let v2 = is_v2(scene.merchant);
    let size = scene.size;
    let system = if v2 { "SYSTEMERROR" } else { "SYSTEM_ERROR" };
    let apply = |action| Some((Meets::Apply, action, 1));
    let notice = |action| Some((Meets::Notice, action, 1));
    match scene.trouble {
        Trouble::LostAfter => apply(FaultAction::ReplyLostAfterAccept),
        Trouble::LostBefore => apply(FaultAction::ReplyLostBeforeAccept),
        Trouble::SystemErrorTaken => apply(code(system, Taken::Yes)),
        Trouble::SystemErrorNotTaken => apply(code(system, Taken::No)),
        Trouble::UnknownCode => apply(code("NEVER_HEARD_OF", Taken::Yes)),
        Trouble::TooOften => apply(code("FREQUENCY_LIMITED", Taken::No)),
        Trouble::ParamError => apply(code("PARAM_ERROR", Taken::No)),
        Trouble::AccountClosed => apply(code("USER_ACCOUNT_ABNORMAL", Taken::No)),
        Trouble::Hang => apply(FaultAction::Hang),
        Trouble::Slow => apply(FaultAction::Delay { ms: 300 + size }),
        Trouble::Cut => {
            let n = usize::try_from(size % 700).unwrap_or(0);
            apply(FaultAction::CutAtByte { n })
        }
        Trouble::BadSignature => apply(FaultAction::BadSignature),
        Trouble::Unsigned => apply(FaultAction::Unsigned),
        Trouble::Altered => apply(FaultAction::AlteredReply),
        Trouble::Swapped => apply(FaultAction::SwappedReply),
        Trouble::Truncated => apply(FaultAction::Truncated),
        Trouble::Gzip => apply(FaultAction::Gzip),
        Trouble::Html => apply(FaultAction::Html),
        Trouble::Empty => apply(FaultAction::Empty),
        Trouble::Http202 => apply(FaultAction::Http202),
        Trouble::Maintenance => Some((Meets::Apply, FaultAction::Maintenance, 2)),
        Trouble::BadGateway => apply(FaultAction::HttpStatus {
            status: 502,
            body: None,
            accepted: true,
        }),
        Trouble::NotFoundYet => apply(FaultAction::NotFoundFor { s: 90 }),
        Trouble::AbnormalByHand => apply(ends(RefundStatus::Abnormal)),
        Trouble::AbnormalThenSuccess => apply(FaultAction::Outcome(
            Outcome::abnormal_then_success(2_000, 240_000),
        )),
        Trouble::Closed => apply(ends(RefundStatus::Closed)),
        Trouble::NoticeDropped => notice(FaultAction::NotificationDrop),
        Trouble::NoticeDuplicated => notice(FaultAction::NotificationDuplicate {
            n: u32::try_from(size % 18).unwrap_or(0).saturating_add(3),
        }),
        Trouble::NoticeLate => notice(FaultAction::NotificationDelay { s: 180 }),
        Trouble::NoticeReordered => notice(FaultAction::NotificationReorder),
        Trouble::NoticeForged => notice(FaultAction::NotificationForge { once: true }),
        Trouble::NoticeProbe => notice(FaultAction::NotificationSigntest),
        Trouble::NoticeMalformed => notice(FaultAction::NotificationMalformed),
        Trouble::NoticeFirst => apply(FaultAction::NotificationBeforeReply { ms: 250 }),
        Trouble::None
        | Trouble::Partial
        | Trouble::Splits
        | Trouble::NotEnough
        | Trouble::DoubleClick
        | Trouble::OverAsk
        | Trouble::Portal
        | Trouble::Coupon
        | Trouble::Scheduled
        | Trouble::Cancelled
        | Trouble::NoSuchOrder => None,
    }
}

/// Whether WeChat took the refund although it answered with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    Yes,
    No,
}

fn code(code: &str, taken: Taken) -> FaultAction {
    FaultAction::ErrorCode {
        code: code.to_owned(),
        http: None,
        accepted: taken == Taken::Yes,
    }
}

fn ends(status: RefundStatus) -> FaultAction {
    FaultAction::Outcome(Outcome::ends(status, 2_000))
}
