//! Codes and messages in refusals, in all shapes that the services use.

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;
use serde_json::Value;

use crate::http_client::words::Words;
use crate::json::without_mark;
use crate::mask::Excerpt;

/// One detail of a refusal: an item of `error.details` from Azure's services.
///
/// For example, a webhook that failed its validation is a detail of a failed event subscription.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RefusalDetail {
    /// Its code, often more specific than that of the refusal.
    pub code: Option<Excerpt>,
    /// Its message.
    pub message: Option<Excerpt>,
}

impl RefusalDetail {
    /// How many are kept, because a batch can be refused for each of its events.
    pub const MAX: usize = 8;
}

/// The code and the message of a refusal.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Refusal {
    /// From JSON, or from a header.
    pub(crate) code: Option<Excerpt>,
    /// The member `code` of JSON.
    pub(crate) json_code: Option<String>,
    /// Whether it is inside an object `error`, as in OData and Azure.
    pub(crate) is_nested: bool,
    /// The message, or the text of a page.
    pub(crate) description: Option<Excerpt>,
    /// At most [`RefusalDetail::MAX`].
    pub(crate) details: Vec<RefusalDetail>,
}

impl Refusal {
    /// Reads a response. `redact` removes secrets from the text that is kept.
    ///
    /// Source: "Partner Center REST error codes", "API throttling guidance", the error responses of OData, Azure and
    /// Microsoft Entra and ASP.NET; "Status and error codes", Azure Storage, and RFC 6750, section 3, for the headers.
    pub(crate) fn read(headers: &HeaderMap, body: &[u8], redact: &dyn Fn(&str) -> String) -> Self {
        let mut refusal = Self::of_body(body, redact);
        if refusal.code.is_none() {
            let code = headers.get(ERROR_CODE).map(|code| code.as_bytes());
            let code = code.map(|code| redact(&String::from_utf8_lossy(code)));
            refusal.code = code.filter(|code| !code.is_empty()).map(Excerpt::of);
        }
        if refusal.description.is_none() {
            let words = challenge_description(headers).map(|words| redact(&words));
            refusal.description = words.map(Excerpt::long);
        }
        refusal
    }

    /// Reads a body, or a part of it.
    ///
    /// A list of details comes from Azure's services alone. A body without a code or a message is shown as a whole.
    pub(crate) fn of_body(body: &[u8], redact: &dyn Fn(&str) -> String) -> Self {
        let text = String::from_utf8_lossy(without_mark(body));
        let Ok(mut value) = serde_json::from_str::<Value>(&text) else {
            return Self::of_words(Words::read(body), redact);
        };
        // After parsing, because a secret can hold an escape such as `\u002B`.
        redact_in(&mut value, redact);
        // `error` is an object in OData, and a code in Entra.
        let inner = member(&value, &["error"]).filter(|error| error.is_object());
        let object = inner.unwrap_or(&value);
        let is_nested = inner.is_some();
        let json_code = member(object, &["code"]).and_then(plain);
        let code = json_code.clone().or_else(|| member(object, &["error"]).and_then(plain));
        let description = member(object, &["description", "error_description", "message", "title"]);
        match description.and_then(plain) {
            // Names of members can hold a secret too.
            None if code.is_none() => Self {
                description: Some(Excerpt::long(redact(&value.to_string()))),
                ..Self::default()
            },
            description => Self {
                code: code.map(Excerpt::of),
                json_code,
                is_nested,
                description: description.map(Excerpt::long),
                details: details(object),
            },
        }
    }

    /// The code and the text of a body that is not JSON.
    fn of_words(words: Words, redact: &dyn Fn(&str) -> String) -> Self {
        Self {
            code: words.code.map(|code| Excerpt::of(redact(&code))),
            description: words.text.map(|text| Excerpt::long(redact(&text))),
            ..Self::default()
        }
    }
}

/// The `error_description` of a challenge in `WWW-Authenticate` (RFC 6750, section 3).
fn challenge_description(headers: &HeaderMap) -> Option<String> {
    let challenges = headers.get_all(WWW_AUTHENTICATE).iter();
    challenges
        .filter_map(|challenge| {
            let challenge = String::from_utf8_lossy(challenge.as_bytes()).into_owned();
            let (_, text) = challenge.split_once("error_description=\"")?;
            let (text, _) = text.split_once('"')?;
            (!text.is_empty()).then(|| text.to_owned())
        })
        .next()
}

/// Redacts all strings in `value`, but not the names of members.
fn redact_in(value: &mut Value, redact: &dyn Fn(&str) -> String) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| redact_in(value, redact)),
        Value::Object(members) => {
            members.values_mut().for_each(|value| redact_in(value, redact));
        }
        Value::String(text) => *text = redact(text),
        _ => {}
    }
}

/// The items of `details` that have a code or a message.
fn details(error: &Value) -> Vec<RefusalDetail> {
    let list = member(error, &["details"]).and_then(Value::as_array);
    let details = list.into_iter().flatten().map(|detail| RefusalDetail {
        code: member(detail, &["code"]).and_then(plain).map(Excerpt::of),
        message: member(detail, &["message"]).and_then(plain).map(Excerpt::long),
    });
    details
        .filter(|detail| detail.code.is_some() || detail.message.is_some())
        .take(RefusalDetail::MAX)
        .collect()
}

/// The first member in `names` that is not null, ignoring ASCII case.
///
/// Partner Center writes `code` and `Code`.
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

/// The header for the code in Azure's services.
const ERROR_CODE: &str = "x-ms-error-code";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_shapes_of_errors_are_read() {
        for (body, code, description) in [
            // "Partner Center REST error codes"
            (
                r#"{"code":"900150","description":"Role lacks rights.","data":[],"source":"PartnerFD"}"#,
                "900150",
                "Role lacks rights.",
            ),
            (r#"{"code":1000,"description":"Not found."}"#, "1000", "Not found."),
            (r#"{"Code":"1000","Description":null}"#, "1000", ""),
            // "API throttling guidance for partners"
            (
                r#"{ "statusCode": 429, "message": "Rate limit is exceeded. Try again in 57 seconds." }"#,
                "",
                "Rate limit is exceeded. Try again in 57 seconds.",
            ),
            // OData, as from api.partner.microsoft.com and Graph
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
            (r#"{"Message":"An error has occurred."}"#, "", "An error has occurred."),
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
            // JSON without a known member, or truncated.
            (r#"{"a":1}"#, "", r#"{\"a\":1}"#),
            ("[]", "", "[]"),
            (r#"{"code":"10"#, "", r#"{\"code\":\"10"#),
            (r#""text""#, "", r#"\"text\""#),
        ] {
            let refusal = Refusal::of_body(body.as_bytes(), &str::to_owned);
            let shown = |part: Option<Excerpt>| part.map_or(String::new(), |part| part.to_string());
            assert_eq!(
                (shown(refusal.code), shown(refusal.description)),
                (code.to_owned(), description.to_owned()),
                "{body}"
            );
        }
    }

    /// The recorded response of Event Grid to an unknown path has one detail.
    #[test]
    fn azures_details_are_read() {
        let shown = |body: &str| {
            let details = Refusal::of_body(body.as_bytes(), &str::to_owned).details;
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
    fn text_is_bounded_and_escaped() {
        let long = Refusal::of_body("x".repeat(1_000_000).as_bytes(), &str::to_owned);
        assert!(format!("{long:?}").len() < 1200);
        let refusal = Refusal::of_body(b"\n\xff\"", &str::to_owned);
        assert_eq!(
            (refusal.code, refusal.description.unwrap().to_string()),
            (None, r#"\xef\xbf\xbd\""#.into())
        );
    }
}
