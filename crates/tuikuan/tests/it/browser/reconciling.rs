//! A day whose bill differs from the books, as whoever keeps the books meets it: called by the page of
//! attention, seen in the calendar, settled with a note, and calm afterwards.

use serde_json::json;

use super::driver::{Browser, DESK, available};
use super::house::{House, come_in};
use crate::reconcile::{Shop, refund, settled};
use crate::stage::runtime;

#[test]
fn a_day_with_a_difference_is_found_and_settled_with_a_note() {
    if !available() {
        return;
    }
    let mut shop = Shop::open();
    let service = shop.service();
    for number in ["R1", "R2"] {
        refund(&shop, &service, number);
    }
    let other = json!({ "out_refund_no": "R1", "amount": 1001 });
    shop.plant(1, "amount", &other);
    drop(service);
    shop.sleep();
    let service = shop.service();
    let day = shop.day(1);
    settled(&service, &day, "fetched");
    let house = House {
        ahead: format!("{}s", shop.ahead_s),
        sim: shop.sim,
        service,
        first: String::new(),
    };
    let link = house.invite("li", "operator");
    let month = format!("/console/reconciliation?merchant=main&month={}", &day[..7]);
    let here = format!("/console/reconciliation/main/{day}");
    runtime().block_on(async {
        let browser = Browser::open(DESK).await;
        come_in(&browser, &link).await;
        browser.visit(&house.at("/console/attention")).await;
        browser.reads("对账差异").await;
        browser.picture("attention-differences").await;
        browser.go(&format!("td a[href='{here}']")).await;
        browser.reads("R1").await;
        assert_eq!(browser.place().await, here);

        browser.visit(&house.at(&month)).await;
        browser.picture("calendar-open").await;
        browser
            .click(&format!("ol.calendar li.warn a[href='{here}']"))
            .await;
        browser.reads("R1").await;
        assert!(!browser.text().await.contains("R2"), "R2 agrees");
        browser.click("tbody details summary").await;
        browser
            .fill(
                "form[action$='/resolve'] input[name=note]",
                "已与微信支付核对",
            )
            .await;
        browser.picture("difference").await;
        browser.go("form[action$='/resolve'] button").await;
        browser.reads("已与微信支付核对").await;
        assert_eq!(browser.count("form[action$='/resolve']").await, 0);

        browser.visit(&house.at(&month)).await;
        browser
            .find(&format!("ol.calendar li.good a[href='{here}']"))
            .await;
        browser.visit(&house.at("/console/attention")).await;
        browser.reads("现在没有需要人处理的事").await;
        assert_eq!(
            browser
                .count("nav a[href='/console/attention'] .count")
                .await,
            0
        );
        assert!(browser.complaints().await.is_empty());
        browser.close().await;
    });
}
