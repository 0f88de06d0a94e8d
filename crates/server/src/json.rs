//! Strict reading of JSON bodies into domain types. Every bad field is found, not only the first;
//! unknown and repeated fields are refused, because a mistyped `expected_refundable` must not be
//! lost in silence. Numbers are read from their text: no float ever stands between (INV-7).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde_json::value::RawValue;
use tuikuan_terms::Fen;

use crate::code::Code;
use crate::json::document::{Object, canonical};
use crate::problem::{Fault, Problem};

mod document;

/// Nesting of a free document (metadata, goods_detail) beyond which it is refused.
const DEPTH_MAX: usize = 16;

/// The fields of a body, to be taken one after the other.
pub(crate) struct Fields<'a> {
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
    faults: Vec<Fault>,
}

/// What kind of JSON document a free field takes.
#[derive(Clone, Copy)]
pub(crate) enum Document {
    /// An object.
    Object,
    /// An array.
    Array,
}

impl<'a> Fields<'a> {
    /// The fields of a body.
    ///
    /// # Errors
    /// [`Code::MALFORMED_JSON`] when it is not one JSON object in UTF-8.
    pub(crate) fn of(body: &'a [u8]) -> Result<Self, Problem> {
        let text = std::str::from_utf8(body).map_err(|error| {
            let place = error.valid_up_to();
            Problem::new(
                Code::MALFORMED_JSON,
                format!("the body is not UTF-8 at byte {place}"),
            )
        })?;
        let object: Object<'a> = serde_json::from_str(text)
            .map_err(|error| Problem::new(Code::MALFORMED_JSON, error.to_string()))?;
        let mut members: Vec<(Cow<'a, str>, &'a RawValue)> = Vec::with_capacity(object.0.len());
        let mut faults = Vec::new();
        for (name, value) in object.0 {
            if members.iter().any(|(known, _)| *known == name) {
                faults.push(Fault::field(
                    &name,
                    "duplicate",
                    "the field stands here twice",
                ));
            } else {
                members.push((name, value));
            }
        }
        Ok(Self { members, faults })
    }

    /// Notes a fault of a field.
    pub(crate) fn fault(&mut self, name: &str, code: &'static str, message: impl Into<String>) {
        self.faults.push(Fault::field(name, code, message));
    }

    fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        let place = self.members.iter().position(|(known, _)| known == name)?;
        let (_, value) = self.members.swap_remove(place);
        (value.get() != "null").then_some(value)
    }

    /// A value that must be there; its absence is noted unless something else already was.
    pub(crate) fn require<T>(&mut self, name: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            let missing = Fault::field(name, "required", format!("{name} is required"));
            if !self
                .faults
                .iter()
                .any(|fault| fault.pointer == missing.pointer)
            {
                self.faults.push(missing);
            }
        }
        value
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        let raw = self.take(name)?;
        match serde_json::from_str::<String>(raw.get()) {
            // No text of ours has one, and not every database keeps it.
            Ok(text) if text.contains('\0') => {
                self.fault(name, "format", format!("{name} must not hold U+0000"));
                None
            }
            Ok(text) => Some(text),
            Err(_) => {
                self.fault(
                    name,
                    "type",
                    format!("{name} must be a string, not {}", kind(raw)),
                );
                None
            }
        }
    }

    /// A text that is something.
    pub(crate) fn parsed<T>(&mut self, name: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        let text = self.text(name)?;
        self.convert(name, &text)
    }

    fn convert<T>(&mut self, name: &str, text: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault(name, "format", error.to_string());
                None
            }
        }
    }

    /// One of a few words.
    pub(crate) fn word<T>(&mut self, name: &str, read: fn(&str) -> Option<T>) -> Option<T> {
        let text = self.text(name)?;
        let value = read(&text);
        if value.is_none() {
            self.fault(
                name,
                "format",
                format!("{name} is none of the words it may be; /docs lists them"),
            );
        }
        value
    }

    /// An amount in fen: an integer, never a string, float or negative.
    pub(crate) fn fen(&mut self, name: &str) -> Option<Fen> {
        let raw = self.take(name)?;
        let text = raw.get();
        if !text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            let found = kind(raw);
            self.fault(
                name,
                "type",
                format!("{name} must be an integer number of fen, not {found}"),
            );
            return None;
        }
        if !text.bytes().all(|b| b == b'-' || b.is_ascii_digit()) {
            self.fault(
                name,
                "type",
                format!("{name} must be an integer number of fen: no point, no exponent"),
            );
            return None;
        }
        let fen = text.parse::<i64>().ok().map(Fen::new);
        match fen {
            Some(Ok(fen)) => Some(fen),
            Some(Err(error)) => {
                self.fault(name, "range", error.to_string());
                None
            }
            None => {
                self.fault(name, "range", format!("{name} is out of range"));
                None
            }
        }
    }

    /// An amount in fen that is not zero.
    pub(crate) fn positive_fen(&mut self, name: &str) -> Option<Fen> {
        let fen = self.fen(name)?;
        if fen.is_zero() {
            self.fault(name, "range", format!("{name} must be at least 1 fen"));
            return None;
        }
        Some(fen)
    }

    /// A time: RFC 3339 with an offset, kept in whole microseconds.
    pub(crate) fn time(&mut self, name: &str) -> Option<Timestamp> {
        let text = self.text(name)?;
        let time = instant(&text);
        if time.is_none() {
            self.fault(
                name,
                "format",
                format!("{name} must be a time such as 2026-11-23T08:00:00Z, with its offset"),
            );
        }
        time
    }

    /// Yes or no.
    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        let raw = self.take(name)?;
        let value = serde_json::from_str(raw.get()).ok();
        if value.is_none() {
            self.fault(
                name,
                "type",
                format!("{name} must be true or false, not {}", kind(raw)),
            );
        }
        value
    }

    /// A free JSON document, as canonical text: members sorted, no spaces, numbers as written. Two
    /// texts of one document are the same content (INV-15).
    pub(crate) fn document(
        &mut self,
        name: &str,
        kind: Document,
        bytes_max: usize,
    ) -> Option<String> {
        let raw = self.take(name)?;
        let fits = match kind {
            Document::Object => raw.get().starts_with('{'),
            Document::Array => raw.get().starts_with('['),
        };
        if !fits {
            let wanted = match kind {
                Document::Object => "a JSON object",
                Document::Array => "a JSON array",
            };
            self.fault(name, "type", format!("{name} must be {wanted}"));
            return None;
        }
        let mut text = String::with_capacity(raw.get().len());
        if let Err(reason) = canonical(raw.get(), DEPTH_MAX, &mut text) {
            self.fault(name, "format", format!("{name}: {reason}"));
            return None;
        }
        if text.len() > bytes_max {
            self.fault(
                name,
                "range",
                format!("{name} has {} bytes, allowed are {bytes_max}", text.len()),
            );
            return None;
        }
        Some(text)
    }

    /// Refuses what was not taken, and everything noted so far.
    ///
    /// # Errors
    /// [`Code::INVALID_FIELDS`] with every fault.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        let mut faults = self.faults;
        for (name, _) in self.members {
            faults.push(Fault::field(
                &name,
                "unknown",
                format!("there is no field {name:?} here"),
            ));
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Problem::fields(faults))
        }
    }
}

/// A time with its offset, in whole microseconds, as all stored times are.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    let time: Timestamp = text.parse().ok()?;
    Timestamp::from_microsecond(time.as_microsecond()).ok()
}

fn kind(raw: &RawValue) -> &'static str {
    match raw.get().as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "true or false",
        Some(_) | None => "a number",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn document(text: &str) -> Option<String> {
        let body = format!("{{\"m\":{text}}}");
        Fields::of(body.as_bytes())
            .ok()?
            .document("m", Document::Object, 4096)
    }

    #[test]
    fn one_document_has_one_text() {
        let first = document(r#"{ "b": [1, 2.50, "A"], "a": {"y":null, "x":true} }"#);
        assert_eq!(
            first.as_deref(),
            Some(r#"{"a":{"x":true,"y":null},"b":[1,2.50,"A"]}"#)
        );
        assert_eq!(
            document(r#"{"a":{"x":true,"y":null},"b":[1,2.50,"\u0041"]}"#),
            first
        );
        assert_eq!(
            document(r#"{"n":123456789012345678901234567890}"#).as_deref(),
            Some(r#"{"n":123456789012345678901234567890}"#)
        );
    }

    #[test]
    fn a_document_with_repeated_names_or_too_deep_is_refused() {
        assert_eq!(document(r#"{"a":{"x":1,"x":2}}"#), None);
        assert_eq!(
            document(&format!("{}1{}", "{\"a\":".repeat(40), "}".repeat(40))),
            None
        );
        assert_eq!(document("[1]"), None);
        assert_eq!(document(r#""text""#), None);
    }

    #[test]
    fn amounts_are_integers_in_range_and_nothing_else() {
        for (text, code) in [
            ("\"100\"", "type"),
            ("1.0", "type"),
            ("1e2", "type"),
            ("-1", "range"),
            ("true", "type"),
            ("[1]", "type"),
            ("{}", "type"),
            ("9223372036854775808", "range"),
            ("1000000000001", "range"),
            ("0", "range"),
        ] {
            let body = format!("{{\"amount\":{text}}}");
            let mut fields = Fields::of(body.as_bytes()).unwrap();
            assert_eq!(fields.positive_fen("amount"), None, "{text}");
            assert_eq!(fields.faults.first().map(|f| f.code), Some(code), "{text}");
        }
        let mut fields = Fields::of(b"{\"amount\":1980}").unwrap();
        assert_eq!(fields.positive_fen("amount").map(Fen::get), Some(1980));
        assert!(fields.finish().is_ok());
    }

    #[test]
    fn every_fault_is_found_at_once() {
        let mut fields = Fields::of(br#"{"a":1,"a":2,"b":5,"c":"x"}"#).unwrap();
        assert_eq!(fields.text("a"), None);
        assert_eq!(fields.require::<u8>("d", None), None);
        let Err(problem) = fields.finish() else {
            panic!("it has faults")
        };
        let text = format!("{problem:?}");
        for part in [
            "/a",
            "/b",
            "/c",
            "/d",
            "duplicate",
            "required",
            "unknown",
            "type",
        ] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
    }

    #[test]
    fn times_without_offset_are_refused() {
        assert!(instant("2026-11-23T08:00:00").is_none());
        assert!(instant("2026-11-23T08:00:00+08:00").is_some());
        assert_eq!(
            instant("2026-11-23T08:00:00.1234567Z").map(|t| t.subsec_nanosecond()),
            Some(123_456_000)
        );
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(mut fields) = Fields::of(&body) {
                fields.fen("a");
                fields.document("b", Document::Array, 100);
                prop_assert!(fields.finish().is_ok() || !body.is_empty());
            }
        }

        #[test]
        fn canonical_text_is_its_own_canonical_text(text in r#"\{"[a-z]{1,3}":(\[[1-9][0-9]{0,2}, ?"[a-z]*"\]|[1-9][0-9]{0,5})\}"#) {
            let once = document(&text);
            prop_assert!(once.is_some());
            prop_assert_eq!(document(once.as_deref().unwrap_or_default()), once);
        }
    }
}
