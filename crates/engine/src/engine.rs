//! The handle of the engine: what interfaces call, and what jobs work with. Cheap to clone.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tuikuan_domain::planted::{self, Bug};
use tuikuan_domain::{MerchantName, OrderRef, Payment, Refund};
use tuikuan_store::{Guard, Nodes, ReadError, Release, Store};
use tuikuan_terms::{MchId, OutTradeNo};

use crate::batch::Uploads;
use crate::clock::{Clock, IdSource};
use crate::health::Vitals;
use crate::hearing::Hearing;
use crate::lane::Lanes;
use crate::ledger::{Ledger, LedgerError};
use crate::merchant::Merchant;
use crate::network::Network;
use crate::rules::RuleBook;
use crate::settings::Settings;
use crate::share::Shares;
use crate::skew::{Offsets, Skew};
use crate::tally::Tally;
use crate::webhook::Endpoints;

/// What an engine is made of.
pub struct EngineParts {
    /// The store, open.
    pub store: Arc<Store>,
    /// The merchants of the configuration.
    pub merchants: Vec<Arc<Merchant>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Identifiers.
    pub ids: Arc<dyn IdSource>,
    /// The way out.
    pub network: Arc<dyn Network>,
    /// The numbers.
    pub settings: Settings,
}

struct Inner {
    ledger: Ledger,
    lanes: Lanes,
    /// Where other nodes use the same quotas.
    shares: Option<Shares>,
    network: Arc<dyn Network>,
    merchants: Vec<Arc<Merchant>>,
    by_name: HashMap<MerchantName, usize>,
    tally: Tally,
    vitals: Vitals,
    hearing: Hearing,
    work: tokio::sync::Notify,
    litter: tokio::sync::Notify,
    skew: Skew,
    certificates: HashMap<MerchantName, tokio::sync::Notify>,
    uploads: Uploads,
    stopping: AtomicBool,
}

/// The engine.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("merchants", &self.inner.merchants.len())
            .finish()
    }
}

/// A job that is ours until a time.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) guard: Guard,
    pub(crate) until: Timestamp,
}

impl Engine {
    /// An engine over an open store. It does nothing by itself until its workers are started.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn new(mut parts: EngineParts) -> Result<Self, ReadError> {
        parts.settings.lease = parts.settings.lease.max(parts.settings.lease_min());
        let endpoints = Endpoints::load(&parts.store).await?;
        let by_name = parts
            .merchants
            .iter()
            .enumerate()
            .map(|(i, m)| (m.name.clone(), i))
            .collect();
        let certificates = parts
            .merchants
            .iter()
            .map(|merchant| (merchant.name.clone(), tokio::sync::Notify::new()))
            .collect();
        let limits = parts.settings.limits;
        let born = parts.clock.now();
        let shares = match parts.store.nodes() {
            Nodes::One => None,
            Nodes::Many => Some(Shares::new(limits)),
        };
        let ledger = Ledger {
            store: parts.store,
            clock: parts.clock,
            ids: parts.ids,
            settings: Arc::new(parts.settings),
            endpoints,
            rules: RuleBook::default(),
        };
        let inner = Inner {
            ledger,
            lanes: Lanes::new(limits, born),
            shares,
            network: parts.network,
            merchants: parts.merchants,
            by_name,
            tally: Tally::default(),
            vitals: Vitals::default(),
            hearing: Hearing::default(),
            work: tokio::sync::Notify::new(),
            litter: tokio::sync::Notify::new(),
            skew: Skew::default(),
            certificates,
            uploads: Uploads::default(),
            stopping: AtomicBool::new(false),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The store, for reads. Every write goes through the engine.
    #[must_use]
    pub fn store(&self) -> &Arc<Store> {
        &self.inner.ledger.store
    }

    /// The merchants of the configuration.
    #[must_use]
    pub fn merchants(&self) -> &[Arc<Merchant>] {
        &self.inner.merchants
    }

    /// A merchant by its short name.
    #[must_use]
    pub fn merchant(&self, name: &MerchantName) -> Option<&Arc<Merchant>> {
        self.inner
            .by_name
            .get(name)
            .and_then(|index| self.inner.merchants.get(*index))
    }

    /// The engine's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.ledger.now()
    }

    /// The engine's numbers.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.inner.ledger.settings
    }

    /// What happened since the process started.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.inner.tally
    }

    /// The position of the last committed event; changes with each one.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<i64> {
        self.store().events_changed()
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.inner.ledger
    }

    pub(crate) fn rule_book(&self) -> &RuleBook {
        &self.inner.ledger.rules
    }

    pub(crate) fn lanes(&self) -> &Lanes {
        &self.inner.lanes
    }

    pub(crate) fn shares(&self) -> Option<&Shares> {
        self.inner.shares.as_ref()
    }

    pub(crate) fn uploads(&self) -> &Uploads {
        &self.inner.uploads
    }

    pub(crate) fn network(&self) -> &Arc<dyn Network> {
        &self.inner.network
    }

    pub(crate) fn vitals(&self) -> &Vitals {
        &self.inner.vitals
    }

    pub(crate) fn hearing(&self) -> &Hearing {
        &self.inner.hearing
    }

    pub(crate) fn id_source(&self) -> Arc<dyn IdSource> {
        Arc::clone(&self.inner.ledger.ids)
    }

    pub(crate) fn ids(&self) -> &dyn IdSource {
        self.inner.ledger.ids.as_ref()
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        self.inner.ledger.clock.as_ref()
    }

    /// Now and a while.
    pub(crate) fn after(&self, wait: SignedDuration) -> Timestamp {
        tuikuan_domain::after(self.now(), wait)
    }

    pub(crate) async fn sleep_until(&self, due: Timestamp) {
        self.clock().sleep_until(due).await;
    }

    /// Tells the workers that there may be work.
    pub(crate) fn wake(&self) {
        self.inner.work.notify_one();
    }

    pub(crate) fn work(&self) -> &tokio::sync::Notify {
        &self.inner.work
    }

    /// There may be much to remove.
    pub(crate) fn litter(&self) -> &tokio::sync::Notify {
        &self.inner.litter
    }

    /// How far the clocks are from the database's, as they were measured last; `None` where they are one,
    /// or not measured yet.
    #[must_use]
    pub fn clock_offsets(&self) -> Option<Offsets> {
        self.inner.skew.last()
    }

    pub(crate) fn skew(&self) -> &Skew {
        &self.inner.skew
    }

    /// A notification named a serial that nobody knows: the certificates are fetched again.
    pub(crate) fn want_certificates(&self, merchant: &MerchantName) {
        if let Some(wanted) = self.inner.certificates.get(merchant) {
            wanted.notify_one();
        }
    }

    pub(crate) async fn certificates_wanted(&self, merchant: &MerchantName) {
        match self.inner.certificates.get(merchant) {
            Some(wanted) => wanted.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Whether a lease outlasts a call that begins at `begin`.
    pub(crate) fn outlasts_call(&self, held: &Held, begin: Timestamp) -> bool {
        planted::is(Bug::SendsWithoutLease)
            || tuikuan_domain::after(begin, self.settings().call_timeout) <= held.until
    }

    pub(crate) async fn reload_endpoints(&self) -> Result<(), ReadError> {
        self.ledger().endpoints.reload(self.store()).await
    }

    pub(crate) fn set_stopping(&self) {
        self.inner.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the service is stopping: what has not begun is handed back.
    pub(crate) fn stopping(&self) -> bool {
        self.inner.stopping.load(Ordering::Relaxed)
    }

    /// Hands a job back: stopping, or waiting too long for the quota, is not a failed attempt.
    pub(crate) async fn hand_back(&self, held: &Held, due: Timestamp) -> Result<(), LedgerError> {
        let now = self.now();
        let release = Release {
            guard: held.guard.clone(),
            due: due.max(now),
            now,
        };
        self.store().release(release).await?;
        Ok(())
    }

    /// When the payment of a refund was paid, where known.
    pub(crate) async fn paid_at(&self, refund: &Refund) -> Option<Timestamp> {
        let payment = self
            .store()
            .payment(refund.payment_id.as_ref()?)
            .await
            .ok()
            .flatten()?;
        payment.paid_at
    }

    /// The stored payment of an order, by its own number first.
    pub(crate) async fn payment_of(
        &self,
        merchant: &Merchant,
        order: &OrderRef,
    ) -> Result<Option<Payment>, ReadError> {
        let (mch_id, sub): (&MchId, _) = (&merchant.mch_id, merchant.sub_mch_id.as_ref());
        if let Some(out_trade_no) = order.out_trade_no.as_ref() {
            let found = self.payment_by_trade_no(mch_id, sub, out_trade_no).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        match order.transaction_id.as_ref() {
            Some(id) => self.store().payment_by_transaction(mch_id, id).await,
            None => Ok(None),
        }
    }

    async fn payment_by_trade_no(
        &self,
        mch_id: &MchId,
        sub_mch_id: Option<&tuikuan_terms::SubMchId>,
        out_trade_no: &OutTradeNo,
    ) -> Result<Option<Payment>, ReadError> {
        self.store()
            .payment_by_trade_no(mch_id, sub_mch_id, out_trade_no)
            .await
    }
}
