//! Why a body is not an event.

use std::str::Utf8Error;

use crate::json::raw::DEPTH_LIMIT;
use crate::mask::Excerpt;

/// Why a body is not an event.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// The body starts with the byte order mark of an encoding other than UTF-8.
    #[error("body starts with a {encoding} byte order mark (expected a JSON object in UTF-8)")]
    ByteOrderMark {
        /// The encoding it is the mark of: `UTF-16`.
        encoding: &'static str,
    },
    /// A member occurs twice, perhaps in another case.
    #[error("member `{member}` occurs more than once")]
    DuplicateMember {
        /// The later of the two.
        member: Excerpt,
    },
    /// The body has no bytes, or only whitespace.
    #[error("body is empty (expected a JSON object)")]
    Empty,
    /// The one required member is missing or malformed.
    #[error("member `EventName` is {found} (expected a non-empty string)")]
    EventName {
        /// What was found: a JSON type, or `missing`.
        found: &'static str,
    },
    /// The body is JSON, but not an object.
    #[error("body is {found} (expected a JSON object)")]
    NotAnObject {
        /// The JSON type of the body.
        found: &'static str,
    },
    /// The body is not UTF-8.
    #[error("body is not UTF-8 after byte {offset}")]
    NotUtf8 {
        /// How many bytes at its beginning are UTF-8, without a byte order mark.
        offset: usize,
        /// The error of the standard library.
        source: Utf8Error,
    },
    /// The body is not JSON, is truncated, or has trailing text.
    #[error("body is not JSON: {reason} (line {line}, column {column})")]
    Syntax {
        /// Column in bytes, from 1.
        column: usize,
        /// Line, from 1.
        line: usize,
        /// The error of the JSON reader.
        reason: Excerpt,
    },
    /// A member nests more objects and arrays than JSON parsers accept.
    #[error(
        "member `{member}` is nested too deeply (expected at most {DEPTH_LIMIT} levels, the event included)"
    )]
    TooDeep {
        /// The outermost member that nests too deeply.
        member: Excerpt,
    },
}

impl EventError {
    pub(super) fn syntax(error: serde_json::Error) -> Self {
        let (line, column, text) = (error.line(), error.column(), error.to_string());
        let position = format!(" at line {line} column {column}");
        Self::Syntax {
            column,
            line,
            reason: Excerpt::of(text.strip_suffix(&position).unwrap_or(&text)),
        }
    }
}
