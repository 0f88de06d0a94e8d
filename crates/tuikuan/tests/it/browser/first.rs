//! The first sign-in: the link that the service prints, a password, the second factor.

use super::driver::{Browser, DESK, available};
use super::house::{House, PASSWORD, enrol};
use crate::stage::runtime;

#[test]
fn the_first_administrator_comes_in_by_the_printed_link_and_a_second_factor() {
    if !available() {
        return;
    }
    let house = House::new();
    runtime().block_on(async {
        let browser = Browser::open(DESK).await;
        browser.visit(&house.first).await;
        browser.reads("创建第一个管理员").await;
        browser.picture("setup").await;
        browser.fill("#name", "wang").await;
        browser.fill("#password", PASSWORD).await;
        browser.fill("#again", "something else").await;
        browser.click("form button.primary").await;
        browser.reads("两次输入的密码不一致").await;
        browser.fill("#password", PASSWORD).await;
        browser.fill("#again", PASSWORD).await;
        browser.click("form button.primary").await;
        browser.reads("启用动态验证码").await;
        browser.picture("second-factor").await;
        // Without the second factor nothing is shown.
        browser.visit(&house.at("/console/refunds")).await;
        assert!(browser.place().await.starts_with("/login"));
        browser.visit(&house.at("/login/enrol")).await;
        enrol(&browser).await;
        browser.reads("总览").await;
        assert_eq!(browser.place().await, "/console");

        browser.visit(&house.first).await;
        browser.reads("链接").await;
        assert_eq!(
            browser.count("#password").await,
            0,
            "the link was good twice"
        );

        browser.visit(&house.at("/console/account")).await;
        browser.click("form[action='/logout'] button").await;
        browser.reads("登录").await;
        browser.visit(&house.at("/console/users")).await;
        browser.fill("#name", "wang").await;
        browser.fill("#password", "not the password").await;
        browser.click("form button.primary").await;
        browser.reads("用户名或密码不正确").await;
        let complaints = browser.complaints().await;
        let unexpected: Vec<_> = complaints
            .iter()
            .filter(|line| !line.contains("status of 4"))
            .collect();
        assert!(unexpected.is_empty(), "{unexpected:?}");
        browser.close().await;
    });
}
