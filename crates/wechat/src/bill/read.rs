//! Reading a bill row by row. Memory does not grow with the file: one line is held at a time, and
//! rows borrow from it. The end is only reached behind a summary that agrees with the rows.

use std::io::{BufRead, Read as _};

use super::BillKind;
use super::cells::{Bounds, Cells, Slots};
use super::column::{Column, Sum};
use super::error::{BillError, Damage};
use super::layout::{Layout, names};
use super::row::Row;
use super::summary::{Summary, values};

/// The longest line read, in bytes, without its end.
pub const LINE_BYTES_MAX: usize = 16 * 1024;
/// The longest value, in bytes.
pub const FIELD_BYTES_MAX: usize = 2 * 1024;
/// The most columns of a header.
pub const COLUMNS_MAX: usize = 64;
/// The most rows of a bill.
pub const ROWS_MAX: u64 = 100_000_000;

const MARK: &str = "\u{feff}";

/// Whether a file begins with a byte order mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// EF BB BF, as in most downloads.
    Present,
    /// None.
    Absent,
}

/// How lines end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnd {
    /// CR LF, as in most downloads.
    CrLf,
    /// LF.
    Lf,
}

/// What of a file is not content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// The byte order mark.
    pub mark: Mark,
    /// The ends of lines.
    pub line_end: LineEnd,
}

impl Style {
    /// As observed in downloads: a mark, and CR LF.
    pub const OBSERVED: Self = Self {
        mark: Mark::Present,
        line_end: LineEnd::CrLf,
    };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Rows,
    Ended,
    GivenUp,
}

/// Reads one bill.
#[derive(Debug)]
pub struct BillReader<R> {
    input: R,
    line: Vec<u8>,
    number: u64,
    width: usize,
    slots: Slots,
    bounds: Bounds,
    layout: Layout,
    style: Style,
    summary: Summary,
    state: State,
}

impl<R: BufRead> BillReader<R> {
    /// Reads the header of a bill; of a packed or hashed file, wrap it in [`super::Unpacked`].
    ///
    /// # Errors
    /// [`BillError`] when the file is empty, no bill, or one of another kind.
    pub fn new(input: R, kind: BillKind) -> Result<Self, BillError> {
        let mut reader = Self {
            input,
            line: Vec::with_capacity(1024),
            number: 0,
            width: 0,
            slots: Slots::empty(),
            bounds: Bounds::new(),
            layout: Layout {
                kind,
                columns: Vec::new(),
                sums: Vec::new(),
            },
            style: Style::OBSERVED,
            summary: Summary::default(),
            state: State::Rows,
        };
        reader.read_header()?;
        Ok(reader)
    }

    /// The next row; none at the end, which is behind a summary that agrees with all rows.
    ///
    /// # Errors
    /// [`BillError`]: no row of this file counts, those before the error included.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, BillError> {
        match self.state {
            State::Rows => {}
            State::Ended => return Ok(None),
            State::GivenUp => return Err(BillError::GivenUp),
        }
        // Until the row is whole, the file is given up.
        self.state = State::GivenUp;
        if !self.read_line()? {
            return Err(BillError::CutShort { line: self.number });
        }
        if self.line.first() != Some(&b'`') {
            self.read_summary()?;
            self.state = State::Ended;
            return Ok(None);
        }
        if self.summary.rows >= ROWS_MAX {
            return Err(BillError::TooManyRows);
        }
        let number = self.number;
        let damaged = |damage| BillError::Line {
            line: number,
            damage,
        };
        let line = std::str::from_utf8(&self.line).map_err(|_utf8| damaged(Damage::NotUtf8))?;
        self.bounds.cut(line, self.width).map_err(damaged)?;
        let cells = Cells {
            line,
            number,
            bounds: &self.bounds,
            slots: &self.slots,
        };
        let row = Row::read(self.layout.kind, cells)?;
        self.summary.add(&row, number)?;
        self.state = State::Rows;
        Ok(Some(row))
    }

    /// The sums of the bill, once its end was reached.
    #[must_use]
    pub fn summary(&self) -> Option<&Summary> {
        (self.state == State::Ended).then_some(&self.summary)
    }

    /// The columns of the bill; those of the summary are there once the end was reached.
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Mark and line ends of the file.
    #[must_use]
    pub const fn style(&self) -> Style {
        self.style
    }

    /// The number of the line that was read last, from 1.
    #[must_use]
    pub const fn line(&self) -> u64 {
        self.number
    }

    /// Gives the input back, for example to see how much of it was read.
    #[must_use]
    pub fn into_inner(self) -> R {
        self.input
    }

    fn read_header(&mut self) -> Result<(), BillError> {
        if !self.read_line()? {
            return Err(BillError::Empty);
        }
        let line = text(&self.line, self.number)?;
        let header = line.strip_prefix(MARK).unwrap_or(line);
        self.style.mark = if header.len() == line.len() {
            Mark::Absent
        } else {
            Mark::Present
        };
        if header.trim_start().starts_with('<') {
            return Err(BillError::NotABill);
        }
        for (position, name) in names(header)?.enumerate() {
            self.width = position + 1;
            // Fields may be added at any time: a column nobody knows is passed over.
            let Some((column, spelling)) = Column::find(name) else {
                continue;
            };
            if self.slots.put(column, position).is_none() {
                return Err(BillError::DuplicateColumn { column: spelling });
            }
            self.layout.columns.push((column, spelling));
        }
        self.layout.require()
    }

    /// Reads the two lines of the summary, of which the first is in `line`, and what follows.
    fn read_summary(&mut self) -> Result<(), BillError> {
        let header = text(&self.line, self.number)?;
        let first = names(header)?.next().and_then(Sum::find);
        if !matches!(first, Some((Sum::Rows | Sum::FlowRows, _))) {
            return Err(BillError::Line {
                line: self.number,
                damage: Damage::NoBacktick,
            });
        }
        let mut sums = Vec::new();
        for name in names(header)? {
            let sum = Sum::find(name);
            if let Some((known, spelling)) = sum {
                if self.layout.sums.iter().any(|(other, _)| *other == known) {
                    return Err(BillError::DuplicateColumn { column: spelling });
                }
                self.layout.sums.push((known, spelling));
            }
            sums.push(sum);
        }
        self.layout.require_sums()?;
        if !self.read_line()? {
            return Err(BillError::CutShort { line: self.number });
        }
        self.compare(&sums)?;
        while self.read_line()? {
            if !self.line.is_empty() {
                return Err(BillError::Line {
                    line: self.number,
                    damage: Damage::AfterSummary,
                });
            }
        }
        Ok(())
    }

    fn compare(&self, sums: &[Option<(Sum, &'static str)>]) -> Result<(), BillError> {
        let line = self.number;
        let damaged = |damage| BillError::Line { line, damage };
        let stated = text(&self.line, line)?;
        let found = values(stated).map_err(damaged)?.count();
        if found != sums.len() {
            return Err(damaged(Damage::Width {
                found,
                expected: sums.len(),
            }));
        }
        for (sum, value) in sums.iter().zip(values(stated).map_err(damaged)?) {
            if let Some((sum, _)) = sum {
                self.summary.compare(*sum, value, line)?;
            }
        }
        Ok(())
    }

    /// The next line without its end; false at the end of the file.
    fn read_line(&mut self) -> Result<bool, BillError> {
        self.line.clear();
        // Two more for the line's end.
        let bound = u64::try_from(LINE_BYTES_MAX + 2).unwrap_or(u64::MAX);
        (&mut self.input)
            .take(bound)
            .read_until(b'\n', &mut self.line)
            .map_err(|error| BillError::from_io(error, self.number))?;
        if self.line.is_empty() {
            return Ok(false);
        }
        self.number += 1;
        if self.line.pop_if(|last| *last == b'\n').is_some() {
            let carriage = self.line.pop_if(|last| *last == b'\r').is_some();
            if self.number == 1 && !carriage {
                self.style.line_end = LineEnd::Lf;
            }
        }
        if self.line.len() > LINE_BYTES_MAX {
            return Err(BillError::Line {
                line: self.number,
                damage: Damage::TooLong,
            });
        }
        Ok(true)
    }
}

fn text(line: &[u8], number: u64) -> Result<&str, BillError> {
    std::str::from_utf8(line).map_err(|_utf8| BillError::Line {
        line: number,
        damage: Damage::NotUtf8,
    })
}
