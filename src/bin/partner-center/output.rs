//! Standard output: data, and nothing else.

use std::fmt::Display;
use std::io::{self, Write as _};

use serde_json::Value;

use crate::failure::Failure;

/// Writes what a command found out, for people or for machines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Out {
    is_json: bool,
}

impl Out {
    pub(crate) fn new(is_json: bool) -> Self {
        Self { is_json }
    }

    pub(crate) fn is_json(self) -> bool {
        self.is_json
    }

    /// Writes `text`, or `json` on one line.
    pub(crate) fn show(self, text: impl Display, json: &Value) -> Result<(), Failure> {
        match self.is_json {
            true => line(json),
            false => line(text),
        }
    }
}

/// Writes a line at once.
pub(crate) fn line(text: impl Display) -> Result<(), Failure> {
    Ok(write_line(text)?)
}

/// Writes a line at once, for code that handles the error itself.
pub(crate) fn write_line(text: impl Display) -> io::Result<()> {
    let text = format!("{text}\n");
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Writes bytes at once, without a line break.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    Ok(out.flush()?)
}

/// Writes a line to standard error. Nobody may be there to read it, which is not an error.
pub(crate) fn note(text: impl Display) {
    let text = format!("{text}\n");
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// `value` as JSON on one line.
///
/// An event serializes to the text that was received, which may have line breaks. In JSON a raw line break can only be whitespace
/// between tokens, so a blank is equivalent.
pub(crate) fn one_line(value: &impl serde::Serialize) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string(value)?.replace(['\n', '\r'], " "))
}
