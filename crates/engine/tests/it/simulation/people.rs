//! The people around the engine: who asks, who agrees, and what the rules of this life say. The rules
//! are held a second time, from what the people did (INV-32, INV-33).

use std::collections::BTreeMap;

use jiff::SignedDuration;
use tuikuan_domain::approval::{ApprovalState, DayLimit, Rules, day};
use tuikuan_domain::refund::Command;
use tuikuan_domain::{Actor, PendingReason, Refund, Source, Status};
use tuikuan_engine::By;
use tuikuan_store::{
    Action, AdminChange, Administered, NewAudit, RulesAct, Store, StoredEvent, StoredRules,
};
use tuikuan_terms::Fen;

use super::dice::Dice;
use super::life::now;
use super::stage::Stage;
use super::time::{HOUR, MINUTE, SECOND, START_US};

/// People who ask and agree.
const PEOPLE: usize = 3;

/// One of them.
pub(crate) fn person(n: usize) -> Actor {
    format!("usr_{:016}", n % PEOPLE).parse().unwrap()
}

/// A person through the interface.
pub(crate) fn by(actor: Actor) -> By {
    By {
        actor,
        key: None,
        source: Source::Api,
    }
}

/// Who commands: whoever agrees or does not, else who asked.
pub(crate) fn commander(command: &Command, asker: usize) -> By {
    match command {
        Command::Approve { by: actor, .. } | Command::Reject { by: actor, .. } => by(actor.clone()),
        _ => by(person(asker)),
    }
}

/// The rules of a life; most have none.
pub(crate) fn rules(seed: u64) -> Option<Rules> {
    let mut dice = Dice::new(seed ^ 0x9E0_91E);
    if !dice.chance(400) {
        return None;
    }
    let fen = |amount: i64| Some(Fen::new(amount).unwrap());
    let limit = |amount, count| DayLimit { amount, count };
    Some(Rules {
        approval_above: *dice.pick(&[fen(0), fen(500), fen(2_000), None]),
        approval_person_day: *dice.pick(&[None, None, fen(4_000)]),
        person_day: *dice.pick(&[
            DayLimit::default(),
            limit(None, Some(4)),
            limit(fen(8_000), None),
        ]),
        order_day: *dice.pick(&[DayLimit::default(), limit(None, Some(2))]),
        expires: SignedDuration::from_mins(*dice.pick(&[5, 30, 120])),
        ..Rules::default()
    })
}

/// Writes the rules of a life into its store.
pub(crate) fn lay_down(store: &Store, rules: Rules) {
    let at = jiff::Timestamp::from_microsecond(START_US).unwrap();
    let stored = StoredRules {
        merchant: None,
        rules,
        changed_at: at,
        changed_by: Actor::Cli,
        version: 1,
    };
    let detail = serde_json::json!({});
    let audit = NewAudit::of(at, &Actor::Cli, Action::RULES_CHANGED, ("rules", &detail));
    let act = Administered::Rules(Box::new(RulesAct::Set(stored)));
    now(store.administer(AdminChange { act, audit })).unwrap();
}

/// When people with rules ask: they all begin at once, again and again.
pub(crate) fn together(when: i64) -> i64 {
    when - when.rem_euclid(20 * SECOND) + SECOND
}

/// What people say to a refund that may need a second person, and when.
pub(crate) fn answers(asker: usize, when: i64, dice: &mut Dice) -> Vec<(i64, Command)> {
    let mut said = Vec::new();
    let other = asker + 1 + dice.below(PEOPLE - 1);
    for later in [30 * SECOND, 10 * MINUTE, 3 * HOUR] {
        // Some try it themselves first.
        for (who, often) in [(asker, 200), (other, 400)] {
            if dice.chance(often) {
                let by = person(who);
                let when = when + later + dice.between(0, 10 * SECOND);
                let comment = None;
                said.push((when, Command::Approve { by, comment }));
            }
        }
        if dice.chance(60) {
            let (by, comment) = (person(other), Some("not this one".to_owned()));
            said.push((when + later, Command::Reject { by, comment }));
        }
    }
    said
}

/// What was asked so far, by whom and of which order, on which day.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    sums: BTreeMap<(String, String), (i64, u32)>,
}

impl Asking {
    /// A refund was made: nobody asked more than their day allows (INV-33).
    pub(crate) fn made(&mut self, stage: &mut Stage, refund: &Refund) {
        let Some(rules) = stage.plan.rules.clone() else {
            return;
        };
        if refund.origin != Source::Api {
            return;
        }
        let who = refund.requested_by.as_ref().map_or("", Actor::as_str);
        let order = refund.content.order.out_trade_no.as_ref();
        let order = order.map_or("", |no| no.as_str());
        for (subject, limit) in [(who, rules.person_day), (order, rules.order_day)] {
            if subject.is_empty() {
                continue;
            }
            let key = (subject.to_owned(), day(refund.created_at));
            let (sum, count) = self.sums.entry(key).or_default();
            *sum += refund.content.amount.get();
            *count += 1;
            let over = limit.amount.is_some_and(|max| *sum > max.get())
                || limit.count.is_some_and(|max| *count > max);
            if over {
                stage.find(format!(
                    "INV-33: {subject} asked {sum} fen in {count} refunds in one day"
                ));
            }
        }
    }
}

/// A refund is on its way to WeChat: whoever had to agree has agreed, to exactly this (INV-32).
pub(crate) fn agreed(stage: &mut Stage, refund: &Refund, event: &StoredEvent) {
    let looked_up = refund.pending_reason != Some(PendingReason::PaymentLookup);
    let sending = match event.status {
        Some(Status::Queued) => looked_up,
        Some(Status::Submitting) => true,
        _ => false,
    };
    let above = stage
        .plan
        .rules
        .as_ref()
        .and_then(|rules| rules.approval_above);
    let needed =
        refund.origin == Source::Api && above.is_some_and(|max| refund.content.amount > max);
    let agreed = match &refund.approval {
        ApprovalState::NotRequired => !needed,
        ApprovalState::Required { .. } => false,
        ApprovalState::Given { by, content, .. } => {
            matches!(by, Actor::Person(_))
                && Some(by) != refund.requested_by.as_ref()
                && *content == refund.content_text()
        }
    };
    if sending && !agreed {
        stage.find(format!(
            "INV-32: {} goes to WeChat and nobody else agreed to it: {:?}",
            refund.id, refund.approval
        ));
    }
}
