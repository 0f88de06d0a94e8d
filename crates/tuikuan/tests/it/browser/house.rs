//! An installation with people in front of it: simulator, service, and whoever signs in.

use fantoccini::key::Key;
use serde_json::Value;
use totp_rs::{Algorithm, Builder, Secret};

use super::driver::Browser;
use crate::stage::{Service, Sim, say, tuikuan};

/// Everybody's password here.
pub(crate) const PASSWORD: &str = "four small wooden boats";

/// Simulator and service.
pub(crate) struct House {
    pub(crate) sim: Sim,
    pub(crate) service: Service,
    /// The link for the first administrator.
    pub(crate) first: String,
    /// How far the service's clock is ahead.
    pub(crate) ahead: String,
}

impl House {
    /// Nobody has signed in yet.
    pub(crate) fn new() -> Self {
        let sim = Sim::start();
        let (service, first) = Service::start_unknown(&sim.config());
        Self {
            sim,
            service,
            first,
            ahead: "0s".to_owned(),
        }
    }

    /// Somebody new: the link to come in by.
    pub(crate) fn invite(&self, name: &str, role: &str) -> String {
        let config = self.sim.config();
        let mut command = tuikuan();
        command.args(["user", "add", name, "--role", role, "--json", "--config"]);
        let said = say(command
            .arg(config)
            .env("TUIKUAN_PUBLIC_URL", &self.service.url)
            .env("TUIKUAN_ENGINE__CLOCK_AHEAD", &self.ahead));
        assert_eq!(said.code, 0, "{}", said.err);
        let link = said.json()["link"].as_str().unwrap().to_owned();
        // The link names the configured address; the service has a port of its own.
        let path = link.find("/setup/").unwrap();
        format!("{}{}", self.service.url, &link[path..])
    }

    /// An address of the console.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.service.url)
    }
}

/// Opens a link of invitation, chooses a password and comes in.
pub(crate) async fn come_in(browser: &Browser, link: &str) {
    browser.visit(link).await;
    browser.fill("#password", PASSWORD).await;
    browser.fill("#again", PASSWORD).await;
    browser
        .click("main button.primary, form button.primary")
        .await;
    browser.find("#code, nav a[aria-current=page]").await;
    if browser.place().await.starts_with("/login/enrol") {
        enrol(browser).await;
    }
    browser.find("nav a[aria-current=page]").await;
}

/// Sets up the second factor that the page asks for.
pub(crate) async fn enrol(browser: &Browser) {
    let shown = browser.find("#secret").await.text().await.unwrap();
    browser.fill("#code", &code_of(&shown)).await;
    browser.press(&[Key::Enter]).await;
    browser.find("nav a[aria-current=page]").await;
}

/// What an authenticator app shows for a secret now.
fn code_of(secret: &str) -> String {
    let secret: String = secret.split_whitespace().collect();
    let app = Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_step_duration(30)
        .with_secret(Secret::try_from_base32(&secret).unwrap())
        .build_noncompliant();
    let now = jiff::Timestamp::now().as_second();
    app.generate(u64::try_from(now).unwrap()).to_string()
}

/// The refunds in the simulator's books that belong to an order.
pub(crate) fn books_of(house: &House, out_trade_no: &str) -> Vec<Value> {
    let books = house.sim.refunds("1900000109");
    let rows = books
        .as_array()
        .cloned()
        .or_else(|| books["refunds"].as_array().cloned());
    let mut rows = rows.unwrap_or_default();
    rows.retain(|row| row["out_trade_no"] == out_trade_no);
    rows
}
