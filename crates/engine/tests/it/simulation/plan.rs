//! What a seed decides beforehand: who takes part, what goes wrong, how often.

use tuikuan_domain::approval::Rules;
use tuikuan_sim::{
    FaultAction, FaultMatch, FaultRule, Interface, OutcomePolicy, RefundStatus, Step,
};
use tuikuan_sim::{Outcome, VerificationMode};
use tuikuan_wechat::Api;
use tuikuan_wechat::error_code::{Entry, Interface as Catalogue, Money, all};
use tuikuan_wechat::v2::SignType;

use super::dice::Dice;
use super::people;
use super::time::{HOUR, MINUTE, SECOND};

/// The plan of one life of a service.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// Generation of each merchant.
    pub(crate) apis: [Api; 3],
    pub(crate) sign_type: SignType,
    pub(crate) mode: VerificationMode,
    pub(crate) orders: usize,
    /// Which merchant has a webhook endpoint.
    pub(crate) endpoint: Option<usize>,
    pub(crate) submits_per_second: usize,
    /// Clients act within this time.
    pub(crate) busy: i64,
    /// Until then things go wrong.
    pub(crate) calm_at: i64,
    /// Whether things go wrong now.
    pub(crate) rough: bool,
    /// In a thousand, each.
    pub(crate) not_sent: usize,
    pub(crate) hook_fails: usize,
    pub(crate) crash: usize,
    pub(crate) pause: usize,
    /// The merchant whose balance is empty until things calm down.
    pub(crate) poor: Option<usize>,
    pub(crate) faults: Vec<FaultRule>,
    pub(crate) outcomes: OutcomePolicy,
    /// What people may ask, and when a second one is needed.
    pub(crate) rules: Option<Rules>,
}

impl Plan {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let provider = *dice.pick(&[Api::V2, Api::V3]);
        let busy = *dice.pick(&[MINUTE, 10 * MINUTE, 2 * HOUR]);
        let faults = match dice.below(8) {
            0 => Vec::new(),
            _ => faults(&mut dice),
        };
        Self {
            seed,
            apis: [Api::V3, Api::V2, provider],
            sign_type: *dice.pick(&[SignType::Md5, SignType::HmacSha256]),
            mode: *dice.pick(&[
                VerificationMode::Certificate,
                VerificationMode::PublicKey,
                VerificationMode::Switching { percent: 50 },
            ]),
            orders: 8 + dice.below(18),
            endpoint: dice.chance(400).then(|| dice.below(3)),
            submits_per_second: *dice.pick(&[1, 3, 150]),
            busy,
            calm_at: busy + dice.between(10 * MINUTE, 6 * HOUR),
            rough: true,
            not_sent: *dice.pick(&[0, 10, 50]),
            hook_fails: *dice.pick(&[0, 200, 500]),
            crash: *dice.pick(&[0, 1, 4]),
            pause: *dice.pick(&[0, 1, 4]),
            poor: dice.chance(150).then(|| dice.below(3)),
            faults,
            outcomes: outcomes(&mut dice),
            rules: people::rules(seed),
        }
    }
}

fn outcomes(dice: &mut Dice) -> OutcomePolicy {
    OutcomePolicy {
        default: RefundStatus::Success,
        after_ms: *dice.pick(&[(0, 3_000), (1_000, 600_000), (60_000, 10_800_000)]),
        abnormal_rate: *dice.pick(&[0.0, 0.1]),
        closed_rate: *dice.pick(&[0.0, 0.1]),
    }
}

/// Every kind of fault, each with its own rate; some are left out.
fn faults(dice: &mut Dice) -> Vec<FaultRule> {
    let mut rules = Vec::new();
    for action in calls(dice) {
        if dice.chance(500) {
            let rate = *dice.pick(&[0.01, 0.03, 0.1]);
            rules.push(FaultRule::always(action).rate(rate));
        }
    }
    for (api, action) in codes(dice) {
        let matches = FaultMatch {
            api: Some(api),
            ..FaultMatch::default()
        };
        let rate = *dice.pick(&[0.0, 0.03, 0.1]);
        rules.push(FaultRule::always(action).rate(rate).matching(matches));
    }
    for action in lives(dice).into_iter().chain(letters(dice)) {
        if dice.chance(500) {
            let rate = *dice.pick(&[0.05, 0.2]);
            rules.push(FaultRule::always(action).rate(rate));
        }
    }
    rules
}

fn calls(dice: &mut Dice) -> Vec<FaultAction> {
    let accepted = dice.chance(500);
    let ms = *dice.pick(&[500, 5_000, 30_000]);
    vec![
        FaultAction::ReplyLostAfterAccept,
        FaultAction::ReplyLostBeforeAccept,
        FaultAction::Delay { ms },
        FaultAction::Hang,
        FaultAction::CutAtByte { n: dice.below(400) },
        FaultAction::HttpStatus {
            status: 502,
            body: None,
            accepted,
        },
        FaultAction::BadSignature,
        FaultAction::Unsigned,
        FaultAction::SwappedReply,
        FaultAction::AlteredReply,
        FaultAction::Signtest,
        FaultAction::Truncated,
        FaultAction::Gzip,
        FaultAction::Html,
        FaultAction::Empty,
        FaultAction::Http202,
        FaultAction::Maintenance,
    ]
}

/// Documented error codes and one that nobody knows, for submits and reads.
fn codes(dice: &mut Dice) -> Vec<(Interface, FaultAction)> {
    let kinds = [
        (Catalogue::V2Refund, Interface::V2Refund),
        (Catalogue::V2Refund, Interface::V2Refund),
        (Catalogue::V3RefundCreate, Interface::V3Refund),
        (Catalogue::V3RefundCreate, Interface::V3Refund),
        (Catalogue::V2RefundQuery, Interface::V2RefundQuery),
        (Catalogue::V3RefundQuery, Interface::V3RefundQuery),
        (Catalogue::V2OrderQuery, Interface::V2OrderQuery),
        (Catalogue::V3OrderQuery, Interface::V3OrderQuery),
    ];
    let mut chosen = Vec::new();
    for (rows, api) in kinds {
        let rows: Vec<&Entry> = all()
            .iter()
            .filter(|entry| entry.interface == rows && !denies(entry.code))
            .collect();
        let entry = *dice.pick(&rows);
        // WeChat may have acted before it said so only where the catalogue leaves it open.
        let accepted = entry.money == Money::Unknown && dice.chance(500);
        let code = entry.code.to_owned();
        chosen.push((
            api,
            FaultAction::ErrorCode {
                code,
                http: None,
                accepted,
            },
        ));
    }
    for api in [Interface::V2Refund, Interface::V3Refund] {
        let (code, accepted) = ("BRAND_NEW_CODE".to_owned(), dice.chance(500));
        chosen.push((
            api,
            FaultAction::ErrorCode {
                code,
                http: None,
                accepted,
            },
        ));
    }
    chosen
}

/// Answers to a read that say it does not exist: WeChat says that of nothing it shows elsewhere
/// for longer than the fault that hides a refund.
fn denies(code: &str) -> bool {
    matches!(
        code,
        "REFUNDNOTEXIST" | "RESOURCE_NOT_EXISTS" | "ORDERNOTEXIST" | "ORDER_NOT_EXIST"
    )
}

fn lives(dice: &mut Dice) -> Vec<FaultAction> {
    let later = dice.between(1_000, 1_200_000);
    let closed = Outcome {
        steps: vec![Step {
            after_ms: later,
            status: RefundStatus::Closed,
        }],
    };
    vec![
        FaultAction::NotFoundFor {
            s: dice.between(1, 45),
        },
        FaultAction::Outcome(Outcome::abnormal_then_success(later, later * 3)),
        FaultAction::Outcome(closed),
        FaultAction::NotificationBeforeReply { ms: 300 },
    ]
}

fn letters(dice: &mut Dice) -> Vec<FaultAction> {
    let copies = u32::try_from(dice.between(2, 8)).unwrap();
    vec![
        FaultAction::NotificationDrop,
        FaultAction::NotificationDuplicate { n: copies },
        FaultAction::NotificationDelay {
            s: dice.between(1, 20_000),
        },
        FaultAction::NotificationReorder,
        FaultAction::NotificationForge {
            once: dice.chance(700),
        },
        FaultAction::NotificationSigntest,
        FaultAction::NotificationMalformed,
        FaultAction::NotificationV2Format,
    ]
}

/// The least time between two looks at what is stuck.
pub(crate) const LOOK_EVERY: i64 = 20 * SECOND;
