//! Extension attributes.

use serde_json::value::RawValue;

use super::attribute::is_text;
use super::error::CloudEventError;
use crate::mask::Excerpt;

/// Checks the name and value of an extension.
///
/// CloudEvents 1.0.2, "Type System": JSON has no integers of its own, so a number is valid only if it is written as one of
/// 32 bits (`1e3` and `1.0` are not).
pub(super) fn check(name: &str, value: &RawValue) -> Result<(), CloudEventError> {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if name.is_empty() || !name.bytes().all(is_allowed) || RESERVED.contains(&name) {
        return Err(CloudEventError::ExtensionName { name: Excerpt::of(name) });
    }
    let json = value.get();
    let is_value = match json.bytes().next() {
        Some(b'"') => serde_json::from_str::<String>(json).is_ok_and(|text| is_text(&text)),
        Some(b't' | b'f') => true,
        _ => json.parse::<i32>().is_ok(),
    };
    match is_value {
        true => Ok(()),
        false => Err(CloudEventError::Attribute {
            name: Excerpt::of(name),
            found: Excerpt::of(json),
            expected: "a boolean, an integer of 32 bits, or text without control characters",
        }),
    }
}

/// The names of attributes. `data_base64` is missing because `_` is not allowed anyway.
const RESERVED: &[&str] = &[
    "data",
    "datacontenttype",
    "dataschema",
    "id",
    "source",
    "specversion",
    "subject",
    "time",
    "type",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn is_valid(name: &str, json: &str) -> bool {
        check(name, serde_json::from_str(json).unwrap()).is_ok()
    }

    #[test]
    fn names_and_values() {
        for name in ["a", "traceparent", "a1", "1"] {
            assert!(is_valid(name, "1"), "{name}");
        }
        for name in ["", "A", "a_b", "a-b", "ä", "id", "data", "data_base64"] {
            assert!(!is_valid(name, "1"), "{name}");
        }
        for json in ["true", "false", "-2147483648", "2147483647", r#""""#, r#""ä""#] {
            assert!(is_valid("a", json), "{json}");
        }
        for json in ["1.5", "1e3", "2147483648", "[]", "{}", r#""\n""#, r#""\ud800""#, "null"] {
            assert!(!is_valid("a", json), "{json}");
        }
    }
}
