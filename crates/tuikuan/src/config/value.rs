//! Values of the file that come from elsewhere: a text may stand in the file, in another file or in
//! the environment. Nothing here prints what it holds, not even in an error (INV-36).

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

/// A file of the configuration is read up to this size.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// Where values may come from: the folder of the configuration, and the environment.
#[derive(Debug, Clone)]
pub(crate) struct Sources {
    /// The configuration itself.
    pub(crate) own: PathBuf,
    /// Relative paths start here.
    pub(crate) folder: PathBuf,
    /// The environment.
    pub(crate) environment: BTreeMap<String, String>,
}

impl Sources {
    /// A path of the file, made absolute.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// The bytes of a file.
    pub(crate) fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let path = self.path(path);
        let shown = path.display();
        let facts = std::fs::metadata(&path).map_err(|error| format!("{shown}: {error}"))?;
        if !facts.is_file() {
            return Err(format!("{shown} is not a file"));
        }
        if facts.len() > FILE_BYTES_MAX {
            return Err(format!(
                "{shown} has {} bytes, at most {FILE_BYTES_MAX} are read",
                facts.len()
            ));
        }
        std::fs::read(&path).map_err(|error| format!("{shown}: {error}"))
    }

    fn variable(&self, name: &str) -> Result<String, String> {
        let found = self.environment.get(name).filter(|value| !value.is_empty());
        found
            .cloned()
            .ok_or_else(|| format!("the environment variable {name} is not set"))
    }
}

/// A value: in the file, in another file, or in the environment.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// Here.
    Inline(SecretString),
    /// In a file; its last line break is left out.
    File(String),
    /// In an environment variable.
    Env(String),
}

impl Value {
    /// The text, from wherever it is.
    pub(crate) fn text(&self, sources: &Sources) -> Result<SecretString, String> {
        match self {
            Self::Inline(text) => Ok(text.clone()),
            Self::Env(name) => sources.variable(name).map(SecretString::from),
            Self::File(path) => {
                let bytes = sources.read(path)?;
                let text = String::from_utf8(bytes)
                    .map_err(|_not_utf8| format!("{} is not text", sources.path(path).display()))?;
                Ok(SecretString::from(
                    text.trim_end_matches(['\r', '\n']).to_owned(),
                ))
            }
        }
    }

    /// The text of something that is no secret.
    pub(crate) fn open_text(&self, sources: &Sources) -> Result<String, String> {
        Ok(self.text(sources)?.expose_secret().to_owned())
    }

    /// The bytes of a key or certificate: a text in the file is the name of a file.
    pub(crate) fn material(&self, sources: &Sources) -> Result<Vec<u8>, String> {
        match self {
            Self::Inline(path) => sources.read(path.expose_secret()),
            Self::File(path) => sources.read(path),
            Self::Env(name) => sources.variable(name).map(String::into_bytes),
        }
    }

    /// The file that a key or certificate is in, if it is in one.
    pub(crate) fn material_file(&self, sources: &Sources) -> Option<PathBuf> {
        match self {
            Self::Inline(path) => Some(sources.path(path.expose_secret())),
            Self::File(path) => Some(sources.path(path)),
            Self::Env(_) => None,
        }
    }

    /// The file that a secret text is in: its own, or the configuration.
    pub(crate) fn file(&self, sources: &Sources) -> Option<PathBuf> {
        match self {
            Self::File(path) => Some(sources.path(path)),
            Self::Inline(_) => Some(sources.own.clone()),
            Self::Env(_) => None,
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

const VALUE_FORMS: &str = "expected a text in quotes, { file = \"...\" } or { env = \"...\" }";

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text in quotes, { file = \"...\" } or { env = \"...\" }")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Inline(SecretString::from(text.to_owned())))
    }

    // The default messages of these would repeat the value, which may be a secret.
    fn visit_i64<E: Error>(self, _number: i64) -> Result<Value, E> {
        Err(E::custom(format!("found a number, {VALUE_FORMS}")))
    }

    fn visit_f64<E: Error>(self, _number: f64) -> Result<Value, E> {
        Err(E::custom(format!("found a number, {VALUE_FORMS}")))
    }

    fn visit_bool<E: Error>(self, _value: bool) -> Result<Value, E> {
        Err(E::custom(format!("found true or false, {VALUE_FORMS}")))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            let text = map.next_value::<String>()?;
            let value = match key.as_str() {
                "file" => Value::File(text),
                "env" => Value::Env(text),
                _ => return Err(Error::custom(VALUE_FORMS)),
            };
            if found.replace(value).is_some() {
                return Err(Error::custom("give file or env, not both"));
            }
        }
        found.ok_or_else(|| Error::custom(VALUE_FORMS))
    }
}

/// A span of time such as `500ms`, `30s`, `10m`, `12h`, `30d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) SignedDuration);

impl Span {
    fn parse(text: &str) -> Option<Self> {
        let digits = text.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = text.split_at(digits);
        let number: u32 = number.parse().ok()?;
        let (count, unit_ms): (i64, i64) = match unit {
            "ms" => (number.into(), 1),
            "s" => (number.into(), 1000),
            "m" => (number.into(), 60_000),
            "h" => (number.into(), 3_600_000),
            "d" => (number.into(), 86_400_000),
            _ => return None,
        };
        Some(Self(SignedDuration::from_millis(
            count.checked_mul(unit_ms)?,
        )))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(SpanVisitor)
    }
}

struct SpanVisitor;

impl Visitor<'_> for SpanVisitor {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time with its unit, such as \"500ms\", \"30s\", \"10m\", \"12h\" or \"30d\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Span, E> {
        Span::parse(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        let seconds = |s| Some(Span(SignedDuration::from_secs(s)));
        assert_eq!(Span::parse("30s"), seconds(30));
        assert_eq!(Span::parse("10m"), seconds(600));
        assert_eq!(Span::parse("7d"), seconds(7 * 86_400));
        assert_eq!(
            Span::parse("250ms"),
            Some(Span(SignedDuration::from_millis(250)))
        );
        for bad in ["", "30", "s", "-1s", "1.5h", "1 s", "99999999999s", "5w"] {
            assert_eq!(Span::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_secret_is_not_in_the_debug_text() {
        let value: Value =
            toml::from_str::<BTreeMap<String, Value>>("k = \"hush\"").unwrap()["k"].clone();
        assert!(!format!("{value:?}").contains("hush"));
        let wrong = toml::from_str::<BTreeMap<String, Value>>("k = 31337").unwrap_err();
        assert!(!wrong.message().contains("31337"));
    }
}
