//! The valid values of each attribute.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::error::CloudEventError;
use crate::mask::Excerpt;

/// Accepts `value` if it is valid for the attribute `name`.
pub(super) fn check(name: &'static str, value: &str) -> Result<Box<str>, CloudEventError> {
    let is_valid = match name {
        "source" => is_uri_reference(value),
        "dataschema" => is_uri_reference(value) && has_scheme(value),
        "datacontenttype" => is_media_type(value),
        "time" => is_time(value),
        _ => !value.is_empty() && is_text(value),
    };
    match is_valid {
        true => Ok(value.into()),
        false => Err(invalid(name, value)),
    }
}

/// The error for an invalid value of the attribute `name`.
pub(super) fn invalid(name: &'static str, found: &str) -> CloudEventError {
    let expected = match name {
        "source" => "a non-empty URI reference",
        "dataschema" => "an absolute URI",
        "datacontenttype" => "a media type, as in `application/json`",
        "time" => "an RFC 3339 time in the years 0 to 9999",
        "specversion" => "1.0",
        "data_base64" => "base64",
        _ => "non-empty text without control characters",
    };
    CloudEventError::Attribute { name: Excerpt::of(name), found: Excerpt::of(found), expected }
}

/// CloudEvents 1.0.2, "Type System", String: neither control characters nor Unicode noncharacters.
pub(super) fn is_text(value: &str) -> bool {
    value.chars().all(|c| {
        let code = u32::from(c);
        let is_noncharacter = (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe;
        !c.is_control() && !is_noncharacter
    })
}

/// RFC 3986: whether all characters are allowed in a URI reference.
fn is_uri_reference(value: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&byte);
    !value.is_empty() && value.bytes().all(is_allowed)
}

/// RFC 3986, section 3.1.
fn has_scheme(value: &str) -> bool {
    let Some((scheme, _)) = value.split_once(':') else {
        return false;
    };
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.bytes().all(is_allowed)
}

/// RFC 3339, section 5.6. The parser accepts any character in place of `T`.
fn is_time(value: &str) -> bool {
    let separator = value.as_bytes().get("2026-11-21".len());
    separator.is_some_and(|byte| byte.eq_ignore_ascii_case(&b'T'))
        && OffsetDateTime::parse(value, &Rfc3339).is_ok()
}

/// RFC 2046: a type, a subtype and optional parameters.
fn is_media_type(value: &str) -> bool {
    let essence = value.split(';').next().unwrap_or_default().trim();
    let is_token = |part: &str| {
        let is_allowed =
            |byte: u8| byte.is_ascii_graphic() && !br#"()<>@,;:\"/[]?="#.contains(&byte);
        !part.is_empty() && part.bytes().all(is_allowed)
    };
    let parts = essence.split_once('/');
    is_text(value) && parts.is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_and_invalid_values() {
        for (name, good, bad) in [
            ("id", &["1", "ä b"][..], &["", "a\nb", "\u{7f}", "\u{85}", "\u{fffe}"][..]),
            ("type", &["Contoso.Items.Created"], &[""]),
            ("subject", &["a/b"], &[""]),
            (
                "source",
                &["/a", "https://a.example/b?c#d", "urn:uuid:6e8bc430", "a", "#"],
                &["", "a b", "ä", "a\\b", "{a}"],
            ),
            (
                "dataschema",
                &["https://a.example/schema#x", "urn:a:b"],
                &["", "#", "/a", "a", "1a:b", ":b", "a b:c"],
            ),
            (
                "datacontenttype",
                &["application/json", "text/plain; charset=utf-8", "application/vnd.a+json"],
                &["", "json", "a/", "/b", "a b/c", "a/b/c", "text/plain;\n"],
            ),
            (
                "time",
                &["2026-11-21T00:00:00Z", "2026-11-21T00:00:00.1234567+01:00"],
                &["", "2026-11-21", "2026-11-21T00:00:00", "2026-13-21T00:00:00Z"],
            ),
        ] {
            for value in good {
                assert_eq!(*check(name, value).unwrap(), **value, "{name}");
            }
            for value in bad {
                assert!(check(name, value).is_err(), "{name} {value:?}");
            }
        }
        assert_eq!(
            check("dataschema", "#").unwrap_err().to_string(),
            "attribute `dataschema` is `#` (expected an absolute URI)"
        );
    }
}
