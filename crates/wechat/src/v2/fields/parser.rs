//! The reader of [`Fields`], event by event: it takes what a flat message may consist of, refuses the
//! rest by name (INV-22), and writes values straight into the text of the message.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

use super::{FIELDS_MAX, Fields, NAME_BYTES_MAX, Place, XmlError};

pub(super) struct Parser<'a> {
    reader: Reader<&'a [u8]>,
    fields: Fields,
    root: &'static str,
    stage: Stage,
    open: Option<Open>,
}

/// The element being read: its field, and where that will stand in the order.
struct Open {
    place: Place,
    index: usize,
}

#[derive(PartialEq, Eq)]
enum Stage {
    Before,
    Inside,
    After,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str, root: &'static str) -> Self {
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.check_end_names = true;
        config.allow_unmatched_ends = false;
        config.expand_empty_elements = true;
        Self {
            reader,
            fields: Fields::with_capacity(text.len()),
            root,
            stage: Stage::Before,
            open: None,
        }
    }

    pub(super) fn run(mut self) -> Result<Fields, XmlError> {
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
                    self.start(start.name().as_ref())?;
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
            Ok(self.fields)
        } else {
            Err(XmlError::Malformed)
        }
    }

    fn start(&mut self, name: &str) -> Result<(), XmlError> {
        match (&self.stage, &self.open) {
            (Stage::Before, _) if name == self.root => self.stage = Stage::Inside,
            (Stage::Before, _) => return Err(XmlError::Malformed),
            (Stage::Inside, None) => {
                if name.len() > NAME_BYTES_MAX || self.fields.places.len() >= FIELDS_MAX {
                    return Err(XmlError::TooMany);
                }
                let Err(index) = self.fields.find(name) else {
                    let name = name.to_owned();
                    return Err(XmlError::Duplicate { name });
                };
                let place = self.fields.begin(name);
                self.open = Some(Open { place, index });
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
        if let Some(Open { mut place, index }) = self.open.take() {
            place.end = self.fields.text.len();
            self.fields.places.insert(index, place);
            return Ok(());
        }
        if self.stage != Stage::Inside {
            return Err(XmlError::Malformed);
        }
        self.stage = Stage::After;
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), XmlError> {
        match self.open {
            Some(_) => self.fields.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(XmlError::Malformed),
        }
        Ok(())
    }

    fn data(&mut self, text: &str) -> Result<(), XmlError> {
        if self.open.is_none() {
            return Err(XmlError::Malformed);
        }
        self.fields.text.push_str(text);
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
        if self.open.is_none() || !allowed {
            return Err(XmlError::Malformed);
        }
        self.fields.text.push(character);
        Ok(())
    }
}
