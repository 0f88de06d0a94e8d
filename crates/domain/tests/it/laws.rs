//! Laws over random histories: no overdraft, ends stay, versions grow by one, replay gives the row,
//! a repeat changes nothing, no refund is left without a job or a person.

use jiff::SignedDuration;
use proptest::prelude::*;
use tuikuan_domain::approval::ApprovalState;
use tuikuan_domain::outcome::{Finding, Outcome, PaymentFinding, PaymentReport, Wait};
use tuikuan_domain::refund::{
    Approval, Command, Elsewhere, ElsewhereEnd, Plan, Situation, decide, replay,
};
use tuikuan_domain::{Actor, Observation, Refusal, Source, Status, WechatState};

use crate::records::{Life, at, fen, new_refund, note, payment, person, report};

#[derive(Debug, Clone)]
enum Input {
    Command(u8),
    Reply(u8),
    Query(u8),
    Notification(u8, bool),
    Hint,
    Pass(i64),
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        (0_u8..12).prop_map(Input::Command),
        (0_u8..13).prop_map(Input::Reply),
        (0_u8..7).prop_map(Input::Query),
        (0_u8..4, prop::bool::weighted(0.1)).prop_map(|(s, wrong)| Input::Notification(s, wrong)),
        Just(Input::Hint),
        (1_i64..4000).prop_map(Input::Pass),
    ]
}

fn state(n: u8) -> WechatState {
    WechatState::ALL[usize::from(n) % 4]
}

fn outcome(life: &Life, n: u8) -> Outcome {
    match n {
        0..4 => Outcome::Accepted(report(life.refund(), state(n))),
        4 => Outcome::Refused(note("PARAM_ERROR")),
        5 => Outcome::RefusedUnconfirmed(note("INVALID_REQUEST")),
        6 => Outcome::OrderMissing(note("ORDERNOTEXIST")),
        7 => Outcome::NotSent(note("CONNECT_FAILED")),
        8 => Outcome::NotNow(Wait::Balance, note("NOTENOUGH")),
        9 => Outcome::NotNow(Wait::RateLimit, note("FREQUENCY_LIMITED")),
        10 => Outcome::NotNow(Wait::Merchant, note("SIGNERROR")),
        _ => Outcome::Unknown(note("TIMEOUT_NO_RESPONSE")),
    }
}

/// Applies one input and says what became of the job, if anything was allowed.
fn apply(life: &mut Life, input: &Input) -> Option<Plan> {
    match input {
        Input::Command(n) => {
            let command = match n {
                0 => Command::Cancel,
                1 => Command::Retry,
                2 => Command::Resolve { note: "x".into() },
                3 => Command::Query,
                4 => Command::Rescue,
                5 | 6 => Command::Approve {
                    by: person(u32::from(*n) - 4),
                    comment: None,
                },
                7 => Command::Reject {
                    by: person(2),
                    comment: Some("not this one".into()),
                },
                8 => Command::Expire,
                9 => Command::Note { text: "x".into() },
                _ => Command::Submit,
            };
            life.command(command).ok().map(|t| t.plan)
        }
        Input::Reply(n) => {
            let (attempt, outcome) = (life.refund().attempts, outcome(life, *n));
            Some(
                life.observe(Observation::Reply { attempt, outcome }, Source::Reply)
                    .plan,
            )
        }
        Input::Query(n) => {
            let finding = match n {
                0..4 => Finding::Found(report(life.refund(), state(*n))),
                4 => Finding::NotFound,
                5 => Finding::MerchantFault(note("SIGNERROR")),
                _ => Finding::Unanswered(note("TIMEOUT_NO_RESPONSE")),
            };
            Some(
                life.observe(
                    Observation::Query {
                        finding,
                        asked: life.now,
                    },
                    Source::Query,
                )
                .plan,
            )
        }
        Input::Notification(n, wrong) => {
            let mut report = report(life.refund(), state(*n));
            if *wrong {
                report.amount = fen(1);
            }
            Some(
                life.observe(Observation::Notification(report), Source::Notification)
                    .plan,
            )
        }
        Input::Hint => Some(life.observe(Observation::Hint, Source::Notification).plan),
        Input::Pass(seconds) => {
            life.now += SignedDuration::from_secs(*seconds);
            None
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_history_breaks_a_law(inputs in prop::collection::vec(input(), 1..60), guarded: bool) {
        let mut life = Life::new(Some(payment(1000)));
        if guarded {
            life.approval = Approval::Needed { until: at(20_000) };
        }
        life.command(Command::Request(Box::new(new_refund(1, 400)))).unwrap();
        let mut job = true;
        for input in inputs {
            let before = life.refund().clone();
            let plan = apply(&mut life, &input);
            match plan {
                Some(Plan::At(..) | Plan::Forward) => job = true,
                Some(Plan::Done) => job = false,
                Some(Plan::Keep) | None => {}
            }
            let (after, payment) = (life.refund(), life.payment.as_ref().unwrap());
            prop_assert!(payment.balanced());
            prop_assert_eq!(&after.out_refund_no, &before.out_refund_no);
            prop_assert_eq!(after.content.amount, before.content.amount);
            if before.status == Status::Succeeded {
                prop_assert_eq!(after.status, Status::Succeeded, "absorbing (INV-12)");
            }
            if before.status.is_end() && before.status != Status::Rejected {
                prop_assert_eq!(after.status, before.status, "ends stay");
            }
            if after.status.is_end() && after.status != before.status && !matches!(input, Input::Command(_)) {
                let proven = !matches!(&input, Input::Reply(n) if *n >= 5);
                prop_assert!(proven, "an answer that proves nothing ended a refund (INV-5)");
            }
            let held = match after.status.money() {
                tuikuan_domain::refund::Money::Reserved => (400, 0),
                tuikuan_domain::refund::Money::Spent => (0, 400),
                tuikuan_domain::refund::Money::Released => (0, 0),
            };
            prop_assert_eq!((payment.reserved.get(), payment.spent.get()), held);
            if guarded && after.attempts > 0 {
                let ApprovalState::Given { by, content, .. } = &after.approval else {
                    return Err(TestCaseError::fail("sent without a second person (INV-32)"));
                };
                prop_assert_eq!(by, &person(2));
                prop_assert_eq!(content, &after.content_text());
            }
            prop_assert_eq!(after.version, i64::try_from(life.events.len()).unwrap());
            prop_assert!(
                after.status.is_end() || job || after.attention.is_some(),
                "neither job nor person (INV-13): {:?}", after.status
            );
        }
        prop_assert_eq!(&replay(life.refund(), &life.events).unwrap(), life.refund());
    }

    #[test]
    fn notifications_in_any_order_any_number_of_times_give_one_state(
        states in prop::collection::vec(0_u8..4, 1..6), rounds in 1_usize..4, rotate in 0_usize..6
    ) {
        let run = |order: &[u8]| {
            let mut life = Life::new(Some(payment(1000)));
            life.command(Command::Request(Box::new(new_refund(1, 400)))).unwrap();
            life.command(Command::Submit).unwrap();
            for n in order {
                apply(&mut life, &Input::Notification(*n, false));
            }
            life.refund().status
        };
        // Success and closed contradict each other: whichever came first stays and the other is
        // recorded, so only sets without that contradiction have one result.
        prop_assume!(!(states.contains(&1) && states.contains(&3)));
        let mut again: Vec<u8> = states.iter().copied().cycle().take(states.len() * rounds).collect();
        let by = rotate % again.len();
        again.rotate_left(by);
        prop_assert_eq!(run(&states), run(&again));
    }
}

#[test]
fn repeated_notification_makes_one_event() {
    let mut life = Life::new(Some(payment(1000)));
    life.command(Command::Request(Box::new(new_refund(1, 400))))
        .unwrap();
    life.command(Command::Submit).unwrap();
    for _ in 0..1000 {
        apply(&mut life, &Input::Notification(1, false));
    }
    assert_eq!(life.refund().status, Status::Succeeded);
    assert_eq!(life.events.len(), 3);
}

#[test]
fn refunds_that_fit_alone_but_not_together_are_refused() {
    let mut life = Life::new(Some(payment(1000)));
    let mut accepted = 0;
    for n in 1..=5 {
        life.refund = None;
        life.events.clear();
        if life
            .command(Command::Request(Box::new(new_refund(n, 300))))
            .is_ok()
        {
            accepted += 1;
        }
    }
    assert_eq!(accepted, 3);
}

#[test]
fn fifty_refunds_of_an_order_and_no_more() {
    let mut life = Life::new(Some(payment(1000)));
    for n in 1..=51 {
        life.refund = None;
        let result = life.command(Command::Request(Box::new(new_refund(n, 1))));
        assert_eq!(result.is_ok(), n <= 50, "refund {n}");
    }
}

#[test]
fn a_refund_made_elsewhere_counts_against_its_payment() {
    use tuikuan_domain::refund::adopt;
    let mut life = Life::new(Some(payment(1000)));
    life.command(Command::Request(Box::new(new_refund(1, 400))))
        .unwrap();
    let told = report(life.refund(), WechatState::Success);
    let context = life.context(Source::Notification);
    let stored = life.payment.clone().unwrap();
    let adopted = adopt(new_refund(2, 600), &stored, &told, &context).unwrap();
    let after = adopted.payment.unwrap().record;
    assert_eq!(
        (
            after.reserved.get(),
            after.spent.get(),
            after.refundable().get()
        ),
        (400, 600, 0)
    );
    assert_eq!(adopted.refund.unwrap().record.status, Status::Succeeded);
    assert!(adopt(new_refund(3, 601), &stored, &told, &context).is_err());
}

#[test]
fn the_order_is_looked_up_before_a_second_person_is_asked() {
    let mut life = Life::new(None);
    life.approval = Approval::Needed { until: at(3600) };
    life.command(Command::Request(Box::new(new_refund(1, 400))))
        .unwrap();
    assert_eq!(life.refund().status, Status::Queued);
    let found = payment(1000);
    let report = PaymentReport {
        out_trade_no: found.out_trade_no.clone(),
        transaction_id: found.transaction_id.clone(),
        total: found.total,
        paid_at: found.paid_at,
    };
    life.observe(
        Observation::PaymentLookup {
            finding: PaymentFinding::Paid(report),
            payment: Some(Box::new(found)),
        },
        Source::Query,
    );
    assert_eq!(life.refund().status, Status::AwaitingApproval);
    let approve = |by| Command::Approve { by, comment: None };
    assert_eq!(
        life.command(approve(person(1))).unwrap_err().code(),
        "same_person"
    );
    let key = "key_12345678".parse().unwrap();
    assert_eq!(
        life.command(approve(key)).unwrap_err().code(),
        "approval_needs_person"
    );
    life.command(approve(person(2))).unwrap();
    assert_eq!(life.refund().status, Status::Queued);
    life.command(Command::Submit).unwrap();
    assert_eq!(life.refund().status, Status::Submitting);
}

#[test]
fn a_refund_of_an_approved_batch_is_born_approved_and_stays_so_when_its_order_is_found() {
    let mut life = Life::new(None);
    let by = person(1);
    life.approval = Approval::Given { by, at: at(0) };
    let mut new = new_refund(1, 400);
    new.content.order.out_trade_no = None;
    new.content.order.transaction_id = payment(1000).transaction_id;
    let request = Command::Request(Box::new(new));
    assert_eq!(
        life.command(request.clone()).unwrap_err().code(),
        "same_person"
    );
    let by = person(2);
    life.approval = Approval::Given { by, at: at(0) };
    life.command(request).unwrap();
    assert!(life.refund().approved());
    let found = payment(1000);
    let report = PaymentReport {
        out_trade_no: found.out_trade_no.clone(),
        transaction_id: found.transaction_id.clone(),
        total: found.total,
        paid_at: found.paid_at,
    };
    life.observe(
        Observation::PaymentLookup {
            finding: PaymentFinding::Paid(report),
            payment: Some(Box::new(found)),
        },
        Source::Query,
    );
    assert!(life.refund().approved());
    assert_eq!(life.refund().status, Status::Queued);
    life.command(Command::Submit).unwrap();
    assert_eq!(life.refund().status, Status::Submitting);
}

#[test]
fn what_changed_since_it_was_approved_is_asked_again() {
    let mut life = Life::new(Some(payment(1000)));
    life.approval = Approval::Needed { until: at(3600) };
    life.command(Command::Request(Box::new(new_refund(1, 400))))
        .unwrap();
    life.command(Command::Approve {
        by: person(2),
        comment: Some("seen".into()),
    })
    .unwrap();
    life.refund.as_mut().unwrap().content.reason = Some("other".parse().unwrap());
    life.command(Command::Submit).unwrap();
    assert_eq!(life.refund().status, Status::AwaitingApproval);
    assert!(!life.refund().approved());
}

#[test]
fn what_nobody_agreed_to_in_time_is_withdrawn_and_releases_its_reserve() {
    let mut life = Life::new(Some(payment(1000)));
    life.approval = Approval::Needed { until: at(3600) };
    life.command(Command::Request(Box::new(new_refund(1, 400))))
        .unwrap();
    let early = life.command(Command::Expire).unwrap();
    assert!(matches!(early.plan, Plan::At(..)));
    life.now = at(3600);
    let late = life.command(Command::Approve {
        by: person(2),
        comment: None,
    });
    assert_eq!(late.unwrap_err().code(), "approval_expired");
    life.command(Command::Expire).unwrap();
    assert_eq!(life.refund().status, Status::Cancelled);
    assert_eq!(life.payment.as_ref().unwrap().reserved.get(), 0);
}

#[test]
fn what_needed_a_second_person_goes_elsewhere_by_the_hand_of_one() {
    let mut life = Life::new(Some(payment(1000)));
    life.approval = Approval::Given {
        by: person(2),
        at: at(0),
    };
    life.command(Command::Request(Box::new(new_refund(1, 400))))
        .unwrap();
    life.command(Command::Submit).unwrap();
    let told = Observation::Notification(report(life.refund(), WechatState::Abnormal));
    life.observe(told, Source::Notification);
    let send = |actor: &Actor| {
        let mut context = life.context(Source::Api);
        context.actor = actor;
        let situation = Situation {
            refund: life.refund.as_ref(),
            payment: life.payment.as_ref(),
            replaced: None,
        };
        decide(
            situation,
            Command::SendElsewhere(Elsewhere::BuyerCard),
            &context,
        )
        .map(|_| ())
    };
    assert_eq!(send(&person(1)), Err(Refusal::SamePerson), "who asked");
    assert_eq!(send(&Actor::Cli), Err(Refusal::NotAPerson));
    assert_eq!(send(&person(3)), Ok(()));
}

/// A refund whose order WeChat is asked for.
fn asked_of_nothing_known(approval: Approval) -> Life {
    let mut life = Life::new(None);
    life.approval = approval;
    life.command(Command::Request(Box::new(new_refund(1, 400))))
        .unwrap();
    life
}

fn looked_up(life: &mut Life, found: Option<tuikuan_domain::Payment>) {
    let finding = match &found {
        None => PaymentFinding::NotFound(note("ORDER_NOT_EXIST")),
        Some(payment) => PaymentFinding::Paid(PaymentReport {
            out_trade_no: payment.out_trade_no.clone(),
            transaction_id: None,
            total: payment.total,
            paid_at: None,
        }),
    };
    let payment = found.map(Box::new);
    let lookup = Observation::PaymentLookup { finding, payment };
    life.observe(lookup, Source::Query);
}

#[test]
fn the_time_to_agree_that_ran_out_during_the_look_up_is_not_given_again() {
    let mut life = asked_of_nothing_known(Approval::Needed { until: at(60) });
    life.now += SignedDuration::from_secs(120);
    looked_up(&mut life, Some(payment(1000)));
    let refund = life.refund();
    assert_eq!(refund.status, Status::Cancelled);
    assert_eq!(refund.error.as_ref().unwrap().code, "approval_expired");
}

#[test]
fn what_never_left_is_judged_anew_when_it_is_sent_again() {
    for first in [Approval::NotNeeded, Approval::Needed { until: at(60) }] {
        let mut life = asked_of_nothing_known(first);
        looked_up(&mut life, None);
        assert_eq!(life.refund().status, Status::Rejected);
        life.now += SignedDuration::from_secs(120);
        life.approval = Approval::Needed { until: at(600) };
        life.command(Command::Retry).unwrap();
        looked_up(&mut life, Some(payment(1000)));
        let refund = life.refund();
        assert_eq!(refund.status, Status::AwaitingApproval);
        assert_eq!(refund.approval.until(), Some(at(600)));
    }
}

#[test]
fn what_was_sent_elsewhere_is_not_settled_before_wechat_says_how_it_stands() {
    let mut life = Life::new(Some(payment(1000)));
    life.command(Command::Request(Box::new(new_refund(1, 400))))
        .unwrap();
    life.command(Command::Submit).unwrap();
    let abnormal = |life: &Life| Observation::Query {
        finding: Finding::Found(report(life.refund(), WechatState::Abnormal)),
        asked: life.now,
    };
    life.observe(abnormal(&life), Source::Query);
    // Long after the queries of the first way have ended.
    life.now += SignedDuration::from_hours(24 * 60);
    let mut sent = life.clone();
    sent.refund.as_mut().unwrap().elsewhere_at = Some(life.now);
    sent.refund.as_mut().unwrap().elsewhere_open = true;
    let settle = || Command::Resolve {
        note: "paid in cash".into(),
    };
    let refused = Err(Refusal::ElsewhereUnderWay { since: life.now });
    assert_eq!(sent.clone().command(settle()), refused, "no end yet");
    let end = |end| {
        let mut life = sent.clone();
        life.observe(Observation::Elsewhere(end), Source::Reply);
        life
    };
    let refusal = || ElsewhereEnd::Refused(note("PARAM_ERROR"));
    assert!(end(refusal()).command(settle()).is_ok(), "not taken");
    for open in [
        ElsewhereEnd::Accepted,
        ElsewhereEnd::Unknown(note("TIMEOUT_NO_RESPONSE")),
    ] {
        let mut life = end(open);
        assert_eq!(life.command(settle()), refused);
        life.observe(abnormal(&life), Source::Query);
        assert_eq!(life.command(settle()), refused, "asked before its end");
        life.now += SignedDuration::from_secs(5);
        let seen = life.observe(abnormal(&life), Source::Query);
        assert!(matches!(seen.plan, Plan::At(..)), "it is asked on");
        assert!(life.command(settle()).is_ok());
    }
}
