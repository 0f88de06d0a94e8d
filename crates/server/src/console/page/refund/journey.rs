//! The journey of a refund in a few steps, and what happens next and when.

use tuikuan_domain::approval::ApprovalState;
use tuikuan_domain::{Refund, Status, Step as Next};

use super::Story;
use crate::console::format;
use crate::console::text::refund::Words;
use crate::console::text::{self, status};
use crate::console::visit::Visit;

/// One step.
pub(super) struct Step {
    /// `done`, `now`, `warn`, `bad` or nothing.
    pub(super) class: &'static str,
    /// What it is.
    pub(super) label: &'static str,
    /// When, or what is known of it.
    pub(super) detail: String,
}

/// The steps, first to last.
pub(super) fn steps(story: &Story, visit: &Visit) -> Vec<Step> {
    let refund = &story.refund;
    let words = Words::of(visit.language());
    let mut steps = vec![Step {
        class: "done",
        label: words.accepted,
        detail: format::short(refund.created_at, visit.now()),
    }];
    if refund.approval != ApprovalState::NotRequired {
        steps.push(approval(refund, words, visit));
    }
    steps.push(submitted(story, words, visit));
    if !matches!(refund.status, Status::Cancelled | Status::Rejected) {
        steps.push(processing(story, words, visit));
    }
    steps.push(end(refund, words, visit));
    steps
}

fn approval(refund: &Refund, words: &'static Words, visit: &Visit) -> Step {
    let waits = refund.status == Status::AwaitingApproval;
    let given = refund.approval.given().map(|(_, at, _)| at);
    let until = refund.approval.until().filter(|_| waits);
    Step {
        class: match (waits, given) {
            (true, _) => "warn",
            (false, Some(_)) => "done",
            (false, None) => "",
        },
        label: if given.is_some() {
            words.agreed_by
        } else {
            words.approval
        },
        detail: match (given, until) {
            (Some(at), _) => format::short(at, visit.now()),
            (None, Some(until)) => text::fill(
                words.approval_wait,
                &[("until", &format::short(until, visit.now()))],
            ),
            (None, None) => "—".to_owned(),
        },
    }
}

fn submitted(story: &Story, words: &'static Words, visit: &Visit) -> Step {
    let refund = &story.refund;
    let class = match refund.status {
        Status::AwaitingApproval => "",
        Status::Queued | Status::Submitting => "now",
        Status::Unknown => "warn",
        Status::Rejected => "bad",
        Status::Cancelled => "",
        Status::Processing
        | Status::Abnormal
        | Status::Succeeded
        | Status::SettledOffline
        | Status::Closed => "done",
    };
    let due = story
        .job
        .as_ref()
        .filter(|job| job.step == Some(Next::Submit));
    let detail = match (refund.submitted_at, due) {
        (Some(at), _) => format::short(at, visit.now()),
        (None, Some(job)) => text::fill(
            words.due,
            &[("time", &format::short(job.due_at, visit.now()))],
        ),
        (None, None) => words.not_submitted.to_owned(),
    };
    let label = if refund.status == Status::Unknown {
        status::status(Status::Unknown, visit.language())
    } else {
        words.submitted
    };
    Step {
        class,
        label,
        detail,
    }
}

fn processing(story: &Story, words: &'static Words, visit: &Visit) -> Step {
    let refund = &story.refund;
    let taken = story
        .events
        .iter()
        .find(|event| event.status == Some(Status::Processing))
        .map(|event| event.at);
    let class = match refund.status {
        Status::Processing => "now",
        Status::Abnormal | Status::Succeeded | Status::SettledOffline | Status::Closed => "done",
        Status::AwaitingApproval
        | Status::Queued
        | Status::Submitting
        | Status::Unknown
        | Status::Rejected
        | Status::Cancelled => "",
    };
    let detail = match (refund.status, taken) {
        (Status::Processing, Some(at)) => {
            let length = format::duration(visit.now().duration_since(at), visit.language());
            let mut text = text::fill(words.since, &[("time", &length)]);
            if let Some(when) = when(story, visit) {
                text.push_str(" · ");
                text.push_str(&when);
            }
            text
        }
        (_, Some(at)) => format::short(at, visit.now()),
        (_, None) => "—".to_owned(),
    };
    Step {
        class,
        label: words.processing,
        detail,
    }
}

fn end(refund: &Refund, words: &'static Words, visit: &Visit) -> Step {
    let class = match refund.status {
        Status::Succeeded | Status::SettledOffline => "done",
        Status::Abnormal => "warn",
        Status::Closed | Status::Rejected => "bad",
        Status::AwaitingApproval
        | Status::Queued
        | Status::Submitting
        | Status::Unknown
        | Status::Processing
        | Status::Cancelled => "",
    };
    let open = !refund.status.is_end() && refund.status != Status::Abnormal;
    let label = if open || refund.status == Status::Succeeded {
        words.arrived
    } else {
        status::status(refund.status, visit.language())
    };
    let at = refund.succeeded_at.or(refund.ended_at);
    let mut detail = at.map_or_else(String::new, |at| format::short(at, visit.now()));
    if let Some(account) = &refund.user_received_account {
        if !detail.is_empty() {
            detail.push_str(" · ");
        }
        detail.push_str(account);
    }
    if detail.is_empty() {
        detail.push('—');
    }
    Step {
        class,
        label,
        detail,
    }
}

/// When something happens next by itself, in words.
pub(super) fn when(story: &Story, visit: &Visit) -> Option<String> {
    let words = Words::of(visit.language());
    let job = story.job.as_ref()?;
    let time = format::short(job.due_at, visit.now());
    let values = [("time", time.as_str())];
    let pending = story.refund.pending_reason;
    let pending = pending.map(|reason| status::pending(reason, visit.language()));
    match job.step? {
        Next::Submit => {
            let due = text::fill(words.due, &values);
            Some(match pending {
                Some(pending) => format!("{pending} · {due}"),
                None => due,
            })
        }
        Next::Query => Some(text::fill(words.next_query, &values)),
        Next::LookUpPayment => pending.map(str::to_owned),
        Next::ExpireApproval => Some(text::fill(words.approval_wait, &[("until", &time)])),
    }
}
