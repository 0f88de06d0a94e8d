//! Chooses the faults that meet a call or a notification, and counts what was applied. Rules that
//! name a refund are found by its number, so that a run with one rule per refund stays fast.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::{FaultAction, FaultRule, Interface, Stage};
use crate::random::Random;

/// What a rule is compared with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) interface: Interface,
    pub(crate) merchant: &'a str,
    pub(crate) out_refund_no: Option<&'a str>,
    pub(crate) out_trade_no: Option<&'a str>,
    pub(crate) path: &'a str,
}

/// The actions that meet one call, at most one per stage.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chosen {
    pub(crate) call: Option<FaultAction>,
    pub(crate) life: Option<FaultAction>,
    pub(crate) notification: Option<FaultAction>,
}

/// A rule with its counts, as GET /faults shows it.
#[derive(Debug, Clone, Serialize)]
pub struct RuleState {
    /// The rule.
    #[serde(flatten)]
    pub rule: FaultRule,
    /// Calls or notifications it met.
    pub matched: u64,
    /// How often it acted.
    pub applied: u64,
}

/// All rules in force.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    rules: Vec<RuleState>,
    general: Vec<usize>,
    by_refund: HashMap<String, Vec<usize>>,
    counts: BTreeMap<&'static str, u64>,
}

impl Desk {
    /// Replaces every rule; the counts of what was applied stay.
    pub(crate) fn replace(&mut self, rules: Vec<FaultRule>) {
        self.rules.clear();
        self.general.clear();
        self.by_refund.clear();
        for rule in rules {
            self.add(rule);
        }
    }

    pub(crate) fn add(&mut self, rule: FaultRule) {
        let at = self.rules.len();
        match &rule.matches.out_refund_no {
            Some(number) => self.by_refund.entry(number.clone()).or_default().push(at),
            None => self.general.push(at),
        }
        self.rules.push(RuleState {
            rule,
            matched: 0,
            applied: 0,
        });
    }

    pub(crate) fn rules(&self) -> &[RuleState] {
        &self.rules
    }

    pub(crate) fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }

    /// The first rule of each stage that meets the subject and whose chance comes up. Rules that
    /// name the refund go before the general ones.
    pub(crate) fn choose(&mut self, subject: &Subject<'_>, dice: &mut Random) -> Chosen {
        let mut chosen = Chosen::default();
        if self.rules.is_empty() {
            return chosen;
        }
        let named = subject
            .out_refund_no
            .and_then(|number| self.by_refund.get(number))
            .map_or(&[][..], Vec::as_slice);
        for at in named.iter().chain(&self.general) {
            let Some(state) = self.rules.get_mut(*at) else {
                continue;
            };
            let slot = match state.rule.action.stage() {
                Stage::Call => &mut chosen.call,
                Stage::Life => &mut chosen.life,
                Stage::Notification => &mut chosen.notification,
            };
            if slot.is_none() && meets(state, subject) && acts(state, dice) {
                state.applied += 1;
                *self.counts.entry(state.rule.action.name()).or_default() += 1;
                *slot = Some(state.rule.action.clone());
            }
        }
        chosen
    }
}

fn meets(state: &RuleState, subject: &Subject<'_>) -> bool {
    let rule = &state.rule;
    let possible = match rule.action.stage() {
        // v2 has no 202.
        Stage::Call if rule.action == FaultAction::Http202 => subject.interface.is_v3(),
        Stage::Call => !subject.interface.is_notification(),
        Stage::Life => subject.interface.is_application(),
        Stage::Notification => subject.interface.is_notification(),
    };
    if !possible {
        return false;
    }
    let matches = &rule.matches;
    let agrees = |wanted: &Option<String>, found: Option<&str>| {
        wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
    };
    matches.api.is_none_or(|api| api == subject.interface)
        && agrees(&matches.merchant, Some(subject.merchant))
        && agrees(&matches.out_refund_no, subject.out_refund_no)
        && agrees(&matches.out_trade_no, subject.out_trade_no)
        && matches
            .path
            .as_deref()
            .is_none_or(|path| subject.path.starts_with(path))
}

fn acts(state: &mut RuleState, dice: &mut Random) -> bool {
    state.matched += 1;
    if state.rule.matches.nth.is_some_and(|n| n != state.matched) {
        return false;
    }
    if state.rule.times.is_some_and(|times| state.applied >= times) {
        return false;
    }
    state
        .rule
        .rate
        .is_none_or(|rate| dice.chance(per_million(rate)))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the product is clamped to 0 ..= 1,000,000"
)]
fn per_million(rate: f64) -> u32 {
    (rate.clamp(0.0, 1.0) * 1_000_000.0).round() as u32
}

#[cfg(test)]
mod tests {
    use super::super::FaultMatch;
    use super::*;

    fn subject(number: &str) -> Subject<'_> {
        Subject {
            interface: Interface::V3Refund,
            merchant: "1900000109",
            out_refund_no: Some(number),
            out_trade_no: None,
            path: "/v3/refund/domestic/refunds",
        }
    }

    #[test]
    fn times_limits_and_stages_do_not_shadow_each_other() {
        let mut desk = Desk::default();
        desk.replace(vec![
            FaultRule::always(FaultAction::Hang).times(1),
            FaultRule::always(FaultAction::NotFoundFor { s: 5 }),
            FaultRule::always(FaultAction::NotificationDrop),
        ]);
        let mut dice = Random::new(1);
        let first = desk.choose(&subject("R1"), &mut dice);
        assert_eq!(first.call, Some(FaultAction::Hang));
        assert_eq!(first.life, Some(FaultAction::NotFoundFor { s: 5 }));
        assert_eq!(first.notification, None);
        assert_eq!(desk.choose(&subject("R1"), &mut dice).call, None);
        assert_eq!(desk.counts().get("hang"), Some(&1));
    }

    #[test]
    fn a_rule_that_names_a_refund_meets_it_alone() {
        let mut desk = Desk::default();
        desk.add(FaultRule::always(FaultAction::Hang).matching(FaultMatch {
            out_refund_no: Some("R2".into()),
            nth: Some(2),
            ..FaultMatch::default()
        }));
        let mut dice = Random::new(1);
        assert_eq!(desk.choose(&subject("R1"), &mut dice).call, None);
        assert_eq!(desk.choose(&subject("R2"), &mut dice).call, None);
        assert_eq!(
            desk.choose(&subject("R2"), &mut dice).call,
            Some(FaultAction::Hang)
        );
        assert_eq!(desk.choose(&subject("R2"), &mut dice).call, None);
    }

    #[test]
    fn rules_read_as_documented() {
        let rules: Vec<FaultRule> = serde_json::from_str(
            r#"[{"match":{"api":"v2_refund"},"action":"reply_lost_after_accept","times":1},
                {"action":{"error_code":{"code":"SYSTEMERROR","accepted":true}},"rate":0.1},
                {"action":{"outcome":{"steps":[{"after_ms":5,"status":"ABNORMAL"}]}}},
                {"action":"http_202"},
                {"action":{"notification_forge":{}}}]"#,
        )
        .unwrap();
        assert_eq!(rules.len(), 5);
        assert!(serde_json::from_str::<FaultRule>(r#"{"action":"hang","tmies":1}"#).is_err());
        for rule in rules {
            let text = serde_json::to_string(&rule.action).unwrap();
            assert!(text.contains(rule.action.name()), "{text}");
        }
    }
}
