//! One detail line, cut into its values without copying them.

use super::column::Column;
use super::error::{BillError, Damage};
use super::read::{COLUMNS_MAX, FIELD_BYTES_MAX};

const NOWHERE: u8 = u8::MAX;

/// At which position of a line each column stands.
#[derive(Debug, Clone)]
pub(super) struct Slots([u8; Column::ALL.len()]);

impl Slots {
    pub(super) const fn empty() -> Self {
        Self([NOWHERE; Column::ALL.len()])
    }

    /// Notes a position; false when the column has one already.
    pub(super) fn put(&mut self, column: Column, position: usize) -> Option<()> {
        let slot = self.0.get_mut(column.index())?;
        let free = *slot == NOWHERE;
        *slot = u8::try_from(position).ok()?;
        free.then_some(())
    }
}

/// Where the values of a line begin and end, kept from line to line.
#[derive(Debug)]
pub(super) struct Bounds {
    ends: [(u32, u32); COLUMNS_MAX],
    count: usize,
}

impl Bounds {
    pub(super) const fn new() -> Self {
        Self {
            ends: [(0, 0); COLUMNS_MAX],
            count: 0,
        }
    }

    /// Cuts a line of `expected` values. Each is preceded by a backtick, so a value ends where a
    /// comma and a backtick follow; a comma alone belongs to the value.
    pub(super) fn cut(&mut self, line: &str, expected: usize) -> Result<(), Damage> {
        let bytes = line.as_bytes();
        self.count = 0;
        if bytes.first() != Some(&b'`') {
            return Err(Damage::NoBacktick);
        }
        let mut begin = 1;
        let mut at = 1;
        while let Some(step) = bytes
            .get(at..)
            .and_then(|rest| rest.iter().position(|byte| *byte == b','))
        {
            let comma = at + step;
            at = comma + 1;
            if bytes.get(at) == Some(&b'`') {
                self.push(begin, comma)?;
                begin = at + 1;
                at = begin;
            }
        }
        self.push(begin, bytes.len())?;
        if self.count == expected {
            Ok(())
        } else {
            Err(Damage::Width {
                found: self.count,
                expected,
            })
        }
    }

    fn push(&mut self, begin: usize, end: usize) -> Result<(), Damage> {
        if end - begin > FIELD_BYTES_MAX {
            return Err(Damage::FieldTooLong);
        }
        let bounds = (u32::try_from(begin), u32::try_from(end));
        if let (Some(slot), (Ok(begin), Ok(end))) = (self.ends.get_mut(self.count), bounds) {
            *slot = (begin, end);
        }
        self.count += 1;
        Ok(())
    }

    fn get(&self, position: usize) -> Option<(usize, usize)> {
        let (begin, end) = self.ends.get(..self.count)?.get(position)?;
        Some((usize::try_from(*begin).ok()?, usize::try_from(*end).ok()?))
    }
}

/// The values of one line, by column.
#[derive(Clone, Copy)]
pub(super) struct Cells<'a> {
    pub(super) line: &'a str,
    pub(super) number: u64,
    pub(super) bounds: &'a Bounds,
    pub(super) slots: &'a Slots,
}

impl<'a> Cells<'a> {
    /// The value of a column, if the bill has the column.
    pub(super) fn get(&self, column: Column) -> Option<&'a str> {
        let slot = *self.slots.0.get(column.index())?;
        let (begin, end) = self.bounds.get(usize::from(slot))?;
        self.line.get(begin..end)
    }

    /// The value of a column, empty if the bill lacks the column.
    pub(super) fn text(&self, column: Column) -> &'a str {
        self.get(column).unwrap_or_default()
    }

    /// The value of a column that must be there, read.
    pub(super) fn read<T>(
        &self,
        column: Column,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, BillError> {
        self.get(column)
            .and_then(read)
            .ok_or_else(|| self.refused(column))
    }

    /// The value of a column, read, if the bill has the column.
    pub(super) fn read_if_there<T>(
        &self,
        column: Column,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<Option<T>, BillError> {
        match self.get(column) {
            None => Ok(None),
            Some(text) => read(text).map(Some).ok_or_else(|| self.refused(column)),
        }
    }

    pub(super) const fn refused(&self, column: Column) -> BillError {
        BillError::Value {
            line: self.number,
            column: column.name(),
        }
    }

    /// The value of every column, in the order of the file.
    #[cfg(test)]
    pub(super) fn all(&self) -> Vec<&'a str> {
        (0..self.bounds.count)
            .filter_map(|position| self.bounds.get(position))
            .filter_map(|(begin, end)| self.line.get(begin..end))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(line: &str, expected: usize) -> Result<Vec<String>, Damage> {
        let mut bounds = Bounds::new();
        bounds.cut(line, expected)?;
        let cells = Cells {
            line,
            number: 1,
            bounds: &bounds,
            slots: &Slots::empty(),
        };
        Ok(cells.all().into_iter().map(str::to_owned).collect())
    }

    fn texts(values: &[&str]) -> Result<Vec<String>, Damage> {
        Ok(values.iter().map(|value| (*value).to_owned()).collect())
    }

    #[test]
    fn a_value_ends_where_a_comma_and_a_backtick_follow() {
        assert_eq!(cut("`a,`b", 2), texts(&["a", "b"]));
        assert_eq!(cut("`,`,`", 3), texts(&["", "", ""]));
        assert_eq!(cut("`a,b,,`c`,`", 3), texts(&["a,b,", "c`", ""]));
        assert_eq!(cut("`退款,`元", 2), texts(&["退款", "元"]));
    }

    #[test]
    fn every_short_line_is_cut_as_a_plain_split_cuts_it() {
        // All lines of these three characters, across the border of a word.
        for code in 0..3_usize.pow(10) {
            let mut rest = code;
            let mut line = "`".to_owned();
            for _ in 0..10 {
                line.push(match rest % 3 {
                    0 => '`',
                    1 => ',',
                    _ => 'x',
                });
                rest /= 3;
            }
            let plain: Vec<&str> = line.strip_prefix('`').unwrap().split(",`").collect();
            assert_eq!(cut(&line, plain.len()), texts(&plain), "{line}");
        }
    }

    #[test]
    fn a_line_of_another_width_is_damaged() {
        let width = |found| Err(Damage::Width { found, expected: 2 });
        assert_eq!(cut("`a", 2), width(1));
        assert_eq!(cut("`a,`b,`c", 2), width(3));
        assert_eq!(cut(&"`,".repeat(500), 2), width(500));
        assert_eq!(cut("a,b", 2), Err(Damage::NoBacktick));
        assert_eq!(cut("", 2), Err(Damage::NoBacktick));
        let long = format!("`{}", "x".repeat(FIELD_BYTES_MAX + 1));
        assert_eq!(cut(&long, 1), Err(Damage::FieldTooLong));
    }
}
