//! The dry run of a file: what is found about each line, with the lines before it in mind.

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use tuikuan_domain::batch::{
    Checker, Checking, Facts, Fault, KnownPayment, KnownRefund, Line, Numbering, Verdict, Warning,
};
use tuikuan_domain::{OrderRef, Status};
use tuikuan_terms::Fen;

fn now() -> Timestamp {
    "2026-11-24T08:00:00Z".parse().unwrap()
}

fn fen(amount: i64) -> Fen {
    Fen::new(amount).unwrap()
}

fn checker() -> Checker {
    Checker::new(Checking {
        now: now(),
        amount_max: fen(1_000_000),
    })
}

fn order(n: usize) -> OrderRef {
    OrderRef {
        out_trade_no: Some(format!("ORDER-{n:04}").parse().unwrap()),
        transaction_id: None,
    }
}

/// A line without a number of its own.
fn plain(at: u32, n: usize, amount: i64) -> Line {
    Line {
        number: at,
        order: order(n),
        amount: fen(amount),
        out_refund_no: format!("TKB{n:040}").parse().unwrap(),
        numbering: Numbering::Computed,
        reason: None,
    }
}

fn given(at: u32, n: usize, amount: i64, number: &str) -> Line {
    Line {
        out_refund_no: number.parse().unwrap(),
        numbering: Numbering::Given,
        ..plain(at, n, amount)
    }
}

fn paid(n: usize, refundable: i64) -> Facts {
    Facts {
        payment: Some(KnownPayment {
            out_trade_no: order(n).out_trade_no.unwrap(),
            transaction_id: Some("42000012345".parse().unwrap()),
            refundable: fen(refundable),
            refunds: 0,
            paid_at: Some("2026-11-01T08:00:00Z".parse().unwrap()),
        }),
        ..Facts::default()
    }
}

fn fault(verdict: &Verdict) -> Option<Fault> {
    verdict.fault
}

#[test]
fn an_order_comes_twice_only_with_numbers_of_its_own_and_within_what_is_left() {
    let mut checker = checker();
    assert_eq!(fault(&checker.check(&plain(2, 1, 40), &paid(1, 100))), None);
    let again = checker.check(&plain(3, 1, 40), &paid(1, 100));
    assert_eq!(again.fault, Some(Fault::OrderTwice));
    assert_eq!(again.detail.as_deref(), Some("see line 2"));
    let numbered = checker.check(&given(4, 1, 40, "R1"), &paid(1, 100));
    assert_eq!(numbered.fault, Some(Fault::OrderTwice));
    assert_eq!(
        fault(&checker.check(&given(5, 2, 60, "R2"), &paid(2, 100))),
        None
    );
    let second = checker.check(&given(6, 2, 40, "R3"), &paid(2, 100));
    assert_eq!(
        (second.fault, second.warnings),
        (None, vec![Warning::Spaced])
    );
    let third = checker.check(&given(7, 2, 1, "R4"), &paid(2, 100));
    assert_eq!(third.fault, Some(Fault::AmountExceedsRefundable));
    let number = checker.check(&given(8, 3, 1, "R3"), &paid(3, 100));
    assert_eq!(number.fault, Some(Fault::NumberTwice));
    let summary = checker.summary();
    assert_eq!((summary.lines, summary.new_lines), (7, 3));
    assert_eq!((summary.new_amount, summary.faulty_lines), (140, 4));
    assert_eq!(summary.of_one_order, 2);
}

#[test]
fn one_order_under_two_names_is_one_order() {
    let mut checker = checker();
    checker.check(&plain(2, 1, 40), &paid(1, 100));
    let other_name = Line {
        order: OrderRef {
            out_trade_no: None,
            transaction_id: Some("42000012345".parse().unwrap()),
        },
        out_refund_no: "TKB9".parse().unwrap(),
        ..plain(3, 1, 40)
    };
    let again = checker.check(&other_name, &paid(1, 100));
    assert_eq!(again.fault, Some(Fault::OrderTwice));
}

#[test]
fn what_is_a_refund_already_asks_for_nothing_more() {
    let known = |amount, status| Facts {
        refund: Some(KnownRefund {
            id: "rf_0000000000000001".parse().unwrap(),
            status,
            amount: fen(amount),
            order: order(1),
            reason: None,
        }),
        ..paid(1, 0)
    };
    let check = |facts: &Facts| checker().check(&plain(2, 1, 40), facts);
    let same = check(&known(40, Status::Succeeded));
    assert_eq!(same.fault, None);
    assert_eq!(same.warnings, vec![Warning::AlreadyRequested]);
    assert!(same.refund.is_some());
    let other = check(&known(41, Status::Succeeded));
    assert_eq!(other.fault, Some(Fault::ContentDiffers));
    let withdrawn = check(&known(40, Status::Cancelled));
    assert_eq!(withdrawn.fault, Some(Fault::Withdrawn));
}

#[test]
fn the_year_the_fifty_and_the_order_numbers_are_checked() {
    let check = |change: fn(&mut KnownPayment)| {
        let mut facts = paid(1, 100);
        change(facts.payment.as_mut().unwrap());
        checker().check(&plain(2, 1, 40), &facts).fault
    };
    let old = check(|p| p.paid_at = Some("2025-11-01T08:00:00Z".parse().unwrap()));
    assert_eq!(old, Some(Fault::WindowClosed));
    assert_eq!(check(|p| p.refunds = 50), Some(Fault::TooManyRefunds));
    assert_eq!(check(|p| p.paid_at = None), None);
    let mut both = plain(2, 1, 40);
    both.order.transaction_id = Some("4711".parse().unwrap());
    let found = checker().check(&both, &paid(1, 100)).fault;
    assert_eq!(found, Some(Fault::OrderNumbersDisagree));
    let much = checker().check(&plain(2, 1, 1_000_001), &paid(1, 2_000_000));
    assert_eq!(much.fault, Some(Fault::AmountAboveMaximum));
}

#[test]
fn unknown_payments_and_equal_refunds_a_short_while_ago_are_warned_of() {
    let unknown = checker().check(&plain(2, 1, 40), &Facts::default());
    assert_eq!(unknown.warnings, vec![Warning::PaymentUnknown]);
    let facts = Facts {
        same_amount: Some("rf_0000000000000001".parse().unwrap()),
        ..paid(1, 100)
    };
    let before = checker().check(&plain(2, 1, 40), &facts);
    assert_eq!(before.warnings, vec![Warning::SameAmountBefore]);
    let facts = Facts {
        other: Some("rf_0000000000000001".parse().unwrap()),
        ..paid(1, 100)
    };
    let other = checker().check(&plain(2, 1, 40), &facts);
    assert_eq!(other.fault, Some(Fault::RefundedBefore));
}

proptest! {
    /// Whatever a file holds: the lines without a fault never ask for more than is left of an order,
    /// never for one number twice, and the sums are those of the lines.
    #[test]
    fn lines_without_fault_never_overdraw_an_order(
        lines in vec((0_usize..4, 1_i64..60, 0_usize..8), 0..60),
    ) {
        let mut checker = checker();
        let mut taken = [0_i64; 4];
        let mut numbers = std::collections::BTreeSet::new();
        let mut sum = 0;
        for (at, (n, amount, number)) in lines.iter().enumerate() {
            let at = u32::try_from(at).unwrap() + 2;
            let line = if *number < 6 {
                given(at, *n, *amount, &format!("R{n}-{number}"))
            } else {
                plain(at, *n, *amount)
            };
            let verdict = checker.check(&line, &paid(*n, 100));
            if verdict.fault.is_none() {
                taken[*n] += amount;
                sum += amount;
                prop_assert!(numbers.insert(line.out_refund_no.clone()));
                prop_assert!(taken[*n] <= 100);
            }
        }
        prop_assert_eq!(checker.summary().new_amount, sum);
        let found = checker.summary();
        prop_assert_eq!(found.lines, found.new_lines + found.faulty_lines);
    }
}
