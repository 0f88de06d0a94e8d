//! Four eyes: what needs a second person is approved by another one, never by the same.

use super::asking::ask;
use super::driver::{Browser, DESK, available};
use super::house::{House, books_of, come_in};
use crate::stage::runtime;

#[test]
fn a_second_person_approves_and_the_same_person_cannot() {
    if !available() {
        return;
    }
    let house = House::new();
    house.sim.pay("1900000109", "E-LARGE", 99_900);
    let first = house.invite("wang", "admin");
    let second = house.invite("zhao", "approver");
    runtime().block_on(async {
        let one = Browser::open(DESK).await;
        come_in(&one, &first).await;
        one.visit(&house.at("/console/settings")).await;
        one.fill("#approval_above", "500").await;
        one.click("form[action='/console/settings'] button.primary")
            .await;
        one.reads("已保存").await;
        ask(&one, &house, ("E-LARGE", "888.80")).await;
        one.click("form[action='/console/refunds/new'] button.primary")
            .await;
        one.reads("待审批").await;

        // Who asked may have the right, but not for this one.
        one.visit(&house.at("/console/approvals")).await;
        one.reads("888.80").await;
        assert_eq!(
            one.count("form[action$='/approve']").await,
            0,
            "the same person could approve"
        );
        one.picture("approval-own").await;

        let other = Browser::open(DESK).await;
        come_in(&other, &second).await;
        other.visit(&house.at("/console/approvals")).await;
        other.reads("888.80").await;
        other.picture("approval").await;
        other
            .fill("article input[name=comment]", "已核对订单")
            .await;
        other.click("form[action$='/approve'] button.primary").await;
        other.agree().await;
        other.reads("没有").await;

        one.visit(&house.at("/console/refunds?q=E-LARGE")).await;
        one.click("main tbody a[href^='/console/refunds/rf_']")
            .await;
        one.reads("已到账").await;
        one.reads("已核对订单").await;
        other.close().await;
        one.close().await;
    });
    let books = books_of(&house, "E-LARGE");
    assert_eq!(books.len(), 1, "{books:?}");
    assert_eq!(books[0]["amount"], 88_880);
}
