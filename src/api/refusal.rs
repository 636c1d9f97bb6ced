//! What the body of a refusal says, in whatever shape.

use serde_json::Value;

use crate::Excerpt;

/// A code and a description, where there are any.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Refusal {
    pub(super) code: Option<Excerpt>,
    pub(super) description: Option<Excerpt>,
}

impl Refusal {
    /// Reads a body. `secret` is left out of it, wherever it is.
    ///
    /// Source: "Partner Center REST error codes", "API throttling guidance", the error responses of OData and of Microsoft
    /// Entra, and what ASP.NET answers by default.
    pub(super) fn read(body: &[u8], secret: &str) -> Self {
        let text = String::from_utf8_lossy(body).replace(secret, "[token]");
        let Ok(value) = serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}')) else {
            return Self::of_text(&text);
        };
        // OData puts an object where Entra puts a code.
        let inner = member(&value, &["error"]).filter(|error| error.is_object());
        let object = inner.unwrap_or(&value);
        let code = member(object, &["code", "error", "statusCode"]).and_then(plain);
        let description = member(
            object,
            &["description", "error_description", "message", "title"],
        );
        match description.and_then(plain) {
            None if code.is_none() => Self::of_text(&text),
            description => Self {
                code: code.map(Excerpt::of),
                description: description.map(Excerpt::long),
            },
        }
    }

    /// A body that is no error object: what a person would read of it.
    fn of_text(text: &str) -> Self {
        let is_markup = text.trim_start().starts_with('<');
        let words = match is_markup {
            true => html_title(text).unwrap_or_default(),
            false => text,
        };
        let words = words.trim();
        Self {
            code: None,
            description: (!words.is_empty()).then(|| Excerpt::long(words)),
        }
    }
}

/// The first of `names` that is a member and not null; in any ASCII case.
fn member<'a>(value: &'a Value, names: &[&str]) -> Option<&'a Value> {
    let members = value.as_object()?;
    names.iter().find_map(|name| {
        members
            .iter()
            .find(|(key, value)| key.eq_ignore_ascii_case(name) && !value.is_null())
            .map(|(_, value)| value)
    })
}

/// The text of a string or a number.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn html_title(text: &str) -> Option<&str> {
    let lower = text.to_ascii_lowercase();
    let start = lower.find("<title>")?.checked_add("<title>".len())?;
    let end = lower.get(start..)?.find('<')?.checked_add(start)?;
    text.get(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_of_an_error() {
        for (body, code, description) in [
            // "Partner Center REST error codes"
            (
                r#"{"code":"900150","description":"Role lacks rights.","data":[],"source":"PartnerFD"}"#,
                "900150",
                "Role lacks rights.",
            ),
            (
                r#"{"code":1000,"description":"Not found."}"#,
                "1000",
                "Not found.",
            ),
            (r#"{"Code":"1000","Description":null}"#, "1000", ""),
            // "API throttling guidance for partners"
            (
                r#"{ "statusCode": 429, "message": "Rate limit is exceeded. Try again in 57 seconds." }"#,
                "429",
                "Rate limit is exceeded. Try again in 57 seconds.",
            ),
            // OData, as api.partner.microsoft.com and Graph answer
            (
                r#"{"error":{"code":"NotFound","message":"No such referral.","target":"id","innerError":{"code":"x"}}}"#,
                "NotFound",
                "No such referral.",
            ),
            // Microsoft Entra
            (
                r#"{"error":"invalid_grant","error_description":"AADSTS70008: expired","error_codes":[70008]}"#,
                "invalid_grant",
                "AADSTS70008: expired",
            ),
            // ASP.NET
            (
                r#"{"Message":"An error has occurred."}"#,
                "",
                "An error has occurred.",
            ),
            (r#"{"message":"x","ModelState":{"a":["b"]}}"#, "", "x"),
            ("\u{feff}{\"message\":\"x\"}", "", "x"),
            // Front ends
            (
                "<html><head><TITLE> 502 Bad Gateway </title></head><body>…</body></html>",
                "",
                "502 Bad Gateway",
            ),
            ("<html><body>no title</body></html>", "", ""),
            ("<title>never closed", "", ""),
            ("upstream connect error", "", "upstream connect error"),
            ("", "", ""),
            (" \r\n", "", ""),
            // JSON that says nothing we know, or is cut.
            (r#"{"a":1}"#, "", r#"{\"a\":1}"#),
            ("[]", "", "[]"),
            (r#"{"code":"10"#, "", r#"{\"code\":\"10"#),
            (r#""text""#, "", r#"\"text\""#),
        ] {
            let refusal = Refusal::read(body.as_bytes(), "token");
            let shown = |part: Option<Excerpt>| part.map_or(String::new(), |part| part.to_string());
            assert_eq!(
                (shown(refusal.code), shown(refusal.description)),
                (code.to_owned(), description.to_owned()),
                "{body}"
            );
        }
    }

    #[test]
    fn a_secret_that_comes_back_is_not_shown_and_length_is_bounded() {
        for body in [
            r#"{"code":"s3cret","description":"bad header: Bearer s3cret"}"#,
            "Bearer s3cret is no good",
            "<title>s3cret</title>",
        ] {
            let shown = format!("{:?}", Refusal::read(body.as_bytes(), "s3cret"));
            assert!(
                !shown.contains("s3cret") && shown.contains("[token]"),
                "{shown}"
            );
        }
        let long = Refusal::read("x".repeat(1_000_000).as_bytes(), "s3cret");
        assert!(format!("{long:?}").len() < 1200);
        let Refusal { code, description } = Refusal::read(&[b'\n', 0xff, b'"'], "s3cret");
        assert_eq!(
            (code, description.unwrap().to_string()),
            (None, r#"\xef\xbf\xbd\""#.into())
        );
    }
}
