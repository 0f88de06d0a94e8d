//! Every status against every input, as a golden file: a new pair shows up in a diff.
//! `TUIKUAN_GOLDEN=write cargo test -p tuikuan-domain` writes it anew.

use std::fmt::Write as _;

use jiff::SignedDuration;
use tuikuan_domain::outcome::{Finding, Outcome, Wait};
use tuikuan_domain::refund::{
    Approval, AttemptMark, Command, Elsewhere, ElsewhereEnd, Plan, Transition,
};
use tuikuan_domain::{Event, Observation, Refusal, Source, Status, WechatState};

use crate::records::{Life, at, fen, new_refund, note, payment, person, report};

fn life_in(status: Status) -> Life {
    let mut life = Life::new(Some(payment(1000)));
    if status == Status::AwaitingApproval {
        life.approval = Approval::Needed { until: at(3600) };
    }
    life.command(Command::Request(Box::new(new_refund(1, 400))))
        .unwrap();
    let submit = |life: &mut Life| life.command(Command::Submit).unwrap();
    let found = |life: &mut Life, state| {
        let report = report(life.refund(), state);
        life.observe(
            Observation::Query {
                finding: Finding::Found(report),
                asked: life.now,
            },
            Source::Query,
        );
    };
    let answer = |life: &mut Life, outcome| {
        life.observe(
            Observation::Reply {
                attempt: 1,
                outcome,
            },
            Source::Reply,
        );
    };
    match status {
        Status::AwaitingApproval | Status::Queued => {}
        Status::Cancelled => {
            life.command(Command::Cancel).unwrap();
        }
        _ => {
            submit(&mut life);
        }
    }
    match status {
        Status::Unknown => answer(&mut life, Outcome::Unknown(note("TIMEOUT"))),
        Status::Processing => found(&mut life, WechatState::Processing),
        Status::Abnormal => found(&mut life, WechatState::Abnormal),
        Status::Succeeded => found(&mut life, WechatState::Success),
        Status::Closed => found(&mut life, WechatState::Closed),
        Status::Rejected => answer(&mut life, Outcome::Refused(note("PARAM_ERROR"))),
        Status::SettledOffline => {
            found(&mut life, WechatState::Abnormal);
            life.command(Command::Resolve {
                note: "paid in cash".into(),
            })
            .unwrap();
        }
        _ => {}
    }
    assert_eq!(life.refund().status, status);
    life.now += SignedDuration::from_secs(120);
    life
}

fn show(life: &Life, result: Result<Transition, Refusal>) -> String {
    let transition = match result {
        Err(refusal) => return format!("refused: {}", refusal.code()),
        Ok(transition) => transition,
    };
    let mut text = match &transition.event {
        None => "no change".to_owned(),
        Some(Event { kind, .. }) => {
            let refund = life.refund();
            let mut text = format!("{} -> {}", kind.type_name(), refund.status.as_str());
            if let Some(reason) = refund.pending_reason {
                write!(text, " ({})", reason.as_str()).unwrap();
            }
            if let Some(attention) = refund.attention {
                write!(text, ", attention {}", attention.reason.as_str()).unwrap();
            }
            text
        }
    };
    match transition.plan {
        Plan::Keep => {}
        Plan::Done => text.push_str("; no job"),
        Plan::Forward => text.push_str("; query forward"),
        Plan::At(step, due) => {
            let wait = due.duration_since(life.now).as_secs();
            write!(text, "; {} in {wait} s", step.as_str()).unwrap();
        }
    }
    match transition.attempt {
        None => {}
        Some(AttemptMark::Begin { attempt }) => write!(text, "; attempt {attempt} begins").unwrap(),
        Some(AttemptMark::End { end, .. }) => write!(text, "; attempt {}", end.as_str()).unwrap(),
    }
    if let Some(payment) = &life.payment {
        write!(
            text,
            "; reserved {} spent {} external {}",
            payment.reserved, payment.spent, payment.external
        )
        .unwrap();
    }
    text
}

fn approve(n: u32) -> Command {
    Command::Approve {
        by: person(n),
        comment: None,
    }
}

fn commands() -> Vec<(&'static str, Command)> {
    let mut other = new_refund(1, 400);
    other.content.amount = fen(401);
    vec![
        (
            "request, same",
            Command::Request(Box::new(new_refund(1, 400))),
        ),
        ("request, other amount", Command::Request(Box::new(other))),
        ("approve", approve(2)),
        ("approve, who asked", approve(1)),
        (
            "reject",
            Command::Reject {
                by: person(2),
                comment: None,
            },
        ),
        ("expire", Command::Expire),
        (
            "note",
            Command::Note {
                text: "the buyer called".into(),
            },
        ),
        ("cancel", Command::Cancel),
        ("retry", Command::Retry),
        (
            "resolve",
            Command::Resolve {
                note: "settled".into(),
            },
        ),
        (
            "send elsewhere",
            Command::SendElsewhere(Elsewhere::BuyerCard),
        ),
        ("query", Command::Query),
        ("submit", Command::Submit),
        ("rescue", Command::Rescue),
    ]
}

fn observations(life: &Life) -> Vec<(String, Observation, Source)> {
    let attempt = 1;
    let refund = life.refund();
    let mut list: Vec<(String, Observation, Source)> = Vec::new();
    for state in WechatState::ALL {
        let report = report(refund, state);
        list.push((
            format!("reply accepted {state:?}"),
            Observation::Reply {
                attempt,
                outcome: Outcome::Accepted(report.clone()),
            },
            Source::Reply,
        ));
        let found = Observation::Query {
            finding: Finding::Found(report.clone()),
            asked: life.now,
        };
        list.push((format!("query found {state:?}"), found, Source::Query));
        let notice = Observation::Notification(report);
        list.push((
            format!("notification {state:?}"),
            notice,
            Source::Notification,
        ));
    }
    let mut wrong = report(refund, WechatState::Success);
    wrong.amount = fen(399);
    list.push((
        "notification, other amount".into(),
        Observation::Notification(wrong),
        Source::Notification,
    ));
    list.push(("hint".into(), Observation::Hint, Source::Notification));
    for end in [
        ElsewhereEnd::Accepted,
        ElsewhereEnd::Refused(note("PARAM_ERROR")),
        ElsewhereEnd::Unknown(note("TIMEOUT_NO_RESPONSE")),
    ] {
        let name = format!("sent elsewhere, {}", end.as_str());
        list.push((name, Observation::Elsewhere(end), Source::Reply));
    }
    list.extend(proofless(life.now));
    list
}

/// Answers that carry no report.
fn proofless(now: jiff::Timestamp) -> Vec<(String, Observation, Source)> {
    let attempt = 1;
    let mut list: Vec<(String, Observation, Source)> = Vec::new();
    let outcomes = [
        ("refused", Outcome::Refused(note("PARAM_ERROR"))),
        (
            "refused, unconfirmed",
            Outcome::RefusedUnconfirmed(note("INVALID_REQUEST")),
        ),
        (
            "order missing",
            Outcome::OrderMissing(note("ORDERNOTEXIST")),
        ),
        ("not sent", Outcome::NotSent(note("CONNECT_FAILED"))),
        ("unknown", Outcome::Unknown(note("TIMEOUT_NO_RESPONSE"))),
        (
            "wait balance",
            Outcome::NotNow(Wait::Balance, note("NOTENOUGH")),
        ),
        (
            "wait rate limit",
            Outcome::NotNow(Wait::RateLimit, note("FREQUENCY_LIMITED")),
        ),
        (
            "wait order",
            Outcome::NotNow(Wait::OrderNotReady, note("ORDER_NOT_READY")),
        ),
        (
            "wait merchant",
            Outcome::NotNow(Wait::Merchant, note("SIGNERROR")),
        ),
    ];
    for (name, outcome) in outcomes {
        list.push((
            format!("reply {name}"),
            Observation::Reply { attempt, outcome },
            Source::Reply,
        ));
    }
    let findings = [
        ("not found", Finding::NotFound),
        (
            "unanswered",
            Finding::Unanswered(note("TIMEOUT_NO_RESPONSE")),
        ),
        ("merchant fault", Finding::MerchantFault(note("SIGNERROR"))),
    ];
    for (name, finding) in findings {
        list.push((
            format!("query {name}"),
            Observation::Query {
                finding,
                asked: now,
            },
            Source::Query,
        ));
    }
    list
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a golden file is read and written"
)]
fn every_status_against_every_input_is_as_published() {
    let mut table = String::new();
    for status in Status::ALL {
        writeln!(table, "{}", status.as_str()).unwrap();
        for (name, command) in commands() {
            let mut life = life_in(status);
            let result = life.command(command);
            writeln!(table, "  {name:32} {}", show(&life, result)).unwrap();
        }
        for (name, observation, source) in observations(&life_in(status)) {
            let mut life = life_in(status);
            let transition = life.observe(observation, source);
            writeln!(table, "  {name:32} {}", show(&life, Ok(transition))).unwrap();
        }
    }
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/it/golden/transitions.txt"
    );
    if std::env::var_os("TUIKUAN_GOLDEN").is_some() {
        std::fs::write(path, &table).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        golden == table,
        "the table changed; TUIKUAN_GOLDEN=write writes it anew, review the diff"
    );
}
