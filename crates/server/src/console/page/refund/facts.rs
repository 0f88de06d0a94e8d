//! The facts of one refund.

use tuikuan_domain::{FundsAccount, Refund};
use tuikuan_store::DeliveryStatus;

use super::Story;
use crate::app::Shared;
use crate::console::format;
use crate::console::language::Language;
use crate::console::names::Names;

/// The facts, ready to be shown.
pub(super) struct Facts {
    pub(super) wechat_number: Option<String>,
    pub(super) order: Option<String>,
    pub(super) transaction: Option<String>,
    pub(super) merchant: String,
    pub(super) mch_id: String,
    pub(super) api: &'static str,
    pub(super) funds: Option<&'static str>,
    pub(super) reason: Option<String>,
    pub(super) asked_by: String,
    pub(super) agreed_by: Option<String>,
    pub(super) received_by: Option<String>,
    pub(super) attempts: u32,
    pub(super) created: String,
    pub(super) replaces: Option<String>,
    pub(super) replaced_by: Option<String>,
    pub(super) webhooks: Option<String>,
    pub(super) metadata: Option<String>,
}

impl Facts {
    /// The facts of a refund.
    pub(super) fn of(app: &Shared, story: &Story, names: &Names, language: Language) -> Self {
        let refund = &story.refund;
        let content = &refund.content;
        let merchant = app.engine.merchant(&refund.merchant);
        let agreed = refund
            .approval
            .given()
            .map(|(by, at, _)| format!("{} · {}", names.name(by, language), format::date_time(at)));
        Self {
            wechat_number: refund.refund_id.as_ref().map(ToString::to_string),
            order: content.order.out_trade_no.as_ref().map(ToString::to_string),
            transaction: content
                .order
                .transaction_id
                .as_ref()
                .map(ToString::to_string),
            merchant: refund.merchant.to_string(),
            mch_id: refund.mch_id.to_string(),
            api: merchant.map_or("—", |merchant| merchant.generation()),
            funds: content
                .funds_account
                .map(|account| funds(account, language)),
            reason: content.reason.as_ref().map(ToString::to_string),
            asked_by: asked_by(refund, names, language),
            agreed_by: agreed,
            received_by: refund.user_received_account.clone(),
            attempts: refund.attempts,
            created: format::date_time(refund.created_at),
            replaces: content.replaces.as_ref().map(ToString::to_string),
            replaced_by: replaced_by(story),
            webhooks: webhooks(story),
            metadata: content.metadata.clone(),
        }
    }
}

fn funds(account: FundsAccount, language: Language) -> &'static str {
    match account {
        FundsAccount::Available => language.of("可用余额", "available balance"),
        FundsAccount::Unsettled => language.of("未结算资金", "takings not yet settled"),
    }
}

fn asked_by(refund: &Refund, names: &Names, language: Language) -> String {
    let source = crate::console::text::story::source(refund.origin, language);
    match &refund.requested_by {
        Some(actor) => format!("{} · {source}", names.name(actor, language)),
        None => source.to_owned(),
    }
}

/// The refund that stands in for this one.
fn replaced_by(story: &Story) -> Option<String> {
    let id = &story.refund.id;
    let stands_in = |other: &&Refund| other.content.replaces.as_ref() == Some(id);
    let found = story.siblings.iter().rfind(stands_in);
    found.map(|other| other.id.to_string())
}

/// `1 / 1`: delivered, of all.
fn webhooks(story: &Story) -> Option<String> {
    let all = story.deliveries.len();
    let delivered = story
        .deliveries
        .iter()
        .filter(|delivery| delivery.status == DeliveryStatus::Delivered)
        .count();
    (all > 0).then(|| format!("{delivered} / {all}"))
}
