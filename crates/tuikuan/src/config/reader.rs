//! Turns values of the file into checked ones and collects what is wrong with them.

use std::fmt::Display;
use std::str::FromStr;

use secrecy::SecretString;

use super::fault::Fault;
use super::place::Places;
use super::value::{Sources, Value};

/// Reads values and remembers faults.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    pub(crate) places: &'a Places,
    pub(crate) sources: &'a Sources,
    pub(crate) faults: Vec<Fault>,
}

impl Reader<'_> {
    /// Notes a fault of a key.
    pub(crate) fn fault(&mut self, key: &str, what: impl Into<String>, advice: &str) {
        self.faults.push(Fault {
            key: key.to_owned(),
            line: self.places.line(key),
            what: what.into(),
            advice: advice.to_owned(),
        });
    }

    /// The text of a key that may be absent.
    pub(crate) fn text(&mut self, key: &str, value: Option<&Value>) -> Option<String> {
        let read = value?.open_text(self.sources);
        self.kept(key, read)
    }

    /// A secret that may be absent.
    pub(crate) fn secret(&mut self, key: &str, value: Option<&Value>) -> Option<SecretString> {
        let read = value?.text(self.sources);
        self.kept(key, read)
    }

    /// The bytes of a key or certificate file that may be absent.
    pub(crate) fn material(&mut self, key: &str, value: Option<&Value>) -> Option<Vec<u8>> {
        let read = value?.material(self.sources);
        self.kept(key, read)
    }

    /// A checked value that may be absent.
    pub(crate) fn parsed<T>(&mut self, key: &str, value: Option<&Value>) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        let text = self.text(key, value)?;
        match text.parse() {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.fault(key, error.to_string(), "");
                None
            }
        }
    }

    /// One of a few words that may be absent.
    pub(crate) fn word<T: Copy>(
        &mut self,
        key: &str,
        value: Option<&Value>,
        words: &[(&str, T)],
    ) -> Option<T> {
        let text = self.text(key, value)?;
        let found = words
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, meaning)| *meaning);
        if found.is_none() {
            let known: Vec<String> = words
                .iter()
                .map(|(word, _)| format!("\"{word}\""))
                .collect();
            self.fault(
                key,
                "this word is not known",
                &format!("write {}", known.join(" or ")),
            );
        }
        found
    }

    fn kept<T>(&mut self, key: &str, read: Result<T, String>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(what) => {
                self.fault(key, what, "check the path or the variable");
                None
            }
        }
    }
}
