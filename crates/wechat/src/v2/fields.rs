//! A v2 message: one flat XML element with a child for each field. The reader is strict (INV-22):
//! no DOCTYPE, no processing instruction, the five standard entities only, one level, every name
//! once, bounded size, count and length. It never touches a file or the network.

mod parser;

use std::cmp::Ordering;

use parser::Parser;

/// The largest message read, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// The most fields of a message.
pub const FIELDS_MAX: usize = 512;
/// The longest name of a field, in bytes.
pub const NAME_BYTES_MAX: usize = 64;
/// Most requests and answers have fewer fields: room that needs not grow.
const FIELDS_MOSTLY: usize = 20;
/// Most requests have fewer bytes in names and values.
const BYTES_MOSTLY: usize = 512;

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
///
/// One text holds all of them, each as it is signed (`name=value`), in the order of arrival; only
/// the places are sorted. So a message of any size costs two allocations.
#[derive(Clone, Default)]
pub struct Fields {
    text: String,
    places: Vec<Place>,
}

/// Where a field stands in the text.
#[derive(Clone, Copy)]
struct Place {
    /// The beginning of the name as a number of the same order: most comparisons end with it.
    head: u64,
    start: usize,
    equals: usize,
    end: usize,
}

impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values may be account texts: names only.
        f.debug_set()
            .entries(self.iter().map(|(name, _)| name))
            .finish()
    }
}

impl PartialEq for Fields {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Fields {}

impl Fields {
    /// No fields.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(BYTES_MOSTLY)
    }

    fn with_capacity(bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
            places: Vec::with_capacity(FIELDS_MOSTLY),
        }
    }

    /// Sets a field. What it was before stays in the text, where no place leads to it any more.
    pub fn set(&mut self, name: &str, value: impl AsRef<str>) {
        let found = self.find(name);
        let mut place = self.begin(name);
        self.text.push_str(value.as_ref());
        place.end = self.text.len();
        match found {
            Ok(index) => {
                if let Some(old) = self.places.get_mut(index) {
                    *old = place;
                }
            }
            Err(index) => self.places.insert(index, place),
        }
    }

    /// Sets a field if there is a value.
    pub fn set_some(&mut self, name: &str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    /// A field's text; an empty element counts as absent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let place = self.places.get(self.find(name).ok()?)?;
        Some(self.value(*place)).filter(|value| !value.is_empty())
    }

    /// Takes a field away.
    pub fn remove(&mut self, name: &str) -> Option<String> {
        let place = self.places.remove(self.find(name).ok()?);
        Some(self.value(place).to_owned())
    }

    /// All fields, empty ones too, in ASCII order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.places
            .iter()
            .map(|place| (self.name(*place), self.value(*place)))
    }

    /// The fields that are signed, all but `sign` that are not empty, in their order and form.
    pub(crate) fn signed(&self) -> impl Iterator<Item = &str> {
        self.places
            .iter()
            .filter(|place| place.equals + 1 < place.end && self.name(**place) != "sign")
            .map(|place| self.part(place.start, place.end))
    }

    /// At least the bytes of all [`Self::signed`], and one more for each.
    pub(crate) fn signed_bytes_max(&self) -> usize {
        self.text.len() + self.places.len()
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
        let markup = "<></>".len() + "<![CDATA[]]>".len();
        let fields = 2 * self.text.len() + markup * self.places.len();
        let mut xml = String::with_capacity(fields + 2 * root.len() + markup);
        xml.push('<');
        xml.push_str(root);
        xml.push('>');
        for (name, value) in self.iter() {
            xml.push('<');
            xml.push_str(name);
            xml.push_str("><![CDATA[");
            if value.contains("]]>") {
                xml.push_str(&value.replace("]]>", "]]]]><![CDATA[>"));
            } else {
                xml.push_str(value);
            }
            xml.push_str("]]></");
            xml.push_str(name);
            xml.push('>');
        }
        xml.push_str("</");
        xml.push_str(root);
        xml.push('>');
        xml
    }

    /// Where the field stands, or would have to stand. Fields mostly come in their order.
    fn find(&self, name: &str) -> Result<usize, usize> {
        let head = head(name);
        let order = |place: &Place| {
            let heads = place.head.cmp(&head);
            heads.then_with(|| self.name(*place).cmp(name))
        };
        match self.places.last().map(order) {
            Some(Ordering::Less) => Err(self.places.len()),
            _ => self.places.binary_search_by(order),
        }
    }

    fn name(&self, place: Place) -> &str {
        self.part(place.start, place.equals)
    }

    fn value(&self, place: Place) -> &str {
        self.part(place.equals + 1, place.end)
    }

    fn part(&self, start: usize, end: usize) -> &str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// Begins a field at the end of the text; its value is to follow.
    fn begin(&mut self, name: &str) -> Place {
        let start = self.text.len();
        self.text.push_str(name);
        let equals = self.text.len();
        self.text.push('=');
        Place {
            head: head(name),
            start,
            equals,
            end: self.text.len(),
        }
    }
}

/// The first eight bytes of a name, the first of them the heaviest; a shorter name ends in zeros.
fn head(name: &str) -> u64 {
    let mut head = [0; 8];
    for (to, byte) in head.iter_mut().zip(name.bytes()) {
        *to = byte;
    }
    u64::from_be_bytes(head)
}

impl<N: AsRef<str>, V: AsRef<str>> FromIterator<(N, V)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut fields = Self::new();
        for (name, value) in pairs {
            fields.set(name.as_ref(), value);
        }
        fields
    }
}
