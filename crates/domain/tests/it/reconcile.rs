//! Laws of the comparison of a bill day: order does not matter, a second run finds the same, what
//! was planted is found, and nothing is invented (INV-38).

use std::collections::BTreeMap;

use proptest::prelude::*;
use tuikuan_domain::outcome::{Finding, WechatState};
use tuikuan_domain::reconcile::{
    Class, Healing, Line, LineState, Ours, Place, Repair, Settled, agree, judge, settle,
};
use tuikuan_domain::refund::Command;
use tuikuan_domain::{Observation, Source, Status};

use crate::records::{Life, fen, new_refund, note, payment, report};

type Day = (BTreeMap<u32, Ours>, BTreeMap<u32, Line>);

/// A refund that both sides hold alike.
fn sound() -> impl Strategy<Value = (Ours, Line)> {
    let pair = prop_oneof![
        Just((Status::Succeeded, LineState::Success)),
        Just((Status::Succeeded, LineState::Processing)),
        Just((Status::Processing, LineState::Processing)),
        Just((Status::Abnormal, LineState::Abnormal)),
        Just((Status::Closed, LineState::Failed)),
    ];
    (1_i64..100_000, pair).prop_map(|(amount, (status, state))| {
        let ours = Ours {
            amount: fen(amount),
            status,
            place: Place::Here,
        };
        let line = Line {
            amount: fen(amount),
            state,
        };
        (ours, line)
    })
}

/// A difference on purpose.
fn plant(day: &mut Day, number: u32, class: Class) {
    let ours = day.0.get_mut(&number).unwrap();
    let line = day.1.get_mut(&number).unwrap();
    match class {
        Class::Matched => {}
        Class::OursOnly => drop(day.1.remove(&number)),
        Class::WechatOnly => drop(day.0.remove(&number)),
        Class::AmountDiffers => line.amount = fen(line.amount.get() + 1),
        Class::StatusDiffers => {
            ours.status = Status::Succeeded;
            line.state = LineState::Failed;
        }
        Class::LateByADay => ours.place = Place::Elsewhere,
    }
}

fn compare(day: &Day, order: impl Iterator<Item = u32>) -> BTreeMap<u32, Class> {
    order
        .filter_map(|n| {
            let class = judge(day.0.get(&n).copied(), day.1.get(&n).copied())?;
            (class != Class::Matched).then_some((n, class))
        })
        .collect()
}

proptest! {
    #[test]
    fn planted_differences_are_all_found_and_none_is_invented(
        pairs in prop::collection::vec((sound(), 0_usize..12), 1..60),
    ) {
        let mut day: Day = (BTreeMap::new(), BTreeMap::new());
        let mut planted = BTreeMap::new();
        for (n, ((ours, line), class)) in (0_u32..).zip(&pairs) {
            day.0.insert(n, *ours);
            day.1.insert(n, *line);
            let class = Class::ALL.get(*class).copied().unwrap_or(Class::Matched);
            plant(&mut day, n, class);
            if class != Class::Matched {
                planted.insert(n, class);
            }
        }
        let count = u32::try_from(pairs.len()).unwrap();
        let found = compare(&day, 0..count);
        prop_assert_eq!(&found, &planted);
        // Neither the order of the rows nor a second run changes anything.
        prop_assert_eq!(&compare(&day, (0..count).rev()), &found);
    }

    #[test]
    fn a_refund_that_went_on_since_the_bill_still_agrees(at in 0_usize..5) {
        let state = LineState::ALL[at];
        for (earlier, later) in [
            (Status::Processing, Status::Succeeded),
            (Status::Processing, Status::Abnormal),
            (Status::Processing, Status::Closed),
            (Status::Abnormal, Status::Succeeded),
            (Status::Abnormal, Status::SettledOffline),
        ] {
            prop_assert!(!agree(earlier, state) || agree(later, state));
        }
    }
}

#[test]
fn a_query_that_agrees_with_the_record_heals_a_status_and_never_an_amount() {
    let mut life = Life::new(Some(payment(1000)));
    life.command(Command::Request(Box::new(new_refund(1, 400))))
        .unwrap();
    life.command(Command::Submit).unwrap();
    let found = Finding::Found(report(life.refund(), WechatState::Success));
    let open = settle((Class::StatusDiffers, None), Some(life.refund()), &found);
    assert_eq!(open, Settled::Open(Repair::ReviewRefund), "not taken in");
    let asked = life.now;
    let finding = found.clone();
    life.observe(Observation::Query { finding, asked }, Source::Query);
    let healed = settle((Class::StatusDiffers, None), Some(life.refund()), &found);
    assert_eq!(healed, Settled::Healed(Healing::QueryAgrees));
    let amount = settle((Class::AmountDiffers, None), Some(life.refund()), &found);
    assert_eq!(amount, Settled::Open(Repair::AskWechat));
    let ours_only = settle((Class::OursOnly, None), Some(life.refund()), &found);
    assert_eq!(ours_only, Settled::Open(Repair::WaitForNextBill));
    // What was taken in from the query does not make the bill's other amount right.
    for (line, expected) in [
        (400, Settled::Healed(Healing::Adopted)),
        (401, Settled::Open(Repair::AskWechat)),
    ] {
        let said = (Class::WechatOnly, Some(fen(line)));
        assert_eq!(settle(said, Some(life.refund()), &found), expected);
    }
}

#[test]
fn without_an_answer_nothing_is_settled() {
    for class in Class::ALL {
        let finding = Finding::Unanswered(note("TIMEOUT_NO_RESPONSE"));
        assert_eq!(settle((*class, None), None, &finding), Settled::Again);
        let finding = Finding::MerchantFault(note("SIGN_ERROR"));
        assert_eq!(settle((*class, None), None, &finding), Settled::Again);
        let finding = Finding::NotFound;
        assert!(matches!(
            settle((*class, None), None, &finding),
            Settled::Open(_)
        ));
    }
}
