//! JSON objects with their members as written, and the canonical text of a whole document. Values
//! stay text: a number of the caller's is handed back digit by digit.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Members of one object beyond which it is refused.
const MEMBERS_MAX: usize = 64;

/// The members of an object in their order, values unread.
pub(super) struct Object<'a>(pub(super) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(12);
                while let Some(Name(name)) = map.next_key()? {
                    if members.len() >= MEMBERS_MAX {
                        return Err(A::Error::custom("more than 64 members in one object"));
                    }
                    members.push((name, map.next_value()?));
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Members).map(Object)
    }
}

/// A member's name, borrowed where it needs no unescaping.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Cow<'de, str>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
        }
        deserializer.deserialize_str(Text).map(Name)
    }
}

/// Writes a document in the one form that all its texts have in common.
pub(super) fn canonical(
    text: &str,
    depth_left: usize,
    out: &mut String,
) -> Result<(), &'static str> {
    let deeper = depth_left.checked_sub(1).ok_or("nested too deeply")?;
    match text.as_bytes().first() {
        Some(b'{') => {
            let Ok(Object(mut members)) = serde_json::from_str::<Object<'_>>(text) else {
                return Err("an object has too many members");
            };
            members.sort_by(|a, b| a.0.cmp(&b.0));
            if members
                .windows(2)
                .any(|pair| matches!(pair, [a, b] if a.0 == b.0))
            {
                return Err("a name stands twice in one object");
            }
            out.push('{');
            for (place, (name, value)) in members.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                push_text(name, out)?;
                out.push(':');
                canonical(value.get(), deeper, out)?;
            }
            out.push('}');
        }
        Some(b'[') => {
            let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(text) else {
                return Err("an array cannot be read");
            };
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                canonical(item.get(), deeper, out)?;
            }
            out.push(']');
        }
        Some(b'"') => {
            let Ok(value) = serde_json::from_str::<String>(text) else {
                return Err("a string holds half a surrogate pair");
            };
            push_text(&value, out)?;
        }
        Some(_) | None => out.push_str(text),
    }
    Ok(())
}

fn push_text(value: &str, out: &mut String) -> Result<(), &'static str> {
    match serde_json::to_string(value) {
        Ok(text) => out.push_str(&text),
        Err(_) => return Err("a string cannot be written"),
    }
    Ok(())
}
