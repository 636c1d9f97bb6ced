//! URLs without their secrets.
//!
//! The text is cut up by its delimiters and not parsed, because a URL that no parser accepts is the one that gets into an error.
//! In doubt more is masked.

use std::borrow::Cow;

/// `text`, a URL, with `...` in place of its query values, its user and its fragment. Names in the query stay.
///
/// A malformed URL can have `/`, `?` or `#` in its password: everything before the last `@` counts as the user.
pub(crate) fn url(text: &str) -> Cow<'_, str> {
    if !text.contains(['?', '@', '#']) {
        return text.into();
    }
    let (sent, fragment) = split(text, '#');
    let (place, query) = split(sent, '?');
    let (scheme, location) = split_scheme(place);
    let mut shown = match location.rsplit_once('@') {
        Some((_, location)) => format!("{scheme}...@{location}"),
        None if text.contains('@') && !is_host(location) => return format!("{scheme}...").into(),
        None => place.to_owned(),
    };
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
    match named(member) {
        _ if member.is_empty() => member.into(),
        Some((name, _)) => format!("{name}=...").into(),
        None => "...".into(),
    }
}

/// Name and value of a member of a query. A `=` at its end is the padding of a base64 value without a name.
pub(super) fn named(member: &str) -> Option<(&str, &str)> {
    member.split_once('=').filter(|(_, value)| value.bytes().any(|byte| byte != b'='))
}

/// A scheme with its `//`, and the rest.
fn split_scheme(place: &str) -> (&str, &str) {
    let start = place.find("//").map_or(0, |at| at.saturating_add(2));
    place.split_at_checked(start).unwrap_or(("", place))
}

/// Whether `location` begins with a host and perhaps a port, and not with a user and a password.
fn is_host(location: &str) -> bool {
    let authority = split(location, '/').0;
    let port = split(authority, ':').1.unwrap_or_default();
    port.bytes().all(|byte| byte.is_ascii_digit())
}

/// Before and after the first `at`.
pub(super) fn split(text: &str, at: char) -> (&str, Option<&str>) {
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
            ("https://a.example/b?code=s3cret", "https://a.example/b?code=..."),
            (
                "https://a.example/b?api-version=1&sig=s&flag=&bare",
                "https://a.example/b?api-version=...&sig=...&...&...",
            ),
            ("https://a.example/?s3cret", "https://a.example/?..."),
            ("https://a.example/?czNjcmU=", "https://a.example/?..."),
            ("https://a.example/?czNjcg==", "https://a.example/?..."),
            ("https://a.example/?k=czNjcg==", "https://a.example/?k=..."),
            ("https://a.example/?", "https://a.example/?"),
            ("https://a.example/#s3cret", "https://a.example/#..."),
            ("https://a.example/?a=b#c?d=e", "https://a.example/?a=...#..."),
            ("https://user:pass@a.example/b", "https://...@a.example/b"),
            ("https://a.example/@b", "https://...@b"),
            ("https://user:s3/cret@a.example/b", "https://...@a.example/b"),
            ("https://user:7/s3@cr/et@a.example", "https://...@a.example"),
            ("https://user:s3?cret=@a.example/b", "https://..."),
            ("https://user:s3#cret@a.example/b", "https://..."),
            ("user:s3cret@a.example/b", "...@a.example/b"),
            ("user:s3?cret@a.example/b", "..."),
            ("https://a.example:443/?u=b@c", "https://a.example:443/?u=..."),
            ("a.example/b?s3cret", "a.example/b?..."),
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
