//! Secrets and URLs in a text.
//!
//! The text is someone else's: an error of a library, a page of a proxy, a message of a service that quotes the request. It can hold
//! a secret in any encoding, and a URL anywhere.

use std::borrow::Cow;

use super::url::{split, url};

/// The minimum length of a secret that is masked, in characters.
#[cfg(feature = "token")]
const MIN_LENGTH: usize = 8;

/// `text` without `secrets`, and without the values in the queries of URLs.
#[cfg(feature = "token")]
pub(crate) fn redact<'s>(text: &str, secrets: impl IntoIterator<Item = &'s str>) -> String {
    let is_long = |it: &&str| it.chars().nth(MIN_LENGTH - 1).is_some();
    let mut secrets: Vec<String> = secrets.into_iter().filter(is_long).flat_map(forms).collect();
    // One can be a prefix of another.
    secrets.sort_unstable_by_key(|secret| std::cmp::Reverse(secret.len()));
    let hidden =
        secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "[hidden]"));
    urls(&hidden).into_owned()
}

/// A secret in plain text, form-encoded, percent-encoded, and escaped as in JSON.
///
/// A service may echo any of them. Percent-encoding comes with upper-case and lower-case digits.
#[cfg(feature = "token")]
fn forms(secret: &str) -> impl Iterator<Item = String> {
    let sent: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let percent = sent.replace('+', "%20");
    let lower = |text: &str| {
        let mut parts = text.split('%');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| {
            let (code, rest) = part.split_at_checked(2).unwrap_or((part, ""));
            format!("{text}%{}{rest}", code.to_ascii_lowercase())
        })
    };
    let json = serde_json::to_string(secret).unwrap_or_default();
    let json = json.trim_matches('"').to_owned();
    [secret.to_owned(), lower(&sent), lower(&percent), sent, percent, json].into_iter()
}

/// `text` with each URL masked by [`url`]. A word is a URL if it has a host after `//`, or a query after a path or with names
/// and values.
pub(crate) fn urls(text: &str) -> Cow<'_, str> {
    if !text.contains(['?', '@', '%']) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len());
    for piece in text.split_inclusive(ends_a_word) {
        let word = piece.trim_end_matches(ends_a_word);
        let url_part = word.trim_end_matches(['.', ',', ';', ':', '!', ')']);
        shown.push_str(&match encoded_url(url_part) {
            Some(encoded) => encoded.into(),
            None if is_url(url_part) => url(url_part),
            None => url_part.into(),
        });
        shown.extend(piece.get(url_part.len()..));
    }
    shown.into()
}

/// A URL that is percent-encoded as a whole, cut after its path.
///
/// As in the query of another URL, or in the log of a gateway.
fn encoded_url(word: &str) -> Option<String> {
    let lower = word.to_ascii_lowercase();
    let query = lower.find("%3a%2f%2f").and_then(|at| {
        let rest = lower.get(at..)?;
        rest.find("%3f")?.checked_add(at)?.checked_add(3)
    })?;
    Some(format!("{}...", word.get(..query)?))
}

/// A word of prose with a question mark is not one.
fn is_url(word: &str) -> bool {
    let (place, query) = split(word, '?');
    let query = query.unwrap_or_default();
    word.contains("//") || query.contains('=') || place.contains('/') && !query.is_empty()
}

/// What cannot be part of a URL in a text: white space, quotes and angle brackets.
fn ends_a_word(character: char) -> bool {
    character.is_whitespace() || "\"'`<>".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_found_in_text() {
        for (text, shown) in [
            ("Is it so? Yes.", "Is it so? Yes."),
            ("Yes/no? Try it?now", "Yes/no? Try it?now"),
            (
                "The URL a.example/b?s3cret is not absolute.",
                "The URL a.example/b?... is not absolute.",
            ),
            ("Is it //u:p/q@a.example?", "Is it //...@a.example?"),
            ("me@contoso.example wrote", "me@contoso.example wrote"),
            (
                "The URL https://a.example/b?code=s3cret, or /c?sig=x%2By; is not valid.",
                "The URL https://a.example/b?code=..., or /c?sig=...; is not valid.",
            ),
            (
                "<a href=\"https://a.example/?code=s3cret\">here</a>",
                "<a href=\"https://a.example/?code=...\">here</a>",
            ),
            ("`https://u:p@a.example`", "`https://...@a.example`"),
            ("'https://a.example/?s3cret'", "'https://a.example/?...'"),
            ("(see https://a.example/?a=b).", "(see https://a.example/?a=...)."),
            ("https://a.example/?v=1\\u0026code=s3cret", "https://a.example/?v=..."),
            (
                "at https%3A%2F%2Fa.example%2Fb%3Fcode%3Ds3cret.",
                "at https%3A%2F%2Fa.example%2Fb%3F....",
            ),
            ("x?a=b\ny?c=d", "x?a=...\ny?c=..."),
        ] {
            assert_eq!(urls(text), shown, "{text}");
        }
    }

    #[cfg(feature = "token")]
    #[test]
    fn secrets_of_eight_characters_are_redacted() {
        let hidden =
            |text| redact(text, ["s", "1234567", "s3cr3t-k", "s3cr3t-key", "ä2345678", ""]);
        for (text, shown) in [
            ("a secret of 1234567", "a secret of 1234567"),
            ("s3cr3t-key s3cr3t-k!", "[hidden] [hidden]!"),
            ("xs3cr3t-keys3cr3t-key", "x[hidden][hidden]"),
            ("ä2345678", "[hidden]"),
            ("ä2345678 is %C3%A42345678 and %c3%a42345678", "[hidden] is [hidden] and [hidden]"),
            ("/a?b=s3cr3t-key", "/a?b=..."),
        ] {
            assert_eq!(hidden(text), shown, "{text}");
        }
    }
}
