//! Batches that wait for a second person, as much of each as tells whether to open it.

use tuikuan_domain::batch::{Batch, BatchState};
use tuikuan_store::{BatchFilter, LIST_MAX};

use crate::app::Shared;
use crate::console::fault::Fault;
use crate::console::format;
use crate::console::names::Names;
use crate::console::page::batches::money;
use crate::console::text::approvals::{Words, expires};
use crate::console::text::{batches, fill};
use crate::console::visit::Visit;

/// A batch, ready to be shown.
pub(super) struct Waits {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) merchant: String,
    pub(super) amount: String,
    pub(super) lines: String,
    pub(super) asked_by: String,
    pub(super) asked_at: String,
    pub(super) expires: String,
    /// Whether whoever looks has asked for it.
    pub(super) own: bool,
}

/// The batches that wait, newest first.
pub(super) async fn waiting(app: &Shared, visit: &Visit) -> Result<Vec<Waits>, Fault> {
    let filter = BatchFilter {
        allowed: visit.merchants.clone(),
        merchant: None,
        state: Some(BatchState::AwaitingApproval),
        after: None,
        limit: LIST_MAX,
    };
    let found = app.engine.store().batches(filter).await?.items;
    let mut actors = Vec::new();
    for batch in &found {
        actors.extend(batch.requested.as_ref().map(|mark| mark.by.clone()));
    }
    let names = Names::of(app, actors).await?;
    Ok(found
        .iter()
        .map(|batch| Waits::of(batch, visit, &names))
        .collect())
}

impl Waits {
    fn of(batch: &Batch, visit: &Visit, names: &Names) -> Self {
        let language = visit.language();
        let words = Words::of(language);
        let unnamed = || batches::Words::of(language).unnamed.to_owned();
        let mark = batch.requested.as_ref();
        let lines = format::count(i64::from(batch.summary.new_lines));
        Self {
            id: batch.id.to_string(),
            name: batch.name.clone().unwrap_or_else(unnamed),
            merchant: batch.merchant.to_string(),
            amount: money(batch.summary.new_amount),
            lines: fill(words.batch_lines, &[("n", &lines)]),
            asked_by: mark.map_or_else(
                || words.not_known.to_owned(),
                |mark| names.name(&mark.by, language),
            ),
            asked_at: mark.map_or_else(String::new, |mark| format::date_time(mark.at)),
            expires: expires(batch.approval_until, visit.now(), language),
            own: mark.is_some_and(|mark| mark.by == visit.actor()),
        }
    }
}
