//! What the body of a refusal says, in whatever shape.

use serde_json::Value;

use crate::Excerpt;

/// One of several things that a service says about a refusal: `error.details` of Azure's services.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RefusalDetail {
    /// Often more telling than the code of the whole.
    pub code: Option<Excerpt>,
    /// In words.
    pub message: Option<Excerpt>,
}

impl RefusalDetail {
    /// How many are kept: a batch may be refused for each of its events.
    pub const MAX: usize = 8;
}

/// A code and a description, where there are any.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) code: Option<Excerpt>,
    pub(crate) description: Option<Excerpt>,
    pub(crate) details: Vec<RefusalDetail>,
}

impl Refusal {
    /// Reads a body. `hide` takes secrets out of what is kept of it.
    ///
    /// Source: "Partner Center REST error codes", "API throttling guidance", the error responses of OData, Azure and
    /// Microsoft Entra, and what ASP.NET answers by default.
    pub(crate) fn read(body: &[u8], hide: &dyn Fn(&str) -> String) -> Self {
        let text = String::from_utf8_lossy(body);
        let Ok(mut value) = serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}'))
        else {
            return Self::of_text(&hide(&text));
        };
        // Only now, for an escape such as `\u002B` can stand within a secret.
        hide_in(&mut value, hide);
        // OData puts an object where Entra puts a code.
        let inner = member(&value, &["error"]).filter(|error| error.is_object());
        let object = inner.unwrap_or(&value);
        let code = member(object, &["code", "error", "statusCode"]).and_then(plain);
        let description = member(
            object,
            &["description", "error_description", "message", "title"],
        );
        match description.and_then(plain) {
            // The names of members may hold a secret as well.
            None if code.is_none() => Self::of_text(&hide(&value.to_string())),
            description => Self {
                code: code.map(Excerpt::of),
                description: description.map(Excerpt::long),
                details: details(object),
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
            description: (!words.is_empty()).then(|| Excerpt::long(words)),
            ..Self::default()
        }
    }
}

fn hide_in(value: &mut Value, hide: &dyn Fn(&str) -> String) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| hide_in(value, hide)),
        Value::Object(members) => {
            members.values_mut().for_each(|value| hide_in(value, hide));
        }
        Value::String(text) => *text = hide(text),
        _ => {}
    }
}

fn details(error: &Value) -> Vec<RefusalDetail> {
    let list = member(error, &["details"]).and_then(Value::as_array);
    let details = list.into_iter().flatten().map(|detail| RefusalDetail {
        code: member(detail, &["code"]).and_then(plain).map(Excerpt::of),
        message: member(detail, &["message"])
            .and_then(plain)
            .map(Excerpt::long),
    });
    details
        .filter(|detail| detail.code.is_some() || detail.message.is_some())
        .take(RefusalDetail::MAX)
        .collect()
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
            let refusal = Refusal::read(body.as_bytes(), &str::to_owned);
            let shown = |part: Option<Excerpt>| part.map_or(String::new(), |part| part.to_string());
            assert_eq!(
                (shown(refusal.code), shown(refusal.description)),
                (code.to_owned(), description.to_owned()),
                "{body}"
            );
        }
    }

    /// The recorded answer of Event Grid to a path that is not there has one detail.
    #[test]
    fn details_of_azure() {
        let shown = |body: &str| {
            let details = Refusal::read(body.as_bytes(), &str::to_owned).details;
            let shown = details.into_iter().map(|detail| {
                let text = |part: Option<Excerpt>| {
                    part.map_or_else(|| "-".to_owned(), |it| it.to_string())
                };
                format!("{} {}", text(detail.code), text(detail.message))
            });
            shown.collect::<Vec<_>>()
        };
        for (body, expected) in [
            (
                r#"{"error":{"code":"NotFound","message":"m","details":[{"code":"ResourceNotFound","message":"n"}]}}"#,
                &["ResourceNotFound n"][..],
            ),
            (
                r#"{"error":{"code":"a","details":[{"code":1},{"message":"x"},{},7,null]}}"#,
                &["1 -", "- x"],
            ),
            (r#"{"error":{"code":"a","details":null}}"#, &[]),
            (r#"{"error":{"code":"a","details":{}}}"#, &[]),
        ] {
            assert_eq!(shown(body), expected, "{body}");
        }
        let many = format!(
            r#"{{"error":{{"code":"a","details":[{{"code":"b"}}{}]}}}}"#,
            r#",{"code":"b"}"#.repeat(5000)
        );
        assert_eq!(shown(&many).len(), RefusalDetail::MAX);
    }

    #[test]
    fn length_is_bounded_and_text_escaped() {
        let long = Refusal::read("x".repeat(1_000_000).as_bytes(), &str::to_owned);
        assert!(format!("{long:?}").len() < 1200);
        let refusal = Refusal::read(b"\n\xff\"", &str::to_owned);
        assert_eq!(
            (refusal.code, refusal.description.unwrap().to_string()),
            (None, r#"\xef\xbf\xbd\""#.into())
        );
    }
}
