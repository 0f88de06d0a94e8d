//! Where in the file a key stands, so that every refusal can name its line; and which known key
//! somebody may have meant.

use std::collections::HashMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The places of all keys of a file.
#[derive(Debug, Default)]
pub(crate) struct Places {
    lines: HashMap<String, usize>,
    spans: Vec<(Range<usize>, String)>,
}

impl Places {
    /// Reads the places. A file that is not TOML has none.
    pub(crate) fn read(text: &str) -> Self {
        let mut places = Self::default();
        if let Ok(table) = DeTable::parse(text) {
            places.walk_table("", table.get_ref(), text);
        }
        places
    }

    /// The line of a key, or of the nearest table around it that the file has.
    pub(crate) fn line(&self, key: &str) -> Option<usize> {
        let mut key = key;
        loop {
            if let Some(line) = self.lines.get(key) {
                return Some(*line);
            }
            key = key.rsplit_once(['.', '['])?.0;
        }
    }

    /// The innermost key at an offset of the file.
    pub(crate) fn key_at(&self, offset: usize) -> Option<&str> {
        let around = self.spans.iter().filter(|(span, _)| span.contains(&offset));
        around
            .min_by_key(|(span, _)| span.len())
            .map(|(_, key)| key.as_str())
    }

    fn walk_table(&mut self, prefix: &str, table: &DeTable<'_>, text: &str) {
        for (key, value) in table {
            let path = match prefix {
                "" => key.get_ref().to_string(),
                _ => format!("{prefix}.{}", key.get_ref()),
            };
            self.note(&path, key.span(), text);
            self.walk_value(&path, value, text);
        }
    }

    fn walk_value(&mut self, path: &str, value: &Spanned<DeValue<'_>>, text: &str) {
        self.spans.push((value.span(), path.to_owned()));
        match value.get_ref() {
            DeValue::Table(table) => self.walk_table(path, table, text),
            DeValue::Array(array) => {
                for (index, item) in array.iter().enumerate() {
                    let path = format!("{path}[{index}]");
                    self.note(&path, item.span(), text);
                    self.walk_value(&path, item, text);
                }
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => {}
        }
    }

    fn note(&mut self, path: &str, span: Range<usize>, text: &str) {
        self.lines
            .entry(path.to_owned())
            .or_insert_with(|| line_at(text, span.start));
        self.spans.push((span, path.to_owned()));
    }
}

/// The line of an offset, from 1.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    let before = text
        .as_bytes()
        .get(..offset.min(text.len()))
        .unwrap_or_default();
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

/// The known word that is nearest to a mistyped one, if any is near.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let measured = known.iter().map(|candidate| {
        let inside = word.len() > 2 && candidate.contains(word);
        (
            if inside { 0 } else { distance(word, candidate) },
            *candidate,
        )
    });
    let (far, best) = measured.min()?;
    (far <= 2 || far * 3 <= best.len()).then_some(best)
}

/// Levenshtein's distance.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        let mut last = i + 1;
        next.push(last);
        for ((above_left, above), r) in row.iter().zip(row.iter().skip(1)).zip(&right) {
            last = (above_left + usize::from(l != *r))
                .min(above + 1)
                .min(last + 1);
            next.push(last);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[server]\nlisten = \"x\"\n\n[[merchant]]\nname = \"a\"\n[[merchant]]\nmch_id = { env = \"B\" }\n";

    #[test]
    fn keys_have_their_lines() {
        let places = Places::read(TEXT);
        assert_eq!(places.line("server.listen"), Some(2));
        assert_eq!(places.line("merchant[0].name"), Some(5));
        assert_eq!(places.line("merchant[1].mch_id"), Some(7));
        assert_eq!(
            places.line("merchant[1].api"),
            Some(6),
            "a missing key has its table's line"
        );
        assert_eq!(places.line("store.url"), None);
        let offset = TEXT.find("listen").unwrap();
        assert_eq!(places.key_at(offset), Some("server.listen"));
    }

    #[test]
    fn the_nearest_key_is_offered_only_when_it_is_near() {
        let known = ["listen", "public_url", "api_v3_key", "api_v2_key"];
        assert_eq!(nearest("lisen", &known), Some("listen"));
        assert_eq!(nearest("api_v3_kye", &known), Some("api_v3_key"));
        assert_eq!(nearest("url", &known), Some("public_url"));
        assert_eq!(nearest("colour", &known), None);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
