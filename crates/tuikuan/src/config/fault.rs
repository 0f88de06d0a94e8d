//! What is wrong with a configuration, as a list: an operator mends everything in one go. A fault
//! names the place and says what to do; it never repeats a value, which may be a secret (INV-36).

use std::fmt;
use std::path::{Path, PathBuf};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The key, such as `merchant[0].api_v3_key`, or empty for the whole file.
    pub(crate) key: String,
    /// The line of the file, where known.
    pub(crate) line: Option<usize>,
    /// What is wrong.
    pub(crate) what: String,
    /// What to do.
    pub(crate) advice: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}, ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}", self.what)?;
        if self.advice.is_empty() {
            Ok(())
        } else {
            write!(f, "; {}", self.advice)
        }
    }
}

/// A configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Faults {
    /// The file.
    pub(crate) file: PathBuf,
    /// Everything that is wrong, in the order of the file where possible.
    pub(crate) list: Vec<Fault>,
}

impl Faults {
    /// One fault of a whole file.
    pub(crate) fn whole(file: &Path, what: String, advice: &str) -> Self {
        let fault = Fault {
            key: String::new(),
            line: None,
            what,
            advice: advice.to_owned(),
        };
        Self {
            file: file.to_owned(),
            list: vec![fault],
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the configuration {} cannot be used",
            self.file.display()
        )?;
        for fault in &self.list {
            write!(f, "\n  {fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
