//! Masks secrets in text for people: one rule for all messages, plans and logs.
//!
//! A known secret is masked everywhere if it has at least eight characters: a shorter one protects nothing, and masking it would
//! tear words apart. The query values and the user of a URL are always masked, because callback URLs often hold a key.

#[cfg(any(feature = "event-grid", feature = "registration"))]
mod query;
#[cfg(any(feature = "token", feature = "verify"))]
pub(crate) mod text;

use std::borrow::Cow;

#[cfg(any(feature = "event-grid", feature = "registration"))]
pub(crate) use query::query_secrets;

/// `text`, a URL, with `...` in place of its query values, its user and its fragment. Names in the query stay.
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

/// A query member without its value. A member without a name may be a value.
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
        Some((_, host)) => format!("{scheme}...@{host}{path}"),
        None => place.to_owned(),
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
    fn a_url_keeps_the_names_of_its_query() {
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
            ("a@b", "...@b"),
            ("?=s3cret", "?=..."),
            ("", ""),
        ] {
            assert_eq!(url(text), shown, "{text}");
        }
    }
}
