//! JSON in responses: one reader for all clients.
//!
//! A response can be cut off by a proxy or a lost connection although its status is 200. Such a response is worth another attempt;
//! JSON of another shape is not.

use serde::Deserialize;

use crate::json::without_mark;

/// Why a successful response cannot be read.
///
/// The problem is for an error message. It may quote the response, so callers redact it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Unreadable {
    pub(crate) problem: String,
    /// Whether the response is empty or truncated JSON: another attempt may return all of it.
    pub(crate) is_partial: bool,
}

impl From<String> for Unreadable {
    fn from(problem: String) -> Self {
        Self { problem, is_partial: false }
    }
}

impl From<&str> for Unreadable {
    fn from(problem: &str) -> Self {
        problem.to_owned().into()
    }
}

/// Reads JSON, with or without a byte order mark.
///
/// An empty response is not read as `null`: a lost body must not look like an absent resource.
pub(crate) fn read<'j, T: Deserialize<'j>>(json: &'j [u8]) -> Result<T, Unreadable> {
    let json = without_mark(json);
    if json.trim_ascii().is_empty() {
        return Err(Unreadable {
            problem: "the response is empty (expected JSON)".to_owned(),
            is_partial: true,
        });
    }
    serde_json::from_slice(json)
        .map_err(|error| Unreadable { is_partial: error.is_eof(), problem: error.to_string() })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn marks_are_skipped_and_partial_responses_differ_from_malformed_ones() {
        for (json, problem) in [
            ("{}", None),
            ("\u{feff}{}", None),
            ("", Some(("the response is empty (expected JSON)", true))),
            ("\u{feff}\r\n", Some(("the response is empty (expected JSON)", true))),
            ("\u{feff}{\"a", Some(("EOF while parsing a string at line 1 column 3", true))),
            ("[1", Some(("EOF while parsing a list at line 1 column 2", true))),
            ("<html>", Some(("expected value at line 1 column 1", false))),
            ("\u{feff}\u{feff}{}", Some(("expected value at line 1 column 1", false))),
        ] {
            let found = read::<Value>(json.as_bytes()).err();
            let found = found.map(|it| (it.problem, it.is_partial));
            let expected = problem.map(|(text, is_partial)| (text.to_owned(), is_partial));
            assert_eq!(found, expected, "{json:?}");
        }
    }
}
