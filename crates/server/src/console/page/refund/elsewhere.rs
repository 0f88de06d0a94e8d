//! "Abnormal refund": the money goes to another card of the buyer, or back to the merchant. The
//! card's fields are read once, sent encrypted, and never shown again, not even after a mistake
//! (INV-36).

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use secrecy::SecretString;
use tuikuan_domain::refund::{Elsewhere, ElsewhereEnd};
use tuikuan_domain::{Refund, Status};
use tuikuan_engine::{BANKS, EngineError, Receiver};

use super::acts::notice_of;
use super::{href, visible};
use crate::api::abnormal::{bank, is_account, is_name, send_elsewhere};
use crate::app::{App, Shared};
use crate::console::fault::Fault;
use crate::console::form::Fields;
use crate::console::format;
use crate::console::frame::Frame;
use crate::console::page::{again, html, to_saying};
use crate::console::text;
use crate::console::text::elsewhere::Words;
use crate::console::text::notice::{Notice, Told};
use crate::console::visit::Visit;
use crate::policy::Permission;

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a part of the page that is shown or not"
)]
#[derive(Template)]
#[template(path = "elsewhere.html")]
struct ElsewherePage {
    frame: Frame,
    words: &'static Words,
    href: String,
    intro: String,
    banks: [(&'static str, &'static str); 15],
    to: &'static str,
    bank: &'static str,
    /// Why the card cannot be used.
    wrong: Option<&'static str>,
    possible: bool,
    /// Whether another person has to do it.
    barred: bool,
}

/// `GET /console/refunds/{id}/abnormal`.
pub(crate) async fn page(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let refund = visible(&app, &visit, &id).await?;
    html(&ElsewherePage::read(&app, &visit, &refund).await?)
}

/// `POST /console/refunds/{id}/abnormal`.
pub(crate) async fn send(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Extension(fields): Extension<Arc<Fields>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let refund = visible(&app, &visit, &id).await?;
    if barred(&visit, &refund) {
        return again(&ElsewherePage::read(&app, &visit, &refund).await?);
    }
    let words = Words::of(visit.language());
    let receiver = match receiver(&fields, words) {
        Ok(receiver) => receiver,
        Err(wrong) => {
            let mut page = ElsewherePage::read(&app, &visit, &refund).await?;
            page.wrong = Some(wrong);
            page.to = Elsewhere::BuyerCard.as_str();
            page.bank = bank(fields.text("bank")).unwrap_or_default();
            return again(&page);
        }
    };
    let sent = send_elsewhere(&app, refund.id.clone(), receiver, visit.by()).await;
    let notice = match sent {
        Ok((_, ElsewhereEnd::Accepted)) => Notice::Refund(Told::ElsewhereAccepted),
        Ok((_, ElsewhereEnd::Refused(_) | ElsewhereEnd::NotSent(_))) => {
            Notice::Refund(Told::ElsewhereRefused)
        }
        Ok((_, ElsewhereEnd::Unknown(_))) | Err(EngineError::Interrupted) => {
            Notice::Refund(Told::ElsewhereUnknown)
        }
        Err(EngineError::Refused(refusal)) => notice_of(&refusal),
        Err(error) => return Err(error.into()),
    };
    Ok(to_saying(&app, &href(&refund), notice))
}

/// What needed a second person goes elsewhere by the hand of one only (INV-32).
fn barred(visit: &Visit, refund: &Refund) -> bool {
    let second = visit.may(Permission::Approve) && refund.requested_by != Some(visit.actor());
    refund.under_approval() && !second
}

fn receiver(fields: &Fields, words: &Words) -> Result<Receiver, &'static str> {
    let to = Elsewhere::parse(fields.text("to")).ok_or(words.to_missing)?;
    if to == Elsewhere::Merchant {
        return Ok(Receiver::Merchant);
    }
    let bank = bank(fields.text("bank")).ok_or(words.bank_missing)?;
    // Cards are printed in groups.
    let digits: String = fields
        .text("account")
        .chars()
        .filter(|c| !matches!(c, ' ' | '-'))
        .collect();
    if !is_account(&digits) {
        return Err(words.account_wrong);
    }
    let name = fields.trimmed("holder");
    if !is_name(name) {
        return Err(words.holder_wrong);
    }
    Ok(Receiver::BuyerCard {
        bank,
        account: SecretString::from(digits),
        name: SecretString::from(name.to_owned()),
    })
}

impl ElsewherePage {
    async fn read(app: &Shared, visit: &Visit, refund: &Refund) -> Result<Self, Fault> {
        let words = Words::of(visit.language());
        let amount = format::money(refund.content.amount);
        let number = refund.out_refund_no.to_string();
        let values = [("amount", amount.as_str()), ("number", &number)];
        Ok(Self {
            frame: Frame::of(app, visit, words.title).await?,
            words,
            href: href(refund),
            intro: text::fill(words.intro, &values),
            banks: BANKS,
            to: Elsewhere::BuyerCard.as_str(),
            bank: "",
            wrong: None,
            possible: refund.status == Status::Abnormal,
            barred: barred(visit, refund),
        })
    }
}
