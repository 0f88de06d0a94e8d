//! Finding a refund again by any of its numbers, and taking what was found along as a file.

use super::asking::ask;
use super::driver::{Browser, DESK, available};
use super::house::{House, books_of, come_in};
use crate::stage::runtime;

#[test]
fn any_number_finds_the_refund_and_the_export_has_exactly_what_the_filter_shows() {
    if !available() {
        return;
    }
    let house = House::new();
    house.sim.pay("1900000109", "@E-FIRST", 5_000);
    house.sim.pay("1900000109", "E-SECOND", 6_000);
    let link = house.invite("li", "operator");
    runtime().block_on(async {
        let browser = Browser::open(DESK).await;
        come_in(&browser, &link).await;
        for (order, yuan) in [("E-SECOND", "20"), ("@E-FIRST", "10")] {
            ask(&browser, &house, (order, yuan)).await;
            browser
                .click("form[action='/console/refunds/new'] button.primary")
                .await;
            browser.reads("已到账").await;
        }
        browser.close().await;
    });
    let books = books_of(&house, "@E-FIRST");
    let book = &books[0];
    let numbers: Vec<String> = [
        "out_refund_no",
        "refund_id",
        "out_trade_no",
        "transaction_id",
    ]
    .iter()
    .map(|name| book[*name].as_str().unwrap().to_owned())
    .collect();
    let again = house.invite("qian", "viewer");
    runtime().block_on(async {
        let browser = Browser::open(DESK).await;
        come_in(&browser, &again).await;
        browser.visit(&house.at("/console/refunds")).await;
        browser.find("main tbody tr").await;
        assert_eq!(browser.count("main tbody tr").await, 2);
        assert_eq!(
            browser.count("a[href='/console/refunds/new']").await,
            0,
            "a viewer asks nothing"
        );
        browser.picture("refunds").await;
        for number in &numbers {
            browser.fill("input[name=q]", number).await;
            browser.go("form.search button").await;
            browser.find("main tbody tr").await;
            assert_eq!(browser.count("main tbody tr").await, 1, "{number}");
        }
        let address = browser.place().await;
        assert!(
            address.contains(&numbers[3]),
            "the filter is not in the address: {address}"
        );
        browser.click("a[href*='export.csv']").await;
        let file = String::from_utf8(browser.download().await).unwrap();
        let file = file.strip_prefix('\u{feff}').unwrap_or(&file);
        let lines: Vec<_> = file.lines().collect();
        assert_eq!(lines.len(), 2, "a head and one refund: {file}");
        assert!(lines[1].contains(&numbers[0]), "{file}");
        assert!(
            lines[1].contains("'@E-FIRST"),
            "a formula was not neutralised: {file}"
        );
        browser.close().await;
    });
}
