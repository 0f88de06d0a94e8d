//! The engine's numbers from the file: each replaces a good default, and each has a range.

use jiff::SignedDuration;
use tuikuan_engine::Settings;
use tuikuan_terms::Fen;

use super::raw::RawConfig;
use super::reader::Reader;
use super::value::Span;

const SECOND: SignedDuration = SignedDuration::from_secs(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// A schedule has at most so many steps.
const STEPS_MAX: usize = 32;
/// WeChat keeps bills for three months.
const BILL_DAYS_MAX: i32 = 90;
/// Rates and counts go up to this.
const COUNT_MAX: u32 = 100_000;

/// Reads numbers over defaults.
pub(crate) struct Numbers<'a, 'r> {
    pub(crate) reader: &'a mut Reader<'r>,
}

impl Numbers<'_, '_> {
    /// The engine's settings.
    pub(crate) fn settings(mut self, raw: &RawConfig) -> Settings {
        let mut settings = Settings::default();
        self.times(raw, &mut settings);
        self.housekeeping(raw, &mut settings);
        self.schedules(raw, &mut settings);
        self.counts(raw, &mut settings);
        if settings.call_timeout >= settings.lease {
            let what = "is not shorter than engine.lease";
            self.reader.fault(
                "engine.wechat_timeout",
                what,
                "a call must end within its lease",
            );
        }
        settings
    }

    fn times(&mut self, raw: &RawConfig, settings: &mut Settings) {
        let (engine, hour) = (&raw.engine, SignedDuration::from_hours(1));
        let millisecond = SignedDuration::from_millis(1);
        let schedule = &mut settings.schedule;
        self.time(
            "engine.lease",
            engine.lease,
            (SECOND, hour),
            &mut settings.lease,
        );
        let timeout = &mut settings.call_timeout;
        self.time(
            "engine.wechat_timeout",
            engine.wechat_timeout,
            (millisecond, hour),
            timeout,
        );
        let first = &mut schedule.first_query;
        self.time(
            "engine.first_query",
            engine.first_query,
            (millisecond, hour),
            first,
        );
        let visibility = &mut schedule.visibility;
        self.time(
            "engine.visibility",
            engine.visibility,
            (millisecond, DAY),
            visibility,
        );
        self.time(
            "engine.spacing",
            engine.spacing,
            (millisecond, DAY),
            &mut schedule.spacing,
        );
        let attention = &mut schedule.unknown_attention;
        self.time(
            "engine.unknown_attention",
            engine.unknown_attention,
            (SECOND, 30 * DAY),
            attention,
        );
        let until = &mut schedule.query_until;
        self.time(
            "engine.query_until",
            engine.query_until,
            (SECOND, 365 * DAY),
            until,
        );
    }

    fn housekeeping(&mut self, raw: &RawConfig, settings: &mut Settings) {
        let (engine, hour) = (&raw.engine, SignedDuration::from_hours(1));
        let kept = &mut settings.exchanges_kept;
        self.time(
            "engine.exchanges_kept",
            engine.exchanges_kept,
            (hour, 3650 * DAY),
            kept,
        );
        let refresh = &mut settings.certificates_refresh;
        self.time(
            "engine.certificates_refresh",
            engine.certificates_refresh,
            (SECOND, DAY),
            refresh,
        );
        self.bills(raw, settings);
        let failing = &mut settings.endpoint_failing_max;
        let after = raw.webhooks.disable_after;
        self.time(
            "webhooks.disable_after",
            after,
            (SECOND, 365 * DAY),
            failing,
        );
    }

    fn bills(&mut self, raw: &RawConfig, settings: &mut Settings) {
        let engine = &raw.engine;
        let (promised, zero) = (SignedDuration::from_hours(10), SignedDuration::ZERO);
        let at = &mut settings.bill_at;
        self.time("engine.bill_at", engine.bill_at, (promised, DAY), at);
        let spread = &mut settings.bill_spread;
        let hours = SignedDuration::from_hours(12);
        self.time(
            "engine.bill_spread",
            engine.bill_spread,
            (zero, hours),
            spread,
        );
        match engine.bill_look_back.map(i32::try_from) {
            None => {}
            Some(Ok(days @ 0..=BILL_DAYS_MAX)) => settings.bill_look_back = days,
            Some(_) => {
                let advice =
                    format!("choose between 0 (no bills by themselves) and {BILL_DAYS_MAX}");
                self.reader
                    .fault("engine.bill_look_back", "is outside its range", &advice);
            }
        }
    }

    fn schedules(&mut self, raw: &RawConfig, settings: &mut Settings) {
        let (engine, schedule) = (&raw.engine, &mut settings.schedule);
        self.list(
            "engine.balance",
            engine.balance.as_deref(),
            &mut schedule.balance,
        );
        self.list(
            "engine.rate_limit",
            engine.rate_limit.as_deref(),
            &mut schedule.rate_limit,
        );
        let not_ready = &mut schedule.order_not_ready;
        self.list(
            "engine.order_not_ready",
            engine.order_not_ready.as_deref(),
            not_ready,
        );
        self.list(
            "engine.merchant",
            engine.merchant.as_deref(),
            &mut schedule.merchant,
        );
        self.list(
            "engine.unreachable",
            engine.unreachable.as_deref(),
            &mut schedule.unreachable,
        );
        self.list(
            "engine.resend",
            engine.resend.as_deref(),
            &mut schedule.resend,
        );
        let retry = raw.webhooks.retry.as_deref();
        self.list("webhooks.retry", retry, &mut settings.delivery_waits);
    }

    fn counts(&mut self, raw: &RawConfig, settings: &mut Settings) {
        let (engine, limits) = (&raw.engine, &mut settings.limits);
        let submits = &mut limits.submits_per_second;
        self.count(
            "engine.submits_per_second",
            engine.submits_per_second,
            submits,
        );
        let queries = &mut limits.queries_per_second;
        self.count(
            "engine.queries_per_second",
            engine.queries_per_second,
            queries,
        );
        let errors = &mut limits.errors_per_second;
        self.count("engine.errors_per_second", engine.errors_per_second, errors);
        let old = &mut limits.old_orders_per_minute;
        self.count(
            "engine.old_orders_per_minute",
            engine.old_orders_per_minute,
            old,
        );
        let calls = &mut settings.calls_in_flight_max;
        self.count("engine.calls_in_flight", engine.calls_in_flight, calls);
        let deliveries = &mut settings.deliveries_in_flight_max;
        self.count(
            "webhooks.deliveries_in_flight",
            raw.webhooks.deliveries_in_flight,
            deliveries,
        );
        let Some(total) = engine.total_max else {
            return;
        };
        match Fen::new(total) {
            Ok(fen) if !fen.is_zero() => settings.total_max = fen,
            Ok(_) | Err(_) => {
                let advice = "write the greatest order total in fen, a whole number above zero";
                self.reader
                    .fault("engine.total_max", "is not an amount in fen", advice);
            }
        }
    }

    fn time(
        &mut self,
        key: &str,
        given: Option<Span>,
        (least, most): (SignedDuration, SignedDuration),
        place: &mut SignedDuration,
    ) {
        let Some(Span(span)) = given else { return };
        if span < least || span > most {
            let advice = format!("choose between {least:#} and {most:#}");
            self.reader.fault(key, "is outside its range", &advice);
        } else {
            *place = span;
        }
    }

    fn list(&mut self, key: &str, given: Option<&[Span]>, place: &mut Vec<SignedDuration>) {
        let Some(list) = given else { return };
        if list.is_empty() || list.len() > STEPS_MAX {
            let advice = format!("give 1 to {STEPS_MAX} times, such as [\"1m\", \"5m\"]");
            self.reader.fault(key, "has no steps, or too many", &advice);
        } else {
            *place = list.iter().map(|span| span.0).collect();
        }
    }

    fn count(&mut self, key: &str, given: Option<u32>, place: &mut usize) {
        let Some(count) = given else { return };
        match usize::try_from(count) {
            Ok(number) if (1..=COUNT_MAX).contains(&count) => *place = number,
            Ok(_) | Err(_) => {
                let advice = format!("choose between 1 and {COUNT_MAX}");
                self.reader.fault(key, "is outside its range", &advice);
            }
        }
    }
}
