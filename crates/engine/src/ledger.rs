//! The two doors made durable: load, call the door, commit, and decide again after a lost race. The
//! only writer of refunds. Nobody is told anything before the commit is durable (INV-14).

use std::sync::Arc;

use jiff::Timestamp;
use tuikuan_domain::approval::UsageClaim;
use tuikuan_domain::refund::{Approval, Context};
use tuikuan_domain::{Payment, Plan, Refund, RefundId, Refusal, Transition};
use tuikuan_store::{
    Change, CommitError, Committed, Exchange, Guard, InboxEntry, LineMark, NewAudit, ReadError,
    Store,
};

use crate::by::By;
use crate::clock::{Clock, IdSource};
use crate::rules::RuleBook;
use crate::settings::Settings;
use crate::webhook::Endpoints;

/// A race is decided again at most so often: every round somebody else has won, and no order has so
/// many refunds. A clash that no reload cures ends here too.
pub(crate) const ROUNDS_MAX: usize = 300;

/// Why an act on the ledger came to nothing. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// There is no such refund.
    #[error("no such refund")]
    NotFound,
    /// A door refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The lease under which this was to be written is somebody else's now.
    #[error("the lease of the job was lost")]
    LeaseLost,
    /// The store could not write.
    #[error(transparent)]
    Store(CommitError),
    /// The store could not read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Too many others changed the same records.
    #[error("the records are changed by too many at once")]
    Contended,
}

impl From<CommitError> for LedgerError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::LeaseLost => Self::LeaseLost,
            CommitError::Conflict
            | CommitError::Outdated
            | CommitError::Overdrawn { .. }
            | CommitError::Full
            | CommitError::Unavailable { .. }
            | CommitError::Unsettled
            | CommitError::Stopped { .. } => Self::Store(error),
        }
    }
}

/// What is written beside a transition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Beside {
    pub(crate) guard: Option<Guard>,
    pub(crate) inbox: Option<InboxEntry>,
    pub(crate) exchange: Option<Exchange>,
    pub(crate) line: Option<LineMark>,
    /// Written only with what it is about: alone it says nothing.
    pub(crate) audit: Option<NewAudit>,
    pub(crate) usage: Vec<UsageClaim>,
    /// The version of the rules by which it was judged.
    pub(crate) rules: Option<i64>,
}

impl Beside {
    pub(crate) fn under(guard: &Guard) -> Self {
        Self {
            guard: Some(guard.clone()),
            ..Self::default()
        }
    }

    fn is_empty(&self) -> bool {
        self.inbox.is_none() && self.exchange.is_none() && self.line.is_none()
    }

    /// Everything of one commit, but for the messages to endpoints.
    fn with(self, transition: Transition, subject: &RefundId, at: Timestamp) -> Change {
        let Self {
            guard,
            inbox,
            exchange,
            line,
            audit,
            usage,
            rules,
        } = self;
        let mut change = Change {
            guard,
            inbox,
            exchange,
            line,
            audit,
            usage,
            ..Change::of(transition, subject.clone(), at)
        };
        change.settings.rules = rules;
        change
    }

    /// The reverse of [`Beside::with`]; messages to endpoints are made anew in each round.
    fn apart(change: Change) -> (Transition, Self) {
        let Change {
            guard,
            refund,
            payment,
            event,
            plan,
            attempt,
            deliveries: _,
            inbox,
            exchange,
            line,
            audit,
            usage,
            settings,
            at: _,
            subject: _,
        } = change;
        let transition = Transition {
            refund,
            payment,
            event,
            plan,
            attempt,
        };
        let beside = Self {
            guard,
            inbox,
            exchange,
            line,
            audit,
            usage,
            rules: settings.rules,
        };
        (transition, beside)
    }
}

/// The records as a door sees them.
pub(crate) struct Loaded {
    pub(crate) refund: Option<Refund>,
    pub(crate) payment: Option<Payment>,
}

/// What came of a commit. What was to be written comes back with it: for the answer, or for another round.
#[must_use]
pub(crate) struct Written {
    /// `None`: there was nothing to write.
    pub(crate) outcome: Result<Option<Committed>, CommitError>,
    pub(crate) transition: Transition,
    pub(crate) beside: Beside,
}

/// What came of an act.
#[derive(Debug)]
pub(crate) struct Acted {
    /// The refund after it.
    pub(crate) refund: Refund,
    /// The transition that was committed.
    pub(crate) transition: Transition,
}

/// The writer of refunds.
pub(crate) struct Ledger {
    pub(crate) store: Arc<Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) endpoints: Endpoints,
    pub(crate) rules: RuleBook,
}

impl Ledger {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn context<'a>(&'a self, by: &'a By) -> Context<'a> {
        Context {
            now: self.now(),
            source: by.source,
            actor: &by.actor,
            schedule: &self.settings.schedule,
            total_max: self.settings.total_max,
            approval: Approval::NotNeeded,
        }
    }

    /// Loads a refund and its payment.
    pub(crate) async fn load(&self, id: &RefundId) -> Result<Loaded, LedgerError> {
        let found = self.store.refund_and_payment(id).await?;
        Ok(Loaded {
            refund: found.refund,
            payment: found.payment,
        })
    }

    /// Applies a door to an existing refund and commits what it returns.
    pub(crate) async fn act(
        &self,
        id: &RefundId,
        by: &By,
        beside: Beside,
        door: impl Fn(&Refund, Option<&Payment>, &Context<'_>) -> Result<Transition, Refusal>
        + Send
        + Sync,
    ) -> Result<Acted, LedgerError> {
        self.act_on(self.load(id).await?, by, beside, door).await
    }

    /// The same from records that were just loaded at one instant; they are loaded anew only after a
    /// lost race.
    pub(crate) async fn act_on(
        &self,
        first: Loaded,
        by: &By,
        mut beside: Beside,
        door: impl Fn(&Refund, Option<&Payment>, &Context<'_>) -> Result<Transition, Refusal>
        + Send
        + Sync,
    ) -> Result<Acted, LedgerError> {
        let mut loaded = first;
        for _ in 0..ROUNDS_MAX {
            let refund = loaded.refund.ok_or(LedgerError::NotFound)?;
            let transition = door(&refund, loaded.payment.as_ref(), &self.context(by))?;
            let written = self.commit(transition, &refund.id, beside).await;
            match written.outcome {
                Ok(_) => return Ok(after(refund, written.transition)),
                Err(CommitError::Conflict) => tokio::task::yield_now().await,
                Err(error) => return Err(error.into()),
            }
            beside = written.beside;
            loaded = self.load(&refund.id).await?;
        }
        Err(LedgerError::Contended)
    }

    /// Commits a transition; writes nothing when there is nothing to write. After a conflict whoever
    /// decides again has the endpoints and rules that hold now.
    pub(crate) async fn commit(
        &self,
        transition: Transition,
        subject: &RefundId,
        beside: Beside,
    ) -> Written {
        if transition == Transition::unchanged() && beside.is_empty() {
            return Written {
                outcome: Ok(None),
                transition,
                beside,
            };
        }
        let mut change = beside.with(transition, subject, self.now());
        if let (Some(event), Some(changed)) = (&change.event, &change.refund) {
            let told = self
                .endpoints
                .deliveries(event, &changed.record, self.ids.as_ref());
            change.deliveries = told.deliveries;
            change.settings.endpoints = Some(told.version);
        }
        let change = Arc::new(change);
        let outcome = self.write(Arc::clone(&change)).await;
        let (transition, beside) = Beside::apart(Arc::unwrap_or_clone(change));
        Written {
            outcome,
            transition,
            beside,
        }
    }

    async fn write(&self, change: Arc<Change>) -> Result<Option<Committed>, CommitError> {
        match self.store.commit(change).await {
            Ok(committed) => Ok(Some(committed)),
            Err(CommitError::Outdated) => {
                let unread = |_| CommitError::Unavailable {
                    reason: "endpoints and rules cannot be read",
                };
                // Rare, and large: not in the future of everybody who commits.
                Box::pin(self.follow_settings()).await.map_err(unread)?;
                Err(CommitError::Conflict)
            }
            Err(error) => Err(error),
        }
    }

    /// Takes in what another process or node changed, if one did.
    async fn follow_settings(&self) -> Result<(), ReadError> {
        let now = self.store.settings_versions().await?;
        self.endpoints.follow(&self.store, now.endpoints).await?;
        self.rules.follow(&self.store, now.rules).await.map(drop)
    }

    /// Gives a refund's job a new plan, under its lease, and changes nothing else.
    pub(crate) async fn replan(
        &self,
        id: &RefundId,
        guard: &Guard,
        plan: Plan,
    ) -> Result<(), LedgerError> {
        let plan = Transition::plan(plan);
        let written = self.commit(plan, id, Beside::under(guard)).await;
        written.outcome?;
        Ok(())
    }
}

/// The refund after a transition.
pub(crate) fn after(refund: Refund, transition: Transition) -> Acted {
    let refund = transition
        .refund
        .as_ref()
        .map_or(refund, |changed| changed.record.clone());
    Acted { refund, transition }
}
