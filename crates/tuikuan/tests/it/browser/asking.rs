//! A refund as an operator makes it: found, asked for once, seen to arrive without a reload.

use serde_json::json;

use super::driver::{Browser, DESK, available};
use super::house::{House, books_of, come_in};
use crate::stage::runtime;

#[test]
fn a_refund_is_asked_for_and_seen_to_arrive_live() {
    if !available() {
        return;
    }
    let house = House::new();
    house.sim.pay("1900000109", "E20261120-77120", 29_900);
    let link = house.invite("li", "operator");
    runtime().block_on(async {
        let browser = Browser::open(DESK).await;
        come_in(&browser, &link).await;
        ask(&browser, &house, ("E20261120-77120", "128.00")).await;
        browser.picture("refund-check").await;
        browser
            .click("form[action='/console/refunds/new'] button.primary")
            .await;
        browser.find(".journey").await;
        // What is set in the page is gone with a reload: it must still be there at the end.
        browser.script("window.opened = 1;").await;
        browser.reads("已到账").await;
        browser.reads("退回").await;
        assert_eq!(
            browser.script("return window.opened;").await,
            json!(1),
            "it was reloaded"
        );
        browser.picture("refund").await;
        assert!(browser.complaints().await.is_empty());
        browser.close().await;
    });
    let books = books_of(&house, "E20261120-77120");
    assert_eq!(books.len(), 1, "{books:?}");
    assert_eq!(books[0]["amount"], 12_800);
}

#[test]
fn a_form_that_is_sent_twice_is_one_refund() {
    if !available() {
        return;
    }
    let house = House::new();
    house.sim.pay("1900000109", "E-TWICE", 29_900);
    let link = house.invite("li", "operator");
    runtime().block_on(async {
        let browser = Browser::open(DESK).await;
        come_in(&browser, &link).await;
        ask(&browser, &house, ("E-TWICE", "100")).await;
        let sends = "const form = document.querySelector(\"form[action='/console/refunds/new']\");
            const done = arguments[arguments.length - 1];
            const send = () => fetch(form.action, {
                method: 'POST', body: new URLSearchParams(new FormData(form)), redirect: 'follow' });
            Promise.all([send(), send(), send()])
                .then(answers => done(answers.map(answer => answer.url)));";
        let places = browser.later(sends).await;
        let places = places.as_array().unwrap();
        assert_eq!(places.len(), 3);
        assert!(places.iter().all(|place| *place == places[0]), "{places:?}");
        // And once more by the button, which is still on the page.
        browser.click("form[action='/console/refunds/new'] button.primary").await;
        browser.reads("已到账").await;
        browser.visit(&house.at("/console/payments/main/E-TWICE")).await;
        assert_eq!(browser.count("tbody tr").await, 1);
        browser.close().await;
    });
    assert_eq!(books_of(&house, "E-TWICE").len(), 1);
}

#[test]
fn a_wrong_amount_is_said_and_what_was_typed_stays() {
    if !available() {
        return;
    }
    let house = House::new();
    house.sim.pay("1900000109", "E-WRONG", 10_000);
    let link = house.invite("li", "operator");
    runtime().block_on(async {
        let browser = Browser::open(DESK).await;
        come_in(&browser, &link).await;
        ask(&browser, &house, ("E-WRONG", "12.345")).await;
        browser.find("[role=alert]").await;
        let typed = browser
            .script("return document.querySelector('#amount').value;")
            .await;
        assert_eq!(typed, json!("12.345"));
        browser.fill("#amount", "60").await;
        browser.reads("陆拾元整").await;
        browser.close().await;
    });
    assert!(books_of(&house, "E-WRONG").is_empty());
}

/// Finds the payment, types the amount, and goes on to the page that asks once more.
pub(crate) async fn ask(browser: &Browser, house: &House, (order, yuan): (&str, &str)) {
    browser.visit(&house.at("/console/refunds")).await;
    browser.go("a[href='/console/refunds/new']").await;
    browser.fill("#q", order).await;
    browser.go("main form button.primary").await;
    // An order that nobody has registered: the page asks whose it is.
    browser
        .find("#amount, main a.button[href*='merchant=main']")
        .await;
    if browser.count("#amount").await == 0 {
        browser.go("main a.button[href*='merchant=main']").await;
    }
    browser.fill("#amount", yuan).await;
    browser.fill("#reason", "商品已售完").await;
    browser
        .go("form[action='/console/refunds/new/check'] button.primary")
        .await;
}
