//! Language, dark mode, phone width, keyboard: the same pages for everybody.

use fantoccini::key::Key;
use serde_json::json;

use super::driver::{Browser, DESK, PHONE, available};
use super::house::{House, come_in};
use crate::stage::runtime;

/// The colour behind the page.
const BACKGROUND: &str = "return getComputedStyle(document.documentElement).backgroundColor;";

#[test]
fn language_and_appearance_are_one_click_and_stay() {
    if !available() {
        return;
    }
    let house = House::new();
    let link = house.invite("li", "operator");
    runtime().block_on(async {
        let browser = Browser::open(DESK).await;
        come_in(&browser, &link).await;
        browser.reads("总览").await;
        browser.click("a[hreflang=en]").await;
        browser.reads("Overview").await;
        browser.visit(&house.at("/console/account")).await;
        browser.reads("My account").await;

        let light = browser.script(BACKGROUND).await;
        browser.click("a[data-theme-choice=dark]").await;
        let dark = browser.script(BACKGROUND).await;
        assert_ne!(light, dark);
        browser.visit(&house.at("/console")).await;
        assert_eq!(browser.script(BACKGROUND).await, dark, "dark did not stay");
        browser.click("a[data-theme-choice=light]").await;
        assert_eq!(browser.script(BACKGROUND).await, light);
        browser
            .click("a[hreflang='zh-CN'], a[hreflang=zh-Hans], a[hreflang=zh]")
            .await;
        browser.reads("总览").await;
        browser.close().await;
    });
}

#[test]
fn a_keyboard_alone_is_enough_to_sign_in_and_to_go_about() {
    if !available() {
        return;
    }
    let house = House::new();
    let link = house.invite("li", "operator");
    runtime().block_on(async {
        let browser = Browser::open(DESK).await;
        browser.visit(&link).await;
        // Each press goes where the focus is; nothing is clicked.
        tab_to(&browser, "password").await;
        browser.write(super::house::PASSWORD).await;
        browser.press(&[Key::Tab]).await;
        browser.write(super::house::PASSWORD).await;
        browser.press(&[Key::Enter]).await;
        browser.reads("总览").await;

        browser.visit(&house.at("/console")).await;
        browser.press(&[Key::Tab]).await;
        let skip = browser
            .script("return document.activeElement.className;")
            .await;
        assert_eq!(skip, json!("skip"), "the way past the menu comes first");
        browser.press(&[Key::Enter]).await;
        let reached = browser.script("return document.activeElement.id;").await;
        assert_eq!(reached, json!("main"));

        browser.visit(&house.at("/console")).await;
        for _ in 0..30 {
            browser.press(&[Key::Tab]).await;
            let href = "return document.activeElement.getAttribute('href');";
            if browser.script(href).await == json!("/console/refunds") {
                let outline = "const s = getComputedStyle(document.activeElement);
                    return s.outlineStyle !== 'none' || s.boxShadow !== 'none';";
                assert_eq!(
                    browser.script(outline).await,
                    json!(true),
                    "the focus is invisible"
                );
                browser.press(&[Key::Enter]).await;
                browser.find("input[name=q]").await;
                browser.close().await;
                return;
            }
        }
        panic!("the keyboard does not reach the refunds");
    });
}

async fn tab_to(browser: &Browser, id: &str) {
    for _ in 0..20 {
        let focused = browser.script("return document.activeElement.id;").await;
        if focused == json!(id) {
            return;
        }
        browser.press(&[Key::Tab]).await;
    }
    panic!("the keyboard does not reach {id}");
}

#[test]
fn a_phone_shows_the_menu_behind_a_button_and_never_scrolls_sideways() {
    if !available() {
        return;
    }
    let house = House::new();
    let link = house.invite("li", "operator");
    runtime().block_on(async {
        let browser = Browser::open(PHONE).await;
        come_in(&browser, &link).await;
        browser.reads("总览").await;
        assert!(!browser.overflows().await, "the overview is too wide");
        browser.picture("phone-overview").await;
        browser.click("#menu").await;
        browser.click("nav a[href='/console/refunds']").await;
        browser.find("input[name=q]").await;
        assert!(!browser.overflows().await, "the refunds are too wide");
        browser.close().await;
    });
}
