//! Strict reading of query strings: every bad parameter is found, unknown and repeated ones are
//! refused. A filter that was mistyped must not show everything.

use std::fmt;
use std::str::FromStr;

use axum::extract::Query;
use http::Uri;
use jiff::Timestamp;
use tuikuan_store::LIST_MAX;

use crate::json::instant;
use crate::problem::{Fault, Problem};

/// Parameters of one request beyond which it is refused.
const PARAMETERS_MAX: usize = 32;

/// The parameters of a query string, to be taken one after the other.
pub(crate) struct Parameters {
    pairs: Vec<(String, String)>,
    faults: Vec<Fault>,
}

impl Parameters {
    /// The parameters of an address.
    pub(crate) fn of(uri: &Uri) -> Self {
        let mut faults = Vec::new();
        let mut pairs: Vec<(String, String)> = Vec::new();
        match Query::<Vec<(String, String)>>::try_from_uri(uri) {
            Ok(Query(found)) => {
                for (name, value) in found.into_iter().take(PARAMETERS_MAX) {
                    if pairs.iter().any(|(known, _)| *known == name) {
                        faults.push(Fault::parameter(
                            &name,
                            "duplicate",
                            "the parameter stands here twice",
                        ));
                    } else {
                        pairs.push((name, value));
                    }
                }
            }
            Err(_) => faults.push(Fault::parameter(
                "",
                "format",
                "the query string cannot be read",
            )),
        }
        Self { pairs, faults }
    }

    /// Notes a fault.
    pub(crate) fn fault(&mut self, name: &str, code: &'static str, message: impl Into<String>) {
        self.faults.push(Fault::parameter(name, code, message));
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        let place = self.pairs.iter().position(|(known, _)| known == name)?;
        let (_, value) = self.pairs.swap_remove(place);
        if value.contains('\0') {
            self.fault(name, "format", format!("{name} must not hold U+0000"));
            return None;
        }
        Some(value)
    }

    /// A text that is something.
    pub(crate) fn parsed<T>(&mut self, name: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        match self.text(name)?.parse() {
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

    /// A time with its offset.
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

    /// How many a page may hold: 1 to 200, 50 when not said.
    pub(crate) fn limit(&mut self) -> u32 {
        let Some(text) = self.text("limit") else {
            return LIMIT_DEFAULT;
        };
        match text.parse() {
            Ok(limit @ 1..=LIST_MAX) => limit,
            Ok(_) | Err(_) => {
                self.fault(
                    "limit",
                    "range",
                    format!("limit is a number from 1 to {LIST_MAX}"),
                );
                LIMIT_DEFAULT
            }
        }
    }

    /// Refuses what was not taken, and everything noted so far.
    ///
    /// # Errors
    /// [`crate::Code::INVALID_PARAMETERS`] with every fault.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        let mut faults = self.faults;
        for (name, _) in self.pairs {
            faults.push(Fault::parameter(
                &name,
                "unknown",
                format!("there is no parameter {name:?} here"),
            ));
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Problem::parameters(faults))
        }
    }
}

/// How many a page holds when the caller does not say.
const LIMIT_DEFAULT: u32 = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_repeated_and_bad_parameters_are_all_named() {
        let uri: Uri = "/v1/refunds?limit=0&stauts=queued&merchant=a&merchant=b"
            .parse()
            .unwrap();
        let mut parameters = Parameters::of(&uri);
        assert_eq!(parameters.limit(), LIMIT_DEFAULT);
        assert_eq!(parameters.text("merchant").as_deref(), Some("a"));
        let Err(problem) = parameters.finish() else {
            panic!("it has faults")
        };
        let text = format!("{problem:?}");
        for part in ["stauts", "duplicate", "limit", "unknown"] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
    }

    #[test]
    fn values_are_decoded_once() {
        let uri: Uri = "/x?out_trade_no=A%7CB%2A%40&created_from=2026-11-23T08:00:00%2B08:00"
            .parse()
            .unwrap();
        let mut parameters = Parameters::of(&uri);
        assert_eq!(parameters.text("out_trade_no").as_deref(), Some("A|B*@"));
        assert!(parameters.time("created_from").is_some());
        assert!(parameters.finish().is_ok());
    }
}
