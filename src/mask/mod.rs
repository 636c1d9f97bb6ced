//! Masks secrets in messages, plans and logs, by one rule.
//!
//! A known secret of eight characters or more is masked everywhere. A shorter one protects nothing, and its mask would break
//! words. The user and the query values of a URL are always masked, because callback URLs often contain a key.

#[cfg(any(feature = "token", feature = "verify"))]
pub(crate) mod text;

use std::borrow::Cow;

/// `text`, a URL, with the names of its query's members and without their values, its user and its fragment.
///
/// What is hidden is shown as `...`.
pub(crate) fn url(text: &str) -> Cow<'_, str> {
    if !text.contains(['?', '@', '#']) {
        return text.into();
    }
    let (sent, fragment) = split(text, '#');
    let (place, query) = split(sent, '?');
    let mut shown = without_user(place);
    if let Some(query) = query {
        let members: Vec<Cow<'_, str>> = query.split('&').map(member).collect();
        shown.push('?');
        shown.push_str(&members.join("&"));
    }
    if let Some(fragment) = fragment {
        shown.push_str(if fragment.is_empty() { "#" } else { "#..." });
    }
    shown.into()
}

/// A member of a query without its value. One without a name may be nothing but a value.
fn member(member: &str) -> Cow<'_, str> {
    match member.split_once('=') {
        _ if member.is_empty() => member.into(),
        Some((_, "")) => member.into(),
        Some((name, _)) => format!("{name}=...").into(),
        None => "...".into(),
    }
}

fn without_user(place: &str) -> String {
    let start = place.find("//").map_or(0, |at| at.saturating_add(2));
    let (scheme, rest) = place.split_at_checked(start).unwrap_or(("", place));
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at_checked(at).unwrap_or((rest, "")),
        None => (rest, ""),
    };
    match authority.rsplit_once('@') {
        Some((_, host)) if !scheme.is_empty() => format!("{scheme}...@{host}{path}"),
        _ => place.to_owned(),
    }
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_with_the_names_of_its_query() {
        for (text, shown) in [
            ("https://a.example/b", "https://a.example/b"),
            (
                "https://a.example/b?code=s3cret",
                "https://a.example/b?code=...",
            ),
            (
                "https://a.example/b?api-version=1&sig=s&flag=&bare",
                "https://a.example/b?api-version=...&sig=...&flag=&...",
            ),
            ("https://a.example/?s3cret", "https://a.example/?..."),
            ("https://a.example/?", "https://a.example/?"),
            ("https://a.example/#s3cret", "https://a.example/#..."),
            (
                "https://a.example/?a=b#c?d=e",
                "https://a.example/?a=...#...",
            ),
            ("https://user:pass@a.example/@b", "https://...@a.example/@b"),
            ("https://u@v@a.example", "https://...@a.example"),
            ("https://a.example/?u=b@c", "https://a.example/?u=..."),
            ("//user@a.example/", "//...@a.example/"),
            ("/path?code=s3cret", "/path?code=..."),
            ("a@b", "a@b"),
            ("?=s3cret", "?=..."),
            ("", ""),
        ] {
            assert_eq!(url(text), shown, "{text}");
        }
    }
}
