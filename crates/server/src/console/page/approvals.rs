//! "Approvals": what waits for a second person, and the two forms that decide it. One at a time, by
//! a form only, and only for exactly the content that was shown (INV-32). A batch is decided on its
//! own page, where its lines are; here is the way to it.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use tuikuan_domain::{Command, Refund, Status};
use tuikuan_engine::EngineError;
use tuikuan_store::{Cursor, Place, RefundSearch};

use super::refund::{notice_of, visible};
use super::refunds::Asked;
use super::{again, html, to_saying};
use crate::api::note::is_note;
use crate::app::{App, Shared};
use crate::console::fault::Fault;
use crate::console::form::Fields;
use crate::console::frame::Frame;
use crate::console::text::approvals::Words;
use crate::console::text::notice::{Notice, Told};
use crate::console::visit::Visit;

mod batch;
mod request;

use batch::Waits;
use request::Waiting;

/// Requests on one page: each is read with what surrounds it.
const PAGE: u32 = 20;

const HERE: &str = "/console/approvals";

#[derive(Template)]
#[template(path = "approvals.html")]
struct ApprovalsPage {
    frame: Frame,
    words: &'static Words,
    batches: Vec<Waits>,
    waiting: Vec<Waiting>,
    newest: bool,
    older: Option<String>,
    wrong: Option<Wrong>,
}

/// A comment that cannot be taken.
struct Wrong {
    id: String,
    typed: String,
    text: &'static str,
}

/// `GET /console/approvals`.
pub(crate) async fn page(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Query(asked): Asked,
) -> Result<Response, Fault> {
    let after = asked.iter().find(|(name, _)| name == "after");
    let place = match after.and_then(|(_, value)| value.parse::<Cursor>().ok()) {
        Some(cursor) => Place::Older(cursor),
        None => Place::Newest,
    };
    html(&ApprovalsPage::read(&app, &visit, place, None).await?)
}

/// `POST /console/approvals/{id}/approve`.
pub(crate) async fn approve(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Extension(fields): Extension<Arc<Fields>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let refund = visible(&app, &visit, &id).await?;
    let words = Words::of(visit.language());
    let comment = fields.trimmed("comment");
    if !comment.is_empty() && !is_note(comment) {
        return refuse(&app, &visit, &refund, (comment, words.comment_wrong)).await;
    }
    let command = Command::Approve {
        by: visit.actor(),
        comment: (!comment.is_empty()).then(|| comment.to_owned()),
    };
    decide(&app, &visit, (&refund, &fields), command, Told::Approved).await
}

/// `POST /console/approvals/{id}/reject`.
pub(crate) async fn reject(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Extension(fields): Extension<Arc<Fields>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let refund = visible(&app, &visit, &id).await?;
    let words = Words::of(visit.language());
    let comment = fields.trimmed("comment");
    let text = match (comment.is_empty(), is_note(comment)) {
        (true, _) => Some(words.comment_missing),
        (false, false) => Some(words.comment_wrong),
        (false, true) => None,
    };
    if let Some(text) = text {
        return refuse(&app, &visit, &refund, (comment, text)).await;
    }
    let command = Command::Reject {
        by: visit.actor(),
        comment: Some(comment.to_owned()),
    };
    decide(&app, &visit, (&refund, &fields), command, Told::Refused).await
}

/// Decides what was shown, and nothing else.
async fn decide(
    app: &Shared,
    visit: &Visit,
    (refund, fields): (&Refund, &Fields),
    command: Command,
    told: Told,
) -> Result<Response, Fault> {
    let seen = hash_of(fields.text("seen")).ok_or(Fault::Refused)?;
    let by = visit.by();
    let done = app
        .engine
        .command_on(&refund.id, Some(seen), command, &by)
        .await;
    let notice = match done {
        Ok(_) => Notice::Refund(told),
        Err(EngineError::Refused(refusal)) => notice_of(&refusal),
        Err(error) => return Err(error.into()),
    };
    Ok(to_saying(app, HERE, notice))
}

/// Reads the hash of a content: 64 digits.
fn hash_of(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut hash = [0; 32];
    for (place, byte) in hash.iter_mut().enumerate() {
        let at = place.saturating_mul(2);
        let pair = text.get(at..at.saturating_add(2))?;
        if !pair.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(hash)
}

async fn refuse(
    app: &Shared,
    visit: &Visit,
    refund: &Refund,
    (typed, text): (&str, &'static str),
) -> Result<Response, Fault> {
    let wrong = Wrong {
        id: refund.id.to_string(),
        typed: typed.to_owned(),
        text,
    };
    again(&ApprovalsPage::read(app, visit, Place::Newest, Some(wrong)).await?)
}

impl ApprovalsPage {
    async fn read(
        app: &Shared,
        visit: &Visit,
        place: Place,
        wrong: Option<Wrong>,
    ) -> Result<Self, Fault> {
        let words = Words::of(visit.language());
        let newest = place == Place::Newest;
        let search = RefundSearch {
            status: Some(Status::AwaitingApproval),
            place,
            limit: PAGE,
            ..RefundSearch::of(visit.merchants.clone())
        };
        let found = app.engine.store().search_refunds(search).await?;
        let mut waiting = Vec::with_capacity(found.items.len());
        for refund in &found.items {
            waiting.push(Waiting::of(app, visit, refund).await?);
        }
        let batches = if newest {
            batch::waiting(app, visit).await?
        } else {
            Vec::new()
        };
        Ok(Self {
            frame: Frame::of(app, visit, words.title).await?,
            words,
            batches,
            waiting,
            newest,
            older: found.older.map(|cursor| format!("{HERE}?after={cursor}")),
            wrong,
        })
    }

    fn typed(&self, id: &str) -> &str {
        let wrong = self.wrong.as_ref().filter(|wrong| wrong.id == id);
        wrong.map_or("", |wrong| &wrong.typed)
    }

    fn is_wrong(&self, id: &str) -> &str {
        let wrong = self.wrong.as_ref().filter(|wrong| wrong.id == id);
        wrong.map_or("", |wrong| wrong.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_sixty_four_digits_and_nothing_else() {
        assert_eq!(hash_of(&"0f".repeat(32)), Some([15; 32]));
        for text in [
            "",
            "0f",
            &"0g".repeat(32),
            &"+f".repeat(32),
            &"退".repeat(32),
        ] {
            assert_eq!(hash_of(text).map(|hash| hash.len()), None, "{text}");
        }
    }
}
