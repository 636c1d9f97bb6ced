//! The URLs of web hooks, judged before anything is sent.

use http::Uri;
use serde_json::Value;

use super::InvalidResource;
use crate::excerpt::Excerpt;
use crate::http_client::endpoint::is_host_and_port;
use crate::http_client::is_loopback;

/// Judges the URL of each web hook in a body, flat or not: that of a `PUT` or of a `PATCH`. A URL that is not said stays as
/// it is at the service.
///
/// # Errors
///
/// [`InvalidResource::WebHookUrl`], because Event Grid delivers to https only.
pub(super) fn check(
    body: &Value,
    danger_plain_http_on_loopback: bool,
) -> Result<(), InvalidResource> {
    let properties = body.get("properties").unwrap_or(body);
    let urls = URLS
        .iter()
        .filter_map(|pointer| properties.pointer(pointer)?.as_str());
    for url in urls {
        if !is_fit(url, danger_plain_http_on_loopback) {
            return Err(InvalidResource::WebHookUrl {
                found: without_secrets(url),
            });
        }
    }
    Ok(())
}

fn is_fit(url: &str, danger_plain_http_on_loopback: bool) -> bool {
    let Ok(uri) = url.parse::<Uri>() else {
        return false;
    };
    let authority = uri.authority().filter(|it| is_host_and_port(it));
    match (uri.scheme_str(), authority) {
        (Some("https"), Some(_)) => true,
        (Some("http"), Some(it)) => danger_plain_http_on_loopback && is_loopback(it.host()),
        _ => false,
    }
}

/// `url` without its user and its fragment, and without the values of its query.
fn without_secrets(url: &str) -> Excerpt {
    let url = url.split('#').next().unwrap_or_default();
    let (base, query) = url
        .split_once('?')
        .map_or((url, None), |(base, it)| (base, Some(it)));
    let (scheme, rest) = base
        .split_once("://")
        .map_or(("", base), |(it, rest)| (it, rest));
    let host = match rest
        .split_once('/')
        .map_or(rest, |(host, _)| host)
        .rsplit_once('@')
    {
        Some((user, _)) => rest.get(user.len()..).unwrap_or_default(),
        None => rest,
    };
    let separator = if scheme.is_empty() { "" } else { "://" };
    let mut shown = format!("{scheme}{separator}{host}");
    for (index, member) in query
        .into_iter()
        .flat_map(|query| query.split('&'))
        .enumerate()
    {
        shown.push(if index == 0 { '?' } else { '&' });
        // Without `=`, the member may be a secret as a whole.
        if let Some((name, _)) = member.split_once('=') {
            shown.push_str(name);
            shown.push('=');
        }
        shown.push_str("[hidden]");
    }
    Excerpt::of(shown)
}

/// Where the URL of a web hook is said.
const URLS: [&str; 3] = [
    "/deliveryWithResourceIdentity/destination/properties/endpointUrl",
    "/destination/properties/endpointUrl",
    "/partnerDestinationInfo/properties/endpointUrl",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_https_urls_and_their_twins() {
        for (url, is_safe, is_danger) in [
            ("https://contoso.example/hook?code=1", true, true),
            ("HTTPS://contoso.example", true, true),
            ("https://contoso.example:8443/", true, true),
            ("https://[2001:db8::1]/hook", true, true),
            ("http://127.0.0.1:1234/hook", false, true),
            ("http://localhost/hook", false, true),
            ("http://[::1]/hook", false, true),
            ("http://contoso.example/hook", false, false),
            ("http://127.0.0.1.example/hook", false, false),
            ("www.contoso.example", false, false),
            ("contoso.example:443", false, false),
            ("//contoso.example/hook", false, false),
            ("/hook", false, false),
            ("https:///hook", false, false),
            ("https:contoso.example", false, false),
            ("https://contoso.example:0/hook", false, false),
            ("https://contoso example/hook", false, false),
            (" https://contoso.example/hook", false, false),
            ("https://user:password@contoso.example/hook", false, false),
            ("ftp://contoso.example/hook", false, false),
            ("", false, false),
        ] {
            assert_eq!(is_fit(url, false), is_safe, "{url}");
            assert_eq!(is_fit(url, true), is_danger, "{url}");
        }
    }

    #[test]
    fn no_secret_is_shown() {
        for (url, shown) in [
            ("www.contoso.example", "www.contoso.example"),
            ("", ""),
            (
                "http://contoso.example/a?code=s3cret&v=1#s3cret",
                "http://contoso.example/a?code=[hidden]&v=[hidden]",
            ),
            ("contoso.example?s3cret", "contoso.example?[hidden]"),
            (
                "https://user:s3cret@contoso.example/a",
                "https://@contoso.example/a",
            ),
            ("user:s3@cret@contoso.example", "@contoso.example"),
            ("http://contoso.example/a@b", "http://contoso.example/a@b"),
        ] {
            assert_eq!(without_secrets(url).to_string(), shown, "{url}");
        }
    }
}
