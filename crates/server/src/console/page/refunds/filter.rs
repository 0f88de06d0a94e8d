//! The filter of the search as it stands in the address: read leniently, written canonically. What
//! cannot be meant finds nothing and is named; it never becomes part of a statement.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use tuikuan_domain::{MerchantName, Source, Status};
use tuikuan_store::{Attention, Cursor, NumberText, Place, RefundSearch};
use tuikuan_terms::Fen;

use crate::console::door::encoded;
use crate::console::visit::Visit;

/// The longest value that is read; longer ones can be nothing.
const VALUE_CHARS_MAX: usize = 128;

/// The fields, in the order in which the address shows them.
const FIELDS: [&str; 10] = [
    "q",
    "merchant",
    "status",
    "attention",
    "origin",
    "error",
    "amount_from",
    "amount_to",
    "from",
    "to",
];

/// The filter as it was asked.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    values: Vec<(&'static str, String)>,
    place: Place,
    wrong: Vec<&'static str>,
    wanted: Wanted,
}

/// The filter as it is understood.
#[derive(Debug, Default)]
struct Wanted {
    merchant: Option<MerchantName>,
    number: Option<NumberText>,
    status: Option<Status>,
    origin: Option<Source>,
    error: Option<String>,
    amount_from: Option<Fen>,
    amount_to: Option<Fen>,
    created_from: Option<Timestamp>,
    created_to: Option<Timestamp>,
    attention: Attention,
}

impl Filter {
    /// Reads what stands in the address. Of a repeated name the first counts.
    pub(crate) fn read(asked: &[(String, String)]) -> Self {
        let value = |name: &str| {
            let found = asked.iter().find(|(known, _)| known == name);
            found.map_or("", |(_, value)| value.trim())
        };
        let mut filter = Self::default();
        for name in FIELDS {
            let text = value(name);
            if !text.is_empty() {
                let kept: String = text.chars().take(VALUE_CHARS_MAX).collect();
                if filter.wanted.take(name, &kept).is_none() || kept.len() < text.len() {
                    filter.wrong.push(name);
                }
                filter.values.push((name, kept));
            }
        }
        let cursor = |name| value(name).parse::<Cursor>().ok();
        filter.place = match (cursor("after"), cursor("before")) {
            (Some(cursor), _) => Place::Older(cursor),
            (None, Some(cursor)) => Place::Newer(cursor),
            (None, None) => Place::Newest,
        };
        filter
    }

    /// A field as it was typed.
    pub(crate) fn value(&self, name: &str) -> &str {
        let found = self.values.iter().find(|(known, _)| *known == name);
        found.map_or("", |(_, value)| value)
    }

    /// Whether a field has this value.
    pub(crate) fn is(&self, name: &str, value: &str) -> bool {
        self.value(name) == value
    }

    /// Whether a field cannot be understood.
    pub(crate) fn is_wrong(&self, name: &str) -> bool {
        self.wrong.contains(&name)
    }

    /// Whether any field cannot be understood.
    pub(crate) fn has_wrong(&self) -> bool {
        !self.wrong.is_empty()
    }

    /// Whether anything is filtered.
    pub(crate) fn is_set(&self) -> bool {
        !self.values.is_empty()
    }

    /// Whether more than the first line of fields is used.
    pub(crate) fn is_deep(&self) -> bool {
        let deep = [
            "origin",
            "error",
            "amount_from",
            "amount_to",
            "from",
            "to",
            "attention",
        ];
        self.values.iter().any(|(name, _)| deep.contains(name))
    }

    /// Whether it is another page than the first.
    pub(crate) fn turned(&self) -> bool {
        self.place != Place::Newest
    }

    /// The search it means; `None` when something cannot be understood.
    pub(crate) fn search(&self, visit: &Visit, limit: u32) -> Option<RefundSearch> {
        if self.has_wrong() {
            return None;
        }
        let wanted = &self.wanted;
        Some(RefundSearch {
            allowed: visit.merchants.clone(),
            merchant: wanted.merchant.clone(),
            number: wanted.number.clone(),
            status: wanted.status,
            origin: wanted.origin,
            error_code: wanted.error.clone(),
            amount_from: wanted.amount_from,
            amount_to: wanted.amount_to,
            created_from: wanted.created_from,
            created_to: wanted.created_to,
            attention: wanted.attention,
            place: self.place.clone(),
            limit,
        })
    }

    /// The address of a page of this filter, with more at its end.
    pub(crate) fn href(&self, path: &str, more: &[(&str, &str)]) -> String {
        let own = self
            .values
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        let pairs: Vec<String> = own
            .chain(more.iter().copied())
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        if pairs.is_empty() {
            path.to_owned()
        } else {
            format!("{path}?{}", pairs.join("&"))
        }
    }

    /// Whether the counters by merchant and status answer it.
    pub(crate) fn counted(&self) -> bool {
        let counted = |name: &str| matches!(name, "merchant" | "status");
        !self.has_wrong() && self.values.iter().all(|(name, _)| counted(name))
    }

    /// Whether a counter belongs to it.
    pub(crate) fn counts(&self, merchant: &MerchantName, status: Status) -> bool {
        let wanted = &self.wanted;
        wanted.merchant.as_ref().is_none_or(|name| name == merchant)
            && wanted.status.is_none_or(|known| known == status)
    }

    /// The filter in words for the audit log: `name=value`, in order.
    pub(crate) fn spoken(&self) -> String {
        let pairs = self
            .values
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join(" ")
    }
}

impl Wanted {
    /// Takes a field; `None` when it cannot be understood.
    fn take(&mut self, name: &str, text: &str) -> Option<()> {
        match name {
            "q" => self.number = Some(text.parse().ok()?),
            "merchant" => self.merchant = Some(text.parse().ok()?),
            "status" => self.status = Some(Status::parse(text)?),
            "origin" => self.origin = Some(Source::parse(text)?),
            "error" => self.error = Some(code(text)?),
            "amount_from" => self.amount_from = Some(Fen::from_yuan(text).ok()?),
            "amount_to" => self.amount_to = Some(Fen::from_yuan(text).ok()?),
            "from" => self.created_from = Some(midnight(text.parse().ok()?)?),
            "to" => self.created_to = Some(midnight(text.parse::<Date>().ok()?.tomorrow().ok()?)?),
            "attention" => {
                self.attention = match text {
                    "needed" => Attention::Needed,
                    "not_needed" => Attention::NotNeeded,
                    _ => return None,
                }
            }
            _ => return None,
        }
        Some(())
    }
}

/// An error code: what WeChat or we write as one.
fn code(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_graphic() || c == ' ';
    text.chars().all(plain).then(|| text.to_owned())
}

/// The beginning of a day in Beijing.
fn midnight(day: Date) -> Option<Timestamp> {
    Offset::constant(8)
        .to_timestamp(day.to_datetime(jiff::civil::Time::midnight()))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Filter {
        let asked: Vec<_> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Filter::read(&asked)
    }

    #[test]
    fn an_address_is_written_as_it_was_read_without_empty_fields() {
        let filter = read(&[
            ("to", "2026-11-23"),
            ("q", " R|1 "),
            ("status", ""),
            ("other", "x"),
        ]);
        assert_eq!(
            filter.href("/console/refunds", &[("after", "1.rf_2")]),
            "/console/refunds?q=R%7C1&to=2026-11-23&after=1.rf_2"
        );
        let end = filter.wanted.created_to.unwrap();
        assert_eq!(end.to_string(), "2026-11-23T16:00:00Z");
        assert!(!filter.has_wrong() && filter.is_deep());
    }

    #[test]
    fn what_cannot_be_meant_is_named_and_kept_as_typed() {
        for (name, value) in [
            ("q", "' OR 1=1"),
            ("q", "退款"),
            ("status", "lost"),
            ("origin", "<script>"),
            ("amount_from", "1.234"),
            ("amount_to", "-1"),
            ("from", "2026-02-30"),
            ("to", "9999-12-31x"),
            ("attention", "yes"),
            ("merchant", "a b"),
            ("error", "\u{0}"),
        ] {
            let filter = read(&[(name, value)]);
            assert!(filter.is_wrong(name), "{name}={value}");
            assert_eq!(filter.value(name), value);
        }
        let long = "R".repeat(4000);
        assert!(read(&[("q", &long)]).is_wrong("q"));
    }

    #[test]
    fn a_broken_cursor_is_the_first_page() {
        let filter = read(&[("after", "x"), ("before", "'")]);
        assert!(!filter.turned() && !filter.has_wrong());
    }
}
