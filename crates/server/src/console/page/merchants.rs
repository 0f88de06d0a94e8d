//! "Merchants": the configuration as it was loaded, without secrets; how each is verified; what to
//! enter at WeChat; and what `tuikuan doctor` would say of it without asking anybody.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use tuikuan_engine::{CertificateLife, Health, KeyMode, Merchant};

use super::html;
use super::overview::health::{Fact, certificate, keys, skew};
use crate::app::{App, Shared};
use crate::console::fault::Fault;
use crate::console::format;
use crate::console::frame::Frame;
use crate::console::text::fill;
use crate::console::text::merchants::Words;
use crate::console::text::overview::Words as HealthWords;
use crate::console::visit::Visit;

#[derive(Template)]
#[template(path = "merchants.html")]
struct MerchantsPage {
    frame: Frame,
    words: &'static Words,
    merchants: Vec<Card>,
}

/// One merchant.
struct Card {
    name: String,
    mch_id: String,
    app_id: String,
    sub: Option<String>,
    api: &'static str,
    sign_type: Option<&'static str>,
    certificate: Fact,
    serial: String,
    keys: Fact,
    skew: Fact,
    answered: String,
    addresses: Vec<Address>,
    findings: Vec<Finding>,
}

/// Where WeChat sends something.
struct Address {
    what: &'static str,
    url: String,
}

/// Something to do.
struct Finding {
    class: &'static str,
    text: String,
}

/// `GET /console/merchants`.
pub(crate) async fn page(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
) -> Result<Response, Fault> {
    let words = Words::of(visit.language());
    let merchants = app.engine.merchants().iter();
    let merchants = merchants.filter(|merchant| visit.covers(&merchant.name));
    html(&MerchantsPage {
        merchants: merchants
            .map(|merchant| Card::of(&app, &visit, merchant))
            .collect(),
        frame: Frame::of(&app, &visit, words.title).await?,
        words,
    })
}

impl Card {
    fn of(app: &Shared, visit: &Visit, merchant: &Merchant) -> Self {
        let language = visit.language();
        let (words, health_words) = (Words::of(language), HealthWords::of(language));
        let health = app.engine.health(merchant);
        let account = &merchant.account;
        let shared_key = health.key_mode == KeyMode::SharedKey;
        let identity = account.credentials.identity();
        Self {
            name: merchant.name.to_string(),
            mch_id: merchant.mch_id.to_string(),
            app_id: account.app_id.to_string(),
            sub: merchant.sub_mch_id.as_ref().map(ToString::to_string),
            api: if shared_key { "v2" } else { "v3" },
            sign_type: shared_key.then(|| account.sign_type.as_str()),
            certificate: certificate(&health, visit, health_words),
            serial: identity
                .map_or_else(String::new, |identity| identity.certificate.serial.clone()),
            keys: keys(&health, health_words),
            skew: skew(&health, health_words, language),
            answered: health.answered_at.map_or_else(
                || words.not_yet.to_owned(),
                |at| format::relative(at, visit.now(), language),
            ),
            addresses: addresses(merchant, &health, words),
            findings: findings(visit, merchant, &health),
        }
    }
}

/// What to enter at WeChat, by generation.
fn addresses(merchant: &Merchant, health: &Health, words: &'static Words) -> Vec<Address> {
    let Some(base) = merchant.public_url.as_deref() else {
        return Vec::new();
    };
    let paths = match health.key_mode {
        KeyMode::SharedKey => vec![
            (words.of_refunds, "v2/refund"),
            (words.of_payments, "v2/payment"),
        ],
        KeyMode::PublicKey { .. } | KeyMode::Certificates { .. } | KeyMode::None => {
            vec![(words.of_both, "v3")]
        }
    };
    let base = base.trim_end_matches('/');
    let address = |(what, path): (&'static str, &str)| Address {
        what,
        url: format!("{base}/notify/{}/{path}", merchant.name),
    };
    paths.into_iter().map(address).collect()
}

/// What needs somebody, the worst first.
fn findings(visit: &Visit, merchant: &Merchant, health: &Health) -> Vec<Finding> {
    let words = Words::of(visit.language());
    let mut findings = Vec::new();
    let mut add = |class, text: &str, days: i64| {
        let text = fill(text, &[("days", &days.to_string())]);
        findings.push(Finding { class, text });
    };
    if let Some(identity) = merchant.account.credentials.identity() {
        let (from, to) = (
            identity.certificate.not_before,
            identity.certificate.not_after,
        );
        match CertificateLife::of(from, to, visit.now().as_second()) {
            CertificateLife::Good { .. } => {}
            CertificateLife::NotYet => add("bad", words.certificate_early, 0),
            CertificateLife::Ended { days } => add("bad", words.certificate_ended, days),
            CertificateLife::Last { days } => add("bad", words.certificate_ends, days),
            CertificateLife::Urgent { days } | CertificateLife::Soon { days } => {
                add("warn", words.certificate_ends, days);
            }
        }
    }
    if health.key_mode == KeyMode::None {
        add("bad", words.no_key, 0);
    }
    if merchant.public_url.is_none() {
        add("warn", words.no_url, 0);
    }
    if health.skew.is_some_and(|skew| skew.abs().as_secs() >= 30) {
        add("warn", words.clock_off, 0);
    }
    if health.closed_until.is_some_and(|until| until > visit.now()) {
        add("warn", words.held, 0);
    }
    findings
}
