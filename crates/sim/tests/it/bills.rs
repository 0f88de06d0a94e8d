//! Bills as they leave the simulator, read by the protocol crate: they are the books, until a
//! difference is planted; and then it is found.

use tuikuan_sim::{
    BillDifference, CouponInput, CouponKind, DifferenceKind, PaidOrder, PortalRefund, RefundStatus,
    World,
};
use tuikuan_wechat::bill::{
    BillAnswer, BillDay, BillError, BillKind, BillReader, FundAccount, Packing, Row, Summary,
    WantedBill,
};
use tuikuan_wechat::http::Received;
use tuikuan_wechat::v2::SignType;
use tuikuan_wechat::{Account, Api, ReplyError};

use crate::account::{account, send, stamp};
use crate::stage::{MCH, PROVIDER, START_MS, SUB, apply, later, v3, world};

/// The day on which everything happens.
fn day() -> BillDay {
    BillDay::of(START_MS / 1_000)
}

/// Why there are no rows.
#[derive(Debug)]
enum Trouble {
    NotReady,
    Nothing,
    Reply(ReplyError),
    Bill(BillError),
}

/// Asks for a bill as the client does, and gives the file and how it is to be read.
fn file(
    world: &mut World,
    account: &Account,
    wanted: &WantedBill,
) -> Result<(Vec<u8>, tuikuan_wechat::bill::BillFile), Trouble> {
    let stamp = stamp(world);
    let request = account.bill(wanted, &stamp).unwrap();
    let answer = send(world, account, request);
    let received = Received::from(answer.clone());
    let told = account.read_bill(wanted, &received, stamp.unix_seconds);
    match told.map_err(Trouble::Reply)? {
        BillAnswer::NotReady => Err(Trouble::NotReady),
        BillAnswer::NothingThatDay => Err(Trouble::Nothing),
        BillAnswer::File(bill) => Ok((answer.body, bill)),
        BillAnswer::Location(location) => {
            let request = account.download_bill(&location, &stamp).unwrap();
            let answer = send(world, account, request);
            let bill = account.read_download_bill(&location, &Received::from(answer.clone()));
            Ok((answer.body, bill.map_err(Trouble::Reply)?))
        }
    }
}

fn rows<R: std::io::BufRead>(mut bill: BillReader<R>) -> Result<(Vec<String>, Summary), Trouble> {
    let mut rows = Vec::new();
    while let Some(row) = bill.next_row().map_err(Trouble::Bill)? {
        rows.push(match row {
            Row::Payment(payment) => format!(
                "{} {}",
                payment.trade.out_trade_no,
                payment.trade.total.unwrap()
            ),
            Row::Refund(refund) => format!(
                "{} {} {}",
                refund.out_refund_no,
                refund.amount(),
                refund.status.as_str()
            ),
            Row::FundFlow(flow) => {
                format!("{} {} {}", flow.voucher_no, flow.amount, flow.balance_fen)
            }
        });
    }
    Ok((rows, *bill.summary().unwrap()))
}

fn fetch(
    world: &mut World,
    account: &Account,
    wanted: &WantedBill,
) -> Result<(Vec<String>, Summary), Trouble> {
    let (bytes, bill) = file(world, account, wanted)?;
    rows(bill.open(&*bytes).map_err(Trouble::Bill)?)
}

fn v2_account() -> Account {
    account(MCH, Api::V2, SignType::Md5)
}

fn v3_account() -> Account {
    account(MCH, Api::V3, SignType::Md5)
}

/// Three refunds of three orders: 300, 900 with coupons, and 1 that the bank refused.
fn busy_day() -> World {
    let mut world = world(5);
    world
        .place_paid_order(&PaidOrder::new(MCH, "ORDER0001", 1_000))
        .unwrap();
    world
        .place_paid_order(&PaidOrder {
            coupons: vec![CouponInput {
                kind: CouponKind::NoCash,
                amount: 300,
            }],
            ..PaidOrder::new(MCH, "ORDER0002", 1_000)
        })
        .unwrap();
    world
        .place_paid_order(&PaidOrder::new(MCH, "ORDER0003", 1_000))
        .unwrap();
    assert_eq!(apply(&mut world, "R1", 300).0, 200);
    for (order, number, amount) in [("ORDER0002", "R2", 900), ("ORDER0003", "R3", 1)] {
        world
            .portal_refund(&PortalRefund {
                mch_id: MCH.to_owned(),
                sub_mch_id: None,
                out_trade_no: order.to_owned(),
                amount,
                out_refund_no: Some(number.to_owned()),
            })
            .unwrap();
    }
    let refused = world.refund(MCH, None, "R3").unwrap().refund_id.clone();
    world.decide(&refused, RefundStatus::Abnormal).unwrap();
    world
}

fn next_morning(world: &mut World) {
    world.advance_to(day().ready_at() * 1_000);
}

const BOOKS: [&str; 3] = ["R1 300 SUCCESS", "R2 900 SUCCESS", "R3 1 CHANGE"];

#[test]
fn bills_are_the_books_in_both_generations_packed_or_not() {
    let mut world = busy_day();
    next_morning(&mut world);
    for account in [v2_account(), v3_account()] {
        for packing in [Packing::Plain, Packing::Gzip] {
            let wanted = WantedBill::refunds(day()).with(packing);
            let (found, sums) = fetch(&mut world, &account, &wanted).unwrap();
            assert_eq!(found, BOOKS);
            assert_eq!((sums.requested_fen, sums.refund_fen), (1_201, 931));
            // 300 and 630 at 0.60 %, each rounded.
            assert_eq!(sums.fee.fen(), Some(-6));
            let wanted = WantedBill::payments(day()).with(packing);
            let (found, sums) = fetch(&mut world, &account, &wanted).unwrap();
            assert_eq!(
                found,
                ["ORDER0001 1000", "ORDER0002 1000", "ORDER0003 1000"]
            );
            assert_eq!((sums.total_fen, sums.settlement_fen), (3_000, 2_700));
            let wanted = WantedBill::all(day()).with(packing);
            let (found, sums) = fetch(&mut world, &account, &wanted).unwrap();
            assert_eq!(found.len(), 6);
            assert_eq!(sums.rows, 6);
        }
    }
}

#[test]
fn a_printed_bill_reads_and_prints_as_the_same_bytes() {
    let mut world = busy_day();
    next_morning(&mut world);
    for wanted in [
        WantedBill::all(day()),
        WantedBill::payments(day()),
        WantedBill::refunds(day()),
        WantedBill::fund_flow(FundAccount::Basic, day()),
    ] {
        let plain = wanted.with(Packing::Plain);
        let (bytes, _) = file(&mut world, &v3_account(), &plain).unwrap();
        let mut ended = BillReader::new(&*bytes, wanted.kind()).unwrap();
        while ended.next_row().unwrap().is_some() {}
        let mut bill = BillReader::new(&*bytes, wanted.kind()).unwrap();
        let style = bill.style();
        let mut printed =
            tuikuan_wechat::bill::BillWriter::new(Vec::new(), ended.layout(), style).unwrap();
        while let Some(row) = bill.next_row().unwrap() {
            printed.write(&row).unwrap();
        }
        assert_eq!(printed.finish().unwrap().0, bytes);
    }
}

#[test]
fn a_bill_is_there_at_ten_and_never_for_today() {
    let mut world = busy_day();
    let wanted = WantedBill::refunds(day());
    for account in [v2_account(), v3_account()] {
        let today = fetch(&mut world, &account, &wanted);
        let refused = matches!(today, Err(Trouble::Reply(ReplyError::Refused { .. })));
        assert!(refused, "{today:?}");
    }
    world.advance_to(day().ready_at() * 1_000 - 1_000);
    for account in [v2_account(), v3_account()] {
        for wanted in [wanted, WantedBill::fund_flow(FundAccount::Basic, day())] {
            let early = fetch(&mut world, &account, &wanted);
            assert!(matches!(early, Err(Trouble::NotReady)), "{early:?}");
        }
    }
    later(&mut world, 1);
    for account in [v2_account(), v3_account()] {
        assert!(fetch(&mut world, &account, &wanted).is_ok());
        let quiet = WantedBill::refunds(day().previous());
        let nothing = fetch(&mut world, &account, &quiet);
        assert!(matches!(nothing, Err(Trouble::Nothing)), "{nothing:?}");
        let fees = WantedBill::fund_flow(FundAccount::Fees, day());
        let nothing = fetch(&mut world, &account, &fees);
        assert!(matches!(nothing, Err(Trouble::Nothing)), "{nothing:?}");
    }
    later(&mut world, 100 * 86_400);
    for account in [v2_account(), v3_account()] {
        let gone = fetch(&mut world, &account, &wanted);
        assert!(matches!(gone, Err(Trouble::Reply(_))), "{gone:?}");
    }
}

#[test]
fn a_day_of_payments_only_has_a_refund_bill_without_rows() {
    let mut world = world(5);
    world
        .place_paid_order(&PaidOrder::new(MCH, "ORDER0001", 1_000))
        .unwrap();
    next_morning(&mut world);
    let (found, sums) = fetch(&mut world, &v3_account(), &WantedBill::refunds(day())).unwrap();
    assert!(found.is_empty());
    assert_eq!(sums.rows, 0);
}

#[test]
fn a_status_is_that_of_nine_in_the_morning_and_stays() {
    let mut world = busy_day();
    next_morning(&mut world);
    let abnormal = world.refund(MCH, None, "R3").unwrap().refund_id.clone();
    world.decide(&abnormal, RefundStatus::Success).unwrap();
    later(&mut world, 86_400);
    let (found, _) = fetch(&mut world, &v2_account(), &WantedBill::refunds(day())).unwrap();
    assert_eq!(found, BOOKS);
}

#[test]
fn the_fund_flow_says_what_refunds_cost() {
    let mut world = busy_day();
    let start = world.balance(MCH).unwrap().0;
    next_morning(&mut world);
    let wanted = WantedBill::fund_flow(FundAccount::Basic, day());
    for account in [v2_account(), v3_account()] {
        let (found, sums) = fetch(&mut world, &account, &wanted).unwrap();
        // 1 had left the account before; 630 - 4 and 300 - 2 follow.
        let first = start;
        assert_eq!(
            found,
            [
                format!("R3 1 {first}"),
                format!("R2 626 {}", first - 626),
                format!("R1 298 {}", first - 626 - 298),
            ]
        );
        assert_eq!((sums.expenses, sums.expense_fen), (3, 925));
    }
}

#[test]
fn a_provider_gets_the_rows_of_its_sub_merchant() {
    let mut world = world(5);
    let order = PaidOrder {
        sub_mch_id: Some(SUB.to_owned()),
        ..PaidOrder::new(PROVIDER, "ORDER0001", 1_000)
    };
    world.place_paid_order(&order).unwrap();
    world
        .portal_refund(&PortalRefund {
            mch_id: PROVIDER.to_owned(),
            sub_mch_id: None,
            out_trade_no: "ORDER0001".to_owned(),
            amount: 10,
            out_refund_no: Some("R1".to_owned()),
        })
        .unwrap();
    next_morning(&mut world);
    for api in [Api::V2, Api::V3] {
        let mut account = account(PROVIDER, api, SignType::Md5);
        for sub in [account.sub.clone(), None] {
            account.sub = sub;
            let wanted = WantedBill::refunds(day()).with(Packing::Plain);
            let (bytes, bill) = file(&mut world, &account, &wanted).unwrap();
            let mut bill = bill.open(&*bytes).unwrap();
            let Some(Row::Refund(row)) = bill.next_row().unwrap() else {
                panic!("a refund")
            };
            assert_eq!(row.trade.sub_mch_id, Some(SUB));
            assert_eq!(row.trade.mch_id, PROVIDER);
        }
    }
}

fn plant(world: &mut World, kind: DifferenceKind, out_refund_no: Option<&str>) {
    world
        .plant_difference(BillDifference {
            mch_id: MCH.to_owned(),
            date: day().to_string(),
            kind,
            out_refund_no: out_refund_no.map(str::to_owned),
            amount: None,
        })
        .unwrap();
}

#[test]
fn planted_rows_stand_in_the_bill_and_its_sums_agree_with_them() {
    let mut world = busy_day();
    next_morning(&mut world);
    let account = v3_account();
    let refunds = WantedBill::refunds(day());
    let with = |world: &mut World, kind, number| {
        world.clear_differences();
        plant(world, kind, number);
        fetch(world, &account, &refunds).unwrap().0
    };
    let missing = with(&mut world, DifferenceKind::MissingRow, Some("R2"));
    assert_eq!(missing, [BOOKS[0], BOOKS[2]]);
    let first = with(&mut world, DifferenceKind::MissingRow, None);
    assert_eq!(first, BOOKS[1..]);
    let extra = with(&mut world, DifferenceKind::ExtraRow, Some("PORTAL-1"));
    assert_eq!(extra.len(), 4);
    assert!(
        extra.contains(&"PORTAL-1 100 SUCCESS".to_owned()),
        "{extra:?}"
    );
    let amount = with(&mut world, DifferenceKind::Amount, None);
    assert_eq!(amount[0], "R1 301 SUCCESS");
    let status = with(&mut world, DifferenceKind::Status, None);
    assert_eq!(status[0], "R1 300 FAIL");
    let late = with(&mut world, DifferenceKind::Late, None);
    assert_eq!(late, BOOKS[1..]);
    world.advance_to(day().next().ready_at() * 1_000);
    let next = WantedBill::refunds(day().next());
    assert_eq!(fetch(&mut world, &account, &next).unwrap().0, BOOKS[..1]);
    // Two unnamed differences take two rows.
    world.clear_differences();
    plant(&mut world, DifferenceKind::Amount, None);
    plant(&mut world, DifferenceKind::Status, None);
    let both = fetch(&mut world, &account, &refunds).unwrap().0;
    assert_eq!(both[..2], ["R1 301 SUCCESS", "R2 900 FAIL"]);
    world.clear_differences();
    assert_eq!(fetch(&mut world, &account, &refunds).unwrap().0, BOOKS);
}

#[test]
fn a_cut_or_altered_file_never_reads_as_a_bill() {
    let mut world = busy_day();
    next_morning(&mut world);
    let refunds = WantedBill::refunds(day());
    let mut troubled = |kind, account: &Account, packing| {
        world.clear_differences();
        plant(&mut world, kind, None);
        fetch(&mut world, account, &refunds.with(packing)).unwrap_err()
    };
    for account in [v2_account(), v3_account()] {
        for packing in [Packing::Plain, Packing::Gzip] {
            let cut = troubled(DifferenceKind::CutFile, &account, packing);
            assert!(matches!(cut, Trouble::Bill(_)), "{cut:?}");
            let altered = troubled(DifferenceKind::Altered, &account, packing);
            assert!(matches!(altered, Trouble::Bill(_)), "{altered:?}");
        }
        let not_ready = troubled(DifferenceKind::NotReady, &account, Packing::Gzip);
        assert!(matches!(not_ready, Trouble::NotReady));
        let nothing = troubled(DifferenceKind::NothingThatDay, &account, Packing::Gzip);
        assert!(matches!(nothing, Trouble::Nothing));
    }
    let other = troubled(DifferenceKind::NoHashMatch, &v3_account(), Packing::Gzip);
    assert!(
        matches!(other, Trouble::Bill(BillError::HashDiffers { .. })),
        "{other:?}"
    );
}

#[test]
fn a_token_is_good_for_five_minutes_and_for_its_merchant() {
    let mut world = busy_day();
    next_morning(&mut world);
    let path = format!("/v3/bill/tradebill?bill_date={}&bill_type=REFUND", day());
    let (_, told) = v3(&mut world, &path, None);
    let url = told["download_url"].as_str().unwrap();
    let path = url
        .strip_prefix("https://api.mch.weixin.qq.com")
        .unwrap()
        .to_owned();
    let get = |world: &mut World, mch_id: &str, path: &str| {
        let request = crate::stage::v3_request(world, mch_id, path, None);
        crate::stage::response(&world.handle(&request)).clone()
    };
    let answer = get(&mut world, MCH, &path);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("Wechatpay-Signature"), None);
    let foreign = get(&mut world, "1900000110", &path);
    assert_eq!(foreign.status, 403);
    assert_eq!(
        get(&mut world, MCH, "/v3/billdownload/file?token=X").status,
        400
    );
    later(&mut world, 301);
    assert_eq!(get(&mut world, MCH, &path).status, 400);
}

#[test]
fn wrong_parameters_are_refused_in_each_interfaces_words() {
    let mut world = busy_day();
    next_morning(&mut world);
    for (query, code) in [
        ("bill_type=REFUND", "PARAM_ERROR"),
        ("bill_date=20231115", "PARAM_ERROR"),
        ("bill_date=2023-11-15&bill_type=NONE", "PARAM_ERROR"),
        ("bill_date=2023-11-15&tar_type=ZIP", "PARAM_ERROR"),
        ("bill_date=2023-11-15&sub_mchid=1900000209", "NO_AUTH"),
        ("bill_date=2023-11-17", "INVALID_REQUEST"),
    ] {
        let (_, told) = v3(&mut world, &format!("/v3/bill/tradebill?{query}"), None);
        assert_eq!(told["code"], code, "{query}");
    }
    for (fields, text) in [
        (&[("bill_type", "REFUND")][..], "missing parameter"),
        (&[("bill_date", "2023-11-15")], "data format error"),
        (
            &[("bill_date", "20231115"), ("bill_type", "NONE")],
            "invalid bill_type",
        ),
        (&[("bill_date", "20231115"), ("sign", "x")], "sign error"),
    ] {
        let told = match fields.iter().any(|(name, _)| *name == "sign") {
            false => crate::stage::v2(&mut world, "/pay/downloadbill", fields),
            true => {
                let mut request =
                    crate::stage::v2_request("/pay/downloadbill", fields, SignType::Md5);
                let body = String::from_utf8(request.body).unwrap();
                request.body = body.replace("20231115", "20231116").into_bytes();
                let outgoing = world.handle(&request);
                tuikuan_wechat::v2::Fields::parse(&crate::stage::response(&outgoing).body).unwrap()
            }
        };
        assert_eq!(told.get("return_msg"), Some(text));
        assert_eq!(told.get("error_code"), Some("20001"));
    }
    // Without the client certificate there is no fund flow, and MD5 is refused.
    let mut request = crate::stage::v2_request(
        "/pay/downloadfundflow",
        &[("bill_date", "20231115"), ("account_type", "Basic")],
        SignType::Md5,
    );
    let answer = crate::stage::response(&world.handle(&request)).clone();
    let told = tuikuan_wechat::v2::Fields::parse(&answer.body).unwrap();
    assert_eq!(told.get("err_code"), Some("PARAM_ERROR"));
    request.client_cert_mch = None;
    assert_eq!(crate::stage::response(&world.handle(&request)).status, 400);
    assert!(
        world
            .bill(MCH, "2023-11-15", BillKind::Refund)
            .unwrap()
            .is_some()
    );
    assert!(
        world
            .bill(MCH, "2023-11-14", BillKind::Refund)
            .unwrap()
            .is_none()
    );
    assert!(world.bill(MCH, "yesterday", BillKind::Refund).is_err());
}
