//! The gate before every JSON text of v3: bounded size, depth and count, every name once (INV-22).
//! What passes is then read into a typed message.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};

/// The largest text read, in bytes.
pub const JSON_BYTES_MAX: usize = 64 * 1024;
/// The deepest nesting read.
pub const DEPTH_MAX: usize = 8;
/// The most values read.
pub const VALUES_MAX: usize = 4096;

/// Why a text is not the JSON message it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Above [`JSON_BYTES_MAX`].
    #[error("the text has {bytes} bytes, allowed are {JSON_BYTES_MAX}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Not JSON, nested too deep, too many values, or a name twice.
    #[error("the text is not acceptable JSON (line {line}, column {column})")]
    Refused {
        /// Line of the offence.
        line: usize,
        /// Column of the offence.
        column: usize,
    },
    /// JSON, but not this message: a member is missing, unknown or of another type.
    #[error("the text is not this message: {what}")]
    Shape {
        /// What is wrong, with the name of the member; without values.
        what: String,
    },
}

/// Reads a message.
///
/// # Errors
/// [`JsonError`]; never panics, whatever the bytes.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    check(bytes)?;
    serde_json::from_slice(bytes).map_err(|error| JsonError::Shape { what: describe(&error) })
}

/// Passes the text through the gate alone.
///
/// # Errors
/// [`JsonError::TooLarge`], [`JsonError::Refused`].
pub fn check(bytes: &[u8]) -> Result<(), JsonError> {
    if bytes.len() > JSON_BYTES_MAX {
        return Err(JsonError::TooLarge { bytes: bytes.len() });
    }
    let mut left = VALUES_MAX;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    Gate { depth: 0, left: &mut left }
        .deserialize(&mut reader)
        .and_then(|()| reader.end())
        .map_err(|error| JsonError::Refused { line: error.line(), column: error.column() })
}

fn describe(error: &serde_json::Error) -> String {
    // Serde's text quotes offending values; only its kind and the names in backticks are kept.
    let text = error.to_string();
    let names: Vec<&str> = text.split('`').skip(1).step_by(2).take(1).collect();
    let kind = ["missing field", "unknown field", "duplicate field", "invalid type"]
        .into_iter()
        .find(|kind| text.starts_with(kind))
        .unwrap_or("invalid value");
    let name: String = names.concat().chars().take(64).collect();
    format!("{kind} {name}").trim_end().to_owned()
}

struct Gate<'a> {
    depth: usize,
    left: &'a mut usize,
}

impl Gate<'_> {
    fn deeper<E: serde::de::Error>(&mut self) -> Result<Gate<'_>, E> {
        *self.left = self.left.checked_sub(1).ok_or_else(|| E::custom("too many values"))?;
        if self.depth >= DEPTH_MAX {
            return Err(E::custom("nested too deep"));
        }
        Ok(Gate { depth: self.depth + 1, left: self.left })
    }
}

impl<'de> DeserializeSeed<'de> for Gate<'_> {
    type Value = ();
    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Gate<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self.deeper()?)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if !names.insert(name) {
                return Err(A::Error::custom("a name stands twice"));
            }
            members.next_value_seed(self.deeper()?)?;
        }
        Ok(())
    }
}
