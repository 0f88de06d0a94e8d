//! A v2 message: one flat XML element with a child for each field. The reader is strict (INV-22):
//! no DOCTYPE, no processing instruction, the five standard entities only, one level, every name
//! once, bounded size, count and length. It never touches a file or the network.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

/// The largest message read, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// The most fields of a message.
pub const FIELDS_MAX: usize = 512;
/// The longest name of a field, in bytes.
pub const NAME_BYTES_MAX: usize = 64;

/// Why a text is not a v2 message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// Above [`MESSAGE_BYTES_MAX`].
    #[error("the message has {bytes} bytes, allowed are {MESSAGE_BYTES_MAX}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Not UTF-8.
    #[error("the message is not UTF-8")]
    NotUtf8,
    /// Not well-formed, or cut short.
    #[error("the message is not well-formed XML")]
    Malformed,
    /// DOCTYPE, processing instruction, attribute, nesting or an entity of its own.
    #[error("the message contains {what}, which is refused")]
    Refused {
        /// What was found.
        what: &'static str,
    },
    /// A field stands twice.
    #[error("the field {name} stands twice")]
    Duplicate {
        /// Its name.
        name: String,
    },
    /// More than [`FIELDS_MAX`] fields, or a name too long.
    #[error("the message has too many or too long field names")]
    TooMany,
}

/// The fields of a message in ASCII order of their names, which is the order of signing.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Fields(BTreeMap<String, String>);

impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values may be account texts: names only.
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Fields {
    /// No fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a field.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Sets a field if there is a value.
    pub fn set_some(&mut self, name: &str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    /// A field's text; an empty element counts as absent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Takes a field away.
    pub fn remove(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    /// All fields, empty ones too, in ASCII order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Reads a message, whose root is `xml`.
    ///
    /// # Errors
    /// [`XmlError`]; never panics, whatever the bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, XmlError> {
        Self::parse_in(bytes, "xml")
    }

    /// Reads a message with another root: `root` for the decrypted part of a notification.
    ///
    /// # Errors
    /// [`XmlError`]; never panics, whatever the bytes.
    pub fn parse_in(bytes: &[u8], root: &'static str) -> Result<Self, XmlError> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(XmlError::TooLarge { bytes: bytes.len() });
        }
        let text = std::str::from_utf8(bytes).map_err(|_not_utf8| XmlError::NotUtf8)?;
        Parser::new(text.trim_start_matches('\u{feff}'), root).run()
    }

    /// Writes the message with root `xml`, values in CDATA.
    #[must_use]
    pub fn to_xml(&self) -> String {
        self.to_xml_in("xml")
    }

    /// Writes the message with another root.
    #[must_use]
    pub fn to_xml_in(&self, root: &str) -> String {
        let mut xml = format!("<{root}>");
        for (name, value) in self.iter() {
            xml.push('<');
            xml.push_str(name);
            xml.push_str("><![CDATA[");
            xml.push_str(&value.replace("]]>", "]]]]><![CDATA[>"));
            xml.push_str("]]></");
            xml.push_str(name);
            xml.push('>');
        }
        xml.push_str("</");
        xml.push_str(root);
        xml.push('>');
        xml
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(n, v)| (n.into(), v.into()))
                .collect(),
        )
    }
}

struct Parser<'a> {
    reader: Reader<&'a [u8]>,
    fields: BTreeMap<String, String>,
    root: &'static str,
    stage: Stage,
    open: Option<(String, String)>,
}

#[derive(PartialEq, Eq)]
enum Stage {
    Before,
    Inside,
    After,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, root: &'static str) -> Self {
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.check_end_names = true;
        config.allow_unmatched_ends = false;
        config.expand_empty_elements = true;
        Self {
            reader,
            fields: BTreeMap::new(),
            root,
            stage: Stage::Before,
            open: None,
        }
    }

    fn run(mut self) -> Result<Fields, XmlError> {
        let mut first = true;
        loop {
            let event = self
                .reader
                .read_event()
                .map_err(|_syntax| XmlError::Malformed)?;
            match event {
                Event::Decl(_) if first => {}
                Event::Decl(_) | Event::PI(_) => {
                    return Err(XmlError::Refused {
                        what: "a processing instruction",
                    });
                }
                Event::DocType(_) => return Err(XmlError::Refused { what: "a DOCTYPE" }),
                Event::Start(start) => {
                    if !start.attributes_raw().trim().is_empty() {
                        return Err(XmlError::Refused {
                            what: "an attribute",
                        });
                    }
                    self.start(start.name().as_ref().to_owned())?;
                }
                Event::End(_) => self.end()?,
                Event::Empty(_) => return Err(XmlError::Malformed),
                Event::Text(text) => self.text(&text.into_inner())?,
                Event::CData(data) => self.data(&data.into_inner())?,
                Event::GeneralRef(reference) => self.reference(&reference)?,
                Event::Comment(_) => return Err(XmlError::Refused { what: "a comment" }),
                Event::Eof => break,
            }
            first = false;
        }
        if self.stage == Stage::After {
            Ok(Fields(self.fields))
        } else {
            Err(XmlError::Malformed)
        }
    }

    fn start(&mut self, name: String) -> Result<(), XmlError> {
        match (&self.stage, &self.open) {
            (Stage::Before, _) if name == self.root => self.stage = Stage::Inside,
            (Stage::Before, _) => return Err(XmlError::Malformed),
            (Stage::Inside, None) => {
                if name.len() > NAME_BYTES_MAX || self.fields.len() >= FIELDS_MAX {
                    return Err(XmlError::TooMany);
                }
                if self.fields.contains_key(&name) {
                    return Err(XmlError::Duplicate { name });
                }
                self.open = Some((name, String::new()));
            }
            (Stage::Inside, Some(_)) => {
                return Err(XmlError::Refused {
                    what: "a nested element",
                });
            }
            (Stage::After, _) => return Err(XmlError::Malformed),
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), XmlError> {
        if let Some((name, value)) = self.open.take() {
            self.fields.insert(name, value);
            return Ok(());
        }
        if self.stage != Stage::Inside {
            return Err(XmlError::Malformed);
        }
        self.stage = Stage::After;
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), XmlError> {
        match self.open.as_mut() {
            Some((_, value)) => value.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(XmlError::Malformed),
        }
        Ok(())
    }

    fn data(&mut self, text: &str) -> Result<(), XmlError> {
        let (_, value) = self.open.as_mut().ok_or(XmlError::Malformed)?;
        value.push_str(text);
        Ok(())
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), XmlError> {
        let character = match reference
            .resolve_char_ref()
            .map_err(|_bad| XmlError::Malformed)?
        {
            Some(character) => character,
            None => match reference.borrow().into_inner().as_ref() {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                _ => return Err(XmlError::Refused { what: "an entity" }),
            },
        };
        let allowed = matches!(character, '\t' | '\n' | '\r') || !character.is_control();
        let (_, value) = self
            .open
            .as_mut()
            .filter(|_| allowed)
            .ok_or(XmlError::Malformed)?;
        value.push(character);
        Ok(())
    }
}
