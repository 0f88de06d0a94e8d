//! A file of refunds as people handle it: brought, looked at line by line, asked for, agreed to by
//! another person, seen to its end without a reload, and its result taken home.

use serde_json::json;

use super::driver::{Browser, DESK, available};
use super::house::{House, books_of, come_in};
use crate::stage::runtime;

/// A name, an amount that leaves something, one that is too large, and an order nobody knows.
const FILE: &str = "商户订单号,金额(元),退款原因\nE-EVENT-1,100.00,活动取消\nE-EVENT-2,12.50,活动取消\nE-EVENT-3,500.00,活动取消\n";

#[test]
fn a_file_is_checked_agreed_to_and_refunded_before_ones_eyes() {
    if !available() {
        return;
    }
    let house = House::new();
    register(&house);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("取消的活动.csv");
    std::fs::write(&file, FILE).unwrap();
    let first = house.invite("wang", "admin");
    let second = house.invite("zhao", "approver");
    runtime().block_on(async {
        let one = Browser::open(DESK).await;
        come_in(&one, &first).await;
        one.visit(&house.at("/console/settings")).await;
        one.fill("#approval_above", "50").await;
        one.click("form[action='/console/settings'] button.primary")
            .await;
        one.reads("已保存").await;
        bring(&one, &house, file.to_str().unwrap()).await;
        one.reads("取消的活动.csv").await;
        one.reads("112.50").await;
        one.reads("E-EVENT-3").await;
        one.picture("batch-checked").await;
        // One line asks for more than was paid: it is left out on purpose, or nothing goes.
        one.click("input[name=leave_out]").await;
        one.click("form[action$='/submit'] button.primary").await;
        one.agree().await;
        one.reads("待审批").await;
        assert_eq!(one.count("form[action$='/approve']").await, 0, "their own");
        let place = one.place().await;
        one.script("window.opened = 1;").await;

        let other = Browser::open(DESK).await;
        come_in(&other, &second).await;
        other.visit(&house.at("/console/approvals")).await;
        other.reads("取消的活动.csv").await;
        other.picture("approval-batch").await;
        other.go("article a.link[href^='/console/batches/']").await;
        assert_eq!(other.place().await, place);
        other.click("form[action$='/approve'] button.primary").await;
        other.agree().await;
        other.reads("已保存").await;

        // Who asked has the page open all the time.
        one.reads("已完成").await;
        one.reads("已到账").await;
        let stayed = one.script("return window.opened;").await;
        assert_eq!(stayed, json!(1), "it was reloaded");
        let waits = one.count("nav a[href='/console/approvals'] .count").await;
        assert_eq!(waits, 0, "the count beside the page is live too");
        one.picture("batch-finished").await;
        one.click("a[href$='/result']").await;
        let result = String::from_utf8(one.download().await).unwrap();
        for (order, outcome) in [("E-EVENT-1", "succeeded"), ("E-EVENT-2", "succeeded")] {
            let line = result.lines().find(|line| line.contains(order));
            assert!(line.is_some_and(|line| line.contains(outcome)), "{result}");
        }
        assert!(result.contains("E-EVENT-3"), "{result}");
        assert!(one.complaints().await.is_empty());
        other.close().await;
        one.close().await;
    });
    refunded(&house);
}

/// WeChat has refunded what was agreed to, once.
fn refunded(house: &House) {
    for (order, amounts) in [
        ("E-EVENT-1", &[10_000][..]),
        ("E-EVENT-2", &[1_250]),
        ("E-EVENT-3", &[]),
    ] {
        let books = books_of(house, order);
        let found: Vec<_> = books
            .iter()
            .filter_map(|row| row["amount"].as_i64())
            .collect();
        assert_eq!(found, amounts, "{order}");
    }
}

/// The payments of the file, all of them known.
fn register(house: &House) {
    for (order, total) in [
        ("E-EVENT-1", 10_000),
        ("E-EVENT-2", 5_000),
        ("E-EVENT-3", 30_000),
    ] {
        house.sim.pay("1900000109", order, total);
        let total = total.to_string();
        let args = ["payment", "put", "main", order, "--total", &total];
        let said = house.service.command(&args);
        assert_eq!(said.code, 0, "{}", said.err);
    }
}

/// Chooses the file and sends it.
async fn bring(browser: &Browser, house: &House, file: &str) {
    browser.visit(&house.at("/console/batches")).await;
    let chooser = browser.find("#file").await;
    chooser.send_keys(file).await.unwrap();
    browser
        .click("form[action='/console/batches'] button.primary")
        .await;
    browser.find("section[data-part=progress]").await;
}
