//! Every page of a lively installation, as an administrator sees it: no serious fault of
//! accessibility, nothing wider than its window, nothing that the browser refuses. Pictures of all
//! of them are left behind.

use std::collections::BTreeSet;

use super::axe;
use super::driver::{Browser, DESK, PHONE, available};
use super::stay::Demo;
use crate::stage::runtime;

/// Pages that are found by following the first link of a kind on another page.
const BEHIND: [(&str, &str); 8] = [
    (
        "/console/refunds",
        "main tbody a[href^='/console/refunds/rf_']",
    ),
    (
        "/console/refunds?status=abnormal",
        "main tbody a[href^='/console/refunds/rf_']",
    ),
    (
        "/console/refunds",
        "main tbody a[href^='/console/payments/']",
    ),
    (
        "/console/notifications",
        "main tbody a[href^='/console/notifications/']",
    ),
    (
        "/console/webhooks",
        "main tbody a[href^='/console/webhooks/']",
    ),
    (
        "/console/reconciliation",
        "main td a[href^='/console/reconciliation/']",
    ),
    (
        "/console/batches",
        "main tbody a[href^='/console/batches/']",
    ),
    ("/console/refunds/new", "main form"),
];

#[test]
fn no_page_has_a_serious_fault_in_light_or_dark_on_a_desk_or_in_a_hand() {
    if !available() {
        return;
    }
    let demo = Demo::start();
    runtime().block_on(async {
        let mut faults = BTreeSet::new();
        let mut seen = BTreeSet::new();
        for (size, name, taste) in [
            (DESK, "desk", "theme=light&lang=zh"),
            (PHONE, "phone", "theme=dark&lang=en"),
        ] {
            let browser = Browser::open(size).await;
            browser.visit(&demo.link).await;
            browser.visit(&demo.at(&format!("/console?{taste}"))).await;
            let pages = pages(&browser, &demo).await;
            browser.complaints().await;
            for page in pages {
                browser.visit(&demo.at(&page)).await;
                browser.find("main h1").await;
                let place = template(&page);
                for fault in axe::faults(&browser).await {
                    faults.insert(format!("{place} ({name}): {fault}"));
                }
                if browser.overflows().await {
                    faults.insert(format!("{place} ({name}) is wider than its window"));
                }
                for complaint in browser.complaints().await {
                    faults.insert(format!("{place} ({name}): {complaint}"));
                }
                browser
                    .picture(&format!("{name}{}", place.replace('/', "-")))
                    .await;
                seen.insert(place);
            }
            browser.close().await;
        }
        println!(
            "{} pages looked at, each on a desk and in a hand",
            seen.len()
        );
        assert!(seen.len() >= 16, "{seen:?}");
        let faults: Vec<_> = faults.into_iter().collect();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    });
}

/// Every page of the menu, and one of each kind behind them.
async fn pages(browser: &Browser, demo: &Demo) -> Vec<String> {
    let menu = "return [...document.querySelectorAll('nav a, .foot a.who')]
        .map(link => link.getAttribute('href')).filter(href => href.startsWith('/console'));";
    let menu = browser.script(menu).await;
    let mut all: Vec<String> = serde_json::from_value(menu).unwrap();
    all.push("/console/refunds/new".to_owned());
    for (page, link) in BEHIND {
        browser.visit(&demo.at(page)).await;
        let found = format!(
            "const link = document.querySelector(\"{link}\"); return link && link.getAttribute('href');"
        );
        if let Some(href) = browser.script(&found).await.as_str() {
            all.push(href.to_owned());
        }
    }
    all.dedup();
    all
}

/// A page's address without ids, as a name.
fn template(page: &str) -> String {
    let path = page.split('?').next().unwrap_or_default();
    let parts = path.split('/').map(|part| {
        let id = part.contains('_') || part.bytes().any(|byte| byte.is_ascii_digit());
        if id { "one" } else { part }
    });
    parts.collect::<Vec<_>>().join("/")
}
