//! JSON that is kept as text: split into members, and inspected without being parsed.
//!
//! An event is passed on and compared as text, because a parser loses what it does not need: the digits of a number, the order of
//! members, a member that occurs twice. So its values stay `RawValue`s, which `serde_json` has checked and not parsed.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of an object, with their values as text: all members are kept, and none is parsed.
///
/// Names are borrowed from the text where they have no escapes, so an event costs few allocations. An object that has a name twice
/// keeps both: the caller decides.
pub(crate) struct Members<'a>(pub(crate) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                // The number of documented members, plus one.
                let mut members = Vec::with_capacity(7);
                while let Some((Name(name), value)) = map.next_entry()? {
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

/// A member's name, copied only if it has escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }

            fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(NameVisitor)
    }
}

/// The text of a JSON string; `None` for anything else, and for a string that is not Unicode.
///
/// Half a surrogate pair, such as `"\ud800"`, is JSON but not Unicode.
pub(crate) fn string(value: Option<&RawValue>) -> Option<Cow<'_, str>> {
    let json = value?.get();
    let quoted = json.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    match quoted {
        // The value is valid JSON, so without escapes this is the text.
        Some(text) if !text.contains('\\') => Some(text.into()),
        _ => serde_json::from_str(json).ok().map(Cow::Owned),
    }
}

/// The JSON type with its article, for messages.
///
/// By its first character, because the value is known to be valid.
pub(crate) fn json_type(value: &RawValue) -> &'static str {
    match value.get().bytes().next() {
        Some(b'"') => "a string",
        Some(b'[') => "an array",
        Some(b'f' | b't') => "a boolean",
        Some(b'n') => "null",
        Some(b'{') => "an object",
        _ => "a number",
    }
}

/// The number of nested objects and arrays in `value`, which is valid JSON. A loop, because the sender chooses the depth.
///
/// Brackets within strings do not count. A text, a number, a boolean and null have the depth 0.
pub(crate) fn depth(value: &RawValue) -> usize {
    if !value.get().starts_with(['[', '{']) {
        return 0;
    }
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut is_escaped) = (false, false);
    for byte in value.get().bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth = depth.saturating_add(1);
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The maximum number of nested objects and arrays, the same as for a `serde_json::Value` (its limit is 128, exclusive).
/// `serde_json` does not count levels in raw values, but later parsers of the text do.
pub(crate) const DEPTH_LIMIT: usize = 127;

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> &RawValue {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn depth_counts_levels_and_not_brackets() {
        for (json, levels) in [
            ("1", 0),
            (r#""[{""#, 0),
            ("[]", 1),
            (r#"{"[":"\"[\\"}"#, 1),
            ("[[],[],{}]", 2),
            (r#"[{"a":[1]},[]]"#, 3),
        ] {
            assert_eq!(depth(raw(json)), levels, "{json}");
        }
    }

    #[test]
    fn json_types_are_named() {
        let types = ["1", "-1", "true", "false", "null", "\"\"", "[]", "{}"]
            .map(|json| json_type(raw(json)));
        let number_to_object = [
            "a number",
            "a number",
            "a boolean",
            "a boolean",
            "null",
            "a string",
            "an array",
            "an object",
        ];
        assert_eq!(types, number_to_object);
    }

    #[test]
    fn only_a_whole_string_is_a_string() {
        assert_eq!(string(Some(raw(r#""a\u00e4\n""#))).as_deref(), Some("aä\n"));
        assert_eq!(string(Some(raw(r#""\ud800""#))), None);
        assert_eq!(string(Some(raw("null"))), None);
        assert_eq!(string(None), None);
    }
}
