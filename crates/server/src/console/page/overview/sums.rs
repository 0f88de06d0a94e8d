//! The figures of several merchants, summed up for one page.

use std::collections::BTreeMap;

use tuikuan_domain::{AttentionReason, MerchantName, PendingReason, Status};
use tuikuan_store::{Class, Figures, Histogram, Sum};

/// What the page is made of.
pub(crate) struct Sums {
    /// Today in Beijing, counted since 1970.
    today: i64,
    /// The hour of now, 0 to 23.
    pub(crate) hour: i64,
    /// Today's refunds by hour and class.
    pub(crate) hours: BTreeMap<(i64, Class), Sum>,
    /// Yesterday's refunds up to this hour.
    pub(crate) yesterday: Sum,
    /// Refunds by where they stand now.
    standing: BTreeMap<&'static str, Sum>,
    /// Refunds that need a person, by reason, in the order of the reasons.
    pub(crate) needed: BTreeMap<usize, (AttentionReason, Sum)>,
    /// How long money that arrived today took.
    pub(crate) day: Histogram,
    /// How long money that arrived in the last days took.
    pub(crate) week: Histogram,
    /// How late notifications came, by merchant, over the same days.
    pub(crate) lags: BTreeMap<MerchantName, Histogram>,
}

impl Sums {
    /// Nothing yet, at a time.
    pub(crate) fn at(today: i64, hour: i64) -> Self {
        Self {
            today,
            hour: hour.saturating_sub(today.saturating_mul(24)),
            hours: BTreeMap::new(),
            yesterday: Sum::default(),
            standing: BTreeMap::new(),
            needed: BTreeMap::new(),
            day: Histogram::default(),
            week: Histogram::default(),
            lags: BTreeMap::new(),
        }
    }

    /// Adds the figures of a merchant.
    pub(crate) fn take(&mut self, merchant: &MerchantName, figures: &Figures) {
        let midnight = self.today.saturating_mul(24);
        for (hour, class, sum) in &figures.hours {
            let of_day = hour.saturating_sub(midnight);
            if (0..24).contains(&of_day) {
                let held = self.hours.entry((of_day, *class)).or_default();
                *held = held.plus(*sum);
            } else if of_day < 0 && of_day.saturating_add(24) <= self.hour {
                self.yesterday = self.yesterday.plus(*sum);
            }
        }
        let standing = figures.standing.iter().map(|(s, sum)| (s.as_str(), *sum));
        let waiting = figures.waiting.iter().map(|(w, sum)| (w.as_str(), *sum));
        for (place, sum) in standing.chain(waiting) {
            let held = self.standing.entry(place).or_default();
            *held = held.plus(sum);
        }
        for (reason, sum) in &figures.needed {
            let order = AttentionReason::ALL
                .iter()
                .position(|known| known == reason);
            let entry = self.needed.entry(order.unwrap_or(usize::MAX));
            let held = &mut entry.or_insert((*reason, Sum::default())).1;
            *held = held.plus(*sum);
        }
        for (day, histogram) in &figures.arrivals {
            self.week.join(histogram);
            if *day == self.today {
                self.day.join(histogram);
            }
        }
        let lag = self.lags.entry(merchant.clone()).or_default();
        figures
            .lags
            .iter()
            .for_each(|(_, histogram)| lag.join(histogram));
    }

    /// Whether there was never a refund.
    pub(crate) fn is_empty(&self) -> bool {
        self.standing.values().all(|sum| sum.refunds == 0)
    }

    /// Refunds in a status.
    pub(crate) fn in_status(&self, status: Status) -> Sum {
        self.standing
            .get(status.as_str())
            .copied()
            .unwrap_or_default()
    }

    /// Queued refunds that wait for something.
    pub(crate) fn waiting_for(&self, reason: PendingReason) -> Sum {
        self.standing
            .get(reason.as_str())
            .copied()
            .unwrap_or_default()
    }

    /// Today's refunds of a class.
    pub(crate) fn today(&self, class: Class) -> Sum {
        let of_class = self.hours.iter().filter(|((_, known), _)| *known == class);
        of_class.fold(Sum::default(), |total, (_, sum)| total.plus(*sum))
    }

    /// All of today's refunds.
    pub(crate) fn all_today(&self) -> Sum {
        self.hours
            .values()
            .fold(Sum::default(), |total, sum| total.plus(*sum))
    }
}
