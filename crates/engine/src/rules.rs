//! When a refund needs a second person and how much may be asked in a day: the rules are kept in
//! memory, judged before each new refund, and the counting is done in its commit (INV-32, INV-33).

use std::sync::{Arc, PoisonError, RwLock};

use jiff::SignedDuration;
use serde_json::{Value, json};
use tuikuan_domain::approval::{
    Asking, DayLimit, Judged, Rules, Scope, Usage, day, judge, subjects,
};
use tuikuan_domain::refund::{NewRefund, Reason};
use tuikuan_domain::{MerchantName, Payment};
use tuikuan_store::{
    Action, AdminChange, Administered, CommitError, ReadError, RulesAct, Store, StoredRules,
};
use tuikuan_terms::Fen;

use crate::by::By;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::ledger::{LedgerError, ROUNDS_MAX};

/// Reasons that may be offered.
const REASONS_MAX: usize = 50;
/// An approval is waited for at least so long.
const EXPIRES_MIN: SignedDuration = SignedDuration::from_mins(1);
/// And at most so long.
const EXPIRES_MAX: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The rules of the store, read when they are needed first, and again when somebody changed them.
#[derive(Default)]
pub(crate) struct RuleBook {
    kept: RwLock<Option<Arc<Kept>>>,
}

/// The rules, and their version, which is never ahead of them.
pub(crate) struct Kept {
    version: i64,
    list: Vec<StoredRules>,
}

/// What the rules say, and which version of them.
pub(crate) struct Judgment {
    pub(crate) judged: Judged,
    pub(crate) version: i64,
}

impl RuleBook {
    /// Reads them anew, after they were changed here or by another process. What was read last is kept,
    /// with a lower version too: a failover or a restore may have taken the database back. Whoever was
    /// faster with newer ones reads again, because a commit says so.
    pub(crate) async fn reload(&self, store: &Store) -> Result<Arc<Kept>, ReadError> {
        let version = store.settings_versions().await?.rules;
        let list = store.rules().await?;
        let fresh = Arc::new(Kept { version, list });
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        *kept = Some(Arc::clone(&fresh));
        Ok(fresh)
    }

    /// Those of this version: read anew, if another one is kept.
    pub(crate) async fn follow(&self, store: &Store, version: i64) -> Result<Arc<Kept>, ReadError> {
        match self.kept() {
            Some(kept) if kept.version == version => Ok(kept),
            Some(_) | None => self.reload(store).await,
        }
    }

    /// Those that hold now, whoever set them.
    async fn current(&self, store: &Store) -> Result<Arc<Kept>, ReadError> {
        let version = store.settings_versions().await?.rules;
        self.follow(store, version).await
    }

    async fn read(&self, store: &Store) -> Result<Arc<Kept>, ReadError> {
        match self.kept() {
            Some(kept) => Ok(kept),
            None => self.reload(store).await,
        }
    }

    fn kept(&self) -> Option<Arc<Kept>> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.clone()
    }
}

/// The rules that hold for a merchant: its own, or else those of all.
fn holding(book: &[StoredRules], merchant: &MerchantName) -> (Scope, Rules) {
    let of = |wanted: Option<&MerchantName>| {
        let found = book.iter().find(|r| r.merchant.as_ref() == wanted);
        found.map(|found| found.rules.clone())
    };
    match of(Some(merchant)) {
        Some(own) => (Scope::Merchant, own),
        None => (Scope::All, of(None).unwrap_or_default()),
    }
}

impl Engine {
    /// All rules as they are stored: those of all merchants first.
    ///
    /// # Errors
    /// The store's.
    pub async fn rules(&self) -> Result<Vec<StoredRules>, EngineError> {
        Ok(self.store().rules().await?)
    }

    /// The rules that hold for a merchant now.
    ///
    /// # Errors
    /// The store's.
    pub async fn rules_of(&self, merchant: &MerchantName) -> Result<Rules, EngineError> {
        Ok(self.rules_now(merchant).await?.0)
    }

    /// The same, and which version of all rules it is.
    pub(crate) async fn rules_now(
        &self,
        merchant: &MerchantName,
    ) -> Result<(Rules, i64), EngineError> {
        let book = self.rule_book().current(self.store()).await?;
        Ok((holding(&book.list, merchant).1, book.version))
    }

    /// Sets the rules of a merchant, or of all (`None`). `replaces` is the version that was looked
    /// at; `None` where there were none.
    ///
    /// # Errors
    /// [`EngineError::RulesRefused`], [`EngineError::UnknownMerchant`], or
    /// [`EngineError::Conflict`] when somebody else was first.
    pub async fn set_rules(
        &self,
        by: &By,
        merchant: Option<MerchantName>,
        (rules, replaces): (Rules, Option<i64>),
    ) -> Result<StoredRules, EngineError> {
        check(&rules)?;
        if merchant
            .as_ref()
            .is_some_and(|name| self.merchant(name).is_none())
        {
            return Err(EngineError::UnknownMerchant);
        }
        let before = self.stored_rules(merchant.as_ref()).await?;
        let detail = json!({
            "merchant": merchant.as_ref().map(|name| name.as_str()),
            "before": before.as_ref().map(|before| shown(&before.rules)),
            "after": shown(&rules),
        });
        let stored = StoredRules {
            merchant,
            rules,
            changed_at: self.now(),
            changed_by: by.actor.clone(),
            version: replaces.unwrap_or(0).saturating_add(1),
        };
        let subject = subject(stored.merchant.as_ref());
        let audit = by.entry(self.now(), Action::RULES_CHANGED, (&subject, detail));
        self.write_rules(RulesAct::Set(stored.clone()), audit)
            .await?;
        Ok(stored)
    }

    /// A merchant goes back to the rules of all.
    ///
    /// # Errors
    /// [`EngineError::Conflict`] when they are no longer the version that was looked at.
    pub async fn remove_rules(
        &self,
        by: &By,
        merchant: MerchantName,
        version: i64,
    ) -> Result<(), EngineError> {
        let before = self.stored_rules(Some(&merchant)).await?;
        let detail = json!({
            "merchant": merchant.as_str(),
            "before": before.as_ref().map(|before| shown(&before.rules)),
        });
        let subject = subject(Some(&merchant));
        let audit = by.entry(self.now(), Action::RULES_REMOVED, (&subject, detail));
        let act = RulesAct::Removed { merchant, version };
        self.write_rules(act, audit).await
    }

    async fn stored_rules(
        &self,
        merchant: Option<&MerchantName>,
    ) -> Result<Option<StoredRules>, EngineError> {
        let all = self.rules().await?;
        Ok(all.into_iter().find(|r| r.merchant.as_ref() == merchant))
    }

    async fn write_rules(
        &self,
        act: RulesAct,
        audit: tuikuan_store::NewAudit,
    ) -> Result<(), EngineError> {
        let act = Administered::Rules(Box::new(act));
        match self.store().administer(AdminChange { act, audit }).await {
            Ok(()) => {}
            Err(CommitError::Conflict) => return Err(EngineError::Conflict),
            Err(error) => return Err(error.into()),
        }
        self.rule_book().reload(self.store()).await?;
        Ok(())
    }

    /// What the rules say of a refund that does not exist yet. What they allow is proved in the commit;
    /// what they refuse is proved here, by the version that holds now.
    pub(crate) async fn judge(
        &self,
        new: &NewRefund,
        by: &By,
        payment: Option<&Payment>,
    ) -> Result<Judgment, LedgerError> {
        let mut book = self.rule_book().read(self.store()).await?;
        for _ in 0..ROUNDS_MAX {
            match self.judge_by(&book.list, new, by, payment).await {
                Ok(judged) => {
                    let version = book.version;
                    return Ok(Judgment { judged, version });
                }
                Err(refused @ LedgerError::Refused(_)) => {
                    let now = self.rule_book().current(self.store()).await?;
                    if now.version == book.version {
                        return Err(refused);
                    }
                    book = now;
                }
                Err(error) => return Err(error),
            }
        }
        Err(LedgerError::Contended)
    }

    async fn judge_by(
        &self,
        book: &[StoredRules],
        new: &NewRefund,
        by: &By,
        payment: Option<&Payment>,
    ) -> Result<Judged, LedgerError> {
        let (scope, rules) = holding(book, &new.merchant);
        let orders = order_names(new, payment);
        let now = self.now();
        let asking = Asking {
            actor: &by.actor,
            key: by.key.as_ref().map(|key| key.as_str()),
            merchant: &new.merchant,
            orders: &orders,
            amount: new.content.amount,
            now,
        };
        let subjects = subjects(&rules, scope, &asking);
        let used = match subjects.as_slice() {
            [] => Vec::new(),
            some => self.store().usage(&day(now), some).await?,
        };
        let usage = |subject: &str| {
            let found = used.iter().find(|used| used.subject == subject);
            found.map_or(Usage::NONE, |found| found.usage)
        };
        Ok(judge(&rules, scope, &asking, usage)?)
    }
}

/// The names of the order, as far as they are known.
fn order_names(new: &NewRefund, payment: Option<&Payment>) -> Vec<String> {
    let sub = new.sub_mch_id.as_ref().map_or("", |sub| sub.as_str());
    let order = &new.content.order;
    let trade_no = payment.map(|payment| &payment.out_trade_no);
    let transaction = payment.and_then(|payment| payment.transaction_id.as_ref());
    let trade_no = trade_no.or(order.out_trade_no.as_ref());
    let transaction = transaction.or(order.transaction_id.as_ref());
    let trade_no = trade_no.map(|no| format!("{}/{sub}/{no}", new.mch_id));
    let transaction = transaction.map(|id| format!("{}/wechat/{id}", new.mch_id));
    trade_no.into_iter().chain(transaction).collect()
}

fn subject(merchant: Option<&MerchantName>) -> String {
    merchant.map_or_else(|| "rules".to_owned(), |name| format!("rules:{name}"))
}

fn check(rules: &Rules) -> Result<(), EngineError> {
    let refuse = |reason| Err(EngineError::RulesRefused { reason });
    if rules.reasons.len() > REASONS_MAX {
        return refuse("at most 50 reasons are offered");
    }
    if rules
        .reasons
        .iter()
        .any(|text| text.parse::<Reason>().is_err())
    {
        return refuse("a reason has 1 to 80 bytes of UTF-8, without emoji and control characters");
    }
    if !(EXPIRES_MIN..=EXPIRES_MAX).contains(&rules.expires) {
        return refuse("an approval is waited for between one minute and 30 days");
    }
    Ok(())
}

/// Rules as the audit log shows them.
fn shown(rules: &Rules) -> Value {
    let fen = |fen: Option<Fen>| fen.map(Fen::get);
    let limit = |limit: DayLimit| json!({ "amount": fen(limit.amount), "count": limit.count });
    json!({
        "approval_above": fen(rules.approval_above),
        "approval_person_day": fen(rules.approval_person_day),
        "person_day": limit(rules.person_day),
        "key_day": limit(rules.key_day),
        "order_day": limit(rules.order_day),
        "reasons": rules.reasons,
        "expires_s": rules.expires.as_secs(),
    })
}
